"""A bundle of one linear predictor -> the numbers of its nomogram: points for values, and estimates for their sum.

The longest line is 100 points long; points are the linear predictor on another scale, so nothing is estimated here
(Lubsen J, Pool J, van der Does E. A practical device for the application of a diagnostic or prognostic function.
Methods Inf Med 1978;17:127-129; Iasonos A et al. J Clin Oncol 2008;26:1364-1370).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.ticker import MaxNLocator

from riskml.reporting.nomogram_axes import Axis, axes_of
from riskml.reporting.nomogram_runs import LATER, NEVER, SOON, Tick
from riskml.runtime.bundle import Bundle
from riskml.runtime.dictionary import Variable
from riskml.runtime.members import Causes, Trees
from riskml.runtime.model import PortableModel, Value, level_inputs
from riskml.runtime.responses import Calibrated
from riskml.runtime.score import contributions

_FULL = 100.0
_NONE = "There is no nomogram"
# A line shorter than this rounds to no point.
_SHORTEST = 0.5
# Estimates that differ by less than this are one.
_SAME = 1e-6
_STEPS = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """An estimate read off the total: its line's name, its month (None for a risk), its ticks (``worth`` is a total).

    ``table`` is the estimate, a share, at each whole total.
    """

    label: str
    months: float | None
    ticks: tuple[Tick, ...]
    table: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Nomogram:
    """What is drawn.

    Attributes
    ----------
    axes : tuple of Axis
        A line for each input; ``worth`` is in points, from 0.
    most : float
        The largest total.
    base, unit : float
        The linear predictor at a total of 0, and what one point adds to it.
    answers : tuple of Answer
    without_points : tuple of str
        Labels of inputs that have no line, because their values are less than half a point apart.
    error : float
        By how much (a share) an estimate can be off at most when every line is read to the nearest whole point.
    """

    axes: tuple[Axis, ...]
    most: float
    base: float
    unit: float
    answers: tuple[Answer, ...]
    without_points: tuple[str, ...]
    error: float


def points_of(shown: Nomogram, model: PortableModel, known: Mapping[str, Value]) -> list[int] | None:
    """Whole points of a complete patient, a line each; None where something is unknown or beyond the lines."""
    if any(not low <= float(known.get(name, math.nan)) <= high for name, (low, high) in model.limits.items()):
        return None
    if any(name not in known for name in model.inputs):
        return None
    linear, points = model.members[0].linear, []
    for axis in shown.axes:
        worth = sum(contributions(model.features, linear, name, (known[name],))[0] for name in axis.inputs)
        points.append(round((worth - axis.lowest) / shown.unit))
    return points


def nomogram_of(bundle: Bundle) -> Nomogram | str:
    """The nomogram of a bundle, or why it has none; lines end where its training data end."""
    manifest, levels = bundle.manifest, {}
    seen = (manifest["training"].get("case_mix") or {}).get("inputs", {})  # older bundles have none
    for name in level_inputs(bundle.model.features):
        allowed = seen.get(name, {}).get("levels") or manifest["applies_to"].get(name)
        every = bundle.dictionary[name].levels
        levels[name] = [level for level in every if allowed is None or level in allowed]
    return nomogram(bundle.model, bundle.dictionary.variables, months=manifest["horizons_months"], levels=levels)


def nomogram(
    model: PortableModel,
    variables: Mapping[str, Variable],
    *,
    months: Sequence[float] = (),
    levels: Mapping[str, Sequence[str]],
) -> Nomogram | str:
    """The nomogram of a portable model, or in a sentence why there is none.

    Parameters
    ----------
    model : PortableModel
        With one linear member. Any response will do, for each is monotone in the linear predictor.
    variables : mapping of str to Variable
        The dictionary's entries of the inputs.
    months : sequence of float
        When survival is read off; a line each.
    levels : mapping of str to sequence of str
        The levels of each category that have a tick.
    """
    if reason := _why_not(model, variables):
        return reason
    raw = axes_of(model, variables, levels)
    lines = [_line(model, months=each) for each in (months if model.kind == "survival" else [None])]
    widths = [axis.ends[1] - axis.ends[0] for axis in raw]
    unit = max(widths) / _FULL
    drawn = [axis for axis, width in zip(raw, widths, strict=True) if width and width >= _SHORTEST * unit]
    # An input without a line counts with the middle of its values, which is nearest to all of them.
    rest = sum(sum(axis.ends) / 2 for axis in raw if axis not in drawn)
    base = model.members[0].linear.intercept + sum(axis.ends[0] for axis in drawn) + rest
    axes = tuple(_in_points(axis, unit) for axis in drawn)
    most = sum(axis.ends[1] for axis in axes)
    able = [line for line in lines if abs(line[2](base + unit * most) - line[2](base)) > _SAME]
    if not able:
        return f"{_NONE}: no value within the training range moves the estimate."
    answers = tuple(_answer(*line, base, unit, most) for line in able)
    off = len(axes) / 2 + sum(width / unit for axis, width in zip(raw, widths, strict=True) if axis not in drawn) / 2
    error = max(_error(line[2], base, unit, most, off) for line in able)
    return Nomogram(axes, most, base, unit, answers, tuple(axis.label for axis in raw if axis not in drawn), error)


def _why_not(model: PortableModel, variables: Mapping[str, Variable]) -> str:
    if not model.members:
        return f"{_NONE}: an estimator of another package has no formula that could be drawn."
    if len(model.members) > 1:
        several = f"the estimate is an average of {len(model.members)} models"
        return f"{_NONE}: {several}, and an average of estimates is not a sum of points."
    predictor, response = model.members[0].predictor, model.members[0].response
    numbers = {name for name in model.inputs if variables[name].kind != "tristate"} - level_inputs(model.features)
    reasons = {
        "each of several causes has a sum of its own, and one total cannot stand for all of them": isinstance(
            predictor, Causes
        ),
        "what one input means to the trees depends on the others, so points do not add up": isinstance(
            predictor, Trees
        ),
        "after recalibration every patient gets the same estimate": isinstance(response, Calibrated)
        and response.slope == 0,
        "the model does not say over which range of values it learned": not numbers <= model.limits.keys(),
    }
    return next((f"{_NONE}: {reason}." for reason, holds in reasons.items() if holds), "")


def _line(model: PortableModel, *, months: float | None) -> tuple[str, float | None, Callable[[float], float]]:
    """Name, month and the estimate as a function of the linear predictor."""
    response = model.members[0].response
    prepared = response.prepare(() if months is None else (months,))
    label = "Risk, %" if months is None else f"Event-free at {months:g} months, %"
    return label, months, lambda x: min(1.0, response.mean([x], [1.0], prepared)[0])


def _in_points(axis: Axis, unit: float) -> Axis:
    lowest = axis.ends[0]
    runs = [
        replace(run, ticks=tuple(replace(tick, worth=(tick.worth - lowest) / unit) for tick in run.ticks))
        for run in axis.runs
    ]
    return replace(axis, runs=tuple(runs), lowest=lowest)


def _answer(
    label: str, months: float | None, estimate: Callable[[float], float], base: float, unit: float, most: float
) -> Answer:
    def at(total: float) -> float:
        return estimate(base + unit * total)

    low, high = sorted((at(0.0), at(most)))
    ticks = [
        Tick(f"{100 * share:.6g}" if rank < NEVER else "", _total_for(share, at, most), rank, (share, share))
        for share, rank in _shares(low, high)
    ]
    table = tuple(at(min(float(total), most)) for total in range(math.ceil(most) + 1))
    return Answer(label, months, tuple(sorted(ticks, key=lambda tick: tick.worth)), table)


def _shares(low: float, high: float) -> list[tuple[float, int]]:
    """Round shares between two, with their rank: decades, halves and twenties of them, mirrored about a half."""
    small = [(digit / size, digit) for size in (1000, 100) for digit in range(1, 10)]
    lower = [(share, SOON if digit == 1 else LATER if digit in (2, 5) else NEVER) for share, digit in small]
    lower += [(k / 20, NEVER if k % 2 else LATER if k == 8 else SOON) for k in range(2, 10)]
    every = [*lower, (0.5, SOON), *((1 - share, rank) for share, rank in lower)]
    inside = [(share, rank) for share, rank in every if low <= share <= high]
    if sum(rank < NEVER for _, rank in inside) > 2:
        return inside
    places = MaxNLocator(nbins=6, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [(float(f"{place:.12g}"), SOON) for place in places if low <= place <= high]


def _total_for(share: float, at: Callable[[float], float], most: float) -> float:
    """The total at which a monotone estimate is ``share``, by halving."""
    low, high = (0.0, most) if at(0.0) < at(most) else (most, 0.0)
    for _ in range(45):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle) < share else (low, middle)
    return (low + high) / 2


def _error(estimate: Callable[[float], float], base: float, unit: float, most: float, off: float) -> float:
    """Largest change of the estimate when the total is off by that many points, on a grid of totals."""
    totals = [most * k / _STEPS for k in range(_STEPS + 1)]
    exact = [estimate(base + unit * total) for total in totals]
    return max(
        abs(estimate(base + unit * (total + side)) - there)
        for total, there in zip(totals, exact, strict=True)
        for side in (-off, off)
    )
