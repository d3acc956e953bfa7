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

    Where the small cells together are below five, the smallest other cell is blurred too (complementary suppression;
    Hundepool A et al. Statistical Disclosure Control. Wiley 2012, chapter 4).

    Examples
    --------
    >>> counts_of_a_whole([54, 20, 2])
    ['54', '5 or more', '<5']
    """
    shown = [count(number) for number in numbers]
    if 0 < sum(number for number in numbers if number < SMALLEST_CELL) < SMALLEST_CELL:
        others = [(number, place) for place, number in enumerate(numbers) if number >= SMALLEST_CELL]
        if others:
            shown[min(others)[1]] = f"{SMALLEST_CELL} or more"
    return shown
