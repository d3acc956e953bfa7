"""Scores to a file as they come: CSV, or Parquet where the name ends so; in place only when all of them are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from riskml.runtime.files import whole_file

PARQUET = (".parquet", ".pq")


@contextmanager
def score_writer(path: str | Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Write numeric tables of the same columns one after another; what stood at ``path`` stays until the last is in.

    Yields
    ------
    callable
        Takes the next rows: a DataFrame of numbers, whose column names are riskml's own.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    parquet = Path(path).suffix.lower() in PARQUET
    with whole_file(path) as partial, partial.open("wb") as file:
        writer: pyarrow.parquet.ParquetWriter | pyarrow.csv.CSVWriter | None = None

        def write(rows: pd.DataFrame) -> None:
            nonlocal writer
            table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata()
            if writer is None and parquet:
                writer = pyarrow.parquet.ParquetWriter(file, table.schema)
            elif writer is None:
                file.write((",".join(rows.columns) + "\n").encode())  # pyarrow would put names in quotation marks
                plain = pyarrow.csv.WriteOptions(include_header=False)
                writer = pyarrow.csv.CSVWriter(file, table.schema, write_options=plain)
            writer.write_table(table)

        try:
            yield write
        finally:
            if writer is not None:
                writer.close()
