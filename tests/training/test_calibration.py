"""Calibration groups and risk distributions: by hand, against Kaplan-Meier, and without giving anybody away."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.training.calibration import QUANTILES, calibration_curve, risk_distribution
from riskml.training.metrics.survival import kaplan_meier


def test_binary_groups_by_hand():
    """20 rows make two groups of ten; Wilson's 95 % interval of 1/10 is 0.0179 to 0.4042, of 6/10 0.3127 to 0.8318.

    Wilson's limits: (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n) with z = 1.959964.
    """
    risk = np.linspace(0.05, 0.95, 20)
    event = np.zeros(20, dtype=bool)
    event[[3, 10, 12, 14, 16, 18, 19]] = True
    curve = calibration_curve(risk, event, None, None)
    assert curve.patients == (10, 10)
    assert curve.predicted == pytest.approx((risk[:10].mean(), risk[10:].mean()))
    assert curve.observed == pytest.approx((0.1, 0.6))
    assert curve.low == pytest.approx((0.0179, 0.3127), abs=1e-4)
    assert curve.high == pytest.approx((0.4042, 0.8318), abs=1e-4)


def test_order_of_rows_does_not_matter():
    rng = np.random.default_rng(0)
    risk, event = rng.random(57), rng.random(57) < 0.3
    again = rng.permutation(57)
    assert calibration_curve(risk, event, None, None) == calibration_curve(risk[again], event[again], None, None)


def survival_rows(n=100, seed=0):
    rng = np.random.default_rng(seed)
    risk = rng.random(n)
    time = rng.exponential(20 / (0.2 + risk))
    censored = rng.uniform(5, 40, n)
    return risk, time < censored, np.minimum(time, censored)


def test_survival_groups_show_one_minus_kaplan_meier():
    risk, event, time = survival_rows()
    curve = calibration_curve(risk, event, time, 12.0)
    assert len(curve.observed) == 5
    groups = np.array_split(np.argsort(risk), 5)
    for k, g in enumerate(groups):
        estimate = kaplan_meier(time[g], event[g])
        assert curve.observed[k] == pytest.approx(1 - estimate.at(12.0))
        ends = estimate.interval(12.0)
        assert (curve.low[k], curve.high[k]) == pytest.approx((1 - ends.high, 1 - ends.low))
        assert curve.low[k] <= curve.observed[k] <= curve.high[k]


@pytest.mark.parametrize("events", [0, 10])
def test_a_group_with_no_event_or_nothing_else_still_has_an_honest_width(events):
    risk, time = np.linspace(0.1, 0.9, 10), np.full(10, 5.0)
    event = np.arange(10) < events
    time[~event] = 20.0
    curve = calibration_curve(risk, event, time, 12.0)
    assert curve.observed == (events / 10,)
    # Wilson's interval of 0/10 ends at z^2 / (10 + z^2) = 0.2775.
    assert (curve.low[0], curve.high[0]) == pytest.approx((0, 0.2775) if events == 0 else (0.7225, 1), abs=1e-4)


def test_a_group_that_nobody_left_at_the_horizon_is_merged_instead_of_being_a_gap():
    """The high-risk half was followed for 6 months only: 1 - S(12) is unknown there, so there is one group."""
    risk, event = np.linspace(0, 1, 40), np.arange(40) % 5 == 0
    time = np.where(risk > 0.5, 6.0, 20.0)
    curve = calibration_curve(risk, event, time, 12.0)
    assert curve.patients == (40,)
    assert np.isfinite([*curve.observed, *curve.low, *curve.high]).all()


@given(st.integers(1, 120), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_groups_hold_everybody_once_and_ten_or_more(n, seed):
    rng = np.random.default_rng(seed)
    risk, event = rng.random(n).round(1), rng.random(n) < 0.2
    curve = calibration_curve(risk, event, None, None)
    assert sum(curve.patients) == n
    assert min(curve.patients) >= min(n, 10)
    assert len(curve.patients) <= 5
    assert np.dot(curve.patients, curve.predicted) == pytest.approx(risk.sum())
    assert np.dot(curve.patients, curve.observed) == pytest.approx(event.sum())
    assert list(curve.predicted) == sorted(curve.predicted)
    json.dumps(curve.as_dict(), allow_nan=False)


def test_quantiles_by_what_happened():
    risk = np.linspace(0, 1, 101)
    event = risk >= 0.5
    found = risk_distribution(risk, event, None, None)
    assert found.probabilities == QUANTILES
    assert found.without_event[2] == pytest.approx(np.median(risk[:50]))
    assert found.with_event[2] == pytest.approx(np.median(risk[50:]))
    assert (found.n_with, found.n_without) == (51, 50)


def test_those_censored_before_the_horizon_are_in_neither_group():
    risk = np.linspace(0, 1, 30)
    time = np.repeat([6.0, 6.0, 20.0], 10)
    event = np.repeat([True, False, True], 10)
    found = risk_distribution(risk, event, time, 12.0)
    assert (found.n_with, found.n_without) == (10, 10)
    assert found.without_event[2] == pytest.approx(np.median(risk[20:])), "an event after the horizon is none by it"


@pytest.mark.parametrize(("events", "shown"), [(0, False), (1, False), (4, False), (5, True)])
def test_fewer_than_five_patients_have_no_quantiles(events, shown):
    risk = np.linspace(0, 1, 40)
    event = np.arange(40) < events
    for found in (
        risk_distribution(risk, event, None, None),
        risk_distribution(risk, event, np.where(event, 6.0, 20.0), 12.0),
    ):
        assert bool(found.with_event) == shown
        assert found.without_event
    swapped = risk_distribution(risk, ~event, None, None)
    assert bool(swapped.without_event) == shown
    json.dumps(swapped.as_dict(), allow_nan=False)


def test_a_group_without_the_event_has_an_upper_end_where_others_compete():
    """Nobody relapsed: Wilson's end for the 16 of 19 known not to have by then (3 were censored before)."""
    risk, time, cause = np.full(19, 0.01), np.full(19, 20.0), np.zeros(19, dtype=int)
    time[:5], cause[:5] = 3.0, 2
    time[5:8] = 4.0
    found = calibration_curve(risk, cause == 1, time, 12.0, cause)
    z = 1.959964
    assert (found.observed, found.low) == ((0.0,), (0.0,))
    assert found.high == pytest.approx([z**2 / (16 + z**2)])
