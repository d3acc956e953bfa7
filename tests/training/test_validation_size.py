"""External validation: the numbers of pmvalsampsize's own tests, and simulation where it simulates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from riskml.training.sample_size import log_odds_grid
from riskml.training.validation_size import (
    c_interval,
    c_variance,
    size_for_c,
    size_for_net_benefit,
    size_for_oe,
    size_for_slope,
    validation_sizes,
)

NON_RESPONSE, ICANS = 9 / 51, 6 / 125


@pytest.mark.parametrize(("prevalence", "patients"), [(NON_RESPONSE, 449), (ICANS, 1907)])
def test_observed_expected(prevalence, patients):
    assert size_for_oe(prevalence) == patients


@pytest.mark.parametrize(
    ("prevalence", "width", "patients"),
    [(NON_RESPONSE, 0.1, 519), (ICANS, 0.1, 1646), (NON_RESPONSE, 0.2, 131), (ICANS, 0.2, 413), (0.018, 0.1, 4252)],
)
def test_c_statistic_of_0_8(prevalence, width, patients):
    """The last is pmvalsampsize's."""
    assert size_for_c(0.8, prevalence, width) == patients


def test_the_tests_of_pmvalsampsize():
    """Prevalence .018: O/E 905, where it takes the first of its steps of .0001 in the standard error that does; the
    slope 4544 and 17080, each from a million simulated patients.
    """
    oe_se = math.asinh(0.5) / 1.96  # exp(1.96 se) - exp(-1.96 se) = 1
    assert size_for_oe(0.018, oe_se) == pytest.approx(905, abs=1)
    nodes, weight = np.polynomial.hermite_e.hermegauss(80)
    slope_se = 0.2 / (2 * 1.96)
    assert size_for_slope(-5 + 2.5 * nodes, weight / weight.sum(), slope_se) == pytest.approx(4544, rel=0.01)
    log_odds, weight, _ = log_odds_grid(0.8, 0.018)
    assert size_for_slope(log_odds, weight, slope_se) == pytest.approx(17080, rel=0.01)


def test_the_slope_has_the_standard_error_that_was_asked_for():
    """Refit the slope in 300 validations of that size."""
    log_odds, weight, _ = log_odds_grid(0.75, 0.3)
    n, rng = size_for_slope(log_odds, weight), np.random.default_rng(3)
    slopes = []
    for _ in range(300):
        drawn = rng.choice(log_odds, n, p=weight)
        event = rng.random(n) < expit(drawn)
        slopes.append(LogisticRegression(C=np.inf).fit(drawn[:, None], event).coef_[0, 0])
    assert np.std(slopes) == pytest.approx(0.102, rel=0.12)
    assert np.mean(slopes) == pytest.approx(1, abs=0.03)


def test_net_benefit_has_the_width_that_was_asked_for():
    prevalence, threshold, sensitivity, specificity = 0.2, 0.15, 0.8, 0.6
    n, rng = size_for_net_benefit(sensitivity, specificity, prevalence, threshold), np.random.default_rng(4)
    event = rng.random((4000, n)) < prevalence
    treated = rng.random((4000, n)) < np.where(event, sensitivity, 1 - specificity)
    odds = threshold / (1 - threshold)
    benefit = ((treated & event).mean(axis=1) - odds * (treated & ~event).mean(axis=1)) / event.mean(axis=1)
    assert 2 * 1.96 * benefit.std() == pytest.approx(0.2, rel=0.05)


def test_sensitivity_and_specificity_of_the_sizes_are_those_of_the_distribution():
    """At the threshold whose log-odds split the groups evenly, both are the same by symmetry; else by simulation."""
    c, prevalence, threshold = 0.8, 0.1, 0.2
    rng = np.random.default_rng(5)
    event = rng.random(400_000) < prevalence
    mu = math.sqrt(2) * 0.8416212
    risk = expit(math.log(1 / 9) - mu**2 / 2 + mu * (rng.standard_normal(event.size) + mu * event))
    expected = size_for_net_benefit(
        float((risk[event] > threshold).mean()), float((risk[~event] <= threshold).mean()), prevalence, threshold
    )
    assert validation_sizes(c, prevalence, threshold)["net_benefit"] == pytest.approx(expected, rel=0.02)


@given(st.floats(0.55, 0.95), st.floats(0.02, 0.98), st.floats(0.05, 0.3))
def test_the_c_interval_is_as_wide_as_asked(c, share, width):
    n = size_for_c(c, share, width)
    assert 2 * 1.96 * math.sqrt(c_variance(c, share, n)) <= width * (1 + 1e-9)
    assert n <= 2 or 2 * 1.96 * math.sqrt(c_variance(c, share, n - 1)) > width * (1 - 1e-9)


@given(st.floats(0.501, 0.9999), st.floats(0.001, 0.999), st.integers(1, 10**6))
def test_an_expected_interval_holds_the_value_and_stays_inside(c, share, patients):
    low, high = c_interval(c, share, patients)
    assert 0 <= low < c < high <= 1


def test_a_threshold_is_the_prevalence_unless_it_is_given():
    assert validation_sizes(0.7, 0.2) == validation_sizes(0.7, 0.2, 0.2) != validation_sizes(0.7, 0.2, 0.4)


@pytest.mark.parametrize("wrong", [(0.7, 0.2, 0.0), (0.7, 0.2, 1.0), (0.5, 0.2, None), (0.7, 1.0, None)])
def test_what_lies_outside_is_refused(wrong):
    with pytest.raises(ValueError, match="between"):
        validation_sizes(*wrong)
