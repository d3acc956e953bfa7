"""A CSV file -> RawTable: every cell as text, every row by the number a spreadsheet shows for it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskml.errors import ROWS_SHOWN, DataError, Fault, UsageError, printable

LONGEST_CELL = 100_000
MOST_COLUMNS = 10_000
MOST_FAULTS = 1_000
_SAMPLE = 20
_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SAVE_AS = "save the table as 'CSV UTF-8 (comma delimited)' and give that file"
_MAGIC = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF document",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}


@dataclass(frozen=True, slots=True)
class RawTable:
    """A file as it stands.

    Attributes
    ----------
    columns : tuple of str
        Header cells, without blanks at their ends; all different, none empty.
    cells : DataFrame of shape (n_rows, n_columns)
        Every cell as the text it is; an empty cell is ``""``, never missing.
    row_numbers : int array of shape (n_rows,)
        Row of the spreadsheet each row stood in; the header is row 1. Rows without a single filled cell are left out,
        so the numbers may jump.
    sha256 : str
        Digest of the file's bytes, in hex.
    name : str
        File name without its folder.
    """

    columns: tuple[str, ...]
    cells: pd.DataFrame
    row_numbers: npt.NDArray[np.int64]
    sha256: str
    name: str


def read_csv(path: str | Path) -> RawTable:
    """Read a comma-separated UTF-8 file (with or without byte order mark), interpreting nothing.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    RawTable

    Raises
    ------
    UsageError
        If there is no readable file at ``path``.
    DataError
        If the content is not one table of text, with every fault that keeps it from being one.
    """
    path = Path(path)
    content = _content(path)
    name = printable(path.name, 80)
    rows, faults = _records(_text(content, name), name)
    header = tuple(cell.strip() for cell in rows[0][1]) if rows else ()
    if rows and not any(header):
        # Under a blank first row every other row looks ragged: say the one thing that is wrong.
        faults = [Fault(1, None, "the first row must hold the column names", None, "remove the rows above the header")]
    else:
        faults = [*_header_faults(header), *faults]
    if not faults and len(rows) == 1:
        faults = [Fault(None, None, "there must be rows below the header", None, "give a file with patients in it")]
    if faults:
        raise DataError(f"{name} was refused: it is not a table in CSV form", faults)
    columns = zip(*(record for _, record in rows[1:]), strict=True)
    cells = pd.DataFrame(dict(zip(header, columns, strict=True)), dtype=str)
    numbers = np.array([number for number, _ in rows[1:]], dtype=np.int64)
    return RawTable(header, cells, numbers, sha256(content).hexdigest(), name)


def _content(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise UsageError(f"{printable(str(path))} is a folder: give the CSV file inside it")
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"there is no file {printable(str(path))}: check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{printable(str(path))} cannot be read: {printable(str(reason))}") from None


def _text(content: bytes, name: str) -> str:
    """Decode the file, or say what it is instead of text."""
    kind = next((kind for magic, kind in _MAGIC.items() if content.startswith(magic)), None)
    if kind is None and b"\0" in content:
        kind = "a binary file"
    if kind is not None:
        fault = Fault(None, None, "the file must be text separated by commas", kind, _SAVE_AS)
        raise DataError(f"{name} was refused: it is {kind}, not a CSV file", [fault])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        fault = Fault(row, None, "the file must be UTF-8 text", f"byte 0x{content[error.start]:02x}", _SAVE_AS)
        raise DataError(f"{name} was refused: it is not UTF-8 text", [fault]) from None
    if not text.strip():
        fault = Fault(None, None, "the file must hold a header and rows", None, "check that the export finished")
        raise DataError(f"{name} was refused: it is empty", [fault])
    return text


def _records(text: str, name: str) -> tuple[list[tuple[int, list[str]]], list[Fault]]:
    """Filled rows with their spreadsheet numbers (the header first), and the faults of their shape."""
    rows: list[tuple[int, list[str]]] = []
    faults: list[Fault] = []
    ragged: dict[int, list[int]] = {}
    width, number = 0, 0
    try:
        for number, record in _numbered(text):
            if number == 1:
                width = len(record)
            elif not any(map(str.strip, record)):
                continue
            elif len(record) != width:
                ragged.setdefault(len(record), []).append(number)
            if max(map(len, record), default=0) > LONGEST_CELL:
                faults.append(_too_long(number))
            rows.append((number, record))
    except csv.Error as error:
        # The parser cannot go on behind a broken quotation, so this is the last fault it can find.
        broken = "limit" in str(error)
        remedy = "close every quotation mark, and double those inside a cell"
        rule = f"the cells must be valid CSV ({error})"
        faults.append(_too_long(number + 1) if broken else Fault(number + 1, None, rule, None, remedy))
    _refuse_other_delimiters(rows, name)
    return rows, [*_ragged(ragged, width), *faults]


def _numbered(text: str) -> Iterator[tuple[int, list[str]]]:
    yield from enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), start=1)


def _ragged(found: Mapping[int, Sequence[int]], width: int) -> Iterator[Fault]:
    """Rows by the number of their cells -> a fault for each row, or for each kind where most of a file is ragged."""
    rule, remedy = f"must have {width} cells like the header", "put cells that hold a comma in quotation marks"
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


def _refuse_other_delimiters(rows: Sequence[tuple[int, Sequence[str]]], name: str) -> None:
    """Say which delimiter was seen where a header has one column only; its other faults would be noise."""
    if not rows or len(rows[0][1]) != 1:
        return
    sample = "\n".join(",".join(record) for _, record in rows[:_SAMPLE])
    seen = next((mark for mark in _DELIMITERS if mark in rows[0][1][0]), None)
    seen = seen or next((mark for mark in _DELIMITERS if mark in sample), None)
    if seen is not None:
        words = _DELIMITERS[seen]
        fault = Fault(1, None, "the cells must be separated by commas", words, f"replace the {words}: {_SAVE_AS}")
        raise DataError(f"{name} was refused: its cells seem to be separated by {words}", [fault])


def _header_faults(header: Sequence[str]) -> Iterator[Fault]:
    if len(header) > MOST_COLUMNS:
        rule = f"a table may have {MOST_COLUMNS:,} columns"
        yield Fault(1, None, rule, f"{len(header):,} columns", "check that the rows end with line breaks")
        return
    for position, column in enumerate(header, start=1):
        if not column:
            yield Fault(1, None, "every column must have a name", f"nothing in cell {position}", "name it or delete it")
    for column, times in Counter(header).items():
        if column and times > 1:
            yield Fault(1, column, "column names must differ", f"{times} columns", "rename or delete all but one")
