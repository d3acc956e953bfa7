"""Outcomes: who counts, with which y, and every row that does not count is counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.cohort.cohort import Cohort, read_cohort
from riskml.cohort.outcomes import build_target
from riskml.errors import DataError, NotEstimableError, UsageError
from riskml.resources import folder
from riskml.runtime.dictionary import load_dictionary


@pytest.fixture
def cohort(tmp_path):
    def from_text(text) -> Cohort:
        path = tmp_path / "cohort.csv"
        path.write_text(text, encoding="utf-8")
        return read_cohort(path)

    return from_text


RESPONSE = """patient_id,cycle_index,disease_status_at_start,response
a,2,R/R,response
a,1,R/R,no_response
b,1,CR-MRDpos,response
c,1,CR-MRDneg,response
d,1,,response
e,1,R/R,NE
f,1,R/R,
g,3,CR-MRDpos,NR
"""


def test_non_response_by_hand(cohort):
    target = build_target(cohort(RESPONSE), "non_response")
    assert (target.name, target.kind, target.time) == ("non_response", "binary", None)
    assert target.rows.tolist() == [1, 2, 7]
    assert target.event.tolist() == [True, False, True]
    assert target.patient.tolist() == [0, 1, 6]
    assert target.groups is target.patient
    assert (target.n_events, target.n_patients) == (2, 3)
    assert target.flow == (
        ("not the patient's first course", 1),
        ("disease_status_at_start not known", 1),
        ("disease_status_at_start not one of R/R, CR-MRDpos", 1),
        ("outcome not known", 1),
        ("outcome not evaluable", 1),
    )


def test_icans_counts_courses_and_keeps_patients_together(cohort):
    text = "patient_id,cycle_index,icans_grade\na,1,0\na,2,1\nb,1,3\nb,2,\nc,1,0\n"
    target = build_target(cohort(text), "icans")
    assert target.rows.tolist() == [0, 1, 2, 4]
    assert target.event.tolist() == [False, True, True, False]
    assert target.groups.tolist() == [0, 0, 1, 2]
    assert target.n_patients == 3


def test_the_first_course_is_the_smallest_cycle_then_the_first_row(cohort):
    text = "patient_id,cycle_index,icans_grade\na,,3\na,2,0\nb,,1\nb,,0\nc,2,0\nc,1,2\n"
    outcome = {"name": "x", "kind": "binary", "rows": "patient", "column": "icans_grade", "min_grade": 1}
    assert build_target(cohort(text), outcome).rows.tolist() == [1, 2, 5]


def test_without_a_cycle_the_first_row_is_the_first_course(cohort):
    target = build_target(cohort("patient_id,efs_months,efs_event\na,3,relapse\na,9,none\nb,6,none\n"), "efs")
    assert target.rows.tolist() == [0, 2]
    assert target.time.tolist() == [3.0, 6.0]
    assert target.event.tolist() == [True, False]


def test_the_landmark_moves_the_clock(cohort):
    # Day 29 of induction is 28 days after its first day; 28 days are 0.9199 months of 30.4375 days.
    text = "efs_days,efs_event\n20,death\n28,none\n10,none\n29,relapse\n393.25,none\n"
    target = build_target(cohort(text), "efs_from_end_of_induction")
    assert target.rows.tolist() == [3, 4]
    assert target.time == pytest.approx([1 / 30.4375, 12.0])
    assert target.event.tolist() == [True, False]
    assert target.flow[-2:] == (("event by day 28", 1), ("last contact by day 28", 2))


def test_an_event_found_by_the_landmark_itself_counts_as_half_a_day_unless_excluded(cohort):
    rows = cohort("efs_days,efs_event\n28,no_response\n393.25,none\n")
    target = build_target(rows, "efs_from_end_of_induction")
    assert target.time == pytest.approx([0.5 / 30.4375, 12.0])
    outcome = {**load_dictionary().outcomes["efs_from_end_of_induction"], "events_at_landmark": "exclude"}
    text = "efs_days,efs_event\n28,no_response\n60,relapse\n"
    assert build_target(cohort(text), outcome).flow[-2] == ("event by day 28", 1)
    with pytest.raises(UsageError, match="events_at_landmark must be count or exclude"):
        build_target(rows, {**outcome, "events_at_landmark": "drop"})


def test_time_zero(cohort):
    target = build_target(cohort("efs_time,efs_event\n0,none\n5,relapse\n"), "efs")
    assert target.rows.tolist() == [1]
    assert target.flow[-1] == ("no follow-up", 1)
    with pytest.raises(DataError, match="events at time 0") as refused:
        build_target(cohort("efs_time,efs_event\n5,relapse\n0,death\n0,relapse\n"), "efs")
    assert [fault.row for fault in refused.value.faults] == [3, 4]
    assert "an event must come after the clock starts; 2 times (rows 3, 4)" in str(refused.value)


def test_survival_needs_both_time_and_event(cohort):
    target = build_target(cohort("efs_time,efs_event\n,relapse\n5,\n5,relapse\n6,any\n"), "efs")
    assert target.rows.tolist() == [2, 3]
    assert ("outcome not known", 2) in target.flow


def test_every_survival_time_may_end_in_an_event(cohort):
    assert build_target(cohort("efs_time,efs_event\n5,relapse\n6,any\n"), "efs").n_events == 2


def test_own_event_set(cohort):
    outcome = {"kind": "survival", "rows": "patient", "column": "efs_event", "time": "efs_time"}
    text = cohort("efs_time,efs_event\n5,relapse\n6,death\n")
    assert build_target(text, {**outcome, "event_levels": ["relapse"]}).event.tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("icans_grade\n0\n0\n", r"icans needs rows with the event; has 0 of 2; if there should be some"),
        ("icans_grade\n1\n2\n", r"icans needs rows without the event; has 0 of 2; if there should be some"),
        ("icans_grade,age\n,1\n,2\n", r"icans: none of 2 rows can be used \(left out: 2 outcome not known\)"),
        ("icans_grade,age\n,1\n0,2\n", r"has 0 of 1 \(left out: 1 outcome not known\)"),
    ],
)
def test_what_is_not_estimable_says_what_is_missing(cohort, text, says):
    with pytest.raises(NotEstimableError, match=says):
        build_target(cohort(text), "icans")


def test_missing_columns_are_named_all_at_once(cohort):
    with pytest.raises(DataError, match=r"cohort\.csv does not hold the outcome non_response") as refused:
        build_target(cohort("age,crs_grade\n6,1\n"), "non_response")
    assert [fault.column for fault in refused.value.faults] == ["response", "disease_status_at_start"]
    assert "add it, or map it in a --columns file (the nearest column present is " in str(refused.value)


def test_unknown_outcomes_get_the_nearest_name(cohort):
    with pytest.raises(UsageError, match=r"there is no outcome 'non_respnse': did you mean non_response\?"):
        build_target(cohort("age\n6\n"), "non_respnse")


GOOD = {"kind": "binary", "rows": "course", "column": "response", "event_levels": ["no_response"]}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "count"}, "kind must be binary or survival"),
        ({"rows": "all"}, "rows must be patient or course"),
        ({"min_grade": 1}, "give either min_grade or event_levels"),
        ({"event_levels": ["cured"]}, "event_levels holds cured, which response does not have"),
        ({"excluded_levels": ["x"]}, "excluded_levels holds x, which response does not have"),
        ({"eligible": {"sex": ["other"]}}, "eligible.sex holds other, which sex does not have"),
        ({"eligible": {"sexx": ["male"]}}, r"'sexx' is not in the dictionary \(the nearest name is sex\)"),
        ({"column": "respons"}, r"'respons' is not in the dictionary \(the nearest name is response\)"),
        ({"kind": "survival"}, "time must name the column of the time"),
        ({"landmark_days": -1}, "landmark_days must be a number of days, 0 or more"),
        ({"landmark_days": float("nan")}, "landmark_days must be a number of days, 0 or more"),
    ],
)
def test_a_contradictory_outcome_is_a_usage_error(cohort, changes, says):
    with pytest.raises(UsageError, match=says):
        build_target(cohort("age\n6\n"), {**GOOD, **changes})


def test_all_contradictions_come_at_once(cohort):
    with pytest.raises(UsageError, match=r"kind must be .*; rows must be .*; give either .*; column must name"):
        build_target(cohort("age\n6\n"), {})
    with pytest.raises(UsageError, match="min_grade needs a column of numbers, which response is not"):
        build_target(cohort("age\n6\n"), {"kind": "binary", "rows": "course", "column": "response", "min_grade": 1})


ROWS = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from(["none", "relapse", "death", ""]),
        st.sampled_from(["", "1", "20", "60"]),
    ),
    min_size=1,
    max_size=12,
)


@given(ROWS)
@settings(deadline=None, max_examples=150)
def test_every_row_is_used_or_counted(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    path.write_text("id,efs_event,efs_days\n" + "".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    cohort = read_cohort(path)
    try:
        target = build_target(cohort, "efs_from_end_of_induction")
    except NotEstimableError:
        return
    assert len(target.rows) + sum(count for _, count in target.flow) == cohort.n_courses
    assert (target.time > 0).all()
    assert len(set(target.patient.tolist())) == len(target.patient)
    assert (target.rows[1:] > target.rows[:-1]).all()


@pytest.mark.data
def test_aall0232_from_day_29(data_file):
    columns = folder("models") / "induction_efs" / "columns" / "aall0232.toml"
    cohort = read_cohort(data_file("target_aall0232/aall0232.csv"), columns)
    whole = build_target(cohort, "efs")
    assert (len(whole.rows), whole.n_events) == (667, 196)
    target = build_target(cohort, "efs_from_end_of_induction")
    # Ten stand on day 28 of the file, nine of them with induction failure; one failed on day 20.
    assert target.flow[-2:] == (("event by day 28", 1), ("last contact by day 28", 1))
    assert (target.n_patients, target.n_events) == (665, 195)
    days = target.time * 30.4375 + 28
    assert days == pytest.approx(np.maximum(cohort.frame["efs_time"].to_numpy()[target.rows] * 30.4375, 28.5))
