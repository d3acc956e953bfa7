"""Immune dynamics: what T cells, B cells, cytokines and immunoglobulins did under treatment, in the same patients."""

from __future__ import annotations

from typing import Any

import numpy as np

from riskml.cohort.cohort import Cohort
from riskml.runtime.dictionary import Dictionary, load_dictionary
from riskml.training.describe.boxes import box_sets
from riskml.training.describe.displayed import displayed, enough, known_of_groups, plain
from riskml.training.describe.group_tests import interval_text, kruskal_wallis, mann_whitney, p_text, superiority
from riskml.training.describe.grouping import Grouping, grouping
from riskml.training.describe.paired import WILCOXON, Pair, median_interval, pair_of, pairs, wilcoxon
from riskml.training.describe.table import NOT_SHOWN, FloatArray, Part, Row, Table, spread

CYTOKINES_AND_GLOBULINS = ("cytokine", "immunoglobulin")
LONG_COURSE = 21  # days; published subgroups are 14 against 21 or 28


def immune(cohort: Cohort, *, internal: bool = False, group: str | None = "status_group") -> Part:
    """Paired changes of cells, cytokines and immunoglobulins, and whether they differ between groups.

    Parameters
    ----------
    cohort : Cohort
        Pairs are columns such as ``cd3`` and ``cd3_d15``, ``igg`` and ``igg_after``, ``il6`` and ``il6_onset``: what
        the dictionary has under a name and under the same name with ``_d<day>``, ``_after`` or ``_onset``.
    internal : bool
        Show ranges and groups of fewer than five.
    group : str or None
        A category or tri-state of the dictionary, as of the course that counts.

    Returns
    -------
    Part
        Tables ``immune_changes``, ``immune_changes_by_length``, ``immune_changes_by_group`` and
        ``cytokines_and_immunoglobulins``, and a figure of boxes for each variable measured again.

    Notes
    -----
    A patient counts once, with the first course; at the onset of a reaction with the first course that has both
    values. Two values under their limits count as no change, whatever the limits.
    """
    dictionary = load_dictionary()
    groups, missing = grouping(cohort, group)
    names = list(pairs(dictionary))
    found = [pair for base, later, when in names if (pair := pair_of(cohort, base, later, when)) is not None]
    absent = [later for _, later, _ in names if later not in {pair.later for pair in found}]
    missing += (f"changes: no patient has both values for {', '.join(absent)}",) if absent else ()
    levels = _levels_table(cohort, dictionary, internal=internal)
    missing += () if levels else ("cytokines and immunoglobulins: the cohort has none",)
    tables = [_changes_table(found, internal=internal)] if found else []
    if found and "delivered_infusion_days" in cohort.frame:
        tables.append(_by_length_table(cohort, found, internal=internal))
    if found and len(groups.known) > 1:
        tables.append(_by_group_table(groups, found, internal=internal))
    drawn = box_sets(found, internal=internal)
    whole = (*tables, *([levels] if levels else []))
    return Part("immune", "Immune dynamics", whole, missing=missing, box_sets=drawn)


def _paired(change: FloatArray, digits: int, *, internal: bool) -> tuple[str, str, dict[str, Any]]:
    """Median change with its interval, P, and the numbers; hidden for fewer than five pairs."""
    if np.isnan(change).all():
        return "–", "–", {}
    if not enough(change, internal=internal):
        return NOT_SHOWN, NOT_SHOWN, {}
    tested, (interval, rank) = wilcoxon(change), median_interval(change)
    # With the extremes as its ends the interval is a range: two patients' values.
    ranged = rank == 1 and not internal
    text = f"{interval.value:z.{digits}f}" if ranged or not rank else interval_text(interval, digits)
    ends = {"low": None, "high": None} if ranged else {}
    numbers = {"median_change": {**interval.as_dict(), **ends}, "test": tested.test, "p_value": tested.p_value}
    return text, p_text(tested.p_value), numbers


def _changes_table(found: list[Pair], *, internal: bool) -> Table:
    rows: list[Row] = []
    values: list[dict[str, Any]] = []
    for when in dict.fromkeys(pair.when for pair in found):
        rows.append(Row(f"{when[0].upper()}{when[1:]}"))
        for pair in (pair for pair in found if pair.when == when):
            both = ~np.isnan(pair.change)
            (n,) = known_of_groups([pair.change], internal=internal)
            sides = [spread(side[both], pair.shown.digits, internal=internal) for side in (pair.before, pair.after)]
            text, p_value, numbers = _paired(pair.change, pair.shown.digits, internal=internal)
            rows.append(Row(pair.label, (n, *sides, text, p_value), 1))
            values += [{"before": pair.base, "later": pair.later, **numbers}] if numbers else []
    notes = (
        "Each patient counts once, with the first course that counts, and only where both values are known.",
        "Median (quartiles). The interval of the median change assumes no distribution; none where it is the range.",
        "Two values under their limits count as no change.",
        f"P by the {WILCOXON}, not corrected for how many were asked.",
    )
    columns = ("Pairs", "Before", "Later", "Median change (95 % interval)", "P")
    return Table("immune_changes", "Changes under treatment, patients", columns, tuple(rows), notes, tuple(values))


