"""Responses in time: what outputs mean for S(t) or a cumulative incidence. See :mod:`riskml.runtime.responses`."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise, repeat
from math import exp
from operator import mul

from riskml.record import Record

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

# exp() of more than this is beyond a double; a linear predictor that large is certainty anyway.
MAX_LOG = 700.0
# Hazards of several causes are multiplied and added: this much stays finite whatever the baseline.
_MAX_LOG_CAUSE = 300.0


def within(x: float, limit: float = MAX_LOG) -> float:
    """``x``, not beyond ``limit`` in either direction."""
    return min(max(x, -limit), limit)


def limited(points: Sequence[float]) -> Sequence[float]:
    """The points, none beyond what exp() can take."""
    if max(points) > MAX_LOG or min(points) < -MAX_LOG:
        return [within(point) for point in points]
    return points


def _check_times(times: Sequence[float], last: float) -> None:
    for months in times:
        if not 0 <= months <= last:
            raise ValueError(f"months must lie in [0, {last:g}], got {months!r}")


@lru_cache(maxsize=64)  # hundreds of refits have one grid and are asked for the same months
def _places(grid: tuple[float, ...], times: tuple[float, ...]) -> list[tuple[int, float]]:
    """For each time the place of the last month of ``grid`` that is earlier, and the share of the way to the next."""
    _check_times(times, grid[-1])
    places = [max(1, bisect_left(grid, t)) - 1 for t in times]
    return [(k, (t - grid[k]) / (grid[k + 1] - grid[k])) for k, t in zip(places, times, strict=True)]


class Baseline(Record):
    """Proportional hazards: S(t) = exp(-H(t) exp(output)), H linear between the months of a grid that starts at 0."""

    times: tuple[float, ...]
    cumulative_hazard: tuple[float, ...]

    kind = "cox"
    outcome = "survival"
    outputs = 1
    is_mean = False

    @property
    def reach(self) -> float:
        """Last month of the grid."""
        return self.times[-1]

    def at(self, months: float) -> float:
        """Cumulative hazard at ``months``, which must lie on the grid's span."""
        return self.prepare((months,))[0]

    @property
    def knots(self) -> tuple[float, ...]:
        """Months between which answers change smoothly."""
        return self.times

    def prepare(self, times: Sequence[float]) -> list[float]:
        """Cumulative hazard at each of ``times``."""
        hazard = self.cumulative_hazard
        return [hazard[k] + share * (hazard[k + 1] - hazard[k]) for k, share in _places(self.times, tuple(times))]

    def mean(self, points: Sequence[float], weights: Sequence[float], prepared: Sequence[float]) -> list[float]:
        """Weighted mean S(t), one a time."""
        try:  # thousands of times a prediction: nothing is looked at that an error would tell
            relative = list(map(exp, points))
        except OverflowError:
            relative = list(map(exp, limited(points)))
        if len(relative) == 1:  # a complete patient
            return [exp(-hazard * relative[0]) for hazard in prepared]
        return [sum(map(mul, weights, map(exp, map(mul, repeat(-hazard), relative)))) for hazard in prepared]

    def each(self, points: Sequence[float], prepared: Sequence[float]) -> list[list[float]]:
        """S(t) of each point, one list a time."""
        relative = list(map(exp, limited(points)))
        return [list(map(exp, map(mul, repeat(-hazard), relative))) for hazard in prepared]

    def table(self, outputs: Any, prepared: Sequence[float]) -> Any:
        """S(t); shape (..., n_times)."""
        import numpy as np

        with np.errstate(over="ignore"):  # an infinite hazard is certainty, as in plain Python
            return np.exp(-np.array(prepared) * np.exp(np.clip(outputs, -MAX_LOG, MAX_LOG)))

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"kind": self.kind, "times": list(self.times), "cumulative_hazard": list(self.cumulative_hazard)}


