"""Dates that cannot be true together, each in the smallest cohort that shows it."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.cohort.checks.dates import check_dates, days_of_dates, first_doses
from riskml.cohort.checks.run import run_checks
from riskml.cohort.cohort import cohort_from_table
from riskml.cohort.column_map import ColumnMap
from riskml.cohort.raw_table import Source
from riskml.cohort.read import read_text
from riskml.errors import DataError
from tests.cohort.checks.cohorts import cohort, told

SOUND = {
    "birth_date": "2012-05-01",
    "diagnosis_date": "2019-02-01",
    "first_dose_date": "2021-01-11",
    "response_date": "2021-02-08",
    "relapse_date": "2021-11-01",
    "second_cancer_date": None,
    "hsct_date": "2021-04-01",
    "cart_date": None,
    "death_date": "2022-03-01",
    "last_contact_date": "2022-03-01",
}


def one(**dates):
    """Findings in a cohort whose second row is sound but for these dates."""
    return list(check_dates(cohort(**{name: [SOUND[name], dates.get(name, SOUND[name])] for name in SOUND})))


def test_a_sound_course_has_no_finding():
    assert one() == []
    assert list(check_dates(cohort(age=[1.0]))) == []


def test_unknown_dates_contradict_nothing():
    assert one(**dict.fromkeys(SOUND)) == []


@pytest.mark.parametrize(
    ("dates", "columns"),
    [
        ({"diagnosis_date": "2012-04-30"}, {("diagnosis_date", "birth_date")}),
        ({"birth_date": "2021-01-12", "diagnosis_date": None}, {("first_dose_date", "birth_date")}),
        ({"diagnosis_date": "2021-01-12"}, {("first_dose_date", "diagnosis_date")}),
        ({"last_contact_date": "2022-03-02"}, {("death_date", "last_contact_date")}),
        ({"relapse_date": "2022-03-02"}, {("relapse_date", "death_date", "last_contact_date")}),
        (
            {"relapse_date": "2022-01-02", "death_date": None, "last_contact_date": "2022-01-01"},
            {("relapse_date", "death_date", "last_contact_date")},
        ),
        ({"cart_date": "2022-04-01"}, {("cart_date", "death_date", "last_contact_date")}),
        ({"birth_date": "2012-05-01", "diagnosis_date": "2012-05-01"}, set()),  # an infant's first day
        ({"relapse_date": "2022-03-01"}, set()),
    ],
)
def test_out_of_order(dates, columns):
    found = one(**dates)
    assert {f.columns for f in found if f.code == "dates_out_of_order"} == columns
    assert all(f.rows == (3,) and f.level == "error" for f in found)


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("response_date", "error"),
        ("relapse_date", "error"),
        ("second_cancer_date", "error"),
        ("hsct_date", "warning"),
        ("cart_date", "warning"),
    ],
)
def test_an_outcome_before_the_exposure(name, level):
    (finding,) = one(**{name: "2021-01-10"})
    assert told([finding]) == [("outcome_before_exposure", level, (3,))]
    assert finding.columns == (name, "first_dose_date")
    assert one(**{name: "2021-01-11"}) == []


def test_a_transplant_before_the_diagnosis_cannot_be():
    found = one(hsct_date="2019-01-31")
    assert {f.code for f in found} == {"dates_out_of_order", "outcome_before_exposure"}


def test_courses_begin_in_the_order_of_their_numbers():
    several = cohort(
        patient_id=["a", "a", "a", "b", "b"],
        cycle_index=[1.0, 2.0, 3.0, 2.0, 1.0],
        first_dose_date=["2021-01-11", "2021-03-01", "2021-02-01", "2021-06-01", "2021-05-01"],
        relapse_date=[None, None, "2021-01-20", None, "2021-05-02"],
    )
    assert told(check_dates(several)) == [("dates_out_of_order", "error", (4,))]
    assert first_doses(several, days_of_dates(several)).tolist()[:3] == [18638.0] * 3  # 51 years of 365 days, 13 leap


def test_the_file_cannot_know_the_future():
    last = [f"2022-{month:02d}-15" for month in range(1, 13)]
    slip = [*last[:-1], "2032-12-15"]
    (finding,) = check_dates(cohort(last_contact_date=slip))
    assert told([finding]) == [("date_in_future", "warning", (13,))]
    assert list(check_dates(cohort(last_contact_date=last))) == []
    # One survivor who was followed for three years more is no slip.
    assert list(check_dates(cohort(last_contact_date=[*last[:-1], "2025-12-15"]))) == []


def test_an_event_after_the_newest_last_contact_where_the_row_has_none():
    last = [f"2022-{month:02d}-15" for month in range(1, 13)]
    found = list(check_dates(cohort(last_contact_date=[*last, None], relapse_date=[*[None] * 12, "2023-01-01"])))
    assert [(f.code, f.columns, f.rows) for f in found] == [("date_in_future", ("relapse_date",), (14,))]


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("relapse_date", "relapse"),
        ("second_cancer_date", "second_cancer"),
        ("hsct_date", "hsct"),
        ("cart_date", "cart"),
        ("death_date", "os_event"),
    ],
)
def test_a_date_of_what_did_not_happen(name, event):
    dated = cohort(**{name: ["2021-05-01", "2021-05-01", None, "2021-05-01"], event: [1.0, 0.0, 0.0, np.nan]})
    assert told(check_dates(dated)) == [("date_without_event", "warning", (3,))]


def test_what_belongs_to_the_patient_does_not_change():
    several = cohort(patient_id=["a", "a"], cycle_index=[1.0, 2.0], birth_date=["2012-05-01", "2012-06-01"])
    assert [(f.code, f.columns) for f in run_checks(several) if f.code == "patient_differs"] == [
        ("patient_differs", ("birth_date",))
    ]


def test_baseline_dates_are_no_candidates_for_leaks_and_never_quoted():
    grade = [1.0] * 20 + [0.0] * 20
    dated = cohort(diagnosis_date=["2019-02-01"] * 20 + ["2020-02-01"] * 20, icans_grade=grade, age=[*range(40)])
    found = run_checks(dated, outcome="icans")
    assert any(f.columns == ("age",) and f.code == "separates_outcome" for f in found), "the outcome was made"
    assert not any("2019" in str(f) or "2020" in str(f) for f in found)
    assert not any("diagnosis_date" in f.columns for f in found if f.level != "note")


def read(text, columns=None):
    mapped = ColumnMap.from_dict({"columns": columns}) if columns else None
    return cohort_from_table(read_text(Source(text.encode(), "c.csv", ".csv")), mapped)


def test_dates_are_read_from_a_file_by_the_declared_order():
    text = "age,born\n3,03/04/2018\n4,NA\n"
    ordered = read(text, {"born": {"name": "birth_date", "date_order": "dmy"}})
    assert ordered.frame["birth_date"].dtype == "datetime64[s]"
    assert str(ordered.frame["birth_date"][0])[:10] == "2018-04-03"
    assert ordered.frame["birth_date"].isna().tolist() == [False, True]


def test_an_ambiguous_date_is_refused_by_row_and_not_shown():
    with pytest.raises(DataError) as refused:
        read("age,date_of_birth\n3,2018-04-03\n4,03/04/2018\n5,05/06/2017\n")
    said = str(refused.value)
    assert "2 times (rows 3, 4)" in said
    assert 'date_order = "dmy" or "mdy"' in said
    assert "03/04" not in said
    assert "2018" not in said
