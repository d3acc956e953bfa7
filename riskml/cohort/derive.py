"""Derived columns of a cohort: ratios, changes, groups; unknown stays unknown, what was stored stays as it is."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskml.cohort.cohort import Cohort
from riskml.cohort.derivations import Derived, load_derived
from riskml.errors import DataError, Fault, UsageError, printable
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.parsing import Note

# A stored ratio and one of rounded counts agree within this share.
_AGREES = 0.1
_NEARLY = 1e-9

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DerivedColumn:
    """Values of one derived variable.

    Attributes
    ----------
    data : float or object array of shape (n_rows,)
        Numbers and tri-states as float with NaN, levels of a group as text or None.
    below : bool array of shape (n_rows,)
        Where the true value lies under the one given.
    notes : tuple of Note
        How many rows could not be told, and why.
    """

    data: npt.NDArray[np.float64] | npt.NDArray[np.object_]
    below: BoolArray
    notes: tuple[Note, ...] = ()


def derive(
    cohort: Cohort,
    names: Iterable[str] | None = None,
    *,
    landmark: str | None = None,
    definitions: Mapping[str, Derived] | None = None,
) -> Cohort:
    """The cohort with derived columns added behind its own.

    Parameters
    ----------
    cohort : Cohort
        Unchanged.
    names : iterable of str, optional
        Derived variables of ``features/derived.toml``; by default all that the cohort's columns allow.
    landmark : str, optional
        Use nothing that is learned later: what is asked for by name is then refused, the others are left out.
    definitions : mapping of str to Derived, optional
        Other definitions than riskml's own.

    Returns
    -------
    Cohort
        A column that the file holds under the same name keeps every value; only its gaps are filled, and a note
        says in how many rows the two disagree.

    Raises
    ------
    UsageError
        For a name or landmark there is none of.
    DataError
        If columns are missing, or a variable is learned after the landmark; every fault at once.
    """
    definitions = load_derived() if definitions is None else definitions
    chosen = choose(cohort.frame.columns, names, landmark, definitions)
    columns = compute(cohort.frame, cohort.below, chosen, definitions)
    frame, below, notes = cohort.frame.copy(), cohort.below.copy(), list(cohort.notes)
    for name, column in columns.items():
        values = column.data
        if name in frame:
            stored = frame[name]
            notes += _disagreement(name, stored, values)
            values = np.where(stored.isna(), values, stored.to_numpy())
        frame[name] = as_series(values, frame.index)
        if definitions[name].kind == "number":
            below[name] = column.below & (cohort.frame[name].isna().to_numpy() if name in cohort.frame else True)
        notes += column.notes
    return replace(cohort, frame=frame, below=below, notes=tuple(notes))


def choose(
    available: Iterable[str], names: Iterable[str] | None, landmark: str | None, definitions: Mapping[str, Derived]
) -> tuple[str, ...]:
    """Names that can be derived from the columns ``available``; errors as in :func:`derive`."""
    order = load_dictionary().landmarks
    if landmark is not None and landmark not in order:
        raise UsageError(f"there is no landmark '{printable(landmark, 40)}': use one of {', '.join(order)}")
    early = {
        name
        for name, made in definitions.items()
        if landmark is None or order.index(made.known) <= order.index(landmark)
    }
    missing = {name: _missing(name, frozenset(available), definitions) for name in definitions}
    if names is None:
        return tuple(name for name in definitions if name in early and not missing[name])
    asked = tuple(dict.fromkeys(names))
    faults = []
    for name in asked:
        if name not in definitions:
            nearest = difflib.get_close_matches(name, definitions, n=1, cutoff=0.0)[0]
            raise UsageError(f"there is no derived variable '{printable(name, 40)}': the nearest is {nearest}")
        if name not in early:
            rule = f"is known only from {definitions[name].known}, after the landmark {landmark}"
            faults.append(Fault(None, name, rule, None, "leave it out: it would leak the outcome"))
        if missing[name]:
            rule = f"needs the columns {', '.join(sorted(missing[name]))}"
            faults.append(Fault(None, name, rule, None, "add them to the file, or do not ask for it"))
    if faults:
        raise DataError("the derived variables were refused", faults)
    return asked


def compute(
    frame: pd.DataFrame, below: pd.DataFrame, names: Iterable[str], definitions: Mapping[str, Derived]
) -> dict[str, DerivedColumn]:
    """Compute derived variables of a table in canonical units; one not named that another needs is made on the way.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        As in ``Cohort.frame``.
    below : DataFrame of shape (n_rows, any)
        Flags of values under a limit; columns without any count as measured.
    names : iterable of str
        What to compute; the columns must be there (see :func:`choose`).
    definitions : mapping of str to Derived
        Definitions by name.

    Returns
    -------
    dict of str to DerivedColumn
    """
    made: dict[str, DerivedColumn] = {}

    def column(name: str) -> DerivedColumn:
        if name in definitions and name not in frame:
            if name not in made:
                made[name] = _apply(definitions[name], [column(other) for other in definitions[name].inputs])
            return made[name]
        if name not in frame:  # one lesion of several that nobody tested
            return DerivedColumn(np.full(len(frame), np.nan), np.zeros(len(frame), dtype=bool))
        flags = below[name].to_numpy(dtype=bool) if name in below else np.zeros(len(frame), dtype=bool)
        return DerivedColumn(frame[name].to_numpy(), flags)

    return {name: _apply(definitions[name], [column(other) for other in definitions[name].inputs]) for name in names}


def as_series(values: npt.NDArray[np.generic], index: pd.Index) -> pd.Series:
    """A column as a cohort holds it: numbers as float, texts as objects with None for unknown."""
    return pd.Series(values, index=index, dtype=np.float64 if values.dtype.kind == "f" else object)


def _missing(name: str, available: frozenset[str], definitions: Mapping[str, Derived]) -> frozenset[str]:
    """Columns of a file that ``name`` needs and ``available`` lacks."""
    if name in available:
        return frozenset() if name not in definitions else _missing(name, available - {name}, definitions)
    if name not in definitions:
        return frozenset({name})
    made = definitions[name]
    lacking = [frozenset() if other in available else _missing(other, available, definitions) for other in made.inputs]
    if made.op == "any_of" and not all(lacking):
        return frozenset()  # one lesion found is enough to know
    return frozenset().union(*lacking)


def _apply(made: Derived, inputs: list[DerivedColumn]) -> DerivedColumn:
    if made.op == "group":
        return _group(made, inputs[0])
    numbers = [np.asarray(column.data, dtype=np.float64) for column in inputs]
    flags = [column.below for column in inputs]
    if made.op == "log10":
        floor = made.floor or 0.0
        return DerivedColumn(np.log10(np.maximum(numbers[0], floor)), flags[0] | (numbers[0] < floor))
    if made.op == "ratio":
        return _ratio(made, numbers, flags)
    if made.op == "difference":
        return _difference(made, numbers, flags)
    return DerivedColumn(_any_of(np.column_stack(numbers)), np.zeros(len(numbers[0]), dtype=bool))


def _ratio(made: Derived, numbers: list[npt.NDArray[np.float64]], flags: list[BoolArray]) -> DerivedColumn:
    """A denominator of zero or under its limit says only that the ratio is large: unknown, not infinite."""
    over, under = numbers
    usable = (under > 0) & ~flags[1]
    values = np.full(len(over), np.nan)
    np.divide(over, under, out=values, where=usable)
    lost = int((~usable & ~np.isnan(over) & ~np.isnan(under)).sum())
    text = f"{made.name} is unknown in {lost:,} rows where {made.inputs[1]} is zero or below its limit"
    return DerivedColumn(values, flags[0] & ~np.isnan(values), (Note("ratio_unknown", text),) if lost else ())


def _difference(made: Derived, numbers: list[npt.NDArray[np.float64]], flags: list[BoolArray]) -> DerivedColumn:
    """A value under a limit enters as it is carried (limit / sqrt 2), so the change is off by less than the limit."""
    values = numbers[0] - numbers[1]
    rough = int(((flags[0] | flags[1]) & ~np.isnan(values)).sum())
    text = f"{made.name} is known to within a detection limit only in {rough:,} rows"
    notes = (Note("change_below_limit", text),) if rough else ()
    return DerivedColumn(values, np.zeros(len(values), dtype=bool), notes)


def _any_of(parts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Kleene's or: present if any part is, absent only if all are, otherwise unknown (NaN)."""
    present, absent = (parts == 1).any(axis=1), (parts == 0).all(axis=1)
    return np.where(present, 1.0, np.where(absent, 0.0, np.nan))


