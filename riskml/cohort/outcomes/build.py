"""``build_target``: the one door from a declared outcome and a cohort to a Target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from riskml.cohort.cohort import Cohort
from riskml.cohort.outcomes.binary import Unclear, outside_window, response, toxicity
from riskml.cohort.outcomes.settings import Table, find_outcome, needed_columns, one_row_a_patient
from riskml.cohort.outcomes.survival import follow_up
from riskml.cohort.outcomes.target import EVENT, BoolArray, Selection, Target
from riskml.cohort.outcomes.words import definition, warnings
from riskml.errors import DataError, Fault
from riskml.runtime.dictionary import Dictionary, load_dictionary


def build_target(
    cohort: Cohort, outcome: str | Mapping[str, Any], dictionary: Dictionary | None = None, *, part: bool = False
) -> Target:
    """Apply the rules of an outcome to a cohort.

    Parameters
    ----------
    cohort : Cohort
        The checked cohort.
    outcome : str or mapping
        Name of an outcome in the dictionary, or a table with the same keys (and ``name``); docs/outcomes.md lists them.
    dictionary : Dictionary, optional
        This riskml's own by default.
    part : bool
        Whether the cohort is one hospital's part of a larger one, and may then be without rows, or without events.

    Returns
    -------
    Target

    Raises
    ------
    UsageError
        If there is no such outcome, or its table contradicts itself or the dictionary.
    DataError
        If the cohort lacks a column the outcome needs, or events stand at time 0 or after the last contact: that is a
        mistake in a date, while a last contact at time 0 says nothing and is left out and counted.
    NotEstimableError
        If no row or no event is left, or a binary outcome came in every row.

    Notes
    -----
    Rows are taken out in this order, each reason counted: later courses, eligibility, exposure, what cannot be judged,
    no time at risk. ``landmark_days`` moves the origin: those with an event or their last contact at or before the
    landmark are left out, and the others' times count from there. Starting the clock before the predictors are known
    would give the patients a time in which they could not fail. ``events_at_landmark = "count"`` keeps those whose
    event stands on the very day of the landmark, as half a day: induction failure is found by the assessment that is
    the landmark.

    References
    ----------
    Anderson JR, Cain KC, Gelber RD. Analysis of survival by tumor response. J Clin Oncol 1983;1:710-719.
    """
    dictionary = dictionary or load_dictionary()
    name, table = find_outcome(outcome, dictionary)
    _check_columns(name, table, cohort, dictionary)
    selection = Selection(np.ones(cohort.n_courses, dtype=np.bool_), notes=list(warnings(table)))
    _select(cohort, table, selection)
    months = entry = None
    if table["kind"] == "survival":
        times = follow_up(cohort, table, dictionary, selection)
        months, cause, entry = times.time, times.cause, times.entry
    else:
        happened, unclear = _happened(cohort, table, dictionary)
        for reason, mask in unclear:
            selection.drop(reason, mask)
        cause = happened.astype(np.intp)
    rows = np.flatnonzero(selection.kept)
    target = Target(
        name=name,
        kind=table["kind"],
        rows=rows,
        event=cause[rows] == EVENT,
        time=None if months is None else months[rows],
        patient=cohort.patient[rows],
        flow=tuple(selection.flow),
        cause=cause[rows],
        entry=None if entry is None else entry[rows],
        definition=definition(table, cohort.frame.columns),
        notes=tuple(selection.notes),
    )
    if not part:
        target.check_estimable(cohort.n_courses)
    return target


def _select(cohort: Cohort, table: Table, selection: Selection) -> None:
    """Take out who is not asked about: later courses, the ineligible, too little of the drug."""
    if one_row_a_patient(table):
        selection.drop("not the patient's first course", ~cohort.first_courses)
    for column, levels in table.get("eligible", {}).items():
        value = cohort.frame[column]
        selection.drop(f"{column} not known", value.isna())
        selection.drop(f"{column} not one of {', '.join(levels)}", ~value.isin(levels))
    least = table.get("min_exposure_days", 0)
    if least:
        exposure = cohort.frame["delivered_infusion_days"]
        selection.drop("days of the drug not known", exposure.isna())
        selection.drop(f"fewer than {least:g} days of the drug", exposure < least)


def _happened(cohort: Cohort, table: Table, dictionary: Dictionary) -> tuple[BoolArray, Unclear]:
    """What a binary outcome says of every course, and where it cannot be told."""
    if "min_grade" in table:
        return toxicity(cohort, table)
    late = list(outside_window(cohort, table))
    if table.get("rule", "column") != "column":
        failed, unclear = response(cohort, table, dictionary)
        return failed, [*unclear, *late]
    value = cohort.frame[table["column"]]
    masks = {"outcome not known": value.isna(), "outcome not evaluable": value.isin(table.get("excluded_levels", ()))}
    unclear = [(reason, np.asarray(mask, dtype=np.bool_)) for reason, mask in masks.items()]
    return np.asarray(value.isin(table["event_levels"]), dtype=np.bool_), [*unclear, *late]


def _check_columns(name: str, table: Table, cohort: Cohort, dictionary: Dictionary) -> None:
    present = tuple(cohort.frame.columns)
    faults = []
    for column in needed_columns(table):
        if column not in present:
            nearest = dictionary.nearest(column, present)
            remedy = f"add it, or map it in a --columns file (the nearest column present is {nearest})"
            faults.append(Fault(None, column, f"the outcome {name} needs this column", None, remedy))
    if faults:
        raise DataError(f"{cohort.name} does not hold the outcome {name}", faults)
