"""Lines undo distortions that are known, shrink where events are few; weights of a stack solve their equation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import expit, logit

from riskml.runtime.members import Linear, Member, Tree, Trees
from riskml.runtime.responses import LOGISTIC, PROBABILITY, Calibrated
from riskml.runtime.time_responses import Accelerated, Baseline
from riskml.training.ensemble import predict_rows
from riskml.training.recalibrate import (
    SLOPE_SD,
    binary_line,
    log_density,
    mixture_weights,
    recalibrated,
    survival_line,
)

MONTHS = (3.0, 6.0, 12.0, 24.0)


def binary(n, seed, intercept, slope):
    """Outcomes with log-odds x, and predictions that say (x - intercept) / slope."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-1, 1.5, n)
    return expit((x - intercept) / slope)[:, None], (rng.random(n) < expit(x)).astype(int)


def survival(n, seed, intercept, slope, entry=None):
    """Times with H(t) = e^x t / 20, followed to 30 months, and predictions whose hazard h gives e^intercept h^slope."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, n)
    time = rng.exponential(20 * np.exp(-x))
    late = np.zeros(n) if entry is None else entry * rng.random(n)
    kept = time > late
    hazard = np.exp(x)[:, None] * np.array(MONTHS) / 20
    fields = [("event", bool), ("time", float)] + ([] if entry is None else [("entry", float)])
    y = np.empty(n, dtype=fields)
    y["event"], y["time"] = time < 30, np.minimum(time, 30)
    if entry is not None:
        y["entry"] = late
    return np.exp(-((hazard / np.exp(intercept)) ** (1 / slope)))[kept], y[kept]


@pytest.mark.parametrize(("intercept", "slope"), [(0.0, 1.0), (0.7, 0.8), (-0.5, 1.3)])
def test_many_events_give_a_known_distortion_back(intercept, slope):
    assert binary_line(*binary(20_000, 1, intercept, slope)) == pytest.approx((intercept, slope), abs=0.06)
    # Between the months of the grid a distorted hazard is not linear any more: hence the wider margin.
    assert survival_line(*survival(20_000, 1, intercept, slope), MONTHS) == pytest.approx((intercept, slope), abs=0.12)


def test_a_late_entry_takes_its_hazard_away():
    line = survival_line(*survival(20_000, 2, 0.0, 1.0, entry=12.0), MONTHS)
    assert line == pytest.approx((0, 1), abs=0.06)
    risks, y = survival(20_000, 2, 0.0, 1.0, entry=12.0)
    ignored = survival_line(risks, y[["event", "time"]], MONTHS)
    assert ignored[0] < -0.1, "counted from 0, late patients seem safer than they are"


def test_few_events_leave_the_slope_near_one():
    """A slope of 3 fitted to 12 rows: the prior N(1, 0.3^2) holds it; to 20,000 rows: the data have it their way."""
    few, many = (binary_line(*binary(n, 5, 0.0, 3.0))[1] for n in (12, 20_000))
    assert abs(few - 1) < 0.6
    assert many == pytest.approx(3, abs=0.2)


@given(st.integers(0, 10_000), st.integers(6, 60))
@settings(max_examples=25, deadline=None)
def test_the_line_is_where_the_penalised_likelihood_is_largest(seed, n):
    """No step in any direction raises the likelihood, written down a second time, and no optimiser finds a better."""
    risk, y = binary(n, seed, 0.3, 0.7)
    y[:2] = 0, 1
    link = logit(risk[:, 0])

    def loss(line):
        p = expit(line[0] + line[1] * link)
        return -np.sum(np.log(np.where(y == 1, p, 1 - p))) + (line[1] - 1) ** 2 / (2 * SLOPE_SD**2)

    found = np.array(binary_line(risk, y))
    assert loss(found) <= minimize(loss, [0, 1], method="BFGS").fun + 1e-9
    for step in 1e-4 * np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1)]):
        assert loss(found + step) > loss(found)


@pytest.mark.parametrize("risk", [0.0, 1.0, 0.5])
def test_predictions_without_information_are_no_crash(risk):
    line = binary_line(np.full((20, 1), risk), np.arange(20) % 2)
    assert np.isfinite(line).all()
    assert line[1] > 0
    y = survival(20, 0, 0, 1)[1]
    assert np.isfinite(survival_line(np.full((len(y), 4), risk), y, MONTHS)).all()


def test_separated_outcomes_have_a_finite_line():
    risk = np.r_[np.full(5, 0.1), np.full(5, 0.9)][:, None]
    intercept, slope = binary_line(risk, np.repeat([0, 1], 5))
    assert abs(intercept) < 1e-6
    assert 1 < slope < 2


FOREST = Trees((0.0,), 1.0, (Tree((0,), (0.0,), (-1,), (-2,), (0.2, 0.7)),))


@pytest.mark.parametrize(
    "member",
    [
        Member(1.0, Linear(-0.5, (0.4, 1.2)), LOGISTIC),
        Member(1.0, FOREST, PROBABILITY),
        Member(1.0, Linear(-0.5, (0.4, 1.2)), Calibrated(LOGISTIC, 0.3, 0.6)),
    ],
)
def test_a_recalibrated_member_says_what_the_line_says(member):
    rows = np.random.default_rng(0).normal(size=(50, 2))
    before, after = (predict_rows(m, rows, ())[:, 0] for m in (member, recalibrated(member, (0.4, 0.7))))
    assert logit(after) == pytest.approx(0.4 + 0.7 * logit(before), abs=1e-12)


@pytest.mark.parametrize(
    "response", [Baseline((0.0, *MONTHS), (0.0, 0.1, 0.15, 0.3, 0.5)), Accelerated("weibull", 0.8, 24.0)]
)
def test_a_recalibrated_survival_member_has_the_hazard_of_the_line(response):
    member = Member(1.0, Linear(2.0, (0.4, 0.2)), response)
    rows = np.random.default_rng(0).normal(size=(50, 2))
    before, after = (-np.log(predict_rows(m, rows, MONTHS)) for m in (member, recalibrated(member, (0.4, 0.7))))
    assert np.log(after) == pytest.approx(0.4 + 0.7 * np.log(before), abs=1e-9)
    assert isinstance(recalibrated(member, (0.4, 0.7)).response, type(response) if member.baseline else Calibrated)


def test_a_binary_density_is_the_probability_of_what_happened():
    found = log_density(np.array([[0.2], [0.7]]), np.array([0, 1]), ())
    assert np.exp(found) == pytest.approx([0.8, 0.7], abs=1e-12)
    moved = log_density(np.array([[0.2], [0.7]]), np.array([0, 1]), (), (0.5, 2.0))
    assert np.exp(moved) == pytest.approx([1 - expit(0.5 + 2 * logit(0.2)), expit(0.5 + 2 * logit(0.7))])


def test_densities_of_events_and_survivors_add_up_to_one():
    """Chance of an event at each moment up to 24 months, plus that of none by then."""
    curve = np.array([[0.9, 0.8, 0.7, 0.4]])

    def density(t, event):
        y = np.array([(event, t)], dtype=[("event", bool), ("time", float)])
        return float(np.exp(log_density(curve, y, MONTHS, (0.2, 0.9)))[0])

    total = quad(lambda t: density(t, event=True), 0, 24, points=MONTHS[:-1])[0] + density(24.0, event=False)
    assert total == pytest.approx(1, abs=1e-6)
    assert density(40.0, event=True) == density(24.0, event=False), "beyond the last month nothing is said"


def test_weights_of_two_sure_parts_by_hand():
    """Part 1 is right k times, part 2 the other n - k times, each sure: weights are shares of n + 1 votes."""
    right = np.array([True] * 7 + [False] * 3)
    densities = np.log(np.where([right, ~right], 1.0, 1e-300))
    assert mixture_weights(densities) == pytest.approx([(7 + 0.5) / 11, (3 + 0.5) / 11], abs=1e-9)


@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(1, 80))
@settings(max_examples=25, deadline=None)
def test_weights_solve_their_equation_and_never_reach_zero(seed, parts, n):
    log_densities = np.random.default_rng(seed).normal(0, 3, size=(parts, n))
    weights = mixture_weights(log_densities, steps=5000)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert (weights >= (1 / parts) / (n + 1) - 1e-12).all()
    density = np.exp(log_densities)
    shares = weights[:, None] * density / (weights @ density)
    assert (shares.sum(axis=1) + 1 / parts) / (n + 1) == pytest.approx(weights, abs=1e-6)


def test_equal_parts_get_equal_weights():
    assert mixture_weights(np.tile(np.random.default_rng(0).normal(size=30), (3, 1))) == pytest.approx([1 / 3] * 3)
