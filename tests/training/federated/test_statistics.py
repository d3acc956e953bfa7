"""Sums: they add up to those of the pooled rows, hold what the layout says, and nothing of a row's order or name."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.training.federated.messages import first_ask
from riskml.training.federated.rows import design, rows_of
from riskml.training.federated.statistics import (
    COUNTS,
    FINISH,
    NEWTON,
    counts,
    hazards,
    is_small,
    layout,
    level_of,
    months,
    nested,
    newton,
)
from riskml.training.learners.prior_scale import standardise
from riskml.training.learners.ridge_cox import RidgeCox
from tests.training.federated.hospitals import embedded, study

FEATURES = ["mrd_log10", "age_years"]
FILL = {"mrd_log10/mrd": -3.0, "age_years/age": 7.0}


def ask(step=NEWTON, points=((0.2, -0.1), (0.0, 0.0)), **more):
    return {
        "step": step,
        "features": FEATURES,
        "fill": FILL,
        "points": points,
        "spread": True,
        "months": [3, 12],
        **more,
    }


@pytest.mark.parametrize(("model", "only"), [("efs", "ridge_cox"), ("non_response", "ridge_logistic")])
def test_counts_of_the_hospitals_add_up_to_those_of_all(model, only):
    cohort, parts = embedded()
    planned = study(model, only)
    whole = counts(planned, rows_of(planned, cohort))
    own = [counts(planned, rows_of(planned, part)) for part in parts.values()]
    assert {name: len(values) for name, values in whole.items()} == layout(planned, first_ask(planned))
    for name, values in whole.items():
        np.testing.assert_allclose(np.sum([part[name] for part in own], axis=0), values, rtol=1e-12)


def test_counts_by_hand():
    cohort, _ = embedded()
    planned = study()
    rows = rows_of(planned, cohort)
    found = counts(planned, rows)
    frame, event = rows.frame, rows.event
    assert found["rows"] == [105]
    assert found["events"] == found["patients_with_event"] == [14]
    assert found["known"][1] == frame["bcr_abl1"].notna().sum()
    assert found["total"][1] == (frame["bcr_abl1"] == 1).sum()
    assert found["present_with_event"][1] == ((frame["bcr_abl1"] == 1) & event).sum()
    assert found["at_risk"][-1] == (rows.time >= 36).sum()


def test_derivatives_of_a_logistic_likelihood_are_those_of_its_value():
    cohort, _ = embedded()
    planned = study("non_response", "ridge_logistic")
    rows = rows_of(planned, cohort)
    question = {**ask(), "features": ["mrd_log10"], "fill": {"mrd_log10/mrd": -2.0}}
    point, step = np.array([-1.0, 0.3]), 1e-5
    value = lambda at: newton(planned, {**question, "points": [at.tolist()]}, rows)  # noqa: E731
    found = value(point)
    for place in range(2):
        move = np.eye(2)[place] * step
        up, down = value(point + move), value(point - move)
        assert found["gradient"][place] == pytest.approx((up["loglik"][0] - down["loglik"][0]) / 2 / step, abs=1e-5)
        curve = -(np.array(up["gradient"]) - np.array(down["gradient"])) / 2 / step
        full = np.zeros((2, 2))
        full[np.triu_indices(2)] = found["information"]
        assert (full + np.triu(full, 1).T)[place] == pytest.approx(curve, abs=1e-5)


def test_sums_of_a_cox_model_are_those_stratified_by_hospital():
    cohort, parts = embedded()
    planned = study()
    own = [newton(planned, ask(), rows_of(planned, part)) for part in parts.values()]
    sizes = {**layout(planned, ask())}
    assert all({name: len(values) for name, values in one.items()} == sizes for one in own)
    rows = rows_of(planned, cohort)
    X = design(planned, FEATURES, FILL, rows.frame)
    y = np.array(list(zip(rows.event, rows.time, strict=True)), dtype=[("event", bool), ("time", float)])
    centre = cohort.frame["centre"].to_numpy()[rows.rows]
    # At the maximum of the pooled stratified likelihood the gradients of the hospitals cancel.
    best = RidgeCox(tau=np.inf).fit(X, y, strata=centre).coef_
    at_best = [newton(planned, ask(points=[best.tolist()]), rows_of(planned, part)) for part in parts.values()]
    assert np.sum([one["gradient"] for one in at_best], axis=0) == pytest.approx([0, 0], abs=1e-7)
    spread = np.sum([one["spread"] for one in own], axis=0)
    assert spread == pytest.approx((X.T @ X)[np.triu_indices(2)], rel=1e-12)
    assert standardise(X, np.ones(len(X))).moment.sum() == pytest.approx(2 * len(X))


def test_a_hospital_without_events_adds_nothing_to_a_cox_model():
    planned = study()
    rows = rows_of(planned, embedded()[1]["West"])
    quiet = rows.take(np.flatnonzero(~rows.event))
    found = newton(planned, ask(), quiet)
    assert not any(found["loglik"] + found["gradient"] + found["information"])


def test_hazards_by_hand():
    """Relative risk 1 everywhere: exposure is months at risk."""
    planned = study()
    rows = rows_of(planned, embedded()[1]["North"])
    found = hazards(planned, ask(FINISH, points=[[0.0, 0.0]]), rows)
    assert found["exposure"][0] == pytest.approx(np.minimum(rows.time, 3).sum())
    assert sum(found["exposure"]) == pytest.approx(np.minimum(rows.time, 12).sum())
    assert found["events"] == [
        (rows.event & (rows.time <= 3)).sum(),
        (rows.event & (rows.time > 3) & (rows.time <= 12)).sum(),
    ]
    assert layout(planned, ask(FINISH)) == {"events": 2, "exposure": 2}


def test_steps_have_their_own_layout():
    planned = study("icans", "ridge_logistic")
    assert months(planned) == ()
    assert layout(planned, ask(FINISH)) == {}
    assert layout(planned, ask(NEWTON, points=[[0, 0, 0]])) == {
        "loglik": 1,
        "gradient": 3,
        "information": 6,
        "spread": 3,
    }
    assert "at_risk" not in layout(planned, {"step": COUNTS})


@given(st.lists(st.integers(1, 400), min_size=1, max_size=12, unique=True).map(sorted))
def test_nested_months_are_parts_of_each_other_with_the_same_end(full):
    lists = nested(full)
    assert lists[0] == tuple(full)
    assert lists[-1] == (full[-1],)
    for finer, coarser in pairwise(lists):
        assert set(coarser) < set(finer)
        assert coarser[-1] == full[-1]


def test_the_level_is_the_first_without_a_small_interval():
    planned = study()
    rows = rows_of(planned, embedded()[0])
    question = ask(months=[1, 2, 3, 6, 9, 12, 18, 24])
    level = level_of(question, rows)
    lists = nested(question["months"])
    events = rows.time[rows.event]
    for place, edges in enumerate(lists):
        counted = [((events > low) & (events <= high)).sum() for low, high in zip((0, *edges), edges, strict=False)]
        assert any(map(is_small, counted)) is (place < level)
    assert level_of(question, rows.take(np.flatnonzero(~rows.event))) == 0
    assert level_of(question, rows.take(np.flatnonzero(rows.event)[:3])) == len(lists)
