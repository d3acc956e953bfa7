"""Derived columns of a cohort: ratios, changes, groups; unknown stays unknown, what was stored stays as it is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskml.cohort.cohort import Cohort
from riskml.errors import DataError, Fault, UsageError, printable
from riskml.runtime.derivations import Derived
from riskml.runtime.derived import components
from riskml.runtime.derived_table import DerivedColumn, disagreeing, merged
from riskml.runtime.derived_table import compute as table_columns
from riskml.runtime.dictionary import Dictionary, load_dictionary
from riskml.runtime.parsing import Note


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
    definitions = load_dictionary().definitions if definitions is None else definitions
    chosen = choose(cohort.frame.columns, names, landmark, definitions)
    columns = compute(cohort.frame, cohort.below, chosen, definitions)
    frame, below, notes = cohort.frame.copy(), cohort.below.copy(), list(cohort.notes)
    for name, made in columns.items():
        column = made
        if name in frame:
            flags = below[name].to_numpy(dtype=bool) if name in below else np.zeros(len(frame), dtype=bool)
            stored = DerivedColumn(frame[name].to_numpy(), flags)
            notes += _disagreement(name, stored, made)
            column = merged(stored, made)
        frame[name] = as_series(column.data, frame.index)
        if definitions[name].kind == "number":
            below[name] = column.below
        notes += (*made.notes, *_unusual(name, made, column))
    return replace(cohort, frame=frame, below=below, notes=tuple(notes))


def with_inputs(cohort: Cohort, names: Iterable[str], dictionary: Dictionary | None = None) -> Cohort:
    """The cohort with those of ``names`` derived that its columns allow; it is returned as it is where there are none.

    Parameters
    ----------
    cohort : Cohort
        Unchanged.
    names : iterable of str
        Inputs of a recipe or a bundle.
    dictionary : Dictionary, optional
        A bundle's, for its own definitions; riskml's by default.

    Returns
    -------
    Cohort
        As :func:`derive` gives it.
    """
    dictionary = dictionary or load_dictionary()
    wanted, available = dictionary.derivable(names), frozenset(cohort.frame.columns)
    possible = [name for name in wanted if not _missing(name, available, dictionary.definitions)]
    return derive(cohort, possible, definitions=dictionary.definitions) if possible else cohort


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
    """Compute derived variables of a table in canonical units; :func:`riskml.runtime.derived_table.compute` of a frame.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        As in ``Cohort.frame``.
    below : DataFrame of shape (n_rows, any)
        Flags of values under a limit; columns without any count as measured.
    names : iterable of str
        What to compute (see :func:`choose`).
    definitions : mapping of str to Derived
        Definitions by name.

    Returns
    -------
    dict of str to DerivedColumn
    """
    chosen = tuple(names)
    needed = components(definitions, chosen)
    columns, flags = (
        {name: table[name].to_numpy() for name in table.columns if name in needed} for table in (frame, below)
    )
    return table_columns(columns, flags, len(frame), chosen, definitions)


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


def _disagreement(name: str, stored: DerivedColumn, made: DerivedColumn) -> Iterator[Note]:
    """In how many rows what the file says and what follows from its other columns differ."""
    both, differ = disagreeing(stored, made)
    if differ.any():
        text = f"the stored {name} differs from the derived one in {int(differ.sum()):,} rows of {int(both.sum()):,}"
        yield Note("stored_differs", f"{text}: the stored values are kept, check the inputs")


def _unusual(name: str, made: DerivedColumn, column: DerivedColumn) -> Iterator[Note]:
    """The range of a stored variable is no reason to refuse what other columns say, and one to look at them."""
    variable = load_dictionary().variables.get(name)
    if variable is None or variable.kind not in ("number", "integer"):
        return
    low, high = variable.soft
    used = (made.data == column.data) & ~made.below
    strange = int((used & ((made.data < low) | (made.data > high))).sum())
    if strange:
        usual = f"{variable.quantity.show(low)} to {variable.quantity.show(high)}"
        yield Note("derived_unusual", f"{name} as derived lies outside the usual {usual} in {strange:,} rows")