class Curve(Record):
    """The outputs are S(t) at the months of a grid; S(0) = 1, linear in between, as a survival forest's leaves give."""

    times: tuple[float, ...]

    kind = "curve"
    outcome = "survival"
    is_mean = True

    @property
    def outputs(self) -> int:
        """Number of months."""
        return len(self.times)

    @property
    def reach(self) -> float:
        """Last month of the grid."""
        return self.times[-1]

    @property
    def knots(self) -> tuple[float, ...]:
        """Months between which answers change smoothly."""
        return (0.0, *self.times)

    def prepare(self, times: Sequence[float]) -> list[tuple[int, float]]:
        """For each time the last month of the grid (0 is one) that is earlier, and the share of the way to the next."""
        return _places((0.0, *self.times), tuple(times))

    def mean(
        self, points: Sequence[Any], weights: Sequence[float], prepared: Sequence[tuple[int, float]]
    ) -> list[float]:
        """Weighted mean S(t), one a time."""
        curves = [[point] for point in points] if len(self.times) == 1 else points  # one month: outputs are numbers
        grid = [1.0, *(sum(map(mul, weights, column)) for column in zip(*curves, strict=True))]
        return [grid[k] + share * (grid[k + 1] - grid[k]) for k, share in prepared]

    def table(self, outputs: Any, prepared: Sequence[tuple[int, float]]) -> Any:
        """S(t); shape (..., n_times)."""
        import numpy as np

        grid = np.concatenate([np.ones_like(outputs[..., :1]), outputs], axis=-1)
        low = np.array([k for k, _ in prepared], dtype=np.intp)
        share = np.array([share for _, share in prepared])
        return grid[..., low] + share * (grid[..., low + 1] - grid[..., low])

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"kind": self.kind, "times": list(self.times)}


class Accelerated(Record):
    """Accelerated failure time: S(t) = 1 - F((ln t - output) / scale), up to month ``last``.

    F is the standard logistic (``loglogistic``), normal (``lognormal``) or smallest extreme value (``weibull``)
    distribution function (Kalbfleisch & Prentice, The statistical analysis of failure time data, 2nd ed., section 2.2).
    """

    distribution: str
    scale: float
    last: float

    kind = "aft"
    outcome = "survival"
    outputs = 1
    is_mean = False

    @property
    def reach(self) -> float:
        """Last month it speaks of."""
        return self.last

    @property
    def knots(self) -> tuple[float, ...]:
        """None: it is smooth throughout."""
        return ()

    def prepare(self, times: Sequence[float]) -> list[float]:
        """Logarithm of each time."""
        _check_times(times, self.last)
        return [math.log(t) if t > 0 else -math.inf for t in times]

    def mean(self, points: Sequence[float], weights: Sequence[float], prepared: Sequence[float]) -> list[float]:
        """Weighted mean S(t), one a time."""
        survival = DISTRIBUTIONS[self.distribution]
        return [
            sum(w * survival((log_time - x) / self.scale) for w, x in zip(weights, points, strict=True))
            for log_time in prepared
        ]

    def table(self, outputs: Any, prepared: Sequence[float]) -> Any:
        """S(t); shape (..., n_times)."""
        import numpy as np

        with np.errstate(over="ignore"):  # a scale near 0 is a step, as in plain Python
            z = np.clip((np.array(prepared) - outputs) / self.scale, -MAX_LOG, MAX_LOG)
        if self.distribution == "weibull":
            return np.exp(-np.exp(z))
        if self.distribution == "loglogistic":
            return 1.0 / (1.0 + np.exp(z))
        return 0.5 * np.vectorize(math.erfc, otypes=[float])(z / math.sqrt(2.0))

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"kind": self.kind, **self.to_fields()}


DISTRIBUTIONS: Mapping[str, Callable[[float], float]] = {
    "weibull": lambda z: exp(-exp(within(z))),
    "loglogistic": lambda z: 1.0 / (1.0 + exp(within(z))),
    "lognormal": lambda z: 0.5 * math.erfc(within(z) / math.sqrt(2.0)),
}


