"""One measured comparison, as every side-by-side benchmark gives it to ``python -m benchmarks``."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """Ours beside theirs, in the same run on the same machine.

    Attributes
    ----------
    name : str
        The benchmark: its module under ``benchmarks/``.
    what : str
        What is compared with what, sizes included.
    ours : float
    theirs : float or None
        None where nothing stands beside ours.
    unit : str
        Of both.
    """

    name: str
    what: str
    ours: float
    theirs: float | None
    unit: str

    @property
    def ratio(self) -> float | None:
        """Theirs over ours: how many times less ours takes."""
        return None if self.theirs is None or not self.ours else self.theirs / self.ours

    @property
    def command(self) -> str:
        """What prints this row with all that the benchmark says around it."""
        return f"python -m benchmarks.{self.name}"
