"""Follow-up of one group of patients: its curve, its estimates at chosen months, its numbers at risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from riskml.cohort.outcomes import Target
from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.describe.table import NOT_SHOWN, Curve, FloatArray
from riskml.training.follow_up import potential_follow_up
from riskml.training.metrics.competing import aalen_johansen, pseudo_values
from riskml.training.metrics.survival import KaplanMeier, kaplan_meier

IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]
NAN = float("nan")
LEVEL = 0.95
MOST_STEPS = 400  # of a drawn curve; more cannot be told apart on paper


class Estimate(NamedTuple):
    """A share with its standard error and interval; nan where the follow-up does not reach, or S is 0 or 1."""

    value: float
    error: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """Percent, plus or minus the standard error, with the interval where there is one."""
        if np.isnan(self.value):
            return "follow-up too short"
        text = f"{100 * self.value:.1f} %"
        if self.error == 0:
            return f"{text} (no event)"
        if np.isnan(self.error):
            return text
        text += f" ± {100 * self.error:.1f} %"
        return text if np.isnan(self.low) else f"{text} ({100 * self.low:.1f} to {100 * self.high:.1f})"


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Times of one group of patients, and one kind of curve over them.

    Attributes
    ----------
    time : float array of shape (n_patients,)
        Months to the first event of any kind or to last contact.
    cause : int array of shape (n_patients,)
        0 none, 1 the event, 2 a competing event.
    entry : float array of shape (n_patients,) or None
        Months at which observation began.
    kind : {"survival", "incidence"}
        Kaplan-Meier's share without the event, or Aalen and Johansen's share with it.
    """

    time: FloatArray
    cause: IntArray
    entry: FloatArray | None = None
    kind: Literal["survival", "incidence"] = "survival"
    _curve: list[KaplanMeier] = field(default_factory=list, init=False, repr=False)

    @classmethod
    def of(cls, target: Target, kind: Literal["survival", "incidence"] = "survival") -> Observed:
        """The rows of a survival target."""
        assert target.time is not None
        return cls(target.time, target.cause, target.entry, kind)

    def some(self, rows: BoolArray) -> Observed:
        """The group of these rows."""
        entry = None if self.entry is None else self.entry[rows]
        return Observed(self.time[rows], self.cause[rows], entry, self.kind)

    @property
    def size(self) -> int:
        """Patients."""
        return int(self.time.size)

    @property
    def event(self) -> BoolArray:
        """Who had the event, shape (n_patients,)."""
        return np.asarray(self.cause == 1)

    def events_by(self, months: float) -> int:
        """Events seen up to a month."""
        return int(np.count_nonzero(self.event & (self.time <= months)))

    def at_risk(self, months: float) -> int:
        """Patients under observation just before a month; at month 0, those with whom observation began."""
        begun = np.ones(self.size, dtype=bool) if self.entry is None else self.entry < max(months, 1e-9)
        return int(np.count_nonzero(begun & (self.time >= months)))

    def at(self, months: float) -> Estimate:
        """The estimate at a month, with its standard error and 95 % interval.

        Of survival Greenwood's error and the interval of log(-log S); of an incidence both from pseudo-values.

        References
        ----------
        Greenwood M. The natural duration of cancer. HMSO 1926.
        Kalbfleisch JD, Prentice RL. The Statistical Analysis of Failure Time Data. 2nd ed. Wiley 2002, section 1.4.
        Andersen PK, Klein JP, Rosthoj S. Biometrika 2003;90:15-27.
        """
        return self._incidence(months) if self.kind == "incidence" else self._survival(months)

    def _survival(self, months: float) -> Estimate:
        if not self._curve:  # asked for at every step of a drawing
            self._curve.append(kaplan_meier(self.time, self.event, self.entry))
        curve = self._curve[0]
        interval = curve.interval(months, LEVEL)
        if np.isnan(interval.value):
            return Estimate(NAN, NAN, NAN, NAN)
        error = float(np.append(0.0, curve.se)[np.searchsorted(curve.times, months, side="right")])
        return Estimate(interval.value, error, interval.low, interval.high)

    def _incidence(self, months: float) -> Estimate:
        value = aalen_johansen(self.time, self.cause, months, self.entry)
        if np.isnan(value) or self.size < 2:
            return Estimate(value, NAN, NAN, NAN)
        error = float(pseudo_values(self.time, self.cause, months, self.entry).std(ddof=1) / np.sqrt(self.size))
        if not error > 0:
            return Estimate(value, 0.0, NAN, NAN)
        low, high = np.clip([value - ndtri((1 + LEVEL) / 2) * error, value + ndtri((1 + LEVEL) / 2) * error], 0, 1)
        return Estimate(value, error, float(low), float(high))

    def follow_up(self, *, internal: bool) -> str:
        """Median potential follow-up with quartiles (reverse Kaplan-Meier: any event counts as a loss)."""
        if self.size < SMALLEST_CELL and not internal:
            return NOT_SHOWN
        found = [potential_follow_up(share, self.time, self.cause > 0, self.entry) for share in (0.5, 0.25, 0.75)]
        middle, low, high = (f"{months:.1f}" if np.isfinite(months) else "not reached" for months in found)
        return f"{middle} ({low} to {high})"

    def drawn(self, label: str, months: Sequence[float] | None = None) -> Curve:
        """The curve with its 95 % band, which has no width where nothing has happened; numbers at risk are left out.

        It stands at its own steps, each of which dates an event; or, where ``months`` are given (rising, from 0), at
        these, and changes evenly from one to the next.
        """
        at = self._steps() if months is None else np.asarray(months, dtype=float)
        points = np.array([self.at(month) for month in at]).reshape(at.size, 4)
        value = points[:, 0]
        low, high = (np.where(np.isnan(points[:, k]), value, points[:, k]) for k in (2, 3))
        grid = at if months is None else np.union1d(at, np.arange(at[-1]))
        value, low, high = (np.interp(grid, at, column) for column in (value, low, high))
        return Curve(label, grid, value, low, high, ())

    def _steps(self) -> FloatArray:
        """Month 0, the months with an event, and the end of the follow-up."""
        steps = np.unique(self.time[self.event])
        if steps.size > MOST_STEPS:
            steps = steps[np.linspace(0, steps.size - 1, MOST_STEPS).astype(int)]
        return np.unique(np.concatenate([[0.0], steps, [self.time.max(initial=0.0)]]))