def _by_length_table(cohort: Cohort, found: list[Pair], *, internal: bool) -> Table:
    """The same changes in short and in long courses."""
    days = cohort.frame["delivered_infusion_days"].to_numpy(dtype=np.float64)
    rows: list[Row] = []
    values: list[dict[str, Any]] = []
    for pair in found:
        cells: list[str] = []
        length = days[pair.rows]
        sides = [pair.change[inside] for inside in (length < LONG_COURSE, length >= LONG_COURSE, np.isnan(length))]
        n = known_of_groups(sides, internal=internal)
        for name, change, known in zip(("short", "long"), sides, n, strict=False):
            text, p_value, numbers = _paired(change, pair.shown.digits, internal=internal)
            cells += [known, text, p_value]
            values += [{"before": pair.base, "later": pair.later, "course": name, **numbers}] if numbers else []
        rows.append(Row(f"{pair.label}, {pair.when}", tuple(cells)))
    lengths = (f"under {LONG_COURSE} days", f"{LONG_COURSE} days or longer")
    columns = tuple(f"{what}, {length}" for length in lengths for what in ("Pairs", "Median change", "P"))
    notes = (
        "Each patient counts once. The delivered length follows the early response: it explains no difference.",
        f"P by the {WILCOXON} within each column.",
    )
    title = "Changes by delivered length of the course, patients"
    return Table("immune_changes_by_length", title, columns, tuple(rows), notes, tuple(values))


def _by_group_table(groups: Grouping, found: list[Pair], *, internal: bool) -> Table:
    """Whether the changes differ between groups."""
    rows: list[Row] = []
    values: list[dict[str, Any]] = []
    for pair in found:
        code = groups.code[pair.rows]
        every = [pair.change[code == level] for level in range(len(groups.levels))]
        changes = [every[level] for level in groups.known]
        cells = pair.shown.spreads(every, internal=internal)[: len(changes)]
        tested = mann_whitney(*changes) if len(changes) == 2 else kruskal_wallis(changes)
        larger = superiority(*changes) if len(changes) == 2 else None
        safe = enough(*(change for change in changes if not np.isnan(change).all()), internal=internal)
        ends = (p_text(tested.p_value), *([interval_text(larger)] if larger else []))
        rows.append(Row(f"{pair.label}, {pair.when}", (*cells, *(ends if safe else (NOT_SHOWN,) * len(ends)))))
        if safe:
            numbers = {"test": tested.test, "p_value": tested.p_value}
            numbers |= {"superiority": plain(larger)} if larger else {}
            values.append({"before": pair.base, "later": pair.later, **numbers})
    names = tuple(groups.levels[level] for level in groups.known)
    last = (f"Larger change: {names[0]}",) if len(names) == 2 else ()
    test = "Mann-Whitney" if len(names) == 2 else "Kruskal-Wallis"
    notes = (
        "Each patient counts once. Median (quartiles) of the change [number of pairs].",
        f"P by the {test} test between the groups, not corrected for how many were asked.",
        *(
            (f"{last[0]}: share of pairs of patients in which its change is larger (0.5: none), 95 % interval.",)
            if last
            else ()
        ),
    )
    title = f"Changes by {groups.label.lower()}, patients"
    return Table("immune_changes_by_group", title, (*names, "P", *last), tuple(rows), notes, tuple(values))


def _levels_table(cohort: Cohort, dictionary: Dictionary, *, internal: bool) -> Table | None:
    """Cytokines and immunoglobulins before and later, with and without CRS."""
    cohort = cohort.patients()
    names = [
        name
        for name in dictionary.variables
        if name in cohort.frame
        and dictionary[name].quantity.name in CYTOKINES_AND_GLOBULINS
        and cohort.frame[name].notna().any()
    ]
    if not names:
        return None
    grade = cohort.frame["crs_grade"].to_numpy(dtype=np.float64) if "crs_grade" in cohort.frame else None
    rows: list[Row] = []
    values: list[dict[str, Any]] = []
    for name in names:
        shown = displayed(cohort, name)
        cells = shown.spreads([shown.values], internal=internal)
        if grade is not None:
            had, free, rest = (shown.values[inside] for inside in (grade >= 1, grade == 0, np.isnan(grade)))
            tested, safe = mann_whitney(had, free), enough(had, free, internal=internal)
            cells += shown.spreads([had, free, rest], internal=internal)[:2]
            cells.append(p_text(tested.p_value) if safe else NOT_SHOWN)
            values += [{"variable": name, "test": tested.test, "p_value": tested.p_value}] if safe else []
        rows.append(Row(shown.label, tuple(cells)))
    columns = ("All",) if grade is None else ("All", "CRS", "No CRS", "P")
    notes = (
        "Each patient counts once, with the first course. Median (quartiles) [number known].",
        *(() if grade is None else ("CRS of any grade in the same course; P by the Mann-Whitney test.",)),
        "Values of an onset were taken because a reaction had begun: they predict nothing.",
    )
    title = "Cytokines and immunoglobulins, patients"
    return Table("cytokines_and_immunoglobulins", title, columns, tuple(rows), notes, tuple(values))
