"""One column of a file -> values in the canonical unit, with its faults and notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskml.cohort.column_map import ColumnMap
from riskml.cohort.number_marks import Marks, settle
from riskml.cohort.plain_cells import plain_identifiers, plain_numbers
from riskml.cohort.raw_table import RawTable
from riskml.cohort.written import Written, as_written
from riskml.errors import Fault, printable
from riskml.runtime.dictionary import Dictionary, Variable
from riskml.runtime.parsing import CellError, Note, Reading

# So many unknown columns, and most of them, make a foreign file.
SEVERAL = 4
MOST_UNKNOWN = 50
NUMERIC = frozenset({"number", "integer", "tristate"})
MEASURED = frozenset({"number", "integer"})


@dataclass(frozen=True, slots=True)
class Source:
    """Which column of the file a variable comes from, and how it is written there; of dates, ``unit`` is the order."""

    header: str
    variable: Variable
    unit: str | None
    codes: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """A parsed column; ``written`` is kept of fractions."""

    variable: Variable
    series: pd.Series
    below: npt.NDArray[np.bool_]
    faults: tuple[Fault, ...] = ()
    notes: tuple[Note, ...] = ()
    written: Written | None = None


def find_sources(header: Sequence[str], columns: ColumnMap, dictionary: Dictionary) -> tuple[list[Source], list[Fault]]:
    """Find each column's variable: by the map, else by its own name; two columns never share one."""
    found: dict[str, Source] = {}
    faults = list(columns.absent(header))
    unknown: list[str] = []
    for name in header:
        mapped = columns.columns.get(name)
        if mapped is not None:
            source = Source(name, dictionary[mapped.name], mapped.date_order or mapped.unit, mapped.codes)
        elif (hit := dictionary.find(name)) is not None:
            source = Source(name, *hit)
        elif name in columns.ignored:
            continue
        else:
            unknown.append(name)
            continue
        variable = source.variable.name
        if name in columns.ignored:
            if variable == "data_origin":
                remedy = "map it: leaving it out could pass simulated patients off as real ones"
                faults.append(Fault(None, name, "the origin of the rows cannot be ignored", None, remedy))
        elif variable in found or variable in columns.constants:
            other = found[variable].header if variable in found else f"{columns.name} [constants]"
            remedy = "keep one and list the other under [ignore] in a --columns file"
            faults.append(Fault(None, name, f"one column may mean {variable}", f"also {other}", remedy))
        else:
            found[variable] = source
    if not found and not faults:
        # Not one known name: perhaps no header at all, and the first patient's row must not be quoted.
        remedy = "put the column names into the first row (see riskml features), or map them with a --columns file"
        return [], [Fault(None, None, "a cohort needs a column of the dictionary", None, remedy)]
    if len(unknown) > max(SEVERAL, len(header) / 2):
        faults.insert(0, _foreign(len(unknown), len(header)))
    return list(found.values()), [*faults, *_unknown_columns(unknown, dictionary)]


def _foreign(n_unknown: int, n_columns: int) -> Fault:
    """Said first of a file that was never written for riskml: correcting it column by column is not what is needed."""
    remedy = (
        "draft a column map with 'riskml check FILE --propose MAP.toml', review it and give it as --columns; or check "
        "the file as it is with 'riskml check FILE --foreign --outcome-column NAME'"
    )
    rule = f"{n_unknown:,} of {n_columns:,} columns are not called as the dictionary calls them"
    return Fault(None, None, rule, None, remedy)


def _unknown_columns(names: Sequence[str], dictionary: Dictionary) -> Iterator[Fault]:
    """One fault each for the first, since searching the nearest name takes time; one for all the others."""
    rule, ways = "must be a variable of the dictionary", "map it or list it under [ignore] in a --columns file"
    for name in names[:MOST_UNKNOWN]:
        if (meant := dictionary.other_unit(name)) is not None:
            own = f"what stands in brackets must be a unit of {meant.name}"
            units = ", ".join(meant.quantity.spellings[:4])
            # "mrd (day 29)" is not to become the baseline by way of another word in its brackets.
            yield Fault(None, name, own, None, f"if one was meant, write {units}; if a day or a method, {ways}")
            continue
        nearest = dictionary.nearest(name)
        yield Fault(None, name, rule, None, f"rename it (the nearest known name is {nearest}), {ways}")
    rest = names[MOST_UNKNOWN:]
    if rest:
        yield Fault(None, rest[0], f"{rule}, and so must {len(rest) - 1:,} columns more", None, ways)


