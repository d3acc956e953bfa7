"""What each row of a training set is beside its inputs: its centre, the year of a date, any group of the cohort."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import with_inputs
from riskml.errors import UsageError, printable
from riskml.runtime.dictionary import Dictionary, Variable, load_dictionary
from riskml.training.fit import TrainingSet

_WORDS = {0.0: "absent", 1.0: "present"}


def labels(cohort: Cohort, rows: TrainingSet, name: str, dictionary: Dictionary | None = None) -> NDArray[np.object_]:
    """The group of each row of a training set, for a split by it.

    Parameters
    ----------
    cohort : Cohort
        The one that ``rows`` were made of.
    rows : TrainingSet
    name : str
        A variable of the cohort, or one that is derived from its columns, by its name or an alias ("site" for centre).
        Dates give the year; tri-states "absent" and "present".
    dictionary : Dictionary, optional
        The one the cohort was read with; riskml's own by default.

    Returns
    -------
    object array of shape (n_rows,)
        Text, or None where it is not known; centres are numbered, not named.

    Raises
    ------
    UsageError
        If the cohort has no such variable, with the nearest it has; if it is a number or tells patients apart, which
        makes no groups.
    """
    variable, column = _column(cohort, rows, name, dictionary or load_dictionary())
    if variable.name == "patient_id":
        raise UsageError("cannot split by patient_id: a group of one patient judges nothing")
    if variable.kind in {"number", "lesion_text"}:
        raise UsageError(f"cannot split by {variable.name}, which is no group{_grouped(variable)}")
    if variable.kind == "date":
        found = column.dt.year.map("{:.0f}".format, na_action="ignore")
    elif variable.kind == "tristate":
        found = column.map(_WORDS)
    elif variable.kind == "integer":
        found = column.map("{:.0f}".format, na_action="ignore")
    else:
        found = column.map(str, na_action="ignore")
    return np.asarray(found.astype(object).where(column.notna(), None), dtype=object)


def days(cohort: Cohort, rows: TrainingSet, name: str, dictionary: Dictionary | None = None) -> NDArray[np.float64]:
    """A date of each row in days since 1970, for a split by time; arguments as for `labels`.

    Returns
    -------
    float array of shape (n_rows,)
        nan where it is not known.

    Raises
    ------
    UsageError
        If the cohort has no such variable, or it is not a date.
    """
    variable, column = _column(cohort, rows, name, dictionary or load_dictionary())
    if variable.kind != "date":
        raise UsageError(f"cannot split by time on {variable.name}, which is no date")
    since = (column.to_numpy() - np.datetime64(0, "s")) / np.timedelta64(1, "D")
    return np.asarray(since, dtype=np.float64)


def _column(cohort: Cohort, rows: TrainingSet, name: str, dictionary: Dictionary) -> tuple[Variable, Any]:
    """The variable meant and its column, row for row that of the training set."""
    if rows.rows.size != rows.event.size:
        raise ValueError("the rows of the training set have no positions in the cohort")
    meant = dictionary.find(name)
    variable = None if meant is None else meant[0]
    if variable is not None and variable.name not in cohort.frame:
        cohort = with_inputs(cohort, [variable.name], dictionary)
    if variable is None or variable.name not in cohort.frame:
        unknown = "there is no variable" if variable is None else "the cohort has no"
        shown = name if variable is None else variable.name
        held = [column for column in cohort.frame.columns if column != "patient_id"]
        near = ", ".join(difflib.get_close_matches(shown, held, n=3, cutoff=0.0))
        raise UsageError(f"{unknown} '{printable(shown, 40)}'; the nearest columns it has are: {near}")
    column = cohort.frame[variable.name]
    if variable.kind == "identifier" and variable.name != "patient_id":
        column = numbered(column, variable.name)
    return variable, column.iloc[rows.rows].reset_index(drop=True)


def numbered(column: Any, name: str) -> Any:
    """Identifiers as ``"centre 1"``, ``"centre 2"``, in the order of their names: an evaluation travels in bundles.

    Parameters
    ----------
    column : Series of str
        Of the whole cohort, so that every recipe's rows get the same numbers; missing stays missing.
    name : str
        Of the variable.
    """
    known = sorted(map(str, column.dropna().unique()))
    width = len(str(len(known)))
    shown = {value: f"{name} {k:0{width}d}" for k, value in enumerate(known, start=1)}
    return column.astype(object).map(shown, na_action="ignore")


def _grouped(variable: Variable) -> str:
    """Which derived variable makes groups of a number."""
    made = load_dictionary().definitions.values()
    groups = [item.name for item in made if item.op == "group" and item.inputs == (variable.name,)]
    return f"; {' or '.join(groups)} is" if groups else ""
