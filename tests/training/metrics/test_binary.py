"""Binary measures against cases worked by hand and what must hold for any data; R's numbers are in test_golden."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score

from riskml.training.metrics import binary

EVENT = np.arange(24) % 3 == 0
RISKS = arrays(float, EVENT.size, elements=st.integers(0, 100).map(lambda percent: percent / 100))
quick = settings(deadline=None, max_examples=60, derandomize=True)


def test_auc_counts_pairs():  # pairs: .9 beats .4 and .1; .4 ties with .4 and beats .1: 3.5 of 4
    assert binary.auc(np.array([True, True, False, False]), np.array([0.9, 0.4, 0.4, 0.1])) == 3.5 / 4


def test_delong_by_hand():
    # Placements: events 1 and 1/2, non-events 1/2 and 1; each has variance 1/8, over 2 patients: 1/16 + 1/16.
    event, score = np.array([True, True, False, False]), np.array([4.0, 2.0, 3.0, 1.0])
    assert binary.auc(event, score) == 0.75
    assert binary.delong_variance(event, score) == pytest.approx(1 / 8)


def test_delong_is_the_spread_of_the_auc_over_samples():
    rng = np.random.default_rng(7)
    event = np.arange(90) < 30
    samples = event + rng.normal(size=(1500, 90))
    areas = [binary.auc(event, row) for row in samples]
    variances = [binary.delong_variance(event, row) for row in samples]
    assert np.mean(variances) == pytest.approx(np.var(areas), rel=0.1)


@quick
@given(RISKS, RISKS)
def test_paired_variance_is_that_of_the_difference(first, second):
    """Var(A - B) = Var A + Var B - 2 Cov, where the covariance is DeLong's from the placements of either."""
    variance = binary.delong_difference_variance(EVENT, first, second)
    assert variance == pytest.approx(binary.delong_difference_variance(EVENT, second, first), abs=1e-12)
    assert binary.delong_difference_variance(EVENT, first, np.full(EVENT.size, 0.5)) == pytest.approx(
        binary.delong_variance(EVENT, first), abs=1e-12
    )
    of_each = [
        [
            [np.mean((np.sign(risk[k] - risk[EVENT[k] != EVENT]) + 1) / 2) for k in np.flatnonzero(outcome == EVENT)]
            for risk in (first, second)
        ]
        for outcome in (True, False)
    ]
    # Against non-events and against events: the share below, whose complement has the same covariance.
    covariance = sum(np.cov(placements)[0, 1] / len(placements[0]) for placements in of_each)
    alone = binary.delong_variance(EVENT, first) + binary.delong_variance(EVENT, second)
    assert variance == pytest.approx(alone - 2 * covariance, abs=1e-12)


@quick
@given(RISKS)
def test_average_precision_is_that_of_scikit_learn(risk):
    area = binary.average_precision(EVENT, risk)
    assert area == pytest.approx(average_precision_score(EVENT, risk), abs=1e-12)
    assert binary.average_precision(EVENT, np.exp(3 * risk)) == pytest.approx(area, abs=1e-12)
    assert 0 < area <= 1


def test_average_precision_at_its_ends():
    assert binary.average_precision(EVENT, EVENT.astype(float)) == 1
    assert binary.average_precision(EVENT, np.full(EVENT.size, 0.2)) == pytest.approx(1 / 3), "useless: the prevalence"
    # Events ranked 1st and 3rd of 4: (1/2) (1) + (1/2) (2/3).
    by_hand = binary.average_precision(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1]))
    assert by_hand == pytest.approx(5 / 6)
    assert math.isnan(binary.average_precision(np.zeros(3, dtype=bool), np.array([0.1, 0.2, 0.3])))


@quick
@given(RISKS)
def test_auc_keeps_under_monotone_maps_and_turns_under_negation(risk):
    area = binary.auc(EVENT, risk)
    assert binary.auc(EVENT, np.exp(3 * risk) - 7) == pytest.approx(area, abs=1e-12)
    assert binary.auc(EVENT, -risk) == pytest.approx(1 - area, abs=1e-12)
    assert binary.delong_variance(EVENT, -risk) == pytest.approx(binary.delong_variance(EVENT, risk), abs=1e-12)
    pairs = np.sign(risk[EVENT][:, None] - risk[~EVENT])
    assert area == pytest.approx((pairs.mean() + 1) / 2, abs=1e-12)


@quick
@given(RISKS)
def test_brier_and_log_loss_are_proper(risk):
    """Bounds, and no constant risk does better than the prevalence."""
    assert 0 <= binary.brier(EVENT, risk) <= 1
    assert binary.log_loss(EVENT, risk) >= 0
    constant, prevalence = np.full(EVENT.size, risk[0]), np.full(EVENT.size, EVENT.mean())
    assert binary.brier(EVENT, constant) >= binary.brier(EVENT, prevalence) - 1e-12
    assert binary.log_loss(EVENT, constant) >= binary.log_loss(EVENT, prevalence) - 1e-12


def test_scores_by_hand():
    event, risk = np.array([True, False]), np.array([0.8, 0.4])
    assert binary.brier(event, risk) == pytest.approx((0.04 + 0.16) / 2)
    assert binary.log_loss(event, risk) == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)
    assert binary.scaled_brier(event, risk, 0.5) == pytest.approx(1 - 0.1 / 0.25)
    assert binary.scaled_brier(event, risk, np.array([0.5, 0.5])) == pytest.approx(1 - 0.1 / 0.25)
    assert binary.observed_expected(event, risk) == pytest.approx(1 / 1.2)
    assert binary.log_loss(event, np.array([0.0, 0.0])) == pytest.approx(-math.log(1e-15) / 2)


