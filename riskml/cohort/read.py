"""A delimited text file -> RawTable: every cell as text, every row by the number a spreadsheet shows for it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from riskml.cohort.encodings import SAVE_AS, decode
from riskml.cohort.raw_table import LONGEST_CELL, MOST_COLUMNS, NO_NAMES, NO_ROWS, RawTable, Source, header_faults
from riskml.errors import ROWS_SHOWN, DataError, Fault

__all__ = ["MOST_FAULTS", "RawTable", "plain_table", "read_csv", "read_text"]

MOST_FAULTS = 1_000
TAB_SUFFIXES = frozenset({".tsv", ".tab"})
_SAMPLE = 20
_CHUNK = 20_000
_WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_MAGIC = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF document",
}
Columns = list[pa.ChunkedArray]


def read_csv(path: str | Path, encoding: str | None = None) -> RawTable:
    """Read a comma-separated file, or one separated by tabs if its suffix says so; interprets nothing.

    Parameters
    ----------
    path : str or Path
        The file. ``.tsv`` and ``.tab`` are separated by tabs, ``.txt`` by tabs or commas, everything else by commas.
    encoding : str, optional
        What the bytes mean where neither a byte order mark nor valid UTF-8 says it; one of
        ``riskml.cohort.encodings.ENCODINGS``.

    Returns
    -------
    RawTable

    Raises
    ------
    UsageError
        If there is no readable file at ``path``, or no such encoding.
    DataError
        If the content is not one table of text, with every fault that keeps it from being one.
    """
    return read_text(Source.open(path), encoding)


def read_text(source: Source, encoding: str | None = None) -> RawTable:
    """As :func:`read_csv`, for bytes in hand."""
    kind = next((kind for magic, kind in _MAGIC.items() if source.content.startswith(magic)), None)
    if kind is not None:
        fault = Fault(None, None, "the file must be text separated by commas", kind, SAVE_AS)
        raise source.refuse(f"it is {kind}, not a CSV file", fault)
    text = decode(source, encoding)
    if not text.strip():
        fault = Fault(None, None, "the file must hold a header and rows", None, "check that the export finished")
        raise source.refuse("it is empty", fault)
    delimiter = _delimiter(source, text[: text.find("\n")])
    content = text.encode()  # text was checked whole; from here on it streams
    del text
    plain = _plain(content, delimiter)
    if plain is not None:
        return source.table(*plain)
    return _read_carefully(source, content, delimiter)


def plain_table(source: Source) -> RawTable | None:
    """The table of a file in UTF-8 in which every line is a row and nothing is wrong; None for any other."""
    if source.content.startswith(tuple(_MAGIC)):
        return None
    try:
        text = decode(source)
    except DataError:
        return None
    plain = _plain(text.encode(), _delimiter(source, text[: text.find("\n")]))
    return None if plain is None else source.table(*plain)


def _delimiter(source: Source, first_line: str) -> str:
    tabs = source.suffix in TAB_SUFFIXES or (source.suffix == ".txt" and "\t" in first_line)
    return "\t" if tabs else ","


def _plain(content: bytes, delimiter: str) -> tuple[tuple[str, ...], Columns, npt.NDArray[np.int64]] | None:
    """Read a file in which every line is a row and there is nothing to name; None for any other."""
    if not _one_line_a_row(content) or not _well_quoted(content, delimiter):
        return None
    first, _, rest = content.partition(b"\n")
    if len(first) > LONGEST_CELL:
        return None
    header = tuple(cell.strip() for cell in next(csv.reader([first.decode().rstrip("\r")], delimiter=delimiter)))
    if len(header) < 2 or not rest or next(header_faults(header), None) is not None:
        return None
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(rest),
            read_options=pyarrow.csv.ReadOptions(column_names=header),
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, ignore_empty_lines=False),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    if any((pc.max(pc.utf8_length(column)).as_py() or 0) > LONGEST_CELL for column in table.columns):
        return None
    filled = _filled(table.columns)
    numbers = np.arange(2, 2 + len(table), dtype=np.int64)
    if not filled.all():
        table, numbers = table.filter(pa.array(filled)), numbers[filled]
    return (header, table.columns, numbers) if len(numbers) else None


def _one_line_a_row(content: bytes) -> bool:
    """Whether there is no empty line and no carriage return of its own."""
    empty = content.startswith((b"\n", b"\r")) or b"\n\n" in content or b"\n\r\n" in content
    return not empty and content.count(b"\r") == content.count(b"\r\n")


def _well_quoted(content: bytes, delimiter: str) -> bool:
    """Whether every quotation mark opens or closes a whole cell, or is doubled inside one, and no line ends inside."""
    if b'"' not in content:
        return True
    text = np.frombuffer(content, dtype=np.uint8)
    marks = np.flatnonzero(text == ord('"'))
    if len(marks) % 2:
        return False
    opening, closing = marks[::2], marks[1::2]
    lines = np.flatnonzero(text == ord("\n"))
    if not np.array_equal(np.searchsorted(lines, opening), np.searchsorted(lines, closing)):
        return False
    before = np.where(opening > 0, text[opening - 1], ord("\n"))
    after = np.where(closing + 1 < len(text), text[np.minimum(closing + 1, len(text) - 1)], ord("\n"))
    # A closing mark right before an opening one is a doubled mark inside the cell.
    doubled = np.append(closing[:-1] + 1 == opening[1:], False)
    starts = np.isin(before, [ord(delimiter), ord("\n")]) | np.insert(doubled[:-1], 0, False)
    return bool((starts & (np.isin(after, [ord(delimiter), ord("\r"), ord("\n")]) | doubled)).all())


def _filled(columns: Sequence[pa.ChunkedArray]) -> npt.NDArray[np.bool_]:
    """Whether a row has a cell that is more than blanks; columns are asked only about the rows still in doubt."""
    doubtful = np.arange(len(columns[0]))
    for column in columns:
        blank = pc.equal(pc.utf8_trim_whitespace(column.take(pa.array(doubtful))), "")
        doubtful = doubtful[np.asarray(blank)]
        if not len(doubtful):
            break
    filled = np.ones(len(columns[0]), dtype=bool)
    filled[doubtful] = False
    return filled


def _read_carefully(source: Source, content: bytes, delimiter: str) -> RawTable:
    """Row by row through the csv module, naming everything that is wrong."""
    records = _Records(content, delimiter)
    header = tuple(cell.strip() for cell in records.header)
    if len(header) > MOST_COLUMNS:
        raise source.refuse("it is not a table in CSV form", *header_faults(header))
    columns, numbers = records.read()
    _refuse_other_delimiters(source, records.sample, delimiter)
    faults = [*_ragged(records.ragged, len(header), delimiter), *records.faults]
    # Under a blank first row every other row looks ragged: say the one thing that is wrong.
    faults = [NO_NAMES] if header and not any(header) else [*header_faults(header), *faults]
    if not faults and not len(numbers):
        faults = [NO_ROWS]
    if faults:
        raise source.refuse("it is not a table in CSV form", *faults)
    return source.table(header, columns, numbers)


class _Records:
    """The rows of a text, with what is wrong with their shape."""

    def __init__(self, content: bytes, delimiter: str) -> None:
        lines = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
        self._rows = enumerate(csv.reader(lines, strict=True, delimiter=delimiter), start=1)
        self.faults: list[Fault] = []
        self.ragged: dict[int, list[int]] = {}
        self._number = 0
        self.header: list[str] = []
        first = next(self._filled(), None)
        if first is not None:
            self.header = first[1]
        self.sample = [self.header]

    def read(self) -> tuple[Columns, npt.NDArray[np.int64]]:
        """Whole columns and row numbers; a chunk at a time, because a Python text for each cell takes gigabytes."""
        chunks: list[list[pa.Array]] = [[] for _ in self.header]
        numbers: list[int] = []
        rows = self._filled()
        while batch := list(islice(rows, _CHUNK)):
            if len(self.sample) < _SAMPLE:
                self.sample += [record for _, record in batch[:_SAMPLE]]
            if self.faults or self.ragged:
                continue
            numbers += [number for number, _ in batch]
            for chunk, cells in zip(chunks, zip(*(record for _, record in batch), strict=True), strict=True):
                chunk.append(pa.array(cells, pa.string()))
        return [pa.chunked_array(chunk, pa.string()) for chunk in chunks], np.array(numbers, dtype=np.int64)

    def _filled(self) -> Iterator[tuple[int, list[str]]]:
        """Rows with anything in them, the header as it is; faults are noted on the way."""
        try:
            for number, record in self._rows:
                self._number = number
                if number > 1 and not any(map(str.strip, record)):
                    continue
                if number > 1 and len(record) != len(self.header):
                    self.ragged.setdefault(len(record), []).append(number)
                if max(map(len, record), default=0) > LONGEST_CELL:
                    self.faults.append(_too_long(number))
                yield number, record
        except csv.Error as error:
            # The parser cannot go on behind a broken quotation, so this is the last fault it can find.
            row = self._number + 1
            remedy = "close every quotation mark, and double those inside a cell"
            rule = f"the cells must be valid CSV ({error})"
            self.faults.append(_too_long(row) if "limit" in str(error) else Fault(row, None, rule, None, remedy))


def _ragged(found: Mapping[int, Sequence[int]], width: int, delimiter: str) -> Iterator[Fault]:
    """Rows by the number of their cells -> a fault for each row, or for each kind where most of a file is ragged."""
    mark = _WORDS[delimiter].removesuffix("s")
    rule, remedy = f"must have {width} cells like the header", f"put cells that hold a {mark} in quotation marks"
    one_by_one = sum(map(len, found.values())) <= MOST_FAULTS
    for length, numbers in found.items():
        cells = f"{length} cells"
        if one_by_one:
            yield from (Fault(number, None, rule, cells, remedy) for number in numbers)
        else:
            yield Fault(None, None, rule, cells, remedy, len(numbers), tuple(numbers[:ROWS_SHOWN]))


def _too_long(number: int) -> Fault:
    rule = f"a cell must be shorter than {LONGEST_CELL:,} characters"
    return Fault(number, None, rule, None, "look for a quotation mark without its partner")


def _refuse_other_delimiters(source: Source, rows: Sequence[Sequence[str]], delimiter: str) -> None:
    """Say which delimiter was seen where a header has one column only; its other faults would be noise."""
    if len(rows[0]) != 1:
        return
    others = [mark for mark in _WORDS if mark != delimiter]
    sample = "\n".join("".join(record) for record in rows if len(record) == 1)
    seen = next((mark for mark in others if mark in rows[0][0]), None)
    seen = seen or (next((mark for mark in others if mark in sample), None) if delimiter == "," else None)
    if seen is not None:
        expected, words = _WORDS[delimiter], _WORDS[seen]
        remedy = f"replace the {words}: {SAVE_AS}"
        fault = Fault(1, None, f"the cells must be separated by {expected}", words, remedy)
        raise source.refuse(f"its cells seem to be separated by {words}", fault)