class Incidence(Record):
    r"""Cumulative incidence of the first cause out of cause-specific hazards, constant between the months of a grid.

    With hazards :math:`h_k e^{x_k}` in an interval of length d, the incidence of cause 1 grows by
    :math:`S \cdot (h_1 / h) (1 - e^{-h d})`, h their sum: incidences and S add up to 1 at every time
    (Prentice RL et al. Biometrics 1978;34:541-554).

    Attributes
    ----------
    baselines : tuple of Baseline
        Cumulative hazard of each cause at output 0, all on one grid.
    """

    baselines: tuple[Baseline, ...]

    kind = "incidence"
    outcome = "incidence"
    is_mean = False

    @property
    def outputs(self) -> int:
        """Number of causes."""
        return len(self.baselines)

    @property
    def reach(self) -> float:
        """Last month of the grid."""
        return self.baselines[0].reach

    @property
    def knots(self) -> tuple[float, ...]:
        """Months between which answers change smoothly."""
        return self.baselines[0].times

    def prepare(self, times: Sequence[float]) -> Any:
        """Increments of the causes' cumulative hazards from one asked-for time or knot to the next."""
        return self._steps(times, 0.0)

    def _steps(self, times: Sequence[float], since: float) -> Any:
        """For each time: cumulative hazards at ``since``, increments from there, and how many there are."""
        _check_times(times, self.reach)
        knots = sorted({since, *(t for t in (*self.baselines[0].times, *times) if t > since)})
        hazards = [[baseline.at(t) for t in knots] for baseline in self.baselines]
        steps = list(zip(*([b - a for a, b in pairwise(hazard)] for hazard in hazards), strict=True))
        first = [hazard[0] for hazard in hazards]
        return [(first, steps[: knots.index(t)], knots.index(t)) for t in times]

    def mean(self, points: Sequence[Sequence[float]], weights: Sequence[float], prepared: Any) -> list[float]:
        """Weighted mean cumulative incidence of the first cause, one a time."""
        first, steps = _longest(prepared)
        totals = [0.0] * (len(steps) + 1)
        for point, weight in zip(points, weights, strict=True):
            relative = [exp(within(x, _MAX_LOG_CAUSE)) for x in point]
            survival, incidence = exp(-sum(map(mul, relative, first))), 0.0
            for k, step in enumerate(steps, start=1):
                hazards = [r * increment for r, increment in zip(relative, step, strict=True)]
                total = sum(hazards)
                if total > 0:
                    incidence -= survival * hazards[0] / total * math.expm1(-total)
                    survival *= exp(-total)
                totals[k] += weight * incidence
        return [totals[k] for _, _, k in prepared]

    def table(self, outputs: Any, prepared: Any) -> Any:
        """Cumulative incidence of the first cause; shape (..., n_times)."""
        import numpy as np

        first, steps = _longest(prepared)
        relative = np.exp(np.clip(outputs, -_MAX_LOG_CAUSE, _MAX_LOG_CAUSE))
        survival = np.exp(-(relative @ np.array(first))) if first else np.ones(outputs.shape[:-1])
        incidence = np.zeros(outputs.shape[:-1])
        found = [incidence]
        for step in steps:
            hazards = relative * np.array(step)
            total = hazards.sum(axis=-1)
            share = np.divide(hazards[..., 0], total, out=np.zeros_like(total), where=total > 0)
            incidence = incidence - survival * share * np.expm1(-total)
            survival = survival * np.exp(-total)
            found.append(incidence)
        return np.stack([found[k] for _, _, k in prepared], axis=-1)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"kind": self.kind, "baselines": [baseline.to_dict() for baseline in self.baselines]}


def _longest(prepared: Any) -> tuple[Sequence[float], Sequence[Sequence[float]]]:
    """Where the clock starts and all increments that any of the times needs."""
    first, steps, _ = max(prepared, key=lambda part: part[2], default=([], [], 0))
    return first, steps


class IncidenceSince(Incidence):
    """The share of all who have the first cause after ``since``: no difference of two incidences that are nearly one.

    Where hazards are large hardly anybody is free of every cause at ``since``; divided by their share, the rounding of
    a difference would be most of the answer.
    """

    baselines: tuple[Baseline, ...]
    since: float

    kind = "incidence_since"

    def prepare(self, times: Sequence[float]) -> Any:
        """As for :class:`Incidence`, from ``since`` on; ``times`` must not be earlier."""
        return self._steps(times, self.since)


class EventFree(Incidence):
    """Free of every cause: S(t) = exp(-sum of the causes' cumulative hazards); it goes with :class:`Incidence`."""

    baselines: tuple[Baseline, ...]

    kind = "event_free"
    outcome = "survival"

    def prepare(self, times: Sequence[float]) -> list[list[float]]:
        """Cumulative hazard of each cause at each of ``times``."""
        return [[baseline.at(t) for baseline in self.baselines] for t in times]

    def mean(self, points: Sequence[Sequence[float]], weights: Sequence[float], prepared: Any) -> list[float]:
        """Weighted mean S(t), one a time."""
        relative = [[exp(within(x, _MAX_LOG_CAUSE)) for x in point] for point in points]
        return [
            sum(w * exp(-sum(map(mul, hazards, r))) for w, r in zip(weights, relative, strict=True))
            for hazards in prepared
        ]

    def table(self, outputs: Any, prepared: Any) -> Any:
        """S(t); shape (..., n_times)."""
        import numpy as np

        return np.exp(-np.exp(np.clip(outputs, -_MAX_LOG_CAUSE, _MAX_LOG_CAUSE)) @ np.array(prepared).T)
