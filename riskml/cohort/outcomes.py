"""A declared outcome (``features/outcomes.toml``) + Cohort -> Target: who counts, with which y, who is left out."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskml.cohort.cohort import Cohort
from riskml.cohort.columns import NUMERIC
from riskml.errors import DataError, Fault, NotEstimableError, UsageError, printable
from riskml.runtime.dictionary import Dictionary, load_dictionary

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

DAYS_PER_MONTH = 30.4375
# Days turned into months and back differ in the last bits; a minute decides nothing.
_SAME_TIME = 1e-6


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be predicted, for the courses that count.

    Attributes
    ----------
    name : str
        Name of the outcome.
    kind : {"binary", "survival"}
        Whether there is a ``time``.
    rows : int array of shape (n_rows,)
        Positions in ``Cohort.frame``, rising.
    event : bool array of shape (n_rows,)
        Whether the event was seen.
    time : float array of shape (n_rows,) or None
        Months from the origin to the event or last contact, all positive; None for a binary outcome.
    patient : int array of shape (n_rows,)
        Code of each row's patient, as in ``Cohort.patient``.
    flow : tuple of (str, int)
        Each exclusion in the order in which it was applied, with how many rows it took (also where that is none).
        The counts and ``rows`` together add up to the rows of the cohort.
    """

    name: str
    kind: Literal["binary", "survival"]
    rows: IntArray
    event: BoolArray
    time: FloatArray | None
    patient: IntArray
    flow: tuple[tuple[str, int], ...]

    @property
    def groups(self) -> IntArray:
        """What a split must keep together: the rows of one patient, shape (n_rows,)."""
        return self.patient

    @property
    def n_events(self) -> int:
        """Rows with the event."""
        return int(self.event.sum())

    @property
    def n_patients(self) -> int:
        """Different patients among the rows."""
        return len(np.unique(self.patient))


def build_target(cohort: Cohort, outcome: str | Mapping[str, Any], dictionary: Dictionary | None = None) -> Target:
    """Apply the rules of an outcome to a cohort.

    Parameters
    ----------
    cohort : Cohort
        The checked cohort.
    outcome : str or mapping
        Name of an outcome in the dictionary, or a table with the same keys (and ``name``).
    dictionary : Dictionary, optional
        This riskml's own by default.

    Returns
    -------
    Target

    Raises
    ------
    UsageError
        If there is no such outcome, or its table contradicts the dictionary.
    DataError
        If the cohort lacks a column the outcome needs, or events stand at time 0: such an event is a mistake in a
        date, while a last contact at time 0 says nothing and is left out and counted.
    NotEstimableError
        If no row or no event is left, or a binary outcome came in every row.

    Notes
    -----
    ``landmark_days`` moves the origin: those with an event or their last contact at or before the landmark are left
    out, and the others' times count from there. Starting the clock before the predictors are known would give the
    patients a time in which they could not fail. ``events_at_landmark = "count"`` keeps those whose event stands on the
    very day of the landmark, as half a day: induction failure is found by the assessment that is the landmark.

    References
    ----------
    Anderson JR, Cain KC, Gelber RD. Analysis of survival by tumor response. J Clin Oncol 1983;1:710-719.
    """
    dictionary = dictionary or load_dictionary()
    name, table = _table(outcome, dictionary)
    _check_table(name, table, dictionary)
    _check_columns(name, table, cohort, dictionary)
    selection = _Selection(np.ones(cohort.n_courses, dtype=np.bool_))
    if table["rows"] == "patient":
        selection.drop("not the patient's first course", ~_first_courses(cohort))
    for column, levels in table.get("eligible", {}).items():
        value = cohort.frame[column]
        selection.drop(f"{column} not known", value.isna())
        selection.drop(f"{column} not one of {', '.join(levels)}", ~value.isin(levels))
    outcome_value = cohort.frame[table["column"]]
    time = cohort.frame[table["time"]] if table["kind"] == "survival" else None
    selection.drop("outcome not known", outcome_value.isna() if time is None else outcome_value.isna() | time.isna())
    selection.drop("outcome not evaluable", outcome_value.isin(table.get("excluded_levels", ())))
    event = _events(outcome_value, table)
    months = None if time is None else _months(time, event, table, selection, cohort)
    rows = np.flatnonzero(selection.kept)
    target = Target(
        name=name,
        kind=table["kind"],
        rows=rows,
        event=event[rows],
        time=None if months is None else months[rows],
        patient=cohort.patient[rows],
        flow=tuple(selection.flow),
    )
    _check_estimable(target, cohort)
    return target


@dataclass(slots=True)
class _Selection:
    """Rows still in, and what took the others."""

    kept: BoolArray
    flow: list[tuple[str, int]] = field(default_factory=list)

    def drop(self, reason: str, mask: npt.ArrayLike) -> None:
        gone = self.kept & np.asarray(mask, dtype=np.bool_)
        self.flow.append((reason, int(gone.sum())))
        self.kept &= ~gone


def _first_courses(cohort: Cohort) -> BoolArray:
    """Mark each patient's row with the smallest cycle_index; the first row of the file among equals."""
    patient = cohort.patient
    cycle = cohort.frame["cycle_index"].to_numpy() if "cycle_index" in cohort.frame else np.zeros(cohort.n_courses)
    order = np.lexsort((np.arange(cohort.n_courses), cycle, patient))  # an unknown cycle (NaN) sorts last
    first = np.zeros(cohort.n_courses, dtype=np.bool_)
    first[order[np.unique(patient[order], return_index=True)[1]]] = True
    return first


