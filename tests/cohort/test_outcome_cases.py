"""Outcomes worked by hand from the sources' definitions: a few cells, one setting, and what must come of them.

Binary cases: one letter a row: E event, 0 no event, - left out. Survival cases: E event, C competing, 0 last contact,
each with its time; m marks months, d days from the origin.
"""

from __future__ import annotations

import pytest

from riskml.cohort.cohort import read_cohort
from riskml.cohort.outcomes import build_target
from riskml.errors import DataError, NotEstimableError

DAY = 1 / 30.4375


@pytest.fixture
def cohort(tmp_path):
    def from_lines(*lines):
        path = tmp_path / "cohort.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return read_cohort(path)

    return from_lines


def letters(cohort, target):
    shown = ["-"] * cohort.n_courses
    for row, cause in zip(target.rows, target.cause, strict=True):
        shown[row] = "0EC"[cause]
    return "".join(shown)


RESPONSE = {"kind": "binary", "rows": "course"}
MRD = {**RESPONSE, "rule": "mrd_negative"}
PAPER = {**RESPONSE, "rule": "cytological_or_mrd"}
MRD_HEAD = "mrd_after_pct,mrd_after_method"
PAPER_HEAD = "disease_status_at_start,bm_blasts_after_pct,mrd_after_pct"
# A responder and a non-responder, so that every case can be estimated.
MRD_PAIR = ("0.001,flow", "5,flow")
PAPER_PAIR = ("R/R,1,0.001", "R/R,60,60")

