"""The prototypes in the place of missing inputs: what patients who lack the same inputs have in common."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from operator import mul

from riskml.record import Record

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    from riskml.runtime.members import Linear
    from riskml.runtime.model import Feature


class Backdrop(Record):
    """What the prototypes put in the place of some missing inputs; the same for every patient who lacks these.

    Attributes
    ----------
    moving : list of int
        Features that miss an input.
    rows : list of tuples
        What the prototypes have for the missing part of the moving features; equal prototypes are one row.
    weights : list of float
        Weight of each row, summing to 1. With nothing missing there is one empty row of weight 1.
    """

    moving: list[int]
    rows: list[tuple[float, ...]]
    weights: list[float]

    @cached_property
    def _sums(self) -> dict[int, tuple[Linear, list[float]]]:
        return {}

    def sums(self, linear: Linear) -> list[float]:
        """What each row adds to a linear predictor, made once: hundreds of refits are asked for every patient."""
        found = self._sums.get(id(linear))
        if found is None:  # the predictor is kept beside its sums, so that its id stays its own
            moving = [linear.coefficients[j] for j in self.moving]
            found = self._sums[id(linear)] = linear, [sum(map(mul, moving, row)) for row in self.rows]
        return found[1]


def backdrop_of(
    features: Sequence[Feature],
    inputs: Sequence[str],
    background: Sequence[Sequence[Any]],
    weights: Sequence[float],
    missing: Sequence[str],
) -> Backdrop:
    """What weighted prototypes have for the inputs that are missing."""
    moving, parts = [], []
    for j, feature in enumerate(features):
        places = [inputs.index(name) for name in feature.inputs if name in missing]
        if places:
            moving.append(j)
            parts.append([sum(feature.component(row[i]) for i in places) for row in background])
    if not moving:
        return Backdrop([], [()], [1.0])
    merged: dict[tuple[float, ...], float] = {}
    for row, weight in zip(zip(*parts, strict=True), weights, strict=True):
        merged[row] = merged.get(row, 0.0) + weight
    return Backdrop(moving, list(merged), list(merged.values()))
