"""The published cohort, rebuilt: the paper's rules give its printed numbers, strict rules the known differences."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.cohort.outcomes import build_target
from riskml.training.metrics.survival import kaplan_meier
from tests.cohort.skeleton import write_skeleton

RESPONSE = {
    "name": "response",
    "kind": "binary",
    "rows": "patient",
    "rule": "cytological_or_mrd",
    "mrd_methods": ["flow"],
    "eligible": {"disease_status_at_start": ["R/R", "CR-MRDpos"]},
}
EFS = {
    "name": "efs",
    "kind": "survival",
    "rows": "patient",
    "rule": "cytological_or_mrd",
    "events": ["relapse", "death", "second_cancer", "no_response"],
}
OS = {"name": "os", "kind": "survival", "rows": "patient", "events": ["death"]}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return read_cohort(write_skeleton(tmp_path_factory.mktemp("skeleton") / "cohort.csv"))


def column(cohort, target, name):
    return cohort.frame[name].to_numpy()[target.rows]


def survival(target, chosen, months=12.0):
    curve = kaplan_meier(target.time[chosen], target.event[chosen])
    error = np.append(0.0, curve.se)[np.searchsorted(curve.times, months, side="right")]
    return float(curve.at(months)), float(error)


def test_patients(cohort):
    assert (cohort.n_courses, cohort.n_patients) == (105, 105)
    entry, status = cohort.frame["disease_class_initial"], cohort.frame["disease_status_at_start"]
    assert [int((entry == level).sum()) for level in ("R/R", "CR-MRDpos", "CR-MRDneg")] == [30, 30, 45]
    assert [int((status == level).sum()) for level in ("R/R", "CR-MRDpos", "CR-MRDneg")] == [11, 40, 54]


def test_response_by_the_rule_of_the_paper(cohort):
    target = build_target(cohort, RESPONSE)
    assert (target.n_events, len(target.rows)) == (9, 51)
    refractory = column(cohort, target, "disease_status_at_start") == "R/R"
    assert (int((~target.event[refractory]).sum()), int(refractory.sum())) == (9, 11)
    assert (int((~target.event[~refractory]).sum()), int((~refractory).sum())) == (33, 40)


def test_where_mrd_alone_decides_ten_fail_and_not_nine(cohort):
    target = build_target(cohort, RESPONSE | {"rule": "mrd_negative"})
    refractory = column(cohort, target, "disease_status_at_start") == "R/R"
    assert (target.n_events, len(target.rows)) == (10, 51)
    assert (int((~target.event[refractory]).sum()), int(refractory.sum())) == (8, 11)
    assert (int((~target.event[~refractory]).sum()), int((~refractory).sum())) == (33, 40)


def test_where_blasts_alone_decide_two_fail(cohort):
    assert build_target(cohort, RESPONSE | {"rule": "cr_composite"}).n_events == 2


# Printed at 12 months: survival and standard error, which fix patients and events (22/30, 70/75, 26/30, 44/45).
PRINTED_EFS = [
    (("R/R",), 0.733, 0.081, 22, 30),
    (("CR-MRDpos", "CR-MRDneg"), 0.933, 0.029, 70, 75),
    (("CR-MRDpos",), 0.867, 0.062, 26, 30),
    (("CR-MRDneg",), 0.978, 0.022, 44, 45),
]


@pytest.mark.parametrize(("classes", "printed", "error", "free", "patients"), PRINTED_EFS)
def test_efs_with_non_response_as_an_event_is_the_printed_one(cohort, classes, printed, error, free, patients):
    target = build_target(cohort, EFS)
    chosen = np.isin(column(cohort, target, "disease_class_initial"), classes)
    value, se = survival(target, chosen)
    assert int(chosen.sum()) == patients
    assert value == pytest.approx(free / patients, abs=1e-12)
    assert se == pytest.approx(np.sqrt(free * (patients - free) / patients**3), abs=1e-12)
    # The printed numbers are cut or rounded to three digits.
    assert (value, se) == pytest.approx((printed, error), abs=1.01e-3)


def test_events_are_nine_three_and_one_by_twelve_months_and_fourteen_in_all(cohort):
    target = build_target(cohort, EFS)
    assert target.n_events == 14
    assert int((target.event & (target.time <= 12)).sum()) == 13
    failed = build_target(cohort, RESPONSE)
    dated = np.isclose(target.time, 28 / 30.4375) & target.event
    assert set(target.rows[dated]) == set(failed.rows[failed.event])
    assert sorted(target.time[target.event & ~dated]) == [0.95, 0.95, 6.0, 9.0, 14.0]
    assert target.notes == ("response could not be judged in 54 rows, which count as not failed",)


def test_efs_as_the_paper_defines_it_in_words_is_another_curve(cohort):
    # Without non-response nine events go and the two deaths that followed one come: 3 relapses + 3 deaths by 12 months.
    target = build_target(cohort, {**EFS, "events": ["relapse", "death", "second_cancer"]})
    assert (target.n_events, int((target.event & (target.time <= 12)).sum())) == (7, 6)
    refractory = column(cohort, target, "disease_class_initial") == "R/R"
    assert survival(target, refractory)[0] == pytest.approx(25 / 30)
    # 74/75: the one death; nobody else of these classes had a relapse by then, one was lost at five months.
    assert survival(target, ~refractory)[0] == pytest.approx(73 / 74)


def test_ten_events_more_or_less_follow_the_rule_of_response(cohort):
    target = build_target(cohort, EFS | {"rule": "mrd_negative"})
    assert int((target.event & (target.time <= 12)).sum()) == 14


def test_overall_survival_where_mrd_persists(cohort):
    # Printed 0.788 (SE 0.134): the only path is 9/10 x 7/8, with one patient lost between the two deaths.
    target = build_target(cohort, OS)
    persists = (column(cohort, target, "mrd_after") >= 1e-4) & np.isin(
        column(cohort, target, "disease_status_at_start"), ["R/R", "CR-MRDpos"]
    )
    value, se = survival(target, persists)
    assert int(persists.sum()) == 10
    assert value == pytest.approx(9 / 10 * 7 / 8)
    assert se == pytest.approx(0.7875 * np.sqrt(1 / (10 * 9) + 1 / (8 * 7)))
    assert (value, se) == pytest.approx((0.788, 0.134), abs=1e-3)


@pytest.mark.parametrize(
    ("level", "printed", "error"), [("R/R", 0.933, 0.046), ("CR-MRDneg", 0.978, 0.022), ("CR-MRDpos", 1.0, 0.0)]
)
def test_overall_survival_by_class(cohort, level, printed, error):
    target = build_target(cohort, OS)
    value = survival(target, column(cohort, target, "disease_class_initial") == level)
    assert value == pytest.approx((printed, error), abs=1e-3)


def test_dating_failure_at_the_first_dose_moves_early_survival_only(cohort):
    at_assessment, at_dose = (
        build_target(cohort, EFS | {"no_response_date": date}) for date in ("assessment", "first_dose")
    )
    everybody = np.ones(105, dtype=bool)
    assert survival(at_assessment, everybody, 0.5)[0] == 1
    assert survival(at_dose, everybody, 0.5)[0] == pytest.approx(96 / 105)
    assert survival(at_assessment, everybody)[0] == pytest.approx(survival(at_dose, everybody)[0])


def test_starting_at_the_end_of_cycle_1_leaves_the_early_failures_out(cohort):
    late = EFS | {"origin": "end_of_cycle_1", "landmark_days": 28}
    target = build_target(cohort, late)
    assert target.flow[-2:] == (("event by day 28", 9), ("last contact by day 28", 0))
    assert (target.n_patients, target.n_events) == (96, 5)
    assert build_target(cohort, late | {"events_at_landmark": "count"}).n_events == 14
