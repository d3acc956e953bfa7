"""Regimen: delivered lengths of the infusion beside what became of the courses, and MRD by method and depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.cohort.outcomes.binary import MRD_THRESHOLD
from riskml.runtime.dictionary import load_dictionary
from riskml.training.describe.cross_table import cross
from riskml.training.describe.grouping import ALL, NOT_KNOWN
from riskml.training.describe.table import FloatArray, Part, Row, Table

BoolArray = NDArray[np.bool_]
# Published subgroups are 14 against 21 or 28 days; a day or two of interruption changes neither.
LENGTHS = {"under 14 days": (0, 14), "14 to 20 days": (14, 21), "21 days or longer": (21, np.inf)}
POST_BASELINE = (
    "The delivered length is learned after the start (post-baseline) and driven by the outcome: courses end early when "
    "the marrow is clear, or for toxicity. No comparison of outcomes by it is causal, so none is tested."
)
# Fractions of nucleated cells; each holds values from its first number up to the next.
DEPTHS = {
    "1 % or more": 1e-2,
    "0.1 to under 1 %": 1e-3,
    "0.01 to under 0.1 %": MRD_THRESHOLD,
    "found, under 0.01 %": 0.0,
}
NEGATIVE = "Under 0.01 %"
NOT_FOUND, TOO_COARSE = "not found", "not found, by a limit above 0.01 %"
DEEP = ("found, under 0.01 %", NOT_FOUND)
_SAME = 1e-9  # 0.01 % reaches us as a product of floats


@dataclass(frozen=True, slots=True)
class Measured:
    """A column of MRD and how one knows its method: from another column, or because it is always the same."""

    column: str
    method_column: str = ""
    method: str = ""


MRD = (
    Measured("mrd", "mrd_method"),
    Measured("mrd_rq_pcr", method="rq_pcr"),
    Measured("mrd_ngs", method="ngs_ig"),
    Measured("mrd_course_d15"),
    Measured("mrd_after", "mrd_after_method"),
)


def regimen(cohort: Cohort, *, internal: bool = False) -> Part:
    """Delivered length of the infusion beside response and toxicity, the plan beside the delivery, MRD by method.

    Parameters
    ----------
    cohort : Cohort
    internal : bool
        Show counts of 1 to 4.

    Returns
    -------
    Part
        Tables ``infusion_of_courses``, ``infusion_of_patients``, ``infusion_planned`` and ``mrd_by_method``, as far as
        the cohort has their columns. No test: the length is an effect of the early response.

    References
    ----------
    Anderson JR, Cain KC, Gelber RD. Analysis of survival by tumor response. J Clin Oncol 1983;1:710-719.
    """
    tables: list[Table] = []
    missing: list[str] = []
    delivered, planned = "delivered_infusion_days", "planned_infusion_days"
    if _has(cohort, delivered):
        tables.append(_lengths(cohort, "courses", internal=internal))
        tables.append(_lengths(cohort.patients(), "patients", internal=internal))
    else:
        missing.append(f"infusion length: no column {delivered} with a value")
    if _has(cohort, delivered) and _has(cohort, planned):
        tables.append(_planned(cohort, internal=internal))
    else:
        missing.append(f"planned against delivered length: needs {planned} and {delivered}")
    first = cohort.patients()
    known = [measured for measured in MRD if _has(first, measured.column)]
    if known:
        tables.append(_mrd(first, known, internal=internal))
    absent = [measured.column for measured in MRD if measured not in known]
    missing += [f"MRD by method: no value of {', '.join(absent)}"] if absent else []
    return Part("regimen", "Regimen and MRD", tuple(tables), missing=tuple(missing))


def _has(cohort: Cohort, column: str) -> bool:
    return column in cohort.frame and bool(cohort.frame[column].notna().any())


def _length_groups(days: FloatArray) -> dict[str, BoolArray]:
    groups = {name: (days >= low) & (days < high) for name, (low, high) in LENGTHS.items()}
    groups[NOT_KNOWN] = np.isnan(days)
    return {name: inside for name, inside in groups.items() if inside.any()}


def _lengths(cohort: Cohort, unit: str, *, internal: bool) -> Table:
    """Status, response and toxicity in courses of each length."""
    groups = _length_groups(cohort.frame["delivered_infusion_days"].to_numpy(dtype=np.float64))
    rows, values = cross(unit.capitalize(), {}, groups, internal=internal)
    for label, kinds in _described(cohort):
        lines, numbers = cross(label, kinds, groups, internal=internal)
        rows += lines
        values += numbers
    count = "Each course counts." if unit == "courses" else "Each patient counts once, with the first course."
    notes = (count, "Shares are of the column.", POST_BASELINE)
    title = f"{unit.capitalize()} by delivered length of the infusion"
    return Table(f"infusion_of_{unit}", title, (*groups, ALL), tuple(rows), notes, tuple(values))


def _described(cohort: Cohort) -> Iterator[tuple[str, dict[str, BoolArray]]]:
    """What is shown by length, each as kinds that exclude each other."""
    dictionary = load_dictionary()
    for column in ("disease_status_at_start", "response"):
        if _has(cohort, column):
            value = cohort.frame[column]
            levels = {level.replace("_", " "): (value == level).to_numpy() for level in dictionary[column].levels}
            yield dictionary[column].label, levels | {NOT_KNOWN: value.isna().to_numpy()}
    for column, label in (("crs_grade", "CRS"), ("icans_grade", "ICANS")):
        if _has(cohort, column):
            grade = cohort.frame[column].to_numpy(dtype=np.float64)
            yield label, {"none": grade == 0, "any grade": grade >= 1, NOT_KNOWN: np.isnan(grade)}


def _planned(cohort: Cohort, *, internal: bool) -> Table:
    """The plan beside what was delivered: only the plan is known at the start."""
    delivered, planned = (
        cohort.frame[f"{name}_infusion_days"].to_numpy(dtype=np.float64) for name in ("delivered", "planned")
    )
    kinds = {
        "shorter than planned": delivered < planned,
        "as planned": delivered == planned,
        "longer than planned": delivered > planned,
        NOT_KNOWN: np.isnan(delivered) | np.isnan(planned),
    }
    rows, values = cross("Courses", kinds, _length_groups(planned), internal=internal)
    notes = ("Each course counts; columns are planned lengths. The plan alone is known at the first dose.",)
    columns = (*_length_groups(planned), ALL)
    return Table(
        "infusion_planned", "Delivered against planned length, courses", columns, tuple(rows), notes, tuple(values)
    )


def depth(value: FloatArray, below: BoolArray) -> dict[str, BoolArray]:
    """How deep MRD is, where it is known: by decade where it was found, else whether the limit reached 0.01 %.

    Parameters
    ----------
    value : float array of shape (n_rows,)
        Fractions; a value under a limit is the limit / sqrt(2) or what was measured, NaN where not known.
    below : bool array of shape (n_rows,)
        Whether the value lies under its limit.

    Returns
    -------
    dict of str to bool array of shape (n_rows,)
        Without overlap; together with the rows not known, all.
    """
    found = ~below & ~np.isnan(value)
    coarse = below & (value * np.sqrt(2) > MRD_THRESHOLD * (1 + _SAME))
    kinds: dict[str, BoolArray] = {}
    upper = np.inf
    for name, lower in DEPTHS.items():
        kinds[name] = found & (value >= lower * (1 - _SAME)) & (value < upper * (1 - _SAME))
        upper = lower
    return kinds | {NOT_FOUND: below & ~coarse, TOO_COARSE: coarse, NOT_KNOWN: np.isnan(value) & ~below}


def _mrd(cohort: Cohort, known: Sequence[Measured], *, internal: bool) -> Table:
    """Depth of MRD by method at each time; methods are columns and never pooled."""
    rows: list[Row] = []
    values: list[dict[str, Any]] = []
    by_column = {measured.column: _by_method(cohort, measured) for measured in known}
    found = {method for masks in by_column.values() for method, mask in masks.items() if mask.any()}
    methods = [method for method in (*load_dictionary()["mrd_method"].levels, NOT_KNOWN) if method in found]
    for column, masks in by_column.items():
        value = cohort.frame[column].to_numpy(dtype=np.float64)
        has = ~np.isnan(value)
        below = cohort.below[column].to_numpy() if column in cohort.below else np.zeros_like(has)
        kinds = {name: mask[has] for name, mask in depth(value, below).items()}
        groups = {method: masks.get(method, np.zeros_like(has))[has] for method in methods}
        lines, numbers = cross(load_dictionary()[column].label, kinds, groups, {NEGATIVE: DEEP}, internal=internal)
        rows += lines
        values += numbers
    notes = (
        "Each patient counts once, with the first course and only where MRD is known; shares are of the column.",
        "Negative by flow is not negative by sequencing: methods stand side by side and are not pooled into one rate.",
        f"{NEGATIVE}: also what was not found with a limit that reaches 0.01 %.",
    )
    return Table(
        "mrd_by_method", "MRD by method and depth, patients", (*methods, ALL), tuple(rows), notes, tuple(values)
    )


def _by_method(cohort: Cohort, measured: Measured) -> dict[str, BoolArray]:
    """Whose value of the column is by which method."""
    has = cohort.frame[measured.column].notna().to_numpy()
    if measured.method:
        return {measured.method: has}
    if measured.method_column not in cohort.frame:
        return {NOT_KNOWN: has}
    method = cohort.frame[measured.method_column]
    masks = {level: has & (method == level).to_numpy() for level in load_dictionary()["mrd_method"].levels}
    return masks | {NOT_KNOWN: has & method.isna().to_numpy()}