def _events(value: pd.Series, table: Mapping[str, Any]) -> BoolArray:
    came = value >= table["min_grade"] if "min_grade" in table else value.isin(table["event_levels"])
    return np.asarray(came, dtype=np.bool_)


def _months(
    time: pd.Series, event: BoolArray, table: Mapping[str, Any], selection: _Selection, cohort: Cohort
) -> FloatArray:
    """Months from the origin; takes out those who did not reach it."""
    months: FloatArray = time.to_numpy(dtype=np.float64)
    if "landmark_days" in table:
        day = f"day {table['landmark_days']:g}"
        months = months - table["landmark_days"] / DAYS_PER_MONTH
        if table.get("events_at_landmark") == "count":
            # An event that the landmark's own assessment brings to light comes at the start of the clock: half a day.
            months = np.where(event & (np.abs(months) <= _SAME_TIME), 0.5 / DAYS_PER_MONTH, months)
        early = months <= _SAME_TIME
        selection.drop(f"event by {day}", early & event)
        selection.drop(f"last contact by {day}", early & ~event)
        return months
    selection.drop("no follow-up", (months == 0) & ~event)
    remedy = "check the date; an event later on the first day is half a day, 0.5 d"
    faults = [
        Fault(int(row), table["time"], "an event must come after the clock starts", "0", remedy)
        for row in cohort.row_numbers[selection.kept & (months == 0) & event]
    ]
    if faults:
        raise DataError(f"{cohort.name} was refused: events at time 0", faults)
    return months


def _check_estimable(target: Target, cohort: Cohort) -> None:
    left_out = "; ".join(f"{count:,} {reason}" for reason, count in target.flow if count)
    left_out = f" (left out: {left_out})" if left_out else ""
    n = len(target.rows)
    if n == 0:
        raise NotEstimableError(f"{target.name}: none of {cohort.n_courses:,} rows can be used{left_out}")
    if target.n_events == 0:
        raise NotEstimableError(f"{target.name} needs rows with the event; has 0 of {n:,}{left_out}")
    if target.kind == "binary" and target.n_events == n:
        raise NotEstimableError(f"{target.name} needs rows without the event; has 0 of {n:,}{left_out}")


def _table(outcome: str | Mapping[str, Any], dictionary: Dictionary) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(outcome, str):
        return str(outcome.get("name", "outcome")), outcome
    if outcome in dictionary.outcomes:
        return outcome, dictionary.outcomes[outcome]
    nearest = difflib.get_close_matches(outcome, dictionary.outcomes, n=1, cutoff=0.0)
    known = ", ".join(dictionary.outcomes)
    raise UsageError(f"there is no outcome '{printable(outcome, 40)}': did you mean {nearest[0]}? Known are {known}")


def _check_table(name: str, table: Mapping[str, Any], dictionary: Dictionary) -> None:
    wrong = "; ".join(_contradictions(table, dictionary))
    if wrong:
        raise UsageError(f"the outcome {name} is not well defined: {wrong}")


def _contradictions(table: Mapping[str, Any], dictionary: Dictionary) -> Iterator[str]:
    """What is wrong with the settings, each by itself."""
    if table.get("kind") not in {"binary", "survival"}:
        yield "kind must be binary or survival"
    if table.get("rows") not in {"patient", "course"}:
        yield "rows must be patient or course"
    if ("min_grade" in table) == ("event_levels" in table):
        yield "give either min_grade or event_levels"
    if table.get("kind") == "survival" and "time" not in table:
        yield "time must name the column of the time"
    landmark = table.get("landmark_days", 0)
    if not (isinstance(landmark, (int, float)) and landmark >= 0):
        yield "landmark_days must be a number of days, 0 or more"
    if table.get("events_at_landmark", "exclude") not in {"count", "exclude"}:
        yield "events_at_landmark must be count or exclude"
    if "column" not in table:
        yield "column must name the column of the outcome"
    yield from _unknown_names(table, dictionary)


def _unknown_names(table: Mapping[str, Any], dictionary: Dictionary) -> Iterator[str]:
    """Variables and levels that the dictionary does not have."""
    for column in _needed(table):
        if column not in dictionary.variables:
            yield f"'{column}' is not in the dictionary (the nearest name is {dictionary.nearest(column)})"
    column = str(table.get("column", ""))
    if "min_grade" in table and column in dictionary.variables and dictionary[column].kind not in NUMERIC:
        yield f"min_grade needs a column of numbers, which {column} is not"
    listed = {key: (column, table[key]) for key in ("event_levels", "excluded_levels") if key in table}
    listed |= {f"eligible.{key}": (key, levels) for key, levels in table.get("eligible", {}).items()}
    for key, (variable, levels) in listed.items():
        known = dictionary[variable].levels if variable in dictionary.variables else levels
        unknown = [str(level) for level in levels if level not in known]
        if unknown:
            yield f"{key} holds {', '.join(unknown)}, which {variable} does not have"


def _needed(table: Mapping[str, Any]) -> tuple[str, ...]:
    """Columns without which the outcome cannot be made."""
    return tuple(str(c) for c in (table.get("column"), table.get("time"), *table.get("eligible", {})) if c is not None)


def _check_columns(name: str, table: Mapping[str, Any], cohort: Cohort, dictionary: Dictionary) -> None:
    present = tuple(cohort.frame.columns)
    faults = []
    for column in _needed(table):
        if column not in present:
            nearest = dictionary.nearest(column, present)
            remedy = f"add it, or map it in a --columns file (the nearest column present is {nearest})"
            faults.append(Fault(None, column, f"the outcome {name} needs this column", None, remedy))
    if faults:
        raise DataError(f"{cohort.name} does not hold the outcome {name}", faults)
