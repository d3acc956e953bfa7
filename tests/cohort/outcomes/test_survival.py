"""Properties of the clock; cases by hand are in tests/cohort/test_outcome_cases.py."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.cohort.cohort import read_cohort
from riskml.cohort.outcomes import build_target
from riskml.cohort.outcomes.survival import HALF_A_DAY
from riskml.errors import NotEstimableError
from riskml.training.metrics.survival import kaplan_meier

MONTHS = st.sampled_from(["", "1", "3", "6"])
ROWS = st.lists(st.tuples(MONTHS, MONTHS, MONTHS, st.sampled_from(["no", "yes", ""])), min_size=1, max_size=12)
CHOICES = st.fixed_dictionaries(
    {
        "hsct": st.sampled_from(["ignore", "censor", "competing"]),
        "origin": st.sampled_from(["first_dose", "diagnosis"]),
        "min_exposure_days": st.sampled_from([0, 7]),
    },
    optional={"horizon_months": st.sampled_from([2, 6, 12]), "competing": st.just(["second_cancer"])},
)


@given(ROWS, CHOICES)
@settings(deadline=None, max_examples=150)
def test_every_row_is_used_once_or_counted_once(tmp_path_factory, rows, choices):
    path = tmp_path_factory.getbasetemp() / "dates.csv"
    head = "relapse_months,second_cancer_months,hsct_months,os_event,os_months,entry_months,infusion_days\n"
    path.write_text(head + "".join(",".join(row) + ",12,2,14\n" for row in rows), encoding="utf-8")
    cohort = read_cohort(path)
    outcome = {"kind": "survival", "rows": "course", "events": ["relapse", "death"], **choices}
    try:
        target = build_target(cohort, outcome)
    except NotEstimableError:
        return
    assert len(target.rows) + sum(count for _, count in target.flow) == cohort.n_courses
    assert (target.time > 0).all()
    assert np.isfinite(target.time).all()
    assert (target.event == (target.cause == 1)).all()
    assert (target.entry is None) == (choices["origin"] == "first_dose")
    if target.entry is not None:
        assert (target.entry < target.time).all()
    assert (target.time <= choices.get("horizon_months", np.inf) + 1e-9).all()


def test_clock_from_diagnosis_gives_the_same_risk_sets_where_all_entered_at_once(cohort):
    # Everybody entered two months after diagnosis: the curve is the one from the first dose, two months later.
    lines = ("relapse_months,os_months,os_event,entry_months", "3,9,no,2", ",5,yes,2", ",8,no,2", "6,8,yes,2")
    table = cohort(*lines)
    outcome = {"kind": "survival", "rows": "course", "events": ["relapse", "death"]}
    dose, diagnosis = (build_target(table, {**outcome, "origin": origin}) for origin in ("first_dose", "diagnosis"))
    first = kaplan_meier(dose.time, dose.event)
    second = kaplan_meier(diagnosis.time, diagnosis.event, diagnosis.entry)
    for month in (3.0, 5.0, 6.0):
        assert second.at(month + 2) == pytest.approx(first.at(month))


def test_the_start_of_the_clock_is_half_a_day():
    assert pytest.approx(0.5 / 30.4375) == HALF_A_DAY
