"""Pooling against published analyses, cases solved by hand, the likelihood itself, and what rescaling must do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm, t

from riskml.training.metrics.pooling import pool, reml

# Colditz GA, et al. Efficacy of BCG vaccine in the prevention of tuberculosis. JAMA 1994;271:698-702: cases and others
# among the vaccinated, cases and others among the controls, in 13 trials.
BCG = np.array(
    [
        (4, 119, 11, 128),
        (6, 300, 29, 274),
        (3, 228, 11, 209),
        (62, 13536, 248, 12619),
        (33, 5036, 47, 5761),
        (180, 1361, 372, 1079),
        (8, 2537, 10, 619),
        (505, 87886, 499, 87892),
        (29, 7470, 45, 7232),
        (17, 1699, 65, 1600),
        (186, 50448, 141, 27197),
        (5, 2493, 3, 2338),
        (27, 16886, 29, 17825),
    ],
    dtype=float,
).T


def log_risk_ratios():
    cases, others, control_cases, control_others = BCG
    n, m = cases + others, control_cases + control_others
    return np.log(cases / n) - np.log(control_cases / m), np.sqrt(1 / cases - 1 / n + 1 / control_cases - 1 / m)


def log_odds_ratios():
    return np.log(BCG[0] * BCG[3] / (BCG[1] * BCG[2])), np.sqrt((1 / BCG).sum(axis=0))


def dersimonian_laird(y, s):
    """DerSimonian R, Laird N. Control Clin Trials 1986;7:177-188; for the test alone."""
    w = s**-2.0
    excess = w @ (y - w @ y / w.sum()) ** 2 - (len(y) - 1)
    return max(0.0, excess / (w.sum() - w @ w / w.sum()))


def restricted_deviance(tau2, y, s):
    v = tau2 + s**2
    mean = (y / v).sum() / (1 / v).sum()
    return np.log(v).sum() + np.log((1 / v).sum()) + ((y - mean) ** 2 / v).sum()


# ------------------------------------------------------------------------------------------------ published and by hand


def test_the_vaccine_trials_as_risk_ratios():
    """Viechtbauer W. J Stat Softw 2010;36(3), section 4 (metafor): REML tau2 0.3132, mean -0.7145 with standard error
    0.1798, I2 92.22 %; DerSimonian and Laird's tau2 0.3088."""
    y, s = log_risk_ratios()
    assert dersimonian_laird(y, s) == pytest.approx(0.3088, abs=5e-5)  # so these are the data of that page
    found = pool(y, s)
    assert found.tau**2 == pytest.approx(0.3132, abs=5e-5)
    assert found.value == pytest.approx(-0.7145, abs=5e-5)
    assert 100 * found.i2 == pytest.approx(92.22, abs=5e-3)
    weight = 1 / (0.3132 + s**2)
    assert 1 / math.sqrt(weight.sum()) == pytest.approx(0.1798, abs=5e-5)
    # Hartung and Knapp's own form of the error and its interval, from the published tau2.
    error = math.sqrt(weight @ (y + 0.7145) ** 2 / weight.sum() / 12)
    assert found.error == pytest.approx(error, abs=1e-4)
    assert (found.low, found.high) == pytest.approx(t.interval(0.95, 12, -0.7145, error), abs=3e-4)
    new = math.sqrt(0.3132 + error**2)
    ends = t.interval(0.95, 11, -0.7145, new)
    assert (found.prediction_low, found.prediction_high) == pytest.approx(ends, abs=3e-4)


def test_the_vaccine_trials_as_odds_ratios():
    """The same trials by metafor's default (REML) with measure OR: tau2 0.3378, mean -0.7452, I2 92.07 %."""
    found = pool(*log_odds_ratios())
    assert found.tau**2 == pytest.approx(0.3378, abs=5e-5)
    assert found.value == pytest.approx(-0.7452, abs=5e-5)
    assert 100 * found.i2 == pytest.approx(92.07, abs=5e-3)


