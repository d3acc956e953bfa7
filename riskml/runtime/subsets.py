"""Tables over the subsets of a few inputs: bit i of an index says whether input i is in the subset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb
from operator import mul, sub


def halves(i: int, size: int) -> Iterator[tuple[slice, slice]]:
    """Slices of the subsets without input i, and of the same with it, in as few pieces as there can be."""
    bit = 1 << i
    if 2 * bit * bit <= size:
        for k in range(bit):
            yield slice(k, None, 2 * bit), slice(k + bit, None, 2 * bit)
    else:
        for k in range(0, size, 2 * bit):
            yield slice(k, k + bit), slice(k + bit, k + 2 * bit)


def shapley_of_table(table: Sequence[float], n_names: int) -> list[float]:
    """Shapley value of each input in the game whose worth for every subset is in ``table`` (Shapley LS, 1953)."""
    size = 1 << n_names
    weights = [1 / (n_names * comb(n_names - 1, k)) for k in range(n_names)] + [0.0]
    ordering = [weights[subset.bit_count()] for subset in range(size)]
    return [
        sum(sum(map(mul, ordering[low], map(sub, table[high], table[low]))) for low, high in halves(i, size))
        for i in range(n_names)
    ]
