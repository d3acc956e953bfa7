r"""Exact Shapley values of a sigmoid of a sum, for any number of inputs.

A linear member against prototypes b gives :math:`v(S) = \sum_b w_b F(z_b + \sum_{i \in S} d_{ib})`. Enumeration takes
:math:`2^n` coalitions; what is done here takes time in proportion to :math:`n^2`.

- The value of input i is the integral over q in [0, 1] of what it adds to a coalition that every other input joins with
  probability q (Owen G. Multilinear extensions of games. Management Science 1972;18:64-79).
- Were F an exponential, :math:`e^{su}`, that expectation would be a product. With :math:`t = 2q - 1`, m_b midway
  between prototype and patient, and :math:`h = d / 2`,

  .. math:: \phi_i = \sum_b w_b e^{s m_b} \sinh(s h_{ib})
            \int_{-1}^{1} \prod_{j \ne i} (\cosh s h_{jb} + t \sinh s h_{jb}) \, dt,

  a polynomial of degree n - 1 in t, so Gauss-Legendre with n / 2 nodes is exact. With an even number of nodes no t is
  0, hence no factor is, and the product without i is the product of all, divided. For imaginary s the integrand at -t
  is conjugate to that at t.
- F is a sum of exponentials, but for 1e-12 (:mod:`riskml.runtime.sigmoids`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import cos, cosh, pi, sin, sinh
from operator import add, mul, truediv

from riskml.runtime.sigmoids import Mode, Sigmoid, modes

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

# Numbers of one block when a table is explained: what fits the processor's cache.
_BLOCK = 20_000


def shapley(
    starts: Sequence[float], moves: Sequence[Sequence[float]], weights: Sequence[float], sigmoid: Sigmoid
) -> list[list[float]]:
    """Shapley value of each input for each answer; how, and how exactly, stands at the top of this module.

    Parameters
    ----------
    starts : sequence of float, shape (n_prototypes,)
        Linear predictor with every input from the prototype.
    moves : sequence of shape (n_names, n_prototypes)
        What each input adds to it when it comes from the patient instead.
    weights : sequence of float, shape (n_prototypes,)
    sigmoid : Sigmoid

    Returns
    -------
    list of shape (n_names, n_answers)

    Raises
    ------
    ValueError
        If the linear predictor of some coalition lies where ``sigmoid`` does not hold; or if, in an answer that is not
        certain whatever the coalition, shift + slope * z lies beyond 700 for one of them, for work grows with it.
    """
    found = [[0.0] * len(sigmoid.shifts) for _ in moves]
    answers, exponentials = _exponentials(sigmoid, *span(starts, moves))
    if not (found and answers):
        return found
    merged: dict[tuple[float, ...], float] = {}
    for row, weight in zip(zip(starts, *moves, strict=True), weights, strict=True):
        merged[row] = merged.get(row, 0.0) + weight
    places, *columns = zip(*merged, strict=True)
    halves = [[sigmoid.slope * d / 2 for d in column] for column in columns]
    origin = sigmoid.shifts[answers[0]]  # u is small where an answer is open, z need not be
    middles = [origin + sigmoid.slope * z + sum(half) for z, *half in zip(places, *halves, strict=True)]
    nodes = half_nodes(len(moves))
    for mode in exponentials:
        heights = [w * mode.at(m) for w, m in zip(merged.values(), middles, strict=True)]
        factors = [(k, mode.unit * mode.factor * mode.at(sigmoid.shifts[k] - origin)) for k in answers]
        for totals, gains in zip(found, _gains(mode, halves, nodes), strict=True):
            gain = sum(map(mul, heights, gains))
            for k, factor in factors:
                totals[k] += (factor * gain).real
    return found


def _gains(mode: Mode, halves: Sequence[Sequence[float]], nodes: Sequence[tuple[float, float]]) -> list[list[complex]]:
    """sinh(s h) of each input and prototype, over the unit, times the integral of the product over all other inputs."""
    even, odd = (cos, sin) if mode.is_wave else (cosh, sinh)
    angles = [[mode.rate * h for h in column] for column in halves]
    evens, odds = ([list(map(part, column)) for column in angles] for part in (even, odd))
    integrals: list[list[complex]] = [[0.0] * len(column) for column in halves]
    for t, weight in mode.steps(nodes):
        factors = [[c + t * s for c, s in zip(*columns, strict=True)] for columns in zip(evens, odds, strict=True)]
        product: list[complex] = [weight] * len(factors[0])
        for factor in factors:
            product = list(map(mul, product, factor))
        integrals = [
            list(map(add, total, map(truediv, product, factor)))
            for total, factor in zip(integrals, factors, strict=True)
        ]
    return [[s * x.real for s, x in zip(*columns, strict=True)] for columns in zip(odds, integrals, strict=True)]


def shapley_table(starts: Any, moves: Any, weights: Any, sigmoid: Sigmoid) -> Any:
    """:func:`shapley` for many patients against the same prototypes, in numpy.

    Parameters
    ----------
    starts : array of shape (n_prototypes,)
    moves : array of shape (n_rows, n_names, n_prototypes)
    weights : array of shape (n_prototypes,)
    sigmoid : Sigmoid

    Returns
    -------
    array of shape (n_rows, n_names, n_answers)

    Raises
    ------
    ValueError
        As :func:`shapley`, where it refuses any of the rows.
    """
    import numpy as np

    n_rows, n_names, _ = moves.shape
    found = np.zeros((n_rows, n_names, len(sigmoid.shifts)))
    step = max(1, _BLOCK // max(1, moves[:1].size))
    for first in range(0, n_rows, step):
        columns = np.moveaxis(moves[first : first + step], 1, 0)
        low = float((starts + np.minimum(columns, 0.0).sum(axis=0)).min())
        high = float((starts + np.maximum(columns, 0.0).sum(axis=0)).max())
        answers, exponentials = _exponentials(sigmoid, low, high)
        if not answers:
            continue
        halves = sigmoid.slope / 2 * columns
        shifts = np.array(sigmoid.shifts)[answers]
        middles = shifts[0] + sigmoid.slope * starts + halves.sum(axis=0)
        for mode in exponentials:
            exponent = mode.unit * mode.rate
            gains = _gains_table(mode, halves, half_nodes(n_names)) * (weights * np.exp(exponent * middles))
            factors = mode.unit * mode.factor * np.exp(exponent * (shifts - shifts[0]))
            totals = gains.sum(axis=-1).T[..., None] * factors
            found[first : first + step, :, answers] += totals.real
    return found


def _gains_table(mode: Mode, halves: Any, nodes: Sequence[tuple[float, float]]) -> Any:
    """As :func:`_gains` for an array of shape (n_names, ...)."""
    import numpy as np

    even, odd = (np.cos, np.sin) if mode.is_wave else (np.cosh, np.sinh)
    evens, odds = even(mode.rate * halves), odd(mode.rate * halves)
    integrals = np.zeros_like(halves)
    for t, weight in mode.steps(nodes):
        factors = evens + t * odds
        integrals += (weight * factors.prod(axis=0) / factors).real
    return odds * integrals


def span(starts: Sequence[float], moves: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Lowest and highest linear predictor of any coalition against any prototype."""
    rows = list(zip(starts, *moves, strict=True))
    low = min(start + sum(d for d in row if d < 0) for start, *row in rows)
    return low, max(start + sum(d for d in row if d > 0) for start, *row in rows)