def test_equal_errors_have_a_closed_form():
    """With one error s the REML estimate is var(y) - s2, the mean the plain one, q = 1 and t intervals follow."""
    y, s = np.array([0.1, 0.9, 0.5, 0.2]), 0.2
    found = pool(y, np.full(4, s))
    assert found.tau**2 == pytest.approx(np.var(y, ddof=1) - s**2, abs=1e-12)
    assert found.value == pytest.approx(y.mean())
    error = math.sqrt(np.var(y, ddof=1) / 4)
    assert found.error == pytest.approx(error)
    assert found.high - found.value == pytest.approx(t.ppf(0.975, 3) * error)
    assert found.prediction_high - found.value == pytest.approx(t.ppf(0.975, 2) * math.hypot(found.tau, error))
    assert found.i2 == pytest.approx(found.tau**2 / np.var(y, ddof=1))


def test_estimates_that_agree_keep_the_uncertainty_of_their_own_errors():
    found = pool([0.3, 0.3, 0.3, 0.3], [0.2, 0.2, 0.2, 0.2])
    assert (found.value, found.tau, found.i2) == (pytest.approx(0.3), 0.0, 0.0)
    assert found.error == pytest.approx(0.1)
    assert found.prediction_high - 0.3 == pytest.approx(t.ppf(0.975, 2) * 0.1)


def test_one_estimate_keeps_its_own_interval():
    found = pool([0.4], [0.1], level=0.9)
    assert (found.k, found.value, found.error) == (1, 0.4, 0.1)
    assert (found.low, found.high) == pytest.approx(norm.interval(0.9, 0.4, 0.1))
    assert all(math.isnan(x) for x in (found.tau, found.i2, found.prediction_low, found.prediction_high))


def test_two_estimates_have_an_interval_but_say_nothing_of_a_third():
    found = pool([0.0, 1.0], [0.1, 0.1])
    assert (found.k, found.value) == (2, pytest.approx(0.5))
    assert found.tau**2 == pytest.approx(0.5 - 0.01)
    assert found.high - 0.5 == pytest.approx(t.ppf(0.975, 1) * 0.5)
    assert math.isnan(found.prediction_low)
    assert math.isnan(found.prediction_high)


def test_what_cannot_be_pooled_is_left_out_and_counted():
    y = [0.1, math.nan, 0.9, 0.4, math.inf, 0.5, 0.2, 0.2]
    s = [0.2, 0.2, 0.2, math.nan, 0.2, 0.2, 0.0, -1.0]
    found = pool(y, s)
    alone = pool([0.1, 0.9, 0.5], [0.2, 0.2, 0.2])
    assert (found.k, found.left_out, alone.left_out) == (3, 5, 0)
    assert (found.value, found.low, found.tau) == (alone.value, alone.low, alone.tau)


def test_nothing_pools_to_nothing():
    found = pool([], [])
    assert (found.k, found.left_out) == (0, 0)
    assert all(math.isnan(x) for x in (found.value, found.low, found.high, found.tau, found.i2))
    assert pool([math.nan], [0.1]).left_out == 1


@pytest.mark.parametrize(
    ("arguments", "level", "words"),
    [
        (([0.1, 0.2], [0.1]), 0.95, "one length"),
        (([[0.1]], [[0.1]]), 0.95, "one length"),
        ((0.1, 0.1), 0.95, "one length"),
        (([0.1], [0.1]), 1.0, "level"),
        (([0.1], [0.1]), 0.0, "level"),
        (([0.1], [0.1]), math.nan, "level"),
    ],
)
def test_slips_are_refused(arguments, level, words):
    with pytest.raises(ValueError, match=words):
        pool(*arguments, level=level)


