"""Sizes of effects against published worked values and each other."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.training.effect_sizes import NORMAL_95, from_counts, from_interval, from_p, from_survival

counts = st.integers(0, 500)


def test_half_a_patient_in_each_cell_is_firths_estimate_of_one_factor():
    # Firth logistic regression of the same tables: odds ratios 22.64 (2.91 to 175.98) and 12.18 (2.42 to 61.3).
    for table, ratio, limits in (
        (((4, 1), (5, 41)), 22.64, (2.91, 175.98)),
        (((7, 8), (2, 34)), 12.18, (2.42, 61.3)),
    ):
        size, error = from_counts(*table)
        assert math.exp(size) == pytest.approx(ratio, abs=0.005)
        assert math.exp(size - NORMAL_95 * error) == pytest.approx(limits[0], abs=0.01)
        assert math.exp(size + NORMAL_95 * error) == pytest.approx(limits[1], rel=0.001)


@given(counts, counts, counts, counts)
def test_turning_the_contrast_or_the_outcome_round_changes_the_sign(a, b, c, d):
    size, error = from_counts((a, b), (c, d))
    for turned in (from_counts((c, d), (a, b)), from_counts((b, a), (d, c))):
        assert turned == pytest.approx((-size, error))


@given(st.floats(-3, 3), st.floats(0.05, 2))
def test_an_interval_and_a_p_value_of_one_estimate_agree(size, error):
    limits = [math.exp(size + sign * NORMAL_95 * error) for sign in (-1, 1)]
    assert from_interval(math.exp(size), *limits) == pytest.approx((size, error))
    if 0.05 < abs(size / error) < 8:
        p = math.erfc(abs(size) / error / math.sqrt(2))
        assert from_p(math.exp(size), p) == pytest.approx((size, error), rel=1e-6)


def test_p_of_five_percent_is_the_edge_of_the_interval():
    size, error = from_p(2.0, 0.05)
    assert size - NORMAL_95 * error == pytest.approx(0, abs=1e-12)


def test_survival_by_hand():
    # S = exp(-1) against exp(-1/2): hazards 1 and 1/2, ratio 2; se of log(-log S) is se / (S |log S|).
    with_, without = math.exp(-1), math.exp(-0.5)
    size, error = from_survival(with_, without, standard_errors=[0.1 * with_, 0.1 * without])
    assert size == pytest.approx(math.log(2))
    assert error == pytest.approx(math.hypot(0.1, 0.2))
    limits = {
        key: [s * math.exp(sign * NORMAL_95 * 0.1) for s in (with_, without)]
        for key, sign in (("lower", -1), ("upper", 1))
    }
    assert from_survival(with_, without, **limits) == pytest.approx((size, error))


def test_survival_without_an_error_is_refused():
    with pytest.raises(ValueError, match="standard_errors"):
        from_survival(0.5, 0.7)
