"""Risk-adjusted CUSUM: a path by hand, the chance of a false alarm, and how soon a real change is heard."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.training.transfer.cusum import watch


def risks(n, seed):
    return 1 / (1 + np.exp(-np.random.default_rng(seed).normal(-1.5, 1, n)))


def test_the_path_by_hand():
    # Steiner 2000: y ln R - ln(1 - p + R p) with R = 2 and p = 1/2 is -ln 1.5 without and ln 2 - ln 1.5 with the event.
    event = np.array([False, True, True, False])
    found = watch(event, np.full(4, 0.5), None, 2.0, false_alarms=0.05, seed=0, simulated=50)
    without, happened = -math.log(1.5), math.log(2) - math.log(1.5)
    assert found.path == pytest.approx([0, happened, 2 * happened, 2 * happened + without])


def test_the_path_of_survival_by_hand():
    event, met = np.array([True, False, True]), np.array([0.1, 0.8, 0.2])
    found = watch(event, met, met, 2.0, false_alarms=0.05, seed=0, simulated=50)
    first = math.log(2) - 0.1
    assert found.path == pytest.approx([first, max(0, first - 0.8), max(0, first - 0.8) + math.log(2) - 0.2])


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.sampled_from([2.0, 0.5, 1.3]))
def test_the_statistic_never_falls_below_zero(events, ratio):
    found = watch(np.array(events), np.full(len(events), 0.3), None, ratio, false_alarms=0.05, seed=0, simulated=20)
    assert (found.path >= 0).all()
    if found.alarm is not None:
        assert found.path[found.alarm] > found.limit
        assert 0 <= found.since <= found.alarm


@pytest.mark.parametrize("ratio", [2.0, 0.5])
def test_a_right_model_is_alarmed_about_as_often_as_stated(ratio):
    p, rng = risks(150, 1), np.random.default_rng(2)
    alarms = [
        watch(rng.random(150) < p, p, None, ratio, false_alarms=0.05, seed=s, simulated=300).alarm is not None
        for s in range(300)
    ]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize("ratio", [2.0, 0.5])
def test_so_is_a_right_survival_model(ratio):
    rng = np.random.default_rng(3)
    reach = rng.uniform(0.05, 0.8, 150)
    alarms = []
    for s in range(300):
        met = rng.standard_exponential(150)
        event = met < reach
        found = watch(event, np.minimum(met, reach), reach, ratio, false_alarms=0.05, seed=s, simulated=400)
        alarms.append(found.alarm is not None)
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize(("ratio", "odds"), [(2.0, 3.0), (0.5, 0.2)])
def test_a_change_is_heard_and_dated(ratio, odds):
    p, rng, since = risks(600, 4), np.random.default_rng(5), []
    for s in range(20):
        moved = np.where(np.arange(600) < 300, p, odds * p / (1 - p + odds * p))
        found = watch(rng.random(600) < moved, p, None, ratio, false_alarms=0.025, seed=s, simulated=400)
        assert found.alarm is not None
        since.append(found.since)
    assert np.median(since) == pytest.approx(300, abs=60)


def test_the_same_seed_gives_the_same_limit():
    p = risks(40, 6)
    event = np.zeros(40, dtype=bool)
    first, again = (watch(event, p, None, 2.0, false_alarms=0.05, seed=9).limit for _ in range(2))
    assert first == again > 0


@pytest.mark.parametrize("ratio", [1.0, 0.0, -2.0])
def test_a_ratio_that_is_no_departure_is_refused(ratio):
    with pytest.raises(ValueError, match="positive and not 1"):
        watch(np.array([True]), np.array([0.5]), None, ratio, false_alarms=0.05, seed=0)
