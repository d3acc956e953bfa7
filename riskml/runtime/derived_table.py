"""Derived variables of a whole table; ``derived`` has the same operations for one patient (a test holds both together).

numpy is imported inside the functions: a patient's prediction needs neither it nor this file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from riskml.record import Record
from riskml.runtime.derived import AGREES, TO_LIMIT, components
from riskml.runtime.parsing import Note

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    import numpy as np
    import numpy.typing as npt

    from riskml.runtime.bundle import Table
    from riskml.runtime.derivations import Derived
    from riskml.runtime.dictionary import Dictionary

    BoolArray: TypeAlias = npt.NDArray[np.bool_]
    FloatArray: TypeAlias = npt.NDArray[np.float64]
    Values: TypeAlias = npt.NDArray[np.float64] | npt.NDArray[np.object_]


class DerivedColumn(Record):
    """Values of one variable.

    Attributes
    ----------
    data : float or object array of shape (n_rows,)
        Numbers and tri-states as float with NaN, levels of a group as text or None.
    below : bool array of shape (n_rows,)
        Where the true value lies under the one given.
    notes : tuple of Note
        How many rows could not be told, and why.
    """

    data: Values
    below: BoolArray
    notes: tuple[Note, ...] = ()


def compute(
    columns: Mapping[str, Any],
    below: Mapping[str, Any],
    n_rows: int,
    names: Iterable[str],
    definitions: Mapping[str, Derived],
) -> dict[str, DerivedColumn]:
    """Compute derived variables of a table in canonical units from their inputs.

    Parameters
    ----------
    columns : mapping of str to array of shape (n_rows,)
        Numbers and tri-states as float with NaN, categories as text or None. A column that is not there is unknown;
        one that is derived itself and has gaps, or is not there, is made on the way.
    below : mapping of str to bool array of shape (n_rows,)
        Where a value lies under a limit; columns without any count as measured.
    n_rows : int
        Rows of the table.
    names : iterable of str
        What to compute.
    definitions : mapping of str to Derived
        Definitions by name, of which all that is made on the way.

    Returns
    -------
    dict of str to DerivedColumn
        What follows from the inputs, whatever ``columns`` hold under these names; ``merged`` puts both together.
    """
    import numpy as np

    made: dict[str, DerivedColumn] = {}

    def derived(name: str) -> DerivedColumn:
        if name not in made:
            made[name] = _apply(definitions[name], [column(other) for other in definitions[name].inputs])
        return made[name]

    def column(name: str) -> DerivedColumn:
        flags = np.asarray(below.get(name, np.zeros(n_rows)), dtype=bool)
        if name not in columns:  # for example one lesion of several that nobody tested
            return derived(name) if name in definitions else DerivedColumn(np.full(n_rows, np.nan), flags)
        stored = DerivedColumn(columns[name], flags)
        return merged(stored, derived(name)) if name in definitions else stored

    return {name: derived(name) for name in names}


def merged(stored: DerivedColumn, made: DerivedColumn) -> DerivedColumn:
    """What is stored, its gaps filled with what follows from the inputs."""
    import numpy as np

    gap = _unknown(stored.data)
    return DerivedColumn(np.where(gap, made.data, stored.data), np.where(gap, made.below, stored.below))


def disagreeing(stored: DerivedColumn, made: DerivedColumn) -> tuple[BoolArray, BoolArray]:
    """Rows in which both are measured, and those of them that differ by more than a tenth; each of shape (n_rows,)."""
    import numpy as np

    both = ~(_unknown(stored.data) | _unknown(made.data) | stored.below | made.below)
    if made.data.dtype.kind != "f":
        return both, both & (stored.data != made.data)
    own, other = (np.asarray(column.data, dtype=np.float64) for column in (stored, made))
    return both, both & (np.abs(own - other) > AGREES * np.maximum(np.abs(own), np.abs(other)))


def filled(names: Sequence[str], table: Table, dictionary: Dictionary) -> dict[str, Values]:
    """Columns of derived variables for scoring: what ``table`` stores, and what follows from its other columns.

    Parameters
    ----------
    names : sequence of str
        Derived variables of ``dictionary``.
    table : Table
        A cohort; a column that it lacks is unknown.
    dictionary : Dictionary
        That of the bundle.

    Returns
    -------
    dict of str to array of shape (n_rows,)
    """
    import numpy as np

    definitions = dictionary.definitions
    needed = {*names, *components(definitions, names)}
    columns = {name: table.frame[name].to_numpy() for name in table.frame.columns if name in needed}
    below = {name: table.below[name].to_numpy() for name in table.below.columns if name in needed}
    made = compute(columns, below, len(table.frame), names, definitions)
    none = np.zeros(len(table.frame), dtype=bool)
    return {n: merged(DerivedColumn(columns[n], none), c).data if n in columns else c.data for n, c in made.items()}


def _unknown(values: Values) -> BoolArray:
    import numpy as np

    if values.dtype.kind == "f":
        return np.isnan(np.asarray(values, dtype=np.float64))
    return np.array([value is None or value != value for value in values], dtype=bool)  # noqa: PLR0124 - NaN


def _apply(made: Derived, inputs: Sequence[DerivedColumn]) -> DerivedColumn:
    import numpy as np

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


def _ratio(made: Derived, numbers: Sequence[FloatArray], flags: Sequence[BoolArray]) -> DerivedColumn:
    """A denominator of zero or under its limit says only that the ratio is large: unknown, not infinite."""
    import numpy as np

    over, under = numbers
    values = np.full(len(over), np.nan)
    with np.errstate(over="ignore"):
        np.divide(over, under, out=values, where=(under > 0) & ~flags[1])
    values[np.isinf(values)] = np.nan
    lost = int((np.isnan(values) & ~np.isnan(over) & ~np.isnan(under)).sum())
    text = f"{made.name} is unknown in {lost:,} rows where {made.inputs[1]} is zero or below its limit"
    return DerivedColumn(values, flags[0] & ~np.isnan(values), (Note("ratio_unknown", text),) if lost else ())


def _difference(made: Derived, numbers: Sequence[FloatArray], flags: Sequence[BoolArray]) -> DerivedColumn:
    """A value under a limit enters as it is carried (limit / sqrt 2), so the change is off by less than the limit."""
    import numpy as np

    values = numbers[0] - numbers[1]
    rough = int(((flags[0] | flags[1]) & ~np.isnan(values)).sum())
    text = f"{made.name} is known to within a detection limit only in {rough:,} rows"
    notes = (Note("change_below_limit", text),) if rough else ()
    return DerivedColumn(values, np.zeros(len(values), dtype=bool), notes)


def _any_of(parts: FloatArray) -> FloatArray:
    """Kleene's or: present if any part is, absent only if all are, otherwise unknown (NaN)."""
    import numpy as np

    present, absent = (parts == 1).any(axis=1), (parts == 0).all(axis=1)
    return np.where(present, 1.0, np.where(absent, 0.0, np.nan))


def _group(made: Derived, column: DerivedColumn) -> DerivedColumn:
    import numpy as np

    none = np.zeros(len(column.data), dtype=bool)
    if made.groups:
        grouped = [made.groups.get(level) if isinstance(level, str) else None for level in column.data]
        texts = np.empty(len(grouped), dtype=object)
        texts[:] = grouped
        return DerivedColumn(texts, none)
    levels = np.array([*made.levels, None], dtype=object)
    values, cuts = np.asarray(column.data, dtype=np.float64), np.array(made.cuts)
    index = np.searchsorted(cuts, values, side="right")
    # The true value of one under a limit may be anything from zero up to the limit.
    lowest, highest = np.searchsorted(cuts, 0.0, side="right"), np.searchsorted(cuts, values * TO_LIMIT, side="left")
    unclear = column.below & ~np.isnan(values) & (highest != lowest)
    index[np.isnan(values) | unclear] = len(made.levels)
    lost = int(unclear.sum())
    text = f"{made.name} is unknown in {lost:,} rows whose detection limit lies above a cut"
    return DerivedColumn(levels[index], none, (Note("group_unknown", text),) if lost else ())
