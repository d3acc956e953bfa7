"""RawTable: a file as it stands, every cell as text; and what every reader does alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from riskml.errors import DataError, Fault, UsageError, printable

LONGEST_CELL = 100_000
MOST_COLUMNS = 10_000
NO_NAMES = Fault(1, None, "the first row must hold the column names", None, "remove the rows above the header")
NO_ROWS = Fault(None, None, "there must be rows below the header", None, "give a file with patients in it")
_TEXT = pd.StringDtype("pyarrow", na_value=np.nan)


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
    unread : tuple of str
        Other sheets of the workbook, where nobody said which to read.
    """

    columns: tuple[str, ...]
    cells: pd.DataFrame
    row_numbers: npt.NDArray[np.int64]
    sha256: str
    name: str
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of a file and the name messages use for it; ``suffix`` is in lower case, with its dot."""

    content: bytes
    name: str
    suffix: str

    @classmethod
    def open(cls, path: str | Path) -> Source:
        """Read the file whole; raises ``UsageError`` where there is none that can be read."""
        path = Path(path)
        try:
            if path.is_dir():
                raise UsageError(f"{printable(str(path))} is a folder: give the CSV file inside it")
            return cls(path.read_bytes(), printable(path.name, 80), path.suffix.lower())
        except FileNotFoundError:
            raise UsageError(f"there is no file {printable(str(path))}: check the path") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"{printable(str(path))} cannot be read: {printable(str(reason))}") from None

    def refuse(self, why: str, *faults: Fault) -> DataError:
        """The error that names this file."""
        return DataError(f"{self.name} was refused: {why}", faults)

    def table(self, header: Sequence[str], columns: Sequence[pa.ChunkedArray], rows: npt.NDArray[np.int64]) -> RawTable:
        """The checked result of a reader; ``columns`` hold text without nulls."""
        arrays = (_TEXT.__from_arrow__(column) for column in columns)
        cells = pd.DataFrame(dict(zip(header, arrays, strict=True)), index=range(len(rows)))
        return RawTable(tuple(header), cells, rows, sha256(self.content).hexdigest(), self.name)


def header_faults(header: Sequence[str]) -> Iterator[Fault]:
    """What is wrong with the names in the first row, blanks at their ends already removed."""
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