def test_errors_of_very_different_size_do_no_harm():
    found = pool([0.1, 0.2, 5.0], [1e-6, 1.0, 1e6])
    assert found.tau == 0.0
    assert found.value == pytest.approx(0.1, abs=1e-6)
    assert 0 <= found.i2 < 1
    wide = pool([0.0, 1e6, -1e6], [1e-6, 1e-6, 1e-6])
    assert wide.tau == pytest.approx(1e6)
    assert wide.i2 == pytest.approx(1.0)


# ----------------------------------------------------------------------------------------------------------- properties

studies = st.integers(3, 15).flatmap(
    lambda k: st.tuples(
        st.lists(st.floats(-3, 3), min_size=k, max_size=k), st.lists(st.floats(0.05, 2), min_size=k, max_size=k)
    )
)


@given(studies)
def test_no_other_variance_is_much_likelier(drawn):
    """The root against a search of the restricted likelihood between 0 and the spread of the estimates."""
    y, s = map(np.array, drawn)
    tau2 = reml(y, s)
    near = minimize_scalar(
        restricted_deviance, bounds=(0, 2 * tau2 + 1e-3), args=(y, s), method="bounded", options={"xatol": 1e-10}
    )
    if tau2 > 0:
        assert restricted_deviance(tau2, y, s) <= near.fun + 1e-7
    else:
        assert restricted_deviance(0.0, y, s) <= restricted_deviance(1e-6, y, s) + 1e-12


@given(studies, st.floats(-5, 5), st.floats(0.01, 100))
def test_shift_and_scale_go_through(drawn, shift, scale):
    y, s = map(np.array, drawn)
    before, after = pool(y, s), pool(shift + scale * y, scale * s)
    close = {"rel": 1e-6, "abs": 1e-6 * scale}
    for name in ("value", "low", "high", "prediction_low", "prediction_high"):
        assert getattr(after, name) == pytest.approx(shift + scale * getattr(before, name), **close)
    # The likelihood is flat where the root meets 0, so that tau itself is known to the root of what tau2 is.
    assert after.tau**2 == pytest.approx(scale**2 * before.tau**2, rel=1e-6, abs=1e-8 * scale**2)
    assert after.i2 == pytest.approx(before.i2, abs=1e-6)


@given(studies, st.randoms(use_true_random=False))
def test_the_order_of_centres_does_not_matter(drawn, random):
    pairs = list(zip(*drawn, strict=True))
    before = pool(*map(np.array, zip(*pairs, strict=True)))
    random.shuffle(pairs)
    after = pool(*map(np.array, zip(*pairs, strict=True)))
    assert after.value == pytest.approx(before.value, abs=1e-8)
    assert after.error == pytest.approx(before.error, rel=1e-6)


@given(studies)
def test_a_new_centre_is_never_more_certain_than_the_mean(drawn):
    found = pool(*drawn)
    assert found.prediction_low <= found.low <= found.value <= found.high <= found.prediction_high
    assert min(drawn[0]) - 1e-9 <= found.value <= max(drawn[0]) + 1e-9
    assert found.error >= 1 / math.sqrt((1 / (found.tau**2 + np.array(drawn[1]) ** 2)).sum()) - 1e-12
    assert 0 <= found.i2 < 1


@pytest.mark.parametrize(("k", "least"), [(8, 0.84), (60, 0.92)])
def test_intervals_cover(k, least):
    """1,000 analyses of centres of unequal size, tau 0.3. The interval for a new centre falls short with few of them,
    as Partlett and Riley found (Stat Med 2017;36:301-317); that of the mean does not."""
    rng = np.random.default_rng(3)
    errors, covered, foreseen = np.linspace(0.1, 0.5, k), 0, 0
    for _ in range(1000):
        true = rng.normal(0.7, 0.3, k + 1)
        found = pool(rng.normal(true[:k], errors), errors)
        covered += found.low <= 0.7 <= found.high
        foreseen += found.prediction_low <= true[k] <= found.prediction_high
    assert 0.93 <= covered / 1000 <= 0.98
    assert least <= foreseen / 1000 <= 0.97
