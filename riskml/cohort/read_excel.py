"""An Excel workbook (.xlsx) -> RawTable. Nothing in it is run, and it is measured before it is unpacked."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import python_calamine as calamine

from riskml.cohort.raw_table import LONGEST_CELL, MOST_COLUMNS, NO_NAMES, NO_ROWS, RawTable, Source, header_faults
from riskml.errors import DataError, Fault, UsageError, printable

MOST_UNPACKED = 2 << 30
HIGHEST_RATIO = 200  # spreadsheets pack 10- to 50-fold; zeros pack a thousandfold
_SMALL = 50 << 20  # up to here a high ratio does no harm
MOST_CELLS = 100_000_000
_PIECE = 1 << 20
_WORKBOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_CELL = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br=[\"']([A-Z]{1,3})(\d{1,7})[\"']")
_ERROR = re.compile(
    rb"<(?:\w+:)?c\s(?=[^>]*?\bt=[\"']e[\"'])[^>]*?\br=[\"']([A-Z]{1,3})(\d{1,7})[\"'][^>]*>"
    rb"(?:(?!</(?:\w+:)?c>).)*?<(?:\w+:)?v>([^<]{0,20})",
    re.DOTALL,
)
_SAVE = "open it in Excel and save it as .xlsx, or as 'CSV UTF-8 (comma delimited)'"


def read_excel(source: Source, sheet: str | None = None) -> RawTable:
    """Read one sheet of a workbook: text stays text (00123 too), numbers and dates are written out plainly.

    Parameters
    ----------
    source : Source
        The workbook's bytes.
    sheet : str, optional
        Name of the sheet; the first one by default.

    Raises
    ------
    UsageError
        If there is no such sheet.
    DataError
        If it is no .xlsx, unpacks to more than a table could need, or holds error values, merged cells, numbers that
        Excel took for dates, or no header; with every fault.
    """
    _measure(source)
    book = _open(source)
    name, unread = _sheet_name(source, book, sheet)
    _check_corners(source, found := _sheet_xml(source, name))
    page = book.get_sheet_by_name(name)
    rows = page.to_python(skip_empty_area=False)
    kept = [(number, row) for number, row in enumerate(rows, start=1) if number == 1 or any(map(_shown, row))]
    header, body = _without_margin(kept)
    if not any(header):
        raise source.refuse(f"sheet {printable(name, 40)} is not a table", NO_NAMES)
    errors = [
        Fault(int(row), _named(header, _index(column)), "must not hold an Excel error value", text.decode(), _MEND)
        for column, row, text in _ERROR.findall(found)
    ]
    faults = [*_merged(page.merged_cell_ranges or (), header), *header_faults(header), *errors]
    faults += _accidental_dates(header, body)
    faults += [
        Fault(number, None, f"a cell must be shorter than {LONGEST_CELL:,} characters", None, "shorten the text")
        for number, row in body
        if any(isinstance(cell, str) and len(cell) > LONGEST_CELL for cell in row)
    ]
    if not body and not faults:
        faults = [NO_ROWS]
    if faults and unread:
        faults.append(
            Fault(None, None, "this is the first sheet", None, f"choose another with --sheet: {_listed(unread)}")
        )
    if faults:
        raise source.refuse(f"sheet {printable(name, 40)} is not a table of values", *faults)
    columns = [pa.chunked_array([pa.array(list(map(_text, cells)), pa.string())]) for cells in _turned(body)]
    table = source.table(header, columns, np.array([number for number, _ in body], dtype=np.int64))
    return replace(table, unread=unread)


_MEND = "correct the formula, or empty the cell if the value is not known"


def _measure(source: Source) -> None:
    """Refuse what would unpack to more than a table needs, first by what it declares, then by what it does."""
    try:
        with zipfile.ZipFile(io.BytesIO(source.content)) as archive:
            entries = archive.infolist()
            names = {entry.filename for entry in entries}
            packed, unpacked = sum(e.compress_size for e in entries), sum(e.file_size for e in entries)
            if unpacked > MOST_UNPACKED or (unpacked > _SMALL and unpacked > HIGHEST_RATIO * max(packed, 1)):
                _refuse_bomb(source, f"{unpacked:,} bytes from {packed:,}")
            if _WORKBOOK not in names:
                fault = Fault(None, None, "an archive must be an Excel workbook (.xlsx)", None, _SAVE)
                raise source.refuse("it is a zip archive, not an .xlsx workbook", fault)
            for entry in entries:
                _check_declared(source, entry)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise _damaged(source) from None


def _check_declared(source: Source, entry: zipfile.ZipInfo) -> None:
    """The declared size must be the true one: libraries unpack what is there, not what was declared."""
    start = entry.header_offset
    head = source.content[start : start + 30]
    begin = start + 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
    packed = memoryview(source.content)[begin : begin + entry.compress_size]
    if entry.flag_bits & 1:
        fault = Fault(None, None, "the workbook must not be encrypted", None, "save it without a password")
        raise source.refuse("it is protected by a password", fault)
    size = len(packed)
    if entry.compress_type == zipfile.ZIP_DEFLATED:
        inflate, size, rest = zlib.decompressobj(-15), 0, bytes(packed)
        try:
            while rest and not inflate.eof and size <= entry.file_size:
                size += len(inflate.decompress(rest, _PIECE))
                rest = inflate.unconsumed_tail
        except zlib.error:
            raise _damaged(source) from None
    if size > entry.file_size:
        _refuse_bomb(source, f"more than the {entry.file_size:,} bytes it declares")


def _refuse_bomb(source: Source, what: str) -> None:
    fault = Fault(None, None, "a workbook must unpack to a table's size", what, _SAVE)
    raise source.refuse("it unpacks to far more than a table holds", fault)


def _damaged(source: Source) -> DataError:
    fault = Fault(None, None, "the workbook must be whole", None, f"check the download, or {_SAVE}")
    return source.refuse("it is an Excel workbook or a zip archive that cannot be opened", fault)


def _open(source: Source) -> calamine.CalamineWorkbook:
    try:
        return calamine.CalamineWorkbook.from_filelike(io.BytesIO(source.content))
    except (calamine.CalamineError, OSError):
        raise _damaged(source) from None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(printable(name, 40) for name in names[:20])


def _sheet_name(source: Source, book: calamine.CalamineWorkbook, sheet: str | None) -> tuple[str, tuple[str, ...]]:
    """The sheet to read, and those that nobody has decided about."""
    names = [page.name for page in book.sheets_metadata if page.typ == calamine.SheetTypeEnum.WorkSheet]
    if sheet is not None and sheet not in names:
        raise UsageError(f"{source.name} has no sheet {printable(sheet, 40)!r}; it has {_listed(names) or 'none'}")
    if not names:
        raise source.refuse("it holds no sheet", NO_ROWS)
    return (names[0], tuple(names[1:])) if sheet is None else (sheet, ())


def _sheet_xml(source: Source, name: str) -> bytes:
    """The sheet's own XML: it alone says which cells are errors, and how far out the cells lie."""
    try:
        with zipfile.ZipFile(io.BytesIO(source.content)) as archive:
            sheets = ET.fromstring(archive.read(_WORKBOOK)).iter()  # noqa: S314  expat limits entity expansion
            identity = next(e.get(_ID) for e in sheets if e.tag.endswith("}sheet") and e.get("name") == name)
            relations = ET.fromstring(archive.read(_RELATIONS)).iter()  # noqa: S314
            target = next(e.get("Target", "") for e in relations if e.get("Id") == identity)
            return archive.read(target.lstrip("/") if target.startswith("/") else f"xl/{target}")
    except (StopIteration, KeyError, ET.ParseError, zipfile.BadZipFile, zlib.error):
        raise _damaged(source) from None


