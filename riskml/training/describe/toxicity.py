"""Toxicity: grades of each course and the worst of each patient, by group; ICANS against age and lymphocyte subsets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import with_inputs
from riskml.runtime.dictionary import load_dictionary
from riskml.training.describe.agreeing import agreeing, p_bound
from riskml.training.describe.disclosure import Relation, exact, protected, settled, with_share
from riskml.training.describe.displayed import displayed, enough, plain
from riskml.training.describe.grades import NAMES, Unit, graded_columns, units_of
from riskml.training.describe.group_tests import fisher, interval_text, mann_whitney, p_text, superiority
from riskml.training.describe.grouping import ALL, Grouping, grouping
from riskml.training.describe.table import NOT_SHOWN, Part, Row, Table

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
SEVERE, WORST = 3, 5
ANY, SEVERE_GRADE = "Any grade", "Grade 3 or more"
NONE, KNOWN = 3, 2  # lines of those without, and of those with a known grade
# From these grades on. Shared tables have them in place of each grade: the higher are rare, and a rare grade would hide
# the one below it, too. The second takes over where a line of grade 2 or more would hide more than it shows.
FROM, FEWER = (1, 2, 3, 4), (1, 3, 4)
# What the papers graded beside them.
FACTORS = (
    *("age", "lymphocytes", "cd3", "cd4", "cd8", "cd4_cd8_ratio", "nk", "cd19"),
    *("cd3_pct", "cd4_pct", "cd8_pct", "nk_pct", "cd19_pct"),
)


def toxicity(cohort: Cohort, *, internal: bool = False, group: str | None = "status_group") -> Part:
    """Adverse events by grade, per course and per patient, by group; who had ICANS, by age and lymphocyte subsets.

    Parameters
    ----------
    cohort : Cohort
        Grades are its columns ``*_grade``: the worst of the course.
    internal : bool
        Show counts of 1 to 4 patients, ranges, and what was computed from them.
    group : str or None
        A category or tri-state of the dictionary: of the course in tables of courses, of the first course in tables of
        patients.

    Returns
    -------
    Part
        Tables ``toxicity_by_course`` and ``toxicity_by_patient``; ``icans_by_factor_by_course`` and ``.._by_patient``.

    Notes
    -----
    Any grade against none, and grade 3 or more against less, are compared by Fisher's exact test, as the published
    table is; courses of one patient are not independent, so its P values of courses are those of the paper's method
    and the ones of patients are to be read. A patient's grade is the worst known one; without any toxicity in the
    known courses, a course without a grade leaves the patient not known.

    References
    ----------
    Lee DW et al. ASTCT consensus grading for cytokine release syndrome and neurologic toxicity. Biol Blood Marrow
    Transplant 2019;25:625-638.
    """
    groups, missing = grouping(cohort, group)
    names = tuple(graded_columns(cohort))
    missing += tuple(f"{NAMES[name]}: the cohort does not have its grades" for name in NAMES if name not in names)
    if not names:
        return Part("toxicity", "Toxicity", missing=missing)
    units = units_of(cohort, groups, names)
    tables = [_grades_table(unit, names, internal=internal) for unit in units]
    if "icans_grade" in names:
        found = [_factor_table(unit, internal=internal) for unit in units]
        tables += [table for table in found if table is not None]
        missing += (
            ("ICANS by age and subsets: no value known, or nobody with or without ICANS",) if None in found else ()
        )
    return Part("toxicity", "Toxicity", tuple(tables), missing=missing)


def _grades_table(unit: Unit, names: Sequence[str], *, internal: bool) -> Table:
    columns = unit.groups.levels if len(unit.groups.levels) == 1 else (*unit.groups.levels, ALL)
    rows: list[Row] = []
    values: list[dict[str, Any]] = []
    for name in names:
        lines, numbers = _section(unit, name, columns, internal=internal)
        rows += lines
        values += numbers
    by = f", by {unit.groups.label.lower()}" if unit.groups.label else ""
    notes = [*unit.notes, "Shares are of those with a known grade."]
    if len(unit.groups.known) > 1:
        test = "Fisher's exact test" if len(unit.groups.known) == 2 else "the Fisher-Freeman-Halton exact test"
        notes.append(f"P by {test}: any grade against none, grade 3 or more against less, groups that are known.")
    title = f"Toxicity of {unit.many} by worst grade{by}"
    return Table(f"toxicity_by_{unit.name}", title, (*columns, "P"), tuple(rows), tuple(notes), tuple(values))


def _section(
    unit: Unit, name: str, columns: Sequence[str], *, internal: bool
) -> tuple[list[Row], list[dict[str, Any]]]:
    """One toxicity: its lines, and the numbers behind those columns in which nothing is hidden."""
    grade = unit.grades[name]
    inside = [unit.groups.code == code for code in range(len(unit.groups.levels))]
    inside += [np.ones_like(inside[0])] if len(columns) > len(inside) else []
    kinds, counts, shown = _written(unit, grade, inside, FROM, internal=internal)
    fewer = None if internal else _written(unit, grade, inside, FEWER, internal=False)
    if fewer and any(shown[list(kinds).index(kind)] != text for kind, text in zip(fewer[0], fewer[2], strict=True)):
        kinds, counts, shown = fewer
    lines = [Row(NAMES.get(name) or load_dictionary()[name].label)]
    values: list[dict[str, Any]] = []
    for place, (kind, (_, indent)) in enumerate(kinds.items()):
        cells = [with_share(text, shown[KNOWN][at]) if place > KNOWN else text for at, text in enumerate(shown[place])]
        p_value = ""
        if kind in {ANY, SEVERE_GRADE} and len(unit.groups.known) > 1:
            known = list(unit.groups.known)
            table = np.array([counts[place, known], counts[KNOWN, known] - counts[place, known]])
            seen = all(exact(shown[line][at]) for line in (KNOWN, place) for at in known)
            comparison = fisher(table)
            p_value = p_text(comparison.p_value) if seen else _bound(shown, place, unit.groups)
            if seen:
                asked = {"toxicity": name, "unit": unit.name, "contrast": kind}
                values.append({**asked, "test": comparison.test, "p_value": comparison.p_value})
        lines.append(Row(kind, (*cells, p_value), indent))
    for at, column in enumerate(columns):
        if all(exact(line[at]) for line in shown):
            numbers = {kind: int(counts[place, at]) for place, kind in enumerate(kinds)}
            values.append({"toxicity": name, "unit": unit.name, "group": column, "counts": numbers})
    return lines, values


def _bound(shown: Sequence[Sequence[str]], place: int, groups: Grouping) -> str:
    """What the print alone says of P where a count is hidden."""
    without = shown[NONE] if place == NONE + 1 else [NOT_SHOWN] * len(shown[place])
    rows = list(zip(shown[place], without, shown[KNOWN], strict=True))
    told = agreeing(rows[:-1], rows[-1][:2]) if len(rows) > len(groups.levels) else None
    return NOT_SHOWN if told is None else p_bound(told, groups.known)


def _written(
    unit: Unit, grade: FloatArray, inside: Sequence[BoolArray], starts: Sequence[int], *, internal: bool
) -> tuple[dict[str, tuple[BoolArray, int]], NDArray[np.int_], list[list[str]]]:
    """The lines of a toxicity, their counts in each column, and what may be written of them."""
    kinds = _kinds(unit, grade, starts, internal=internal)
    between = [] if internal else [(grade >= low) & (grade < high) for low, high in pairwise(starts)]
    masks = [*(mask for mask, _ in kinds.values()), *between]
    counts = np.array([[int((mask & member).sum()) for member in inside] for mask in masks])
    return kinds, counts, _texts(counts, len(starts), internal=internal)[: len(kinds)]


def _kinds(unit: Unit, grade: FloatArray, starts: Sequence[int], *, internal: bool) -> dict[str, tuple[BoolArray, int]]:
    """The lines of a toxicity in the order that ``_texts`` counts on: who is in each, and how deep it stands."""
    each = {f"Grade {number}": (grade == number, 3) for number in range(1, WORST + 1)}
    from_on = {f"Grade {number} or more": (grade >= number, 3) for number in starts[1:]}
    return {
        unit.many.capitalize(): (np.ones(len(grade), dtype=np.bool_), 1),
        "Grade not known": (np.isnan(grade), 1),
        "Grade known": (~np.isnan(grade), 1),
        "None (grade 0)": (grade == 0, 2),
        ANY: (grade >= 1, 2),
        **((each | {SEVERE_GRADE: (grade >= SEVERE, 2)}) if internal else from_on),
    }


def _texts(counts: NDArray[np.int_], n_from: int, *, internal: bool) -> list[list[str]]:
    """What may be shown of the counts (lines by columns), which add up along both; those between are not written."""
    n_lines, n_columns = counts.shape
    at = [list(range(line * n_columns, (line + 1) * n_columns)) for line in range(n_lines)]
    if internal:
        return [[f"{number:,}" for number in line] for line in counts.tolist()]
    sums: list[Relation] = []
    for everybody, unknown, known, none, *rest in zip(*at, strict=True):
        from_on, single = rest[:n_from], rest[n_from:]
        sums += [((unknown, known), everybody), ((none, from_on[0]), known)]
        sums += [((one, more), both) for one, more, both in zip(single, from_on[1:], from_on, strict=False)]
    if n_columns > 1:
        sums += [(line[:-1], line[-1]) for line in at]
    # Sizes of groups, and how many of all had it, stand in other tables too: blurring them here hides nothing.
    everybody, unknown, known, none, some = (line[-1] for line in at[: NONE + 2])
    numbers = counts.ravel().tolist()
    public = {everybody} | settled(at[0][:-1] or at[0], [numbers[place] for place in at[0][:-1] or at[0]])
    public |= settled((unknown, none, some), [numbers[place] for place in (unknown, none, some)])
    public |= {known} if unknown in public else set()
    unseen = {place for line in at[NONE + 1 + n_from :] for place in line}
    flat = protected(numbers, sums, public, unseen, internal=False)
    return [flat[line * n_columns : (line + 1) * n_columns] for line in range(n_lines)]


def _factor_table(unit: Unit, *, internal: bool) -> Table | None:
    """Age and subsets of those with ICANS against those without."""
    cohort = with_inputs(unit.cohort, FACTORS)
    grade = unit.grades["icans_grade"]
    rows: list[Row] = []
    values: list[dict[str, Any]] = []
    for name in FACTORS:
        if name not in cohort.frame:
            continue
        shown = displayed(cohort, name)
        had, free, rest = (shown.values[inside] for inside in (grade >= 1, grade == 0, np.isnan(grade)))
        if np.isnan(had).all() or np.isnan(free).all():
            continue
        tested, larger = mann_whitney(had, free), superiority(had, free)
        ends = (
            (p_text(tested.p_value), interval_text(larger))
            if enough(had, free, internal=internal)
            else (NOT_SHOWN,) * 2
        )
        rows.append(Row(shown.label, (*shown.spreads([had, free, rest], internal=internal)[:2], *ends)))
        if NOT_SHOWN not in ends:
            medians = {"median_with": float(np.nanmedian(had)), "median_without": float(np.nanmedian(free))}
            tests = {"test": tested.test, "p_value": tested.p_value, "superiority": plain(larger)}
            values.append({"variable": name, "unit": unit.name, **medians, **tests})
    if not rows:
        return None
    notes = (
        unit.notes[0],
        "Median (quartiles) [number known]; P by the Mann-Whitney test, not corrected for how many were asked.",
        "Larger with ICANS: share of pairs in which the value with ICANS is larger (0.5: none), 95 % interval.",
    )
    columns = ("ICANS", "No ICANS", "P", "Larger with ICANS")
    title = f"{unit.many.capitalize()} with and without ICANS of any grade, by what was known before"
    return Table(f"icans_by_factor_by_{unit.name}", title, columns, tuple(rows), notes, tuple(values))
