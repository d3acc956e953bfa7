"""The target of a model: rows, events, times, and every row that was left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from riskml.errors import NotEstimableError

CODING = "if there should be some, look at how they are coded"

BoolArray: TypeAlias = npt.NDArray[np.bool_]
FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.intp]

DAYS_PER_MONTH = 30.4375
EVENT, COMPETING = 1, 2


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be predicted, for the courses that count.

    Attributes
    ----------
    name : str
        Name of the outcome.
    kind : {"binary", "survival"}
        Whether there is a ``time``.
    rows : int array of shape (n_rows,)
        Positions in ``Cohort.frame``, rising.
    event : bool array of shape (n_rows,)
        Whether the event was seen.
    time : float array of shape (n_rows,) or None
        Months from the origin to the event or last contact, all positive; None for a binary outcome.
    patient : int array of shape (n_rows,)
        Code of each row's patient, as in ``Cohort.patient``.
    flow : tuple of (str, int)
        Each exclusion in the order in which it was applied, with how many rows it took (also where that is none).
        The counts and ``rows`` together add up to the rows of the cohort.
    cause : int array of shape (n_rows,)
        0 no event, 1 the event, 2 a competing event (``time`` is then its time, and ``event`` is False).
    entry : float array of shape (n_rows,) or None
        Months from the origin at which the patient came under risk, each before ``time``; None where all are at risk
        from the start.
    definition : str
        Every choice behind the numbers, in plain words.
    notes : tuple of str
        What a reader of results should know.
    """

    name: str
    kind: Literal["binary", "survival"]
    rows: IntArray
    event: BoolArray
    time: FloatArray | None
    patient: IntArray
    flow: tuple[tuple[str, int], ...]
    cause: IntArray
    entry: FloatArray | None = None
    definition: str = ""
    notes: tuple[str, ...] = ()

    @property
    def groups(self) -> IntArray:
        """What a split must keep together: the rows of one patient, shape (n_rows,)."""
        return self.patient

    @property
    def n_events(self) -> int:
        """Rows with the event."""
        return int(self.event.sum())

    @property
    def n_competing(self) -> int:
        """Rows that ended in a competing event."""
        return int((self.cause == COMPETING).sum())

    @property
    def n_patients(self) -> int:
        """Different patients among the rows."""
        return len(np.unique(self.patient))

    def check_estimable(self, n_file_rows: int) -> None:
        """Refuse a target without rows, without events, or with nothing but events.

        Raises
        ------
        NotEstimableError
            With what is missing and what took the rows.
        """
        taken = "; ".join(f"{count:,} {reason}" for reason, count in self.flow if count)
        left_out = f" (left out: {taken})" if taken else ""
        n = len(self.rows)
        if n == 0:
            raise NotEstimableError(f"{self.name}: none of {n_file_rows:,} rows can be used{left_out}")
        if self.n_events == 0:
            raise NotEstimableError(f"{self.name} needs rows with the event; has 0 of {n:,}{left_out}; {CODING}")
        if self.kind == "binary" and self.n_events == n:
            raise NotEstimableError(f"{self.name} needs rows without the event; has 0 of {n:,}{left_out}; {CODING}")


@dataclass(slots=True)
class Selection:
    """Rows still in, what took the others, and what else is worth saying."""

    kept: BoolArray
    flow: list[tuple[str, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def drop(self, reason: str, mask: npt.ArrayLike) -> None:
        """Take out the rows of ``mask`` and count those that were still in."""
        gone = self.kept & np.asarray(mask, dtype=np.bool_)
        self.flow.append((reason, int(gone.sum())))
        self.kept &= ~gone