def parse_column(table: RawTable, source: Source, dictionary: Dictionary) -> Column:
    """Read each distinct text of a column once, all its plain numbers or identifiers at a time."""
    index, distinct = pd.factorize(table.cells[source.header])
    texts, variable = distinct.tolist(), source.variable
    marks = settle(texts) if variable.kind in MEASURED and not source.codes else Marks({})
    plain, values = _plain(texts, source, dictionary)
    representative = np.flatnonzero(plain)[:1]
    below = np.zeros(len(texts), dtype=bool)
    noted: dict[int, Reading] = {}
    refused: dict[int, CellError] = {}
    for code in np.union1d(np.flatnonzero(~plain), representative).tolist():
        text = texts[code]
        meant = source.codes.get(text.strip().casefold(), text) if source.codes else marks.meant.get(text, text)
        try:
            if text in marks.doubtful:
                raise CellError(f"{variable.name} must be written with a decimal point", text, marks.doubt)
            reading = dictionary.read(variable, meant, source.unit)
        except CellError as error:
            refused[code] = error
            continue
        values[code], below[code] = reading.value, reading.below is not None
        if reading.notes:
            noted[code] = reading
    counts = np.bincount(index, minlength=len(texts))
    if len(representative):
        counts[representative] = counts[plain].sum()  # it speaks for all of them
    return Column(
        variable=variable,
        series=_column(_typed(variable, values)[index]),
        below=below[index],
        faults=tuple(_cell_faults(source, index, refused, table.row_numbers)) if refused else (),
        notes=(*_comma_note(source, marks, texts, counts), *_column_notes(source, counts, noted)),
        written=_written(texts, source, marks).take(index) if _is_fraction(source) else None,
    )


def _is_fraction(source: Source) -> bool:
    return source.variable.kind == "number" and source.variable.quantity.name == "fraction" and not source.codes


def _written(texts: Sequence[str], source: Source, marks: Marks) -> Written:
    meant = [marks.meant.get(text, text) for text in texts] if marks.meant else texts
    return as_written(meant, source.variable, source.unit)


def _column(values: npt.NDArray[Any]) -> pd.Series:
    return pd.Series(values, dtype=values.dtype)


def _typed(variable: Variable, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Dates as days the checks can subtract; everything else as it is."""
    return values.astype("datetime64[s]") if variable.kind == "date" else values


def _plain(
    texts: Sequence[str], source: Source, dictionary: Dictionary
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Any]]:
    """What can be read without the parser, and a place for the values of all texts."""
    variable = source.variable
    if variable.kind in NUMERIC:
        if not source.codes:
            return plain_numbers(texts, variable, dictionary, source.unit)
        return np.zeros(len(texts), dtype=bool), np.full(len(texts), np.nan)
    values = np.empty(len(texts), dtype=object)
    if source.codes:
        return np.zeros(len(texts), dtype=bool), values
    plain = plain_identifiers(texts, variable, dictionary)
    values[plain] = np.array(texts, dtype=object)[plain]
    return plain, values


def _comma_note(source: Source, marks: Marks, texts: Sequence[str], counts: npt.NDArray[np.intp]) -> Iterator[Note]:
    cells = sum(int(counts[code]) for code, text in enumerate(texts) if text in marks.meant) if marks.meant else 0
    if cells:
        written, meant = next(iter(marks.meant.items()))
        text = f"column {printable(source.header, 80)}, {cells:,} cells: '{printable(written, 20)}' was read as"
        yield Note("comma_read", f"{text} {printable(meant, 20)}")


def _series(variable: Variable, readings: Sequence[Reading], index: npt.NDArray[np.intp]) -> pd.Series:
    values = [reading.value for reading in readings]
    if variable.kind in NUMERIC:
        return pd.Series(np.array(values, dtype=np.float64)[index])
    texts = np.empty(len(values), dtype=object)
    texts[:] = values
    return _column(_typed(variable, texts)[index])


def constant_column(dictionary: Dictionary, name: str, value: str | float, n_rows: int) -> Column:
    """Give every row the same value of the column map."""
    variable = dictionary[name]
    reading = dictionary.read(variable, value)
    index = np.zeros(n_rows, dtype=np.intp)
    return Column(variable, _series(variable, [reading], index), np.full(n_rows, reading.below is not None))


def _cell_faults(
    source: Source, index: npt.NDArray[np.intp], refused: Mapping[int, CellError], row_numbers: npt.NDArray[np.int64]
) -> Iterator[Fault]:
    hidden = source.variable.kind == "identifier"
    for position in np.flatnonzero(np.isin(index, list(refused))):
        error = refused[int(index[position])]
        value = None if hidden else error.value
        yield Fault(int(row_numbers[position]), source.header, error.rule, value, error.remedy)


def _column_notes(source: Source, counts: npt.NDArray[np.intp], noted: Mapping[int, Reading]) -> Iterator[Note]:
    """One note for each reason, with how many cells it concerns and the first of them as an example."""
    seen: dict[str, tuple[int, str]] = {}
    for position, reading in noted.items():
        for note in reading.notes:
            so_far, example = seen.get(note.code, (0, note.message))
            seen[note.code] = (so_far + int(counts[position]), example)
    for code, (count, example) in seen.items():
        cells = "1 cell" if count == 1 else f"{count:,} cells, for example"
        yield Note(code, f"column {printable(source.header, 80)}, {cells}: {example}")
