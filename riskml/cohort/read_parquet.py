"""A Parquet file -> RawTable: numbers as the shortest text that reads back the same, nulls as empty cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from riskml.cohort.raw_table import LONGEST_CELL, NO_ROWS, RawTable, Source, header_faults
from riskml.errors import Fault, printable

MOST_UNPACKED = 8 << 30


def read_parquet(source: Source) -> RawTable:
    """Read a whole file; rows are numbered as a spreadsheet would, the first row of data is row 2.

    Parameters
    ----------
    source : Source
        The file's bytes.

    Raises
    ------
    DataError
        If the file is damaged, too large, empty, or has columns that are not single values; with every fault.
    """
    try:
        file = pyarrow.parquet.ParquetFile(pa.BufferReader(source.content))
        groups = (file.metadata.row_group(k) for k in range(file.metadata.num_row_groups))
        size = sum(group.total_byte_size for group in groups)
        if size > MOST_UNPACKED or file.metadata.num_rows > MOST_UNPACKED // 8:
            fault = Fault(None, None, f"a table may unpack to {MOST_UNPACKED:,} bytes", f"{size:,}", "split the file")
            raise source.refuse("it is too large", fault)
        header = _header(file, source)
        columns = [_text(column) for column in file.read().columns]
    except (pa.ArrowException, OSError):
        fault = Fault(None, None, "the Parquet file must be whole", None, "check the download, or write it again")
        raise source.refuse("it is a Parquet file that cannot be read", fault) from None
    return _table(source, header, columns, 0)


def parquet_blocks(path: Path, rows: int) -> Iterator[RawTable]:
    """As :func:`read_parquet`, so many rows at a time; what is damaged raises what pyarrow does."""
    source, before = Source(b"", printable(path.name, 80), path.suffix.lower()), 0
    with pyarrow.parquet.ParquetFile(path) as file:
        header = _header(file, source)
        for batch in file.iter_batches(rows):
            columns = [_text(pa.chunked_array([column])) for column in batch.columns]
            yield _table(source, header, columns, before)
            before += batch.num_rows


def _header(file: pyarrow.parquet.ParquetFile, source: Source) -> list[str]:
    """The names of the columns of a table with rows."""
    header = [str(name).strip() for name in file.schema_arrow.names]
    faults = [*header_faults(header), *_type_faults(file.schema_arrow)]
    faults += [] if faults or file.metadata.num_rows else [NO_ROWS]
    if faults:
        raise source.refuse("it is not a table of values", *faults)
    return header


def _table(source: Source, header: Sequence[str], columns: Sequence[pa.ChunkedArray], before: int) -> RawTable:
    """The rows behind the first ``before``; the first row of data is row 2."""
    long = [
        Fault(None, name, f"a cell must be shorter than {LONGEST_CELL:,} characters", None, "shorten the text")
        for name, column in zip(header, columns, strict=True)
        if (pc.max(pc.utf8_length(column)).as_py() or 0) > LONGEST_CELL
    ]
    if long:
        raise source.refuse("it is not a table of values", *long)
    return source.table(header, columns, np.arange(2 + before, 2 + before + len(columns[0]), dtype=np.int64))


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _type_faults(schema: pa.Schema) -> list[Fault]:
    """Lists, structures and bytes have no one text form."""
    return [
        Fault(None, field.name, "must hold single values", str(kind), "write it as text or as columns of its own")
        for field in schema
        if pa.types.is_nested(kind := _value_type(field.type)) or not _writable(kind)
    ]


def _writable(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_primitive(kind)
        or types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_decimal(kind)
        or types.is_null(kind)
    )


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = _value_type(column.type)
    if kind != column.type:
        column = column.cast(kind)
    if pa.types.is_float16(kind):
        column = column.cast(pa.float32())
    elif pa.types.is_timestamp(kind):
        # A day is written as a day: pandas stores dates as midnights.
        days = column.cast(pa.date32(), safe=False)
        column = days if pc.all(pc.equal(days.cast(kind), column), min_count=0).as_py() else column
    return pc.fill_null(column.cast(pa.string()), "")