# setting, one row, what it is, the reason if it is left out
BY_MRD = {
    "0.01 % is positive where negative means <": ({}, "0.01,flow", "E", ""),
    "0.01 % is negative where negative means <=": ({"mrd_inclusive": True}, "0.01,flow", "0", ""),
    "just above is positive even then": ({"mrd_inclusive": True}, "0.0101,flow", "E", ""),
    "just under is negative": ({}, "0.0099,flow", "0", ""),
    "below the limit is negative": ({}, "<0.01,flow", "0", ""),
    "a word for negative": ({}, "neg,flow", "0", ""),
    "below a limit above the threshold says nothing": (
        *({}, "<0.1,flow", "-"),
        "MRD below a limit that is above the threshold",
    ),
    "... but enough for that threshold": ({"mrd_threshold": 1e-3}, "<0.1,flow", "0", ""),
    "a higher threshold": ({"mrd_threshold": 1e-3}, "0.05,flow", "0", ""),
    "a lower threshold is beyond what flow can see": (
        *({"mrd_threshold": 2e-5}, "<0.01,flow", "-"),
        "MRD below a limit that is above the threshold",
    ),
    "any method unless they are listed": ({}, "0.5,pcr", "E", ""),
    "a method not accepted": ({"mrd_methods": ["flow"]}, "0.5,ngs", "-", "MRD method not one of flow"),
    "a second method accepted": ({"mrd_methods": ["flow", "rq_pcr"]}, "0.5,pcr", "E", ""),
    "a method not known": ({"mrd_methods": ["flow"]}, "0.5,", "-", "MRD method not known"),
    "no result": ({}, ",flow", "-", "MRD after the course not known"),
}
BY_PAPER = {
    "refractory, 4.9 % blasts: remission whatever the MRD": ({}, "R/R,4.9,3", "0", ""),
    "refractory, exactly 5 %: no remission": ({}, "R/R,5,0.001", "E", ""),
    "refractory, blasts not known": ({}, "R/R,,0.001", "-", "marrow blasts after the course not known"),
    "refractory, MRD not needed": ({}, "R/R,1,", "0", ""),
    "remission, MRD cleared": ({}, "CR-MRDpos,1,<0.01", "0", ""),
    "remission, MRD persists": ({}, "CR-MRDpos,1,0.2", "E", ""),
    "remission, 0.01 % persists": ({}, "CR-MRDpos,1,0.01", "E", ""),
    "remission, blasts not needed": ({}, "CR-MRDpos,,0.2", "E", ""),
    "remission, MRD not known": ({}, "CR-MRDpos,1,", "-", "MRD after the course not known"),
    "MRD-negative cannot fail": ({}, "CR-MRDneg,1,0.2", "-", "MRD-negative at the first dose: cannot fail"),
    "status not known": ({}, ",1,0.2", "-", "disease_status_at_start not known"),
    "composite remission ignores MRD": ({"rule": "cr_composite"}, "CR-MRDpos,1,0.2", "0", ""),
    "composite remission needs blasts": (
        *({"rule": "cr_composite"}, "R/R,,0.2", "-"),
        "marrow blasts after the course not known",
    ),
    "only those eligible": (
        *({"eligible": {"disease_status_at_start": ["R/R"]}}, "CR-MRDpos,1,0.2", "-"),
        "disease_status_at_start not one of R/R",
    ),
}
BINARY = [pytest.param(MRD, MRD_HEAD, MRD_PAIR, *case, id=name) for name, case in BY_MRD.items()]
BINARY += [pytest.param(PAPER, PAPER_HEAD, PAPER_PAIR, *case, id=name) for name, case in BY_PAPER.items()]
WINDOW = {**RESPONSE, "column": "response", "event_levels": ["no_response"], "window_days": [10, 42]}
BINARY += [
    pytest.param(WINDOW, "response,response_day", ("NR,28", "CR,28"), {}, f"NR,{day}", letter, reason, id=f"day {day}")
    for day, letter, reason in (
        ("9", "-", "assessed outside days 10 to 42"),
        ("10", "E", ""),
        ("42", "E", ""),
        ("43", "-", "assessed outside days 10 to 42"),
        ("", "-", "day of assessment not known"),
    )
]
ICANS = {"kind": "binary", "rows": "course", "column": "icans_grade", "min_grade": 1}
ICANS_WINDOW = {"window_days": [0, 28]}
BINARY += [
    pytest.param(ICANS, head, pair, *case, id=name)
    for head, pair, name, case in (
        ("icans_grade,icans_day", ("1,3", "0,"), "late onset is no event", (ICANS_WINDOW, "2,29", "0", "")),
        ("icans_grade,icans_day", ("1,3", "0,"), "the last day of the window", (ICANS_WINDOW, "2,28", "E", "")),
        ("icans_grade,icans_day", ("1,3", "0,"), "onset unknown", (ICANS_WINDOW, "2,", "-", "day of onset not known")),
        ("icans_grade,icans_day", ("1,3", "0,"), "grade unknown", (ICANS_WINDOW, ",3", "-", "outcome not known")),
        ("icans_grade,icans_day", ("3,3", "0,"), "grade 2 under 3", ({"min_grade": 3}, "2,3", "0", "")),
        (
            *("icans_grade,icans_scale", ("1,astct", "0,astct"), "another scale"),
            ({"scale": "astct"}, "2,ctcae", "-", "not graded on astct"),
        ),
        (
            *("icans_grade,icans_scale", ("1,astct", "0,astct"), "none is none on every scale"),
            ({"scale": "astct"}, "0,ctcae", "0", ""),
        ),
        (
            *("icans_grade,infusion_days", ("1,28", "0,14"), "too little of the drug"),
            ({"min_exposure_days": 7}, "3,6", "-", "fewer than 7 days of the drug"),
        ),
        (
            *("icans_grade,infusion_days", ("1,28", "0,14"), "just enough of the drug"),
            ({"min_exposure_days": 7}, "3,7", "E", ""),
        ),
        (
            *("icans_grade,infusion_days", ("1,28", "0,14"), "exposure unknown"),
            ({"min_exposure_days": 7}, "3,", "-", "days of the drug not known"),
        ),
    )
]