def _group(made: Derived, column: DerivedColumn) -> DerivedColumn:
    levels = np.array([*made.levels, None], dtype=object)
    none = np.zeros(len(column.data), dtype=bool)
    if made.groups:
        grouped = [made.groups.get(level) if isinstance(level, str) else None for level in column.data]
        texts = np.empty(len(grouped), dtype=object)
        texts[:] = grouped
        return DerivedColumn(texts, none)
    values, cuts = np.asarray(column.data, dtype=np.float64), np.array(made.cuts)
    index = np.searchsorted(cuts, values, side="right")
    # A value under a limit is carried as limit / sqrt(2); it may be anything from zero up to the limit.
    limit = values * math.sqrt(2) * (1 - _NEARLY)
    unclear = column.below & (np.searchsorted(cuts, limit, side="left") != np.searchsorted(cuts, 0.0, side="right"))
    index[np.isnan(values) | unclear] = len(made.levels)
    lost = int(unclear.sum())
    text = f"{made.name} is unknown in {lost:,} rows whose detection limit lies above a cut"
    return DerivedColumn(levels[index], none, (Note("group_unknown", text),) if lost else ())


def _disagreement(name: str, stored: pd.Series, values: npt.NDArray[np.generic]) -> Iterator[Note]:
    """In how many rows what the file says and what follows from its other columns differ."""
    both = ~(stored.isna().to_numpy() | pd.isna(values))
    if np.issubdtype(values.dtype, np.floating):
        kept = stored.to_numpy(dtype=np.float64)
        differ = both & (np.abs(kept - values) > _AGREES * np.maximum(np.abs(kept), np.abs(values)))
    else:
        differ = both & (stored.to_numpy() != values)
    if differ.any():
        text = f"the stored {name} differs from the derived one in {int(differ.sum()):,} rows of {int(both.sum()):,}"
        yield Note("stored_differs", f"{text}: the stored values are kept, check the inputs")
