"""Tables of one outcome: cells against counts by hand, and no small count behind what is shared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.training.describe.estimates import HIDDEN, Outcome, compare, curve_sets, estimates, outcome_table
from riskml.training.describe.group_tests import p_text
from riskml.training.describe.grouping import Grouping
from riskml.training.describe.observed import Observed
from riskml.training.describe.table import NOT_SHOWN
from riskml.training.metrics.gray import gray_test
from riskml.training.metrics.log_rank import log_rank
from tests.training.describe.follow_up_cases import cell, value

LEVELS = ("a", "b", "not known")


def outcome(time, cause, code, *, months=(12.0, 6.0), kind="survival", levels=LEVELS):
    observed = Observed(np.array(time, dtype=float), np.array(cause), None, kind)
    group = Grouping("Group", levels, np.array(code, dtype=np.intp))
    return Outcome("efs", "Event-free survival", "event-free", observed, {"class": group}, months, ("Said.",))


def two_groups():
    """a: 20 patients, 6 events by month 6 and 5 more by 12; b: 20 patients, 2 events; all others followed to 24."""
    time = [3] * 6 + [9] * 5 + [24] * 9 + [4, 8] + [24] * 18
    cause = [1] * 11 + [0] * 9 + [1, 1] + [0] * 18
    return outcome(time, cause, [0] * 20 + [1] * 20)


def test_cells_of_the_teams_table():
    table = outcome_table(two_groups(), internal=True)
    assert table.columns == ("Patients", "Events", "6 months", "12 months", "Follow-up, months", "Log-rank P")
    assert [row.label for row in table.rows] == ["All", "Group", "a", "b"]
    assert (cell(table, "All", "Patients"), cell(table, "All", "Events")) == ("40", "13")
    assert cell(table, "a", "6 months", "Group").startswith("70.0 % ± 10.2 % (")  # sqrt(.7 x .3 / 20) = .1025
    assert cell(table, "b", "12 months", "Group").startswith("90.0 % ± 6.7 % (")
    assert cell(table, "a", "Follow-up, months", "Group") == "24.0 (24.0 to 24.0)"
    assert value(table, level="a", month=12.0)["value"] == pytest.approx(9 / 20)
    test = value(table, test="log-rank")
    shown = two_groups()
    found = log_rank(shown.observed.time, shown.observed.event, shown.groups["class"].code)
    assert test["p_value"] == pytest.approx(found.p_value)
    assert test["group"] == "Group"
    assert table.notes[0] == "Said."
    assert "One row a patient" in table.notes[1]
    assert HIDDEN not in table.notes


def test_a_small_count_of_events_hides_the_other_group_and_every_estimate_that_tells_it():
    table = outcome_table(two_groups(), internal=False)
    assert cell(table, "b", "Events", "Group") == "<5"
    assert cell(table, "a", "Events", "Group") == "5 or more"  # 13 - 11 would tell
    assert cell(table, "All", "Events") == "13"
    assert cell(table, "b", "12 months", "Group") == NOT_SHOWN
    assert cell(table, "a", "12 months", "Group") == NOT_SHOWN
    assert cell(table, "All", "12 months").startswith("67.5 %")
    assert HIDDEN in table.notes
    assert not [entry for entry in table.values if entry.get("level") in {"a", "b"}]


def test_the_first_of_two_months_that_tell_a_small_count_is_kept():
    # 8 events by month 6 and 3 more by 12: together they would tell the three
    time, cause = [3] * 8 + [9] * 3 + [24] * 20, [1] * 11 + [0] * 20
    for months, kept, hidden in (((12.0, 6.0), "12 months", "6 months"), ((6.0, 12.0), "6 months", "12 months")):
        table = outcome_table(outcome(time, cause, [0] * 31, months=months, levels=("a",)), internal=False)
        assert hidden not in table.columns, "no column of what is not shown"
        assert any(f"at {hidden}" in note for note in table.notes)
        assert cell(table, "All", kept) != NOT_SHOWN
    assert cell(table, "All", "Events") == "5 or more"  # 8 by month 6 are told, so 11 would tell 3


def test_groups_of_fewer_than_five_patients_are_hidden():
    shown = outcome([10.0] * 24, [0] * 24, [0] * 21 + [1] * 3)
    table = outcome_table(shown, internal=False)
    assert cell(table, "b", "Patients", "Group") == "<5"
    assert cell(table, "a", "Patients", "Group") == "5 or more"
    assert cell(table, "b", "6 months", "Group") == NOT_SHOWN
    assert cell(table, "b", "Follow-up, months", "Group") == NOT_SHOWN
    assert [one.name for one in curve_sets(shown, internal=False)] == ["efs"]
    assert [one.name for one in curve_sets(shown, internal=True)] == ["efs", "efs_by_class"]


def test_unknown_groups_are_shown_and_not_compared():
    shown = outcome([1, 2, 3, 4, 5, 6], [1, 0, 1, 1, 0, 1], [0, 0, 1, 1, 2, 2])
    expected = log_rank(np.arange(1.0, 5), np.array([True, False, True, True]), np.array([0, 0, 1, 1]))
    assert compare(shown, "class").statistic == pytest.approx(expected.statistic)
    assert cell(outcome_table(shown, internal=True), "not known", "Patients", "Group") == "2"
    assert compare(outcome([1, 2, 3], [1, 1, 1], [0, 2, 2]), "class") is None


def test_curves_of_groups_carry_their_test_and_say_who_is_not_drawn():
    time = [3] * 10 + [24] * 10 + [5] * 6 + [24] * 14 + [2] * 2 + [24] * 18
    cause = [1] * 10 + [0] * 10 + [1] * 6 + [0] * 14 + [1] * 2 + [0] * 18
    shown = outcome(time, cause, [0] * 20 + [1] * 20 + [2] * 20, levels=("a", "b", "c"))
    everything = curve_sets(shown, internal=True)[1]
    assert [curve.label for curve in everything.curves] == ["a", "b", "c"]
    assert everything.notes[0].startswith("Log-rank P 0.0")
    assert everything.title == "Event-free survival: Group"
    assert everything.ticks[0] == 0
    assert len(everything.ticks) <= 8
    assert all(len(curve.at_risk) == len(everything.ticks) for curve in everything.curves)
    # c has two events: it is not drawn, and no month is shown of all, a and b, for 18 - 10 - 6 would tell
    shared = curve_sets(shown, internal=False)[1]
    assert [curve.label for curve in shared.curves] == ["a", "b"]
    assert shared.notes[-1] == "Not drawn: c."
    told = estimates(shown.lines(), [float(month) for month in range(1, 25)], internal=False)
    assert not [month for month in told[0] if month >= 2 and month in told[1] and month in told[2]]


def test_a_shared_curve_goes_through_the_table_and_hides_single_events():
    # 6 events in month 1, one each in months 3, 5, 7, .., 15: 7 more; 20 patients are followed to 24 months
    time, cause = [0.5] * 6 + [2.5 + 2 * k for k in range(7)] + [24] * 20, [1] * 13 + [0] * 20
    shown = outcome(time, cause, [0] * 33, months=(12.0,), levels=("a",))
    curve = curve_sets(shown, internal=False)[0].curves[0]
    table = outcome_table(shown, internal=False)
    by_month = dict(zip(curve.months.tolist(), curve.value.tolist(), strict=True))
    assert by_month[12.0] == pytest.approx(value(table, level="All", month=12.0)["value"])
    assert by_month[12.0] == pytest.approx(22 / 33)
    assert by_month[2.0] == pytest.approx(27 / 33)
    # months 3 to 10 fall evenly, month 11 stands where 12 does; what came after would tell two events
    assert np.diff([by_month[m] for m in range(2, 12)]) == pytest.approx([(22 - 27) / 33 / 9] * 9)
    assert curve.months[-1] == 12


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_points_of_shared_curves_are_five_events_apart_and_of_five_patients(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 80))
    entry = np.where(rng.random(n) < 0.5, 0.0, rng.uniform(0, 5, n))
    observed = Observed(entry + rng.exponential(10, n) + 0.1, rng.integers(0, 2, n), entry)
    shown = Outcome("efs", "EFS", "event-free", observed, {}, (12.0, 6.0))
    months = (12.0, 6.0, *map(float, range(1, int(observed.time.max()) + 1)))
    told = {0.0, *estimates(shown.lines(), months, internal=False)[0]}
    events = [observed.events_by(month) for month in told]
    assert not {abs(first - second) for first in events for second in events} & {1, 2, 3, 4}
    for one in curve_sets(shown, internal=False):
        curve = one.curves[0]
        assert curve.months[-1] in told
        assert observed.at_risk(curve.months[-1]) >= 5
        for month, height in zip(curve.months, curve.value, strict=True):
            assert month == int(month)
            if month in told and observed.at_risk(month) >= 5:
                assert height == pytest.approx(observed.at(month).value)


def test_numbers_at_risk_do_not_tell_a_hidden_one_by_subtraction():
    # at 6 months 20 of a and 3 of b are left, 23 in all; at 12 months 20 of a and none of b
    shown = outcome([24] * 20 + [7] * 3 + [2] * 17, [0] * 40, [0] * 20 + [1] * 20)
    team, shared = ({one.name: one for one in curve_sets(shown, internal=on)} for on in (True, False))
    ticks = team["efs"].ticks
    place = ticks.index(6.0)
    assert [curve.at_risk[place] for curve in team["efs_by_class"].curves] == ["20", "3"]
    seen = [curve.at_risk[place] for curve in (shared["efs"].curves[0], *shared["efs_by_class"].curves)]
    assert seen[2] == "<5"
    assert "5 or more" in seen[:2]
    later = ticks.index(12.0)
    assert [curve.at_risk[later] for curve in shared["efs_by_class"].curves] == ["20", "0"]


def test_other_curves_of_the_same_patients_stand_beside():
    first, cause = np.repeat([3.0, 9, 24], 10), np.repeat([1, 2, 0], 10)
    other = Observed(first, np.array([0, 2, 1])[cause], None, "incidence")
    shown = replace(
        outcome(first, cause, [0] * 30, kind="incidence", levels=("a",)), label="Relapse", beside={"Other": other}
    )
    drawn = curve_sets(shown, internal=False)[0]
    assert [curve.label for curve in drawn.curves] == ["Relapse", "Other"]
    assert [curve.value[-1] for curve in drawn.curves] == pytest.approx([1 / 3, 1 / 3])
    assert drawn.curves[0].at_risk == drawn.curves[1].at_risk
    few = replace(shown, beside={"Other": replace(other, cause=np.where(np.arange(30) < 3, 1, 0))})
    assert len(curve_sets(few, internal=False)[0].curves) == 1
    assert curve_sets(replace(shown, axis=""), internal=True) == []


def test_incidence_is_compared_by_grays_test():
    time, cause, group = [1, 2, 3, 4, 5, 6], [1, 2, 1, 0, 2, 1], [0, 1, 0, 1, 0, 1]
    shown = outcome(time, cause, group, kind="incidence", months=(3.0,))
    table = outcome_table(shown, internal=True)
    expected = gray_test(np.array(time, dtype=float), np.array(cause), np.array(group))
    (test,) = [entry for entry in table.values if "test" in entry]
    assert (test["test"], test["statistic"], test["freedom"]) == ("Gray", pytest.approx(expected.statistic), 1)
    assert cell(table, "Group", "Gray's test P") == p_text(expected.p_value)
    assert all(len(row.cells) == len(table.columns) for row in table.rows)
    assert any("Aalen-Johansen" in note for note in table.notes)
    by_group = curve_sets(shown, internal=True)[1]
    assert by_group.notes[0].startswith("Gray's test P")


def test_an_incidence_with_entry_times_has_no_test():
    own = Observed(np.arange(2.0, 8.0), np.array([1, 2, 1, 0, 2, 1]), np.full(6, 0.5), "incidence")
    group = {"class": Grouping("Group", ("a", "b"), np.array([0, 1, 0, 1, 0, 1]))}
    shown = Outcome("relapse", "Relapse", "relapsed", own, group, (3.0,))
    table = outcome_table(shown, internal=True)
    assert not [column for column in table.columns if column.endswith(" P")]
    assert not [entry for entry in table.values if "test" in entry]
    assert all(len(row.cells) == len(table.columns) for row in table.rows)


def test_the_difference_beside_a_test_by_hand():
    # Of 20 and of 20, 10 and 5 events by month 6: 50 % and 75 %, and variances of p (1 - p) / n add up.
    time, cause = [3] * 10 + [24] * 10 + [3] * 5 + [24] * 15, [1] * 10 + [0] * 10 + [1] * 5 + [0] * 15
    table = outcome_table(outcome(time, cause, [0] * 20 + [1] * 20, months=(6.0,), levels=("a", "b")), internal=False)
    (found,) = [entry for entry in table.values if "difference" in entry]
    error = np.sqrt(0.5 * 0.5 / 20 + 0.75 * 0.25 / 20)
    assert found["difference"] == pytest.approx(0.25)
    assert (found["low"], found["high"]) == (
        pytest.approx(0.25 - 1.959964 * error),
        pytest.approx(0.25 + 1.959964 * error),
    )
    assert (found["difference_of"], found["from"], found["at"]) == ("b", "a", 6.0)
    assert any(note.startswith("Group, at 6 months: b less a, 25.0 (") for note in table.notes)
    few = outcome_table(
        outcome([3] * 3 + [24] * 37, [1] * 3 + [0] * 37, [0] * 20 + [1] * 20, months=(6.0,)), internal=False
    )
    assert not [entry for entry in few.values if "difference" in entry], "three events would follow"


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_no_small_count_follows_from_what_is_shared(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 60))
    time, cause = rng.integers(1, 30, n), rng.integers(0, 2, n)
    shown = outcome(time, cause, rng.integers(0, 3, n), months=(12.0, 24.0, 6.0, 18.0))
    table = outcome_table(shown, internal=False)
    for line in shown.lines():
        own = [entry for entry in table.values if entry.get("level") == line.level]
        told = [0, *(line.observed.events_by(entry["month"]) for entry in own)]
        apart = {abs(first - second) for first in told for second in told}
        assert not apart & {1, 2, 3, 4}
        if own:
            assert line.observed.size >= 5
    for row in table.rows:
        if row.label != "Group":
            for text in row.cells[:2]:
                assert text in {"<5", "5 or more", NOT_SHOWN, "0"} or int(text) >= 5
    # Of the groups alone never exactly one is shown short of all: the total would tell it.
    for month in shown.months:
        marks = [
            any(e.get("level") == line.level and e["month"] == month for e in table.values) for line in shown.lines()
        ]
        events = [line.observed.events_by(month) for line in shown.lines()]
        if marks[0] and marks[1:].count(False) == 1:
            hidden = 1 + marks[1:].index(False)
            assert events[hidden] == 0 or events[hidden] >= 5
