"""Tables over the subsets of a few inputs: bit i of an index says whether input i is in the subset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from math import comb
from operator import itemgetter, mul, sub

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    Pick = Callable[[Sequence[float]], tuple[float, ...]]


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
    if n_names < 2:
        return [table[1] - table[0]] if n_names else []
    return [
        sum(map(mul, weights, map(sub, with_it(table), without(table))))
        for weights, with_it, without in _joining(n_names)
    ]


@lru_cache(maxsize=16)
def _joining(n_names: int) -> list[tuple[list[float], Pick, Pick]]:
    """For each input the weight of every subset without it, and what takes these subsets with and without it."""
    weights = [1 / (n_names * comb(n_names - 1, k)) for k in range(n_names)]
    found: list[tuple[list[float], Pick, Pick]] = []
    for bit in (1 << i for i in range(n_names)):
        without = [subset for subset in range(1 << n_names) if not subset & bit]
        ordering = [weights[subset.bit_count()] for subset in without]
        found.append((ordering, itemgetter(*(subset | bit for subset in without)), itemgetter(*without)))
    return found
