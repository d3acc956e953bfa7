"""The same patients before and later: which columns belong together, the change, its test and its interval."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from riskml.cohort.cohort import Cohort
from riskml.runtime.dictionary import Dictionary
from riskml.training.describe.displayed import Displayed, displayed
from riskml.training.describe.group_tests import LEVEL, Comparison
from riskml.training.describe.table import FloatArray
from riskml.training.metrics.intervals import Interval

IntArray = NDArray[np.intp]
WILCOXON = "Wilcoxon matched-pairs signed-rank test"
LATER = re.compile(r"(?P<base>.+)_(?P<when>d\d+|after|onset)")
ONSET = "onset"
WHEN = {"after": "at the end of the course", ONSET: "at the onset of a reaction", "d15": "on day 14 or 15"}


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One variable before and later, in the rows that count: one course a patient.

    Attributes
    ----------
    base, later : str
        Columns of the cohort.
    when : str
        When the later one was taken, in words.
    shown : Displayed
        The values before, with unit and decimals; ``change`` is in the same unit.
    before, after, change : float arrays of shape (n_patients,)
        NaN where not known; the change where both are known.
    rows : int array of shape (n_patients,)
        Positions in ``Cohort.frame``.
    """

    base: str
    later: str
    when: str
    shown: Displayed
    before: FloatArray
    after: FloatArray
    change: FloatArray
    rows: IntArray

    @property
    def label(self) -> str:
        """The variable with its unit, without the words that say it was measured before."""
        return self.shown.label.replace(" before first dose", "")


def pairs(dictionary: Dictionary) -> Iterator[tuple[str, str, str]]:
    """Name before, name later and when that is, for every immune variable that the dictionary has at both times.

    Parameters
    ----------
    dictionary : Dictionary

    Yields
    ------
    tuple of str
    """
    for later in dictionary.variables:
        named = LATER.fullmatch(later)
        if named is None or named["base"] not in dictionary.variables:
            continue
        base, when = dictionary[named["base"]], named["when"]
        # Marrow is judged by response, not here.
        if base.kind == "number" and base.quantity == dictionary[later].quantity and "marrow" not in base.denominator:
            yield base.name, later, WHEN.get(when, f"on day {when[1:]}")


def pair_of(cohort: Cohort, base: str, later: str, when: str) -> Pair | None:
    """One variable before and later, in one course a patient; None where no patient has both values.

    Parameters
    ----------
    cohort : Cohort
    base, later, when : str
        As :func:`pairs` gives them.

    Returns
    -------
    Pair or None
        Of each patient's first course; at the onset of a reaction, of the first course that has both values. Two
        values under their limits are no change, whatever the limits.
    """
    if base not in cohort.frame or later not in cohort.frame:
        return None
    shown, after = displayed(cohort, base), displayed(cohort, later).values
    both = ~np.isnan(shown.values) & ~np.isnan(after)
    rows = np.flatnonzero(cohort.first_courses)
    if later.endswith(ONSET):
        order = np.flatnonzero(both)
        cycle = cohort.frame["cycle_index"].to_numpy()[order] if "cycle_index" in cohort.frame else order
        order = order[np.lexsort((order, cycle))]
        rows = order[np.unique(cohort.patient[order], return_index=True)[1]]
    if not both[rows].any():
        return None
    change = after - shown.values
    below = [cohort.below[name].to_numpy() for name in (base, later) if name in cohort.below]
    if len(below) == 2:
        change[below[0] & below[1]] = 0.0
    return Pair(base, later, when, shown, shown.values[rows], after[rows], change[rows], rows)


def wilcoxon(change: FloatArray) -> Comparison:
    """Wilcoxon's test of paired changes around 0; pairs without a change say nothing and are left out.

    Parameters
    ----------
    change : float array of shape (n_pairs,)
        NaN where one of the two is not known.

    Returns
    -------
    Comparison
        ``p_value`` is nan where nobody changed. Exact for up to 50 pairs without ties, else by the normal distribution
        or, of up to 13 pairs, by all changes of sign.

    References
    ----------
    Wilcoxon F. Individual comparisons by ranking methods. Biometrics Bull 1945;1:80-83.
    """
    moved = change[~np.isnan(change) & (change != 0)]
    if not len(moved):
        return Comparison(WILCOXON, float("nan"))
    result = stats.wilcoxon(moved)
    return Comparison(WILCOXON, float(result.pvalue), float(result.statistic))


def median_interval(values: FloatArray, level: float = LEVEL) -> tuple[Interval, int]:
    r"""Median with the interval between two order statistics, which assumes no distribution.

    The ends are the k-th smallest and k-th largest value with the largest k for which
    :math:`P(B \le k - 1) \le (1 - level) / 2`, B binomial with n and 1/2.

    Parameters
    ----------
    values : float array of shape (n,)
        NaN where not known.
    level : float
        Least coverage, 0 < level < 1.

    Returns
    -------
    Interval
        Ends nan where there are too few values (fewer than six at 0.95).
    int
        k; 1 means that the ends are the range, 0 that there is none.

    References
    ----------
    Campbell MJ, Gardner MJ. Calculating confidence intervals for some non-parametric analyses. BMJ 1988;296:1454-1456.

    Examples
    --------
    >>> interval, rank = median_interval(np.arange(1.0, 11.0))
    >>> interval.low, interval.value, interval.high, rank
    (2.0, 5.5, 9.0, 2)
    """
    known = np.sort(values[~np.isnan(values)])
    middle = float(np.median(known)) if len(known) else float("nan")
    rank = int(np.count_nonzero(stats.binom.cdf(np.arange(len(known) // 2 + 1), len(known), 0.5) <= (1 - level) / 2))
    if not len(known) or rank == 0:
        return Interval(middle, float("nan"), float("nan"), level, "order statistics: too few values"), 0
    return Interval(middle, float(known[rank - 1]), float(known[-rank]), level, "order statistics"), rank
