"""What a predictor's outputs mean: a probability here, S(t) or a cumulative incidence in ``time_responses``.

Every response has ``mean(points, weights, prepared)``, the weighted mean answer over rows of the background in plain
Python, and ``table(outputs, prepared)``, the same answers for an array. ``prepare(times)`` is done once for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from math import exp
from operator import add, le, lt, mul, neg, truediv

from riskml.record import Record
from riskml.runtime.model_error import need, numbers
from riskml.runtime.time_responses import (
    DISTRIBUTIONS,
    MAX_LOG,
    Accelerated,
    Baseline,
    Curve,
    Incidence,
    limited,
    within,
)

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Response(Protocol):
        """What scoring and explaining need of a response."""

        @property
        def kind(self) -> str:
            """Its name in model.json."""

        @property
        def outcome(self) -> str:
            """Kind of outcome it speaks of: binary, survival or incidence."""

        @property
        def outputs(self) -> int:
            """Outputs it takes of its predictor."""

        @property
        def reach(self) -> float:
            """Last month it can speak of; infinite for a probability."""

        @property
        def knots(self) -> tuple[float, ...]:
            """Months between which answers change smoothly; none where they do throughout."""

        @property
        def is_mean(self) -> bool:
            """Whether it is linear in the outputs: the mean answer is the answer of the mean output."""

        def prepare(self, times: Sequence[float]) -> Any:
            """What depends on ``times`` only."""

        def mean(self, points: Sequence[Any], weights: Sequence[float], prepared: Any) -> list[float]:
            """Weighted mean answer over ``points``: one number, or one a time."""

        def table(self, outputs: Any, prepared: Any) -> Any:
            """Answers for an array of outputs, shape (..., outputs) -> (..., n_answers)."""

        def to_dict(self) -> dict[str, Any]:
            """The JSON form."""


class _Binary(Record):
    """What responses of binary outcomes share."""

    outcome = "binary"
    outputs = 1
    reach = math.inf
    knots = ()
    is_mean = False

    def prepare(self, times: Sequence[float]) -> None:
        """Nothing: a probability has no time."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"kind": self.kind}  # type: ignore[attr-defined]


class Logistic(_Binary):
    """The output is a log-odds."""

    kind = "logistic"

    def mean(self, points: Sequence[float], weights: Sequence[float], prepared: None) -> list[float]:  # noqa: ARG002
        """Weighted mean probability."""
        try:
            odds_against = list(map(exp, map(neg, points)))
        except OverflowError:
            odds_against = list(map(exp, map(neg, limited(points))))
        if len(odds_against) == 1:  # a complete patient
            return [1.0 / (1.0 + odds_against[0])]
        return [sum(map(truediv, weights, map(add, repeat(1.0), odds_against)))]

    def each(self, points: Sequence[float], prepared: None) -> list[list[float]]:  # noqa: ARG002
        """Probability of each point, in one list."""
        odds_against = map(exp, map(neg, limited(points)))
        return [list(map(truediv, repeat(1.0), map(add, repeat(1.0), odds_against)))]

    def table(self, outputs: Any, prepared: None) -> Any:  # noqa: ARG002
        """Probabilities; shape (..., 1)."""
        import numpy as np

        outputs = np.clip(outputs, -MAX_LOG, MAX_LOG)
        small = np.exp(-np.abs(outputs))
        return np.where(outputs >= 0, 1.0, small) / (1.0 + small)


class Probability(_Binary):
    """The output is a probability already, as the mean of a forest's leaves is."""

    kind = "probability"
    is_mean = True

    def mean(self, points: Sequence[float], weights: Sequence[float], prepared: None) -> list[float]:  # noqa: ARG002
        """Weighted mean probability."""
        return [sum(map(mul, weights, points))]

    def table(self, outputs: Any, prepared: None) -> Any:  # noqa: ARG002
        """Probabilities; shape (..., 1)."""
        return outputs


# What counts as certain when an answer is recalibrated.
CERTAIN = 1e-9


