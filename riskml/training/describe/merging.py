"""Levels joined until none of them is small: what is shared shows larger groups before it hides small ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.describe.grouping import NOT_KNOWN, Grouping

IntArray = NDArray[np.int64]
# Levels that the dictionary lists from one end to the other; groups made by cutting a number lie in a row as well.
ORDERED = ("disease_class_initial", "disease_status_at_start", "cns_status")
MOST_LEVELS = 12  # whose divisions are all tried
MOST_NAMED = 2  # a group of more levels is called "other"


def joined(counts: ArrayLike, *, ordered: bool, least: int = 2) -> list[tuple[int, ...]]:
    """Which levels to put together so that no cell of 1 to 4 is left, or, where that cannot be, no small level.

    Of levels that lie in a row, neighbours are joined; of others the smallest, to one group. Of all ways that leave no
    small cell the one with most groups is taken, and of these the one whose smallest group is largest. Where none does,
    levels that are themselves small are joined in the same way.

    Parameters
    ----------
    counts : int array of shape (n_levels, n_columns)
        Patients in each level, in columns that exclude each other (such as with and without an event).
    ordered : bool
        Whether only neighbours may be joined.
    least : int
        Fewest groups that still compare something.

    Returns
    -------
    list of tuple of int
        Positions of the levels of each group, in the order of their first.

    References
    ----------
    Hundepool A et al. Statistical Disclosure Control. Wiley 2012, chapter 4 (table redesign before suppression).

    Examples
    --------
    >>> joined([[8, 22], [4, 26], [1, 44]], ordered=True)
    [(0,), (1, 2)]
    >>> joined([[3], [40], [60]], ordered=False)
    [(0, 1), (2,)]
    """
    table = np.asarray(counts, dtype=np.int64)
    if table.ndim != 2 or (table < 0).any():
        raise ValueError(f"counts need two dimensions and no negative number, got {table.tolist()!r}")
    alone: list[tuple[int, ...]] = [(level,) for level in range(len(table))]
    for cells in (table, table.sum(axis=1, keepdims=True)):
        ways = [way for way in _ways(table.sum(axis=1), ordered=ordered) if len(way) >= least and _clean(cells, way)]
        if ways:
            return max(ways, key=lambda way: (len(way), min(int(table[list(group)].sum()) for group in way)))
    return alone


def _ways(size: IntArray, *, ordered: bool) -> Iterator[list[tuple[int, ...]]]:
    """All divisions into neighbours; or the levels as they are, then with the smallest two, three, ... joined."""
    levels = range(len(size))
    if ordered and len(size) <= MOST_LEVELS:
        for cuts in product((False, True), repeat=max(len(size) - 1, 0)):
            ends = [0, *(place for place, cut in enumerate(cuts, start=1) if cut), len(size)]
            yield [tuple(levels[start:end]) for start, end in pairwise(ends)]
        return
    yield [(level,) for level in levels]
    rising = sorted(levels, key=lambda level: (size[level], level))
    for number in range(2, len(size)):
        small = tuple(sorted(rising[:number]))
        yield sorted([small, *((level,) for level in rising[number:])])


def _clean(cells: IntArray, way: Sequence[tuple[int, ...]]) -> bool:
    sums = np.array([cells[list(group)].sum(axis=0) for group in way])
    return not ((sums > 0) & (sums < SMALLEST_CELL)).any()


def is_ordered(name: str) -> bool:
    """Whether the levels of a variable lie in a row, so that only neighbours may be joined."""
    definition = load_dictionary().definitions.get(name)
    return name in ORDERED or (definition is not None and bool(definition.cuts))


def name_of(levels: Sequence[str]) -> str:
    """What levels are called together.

    Examples
    --------
    >>> name_of(["CR-MRDpos", "CR-MRDneg"]), name_of(["a", "b", "c"])
    ('CR-MRDpos or CR-MRDneg', 'other')
    """
    return " or ".join(levels) if len(levels) <= MOST_NAMED else "other"


def merged(groups: Grouping, counts: ArrayLike, *, ordered: bool) -> Grouping:
    """The grouping with its known levels joined as `joined` says; who is not known stays apart.

    Parameters
    ----------
    groups : Grouping
    counts : int array of shape (n_known_levels, n_columns)
        Of the levels that ``groups.known`` lists.
    ordered : bool

    Returns
    -------
    Grouping
        With the levels themselves, in their order, where nothing had to be joined.
    """
    sets = (
        joined(counts, ordered=ordered) if len(groups.known) > 1 else [(place,) for place in range(len(groups.known))]
    )
    if len(sets) == len(groups.known):
        return groups
    members = [[groups.known[place] for place in group] for group in sets]
    names = [name_of([groups.levels[code] for code in codes]) for codes in members]
    if len(set(names)) < len(names):  # two groups of neighbours, both of many
        names = [" or ".join(groups.levels[code] for code in codes) for codes in members]
    place = np.full(len(groups.levels), len(names))
    for new, codes in enumerate(members):
        place[codes] = new
    rest = (NOT_KNOWN,) if NOT_KNOWN in groups.levels else ()
    return replace(groups, levels=(*names, *rest), code=place[groups.code])
