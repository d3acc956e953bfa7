"""Net benefit of bootstrap samples is the decision curve of each, however it is computed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from riskml.training.judge import benefit
from riskml.training.judge.benefit import benefit_draws, curve_of, exact_ends
from riskml.training.metrics.intervals import resamples
from tests.training.judge.outcomes import KINDS, drawn, of_binary

GRID = np.array([0.05, 0.1, 0.2, 0.35, 0.6, 0.95])


def one_by_one(sample, grid, draws):
    curves = [curve_of(sample.take(rows), grid) for rows in draws]
    return np.array([c.net_benefit for c in curves]), np.array([c.prevalence for c in curves])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block", [1, 2**21])
def test_all_at_once_is_one_by_one(kind, block, monkeypatch):
    monkeypatch.setattr(benefit, "BLOCK", block)
    sample = drawn(kind, n=60, seed=1)
    draws = list(resamples(sample.patient, 20, seed=4))
    for found, expected in zip(benefit_draws(sample, GRID, iter(draws)), one_by_one(sample, GRID, draws), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


@settings(max_examples=60)
@given(st.data())
def test_tied_times_and_short_follow_up_too(data):
    n = data.draw(st.integers(2, 14))
    whole = drawn(data.draw(st.sampled_from(["survival", "competing"])), n=n, seed=data.draw(st.integers(0, 9)))
    time = np.array(data.draw(st.lists(st.integers(1, 15), min_size=n, max_size=n)), dtype=float)
    whole.time[:] = time  # months in whole numbers, the horizon 12 among them; nan where the treated are not followed
    draws = [np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=n))) for _ in range(3)]
    for found, expected in zip(benefit_draws(whole, GRID, draws), one_by_one(whole, GRID, draws), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_courses_of_a_patient_make_samples_of_different_size():
    sample = drawn("survival", n=30)
    draws = [np.arange(30), np.arange(12), np.repeat(np.arange(20), 3)]
    found, _ = benefit_draws(sample, GRID, draws)
    np.testing.assert_allclose(found, one_by_one(sample, GRID, draws)[0], atol=1e-12)
    np.testing.assert_allclose(found[0], curve_of(sample, GRID).net_benefit, atol=1e-12)


def test_exact_ends_are_those_of_the_two_rates():
    # 30 treated with 12 events, 20 untreated with 1; at t = 0.2 acting on all gives what the untreated add.
    event = np.repeat([True, False, True, False], [12, 18, 1, 19])
    sample = of_binary(event, np.repeat([0.5, 0.1], [30, 20]))
    over_all, over_none = exact_ends(sample, np.array([0.2]))
    treated, untreated = (binomtest(k, n).proportion_ci(0.95, method="exact") for k, n in ((12, 30), (1, 20)))
    assert over_none == pytest.approx([0.6 * (end - 0.2) / 0.8 for end in (treated.low, treated.high)])
    assert over_all == pytest.approx([0.4 * (0.2 - end) / 0.8 for end in (untreated.high, untreated.low)])


def test_nobody_on_a_side_has_no_rate():
    sample = of_binary(np.arange(20) % 2 == 0, np.full(20, 0.3))
    (low, _), (above, _) = exact_ends(sample, np.array([0.1, 0.9]))
    assert np.isnan(low).tolist() == [True, False]
    assert np.isnan(above).tolist() == [False, True]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_gained_lies_between_its_ends(kind):
    sample = drawn(kind)
    grid = np.array([0.15, 0.25, 0.35])
    curve, ends = curve_of(sample, grid), exact_ends(sample, grid)
    for gain, (low, high) in zip((curve.net_benefit - curve.treat_all, curve.net_benefit), ends, strict=True):
        assert ((low < gain) & (gain < high)).all()
