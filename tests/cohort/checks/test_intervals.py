"""Ages and times against their dates: worked by hand, with the roundings people use."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.cohort.checks.intervals import check_intervals
from tests.cohort.checks.cohorts import cohort, told

# Born 2015-01-11: six years (2192 days with two leap days; 6.001 years of 365.25) before the first dose.
BORN, DIAGNOSED, DOSE = "2015-01-11", "2020-07-12", "2021-01-11"
RELAPSE = "2021-07-12"  # 182 days later: 182 / 30.4375 = 5.98 months
LAST = "2022-01-11"  # 365 days later: 11.99 months


def found(n=3, **columns):
    """Findings where every row has these dates; single values are repeated."""
    dates = {"birth_date": BORN, "diagnosis_date": DIAGNOSED, "first_dose_date": DOSE, "last_contact_date": LAST}
    filled = {name: [value] * n for name, value in dates.items()}
    return list(check_intervals(cohort(**filled | columns)))


def test_nothing_to_compare():
    assert list(check_intervals(cohort(age=[6.0]))) == []
    assert list(check_intervals(cohort(age=[6.0], birth_date=[BORN]))) == []
    assert found() == []


@pytest.mark.parametrize(
    ("ages", "rows"),
    [
        ([6.0, 6.1, 5.95], ()),
        ([6.0, 6.11, 60.1], (3, 4)),
        ([6.0, 5.0, 6.0], ()),  # completed years, or the age at diagnosis
        ([6.0, 4.0, 8.0], (3, 4)),
        ([5.5, 5.5, 5.55], ()),  # at diagnosis: 2009 days, 5.50 years
        ([5.5, 5.5, 6.0], (4,)),
        ([np.nan, 6.0, 6.0], ()),
    ],
)
def test_age(ages, rows):
    assert told(found(age=ages)) == ([("age_against_dates", "warning", rows)] if rows else [])


@pytest.mark.parametrize(
    ("times", "rows"),
    [
        ([11.99, 12.0, 11.9], ()),
        ([11.99, 12.3, 6.5], (3, 4)),
        ([12.0, 12.0, 11.0], ()),  # whole months
        ([12.0, 12.0, 10.0], (4,)),
        ([12.17, 12.17, 12.17], ()),  # months of 30 days
    ],
)
def test_overall_survival(times, rows):
    assert told(found(os_time=times)) == ([("time_against_dates", "warning", rows)] if rows else [])


def test_the_dead_are_held_to_their_death():
    died = {"death_date": ["2021-07-12", None, None], "os_event": [1.0, 0.0, 1.0]}
    assert found(os_time=[5.98, 11.99, 11.99], **died) == []
    assert told(found(os_time=[11.99, 11.99, 11.99], **died)) == [("time_against_dates", "warning", (2,))]
    # Without dates of death only the living can be compared.
    assert found(os_time=[5.98, 11.99, 3.3], os_event=[1.0, 0.0, 1.0]) == []


@pytest.mark.parametrize("name", ["relapse", "second_cancer", "hsct", "cart"])
def test_times_of_events(name):
    dates = {f"{name}_date": [RELAPSE, RELAPSE, None]}
    assert found(**{f"{name}_time": [5.98, 6.0, 3.3]}, **dates) == []
    (finding,) = found(**{f"{name}_time": [5.98, 8.3, 3.3]}, **dates)
    assert (finding.rows, finding.columns) == ((3,), (f"{name}_time", f"{name}_date", "first_dose_date"))


def test_first_events():
    events = {
        "efs_event": ["relapse", "no_response", "none"],
        "relapse_date": [RELAPSE, RELAPSE, None],
        "response_date": ["2021-02-08"] * 3,  # day 28: 0.92 months
    }
    assert found(efs_time=[5.98, 0.92, 3.3], **events) == []
    assert told(found(efs_time=[5.98, 5.98, 3.3], **events)) == [("time_against_dates", "warning", (3,))]


def test_a_clock_that_starts_at_diagnosis_is_named_once():
    # 548 days from diagnosis to last contact: 18.00 months.
    (finding,) = found(os_time=[18.0, 18.05, 17.95])
    assert (finding.code, finding.level) == ("clock_from_diagnosis", "note")
    assert "clock_starts" in finding.remedy


def test_entry_time():
    # 183 days: 6.01 months.
    assert found(entry_time=[6.01, 6.05, 6.0]) == []
    assert told(found(entry_time=[6.01, 60.1, 6.0])) == [("time_against_dates", "warning", (3,))]


def test_days_of_a_course_and_times_of_a_patient():
    several = cohort(
        patient_id=["a", "a"],
        cycle_index=[1.0, 2.0],
        first_dose_date=[DOSE, "2021-03-01"],
        response_date=["2021-02-08", "2021-03-29"],
        response_day=[28.0, 28.0],
        last_contact_date=[LAST, LAST],
        os_time=[11.99, 11.99],
    )
    assert list(check_intervals(several)) == []
    several.frame.loc[1, "response_day"] = 77.0  # counted from the first course
    assert told(check_intervals(several)) == [("time_against_dates", "warning", (3,))]


def test_no_message_shows_a_date():
    said = "".join(map(str, found(age=[1.5, 9.5, 3.5], os_time=[1.1, 2.2, 3.3])))
    assert "2021" not in said
    assert "2015" not in said
