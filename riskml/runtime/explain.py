"""Exact Shapley values of the portable model against its background, for one patient, in pure Python.

v(S) is the mean prediction over the prototypes with the inputs in S taken from the patient (interventional Shapley
values: Lundberg & Lee, NeurIPS 2017; Janzing et al., AISTATS 2020). A missing input is never in S, so its value is
exactly zero and the effects add up from v(nothing known) to v(everything known).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import add

from riskml.record import Record
from riskml.runtime.model import Member, PortableModel, Value
from riskml.runtime.score import contribution, cumulative_hazards, points, position, respond, value

# Enumeration doubles with every input that matters for this patient: 12 take about a second in pure Python.
MAX_INPUTS = 12


class Effects(Record):
    """An additive explanation: ``base + sum(effects) = value`` on ``scale``.

    ``effects`` holds one mapping of input name to effect per time (a single one for a binary outcome).
    """

    scale: str
    base: tuple[float, ...]
    effects: tuple[Mapping[str, float], ...]
    value: tuple[float, ...]

    @property
    def sum_error(self) -> float:
        """Largest distance between ``base + sum(effects)`` and ``value``."""
        totals = [b + math.fsum(e.values()) for b, e in zip(self.base, self.effects, strict=True)]
        return max(abs(t - v) for t, v in zip(totals, self.value, strict=True))


def explain_link(model: PortableModel, known: Mapping[str, Value]) -> Effects:
    """Closed form on the log-odds or log-hazard scale: each input against its background mean.

    The mean over members is taken with their weights; the linear predictor is additive over inputs, so the Shapley
    value of input i is ``f_i(x_i) - mean_b f_i(b_i)`` (Lundberg & Lee 2017, corollary 1).
    """
    effects = dict.fromkeys((name for name in model.inputs if name in known), 0.0)
    base = 0.0
    for member in model.members:
        linear = member.linear
        base += member.weight * linear.intercept
        for i, name in enumerate(model.inputs):
            mean = math.fsum(
                w * contribution(model.features, linear, name, row[i])
                for w, row in zip(model.weights, model.background, strict=True)
            )
            base += member.weight * mean
            if name in known:
                effects[name] += member.weight * (contribution(model.features, linear, name, known[name]) - mean)
    place = position(model, known)
    mean = math.fsum(
        m.weight * w * lp for m in model.members for w, lp in zip(place.weights, points(m, place), strict=True)
    )
    scale = "log_odds" if model.kind == "binary" else "log_hazard"
    return Effects(scale, (base,), (effects,), (mean,))


def explain_value(model: PortableModel, known: Mapping[str, Value], times: Sequence[float] = ()) -> Effects:
    """Exact Shapley values of the probability, or of S(t) at each of ``times``, by enumeration of coalitions.

    Parameters
    ----------
    model : PortableModel
    known : mapping of input name to value
        As for :func:`riskml.runtime.score.value`.
    times : sequence of float
        Months, for a survival model.

    Raises
    ------
    ValueError
        If more than ``MAX_INPUTS`` inputs matter for this patient.
    """
    n_times = len(times) if model.kind == "survival" else 1
    base = [0.0] * n_times
    effects = [dict.fromkeys((name for name in model.inputs if name in known), 0.0) for _ in range(n_times)]
    for member in model.members:
        names, coalition = _coalitions(model, member, known, times)
        size = len(names)
        weights = [math.factorial(s) * math.factorial(size - s - 1) / math.factorial(size) for s in range(size)]
        for k in range(n_times):
            base[k] += member.weight * coalition[0][k]
        for i, name in enumerate(names):
            bit = 1 << i
            for subset in range(1 << size):
                if not subset & bit:
                    weight = member.weight * weights[subset.bit_count()]
                    for k in range(n_times):
                        effects[k][name] += weight * (coalition[subset | bit][k] - coalition[subset][k])
    scale = "probability" if model.kind == "binary" else "survival"
    return Effects(scale, tuple(min(1.0, b) for b in base), tuple(effects), tuple(value(model, known, times)))


def _coalitions(
    model: PortableModel, member: Member, known: Mapping[str, Value], times: Sequence[float]
) -> tuple[list[str], list[list[float]]]:
    """v(S) for every subset S of the inputs that matter; bit i of the index says whether input i is in S.

    An input whose contribution equals that of every prototype is a dummy: leaving it out halves the work and changes
    nothing. Each subset is one step from a smaller one, so that rounding never adds up over more steps than inputs.
    """
    features, linear = model.features, member.linear
    names, moves = [], []
    lps = [linear.intercept] * len(model.background)
    for i, name in enumerate(model.inputs):
        theirs = [contribution(features, linear, name, row[i]) for row in model.background]
        lps = [lp + other for lp, other in zip(lps, theirs, strict=True)]
        if name in known:
            own = contribution(features, linear, name, known[name])
            if any(other != own for other in theirs):
                names.append(name)
                moves.append([own - other for other in theirs])
    if len(names) > MAX_INPUTS:
        raise ValueError(f"exact enumeration takes at most {MAX_INPUTS} inputs, got {len(names)}")
    hazards = cumulative_hazards(member, times)
    values: list[list[float]] = [[]] * (1 << len(names))

    def walk(subset: int, start: int, lps: list[float]) -> None:
        values[subset] = respond(member, lps, model.weights, hazards)
        for bit in range(start, len(names)):
            walk(subset | 1 << bit, bit + 1, list(map(add, lps, moves[bit])))

    walk(0, 0, lps)
    return names, values
