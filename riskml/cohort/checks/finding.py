"""What a check found: for a person to judge. Findings never change data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from riskml.errors import ROWS_SHOWN

Level = Literal["note", "warning", "error"]
LEVELS: tuple[Level, ...] = ("note", "warning", "error")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in the data that a person should look at.

    Attributes
    ----------
    code : str
        Stable name of the kind of finding (docs/checks.md lists them).
    level : {"note", "warning", "error"}
        "note": worth knowing; "warning": probably a mistake; "error": cannot be true, whatever the explanation.
    columns : tuple of str
        The columns concerned, by their names in the dictionary (in the file where it was not mapped).
    message : str
        What was seen, with numbers.
    remedy : str
        What to do about it, as an imperative.
    rows : tuple of int
        The first five rows of the file (the header is row 1); never an identifier.
    count : int
        How many rows it concerns; 0 where it concerns the column as a whole.
    """

    code: str
    level: Level
    columns: tuple[str, ...]
    message: str
    remedy: str
    rows: tuple[int, ...] = ()
    count: int = 0

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.rows) else ""
        where = f" ({'row' if self.count == 1 else 'rows'} {', '.join(map(str, self.rows))}{more})" if self.rows else ""
        return f"{', '.join(self.columns)}: {self.message}{where}; {self.remedy}"

    def to_fields(self) -> dict[str, Any]:
        """The fields by name, for JSON."""
        return {
            "code": self.code,
            "level": self.level,
            "columns": list(self.columns),
            "message": self.message,
            "remedy": self.remedy,
            "rows": list(self.rows),
            "count": self.count,
        }


def in_rows(
    code: str,
    level: Level,
    columns: Iterable[str],
    message: str,
    remedy: str,
    *,
    mask: npt.NDArray[np.bool_],
    row_numbers: npt.NDArray[np.int64],
) -> Finding:
    """A finding about the rows that ``mask`` marks, both of shape (n_rows,); "{count}" in the message is filled in."""
    positions = np.flatnonzero(mask)
    rows = tuple(int(row) for row in row_numbers[positions[:ROWS_SHOWN]])
    text = message.replace("{count}", "1 row" if len(positions) == 1 else f"{len(positions):,} rows")
    return Finding(code, level, tuple(columns), text, remedy, rows, len(positions))


def worst(findings: Iterable[Finding]) -> Level | None:
    """The highest level among findings; None where there are none."""
    return max((finding.level for finding in findings), key=LEVELS.index, default=None)
