"""One column, two units: values that make sense only after a factor of 1000, 100 or 12."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from riskml.cohort.checks.finding import Finding, in_rows
from riskml.cohort.cohort import Cohort
from riskml.runtime.dictionary import Dictionary, Variable

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

# The slips that happen: cells/uL for 10*9/L (1000), percent for a fraction (100). Other quantities may hide either.
_FACTORS = {"count": (1000.0,), "fraction": (100.0,)}
_OTHER_FACTORS = (1000.0,)
_NO_SCALE = frozenset({"age", "duration", "days", "pure"})
MIN_GROUP = 3
# Modes must stand this near to the factor, in decades: half a decade is what biology moves medians of subgroups by.
_NEAR = 0.5
_PLAUSIBLE = 0.9
# Two groups of about equal size show in any fifty thousand values.
_MOST_ROWS = 50_000
_CHILD_AGE = 25.0
_MONTHS = 12.0


@dataclass(frozen=True, slots=True)
class Split:
    """Two groups: ``minority`` marks the values, mostly the fewer, that ``factor`` brings to the others."""

    minority: BoolArray
    factor: float


def check_units(cohort: Cohort, dictionary: Dictionary) -> Iterator[Finding]:
    """Unit mixtures and whole columns in another unit.

    Parameters
    ----------
    cohort : Cohort
        The checked cohort.
    dictionary : Dictionary
        Its soft ranges say what is plausible.

    Yields
    ------
    Finding
        ``unit_mixture``, ``column_scale`` or ``age_in_months``.
    """
    for name in cohort.frame.columns:
        variable = dictionary.variables.get(name)
        if variable is None or variable.kind != "number":
            continue
        if variable.quantity.name == "age":
            yield from _months_among_years(variable, cohort.frame[name].to_numpy(dtype=np.float64), cohort)
        elif has_scale(variable):
            measured = measured_values(cohort, name)
            yield from _mixture(variable, measured, cohort)
            yield from _whole_column(variable, measured, cohort)


def find_split(value: FloatArray, factor: float, soft: tuple[float, float]) -> Split | None:
    """Two groups about ``factor`` apart, both plausible once one (the smaller if it can be) is rescaled; else None.

    Parameters
    ----------
    value : float array of shape (n_rows,)
        Positive values; NaN where there is nothing to judge.
    factor : float
        How far apart the groups should be, > 1.
    soft : (float, float)
        Plausible range of the true values, inclusive.

    Notes
    -----
    Cuts are tried half the distance above and below the median (a minority of wrong units) and where two groups of
    equal size would meet (Otsu N. IEEE Trans Syst Man Cybern 1979;9:62-66). A cut counts if the medians lie the factor
    apart, the middle third between them is nearly empty, and both groups are plausible.
    """
    known = np.flatnonzero(np.isfinite(value))
    if len(known) < 2 * MIN_GROUP:
        return None
    log = np.log10(value[known])
    step = math.log10(factor)
    for cut in _cuts(log, step):
        high = log > cut
        if min(high.sum(), (~high).sum()) < MIN_GROUP:
            continue
        low_median, high_median = float(np.median(log[~high])), float(np.median(log[high]))
        third = (high_median - low_median) / 3
        valley = ((log > low_median + third) & (log < high_median - third)).sum()
        few_between = valley <= 0.1 * min(high.sum(), (~high).sum())
        if abs(3 * third - step) > _NEAR or not few_between:
            continue
        options = ((high, 1 / factor), (~high, factor))
        for minority, scale in options if 2 * high.sum() <= len(log) else options[::-1]:
            rescaled = np.where(minority, value[known] * scale, value[known])
            fits = (rescaled >= soft[0]) & (rescaled <= soft[1])
            if fits[minority].mean() >= _PLAUSIBLE and fits[~minority].mean() >= _PLAUSIBLE:
                marked = np.zeros(len(value), dtype=np.bool_)
                marked[known[minority]] = True
                return Split(marked, scale)
    return None


def _cuts(log: FloatArray, step: float) -> Iterator[float]:
    """Where to divide, the quickest to find first."""
    middle = float(np.median(log))
    yield middle + step / 2
    yield middle - step / 2
    yield _otsu(log)


def _otsu(log: FloatArray) -> float:
    """Cut with the largest variance between two groups."""
    ordered = np.sort(log[:: max(1, len(log) // _MOST_ROWS)])
    n = np.arange(1, len(ordered))
    left = np.cumsum(ordered)[:-1]
    between = (left / n - (ordered.sum() - left) / (len(ordered) - n)) ** 2 * n * (len(ordered) - n)
    best = int(np.argmax(between))
    return float((ordered[best] + ordered[best + 1]) / 2)


def _mixture(variable: Variable, measured: FloatArray, cohort: Cohort) -> Iterator[Finding]:
    for factor in _FACTORS.get(variable.quantity.name, _OTHER_FACTORS):
        split = find_split(measured, factor, variable.soft)
        if split is None:
            continue
        others = float(np.nanmedian(measured[~split.minority]))
        show = variable.quantity.show
        low, high = np.nanmin(measured[split.minority]), np.nanmax(measured[split.minority])
        times = f"times {split.factor:g}" if split.factor > 1 else f"divided by {1 / split.factor:g}"
        # A fraction may run from a trace to nearly all by nature: two groups 100 apart need not be two units.
        natural = variable.quantity.name == "fraction" and variable.soft[0] < 0.01
        yield in_rows(
            "unit_mixture",
            "note" if natural else "warning",
            [variable.name],
            f"{{count}} ({show(low)} to {show(high)}) would fit the others (median {show(others)}) if {times}",
            f"compare these rows with their source; if the unit differs write it into the cell or multiply by "
            f"{split.factor:g}",
            mask=split.minority,
            row_numbers=cohort.row_numbers,
        )
        return


def column_factor(variable: Variable, measured: FloatArray, plausible: tuple[float, float]) -> float | None:
    """The factor that brings a column into the plausible range, where nearly all of it lies outside; else None.

    Parameters
    ----------
    variable : Variable
        Its quantity says which slips happen.
    measured : float array of shape (n_rows,)
        Positive values above any detection limit; NaN where there is nothing to judge.
    plausible : (float, float)
        Range of the true values, inclusive.
    """
    known = measured[np.isfinite(measured)]
    low, high = plausible
    if len(known) < MIN_GROUP or not math.isfinite(high) or np.mean((known >= low) & (known <= high)) > 0.2:
        return None
    factor = _FACTORS.get(variable.quantity.name, _OTHER_FACTORS)[0]
    for scale in (factor, 1 / factor):
        if np.mean((known * scale >= low) & (known * scale <= high)) >= _PLAUSIBLE:
            return scale
    return None


def measured_values(cohort: Cohort, name: str) -> FloatArray:
    """A column's measured values, NaN elsewhere: what lies under a limit is where the limit put it, not a unit."""
    value = cohort.frame[name].to_numpy(dtype=np.float64)
    below = cohort.below[name].to_numpy() if name in cohort.below else np.zeros(len(value), dtype=np.bool_)
    return np.where(below | ~(value > 0), np.nan, value)


