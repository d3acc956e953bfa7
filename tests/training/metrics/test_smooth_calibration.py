"""Smoothed calibration against a plain weighted regression, and models whose error is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from riskml.training.metrics.competing import pseudo_values
from riskml.training.metrics.smooth_calibration import lowess, smooth_calibration, smooth_calibration_at
from tests.training.metrics.cases import cohorts, truncated

quick = settings(deadline=None, max_examples=40, derandomize=True)


def weighted_line(x, y, at, width, weights):
    """Least squares of the definition, by numpy's own."""
    near = np.clip(1 - (np.abs(x - at) / width) ** 3, 0, None) ** 3 * weights
    root = np.sqrt(near)
    design = np.column_stack([np.ones(x.size), x - at])
    return np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0][0]


def test_lowess_is_a_local_weighted_line():
    rng = np.random.default_rng(3)
    x, y, weights = rng.random(80), rng.random(80), rng.integers(0, 3, 80).astype(float)
    for at in (0.1, 0.5, 0.93):
        width = np.sort(np.abs(x - at))[int(80 * 2 / 3 + 1e-7) - 1]
        plain, weighted = weighted_line(x, y, at, width, np.ones(80)), weighted_line(x, y, at, width, weights)
        # Cleveland leaves out what lies beyond .999 of the width and takes what is very near as it is.
        assert lowess(x, y, np.array([at]))[0] == pytest.approx(plain, abs=1e-5)
        assert lowess(x, y, np.array([at]), weights=weights)[0] == pytest.approx(weighted, abs=1e-5)


@quick
@given(st.lists(st.integers(0, 20), min_size=10, max_size=40), st.floats(-2, 2), st.floats(-3, 3))
def test_lowess_keeps_a_straight_line(levels, intercept, slope):
    x = np.array(levels) / 20
    at = np.unique(x)
    expected_line = intercept + slope * at
    np.testing.assert_allclose(lowess(x, intercept + slope * x, at), expected_line, atol=1e-7 + abs(slope) * 1e-3)


def test_a_calibrated_model_has_little_error_and_a_distorted_one_its_own():
    rng = np.random.default_rng(8)
    risk = rng.uniform(0.05, 0.95, 6000)
    event = rng.random(6000) < risk
    assert smooth_calibration(event, risk).ici < 0.02
    distorted = expit(0.5 * logit(risk))
    found = smooth_calibration(event, distorted)
    assert found.ici == pytest.approx(np.mean(np.abs(distorted - risk)), abs=0.02)
    grid = np.array([0.3, 0.5, 0.7])
    np.testing.assert_allclose(found.on(grid), expit(2 * logit(grid)), atol=0.04)


@pytest.mark.parametrize("competing", [0.0, 0.4], ids=["survival", "competing events"])
@pytest.mark.parametrize("late", [False, True], ids=["from the start", "late entries"])
def test_true_risks_are_calibrated_through_censoring(competing, late):
    truth = truncated(9000, competing=competing, late=late)
    entry = truth.entry if late else None
    found = smooth_calibration_at(truth.seen_time, truth.seen_cause, truth.seen_risk, 1.0, entry)
    assert found.ici < 0.025
    halved = smooth_calibration_at(truth.seen_time, truth.seen_cause, truth.seen_risk / 2, 1.0, entry)
    assert halved.ici == pytest.approx(np.mean(truth.seen_risk / 2), abs=0.025)
    if late:
        ignored = smooth_calibration_at(truth.seen_time, truth.seen_cause, truth.seen_risk, 1.0)
        assert ignored.ici > 0.06


@quick
@given(cohorts(min_size=10), st.integers(1, 9))
def test_errors_are_ordered_and_the_uncensored_case_is_the_binary_one(cohort, horizon):
    time, cause, risk, entry = cohort
    known = smooth_calibration((cause < 2) & (time <= horizon), risk)
    found = smooth_calibration_at(time, np.maximum(cause, 1), risk, horizon)
    np.testing.assert_allclose(found.errors, known.errors, atol=1e-8)
    zero = smooth_calibration_at(time, np.maximum(cause, 1), risk, horizon, np.zeros(time.size))
    np.testing.assert_allclose(zero.errors, known.errors, atol=1e-8)
    for curve in (known, smooth_calibration_at(time, cause, risk, horizon, entry)):
        assert math.isnan(curve.ici) or 0 <= curve.e50 <= curve.e90 <= curve.emax
        shown = curve.on(np.linspace(0, 1, 7))
        assert ((shown >= 0) & (shown <= 1) | np.isnan(shown)).all()


def test_one_risk_for_all_is_set_against_the_mean():
    event = np.arange(12) % 4 == 0
    assert smooth_calibration(event, np.full(12, 0.4)).ici == pytest.approx(0.4 - 0.25)
    time, cause = np.arange(1.0, 13), np.where(event, 1, 0)
    mean = pseudo_values(time, cause, 8.0).mean()
    assert smooth_calibration_at(time, cause, np.full(12, 0.4), 8.0).emax == pytest.approx(abs(0.4 - mean))


def test_what_cannot_be_said_is_nan():
    time, risk = np.arange(1.0, 13), np.linspace(0.1, 0.9, 12)
    curves = [
        smooth_calibration(np.ones(9, dtype=bool), risk[:9]),
        smooth_calibration(np.array([], dtype=bool), np.array([])),
        smooth_calibration_at(time, np.arange(1, 13) % 2, risk, 99.0),
        smooth_calibration_at(time, np.arange(1, 13) % 3, risk, 99.0, np.zeros(12)),
        smooth_calibration_at(time, np.zeros(12, dtype=int), risk, 0.5, time - 0.1),
    ]
    for curve in curves[:4]:
        assert all(math.isnan(value) for value in (curve.ici, curve.e50, curve.e90, curve.emax))
        assert np.isnan(curve.on(np.array([0.5]))).all()
    assert math.isnan(curves[4].ici), "nobody was watched by the horizon"


def test_slips_are_refused():
    event, risk = np.ones(12, dtype=bool), np.full(12, 0.5)
    with pytest.raises(ValueError, match="risk must hold 12 numbers in"):
        smooth_calibration(event, risk * 3)
    for fraction in (0.0, 1.1, math.nan):
        with pytest.raises(ValueError, match="fraction must lie in"):
            smooth_calibration(event, risk, fraction)
        with pytest.raises(ValueError, match="fraction must lie in"):
            smooth_calibration_at(np.arange(12.0), event, risk, 3.0, fraction=fraction)
    with pytest.raises(ValueError, match="entry must be before"):
        smooth_calibration_at(np.ones(12), event, risk, 1.0, np.ones(12))
