"""Every error riskml raises on purpose, and the one way faults in a file are written down.

RiskmlError
├── UsageError          exit 2: arguments that do not fit together, paths that are not there
├── DataError           exit 3: the data were refused; carries every fault that was found
├── BundleError         exit 4: the bundle was refused (format, digest, signature, golden predictions)
└── NotEstimableError   exit 5: too little data for what was asked; says what is missing and how much would do

Messages reach logs and screens. They name rows and columns, never a patient.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from riskml.record import Record

ROWS_SHOWN = 5
VALUE_WIDTH = 40


class RiskmlError(Exception):
    """Anything riskml refuses to do; the command line prints it without a traceback and ends with ``exit_code``."""

    exit_code = 1


class UsageError(RiskmlError):
    """The call itself is wrong: bad arguments, a missing path, an unknown name."""

    exit_code = 2


class BundleError(RiskmlError):
    """A bundle that must not be used: wrong format, digest or signature, or golden predictions that moved."""

    exit_code = 4


class NotEstimableError(RiskmlError):
    """The data are sound but too few for what was asked; the message says how much would do."""

    exit_code = 5


class Fault(Record):
    """One broken rule in a file, or many equal ones merged by :func:`group_faults`.

    Parameters
    ----------
    row : int or None
        Row as the reader of the file counts it; None where the fault belongs to no single row.
    column : str or None
        Column as the file names it; None where the fault belongs to the whole row or file.
    rule : str
        What must hold, read after the place: "must lie in [0, 1]".
    value : str or None
        What stood there instead. Leave it None in columns that identify a patient.
    remedy : str
        What to do about it, as an imperative: "write it as '0.52 %'".
    count : int
        How many equal faults this one stands for.
    rows : tuple of int
        The first rows of those faults, at most five.
    """

    row: int | None
    column: str | None
    rule: str
    value: str | None
    remedy: str
    count: int = 1
    rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        column = None if self.column is None else f"column {printable(self.column)}"
        if self.count > 1:
            place, got, extent = column, "for example", self._extent()
        else:
            row = None if self.row is None else f"row {self.row}"
            place, got, extent = ", ".join(part for part in (row, column) if part), "got", ""
        what = f"{place}: {printable(self.rule)}" if place else printable(self.rule)
        found = "" if self.value is None else f"{got} '{printable(self.value, VALUE_WIDTH)}'"
        return "; ".join(part for part in (what, extent, found, printable(self.remedy)) if part)

    def _extent(self) -> str:
        """How often and where the merged faults stand."""
        if not self.rows:
            return f"{self.count:,} times"
        more = ", ..." if self.count > len(self.rows) else ""
        return f"{self.count:,} times (rows {', '.join(map(str, self.rows))}{more})"


class DataError(RiskmlError):
    """The data were refused.

    Parameters
    ----------
    message : str
        What was refused, in one line.
    faults : iterable of Fault
        Everything that is wrong, not only the first fault.

    Attributes
    ----------
    faults : tuple of Fault
        The faults as they were found; ``str()`` shows them grouped, one line for each kind.
    """

    exit_code = 3

    def __init__(self, message: str, faults: Iterable[Fault] = ()) -> None:
        self.message = message
        self.faults = tuple(faults)
        # Both go to Exception so that the error survives the pickling between worker processes.
        super().__init__(self.message, self.faults)

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  - {fault}" for fault in group_faults(self.faults))])


def group_faults(faults: Iterable[Fault]) -> list[Fault]:
    """Merge faults of equal column, rule and remedy, so that ten thousand equal faults make one line.

    Parameters
    ----------
    faults : iterable of Fault
        Single faults, or the result of an earlier grouping.

    Returns
    -------
    list of Fault
        In the order in which each kind first appeared; the value shown is that of its first fault.
    """
    kinds: dict[tuple[str | None, str, str], list[Fault]] = {}
    for fault in faults:
        kinds.setdefault((fault.column, fault.rule, fault.remedy), []).append(fault)
    return [_merged(kind) for kind in kinds.values()]


def printable(text: str, width: int | None = None) -> str:
    """Text that is safe on a terminal: control characters escaped, cut to ``width`` characters where one is given."""
    # Only the part that can show is escaped: a cell may hold megabytes.
    seen = text if width is None else text[: width + 1]
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in seen)
    return safe if width is None or len(safe) <= width else safe[: width - 3] + "..."


def _merged(kind: Sequence[Fault]) -> Fault:
    """One fault that stands for all of one kind."""
    if len(kind) == 1:
        return kind[0]
    rows = [row for fault in kind for row in (fault.rows or (fault.row,)) if row is not None]
    return kind[0].with_(row=None, count=sum(fault.count for fault in kind), rows=tuple(rows[:ROWS_SHOWN]))
