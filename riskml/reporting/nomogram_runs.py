"""One number on a line of a nomogram: where it rises, falls, jumps and rests, and its ticks at round values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from matplotlib.ticker import MaxNLocator

from riskml.reporting import words
from riskml.runtime.dictionary import Variable
from riskml.runtime.members import Linear
from riskml.runtime.model import Feature
from riskml.runtime.score import contributions

# How soon a tick gets its words: always, where there is room (two degrees), never.
ALWAYS, SOON, LATER, NEVER = range(4)
# More whole numbers than this are drawn as a scale.
_MOST_WHOLE = 40
# A scale of values and their logarithms is drawn by the logarithm from this ratio of its ends.
_WIDE = 20.0


@dataclass(frozen=True, slots=True)
class Tick:
    """One mark of a line.

    Attributes
    ----------
    label : str
        Empty where the mark has no words.
    worth : float
        What the value adds to the linear predictor; on a finished nomogram, points.
    rank : int
        ``ALWAYS``, ``SOON``, ``LATER`` or ``NEVER``: how soon it gets its words.
    values : tuple
        What reads off here: levels, a count, or the two ends (equal for a single number) of a stretch of numbers in
        the canonical unit, over which nothing changes.
    """

    label: str
    worth: float
    rank: int
    values: tuple[float | str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of a line on which worth only rises or only falls; ``scale`` is "linear", "log" or "single" values."""

    ticks: tuple[Tick, ...]
    scale: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """Numbers from ``a`` to ``b`` over which worth runs smoothly one way, or (``way`` 0) does not change."""

    a: float
    b: float
    way: int
    log: bool
    jumps: bool  # at b, which then is not part of it


def number_runs(features: Sequence[Feature], linear: Linear, variable: Variable, low: float, high: float) -> list[Run]:
    """The runs of a number's line.

    Parameters
    ----------
    features, linear
        Of the model; what the variable adds to the linear predictor is its worth.
    variable : Variable
        For its name, unit, detection limit, and whether it is a whole number.
    low, high : float
        Where the line ends, in the canonical unit.

    Returns
    -------
    list of Run
        In rising values: cut where a threshold makes the line jump and where it turns.
    """

    def worth(x: float) -> float:
        return contributions(features, linear, variable.name, (x,))[0]

    if variable.kind == "integer" and low.is_integer() and high.is_integer() and high - low < _MOST_WHOLE:
        return _whole([(n, worth(float(n))) for n in range(int(low), int(high) + 1)])
    own = [(f, c) for f, c in zip(features, linear.coefficients, strict=True) if variable.name in f.inputs and c]
    runs: list[list[_Piece]] = []
    for piece in _pieces(own, worth, low, high):
        way = next((other.way for other in runs[-1] if other.way), 0) if runs else 0
        if runs and not runs[-1][-1].jumps and way * piece.way >= 0:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return [_run(run, worth, variable, low, high) for run in runs]


def _pieces(
    own: Sequence[tuple[Feature, float]], worth: Callable[[float], float], low: float, high: float
) -> Iterator[_Piece]:
    """Cut a line at thresholds, knots, floors and where ``slope x + curve log10(x)`` turns."""
    cuts = {float(feature.parameter) for feature, _ in own if feature.op == "at_least"}
    bends = {float(feature.parameter) for feature, _ in own if feature.op in ("hinge", "log10")}
    stops = sorted({low, high, *(x for x in cuts | bends if low < x < high)})
    spans = [*pairwise(stops)] or [(low, high)]
    for start, end in [*spans, *([(high, high)] if high in cuts and low < high else [])]:
        slope = sum(c for f, c in own if f.op == "value" or (f.op == "hinge" and f.parameter <= start))
        curve = sum(c for f, c in own if f.op == "log10" and f.parameter <= start)
        turn = -curve / (slope * math.log(10)) if slope * curve < 0 else math.nan
        inside = [start, turn, end] if start < turn < end else [start, end]
        for a, b in pairwise(inside):
            last = worth(math.nextafter(b, -math.inf) if b in cuts and a < b else b)
            jumps = b in cuts and a < b and worth(b) != last
            rise = last - worth(a) if slope or curve else 0.0
            log = bool(curve) and (not slope or b / a >= _WIDE)
            yield _Piece(a, b, (rise > 0) - (rise < 0), log, jumps)


