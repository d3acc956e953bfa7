"""Flow: rows add up, reasons are counted, lanes stay inside and carry no name."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.cohort.outcomes import build_target
from riskml.training.describe.flow import OUTCOMES, flow
from tests.training.describe.made import check_shareable, embedded, lines, made, table_of


def dated():
    """Two children: one with three courses, relapse and death; one with one course, alive."""
    return made(
        patient_id=["anna", "anna", "anna", "berta"],
        cycle_index=[2, 1, 3, 1],
        disease_status_at_start=["R/R", "R/R", "R/R", "CR-MRDneg"],
        first_dose_date=["2024-02-12", "2024-01-01", "", "2024-03-01"],
        delivered_infusion_days=[28, 14, 28, ""],
        os_time=[9, 10, 9, 20],
        os_event=["yes", "yes", "yes", "no"],
        efs_time=[6, 6, 6, 20],
        efs_event=["relapse", "relapse", "relapse", "none"],
        relapse_time=["", 6, "", ""],
        hsct_time=["", "", "", 4.5],
    )


def test_the_embedded_cohort_in_numbers():
    rows = lines(table_of(flow(embedded(), internal=True), "flow_of_cohort"))
    assert rows["Courses (rows of the file)"] == ("125",)
    assert rows["Patients"] == ("105",)
    assert [rows[f"with {n}"][0].split()[0] for n in ("1 course", "2 courses", "3 courses", "4 or more")] == [
        "90",
        "11",
        "3",
        "1",
    ]


def test_outside_courses_of_a_patient_are_one_or_more():
    """125 courses, 90 + 11 patients with one and two: 13 courses of four patients can only be 3 + 3 + 3 + 4."""
    rows = lines(table_of(flow(embedded()), "flow_of_cohort"))
    assert list(rows)[2:] == ["with 1 course", "with 2 or more"]
    assert rows["with 2 or more"] == ("15 (14 %)",)


@pytest.mark.parametrize("name", OUTCOMES)
def test_rows_of_an_outcome_add_up_and_are_those_of_the_target(name):
    target = build_target(embedded(), name)
    table = table_of(flow(embedded(), internal=True), "flow_of_outcomes")
    numbers = {value["line"]: value["rows"] for value in table.values if value["outcome"] == name}
    out = {label: n for label, n in numbers.items() if label.startswith("left out: ")}
    assert numbers["Rows of the file"] == 125 == sum(out.values()) + numbers["In"]
    assert numbers["In"] == len(target.rows)
    assert out == {f"left out: {reason}": n for reason, n in target.flow if n}
    assert numbers["with the event"] == target.n_events
    assert numbers["In"] == numbers["with the event"] + numbers["with a competing event"] + numbers["without"]


def test_definitions_stand_under_the_table():
    notes = table_of(flow(embedded()), "flow_of_outcomes").notes
    assert any("Every course is a row. The event is icans_grade of 1 or more" in note for note in notes)


def test_first_events_of_patients():
    rows = lines(table_of(flow(embedded(), internal=True), "first_events"))
    assert rows["Patients"] == ("105",)
    assert rows["no response"] == ("9 (9 %)",)
    assert sum(int(cells[0].split()[0]) for label, cells in rows.items() if label != "Patients") == 105


def test_shared_tables_tell_nothing_small_and_have_no_lanes():
    part = flow(embedded())
    check_shareable(part, embedded())
    deaths = lines(table_of(part, "flow_of_outcomes"), "Overall survival from the first dose")
    assert deaths["with the event"] == ("<5",)
    assert deaths["without"] == ("5 or more",)


def test_exclusions_are_not_told_by_what_is_left():
    ids = [str(k) for k in range(60)]
    cohort = made(patient_id=ids, icans_grade=[""] * 2 + [1] * 20 + [0] * 38)
    rows = lines(table_of(flow(cohort, outcomes=("icans",)), "flow_of_outcomes"))
    assert rows["left out: outcome not known"] == ("<5",)
    shown = [rows[label][0] for label in ("In", "with the event", "without")]
    assert shown[0] == "5 or more"
    assert not (shown[1][0].isdigit() and shown[1] != "5 or more" and shown[2][0].isdigit() and shown[2] != "5 or more")


def test_lanes_by_hand():
    (lanes,) = flow(dated(), internal=True).lane_sets
    berta, anna = lanes.lanes  # the longest follow-up first
    assert (berta.label, berta.months, berta.going_on) == ("none", 20, True)
    assert berta.courses == ((0.0, 0.0),)
    assert berta.events == ((4.5, "HSCT"),)
    assert (anna.label, anna.months, anna.going_on) == ("measurable", 10, False)
    assert np.array(anna.courses) == pytest.approx(np.array([[0, 14], [42, 70]]) / 30.4375)
    assert anna.events == ((6.0, "relapse"), (10.0, "death"))
    assert "Not drawn, since their first doses are not dated: later courses, 1." in lanes.notes


def test_patients_never_seen_again_have_no_lane_and_are_counted():
    (lanes,) = flow(made(patient_id=list("abc"), os_time=[3, "", 5], os_event=["no"] * 3), internal=True).lane_sets
    assert [lane.months for lane in lanes.lanes] == [5, 3]
    assert "Not drawn, since no last contact is known: patients, 1." in lanes.notes


def test_lanes_carry_no_name_and_not_the_order_of_the_file():
    part = flow(embedded(), internal=True)
    assert not [name for name in embedded().frame["patient_id"].unique() if name in repr(part)]
    (lanes,) = part.lane_sets
    months = [lane.months for lane in lanes.lanes]
    assert len(months) == 105
    assert months == sorted(months, reverse=True)
    shuffled = embedded().some(np.random.default_rng(1).permutation(125))
    assert flow(shuffled, internal=True).lane_sets == part.lane_sets


def test_events_are_on_the_lane_once():
    lanes = flow(embedded(), internal=True).lane_sets[0].lanes
    happened = [what for lane in lanes for _, what in lane.events]
    assert happened.count("no response") == 9
    assert happened.count("relapse") == 4
    assert happened.count("death") == 3
    assert sum(not lane.going_on for lane in lanes) == 3


def test_without_follow_up_there_are_no_lanes():
    part = flow(made(patient_id=["a", "b"], age=[1, 2]), internal=True)
    assert part.lane_sets == ()
    assert any("swimmer" in text for text in part.missing)


def test_what_an_outcome_needs_is_said_without_rows():
    part = flow(made(patient_id=["a", "b"], icans_grade=[0, 0]))
    assert [table.name for table in part.tables] == ["flow_of_cohort"]
    assert "flow into CRS of any grade during the course: needs crs_grade" in part.missing
    assert any(text.startswith("flow into ICANS of any grade during the course: no row") for text in part.missing)


def test_a_file_without_courses_is_told_where_its_clock_starts():
    told = table_of(flow(made(patient_id=["a", "b"], age=[1, 2])), "flow_of_cohort").notes
    assert any("No column tells of a course of blinatumomab" in note for note in told)
    assert not any("No column" in note for note in table_of(flow(embedded()), "flow_of_cohort").notes)


def test_an_event_of_unknown_kind_is_called_that():
    cohort = made(patient_id=list("abc"), efs_time=[1, 2, 3], efs_event=["event", "none", ""], os_time=[4, 4, 4])
    rows = lines(table_of(flow(cohort, internal=True), "first_events"))
    assert list(rows) == ["Patients", "no event", "event, kind not said", "not known"]
    lanes = flow(cohort, internal=True).lane_sets[0].lanes
    assert sorted(lane.events for lane in lanes) == [(), (), ((1.0, "event"),)]


def test_without_identifiers_rows_are_patients_and_that_is_said():
    table = table_of(flow(made(age=[1, 2, 3], icans_grade=[0, 1, 0])), "flow_of_cohort")
    assert "no patient identifier" in table.notes[0]


@pytest.mark.parametrize("internal", [False, True])
def test_the_flow_diagram_says_what_the_tables_say(internal):
    part = flow(embedded(), internal=internal)
    (chart,) = part.charts
    assert chart.start.label.endswith("125")
    assert chart.start.lines[0] == "Patients: 105"
    table = table_of(part, "flow_of_outcomes")
    assert [box.label for box in chart.boxes] == [row.label for row in table.rows if not row.cells]
    response = chart.boxes[0]
    assert response.lines[:2] == ("In: 51", "with the event: 9 (18 %)")
    assert [text.rsplit(": ", 1)[1] for text in response.out] == ["20", "54"]
    told = {row.cells[0] for row in table.rows if row.cells}
    assert {text.rsplit(": ", 1)[1] for box in chart.boxes for text in (*box.lines, *box.out)} <= told


def test_without_an_outcome_there_is_no_diagram():
    assert flow(made(patient_id=["a", "b"], age=[1, 2])).charts == ()
