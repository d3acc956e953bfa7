"""Named streams, quotas, events with fixed totals, truncated log-normals."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from riskml.cohort.draws import Part, PartialStreams, Streams, events, largest_remainder, lognormal, quota

probabilities = arrays(float, st.integers(1, 40), elements=st.floats(0, 1))


def test_a_stream_is_known_by_its_name_alone():
    streams = Streams(5)
    first = streams("age").random(4)
    streams("a column added later").random(1000)
    assert np.array_equal(streams("age").random(4), first)
    assert not np.array_equal(streams("sex").random(4), first)
    assert not np.array_equal(Streams(6)("age").random(4), first)


@pytest.mark.parametrize(
    ("expected", "whole"),
    [
        ([3.9, 2.4, 1.7], [4, 2, 2]),  # sum 8: floors 3 + 2 + 1, the two left go to .9 and .7
        ([0.5], [1]),
        ([0.49], [0]),
        ([1 / 3] * 3, [1, 0, 0]),  # a tie goes to the first
        ([2.9999999999999996, 1.0], [3, 1]),
        ([0.0, 0.0], [0, 0]),
    ],
)
def test_largest_remainder_by_hand(expected, whole):
    assert largest_remainder(np.array(expected)).tolist() == whole


@given(arrays(float, st.integers(1, 12), elements=st.floats(0, 1000)))
def test_largest_remainder_stays_within_one_and_keeps_the_rounded_sum(expected):
    whole = largest_remainder(expected)
    assert np.all(np.abs(whole - expected) < 1 + 1e-6)
    assert abs(whole.sum() - expected.sum()) <= 0.5 + 1e-5


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8).filter(any), st.integers(1, 300))
def test_a_quota_fills_every_place(weights, size):
    counts = np.bincount(quota(weights, size, Streams(0)("q")), minlength=len(weights))
    assert counts.sum() == size
    assert np.all(np.abs(counts - size * np.array(weights) / sum(weights)) < 1)


def test_a_quota_of_its_own_size_is_exact_and_shuffled():
    drawn = quota([64, 41], 105, Streams(0)("sex"))
    assert np.bincount(drawn).tolist() == [64, 41]
    assert not np.array_equal(drawn, np.sort(drawn))


@given(probabilities, st.integers(0, 3))
def test_fixed_totals_meet_the_rounded_expectation(probability, modulus):
    groups = np.arange(len(probability)) % (modulus + 1)
    happened = events(probability, Streams(1)("e"), groups)
    assert abs(happened.sum() - probability.sum()) <= 0.5 + 1e-5
    assert not happened[probability == 0].any()
    for group in np.unique(groups):
        assert abs(happened[groups == group].sum() - probability[groups == group].sum()) < 1 + 1e-6


def test_given_the_total_every_set_of_rows_has_its_conditional_probability():
    # Two events among rows with odds 1, 1/3, 1/9, 3: P(set) is the product of its odds over the sum for all six pairs.
    probability = np.array([0.5, 0.25, 0.1, 0.75])
    odds = probability / (1 - probability)
    pairs = list(combinations(range(4), 2))
    weight = np.array([odds[list(pair)].prod() for pair in pairs])
    draws = 4000
    rng = Streams(3)("conditional")
    seen = dict.fromkeys(pairs, 0)
    for _ in range(draws):
        seen[tuple(np.flatnonzero(events(probability, rng, np.zeros(4, dtype=int))))] += 1
    share = weight / weight.sum()
    error = np.sqrt(share * (1 - share) / draws)
    assert np.all(np.abs(np.array(list(seen.values())) / draws - share) < 4 * error)


def test_without_groups_totals_vary_as_in_life():
    rng = Streams(4)("free")
    totals = [events(np.full(100, 0.2), rng, None).sum() for _ in range(400)]
    assert np.mean(totals) == pytest.approx(20, abs=4 * 4 / 20)
    assert np.std(totals) == pytest.approx(4, rel=0.15)  # sqrt(100 * .2 * .8)


def test_lognormal_has_its_median_and_keeps_its_limits():
    z = Streams(2)("z").standard_normal(20_000)
    values = lognormal(z, 0.5, 0.4, 0.01, 25.0)
    assert np.median(values) == pytest.approx(0.5, rel=0.03)
    assert np.std(np.log10(values)) == pytest.approx(0.4, rel=0.03)
    narrow = lognormal(z, 0.5, 0.4, 0.2, 0.6)
    assert narrow.min() >= 0.2
    assert narrow.max() <= 0.6
    assert np.array_equal(np.argsort(narrow), np.argsort(z)), "the cut keeps the order, so correlations survive"


def test_a_part_draws_what_the_whole_would():
    whole, drawn = Streams(5), {}
    rng = whole("words")
    words, second, numbers = rng.integers(0, 6, 10), rng.integers(0, 3, 10), whole("gaps").random(4)
    for rows, patients in (((0, 7), (0, 3)), ((7, 10), (3, 4))):
        part = PartialStreams(whole, Part(*rows, 10), Part(*patients, 4), drawn)
        generator = part("words")
        size = rows[1] - rows[0]
        assert generator.integers(0, 6, size).tolist() == words[slice(*rows)].tolist()
        assert generator.integers(0, 3, size).tolist() == second[slice(*rows)].tolist()
        people = part.of_patients("gaps").random(patients[1] - patients[0])
        assert people.tolist() == numbers[slice(*patients)].tolist()
