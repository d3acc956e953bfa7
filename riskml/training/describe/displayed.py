"""A measured variable as a table shows it: its unit, its values in that unit, and how many decimals they deserve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from riskml.cohort.cohort import Cohort
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.describe.disclosure import Relation, protected, settled
from riskml.training.describe.table import FloatArray, spread
from riskml.training.metrics.intervals import Interval

MOST_DIGITS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Displayed:
    """Values of one variable in the unit a person reads.

    Attributes
    ----------
    label : str
        With the unit behind a comma.
    values : float array of shape (n_rows,)
        NaN where not known.
    digits : int
        Decimals with which three figures of a usual value are shown.
    """

    label: str
    values: FloatArray
    digits: int

    def spreads(self, groups: Sequence[FloatArray], *, internal: bool) -> list[str]:
        """Median, quartiles and number known of each group of rows (NaN where not known), together all that count."""
        numbers = known_of_groups(groups, internal=internal)
        medians = [spread(rows, self.digits, internal=internal) for rows in groups]
        return [f"{median} [n {n}]" for median, n in zip(medians, numbers, strict=True)]


def known_of_groups(groups: Sequence[FloatArray], *, internal: bool) -> list[str]:
    """How many values of each group are known; from none of it follows that 1 to 4 are, or are not.

    Parameters
    ----------
    groups : sequence of float arrays
        The rows of each group, NaN where not known; how many rows there are stands elsewhere, and how many of
        all are known too, unless that tells a small number.
    internal : bool
        Show everything.

    Returns
    -------
    list of str

    Examples
    --------
    >>> known_of_groups([np.arange(40.0), np.arange(3.0)], internal=False)
    ['40', '<5']
    """
    sizes = [len(rows) for rows in groups]
    known = [int((~np.isnan(rows)).sum()) for rows in groups]
    lacking = [size - n for size, n in zip(sizes, known, strict=True)]
    k = len(groups)
    sums: list[Relation] = [(range(1, 1 + k), 0), (range(2 + k, 2 + 2 * k), 1 + k)]
    sums += [((2 + k + place, 2 + 2 * k + place), 1 + place) for place in range(k)]
    counts = [sum(sizes), *sizes, sum(known), *known, *lacking]
    total = settled([1 + k, -1], [sum(known), sum(lacking)]) - {-1}
    unseen = {1 + k, *range(2 + 2 * k, 2 + 3 * k)} - total
    return protected(counts, sums, {*range(1 + k), *total}, unseen, internal=internal)[2 + k : 2 + 2 * k]


def displayed(cohort: Cohort, name: str) -> Displayed:
    """A numeric column of the cohort in the unit that its quantity is displayed in.

    Parameters
    ----------
    cohort : Cohort
    name : str
        A column of ``cohort.frame`` that the dictionary has.

    Returns
    -------
    Displayed
    """
    variable = load_dictionary()[name]
    unit = variable.quantity.display
    factor = (variable.quantity.factor(unit) or 1.0) if unit else 1.0
    values = cohort.frame[name].to_numpy(dtype=np.float64) / factor
    label = variable.label if "%" in variable.label else f"{variable.label}, {unit.replace('10*9', '10^9')}"
    return Displayed(label.removesuffix(", "), values, digits_for(values))


def digits_for(values: FloatArray) -> int:
    """Decimals that show three figures of the median size of the values that are not 0.

    Examples
    --------
    >>> digits_for(np.array([0.0, 120.0])), digits_for(np.array([6.4])), digits_for(np.array([0.031, np.nan]))
    (0, 2, 4)
    """
    sizes = np.abs(values[~np.isnan(values) & (values != 0)])
    middle = float(np.median(sizes)) if len(sizes) else 1.0
    return min(max(2 - math.floor(math.log10(middle)), 0), MOST_DIGITS)


def enough(*groups: FloatArray, internal: bool) -> bool:
    """Whether what compares these groups may be shown: each has five known values, or the table stays inside."""
    return internal or all(int((~np.isnan(values)).sum()) >= SMALLEST_CELL for values in groups)


def plain(interval: Interval) -> dict[str, float | str | None]:
    """The numbers of an interval, without the method: that names degrees of freedom, which tell a group's size."""
    return {key: value for key, value in interval.as_dict().items() if key != "method"}
