"""A table of any length -> Cohorts, a block of rows at a time: the same values and faults as read whole.

What cannot be told from a block alone is asked across blocks: faults are merged as they are shown, and the same course
standing twice is found by 16 bytes that are kept of each. What only the whole file can settle (decimal commas) and what
is not plain (quoted line breaks, other encodings, workbooks) is for ``read_table``: ``NeedsWholeFileError``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskml.cohort.cohort import Cohort, cohort_from_table, repeated_course
from riskml.cohort.column_map import ColumnMap
from riskml.cohort.columns import MEASURED, find_sources, parse_column
from riskml.cohort.raw_table import LONGEST_CELL, RawTable, Source
from riskml.cohort.read import plain_table
from riskml.cohort.read_parquet import parquet_blocks
from riskml.errors import DataError, Fault, group_faults, printable
from riskml.runtime.dictionary import Dictionary

BLOCK_BYTES = 16 << 20
# A row of Parquet is taken for so many bytes.
_ROW_BYTES = 256
_KEYS = ("riskml course 1 ", "riskml course 2 ")  # 16 characters each


class NeedsWholeFileError(Exception):
    """The file cannot be read in blocks, or not at all: ``read_table`` reads it, or says what is wrong."""


def table_blocks(path: str | Path, block_bytes: int = BLOCK_BYTES) -> Iterator[RawTable]:
    """The rows of a plain text file or a Parquet file, in blocks of about so many bytes.

    Raises
    ------
    NeedsWholeFileError
    """
    place = Path(path)
    if not place.is_file():  # a pipe can be read once only
        raise NeedsWholeFileError
    try:
        with place.open("rb") as file:
            parquet = file.read(4) == b"PAR1"
        blocks = parquet_blocks(place, max(1, block_bytes // _ROW_BYTES)) if parquet else _lines(place, block_bytes)
        yield from blocks
    except (OSError, ValueError, pa.ArrowException, DataError):  # said in full by who reads it whole
        raise NeedsWholeFileError from None


def _lines(path: Path, block_bytes: int) -> Iterator[RawTable]:
    name, suffix = printable(path.name, 80), path.suffix.lower()
    with path.open("rb") as file:
        header, before = file.readline(LONGEST_CELL), 0
        if not header.endswith(b"\n") or not file.peek(1):
            raise NeedsWholeFileError
        while piece := file.read(block_bytes):
            piece += file.readline()
            table = plain_table(Source(header + piece, name, suffix))
            if table is None:
                raise NeedsWholeFileError
            yield replace(table, row_numbers=table.row_numbers + before)
            before += piece.count(b"\n")


def stream_cohort(
    blocks: Iterator[RawTable], columns: ColumnMap | None, dictionary: Dictionary, courses: Courses | None = None
) -> Iterator[Cohort]:
    """Read and check a table in blocks; each is handed on as long as nothing was wrong so far.

    Parameters
    ----------
    blocks : iterator of RawTable
        Of one file (see :func:`table_blocks`).
    columns, dictionary
        As in :func:`riskml.cohort.cohort.read_cohort`.
    courses : Courses, optional
        Is told every course, for whoever reads several files of one cohort.

    Yields
    ------
    Cohort
        Of the rows of one block; ``row_numbers`` are those of the file.

    Raises
    ------
    DataError
        After the last block, with every fault of the file.
    NeedsWholeFileError
        If a block cannot be understood without the others.
    """
    columns = columns or ColumnMap({})
    faults: list[Fault] = []
    courses, name = courses or Courses(), ""
    header: tuple[str, ...] = ()
    for number, table in enumerate(blocks):
        _refuse_commas(table, columns, dictionary)
        name, header = table.name, table.columns
        try:
            cohort = cohort_from_table(table, columns, dictionary)
        except DataError as refused:
            found = [fault for fault in refused.faults if not _is_repeated(fault)]
            # What is wrong with the header is wrong in every block.
            faults = group_faults([*faults, *(fault for fault in found if number == 0 or fault.row is not None)])
            courses.add(_identity(table, columns, dictionary), table.row_numbers)
            continue
        courses.add(cohort.frame, cohort.row_numbers)
        if not faults:
            yield cohort
    if faults := [*faults, *group_faults(courses.faults())]:
        order: dict[str | None, int] = {heading: place for place, heading in enumerate(header)}
        faults.sort(key=lambda fault: order.get(fault.column, len(order)) if fault.row or fault.rows else -1)
        raise DataError(f"{name} was refused", faults)


def _is_repeated(fault: Fault) -> bool:
    return fault.rule == repeated_course(0, 0).rule


def _refuse_commas(table: RawTable, columns: ColumnMap, dictionary: Dictionary) -> None:
    """What a comma means is settled by all numbers of a column."""
    for source in find_sources(table.columns, columns, dictionary)[0]:
        if source.variable.kind in MEASURED and not source.codes:
            cells = pa.array(table.cells[source.header])
            if pc.any(pc.match_substring(cells, ",")).as_py():
                raise NeedsWholeFileError


def _identity(table: RawTable, columns: ColumnMap, dictionary: Dictionary) -> pd.DataFrame:
    """Who a refused block is about."""
    sources = find_sources(table.columns, columns, dictionary)[0]
    wanted = [source for source in sources if source.variable.name in ("patient_id", "cycle_index")]
    frame = pd.DataFrame({s.variable.name: parse_column(table, s, dictionary).series for s in wanted})
    return frame.assign(cycle_index=0.0) if "cycle_index" in columns.constants else frame


class Courses:
    """Every course met so far, as 128 bits of patient and cycle: by chance two of a billion share them once in 1e20."""

    def __init__(self) -> None:
        self._keys: list[npt.NDArray[np.uint64]] = []
        self._rows: list[npt.NDArray[np.int64]] = []

    def add(self, frame: pd.DataFrame, row_numbers: npt.NDArray[np.int64]) -> None:
        """Remember the rows that say both."""
        if not {"patient_id", "cycle_index"} <= {*frame.columns}:
            return
        known = (frame["patient_id"].notna() & frame["cycle_index"].notna()).to_numpy()
        patients = frame["patient_id"].to_numpy(dtype=object)[known]
        cycles = frame["cycle_index"].to_numpy(dtype=np.float64)[known].view(np.uint64)
        hashes = [pd.util.hash_array(patients, hash_key=key, categorize=False) for key in _KEYS]
        # Weyl's odd constant spreads the cycle over all bits.
        self._keys.append(np.column_stack([h ^ (cycles * np.uint64(0x9E3779B97F4A7C15)) for h in hashes]))
        self._rows.append(row_numbers[known])

    def table(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        """The two halves of each course's 128 bits, of shape (n_courses, 2), and its row."""
        if not self._keys:
            return np.empty((0, 2), np.uint64), np.empty(0, np.int64)
        return np.concatenate(self._keys), np.concatenate(self._rows)

    def faults(self) -> Iterator[Fault]:
        """Courses that stand twice in the file, with the row of the first."""
        keys, rows = self.table()
        if not len(rows):
            return
        order = np.lexsort((rows, keys[:, 1], keys[:, 0]))
        keys, rows = keys[order], rows[order]
        again = np.append(False, (keys[1:] == keys[:-1]).all(axis=1))
        first = np.maximum.accumulate(np.where(again, 0, np.arange(len(rows))))
        for place in sorted(np.flatnonzero(again), key=lambda place: rows[place]):
            yield repeated_course(int(rows[place]), int(rows[first[place]]))