def has_scale(variable: Variable) -> bool:
    """Whether a number may have been written in another unit a factor of 100 or 1000 away."""
    return variable.kind == "number" and variable.quantity.name not in _NO_SCALE


def _whole_column(variable: Variable, measured: FloatArray, cohort: Cohort) -> Iterator[Finding]:
    """Nearly everything outside the plausible range, and inside it after one factor."""
    low, high = variable.soft
    scale = column_factor(variable, measured, variable.soft)
    if scale is not None:
        show = variable.quantity.show
        known = measured[np.isfinite(measured)]
        yield in_rows(
            "column_scale",
            "warning",
            [variable.name],
            f"most values lie outside the usual {show(low)} to {show(high)} (median {show(float(np.median(known)))}) "
            f"and inside it if multiplied by {scale:g}",
            "state the column's unit in the header or in a --columns file",
            mask=np.isfinite(measured) & ~((measured >= low) & (measured <= high)),
            row_numbers=cohort.row_numbers,
        )


def _months_among_years(variable: Variable, age: FloatArray, cohort: Cohort) -> Iterator[Finding]:
    """Ages beyond childhood about twelve times those of the other children."""
    old = age > _CHILD_AGE
    young = np.isfinite(age) & ~old
    if old.sum() == 0 or young.sum() < old.sum() or young.sum() < MIN_GROUP:
        return
    ratio = float(np.median(age[old]) / np.median(age[young]))
    # Teenagers and young adults of one trial overlap; children in months stand a whole order of magnitude higher.
    if _MONTHS / 2.5 <= ratio <= _MONTHS * 2.5:
        low, high = age[old].min(), age[old].max()
        yield in_rows(
            "age_in_months",
            "warning",
            [variable.name],
            f"{{count}} between {low:.3g} and {high:.3g} years among children (median {np.median(age[young]):.2g}): "
            "they may be months",
            "write the unit into the cells ('76 mo'); leave adults as they are",
            mask=old,
            row_numbers=cohort.row_numbers,
        )
