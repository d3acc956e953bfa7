"""The rule for counts of patients in anything that leaves the training site: 1 to 4 are not shown."""

from __future__ import annotations

import re
from collections.abc import Sequence

SMALLEST_CELL = 5


def count(number: int) -> str:
    """A count of patients; 1 to 4 are written ``"<5"``.

    Examples
    --------
    >>> count(0), count(3), count(1200)
    ('0', '<5', '1,200')
    """
    return f"<{SMALLEST_CELL}" if 0 < number < SMALLEST_CELL else f"{number:,}"


def without_small_counts(sentence: str) -> str:
    """A sentence as it may leave the site: counts of 1 to 4 rows in it are not shown.

    Examples
    --------
    >>> without_small_counts("response could not be judged in 3 rows of 51")
    'response could not be judged in <5 rows of 51'
    """
    return re.sub(r"(?<![\d.,])[1-4](?= rows?\b)", f"<{SMALLEST_CELL}", sentence)


def counts_of_a_whole(numbers: Sequence[int]) -> list[str]:
    """Counts whose total is known elsewhere, so that no small one follows by subtraction.

    Where the total of the hidden cells would tell a small one, the smallest other cell is blurred too (complementary
    suppression; Hundepool A et al. Statistical Disclosure Control. Wiley 2012, chapter 4).

    Examples
    --------
    >>> counts_of_a_whole([54, 20, 2])
    ['54', '5 or more', '<5']
    """
    shown = [count(number) for number in numbers]
    small = [number for number in numbers if 0 < number < SMALLEST_CELL]
    others = sorted((number, place) for place, number in enumerate(numbers) if number >= SMALLEST_CELL)
    hidden, blurred = sum(small), 0
    while small and others and _told(hidden, len(small), blurred):
        number, place = others.pop(0)
        shown[place] = f"{SMALLEST_CELL} or more"
        hidden, blurred = hidden + number, blurred + 1
    return shown


def _told(total: int, n_small: int, n_blurred: int) -> bool:
    """Whether the total of small cells (1 to 4 each) and blurred ones (5 or more each) tells a small one."""
    if not n_blurred:
        return total < SMALLEST_CELL or total in {n_small, n_small * (SMALLEST_CELL - 1)}
    return total - SMALLEST_CELL * n_blurred <= n_small