class Calibrated(Record):
    """Another response, recalibrated: ``intercept + slope * g(answer)`` with g the logit, or log(-log S) for S(t).

    Within 1e-9 of certainty g would turn rounding into risk: answers count as no more certain than that, and a hazard
    that is smaller is taken down to 0 in proportion, so that S(0) stays 1.

    Cox DR. Two further applications of a model for binary regression. Biometrika 1958;45:562-565.
    """

    response: Any
    intercept: float
    slope: float

    kind = "calibrated"
    is_mean = False

    @property
    def outcome(self) -> str:
        """That of the response inside."""
        return str(self.response.outcome)

    @property
    def outputs(self) -> int:
        """Those of the response inside."""
        return int(self.response.outputs)

    @property
    def reach(self) -> float:
        """That of the response inside."""
        return float(self.response.reach)

    @property
    def knots(self) -> tuple[float, ...]:
        """Those of the response inside."""
        return tuple(self.response.knots)

    def prepare(self, times: Sequence[float]) -> Any:
        """That of the response inside."""
        return self.response.prepare(times)

    def mean(self, points: Sequence[Any], weights: Sequence[float], prepared: Any) -> list[float]:
        """Weighted mean of the recalibrated answers."""
        return self.mean_of([self.response.mean([point], [1.0], prepared) for point in points], weights)

    def mean_of(self, answers: Sequence[Sequence[float]], weights: Sequence[float]) -> list[float]:
        """Weighted mean of what the answers of the response inside, one list a row, become."""
        change = self._one_survival if self.outcome == "survival" else self._one_probability
        return [
            sum(w * change(x) for w, x in zip(weights, column, strict=True)) for column in zip(*answers, strict=True)
        ]

    def _one_probability(self, p: float) -> float:
        p = min(max(p, CERTAIN), 1.0 - CERTAIN)
        return 1.0 / (1.0 + exp(-within(self.intercept + self.slope * math.log(p / (1.0 - p)))))

    def _one_survival(self, s: float) -> float:
        hazard = -math.log(min(max(s, CERTAIN), 1.0))
        moved = exp(within(self.intercept + self.slope * math.log(max(hazard, CERTAIN))))
        return exp(-moved * min(1.0, hazard / CERTAIN))

    def table(self, outputs: Any, prepared: Any) -> Any:
        """The recalibrated answers; shape (..., n_answers)."""
        return self.table_of(self.response.table(outputs, prepared))

    def table_of(self, answers: Any) -> Any:
        """What an array of answers of the response inside becomes."""
        import numpy as np

        if self.outcome == "survival":
            hazard = -np.log(np.clip(answers, CERTAIN, 1.0))
            link = self.intercept + self.slope * np.log(np.maximum(hazard, CERTAIN))
            moved = np.exp(np.clip(link, -MAX_LOG, MAX_LOG)) * np.minimum(1.0, hazard / CERTAIN)
            return np.exp(-moved)
        answers = np.clip(answers, CERTAIN, 1.0 - CERTAIN)
        link = self.intercept + self.slope * np.log(answers / (1 - answers))
        return 1.0 / (1.0 + np.exp(-np.clip(link, -MAX_LOG, MAX_LOG)))

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        inner = self.response.to_dict()
        return {"kind": self.kind, "response": inner, "intercept": self.intercept, "slope": self.slope}


LOGISTIC, PROBABILITY = Logistic(), Probability()


def inner_of(response: Response) -> Response:
    """The response itself, or the one that a calibration is put on."""
    return response.response if isinstance(response, Calibrated) else response


def response_from_dict(raw: Mapping[str, Any]) -> Response:
    """Build a response from its JSON form.

    Raises
    ------
    ModelError
        If it is malformed or of a kind this riskml does not know.
    """
    kind = raw["kind"]
    need(kind in _READERS, f"unknown response {kind!r}: a newer riskml is needed")
    return _READERS[kind](raw)


def _baseline(raw: Mapping[str, Any]) -> Baseline:
    times = numbers(raw["times"], "baseline times")
    hazard = numbers(raw["cumulative_hazard"], "cumulative hazard", length=len(times))
    need(len(times) > 1 and times[0] == 0 and all(map(lt, times, times[1:])), "times must rise from 0")
    need(hazard[0] == 0 and all(map(le, hazard, hazard[1:])), "cumulative hazard must rise from 0")
    return Baseline(times, hazard)


def _curve(raw: Mapping[str, Any]) -> Curve:
    times = numbers(raw["times"], "months of a curve")
    need(times and times[0] > 0 and all(map(lt, times, times[1:])), "months of a curve must rise from above 0")
    return Curve(times)


def _accelerated(raw: Mapping[str, Any]) -> Accelerated:
    scale, last = numbers([raw["scale"], raw["last"]], "scale and last month", length=2)
    need(raw["distribution"] in DISTRIBUTIONS, f"unknown distribution {raw['distribution']!r}")
    need(scale > 0 and last > 0, "scale and last month must be positive")
    return Accelerated(str(raw["distribution"]), scale, last)


def _incidence(raw: Mapping[str, Any]) -> Incidence:
    baselines = tuple(_baseline(item) for item in raw["baselines"])
    need(len(baselines) > 1, "there must be two causes or more")
    need(len({baseline.times for baseline in baselines}) == 1, "all causes must have one grid of months")
    return Incidence(baselines)


def _calibrated(raw: Mapping[str, Any]) -> Calibrated:
    intercept, slope = numbers([raw["intercept"], raw["slope"]], "intercept and slope", length=2)
    need(slope >= 0, "the slope of a calibration must not be negative")
    need(raw["response"]["kind"] not in {"calibrated", "incidence"}, "this response cannot be recalibrated")
    return Calibrated(response_from_dict(raw["response"]), intercept, slope)


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Response]] = {
    "logistic": lambda _: LOGISTIC,
    "probability": lambda _: PROBABILITY,
    "cox": _baseline,
    "curve": _curve,
    "aft": _accelerated,
    "incidence": _incidence,
    "calibrated": _calibrated,
}


def each(response: Response, points: Sequence[Any], prepared: Any) -> list[list[float]]:
    """The answer for each of the points, one list an answer."""
    if isinstance(response, Logistic | Baseline):  # what most linear predictors mean: all points in one go
        return response.each(points, prepared)
    answers = (response.mean([point], [1.0], prepared) for point in points)
    return [list(column) for column in zip(*answers, strict=True)]
