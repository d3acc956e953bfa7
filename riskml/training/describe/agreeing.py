"""What a reader can still say where counts are hidden: computed from the printed texts alone, so it tells nothing new.

Where a table of two columns shows its margins, a hidden count lies between two numbers. A share, an interval or a test
is then given as what holds for every table that agrees with the print.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.describe.disclosure import BLURRED, exact
from riskml.training.describe.group_tests import fisher, risk_difference, wilson
from riskml.training.describe.table import NOT_SHOWN

IntArray = NDArray[np.int64]
LIMIT = 0.05
MOST_TABLES = 400
_MOST_TRIED = 20_000


def agreeing(rows: Sequence[Sequence[str]], whole: Sequence[str]) -> IntArray | None:
    """Every table of two columns that is possible, given what is printed of it.

    Parameters
    ----------
    rows : sequence of (str, str, str)
        Of each level the first column, the second and both together, as printed.
    whole : (str, str)
        Sums of the first and of the second column, as printed.

    Returns
    -------
    int array of shape (n_tables, n_levels, 2) or None
        None where the sums are not printed, or more than ``MOST_TABLES`` tables agree.

    Examples
    --------
    >>> agreeing([("5 or more", "5 or more", "40"), ("<5", "5 or more", "11")], ("9", "42"))[:, :, 0].tolist()
    [[8, 1], [7, 2], [6, 3], [5, 4]]
    """
    if not rows or not all(map(exact, whole)):
        return None
    sums = np.array([_number(text) for text in whole])
    each = [_pairs(row, sums) for row in rows]
    *others, last = sorted(range(len(rows)), key=lambda place: len(each[place]))
    if math.prod(len(each[place]) for place in others) > _MOST_TRIED:
        return None
    possible = {tuple(pair) for pair in each[last].tolist()}
    found = []
    for chosen in product(*(each[place].tolist() for place in others)):
        rest = (int(sums[0] - sum(pair[0] for pair in chosen)), int(sums[1] - sum(pair[1] for pair in chosen)))
        if rest in possible:
            found.append([pair for _, pair in sorted(zip((*others, last), (*chosen, rest), strict=True))])
            if len(found) > MOST_TABLES:
                return None
    return np.array(found, dtype=np.int64) if found else None


def counts_text(tables: IntArray, row: int) -> tuple[str, str, str]:
    """Size of a level, its first column with the share, Wilson's interval in percent: the ends of all that agree."""
    first, size = tables[:, row, 0], tables[:, row].sum(axis=1)
    share = 100 * first / size
    ends = [wilson(count, n) for count, n in {*zip(first.tolist(), size.tolist(), strict=True)}]
    interval = f"{100 * min(end.low for end in ends):.0f} to {100 * max(end.high for end in ends):.0f}"
    return _span(size), f"{_span(first)} ({_between(share)} %)", interval


def span_text(tables: IntArray, row: int, column: int, printed: str) -> str:
    """The printed count, or between which numbers it lies where it was blurred.

    Examples
    --------
    >>> rows = [("5 or more", "<5", "11"), ("5 or more", "5 or more", "94")]
    >>> span_text(agreeing(rows, ("51", "54")), 0, 0, "5 or more")
    '7 to 10'
    """
    return _span(tables[:, row, column]) if printed == BLURRED else printed


def difference_text(tables: IntArray, row: int) -> str:
    """Percentage points between which the interval lies of the share of the first column less that of the second."""
    found = []
    for one in np.unique(np.stack([tables[:, row], tables.sum(axis=1)], axis=1), axis=0).tolist():
        (a, b), (n, m) = one
        found.append(risk_difference((a, n - a), (b, m - b)))
    return f"{100 * min(one.low for one in found):z.0f} to {100 * max(one.high for one in found):z.0f}"


def p_bound(tables: IntArray, rows: Sequence[int]) -> str:
    """Side of 0.05 on which Fisher's P of these rows lies in all that agree; ``NOT_SHOWN`` where they differ."""
    different = np.unique(tables[:, list(rows)], axis=0)
    values = [fisher(one).p_value for one in different]
    if any(map(math.isnan, values)):
        return NOT_SHOWN
    return f"≥{LIMIT}" if min(values) >= LIMIT else f"<{LIMIT}" if max(values) < LIMIT else NOT_SHOWN


def _pairs(row: Sequence[str], sums: IntArray) -> IntArray:
    """Both counts of one level, as its three texts leave them possible, shape (n_pairs, 2)."""
    (low, high), (other_low, other_high), (least, most) = map(_range, row)
    first = np.arange(low, min(high, int(sums[0])) + 1)
    second = np.arange(other_low, min(other_high, int(sums[1])) + 1)
    pairs = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1).reshape(-1, 2)
    size = pairs.sum(axis=1)
    possible: IntArray = pairs[(size >= least) & (size <= most)]
    return possible


def _range(text: str) -> tuple[int, int]:
    """Least and largest count that a printed text leaves possible."""
    if exact(text):
        return _number(text), _number(text)
    if text == f"<{SMALLEST_CELL}":
        return 1, SMALLEST_CELL - 1
    return (SMALLEST_CELL if text == BLURRED else 0), 10**9


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _span(counts: IntArray) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _between(share: NDArray[np.float64]) -> str:
    low, high = f"{share.min():.0f}", f"{share.max():.0f}"
    return low if low == high else f"{low} to {high}"