def test_scaled_brier_of_the_comparator_is_zero_and_of_the_truth_one():
    assert binary.scaled_brier(EVENT, np.full(EVENT.size, 1 / 3), 1 / 3) == 0
    assert binary.scaled_brier(EVENT, EVENT.astype(float), 1 / 3) == 1


def test_calibration_line_by_hand():
    # Two levels of risk, saturated: the line goes through the logits of the observed rates, 1/4 at .4 and 3/4 at .6.
    event = np.array([True, False, False, False, True, True, True, False])
    line = binary.calibration_line(event, np.repeat([0.4, 0.6], 4))
    assert line.intercept == pytest.approx(0, abs=1e-9)
    assert line.slope == pytest.approx(logit(0.75) / logit(0.6))


@quick
@given(arrays(float, EVENT.size, elements=st.floats(0.001, 0.999)), st.floats(-2, 2), st.floats(0.1, 3))
def test_calibration_line_follows_a_recalibration(risk, shift, stretch):
    line = binary.calibration_line(EVENT, risk)
    assume(math.isfinite(line.slope) and abs(line.slope) < 30)
    moved = binary.calibration_line(EVENT, expit(shift + stretch * logit(risk)))
    assert moved.slope == pytest.approx(line.slope / stretch, abs=1e-5, rel=1e-5)
    assert moved.intercept == pytest.approx(line.intercept - line.slope / stretch * shift, abs=1e-5, rel=1e-5)


@quick
@given(RISKS)
def test_calibration_in_the_large_makes_expected_equal_observed(risk):
    """Also for risks of exactly 0 and 1, where Newton's first steps are far off."""
    intercept = binary.calibration_in_the_large(EVENT, risk)
    fitted = expit(intercept + logit(np.clip(risk, 1e-15, 1 - 1e-15)))
    assert fitted.sum() == pytest.approx(EVENT.sum(), abs=1e-5)


def test_calibration_in_the_large_of_certain_risks():
    # Half of 24 patients at 1 - 1e-15 must carry 8 events: a = logit(8 / 12) - logit(1 - 1e-15), far from any start.
    intercept = binary.calibration_in_the_large(EVENT, np.repeat([0.0, 1.0], 12))
    assert intercept == pytest.approx(logit(2 / 3) - logit(1 - 1e-15), abs=1e-6)
    assert math.isnan(binary.calibration_in_the_large(EVENT, EVENT.astype(float)))  # a plateau: any intercept will do


@quick
@given(RISKS)
def test_calibration_line_solves_its_score_equations_or_says_nan(risk):
    line = binary.calibration_line(EVENT, risk)
    linear = logit(np.clip(risk, 1e-15, 1 - 1e-15))
    separated = linear[EVENT].min() >= linear[~EVENT].max() or linear[EVENT].max() <= linear[~EVENT].min()
    assert math.isnan(line.slope) == separated
    if not separated:
        residual = EVENT - expit(line.intercept + line.slope * linear)
        assert abs(residual.sum()) < 1e-5
        assert abs(residual @ linear) < 1e-4


@pytest.mark.parametrize(
    "risk",
    [[0.9, 0.8, 0.2, 0.1], [0.1, 0.2, 0.8, 0.9], [0.9, 0.5, 0.5, 0.1], [0.3, 0.3, 0.3, 0.3], [1.0, 1.0, 0.0, 0.0]],
    ids=["separated", "reversed", "touching", "constant", "certain"],
)
def test_no_calibration_line_where_none_exists(risk):
    line = binary.calibration_line(np.array([True, True, False, False]), np.array(risk))
    assert math.isnan(line.slope)
    assert math.isnan(line.intercept)


@pytest.mark.parametrize("outcome", [True, False])
def test_one_class_has_no_discrimination_and_no_calibration(outcome):
    event, risk = np.full(4, outcome), np.array([0.1, 0.2, 0.3, 0.4])
    for measure in (binary.auc, binary.delong_variance, binary.calibration_in_the_large):
        assert math.isnan(measure(event, risk))
    assert math.isnan(binary.calibration_line(event, risk).slope)


def test_one_patient_in_a_class_has_an_auc_but_no_variance():
    event, risk = np.array([True, False, False]), np.array([0.3, 0.4, 0.2])
    assert binary.auc(event, risk) == 0.5
    assert math.isnan(binary.delong_variance(event, risk))


def test_an_empty_table_is_not_estimable():
    event, risk = np.array([], dtype=bool), np.array([])
    for measure in (binary.auc, binary.brier, binary.log_loss, binary.observed_expected, binary.delong_variance):
        assert math.isnan(measure(event, risk))
    assert math.isnan(binary.average_precision(event, risk))
    assert math.isnan(binary.delong_difference_variance(event, risk, risk))
    assert math.isnan(binary.scaled_brier(event, risk, 0.5))
    assert math.isnan(binary.scaled_brier(np.array([False]), np.array([0.1]), 0.0))
    assert math.isnan(binary.observed_expected(np.array([True]), np.array([0.0])))


@pytest.mark.parametrize(
    ("event", "risk", "message"),
    [
        ([True, False], [0.5], "one length"),
        ([True, False], [0.5, float("nan")], "finite"),
        ([True, False], [0.5, 1.5], r"in \[0, 1\], got values from 0.5 to 1.5"),
    ],
)
def test_slips_are_refused(event, risk, message):
    with pytest.raises(ValueError, match=message):
        binary.brier(np.array(event), np.array(risk))


def test_newton_says_nan_where_there_is_no_maximum():
    flat = binary.maximise(lambda _: (0.0, np.ones(1), np.zeros((1, 1))), np.zeros(1))
    endless = binary.maximise(lambda at: (float(at[0]), np.ones(1), np.eye(1)), np.zeros(1))
    assert np.isnan(flat).all()
    assert np.isnan(endless).all()
