"""A cohort in batches: calendar periods, levels of a column, or so many patients at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.cohort.outcomes import Target
from riskml.errors import DataError, Fault, NotEstimableError, UsageError, printable
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.small_cells import SMALLEST_CELL

IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]
PERIODS = {"year": "Y", "quarter": "Q"}
DATE = "first_dose_date"
# Fewer patients in a batch say nothing; more batches than this are no longer looked at one by one.
LEAST_PATIENTS = 10
MOST_BATCHES = 60


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """A name and the rows of the target that belong to it, in the order in which they came."""

    label: str
    rows: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Batches:
    """Batches in order.

    Attributes
    ----------
    by : str
        How they were made.
    ordered : bool
        Whether one follows the other (periods, numbers), so that a change has a beginning.
    batches : tuple of Batch
    without : int
        Rows that belong to none: no date, or nothing in the column.
    merged : tuple of str
        Batches that were put together because one was too small.
    """

    by: str
    ordered: bool
    batches: tuple[Batch, ...]
    without: int
    merged: tuple[str, ...]


def split(cohort: Cohort, target: Target, by: str, event: BoolArray | None = None) -> Batches:
    """Split the rows of ``target``.

    A batch of fewer than ten patients is put together with the next, and so is one with 1 to 4 events (or 1 to 4
    patients without): such counts are not shown, and say little.

    Parameters
    ----------
    cohort : Cohort
    target : Target
    by : str
        "year" or "quarter" of ``first_dose_date``; the name of a column; or a number of patients, in file order.
    event : bool array of shape (n_rows,), optional
        What counts as an event; that of the target by default.

    Raises
    ------
    UsageError
        If ``by`` is none of these.
    DataError
        If the cohort has no such column, or no dates.
    NotEstimableError
        If fewer than two batches are left.
    """
    event = target.event if event is None else event
    groups, ordered = _groups(cohort, target, by)
    placed = [group for group in groups if len(group.rows)]
    batches, merged = _merged(placed, target.patient, event, ordered, binary=target.time is None)
    if len(batches) < 2:
        raise NotEstimableError(
            f"batches by {by}: {len(batches)} of at least {LEAST_PATIENTS} patients and {SMALLEST_CELL} events (or "
            "none), 2 are needed; wait for more patients, or make larger batches"
        )
    without = len(target.rows) - sum(len(group.rows) for group in placed)
    return Batches(by, ordered, tuple(batches), without, tuple(merged))


def _groups(cohort: Cohort, target: Target, by: str) -> tuple[list[Batch], bool]:
    if by in PERIODS:
        return list(_periods(cohort, target, by)), True
    if by.isascii() and by.isdigit():
        return list(_consecutive(target, int(by))), True
    if by in load_dictionary().variables:
        return _levels(cohort, target, by)
    raise UsageError(
        f"batches must be year, quarter, a number of patients or a column of the dictionary, got '{printable(by, 40)}'"
    )


def _periods(cohort: Cohort, target: Target, by: str) -> Iterator[Batch]:
    dates = pd.to_datetime(_column(cohort, target, DATE))
    if dates.isna().all():
        remedy = "fill it in, or make batches by a column or by a number of patients"
        raise DataError("batches were refused", [Fault(None, DATE, f"{by}s need dates", None, remedy)])
    periods = dates.dt.to_period(PERIODS[by])
    for period in sorted(periods.dropna().unique()):
        rows = np.flatnonzero((periods == period).to_numpy())
        label = str(period.year) if by == "year" else f"{period.year} Q{period.quarter}"
        yield Batch(label, rows[np.argsort(dates.to_numpy()[rows], kind="stable")])


def _consecutive(target: Target, size: int) -> Iterator[Batch]:
    if size < LEAST_PATIENTS:
        raise UsageError(f"batches need at least {LEAST_PATIENTS} patients each, got {size}")
    codes, patients = pd.factorize(target.patient)
    for start in range(0, len(patients), size):
        end = min(start + size, len(patients))
        yield Batch(f"patients {start + 1} to {end}", np.flatnonzero((codes >= start) & (codes < end)))


def _levels(cohort: Cohort, target: Target, by: str) -> tuple[list[Batch], bool]:
    variable, values = load_dictionary()[by], _column(cohort, target, by)
    if by == "patient_id" or variable.kind == "date":
        remedy = "choose year or quarter" if variable.kind == "date" else "choose a column of several patients a value"
        raise UsageError(f"batches by {by} would name single patients or days: {remedy}")
    found = sorted(values.dropna().unique())
    if len(found) > MOST_BATCHES:
        raise UsageError(f"{by} has {len(found):,} values, batches can have {MOST_BATCHES}: choose another column")
    ordered = variable.kind in {"number", "integer"}
    shown = [f"{by} {value:g}" if not isinstance(value, str) else value for value in found]
    groups = [
        Batch(label, np.flatnonzero((values == value).to_numpy())) for label, value in zip(shown, found, strict=True)
    ]
    return groups, ordered


def _column(cohort: Cohort, target: Target, name: str) -> Any:
    if name not in cohort.frame:
        remedy = "add it, map it with --columns, or make batches by a number of patients"
        raise DataError("batches were refused", [Fault(None, name, "must be a column of the cohort", None, remedy)])
    return cohort.frame[name].iloc[target.rows].reset_index(drop=True)


def _merged(
    groups: list[Batch], patient: IntArray, event: BoolArray, ordered: bool, *, binary: bool
) -> tuple[list[Batch], list[str]]:
    """Each group with as many of the next as it takes; a last one that is too small goes to the one before."""
    done: list[list[Batch]] = []
    waiting: list[Batch] = []
    for group in groups:
        waiting.append(group)
        if _large_enough(np.concatenate([part.rows for part in waiting]), patient, event, binary=binary):
            done.append(waiting)
            waiting = []
    if waiting:
        done = [*done[:-1], [*(done[-1] if done else []), *waiting]]
    batches = [_joined(parts, ordered) for parts in done]
    return batches, [batch.label for batch, parts in zip(batches, done, strict=True) if len(parts) > 1]


def _joined(parts: list[Batch], ordered: bool) -> Batch:
    if len(parts) == 1:
        return parts[0]
    first, last = parts[0].label, parts[-1].label
    if ordered and first.startswith("patients "):
        label = f"{first.split(' to ')[0]} to {last.split(' to ')[1]}"
    else:
        label = f"{first} to {last}" if ordered else ", ".join(part.label for part in parts)
    return Batch(label, np.concatenate([part.rows for part in parts]))


def _large_enough(rows: IntArray, patient: IntArray, event: BoolArray, *, binary: bool) -> bool:
    happened = int(event[rows].sum())
    without = len(rows) - happened
    small = 0 < happened < SMALLEST_CELL or (binary and 0 < without < SMALLEST_CELL)
    return len(np.unique(patient[rows])) >= LEAST_PATIENTS and not small