@pytest.mark.parametrize(("base", "head", "pair", "setting", "row", "letter", "reason"), BINARY)
def test_binary_outcomes(cohort, base, head, pair, setting, row, letter, reason):
    # The row stands between the two that make the case estimable.
    table = cohort(head, pair[0], row, pair[1])
    target = build_target(table, {**base, **setting})
    shown = letters(table, target)
    assert shown[1] == letter
    assert {shown[0], shown[2]} == {"0", "E"}
    assert {why: count for why, count in target.flow if count} == ({reason: 1} if reason else {})


DATES = {"kind": "survival", "rows": "course", "events": ["relapse", "death", "second_cancer", "no_response"]}
HEAD = (
    "relapse_months,second_cancer_months,os_months,os_event,response,response_day,hsct_months,cart_months,"
    "entry_months,infusion_days"
)
EVENT_ROW = "5,,20,no,CR,28,,,1,28"
COLUMN = {
    "kind": "survival",
    "rows": "course",
    "column": "efs_event",
    "time": "efs_time",
    "event_levels": ["relapse", "death", "no_response"],
}
DIAGNOSIS = {"origin": "diagnosis"}
LATE = {"origin": "end_of_cycle_1", "landmark_days": 30.4375}

# setting, row, cause, months from the origin
SURVIVAL = {
    "no event until the last contact": ({}, ",,20,no,CR,28,,,1,28", "0", 20),
    "relapse": ({}, "7,,20,no,CR,28,,,1,28", "E", 7),
    "relapse before death": ({}, "7,,9,yes,CR,28,,,1,28", "E", 7),
    "death in remission": ({}, ",,9,yes,CR,28,,,1,28", "E", 9),
    "second cancer first": ({}, "7,6,9,yes,CR,28,,,1,28", "E", 6),
    "non-response at its assessment": ({}, ",,9,yes,NR,28,,,1,28", "E", 28 * DAY),
    "non-response at the first dose": ({"no_response_date": "first_dose"}, ",,9,yes,NR,28,,,1,28", "E", 0.5 * DAY),
    "... needs no date then": ({"no_response_date": "first_dose"}, ",,9,yes,NR,,,,1,28", "E", 0.5 * DAY),
    "non-response not an event": ({"events": ["relapse", "death"]}, ",,9,yes,NR,28,,,1,28", "E", 9),
    "response unknown counts as no failure": ({}, ",,20,no,,,,,1,28", "0", 20),
    "relapse before the assessment": ({}, "0.5,,20,no,NR,28,,,1,28", "E", 0.5),
    "HSCT ignored": ({}, "7,,20,no,CR,28,3,,1,28", "E", 7),
    "HSCT censors": ({"hsct": "censor"}, "7,,20,no,CR,28,3,,1,28", "0", 3),
    "HSCT competes": ({"hsct": "competing"}, "7,,20,no,CR,28,3,,1,28", "C", 3),
    "HSCT after the event": ({"hsct": "censor"}, "7,,20,no,CR,28,8,,1,28", "E", 7),
    "HSCT on the day of the event": ({"hsct": "censor"}, "7,,20,no,CR,28,7,,1,28", "E", 7),
    "CAR-T censors": ({"cart": "censor"}, "7,,20,no,CR,28,,4,1,28", "0", 4),
    "the first of HSCT and CAR-T": ({"hsct": "censor", "cart": "competing"}, "7,,20,no,CR,28,5,4,1,28", "C", 4),
    "... in the other order": ({"hsct": "censor", "cart": "competing"}, "7,,20,no,CR,28,3,4,1,28", "0", 3),
    "death competes with relapse": ({"events": ["relapse"], "competing": ["death"]}, ",,9,yes,CR,28,,,1,28", "C", 9),
    "relapse and death on one day": ({"events": ["relapse"], "competing": ["death"]}, "9,,9,yes,CR,28,,,1,28", "E", 9),
    "from diagnosis": (DIAGNOSIS, "7,,20,no,CR,28,,,30,28", "E", 37),
    "from diagnosis, non-response at the first dose": (
        *({**DIAGNOSIS, "no_response_date": "first_dose"}, ",,9,yes,NR,,,,30,28", "E"),
        30 + 0.5 * DAY,
    ),
    "a file that counts from diagnosis": ({"clock_starts": "diagnosis"}, "37,,50,no,CR,28,,,30,28", "E", 7),
    "a landmark": (LATE, "7,,20,no,CR,28,,,1,28", "E", 6),
    "a horizon": ({"horizon_months": 6}, "7,,20,no,CR,28,,,1,28", "0", 6),
    "an event at the horizon": ({"horizon_months": 7}, "7,,20,no,CR,28,,,1,28", "E", 7),
    "enough of the drug": ({"min_exposure_days": 7}, "7,,20,no,CR,28,,,1,7", "E", 7),
}


