"""Grouped calibration and the distribution of predicted risk, as arrays a report can draw without seeing a patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.metrics.competing import incidence_interval
from riskml.training.metrics.survival import KaplanMeier, kaplan_meier

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
T = TypeVar("T", bound=np.generic)
# Groups of fewer patients say nothing, and could say too much about somebody.
LEAST_GROUP = 10
MOST_GROUPS = 5
COMPETING = 2
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True)
class CalibrationCurve:
    """Mean predicted risk and observed risk in groups of equal size, the observed with a 95 % interval.

    Observed risk is a proportion with Wilson's interval, or 1 - Kaplan-Meier at the horizon with a log-log interval.
    """

    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    patients: tuple[int, ...]

    def as_dict(self) -> Mapping[str, Any]:
        """Plain lists."""
        return {name: list(values) for name, values in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class RiskDistribution:
    """Quantiles of predicted risk for those with and without the event (by the horizon; censored before it left out).

    ``probabilities`` are those of the quantiles; a group of fewer than five patients has none.
    """

    probabilities: tuple[float, ...]
    with_event: tuple[float, ...]
    without_event: tuple[float, ...]
    n_with: int
    n_without: int

    def as_dict(self) -> Mapping[str, Any]:
        """Plain lists."""
        return {name: list(values) if isinstance(values, tuple) else values for name, values in asdict(self).items()}


def calibration_curve(
    risk: FloatArray,
    event: BoolArray,
    time: FloatArray | None,
    horizon: float | None,
    cause: IntArray | None = None,
    entry: FloatArray | None = None,
) -> CalibrationCurve:
    """Group rows by predicted risk and set prediction against observation.

    Parameters
    ----------
    risk : float array of shape (n_rows,)
        Predicted risk (by ``horizon`` where ``time`` is given).
    event : bool array of shape (n_rows,)
    time : float array of shape (n_rows,) or None
    horizon : float or None
    cause : int array of shape (n_rows,) or None
        0 censored, 1 the event, 2 a competing event: the observed risk is then Aalen-Johansen's.
    entry : float array of shape (n_rows,) or None
        When observation of each row began, where that was after the origin.
    """
    order, n_groups = np.argsort(risk, kind="stable"), int(np.clip(len(risk) // LEAST_GROUP, 1, MOST_GROUPS))
    groups = np.array_split(order, n_groups)
    if time is not None and horizon is not None:
        # A group nobody of which was followed to the horizon has no observed risk: fewer, larger groups then.
        ended = event if cause is None else cause > 0
        while len(groups) > 1 and any(np.isnan(_observed(time, ended, entry, g).at(horizon)) for g in groups):
            groups = np.array_split(order, len(groups) - 1)
    points = [_point(event[g], horizon, _rows(time, g), _rows(cause, g), _rows(entry, g)) for g in groups]
    return CalibrationCurve(
        predicted=tuple(float(risk[g].mean()) for g in groups),
        observed=tuple(p[0] for p in points),
        low=tuple(p[1] for p in points),
        high=tuple(p[2] for p in points),
        patients=tuple(len(g) for g in groups),
    )


def _rows(column: NDArray[T] | None, rows: IntArray) -> NDArray[T] | None:
    return None if column is None else column[rows]


def _observed(time: FloatArray, event: BoolArray, entry: FloatArray | None, rows: IntArray) -> KaplanMeier:
    return kaplan_meier(time[rows], event[rows], _rows(entry, rows))


def _point(
    event: BoolArray,
    horizon: float | None,
    time: FloatArray | None,
    cause: IntArray | None,
    entry: FloatArray | None,
) -> tuple[float, float, float]:
    if cause is not None and time is not None and horizon is not None:
        found = incidence_interval(time, cause, horizon, entry=entry)
        if found.low < found.high:
            return found.value, found.low, found.high
        # Nobody had it: the pseudo-values do not vary, and those known not to have had it by then give the width.
        known = max(1, int(((time >= horizon) | (cause == COMPETING)).sum()))
        return found.value, 0.0, float(binomtest(0, known).proportion_ci(0.95, method="wilson").high)
    if time is None or horizon is None:
        interval = binomtest(int(event.sum()), len(event)).proportion_ci(0.95, method="wilson")
        return float(event.mean()), float(interval.low), float(interval.high)
    curve = kaplan_meier(time, event, entry)
    bounds = curve.interval(horizon, 0.95)
    survival = float(curve.at(horizon))
    if survival in (0.0, 1.0) or not np.isfinite(bounds.low):
        # No event, or nothing but events, has no log-log interval: Wilson's for those at risk is the honest width.
        watched = (time >= horizon) & (True if entry is None else entry < horizon)
        at_risk = max(1, int(watched.sum()) if survival == 1.0 else len(time))
        wilson = binomtest(round((1 - survival) * at_risk), at_risk).proportion_ci(0.95, method="wilson")
        return 1 - survival, float(wilson.low), float(wilson.high)
    return 1 - survival, 1 - bounds.high, 1 - bounds.low


def risk_distribution(
    risk: FloatArray,
    event: BoolArray,
    time: FloatArray | None,
    horizon: float | None,
    entry: FloatArray | None = None,
) -> RiskDistribution:
    """Quantiles of predicted risk by what happened; arguments as for :func:`calibration_curve`.

    With late entries these are the patients who were watched, who survived until they were.
    """
    if time is None or horizon is None:
        happened, clear = event, ~event
    else:
        watched = np.ones(len(time), dtype=bool) if entry is None else entry < horizon
        happened, clear = event & (time <= horizon), (time > horizon) & watched
    groups = [
        tuple(np.quantile(risk[chosen], QUANTILES).tolist()) if chosen.sum() >= SMALLEST_CELL else ()
        for chosen in (happened, clear)
    ]
    return RiskDistribution(QUANTILES, groups[0], groups[1], int(happened.sum()), int(clear.sum()))
