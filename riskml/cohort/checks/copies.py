"""Columns that say nothing (constant) or nothing new (copies of another column)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from riskml.cohort.checks.finding import Finding
from riskml.cohort.cohort import Cohort
from riskml.runtime.dictionary import Dictionary

FloatArray = npt.NDArray[np.float64]

MIN_ROWS = 10
_MIN_DISTINCT = 5
# Linear copies agree to rounding of the written digits.
_SAME = 1e-6
_SAMPLE = 1_000


def check_copies(cohort: Cohort, dictionary: Dictionary) -> Iterator[Finding]:
    """Constant columns, and numeric columns that are an exact linear copy of another one.

    Parameters
    ----------
    cohort : Cohort
        The checked cohort.
    dictionary : Dictionary
        Says which columns are numbers.

    Yields
    ------
    Finding
        ``constant_column`` or ``copied_column``.
    """
    if cohort.n_courses < MIN_ROWS:
        return
    numbers: dict[str, FloatArray] = {}
    for name in cohort.frame.columns:
        column, variable = cohort.frame[name], dictionary.variables.get(name)
        # Most columns have shown in a thousand rows that they are neither constant nor a code.
        distinct = column.iloc[:_SAMPLE].nunique()
        if distinct < _MIN_DISTINCT:
            distinct = column.nunique()
        if distinct == 1 and column.notna().all() and name != "data_origin":
            text = f"has the same value in all {len(column):,} rows"
            yield Finding("constant_column", "note", (name,), text, "nothing can be learned from it")
        if variable is not None and variable.kind in ("number", "integer") and distinct >= _MIN_DISTINCT:
            numbers[name] = np.asarray(column, dtype=np.float64)
    for one, other in combinations(numbers, 2):
        line = linear_copy(numbers[one], numbers[other])
        if line is None:
            continue
        slope, intercept = line
        same = abs(slope - 1) < _SAME and abs(intercept) < _SAME
        relation = "is equal to" if same else f"is {slope:.4g} times"
        shift = "" if same or abs(intercept) < _SAME else f", plus {intercept:.4g}"
        # Without an event every time is the last contact's, so these two may well agree.
        natural = {one, other} <= {"efs_time", "os_time"}
        text = f"{other} {relation} {one} in every row that has both{shift}"
        remedy = "check that the right column was exported twice; leave the copy out"
        yield Finding("copied_column", "note" if natural else "warning", (one, other), text, remedy)


def linear_copy(x: FloatArray, y: FloatArray) -> tuple[float, float] | None:
    """Slope and intercept where ``y`` is an exact line in ``x`` over at least ten rows that have both, else None.

    Parameters
    ----------
    x, y : float array of shape (n_rows,)
        Two columns; NaN where unknown.
    """
    # Most pairs fail in the first rows; only the others are looked at whole.
    for n in (10 * _SAMPLE, len(x)):
        rows = np.flatnonzero(np.isfinite(x[:n]) & np.isfinite(y[:n]))
        if len(rows) < MIN_ROWS or len(np.unique(x[rows[:_SAMPLE]])) < _MIN_DISTINCT:
            if n < len(x):
                continue
            return None
        low, high = rows[int(np.argmin(x[rows]))], rows[int(np.argmax(x[rows]))]
        slope = float((y[high] - y[low]) / (x[high] - x[low]))
        intercept = float(y[low] - slope * x[low])
        scale = float(np.ptp(y[rows]))
        if scale == 0 or np.abs(y[rows] - slope * x[rows] - intercept).max() > _SAME * scale:
            return None
    return slope, intercept
