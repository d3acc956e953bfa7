"""Members cut to some significant digits: more than any use needs, few enough for the same bytes on another machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from riskml.runtime.members import Causes, Linear, Member, Trees
from riskml.runtime.responses import Calibrated
from riskml.runtime.time_responses import Accelerated, Baseline, Incidence

if TYPE_CHECKING:  # a protocol, which the runtime does not build
    from riskml.runtime.responses import Response


def rounded(member: Member, digits: int, leaf_digits: int | None = None) -> Member:
    """The member with every fitted number cut to ``digits`` significant digits, leaves of trees to ``leaf_digits``.

    Thresholds and months stay as they are: a threshold that moves by a hair sends a patient on it the other way.
    """
    predictor = _predictor(member.predictor, digits, leaf_digits or digits)
    return Member(member.weight, predictor, _response(member.response, digits))


def cut(values: tuple[float, ...], digits: int) -> tuple[float, ...]:
    """Each value with ``digits`` significant digits."""
    return tuple(float(f"{x:.{digits}g}") for x in values)


def _predictor(predictor: Linear | Trees | Causes, digits: int, leaf_digits: int) -> Linear | Trees | Causes:
    if isinstance(predictor, Linear):
        return _linear(predictor, digits)
    if isinstance(predictor, Causes):
        return Causes(tuple(_linear(linear, digits) for linear in predictor.linears))
    trees = tuple(tree.with_(leaf=cut(tree.leaf, leaf_digits)) for tree in predictor.trees)
    return Trees(cut(predictor.base, digits), predictor.scale, trees)


def _linear(linear: Linear, digits: int) -> Linear:
    return Linear(cut((linear.intercept,), digits)[0], cut(linear.coefficients, digits))


def _response(response: Response, digits: int) -> Response:
    if isinstance(response, Baseline):
        return Baseline(response.times, cut(response.cumulative_hazard, digits))
    if isinstance(response, Incidence):
        return Incidence(tuple(Baseline(b.times, cut(b.cumulative_hazard, digits)) for b in response.baselines))
    if isinstance(response, Accelerated):
        return Accelerated(response.distribution, cut((response.scale,), digits)[0], response.last)
    if isinstance(response, Calibrated):
        intercept, slope = cut((response.intercept, response.slope), digits)
        return Calibrated(_response(response.response, digits), intercept, slope)
    return response