def _exponentials(sigmoid: Sigmoid, low: float, high: float) -> tuple[list[int], list[Mode]]:
    """Numbers of the answers that can have effects, and the exponentials that make them up."""
    if not sigmoid.covers(low, high):
        raise ValueError(f"linear predictors from {low:g} to {high:g} are outside what the product form takes")
    reaches = sigmoid.reaches(low, high)
    if not reaches:
        return [], []
    lows, highs = zip(*reaches.values(), strict=True)
    return list(reaches), modes(sigmoid.distribution, min(lows), max(highs))


@lru_cache(maxsize=32)
def half_nodes(degree: int) -> tuple[tuple[float, float], ...]:
    """Positive Gauss-Legendre nodes and their weights: exact, with their mirror images, below ``degree`` in [-1, 1].

    Newton's method on Legendre polynomials from the usual first guess (Abramowitz & Stegun 1964, 25.4.29, 22.16.6).
    """
    n = 2 * max(1, -(-degree // 4))
    found = []
    for k in range(n // 2):
        t = cos(pi * (k + 0.75) / (n + 0.5))
        for _ in range(6):
            before, here = 1.0, t
            for m in range(2, n + 1):
                before, here = here, ((2 * m - 1) * t * here - (m - 1) * before) / m
            slope = n * (t * here - before) / (t * t - 1)
            t -= here / slope
        found.append((t, 2 / ((1 - t * t) * slope * slope)))
    return tuple(found)
