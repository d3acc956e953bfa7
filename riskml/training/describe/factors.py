"""A variable of the cohort as a factor of a regression: one number, or membership of levels against a reference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.runtime.dictionary import Variable, load_dictionary
from riskml.training.describe.grouping import TRISTATE, grouping
from riskml.training.describe.merging import is_ordered, merged

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """What a variable puts into a regression.

    Attributes
    ----------
    name, label : str
        Of the variable; the label says per what, where it is a number.
    levels : tuple of str
        The reference, then the others; empty for a number.
    values : float array of shape (n_rows,)
        The number, or the position in ``levels``; nan where it is not known.
    """

    name: str
    label: str
    levels: tuple[str, ...]
    values: FloatArray

    @property
    def known(self) -> BoolArray:
        """Rows in which it is known, shape (n_rows,)."""
        return ~np.isnan(self.values)

    @property
    def size(self) -> int:
        """Columns it takes."""
        return max(1, len(self.levels) - 1)

    def columns(self, rows: BoolArray) -> FloatArray:
        """The design matrix of the rows marked, in which it must be known, shape (n_marked, size)."""
        own = self.values[rows]
        if not self.levels:
            return own[:, None]
        return np.asarray(own[:, None] == np.arange(1, len(self.levels)), dtype=float)

    def level(self, place: int) -> BoolArray:
        """Rows of one level, shape (n_rows,)."""
        return np.asarray(self.values == place)

    def within(self, rows: BoolArray) -> Factor:
        """The factor of these rows alone, without the levels that none of them has."""
        values = self.values[rows]
        if not self.levels:
            return Factor(self.name, self.label, (), values)
        left = [place for place in range(len(self.levels)) if (values == place).any()]
        code = np.full(len(values), np.nan)
        for new, place in enumerate(left):
            code[values == place] = new
        return Factor(self.name, self.label, tuple(self.levels[place] for place in left), code)


def factor(cohort: Cohort, name: str, outcome: BoolArray | None = None) -> Factor | str:
    """A variable of the cohort's rows as a factor, or why it is none.

    A count of cells, or a number that may lie below a detection limit, is taken as a logarithm, a fraction per tenfold
    and others per doubling; other numbers count per unit shown. The reference of a category is its most frequent level,
    of a tri-state its absence. Where an ``outcome`` of the rows is given, levels are joined until none of them has a
    count of 1 to 4 with or without it, if that can be (see `riskml.training.describe.merging`).
    """
    variables = load_dictionary().variables
    if name not in variables or name not in cohort.frame:
        return "the cohort does not have it"
    variable, column = variables[name], cohort.frame[name]
    if column.isna().all():
        return "not known of any patient"
    if variable.kind in {"number", "integer"}:
        values = column.to_numpy(dtype=np.float64)
        if np.nanmin(values) == np.nanmax(values):
            return "all values are equal"
        return _number(variable, values)
    groups, reasons = grouping(cohort, name)
    if reasons or len(groups.known) < 2:
        return reasons[0] if reasons else f"all are {groups.levels[0]}"
    if outcome is not None:
        inside = [groups.code == code for code in groups.known]
        counts = [[np.sum(rows & outcome), np.sum(rows & ~outcome)] for rows in inside]
        groups = merged(groups, counts, ordered=is_ordered(name))
    order = sorted(groups.known, key=lambda code: (-int(np.sum(groups.code == code)), code))
    if variable.kind == "tristate":
        order = [groups.levels.index(TRISTATE[value]) for value in (0.0, 1.0)]
    place = np.full(len(groups.levels), np.nan)
    place[order] = np.arange(len(order))
    return Factor(name, variable.label, tuple(groups.levels[code] for code in order), place[groups.code])


def _number(variable: Variable, values: FloatArray) -> Factor:
    skewed = variable.left_censored or variable.quantity.name == "count"
    if skewed and np.nanmin(values) >= 0:
        base, step = (10.0, "tenfold") if variable.quantity.name == "fraction" else (2.0, "doubling")
        floor = values[values > 0].min() / 2  # of zeros, which stand for less than anything seen
        return Factor(
            variable.name, f"{variable.label}, per {step}", (), np.log(np.maximum(values, floor)) / math.log(base)
        )
    unit = variable.quantity.display
    scale = (variable.quantity.factor(unit) if unit else 1.0) or 1.0
    words = {"years": "year", "months": "month", "days": "day"}.get(unit, f"1 {unit}".strip())
    return Factor(variable.name, f"{variable.label}, per {words}", (), values / scale)
