"""Any file a cohort comes in -> RawTable: the content says what it is, the suffix only how text is separated."""

from __future__ import annotations

from pathlib import Path

from riskml.cohort.raw_table import RawTable, Source
from riskml.cohort.read import read_text
from riskml.errors import Fault, UsageError


def read_table(path: str | Path, *, sheet: str | None = None, encoding: str | None = None) -> RawTable:
    """Read csv, tsv, xlsx or Parquet, interpreting nothing.

    Parameters
    ----------
    path : str or Path
        The file.
    sheet : str, optional
        Sheet of a workbook; the first by default.
    encoding : str, optional
        Encoding of a text file that does not say it itself; one of ``riskml.cohort.encodings.ENCODINGS``.

    Raises
    ------
    UsageError
        If there is no readable file, sheet or encoding of that name, or an option does not fit the kind of file.
    DataError
        If the content is not one table, with every fault that keeps it from being one.
    """
    source = Source.open(path)
    workbook, parquet = source.content.startswith(b"PK\x03\x04"), source.content.startswith(b"PAR1")
    if sheet is not None and not workbook:
        raise UsageError(f"{source.name} has no sheets: leave out --sheet")
    if encoding is not None and (workbook or parquet):
        raise UsageError(f"{source.name} says its encoding itself: leave out --encoding")
    if workbook:
        from riskml.cohort.read_excel import read_excel  # noqa: PLC0415  each reader loads its own library

        return read_excel(source, sheet)
    if parquet:
        from riskml.cohort.read_parquet import read_parquet  # noqa: PLC0415

        return read_parquet(source)
    if source.suffix == ".json":
        remedy = "give a csv, tsv, xlsx or Parquet file; for one patient there is riskml predict"
        raise source.refuse("it is JSON", Fault(None, None, "a cohort must be a table", None, remedy))
    return read_text(source, encoding)
