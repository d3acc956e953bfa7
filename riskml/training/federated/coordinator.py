"""What the coordinator does with the answers of a round: the next ask, or the shared model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.errors import DataError, Fault, NotEstimableError
from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.federated.centre import small_features
from riskml.training.federated.group import kept_features
from riskml.training.federated.masks import unmasked
from riskml.training.federated.messages import ANEW, ask_of, check_answers, read_ask
from riskml.training.federated.newton import Fit, fit
from riskml.training.federated.plan import Study
from riskml.training.federated.rows import components
from riskml.training.federated.statistics import FINISH, NEWTON, Sums, is_small, layout, months, nested
from riskml.training.fit import LEAST_AT_RISK, LEAST_AT_RISK_SHARE, LEAST_EVENTS

FloatArray = NDArray[np.float64]
_SAME = 1e-9
Answers = Mapping[int, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True, eq=False)
class Counted:
    """What round 0 said of all hospitals together.

    Attributes
    ----------
    sums : dict
        Totals of `statistics.counts`.
    features : tuple of str
        Those that are kept.
    dropped : dict of str to str
        The others, with the reason.
    fill : dict of component name to float or None
    mean : float array of shape (n_features,)
        The mean row.
    grid : tuple of float
        Months on which a baseline may be kept; empty for a binary outcome.
    """

    sums: Sums
    features: tuple[str, ...]
    dropped: dict[str, str]
    fill: dict[str, float | None]
    mean: FloatArray
    grid: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Finished:
    """A study at its end.

    Attributes
    ----------
    study : Study
    counted : Counted
    fit : Fit
    answers : mapping of round to hospital to answer
    hazards : Sums
        Totals of `statistics.hazards` between ``edges``; empty for a binary outcome.
    edges : tuple of float
        Months between which every count of events may be shown; empty where there are none.
    numbers : int
        How many numbers left a hospital.
    """

    study: Study
    counted: Counted
    fit: Fit
    answers: Answers
    hazards: Sums
    edges: tuple[float, ...]
    numbers: int


def advance(asks: Sequence[Mapping[str, Any]], answers: Mapping[str, Any]) -> dict[str, Any] | Finished:
    """The ask that follows from all answers so far, or the finished study. The same answers always give the same.

    Parameters
    ----------
    asks : sequence of mappings
        The asks so far, by round.
    answers : mapping of str to JSON value
        All answers so far, by the name of their file.

    Raises
    ------
    DataError
        With every fault of every answer at once, a hospital that has not answered among them.
    NotEstimableError
        If all hospitals together are too few, or the study would release more numbers than its plan allows.
    """
    study, found = read_ask(asks[0]), check_answers(asks, answers)
    totals = {number: _total(study, list(of_round.values())) for number, of_round in found.items()}
    counted = counted_of(study, totals[0], found[0])
    last = max(found)
    _check_asked(counted, asks[1 : last + 1])
    if asks[last]["step"] == FINISH:
        return _finished(study, counted, asks, found, totals)
    asked = [(asks[number]["points"], totals[number]) for number in range(1, last + 1)]
    before = sum(_numbers(study, ask) for ask in asks[: last + 1])
    try:
        step = fit(study, counted.sums["rows"][0], counted.sums["events"][0], counted.mean, asked)
    except ValueError as error:
        raise NotEstimableError(f"{study.recipe.name} cannot be fitted: {error}") from error
    shared = {"features": list(counted.features), "fill": counted.fill}
    if isinstance(step, Fit):
        edges = _edges(study, counted, found)
        points = [step.coefficients.tolist()]
        return ask_of(study, last + 1, FINISH, before, **shared, points=points, months=list(edges))
    newton = {"points": step, "spread": last == 0, "months": list(counted.grid)}
    ask = ask_of(study, last + 1, NEWTON, before, **shared, **newton)
    _check_numbers(study, counted, before + _numbers(study, ask))
    return ask


def _check_asked(counted: Counted, asks: Sequence[Mapping[str, Any]]) -> None:
    """Refuse rounds that do not follow from the answers to round 0 that are given now."""
    for ask in asks:
        fill = ask["fill"]
        same = ask["features"] == list(counted.features) and fill.keys() == counted.fill.keys()
        pairs = [(fill.get(name), value) for name, value in counted.fill.items()]
        if not same or any((a is None) != (b is None) or not isclose(a or 0, b or 0, rel_tol=_SAME) for a, b in pairs):
            raise _other_answers(ask["round"])


def _other_answers(number: int) -> DataError:
    rule = f"round {number} must follow from the answers that are given"
    remedy = f"give the answers that were accepted before, or {ANEW}"
    return DataError("the answers were refused", [Fault(None, None, rule, None, remedy)])


def _numbers(study: Study, ask: Mapping[str, Any]) -> int:
    return sum(layout(study, ask).values())


def _total(study: Study, answers: Sequence[Mapping[str, Any]]) -> Sums:
    parts = [answer["sums"] for answer in answers]
    if study.masked:
        return unmasked(parts)
    # In the order of their names, whoever answered first.
    return {name: np.sum([part[name] for part in parts], axis=0).tolist() for name in parts[0]}


def counted_of(study: Study, sums: Sums, answers: Mapping[str, Mapping[str, Any]]) -> Counted:
    """What follows from the counts: features that are kept, their means, and how far follow-up reaches.

    Raises
    ------
    NotEstimableError
        If all hospitals together have fewer than five patients with, or without, the event, or no feature is left.
    """
    _check_events(study, sums)
    known = dict(zip(study.recipe.inputs, sums["patients_known"], strict=True))
    dropped: dict[str, str] = {}
    for centre, answer in sorted(answers.items()):
        for name in answer["withheld"]:
            dropped.setdefault(name, f"withheld by {centre}: one to four patients in a cell")
    for name in small_features(study, sums):
        dropped.setdefault(name, "one to four patients of all hospitals in a cell")
    fill: dict[str, float | None] = {}
    mean = dict.fromkeys((feature.name for feature in study.recipe.features), 0.0)
    for component, count, total in zip(components(study.recipe.features), sums["known"], sums["total"], strict=True):
        value = total / count if known[component.input] >= SMALLEST_CELL and count else None
        fill[component.name] = value
        mean[component.feature] += value or 0.0
    for feature in study.recipe.features:
        if all(known[name] < SMALLEST_CELL for name in feature.inputs):
            dropped.setdefault(feature.name, "fewer than five patients of all hospitals have its inputs")
    kept = tuple(name for name in mean if name not in dropped)
    if not kept:
        reasons = "; ".join(f"{name} ({why})" for name, why in dropped.items())
        raise NotEstimableError(f"no feature of {study.recipe.name} may leave the hospitals: {reasons}")
    fill = {key: value for key, value in fill.items() if key.partition("/")[0] in kept}
    return Counted(sums, kept, dropped, fill, np.array([mean[name] for name in kept]), _grid(study, sums))


def _check_events(study: Study, sums: Sums) -> None:
    name = "patients_with_event_by_horizon" if study.survival else "patients_with_event"
    when = f" by {study.recipe.horizon_months:g} months" if study.survival else ""
    for key, what in ((name, f"with the outcome{when}"), ("patients_without_event", "without the outcome")):
        if sums[key][0] < LEAST_EVENTS:
            raise NotEstimableError(
                f"{study.recipe.name} needs at least {LEAST_EVENTS} patients {what}, all hospitals together have fewer "
                f"(of {sums['patients'][0]:.0f} evaluable): ask more hospitals to take part"
            )
    if sums["events"][0] >= sums["rows"][0]:
        raise NotEstimableError(f"{study.recipe.name} needs rows without the event; there are none")


def _grid(study: Study, sums: Sums) -> tuple[float, ...]:
    """As far as a pooled training would go."""
    if not study.survival:
        return ()
    floor = max(LEAST_AT_RISK, LEAST_AT_RISK_SHARE * sums["rows"][0])
    grid = tuple(month for month, count in zip(months(study), sums["at_risk"], strict=True) if count >= floor)
    if not grid or grid[-1] < study.recipe.horizon_months:
        reach = f"{grid[-1]:g}" if grid else "0"
        raise NotEstimableError(
            f"{study.recipe.name} is judged at {study.recipe.horizon_months:g} months, but fewer than {floor:.0f} "
            f"patients of all hospitals are followed beyond {reach}: longer follow-up is needed, or an earlier horizon"
        )
    return grid


def _check_numbers(study: Study, counted: Counted, numbers: int) -> None:
    # Whose rows the numbers are about: everybody's where only totals can be read. An open hospital counts for itself.
    values = counted.sums["rows"][0] * len(counted.features)
    if study.masked and numbers > study.plan["most_numbers"] * values:
        raise NotEstimableError(
            f"with the next round {numbers} numbers would have been released about {values:.0f} values (rows x "
            f"features): more than the {study.plan['most_numbers']:g} a value that the plan allows. Plan fewer "
            "features, a fixed --tau, or a larger --most-numbers that all hospitals agree to"
        )


def _edges(study: Study, counted: Counted, answers: Answers) -> tuple[float, ...]:
    """The months between which hospitals are asked for events: where their own can be read, what all of them allow."""
    if not study.survival or study.masked:
        return counted.grid
    lists = nested(counted.grid)
    level = max(int(answer["sums"]["level"][0]) for answer in answers[1].values())
    if level >= len(lists):
        raise NotEstimableError("a hospital has one to four events within the months of the baseline: mask the sums")
    return lists[level]


def _finished(
    study: Study,
    counted: Counted,
    asks: Sequence[Mapping[str, Any]],
    answers: Answers,
    totals: Mapping[int, Sums],
) -> Finished:
    last = max(answers)
    asked = [(asks[number]["points"], totals[number]) for number in range(1, last)]
    done = fit(study, counted.sums["rows"][0], counted.sums["events"][0], counted.mean, asked)
    if not isinstance(done, Fit):
        raise _other_answers(last)
    hazards, edges = totals[last], tuple(asks[last]["months"])
    if study.survival:
        hazards, edges = coarsened(hazards, edges)
    numbers = sum(_numbers(study, ask) for ask in asks[: last + 1])
    return Finished(study, counted, done, answers, hazards, edges, numbers)


def coarsened(hazards: Sums, grid: Sequence[float]) -> tuple[Sums, tuple[float, ...]]:
    """Events and exposure between months that leave five events or more, or none, between any two of them.

    A month is kept as soon as five events lie behind it, unless one to four would then be left to the end.

    Raises
    ------
    NotEstimableError
        If there are one to four events in all.
    """
    total, since, edges = sum(hazards["events"]), 0.0, []
    if is_small(total):
        raise NotEstimableError("one to four events of all hospitals lie within the months of the baseline: too few")
    left = total
    for month, events in zip(grid, hazards["events"], strict=True):
        since, left = since + events, left - events
        if month == grid[-1] or (since >= SMALLEST_CELL and (left >= SMALLEST_CELL or left == 0)):
            edges.append(month)
            since = 0.0
    place = np.searchsorted(edges, grid)
    merged = {name: np.bincount(place, values, len(edges)).tolist() for name, values in hazards.items()}
    return merged, tuple(edges)


def kept_inputs(finished: Finished) -> tuple[str, ...]:
    """Inputs of the shared model."""
    return kept_features(finished.study, finished.counted.features)[1]