def _check_corners(source: Source, xml: bytes) -> None:
    """Two cells in opposite corners span 17 billion, and the reader would lay out all of them."""
    width, height = 1, 1
    for column, row in set(_CELL.findall(xml)):
        width, height = max(width, _index(column) + 1), max(height, int(row))
    if width > MOST_COLUMNS or width * height > MOST_CELLS:
        fault = Fault(None, None, f"a sheet may span {MOST_CELLS:,} cells", f"{width:,} x {height:,}", _STRAY)
        raise source.refuse("its cells lie too far apart", fault)


_STRAY = "delete what stands far to the right or far below the table"


def _index(letters: bytes) -> int:
    """Column letters -> position from 0."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number - 1


def _named(header: Sequence[str], position: int) -> str | None:
    return header[position] if position < len(header) and header[position] else None


def _shown(cell: object) -> bool:
    return cell != "" and not (isinstance(cell, str) and not cell.strip())


def _without_margin(rows: list[tuple[int, list[object]]]) -> tuple[list[str], list[tuple[int, list[object]]]]:
    """Header and body without the empty columns on the right that formatting leaves behind."""
    if not rows:
        return [], []
    width = max((k for _, row in rows for k in range(len(row), 0, -1) if _shown(row[k - 1])), default=0)
    header = [_text(cell).strip() for cell in rows[0][1][:width]]
    return header, [(number, row[:width]) for number, row in rows[1:]]


def _merged(ranges: Sequence[tuple[tuple[int, int], tuple[int, int]]], header: Sequence[str]) -> Iterator[Fault]:
    """A merged cell keeps its value in one place and leaves the others empty: names and values would be lost."""
    for (top, left), (bottom, right) in ranges:
        if (top, left) == (bottom, right) or left >= len(header):
            continue
        if top == 0:
            rule, remedy = "the header must not be merged cells", "unmerge, and give every column its own name in row 1"
        else:
            rule, remedy = "cells must not be merged", "unmerge them and fill in every row"
        yield Fault(top + 1, _named(header, left), rule, f"{bottom - top + 1} x {right - left + 1} cells", remedy)


def _accidental_dates(header: Sequence[str], body: Sequence[tuple[int, Sequence[object]]]) -> Iterator[Fault]:
    """Dates among numbers: Excel takes 6.4 or 1/2 for a day where a date format applies."""
    rule = "must hold all dates or all numbers; Excel made this a date"
    remedy = "format the column as text or number and write the value again"
    for name, cells in zip(header, _turned(body), strict=False):
        dates = [k for k, cell in enumerate(cells) if isinstance(cell, dt.date)]
        if dates and any(isinstance(cell, float | int) and not isinstance(cell, bool) for cell in cells):
            for k in dates:
                yield Fault(body[k][0], name, rule, None, remedy)


def _turned(body: Sequence[tuple[int, Sequence[object]]]) -> Iterator[tuple[object, ...]]:
    return zip(*(row for _, row in body), strict=True)


def _text(cell: object) -> str:
    """A cell as its value is written: whole numbers without a point, dates as ISO 8601."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime) and cell.time() == dt.time.min:
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, dt.date | dt.time) else str(cell)
