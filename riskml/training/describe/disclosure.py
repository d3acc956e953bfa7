"""Counts that add up to each other, written so that no count of 1 to 4 can be worked out from those that are shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from riskml.runtime.small_cells import SMALLEST_CELL, count, counts_of_a_whole
from riskml.training.describe.table import NOT_SHOWN

FloatArray = NDArray[np.float64]
Relation: TypeAlias = tuple[Sequence[int], int]
BLURRED = f"{SMALLEST_CELL} or more"


def protected(
    counts: Sequence[int],
    relations: Sequence[Relation],
    public: Collection[int] = (),
    unseen: Collection[int] = (),
    *,
    internal: bool,
) -> list[str]:
    """Counts as text; unless ``internal``, those of 1 to 4 are ``"<5"`` and no sum or difference tells one of them.

    Small counts are hidden first. Then, as long as the counts shown leave a hidden one a single value, the smallest
    other count that stands in a sum with it is blurred too (complementary suppression), and where there is none left,
    the counts beside it lose their range. At the end every count is given back that need not have been hidden.
    Whether a value can be worked out is not guessed: its least and largest value are found among all whole numbers
    that agree with what is shown.

    Parameters
    ----------
    counts : sequence of int, length n_counts
        Patients or courses, none negative.
    relations : sequence of (parts, whole)
        Positions of counts that add up to the count at ``whole``.
    public : collection of int
        Positions of counts that stand elsewhere as well, such as the size of the cohort: never blurred.
    unseen : collection of int
        Positions of counts that are not written at all, and must not follow from the others either.
    internal : bool
        Show everything.

    Returns
    -------
    list of str of length n_counts
        The number, ``"<5"``, ``"5 or more"``, or ``"not shown"`` where not even a range can be given.

    References
    ----------
    Hundepool A et al. Statistical Disclosure Control. Wiley 2012, chapter 4 (complementary suppression, auditing).

    Examples
    --------
    >>> protected([42, 40, 2], [((1, 2), 0)], {0}, internal=False)
    ['42', '5 or more', '<5']
    """
    if internal:
        return [f"{number:,}" for number in counts]
    values = np.asarray(counts, dtype=np.float64)
    ranges = _Ranges(values, relations, list(unseen))
    free = {place for place, number in enumerate(counts) if number >= SMALLEST_CELL}
    free -= {*public, *unseen}
    waiting = ranges.small.tolist()
    while waiting:
        place = waiting[0]
        mates = ranges.near(place) - set(public) - ranges.wide
        if not ranges.tell(place):
            waiting.pop(0)  # hiding more only widens its range
        elif free:
            free.remove(chosen := min(free, key=lambda other: (other not in mates, values[other], other)))
            ranges.blur(chosen)
        elif mates:
            ranges.widen(mates)
        else:
            waiting.pop(0)  # what stands elsewhere tells it already
    ranges.give_back()
    return ranges.texts()


class _Ranges:
    """What each count can be as far as a reader is told, beside the sums."""

    def __init__(self, values: FloatArray, relations: Sequence[Relation], unseen: list[int]) -> None:
        self.values, self.relations = values, relations
        self.matrix = np.zeros((len(relations), len(values)))
        for row, (parts, whole) in enumerate(relations):
            self.matrix[row, list(parts)] += 1
            self.matrix[row, whole] -= 1
        is_small = (values > 0) & (values < SMALLEST_CELL)
        self.small = np.flatnonzero(is_small)
        self.plain = np.array([np.where(is_small, 1, values), np.where(is_small, SMALLEST_CELL - 1, values)])
        self.plain[0, unseen], self.plain[1, unseen] = 0, np.inf
        self.low, self.high = self.plain.copy()
        self.wide = set(unseen)
        self.tables = [values]  # whole numbers that agree with the sums: the truth first

    def blur(self, place: int) -> None:
        self.low[place], self.high[place] = SMALLEST_CELL, np.inf

    def widen(self, places: Collection[int]) -> None:
        self.wide |= set(places)
        self.low[list(places)], self.high[list(places)] = 0, np.inf

    def near(self, place: int) -> set[int]:
        """The count itself and those that stand in a sum with it."""
        sums = ({*parts, whole} for parts, whole in self.relations)
        return {place}.union(*(members for members in sums if place in members))

    def tell(self, place: int) -> bool:
        """Whether one value alone agrees with the ranges and the sums."""
        if not self.relations:
            return False
        tables = np.array(self.tables)  # found before; those that still agree with what is shown spare a search
        agree = np.all((tables >= self.low) & (tables <= self.high), axis=1)
        if np.any(tables[agree, place] != self.values[place]):
            return False
        sums, bounds = LinearConstraint(self.matrix, 0.0, 0.0), Bounds(self.low, self.high)
        for sign in (1.0, -1.0):
            cost, whole = np.zeros(len(self.low)), np.ones(len(self.low))
            cost[place] = sign
            found = milp(cost, integrality=whole, bounds=bounds, constraints=sums)
            if found.status != 0:
                return False  # there is no largest value
            table = np.rint(found.x)
            if table[place] != self.values[place]:
                self.tables.append(table)
                return False
        return True

    def give_back(self) -> None:
        """Show again, the largest first, what was hidden for another's sake and turns out not to be needed."""
        told = {place for place in self.small.tolist() if self.tell(place)}
        hidden = np.flatnonzero(np.isinf(self.high) & np.isfinite(self.plain[1])).tolist()
        for place in sorted(hidden, key=lambda other: -self.values[other]):
            before = self.low[place], self.high[place]
            self.low[place], self.high[place] = self.plain[:, place]
            if any(self.tell(other) for other in self.small.tolist() if other not in told):
                self.low[place], self.high[place] = before
            else:
                self.wide.discard(place)

    def texts(self) -> list[str]:
        blurred = np.isinf(self.high)
        return [
            NOT_SHOWN if place in self.wide else BLURRED if blurred[place] else count(int(number))
            for place, number in enumerate(self.values)
        ]


def settled(places: Sequence[int], counts: Sequence[int]) -> set[int]:
    """Those places of a whole whose counts any table would show, since no small one follows from them.

    Examples
    --------
    >>> sorted(settled([7, 8, 9], [40, 30, 0])), sorted(settled([7, 8], [40, 2]))
    ([7, 8, 9], [])
    """
    shown = zip(places, counts, counts_of_a_whole(counts), strict=True)
    return {place for place, number, text in shown if text == f"{number:,}"}


def exact(text: str) -> bool:
    """Whether a count was written as it is."""
    return text[:1].isdigit() and text != BLURRED


def with_share(text: str, whole: str) -> str:
    """``"12 (29 %)"`` where both the count and the one it is a share of are shown, else the count as it is written."""
    if not (exact(text) and exact(whole)) or whole == "0":
        return text
    part, total = (int(number.replace(",", "")) for number in (text, whole))
    return f"{text} ({100 * part / total:.0f} %)"