@pytest.mark.parametrize(
    ("setting", "row", "letter", "months"), [pytest.param(*case, id=name) for name, case in SURVIVAL.items()]
)
def test_time_to_the_first_event(cohort, setting, row, letter, months):
    table = cohort(HEAD, row, EVENT_ROW)
    target = build_target(table, {**DATES, **setting})
    assert letters(table, target)[0] == letter
    assert target.time[0] == pytest.approx(months, abs=1e-9)
    assert (target.event == (target.cause == 1)).all()


LEFT_OUT = {
    "last contact unknown": ({}, "7,,,no,CR,28,,,1,28", "outcome not known"),
    "alive or dead unknown": ({}, "7,,20,,CR,28,,,1,28", "outcome not known"),
    "date of non-response unknown": ({}, ",,20,no,NR,,,,1,28", "date of non-response not known"),
    "no follow-up": ({}, ",,0,no,,,,,1,28", "no follow-up"),
    "entry unknown": (DIAGNOSIS, "7,,20,no,CR,28,,,,28", "time of entry not known"),
    "event before the first dose": (
        *({"clock_starts": "diagnosis"}, "7,,20,no,CR,28,,,12,28"),
        "event by the first dose",
    ),
    "event by the landmark": (LATE, "0.9,,20,no,CR,28,,,1,28", "event by day 30.4375"),
    "last contact by the landmark": (LATE, ",,1,no,CR,28,,,1,28", "last contact by day 30.4375"),
    "HSCT by the landmark": ({**LATE, "hsct": "censor"}, "7,,20,no,CR,28,0.5,,1,28", "last contact by day 30.4375"),
    "event while the drug had just begun": (
        *({"min_exposure_days": 7}, "0.2,,20,no,CR,28,,,1,7"),
        "event by day 7 of exposure",
    ),
    "stopped early": ({"min_exposure_days": 7}, "7,,20,no,CR,28,,,1,6", "fewer than 7 days of the drug"),
    "under risk after the horizon": (
        *({**DIAGNOSIS, "horizon_months": 12}, "7,,20,no,CR,28,,,13,28"),
        "under risk only after 12 months",
    ),
}


@pytest.mark.parametrize(
    ("setting", "row", "reason"), [pytest.param(*case, id=name) for name, case in LEFT_OUT.items()]
)
def test_who_was_never_at_risk_is_counted(cohort, setting, row, reason):
    target = build_target(cohort(HEAD, row, EVENT_ROW), {**DATES, **setting})
    assert target.rows.tolist() == [1]
    assert {why: count for why, count in target.flow if count} == {reason: 1}


def test_delayed_entry_and_exposure_set_when_risk_begins(cohort):
    table = cohort(HEAD, "7,,20,no,CR,28,,,30,28", EVENT_ROW)
    assert build_target(table, DATES).entry is None
    assert build_target(table, {**DATES, **DIAGNOSIS}).entry.tolist() == [30, 1]
    exposed = build_target(table, {**DATES, **DIAGNOSIS, "min_exposure_days": 7})
    assert exposed.entry == pytest.approx([30 + 7 * DAY, 1 + 7 * DAY])
    assert (exposed.entry < exposed.time).all()


def test_diagnosis_without_entry_times_is_refused(cohort):
    with pytest.raises(DataError, match="column entry_time: the outcome outcome needs this column"):
        build_target(cohort("efs_months,efs_event", "5,relapse", "9,none"), {**COLUMN, **DIAGNOSIS})


