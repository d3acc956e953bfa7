"""Competing risks against R's Aalen-Johansen, closed forms, and what probabilities must obey."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from riskml.runtime.members import member_from_dict
from riskml.training.learners.competing import CauseSpecificRidgeCox, competing_arrays
from riskml.training.learners.ridge_cox import RidgeCox

GRID = (1, 2, 3, 6, 9, 12, 18, 24)
TIMES = [0.0, 0.4, 3.0, 12.0, 24.0]


def outcome(cause, time, entry=None):
    y = np.empty(len(time), dtype=[("cause", int), ("time", float)] + ([] if entry is None else [("entry", float)]))
    y["cause"], y["time"] = cause, time
    if entry is not None:
        y["entry"] = entry
    return y


def cohort(seed, n=100, delayed=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) * [1, 10, 0.1] + [0, 50, 0]
    first = rng.exponential(25 * np.exp(-0.8 * X[:, 0]))
    second = rng.exponential(40 * np.exp(0.5 * X[:, 0] - 0.05 * (X[:, 1] - 50)))
    left = rng.uniform(3, 40, n)
    time = np.minimum(np.minimum(first, second), left)
    cause = np.where(time == left, 0, np.where(first < second, 1, 2))
    cause[:2] = 1, 2
    return X, outcome(cause, time, rng.uniform(0, 0.9, n) * time if delayed else None)


def test_without_covariates_it_is_aalen_johansen(data_file):
    """R 4.2.2, prodlim's Aalen-Johansen on 177 transplanted patients; standard errors there .03 to .04."""
    with data_file("leukaemia_hsct/casebase_bmtcrr.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with data_file("reference_stats/expected_values_R.csv").open(encoding="utf-8") as file:
        table = [line[:3] for line in csv.reader(file) if line[0] == "casebase_bmtcrr"]
    known = {name: float(value) for _, name, value in table}
    expected = {cause: [known[f"aalen_johansen_CIF cause {cause} at {t}mo"] for t in (6, 12, 24)] for cause in (1, 2)}
    y = outcome([int(row["Status"]) for row in rows], [float(row["ftime"]) for row in rows])
    events = np.unique(y["time"][(y["cause"] > 0) & (y["time"] <= 60)])
    for grid in (GRID, np.union1d(events, [6, 12, 24])):
        model = CauseSpecificRidgeCox(time_grid=grid).fit(np.zeros((len(y), 1)), y)
        for cause in (1, 2):
            found = model.predict_cumulative_incidence([[0.0]], [6, 12, 24], cause)[0]
            assert found == pytest.approx(expected[cause], abs=0.02)


def test_coefficients_equal_rs_cause_specific_cox(data_file):
    """R 4.2.2: coxph(Surv(ftime, Status == 1) ~ Age + Sex + D + Phase + Source)."""
    with data_file("leukaemia_hsct/casebase_bmtcrr.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with data_file("reference_stats/expected_values_R.csv").open(encoding="utf-8") as file:
        named = {
            line[1]: float(line[2]) for line in csv.reader(file) if line[1].startswith("causespecific_cox_relapse")
        }
    phases = ("CR2", "CR3", "Relapse")
    X = np.array(
        [
            [float(r["Age"]), r["Sex"] == "M", r["D"] == "AML", *(r["Phase"] == p for p in phases), r["Source"] == "PB"]
            for r in rows
        ],
        dtype=float,
    )
    y = outcome([int(row["Status"]) for row in rows], [float(row["ftime"]) for row in rows])
    model = CauseSpecificRidgeCox(time_grid=GRID, tau=math.inf).fit(X, y)
    names = ("Age", "SexM", "DAML", *(f"Phase{p}" for p in phases), "SourcePB")
    expected = [named[f"causespecific_cox_relapse_coef:{name}"] for name in names]
    np.testing.assert_allclose(model.models_[0].coef_, expected, atol=1e-6)


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=15, deadline=None)
def test_probabilities_add_up_to_one(seed, delayed):
    X, y = cohort(seed, n=60, delayed=delayed)
    model = CauseSpecificRidgeCox(time_grid=GRID).fit(X, y)
    rows = np.vstack([X[:20], [[0, 0, 0], [40, -900, 5], [-40, 900, -5]]])
    first, second = (model.predict_cumulative_incidence(rows, TIMES, cause) for cause in (1, 2))
    np.testing.assert_allclose(first + second + model.predict_survival(rows, TIMES), 1, atol=1e-12)
    for incidence in (first, second):
        assert (incidence[:, 0] == 0).all()
        assert (np.diff(incidence, axis=1) >= 0).all()
        assert (incidence <= 1).all()


@pytest.mark.parametrize("competing", [0, 1])
def test_each_cause_is_a_cox_model_of_its_own_events(competing):
    X, y = cohort(1, delayed=True)
    model = CauseSpecificRidgeCox(time_grid=GRID).fit(X, y)
    own = np.empty(len(y), dtype=[("event", bool), ("time", float), ("entry", float)])
    own["event"], own["time"], own["entry"] = y["cause"] == competing + 1, y["time"], y["entry"]
    alone = RidgeCox(time_grid=GRID).fit(X, own)
    np.testing.assert_array_equal(model.models_[competing].coef_, alone.coef_)
    hazard = model.models_[competing].baseline_cumulative_hazard_
    np.testing.assert_array_equal(hazard, alone.baseline_cumulative_hazard_)


def test_constant_hazards_have_a_closed_form():
    """Incidence of cause 1: h1 / (h1 + h2) (1 - exp(-(h1 + h2) t))."""
    rng = np.random.default_rng(2)
    first, second, left = rng.exponential(20, 20_000), rng.exponential(50, 20_000), rng.uniform(0, 60, 20_000)
    time = np.minimum(np.minimum(first, second), left)
    y = outcome(np.where(time == left, 0, np.where(first < second, 1, 2)), time)
    model = CauseSpecificRidgeCox(time_grid=GRID).fit(np.zeros((20_000, 1)), y)
    expected = 0.05 / 0.07 * -np.expm1(-0.07 * np.array(TIMES))
    np.testing.assert_allclose(model.predict_cumulative_incidence([[0.0]], TIMES)[0], expected, atol=0.01)


def test_without_competing_events_it_is_one_minus_survival():
    X, y = cohort(3)
    y = y[y["cause"] < 2]
    X = X[: len(y)]
    model = CauseSpecificRidgeCox(time_grid=GRID).fit(X, y)
    own = np.empty(len(y), dtype=[("event", bool), ("time", float)])
    own["event"], own["time"] = y["cause"] == 1, y["time"]
    alone = RidgeCox(time_grid=GRID).fit(X, own)
    expected = 1 - alone.predict_survival(X, TIMES)
    np.testing.assert_allclose(model.predict_cumulative_incidence(X, TIMES), expected, atol=1e-9)
    assert (model.predict_cumulative_incidence(X, TIMES, cause=2) == 0).all()
    np.testing.assert_array_equal(model.predict(X), alone.predict(X))
    member = model.to_portable()
    assert member.predictor.linears[1].coefficients == (0, 0, 0)
    assert set(member.response.baselines[1].cumulative_hazard) == {0.0}
    assert set(model.draw(X.mean(axis=0), np.ones(22)).response.baselines[1].cumulative_hazard) == {0.0}


@pytest.mark.parametrize("seed", range(4))
def test_the_portable_member_says_the_same(seed):
    X, y = cohort(seed, n=60)
    model = CauseSpecificRidgeCox(time_grid=GRID).fit(X, y)
    member = member_from_dict(json.loads(json.dumps(model.to_portable().to_dict())), 3, "incidence")
    rows = np.vstack([X, [[0, 0, 0], [1e4, -1e4, 1e4], [-1e4, 1e4, 0]]])
    prepared = member.response.prepare(TIMES)
    expected = model.predict_cumulative_incidence(rows, TIMES)
    np.testing.assert_allclose(member.response.table(member.predictor.table(rows), prepared), expected, atol=1e-9)
    for row, curve in zip(rows.tolist(), expected, strict=True):
        assert member.response.mean([member.predictor.at(row)], [1.0], prepared) == pytest.approx(curve, abs=1e-9)
    # By numerical integration of S(t) h1(t), independent of the formula in use.
    fine = np.linspace(0, 24, 24_001)
    hazards = [m.predict_cumulative_hazard(X[:5], fine) for m in model.models_]
    free = np.exp(-hazards[0] - hazards[1])
    steps = (free[:, 1:] + free[:, :-1]) / 2 * np.diff(hazards[0], axis=1)
    np.testing.assert_allclose(steps.sum(axis=1), expected[:5, -1], atol=1e-6)


def test_draws_use_their_own_numbers_for_each_cause():
    X, y = cohort(5)
    model = CauseSpecificRidgeCox(time_grid=GRID).fit(X, y)
    mean, each = X.mean(axis=0), 3 + len(GRID)
    still, member = model.draw(mean, np.zeros(2 * each)), model.to_portable()
    assert still.response == member.response
    np.testing.assert_allclose(still.predictor.at(X[0].tolist()), member.predictor.at(X[0].tolist()), atol=1e-12)
    moved = model.draw(mean, np.repeat([0.0, 1.0], each))
    assert moved.predictor.linears[0] == still.predictor.linears[0]
    assert moved.predictor.linears[1] != still.predictor.linears[1]
    assert moved.response.baselines[1] != still.response.baselines[1]
    with pytest.raises(ValueError, match="needs 11 normal numbers"):
        model.draw(mean, np.zeros(2 * each - 1))


def test_strata_and_weights_reach_both_models():
    X, y = cohort(6)
    centre, weight = np.arange(100) % 3, np.arange(100) % 4 + 0.0
    model = CauseSpecificRidgeCox(time_grid=GRID).fit(X, y, weight, centre)
    for part in model.models_:
        assert part.strata_.tolist() == [0, 1, 2]
    kept = CauseSpecificRidgeCox(time_grid=GRID).fit(
        X[weight > 0], y[weight > 0], weight[weight > 0], centre[weight > 0]
    )
    np.testing.assert_allclose(model.predict(X), kept.predict(X), rtol=1e-9)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(3), "structured array"),
        (np.array([(1.0, 2.0)] * 3, dtype=[("cause", float), ("time", float)]), 'int field "cause"'),
        (np.array([(1, 2.0, 3.0)] * 3, dtype=[("cause", int), ("time", float), ("x", float)]), "structured array"),
        (outcome([0, 1, 3], [1, 2, 3]), "must be 0, 1 or 2, got 0, 1, 3"),
        (outcome([0, 2, 0], [1, 2, 3]), "nobody had the event of interest"),
        (outcome([0, 1, 0], [1, -2, 3]), "not negative"),
        (outcome([0, 1, 2], [1, 2, 3], [0, 2, 0]), "entry must be smaller"),
    ],
)
def test_bad_outcomes_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        CauseSpecificRidgeCox(time_grid=GRID).fit(np.arange(3.0)[:, None], y)


def test_estimator_conventions():
    X, y = cohort(7)
    model = CauseSpecificRidgeCox(time_grid=GRID, prior_scale=0.3)
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        model.predict(X)
    with pytest.raises(ValueError, match="need a time_grid"):
        CauseSpecificRidgeCox().fit(X, y)
    with pytest.raises(ValueError, match="nobody had"):
        model.fit(X, y, (y["cause"] != 1).astype(float))
    model.fit(X, y)
    with pytest.raises(ValueError, match="must lie in"):
        model.predict_cumulative_incidence(X, [25.0])
    with pytest.raises(ValueError, match="cause must be 1 or 2"):
        model.predict_cumulative_incidence(X, [5.0], cause=3)
    time, cause, entry = competing_arrays(y)
    assert (time == y["time"]).all()
    assert (cause == y["cause"]).all()
    assert entry is None