def _run(pieces: Sequence[_Piece], worth: Callable[[float], float], variable: Variable, low: float, high: float) -> Run:
    """Ticks at both ends, at round numbers between them, and one for each stretch over which nothing changes."""
    moving = [piece for piece in pieces if piece.way]
    log = bool(moving) and all(piece.log for piece in moving)
    factor = (variable.quantity.factor(variable.quantity.display) if variable.quantity.display else 1.0) or 1.0
    ticks: dict[float, Tick] = {}  # by value; a stretch takes the place of the end that it touches
    for moves, group in groupby(pieces, key=lambda piece: piece.way != 0):
        parts = [*group]
        a, b, jumps = parts[0].a, parts[-1].b, parts[-1].jumps
        last = math.nextafter(b, -math.inf) if jumps else b
        if not moves:
            label = _stretch(variable, (a, b), (low, high), jumps=jumps)
            ticks.pop(a, None)
            ticks[a if b == high or jumps else b] = Tick(label, worth(a), ALWAYS, (a, last))
            continue
        for x, rank in round_numbers(a / factor, b / factor, log=log):
            ticks.setdefault(
                x * factor,
                Tick(_shown(variable, x * factor) if rank < NEVER else "", worth(x * factor), rank, (x * factor,) * 2),
            )
        ticks.setdefault(a, Tick(_shown(variable, a), worth(a), ALWAYS, (a, a)))
        ticks.setdefault(b, Tick(f"{'<' * jumps}{_shown(variable, b)}", worth(last), ALWAYS, (last, last)))
    ordered = sorted(ticks.items())
    return Run(tuple(tick for _, tick in ordered), "log" if log else "linear" if moving else "single")


def _stretch(variable: Variable, span: tuple[float, float], ends: tuple[float, float], *, jumps: bool) -> str:
    """Words for numbers over which nothing changes; under a detection limit those of the limit."""
    (a, b), (low, high) = span, ends
    first, last = _shown(variable, a), _shown(variable, b)
    limit = variable.limit_of_detection
    if a == low and limit is not None and math.isclose(b * math.sqrt(2), limit, rel_tol=1e-6):
        return f"<{_shown(variable, limit)}"
    if a == low:
        return f"{'<' if jumps else '≤'}{last}"
    return f"≥{first}" if b == high else f"{first} to {'<' * jumps}{last}"


def _whole(worths: Sequence[tuple[int, float]]) -> list[Run]:
    """Runs of whole numbers; neighbours of one worth share a tick."""
    low, high, ticks = worths[0][0], worths[-1][0], []
    for worth, group in groupby(worths, key=lambda pair: pair[1]):
        numbers = [number for number, _ in group]
        a, b = numbers[0], numbers[-1]
        some = f"≤{b}" if a == low else f"≥{a}" if b == high else f"{a} to {b}"
        ticks.append(
            Tick(
                f"{a}" if a == b else some, worth, ALWAYS if a != b or a in (low, high) else SOON, (float(a), float(b))
            )
        )
    runs, start = [], 0
    for place in range(1, len(ticks)):
        turns = (
            place > start + 1
            and (ticks[place].worth - ticks[place - 1].worth) * (ticks[place - 1].worth - ticks[place - 2].worth) < 0
        )
        if turns:
            runs.append(Run(tuple(ticks[start:place]), "single"))
            start = place
    return [*runs, Run(tuple(ticks[start:]), "single")]


def round_numbers(low: float, high: float, *, log: bool = False, most: int = 8) -> Iterator[tuple[float, int]]:
    """Round numbers strictly between two, with their rank; about ``most`` of the first on a linear scale."""
    if log and high / low >= 2:
        for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high))):
            for digit in range(1, 10):
                x = float(f"{digit}e{power}")
                if low * (1 + 1e-9) < x < high * (1 - 1e-9):
                    yield x, SOON if digit == 1 else LATER if digit in (2, 5) else NEVER
        return
    if not high > low:
        return
    locator = MaxNLocator(nbins=most, steps=[1, 2, 5, 10])
    places = locator.tick_values(low, high)
    step, slack = places[1] - places[0], 1e-9 * (high - low)
    parts = 4 if f"{step:e}".startswith("2") else 5
    for number in range(parts * len(places)):
        x = float(f"{places[0] + number * step / parts:.12g}")
        if low + slack < x < high - slack:
            yield x, NEVER if number % parts else SOON


def _shown(variable: Variable, x: float) -> str:
    """A number in the unit in which the variable is shown, without the unit."""
    return variable.quantity.show(x).partition(" ")[0].replace("-", words.MINUS)