@pytest.mark.parametrize(
    ("setting", "cells", "shown"),
    [
        ({"hsct": "censor"}, "7,relapse,3", ("0", 3)),
        ({"hsct": "competing"}, "7,relapse,3", ("C", 3)),
        ({"no_response_date": "first_dose"}, "0.92,no_response,", ("E", 0.5 * DAY)),
        ({"event_levels": ["relapse"], "competing": ["death"]}, "7,death,", ("C", 7)),
        ({"event_levels": ["relapse"]}, "7,death,", ("0", 7)),
        ({"horizon_months": 6}, "7,relapse,", ("0", 6)),
    ],
)
def test_the_same_settings_with_one_column_of_first_events(cohort, setting, cells, shown):
    table = cohort("efs_months,efs_event,hsct_months", cells, "4,relapse,")
    target = build_target(table, {**COLUMN, **setting})
    assert (letters(table, target)[0], target.time[0]) == (shown[0], pytest.approx(shown[1]))


COURSES = ("patient_id,cycle_index,icans_grade", "a,1,0", "a,2,2", "b,1,0", "b,2,", "c,1,1", "c,2,", "d,1,0", "d,2,0")


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        ({"rows": "course"}, "0E0-E-00"),
        ({"unit": "course"}, "0E0-E-00"),
        # The first course: the second of a does not count. The worst: it does, and b cannot be judged.
        ({"rows": "patient"}, "0-0-E-0-"),
        ({"unit": "patient"}, "E---E-0-"),
        ({"unit": "patient", "min_grade": 2}, "E-----0-"),
    ],
)
def test_icans_of_courses_and_of_patients(cohort, setting, shown):
    table = cohort(*COURSES)
    target = build_target(table, {**{k: v for k, v in ICANS.items() if k != "rows"}, **setting})
    assert letters(table, target) == shown
    assert len(target.rows) + sum(count for _, count in target.flow) == 8
    # Courses of one patient stay together.
    assert target.groups.tolist() == table.patient[target.rows].tolist()


def test_the_window_holds_for_the_worst_course_too(cohort):
    head = "patient_id,cycle_index,icans_grade,icans_day"
    table = cohort(head, "a,1,0,", "a,2,2,40", "b,1,1,", "b,2,1,3", "c,1,1,", "c,2,0,")
    outcome = {"kind": "binary", "unit": "patient", "column": "icans_grade", "min_grade": 1, "window_days": [0, 28]}
    target = build_target(table, outcome)
    # a: too late, no event. b: one course is not dated, the other settles it. c: not dated, not known.
    assert letters(table, target) == "0-E---"
    assert target.flow[-1] == ("no event, and a course that cannot be judged", 1)


def test_a_date_after_the_last_contact_is_a_fault_by_row(cohort):
    with pytest.raises(DataError, match="dates out of order") as refused:
        build_target(cohort(HEAD, EVENT_ROW, "25,,20,no,CR,28,,,1,28"), DATES)
    assert [(fault.row, fault.column) for fault in refused.value.faults] == [(3, "relapse_time")]


def test_where_the_file_says_whether_an_empty_date_is_not_a_no(cohort):
    head = "os_months,os_event,hsct,hsct_months"
    table = cohort(head, "20,yes,yes,", "20,yes,no,", "20,yes,,", "20,yes,yes,4")
    target = build_target(table, {"kind": "survival", "rows": "course", "events": ["death"], "hsct": "censor"})
    assert letters(table, target) == "-E-0"
    assert ("HSCT without a date, or not known", 2) in target.flow


def test_an_outcome_with_competing_events_alone_is_not_estimable(cohort):
    with pytest.raises(NotEstimableError, match="needs rows with the event; has 0 of 2"):
        build_target(
            cohort("efs_months,efs_event", "5,death", "9,none"),
            {**COLUMN, "event_levels": ["relapse"], "competing": ["death"]},
        )
