r"""Sigmoids that responses of linear members are, as sums of exponentials.

F falls from 1 to 0. The alternating sum of copies of F - 1/2 at distance L from each other has period 2 L; its Fourier
coefficients are values of the characteristic function of the density -F' (Poisson's summation formula; Feller W. An
introduction to probability theory and its applications, vol. 2, 2nd ed., XIX.5). F is that wave less the tails of the
other copies, and a tail is a fast series of real exponentials (1 / (1 + exp(u)), the left of exp(-exp(u))) or nothing.
No coefficient is fitted: the error is that of the tails and waves that are cut, under 1e-12 each.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, count
from math import pi

from riskml.record import Record
from riskml.runtime.responses import CERTAIN, Calibrated, Logistic, inner_of
from riskml.runtime.time_responses import MAX_LOG, Accelerated, Baseline

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from riskml.runtime.responses import Response

# What tails of copies may add to F. Waves are left out where the characteristic function is under ten times that: each
# is divided by its frequency and by L, so that together they are less than it.
_SMALL = 1e-12
# Terms of the series of a tail. With them copies may stand closer to each other, and fewer waves will do.
_TERMS = 4
# Further from 0 than this, terms of that series would overflow: they are left out, and copies stand further apart.
_FAR = 80.0
# Where F is within 1e-17 of 0 or 1 for every distribution: an answer without effects.
_SURE = 40.0
# A calibration cuts off at CERTAIN; already closer to 1 than this it works on what rounding has left of 1 - answer.
_EDGE = 100 * CERTAIN


class Sigmoid(Record):
    """Answers F(shift + slope * z) of a linear predictor z, one answer a shift.

    Attributes
    ----------
    distribution : {"loglogistic", "weibull", "lognormal"}
        F(u) is 1 / (1 + exp(u)), exp(-exp(u)) or the upper tail of the standard normal distribution: a key of
        :data:`riskml.runtime.time_responses.DISTRIBUTIONS`.
    shifts : tuple of float
        An answer that is 1 for every z has shift -inf.
    slope : float
    low, high : float
        Linear predictors for which this holds.
    """

    distribution: str
    shifts: tuple[float, ...]
    slope: float
    low: float = -math.inf
    high: float = math.inf

    def reaches(self, low: float, high: float) -> dict[int, tuple[float, float]]:
        """Range of u = shift + slope * z for each answer that is not certain for all z from ``low`` to ``high``."""
        ends = sorted((self.slope * low, self.slope * high))
        found = {k: (shift + ends[0], shift + ends[1]) for k, shift in enumerate(self.shifts)}
        return {k: (least, most) for k, (least, most) in found.items() if least <= _SURE and most >= -_SURE}

    def covers(self, low: float, high: float) -> bool:
        """Whether it holds from ``low`` to ``high``, with every u in doubt within what exp() takes."""
        us = chain(*self.reaches(low, high).values())
        return self.low <= low and high <= self.high and all(-MAX_LOG <= u <= MAX_LOG for u in us)


def sigmoid_of(response: Response, times: Sequence[float]) -> Sigmoid | None:
    """The response of a linear member as a sigmoid of its linear predictor; None where it is none.

    A calibration shifts and stretches a log-odds or a log cumulative hazard, and the sigmoid stays one; it holds where
    the answer inside is from 1e-9 to 1 - 1e-7, for a calibration cuts off what is nearly certain.

    Parameters
    ----------
    response : Response
    times : sequence of float
        Months, for survival.
    """
    inner = inner_of(response)
    if isinstance(inner, Logistic):
        plain = Sigmoid("loglogistic", (0.0,), -1.0)
    elif isinstance(inner, Baseline):
        hazards = inner.prepare(times)
        plain = Sigmoid("weibull", tuple(math.log(h) if h > 0 else -math.inf for h in hazards), 1.0)
    elif isinstance(inner, Accelerated):
        plain = Sigmoid(inner.distribution, tuple(t / inner.scale for t in inner.prepare(times)), -1 / inner.scale)
    else:
        return None
    if not isinstance(response, Calibrated):
        return plain
    intercept = response.intercept
    if isinstance(inner, Logistic):  # u is the log-odds against
        intercept, edges = -intercept, (math.log(_EDGE), -math.log(CERTAIN))
    elif plain.distribution == "weibull":  # u is the log cumulative hazard
        edges = (math.log(_EDGE), math.log(-math.log(CERTAIN)))
    else:
        return None
    finite = [shift for shift in plain.shifts if shift > -math.inf]
    ranges = [sorted((edge - shift) / plain.slope for edge in edges) for shift in finite]
    return Sigmoid(
        plain.distribution,
        tuple(intercept + response.slope * shift if shift > -math.inf else shift for shift in plain.shifts),
        response.slope * plain.slope,
        max((low for low, _ in ranges), default=-math.inf),
        min((high for _, high in ranges), default=math.inf),
    )


class Mode(Record):
    """One part of a sum that is F(u): the real part of ``factor * exp(s * u)``.

    A wave has s = ``1j * rate``, a tail s = ``rate``.
    """

    is_wave: bool
    rate: float
    factor: complex

    @property
    def unit(self) -> complex:
        """What makes s of the rate, and sinh(s u) of the sin or sinh of rate * u."""
        return 1j if self.is_wave else 1.0

    def at(self, u: float) -> complex:
        """The exponential at u."""
        return cmath.exp(self.unit * self.rate * u)

    def steps(self, nodes: Sequence[tuple[float, float]]) -> list[tuple[complex, float]]:
        """Nodes (times the unit) and weights in [-1, 1] out of those in [0, 1]; of a wave half of them will do."""
        if self.is_wave:
            return [(1j * t, 2 * weight) for t, weight in nodes]
        return [(sign * t, weight) for t, weight in nodes for sign in (1, -1)]


def modes(distribution: str, low: float, high: float) -> list[Mode]:
    """F(u) less a constant as a sum of exponentials, to about 1e-12 for ``low`` <= u <= ``high``."""
    terms = _TERMS if max(-low, high) < _FAR else 0
    series = -math.log(_SMALL) / (terms + 1)  # the first term that is left out of a tail
    left, right = {
        "loglogistic": (series, series),
        "weibull": (series, math.log(-math.log(_SMALL))),
        "lognormal": (7.1, 7.1),
    }[distribution]
    distance = max(high + left, right - low)
    found = []
    for k in count(1, 2):
        rate = k * pi / distance
        size = _CHARACTERISTIC[distribution](rate)
        if abs(size) < 10 * _SMALL:
            break
        found.append(Mode(True, rate, 2j * size / (rate * distance)))
    for j in range(1, terms + 1):
        share = (-1) ** j / (math.exp(j * distance) + 1)  # of all copies on one side
        if distribution != "lognormal":
            found.append(Mode(False, j, share / (math.factorial(j) if distribution == "weibull" else 1)))
        if distribution == "loglogistic":
            found.append(Mode(False, -j, -share))
    return found


def _gamma(omega: float) -> complex:
    """Gamma(1 - i omega): Stirling's series ten steps up (Abramowitz & Stegun 1964, 6.1.15 and 6.1.41)."""
    z = complex(11, -omega)
    series = sum(b / z ** (2 * k + 1) for k, b in enumerate(_STIRLING))
    above = cmath.exp((z - 0.5) * cmath.log(z) - z + 0.5 * math.log(2 * pi) + series)
    return above / math.prod(complex(k, -omega) for k in range(1, 11))


_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)

# E exp(-i w U) for U with distribution function 1 - F.
_CHARACTERISTIC: Mapping[str, Callable[[float], complex]] = {
    "loglogistic": lambda w: pi * w / math.sinh(pi * w),
    "weibull": _gamma,
    "lognormal": lambda w: math.exp(-w * w / 2),
}
