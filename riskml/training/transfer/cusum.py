"""Risk-adjusted CUSUM: when did outcomes begin to differ from what the model says."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
# The departures one wants to hear of: odds (or hazard) twice or half those of the model.
RATIOS = (2.0, 0.5)
SIMULATED = 2000
_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """One side of a CUSUM.

    Attributes
    ----------
    ratio : float
        The departure it watches for.
    path : float array of shape (n_rows,)
        The statistic after each patient.
    limit : float
        Its alarm limit.
    alarm, since : int or None
        The row at which it first passed the limit, and the row after it last stood at 0 before: when the change most
        likely began.
    """

    ratio: float
    path: FloatArray
    limit: float
    alarm: int | None
    since: int | None


def watch(
    event: BoolArray,
    expected: FloatArray,
    reach: FloatArray | None,
    ratio: float,
    *,
    false_alarms: float,
    seed: int,
    simulated: int = SIMULATED,
) -> Watch:
    r"""Steiner's log-likelihood ratio CUSUM, with a limit passed by chance in a stated share of such series.

    Each patient adds :math:`y \ln R - \ln(1 - p + R p)` (binary), or :math:`y \ln R - (R - 1) H` with the cumulative
    hazard met H (survival), and the sum does not fall below 0. The limit is the quantile of the largest sum in series
    simulated under the model for these very patients, so that its chance of a false alarm does not rest on a run-length
    formula.

    Parameters
    ----------
    event : bool array of shape (n_rows,)
        In the order of time.
    expected : float array of shape (n_rows,)
        Predicted probability, or cumulative hazard between entry and the end of follow-up.
    reach : float array of shape (n_rows,), or None
        Survival: the cumulative hazard a patient could have met, had no event ended the follow-up. None: binary.
    ratio : float
        R, odds or hazard ratio watched for; positive and not 1.
    false_alarms : float
        Probability of an alarm anywhere in the series while the model is right.
    seed, simulated : int

    Returns
    -------
    Watch

    Raises
    ------
    ValueError
        If the ratio is 1 or not positive.

    References
    ----------
    Steiner SH, Cook RJ, Farewell VT, Treasure T. Monitoring surgical performance using risk-adjusted cumulative sum
    charts. Biostatistics 2000;1:441-452.
    Biswas P, Kalbfleisch JD. A risk-adjusted CUSUM in continuous time based on the Cox model. Stat Med
    2008;27:3382-3406.
    """
    if not ratio > 0 or ratio == 1:
        raise ValueError(f"ratio must be positive and not 1, got {ratio!r}")
    path = _path(_scores(event, expected, ratio, binary=reach is None))
    limit = float(np.quantile(_largest(expected, reach, ratio, seed, simulated), 1 - false_alarms))
    past = np.flatnonzero(path > limit)
    if not past.size:
        return Watch(ratio, path, limit, None, None)
    alarm = int(past[0])
    at_zero = np.flatnonzero(path[:alarm] <= 0)
    return Watch(ratio, path, limit, alarm, int(at_zero[-1]) + 1 if at_zero.size else 0)


def _scores(event: BoolArray, expected: FloatArray, ratio: float, *, binary: bool) -> FloatArray:
    cost = np.log1p((ratio - 1) * expected) if binary else (ratio - 1) * expected
    return np.asarray(np.where(event, math.log(ratio), 0.0) - cost)


def _path(scores: FloatArray) -> FloatArray:
    """Sums along the last axis that start again whenever they would fall below 0."""
    total = np.cumsum(scores, axis=-1)
    return np.asarray(total - np.minimum(np.minimum.accumulate(total, axis=-1), 0.0))


def _largest(expected: FloatArray, reach: FloatArray | None, ratio: float, seed: int, simulated: int) -> FloatArray:
    """The largest value of each simulated series, shape (simulated,)."""
    rng, n = np.random.default_rng(seed), len(expected)
    size = max(1, min(simulated, _AT_ONCE // max(1, n)))
    found: list[FloatArray] = []
    for start in range(0, simulated, size):
        shape = (min(size, simulated - start), n)
        if reach is None:
            scores = _scores(rng.random(shape) < expected, expected, ratio, binary=True)
        else:
            met = rng.standard_exponential(shape)
            scores = _scores(met < reach, np.minimum(met, reach), ratio, binary=False)
        found.append(_path(scores).max(axis=-1, initial=0.0))
    return np.concatenate(found)
