"""Tables over subsets: slices that pair every subset with its larger neighbour, and Shapley's own definition."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.runtime.subsets import halves, shapley_of_table


@pytest.mark.parametrize(("n", "i"), [(n, i) for n in range(1, 9) for i in range(n)])
def test_halves_pair_each_subset_without_an_input_with_the_same_and_that_input(n, i):
    table = list(range(1 << n))
    pairs = [pair for low, high in halves(i, 1 << n) for pair in zip(table[low], table[high], strict=True)]
    assert sorted(pairs) == [(s, s | 1 << i) for s in table if not s >> i & 1]


@pytest.mark.parametrize("n", range(1, 13))
def test_halves_are_few_pieces(n):
    assert all(len(list(halves(i, 1 << n))) <= 2 ** (n / 2) for i in range(n))


def by_definition(table: list[float], n: int) -> list[float]:
    """What an input adds on joining, averaged over every order of joining."""
    total = [0.0] * n
    for order in permutations(range(n)):
        seen = 0
        for i in order:
            total[i] += table[seen | 1 << i] - table[seen]
            seen |= 1 << i
    return [part / factorial(n) for part in total]


games = st.integers(1, 5).flatmap(
    lambda n: st.tuples(st.just(n), st.lists(st.floats(-10, 10), min_size=1 << n, max_size=1 << n))
)


@given(games)
def test_shapley_values_are_those_of_the_definition_and_add_up(game):
    n, table = game
    found = shapley_of_table(table, n)
    assert found == pytest.approx(by_definition(table, n), abs=1e-12)
    assert sum(found) == pytest.approx(table[-1] - table[0], abs=1e-12)


@given(games, games)
def test_shapley_values_of_a_sum_are_the_sum_of_shapley_values(one, other):
    n = min(one[0], other[0])
    a, b = one[1][: 1 << n], other[1][: 1 << n]
    both = shapley_of_table([x + 2 * y for x, y in zip(a, b, strict=True)], n)
    apart = zip(shapley_of_table(a, n), shapley_of_table(b, n), strict=True)
    assert both == pytest.approx([x + 2 * y for x, y in apart], abs=1e-12)


def test_a_dummy_has_value_zero_exactly_and_nothing_has_no_values():
    # Worth 0.1 with the first input, 0.3 with the second, 0.7 with both; the third never matters.
    assert shapley_of_table([0.0, 0.1, 0.3, 0.7] * 2, 3) == pytest.approx([0.25, 0.45, 0.0], abs=1e-15)
    assert shapley_of_table([0.0, 0.1, 0.3, 0.7] * 2, 3)[2] == 0.0
    assert shapley_of_table([0.4], 0) == []


def test_the_glove_game():
    # One left glove and two right ones; a pair is worth 1: 2/3, 1/6, 1/6 (Shapley & Shubik).
    worth = [float(s & 1 and s > 1) for s in range(8)]
    assert shapley_of_table(worth, 3) == pytest.approx([2 / 3, 1 / 6, 1 / 6])
