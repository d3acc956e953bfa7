"""D-calibration: whether predicted survival curves are right over their whole length, not only at one horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from riskml.training.metrics.binary import BoolArray, FloatArray, flags

LEAST_EXPECTED = 5  # fewer patients expected in a bin, and the chi-squared distribution is no guide (Cochran 1954)


@dataclass(frozen=True, slots=True)
class DCalibration:
    """How many patients' S(T) fell into each of the equal bins of [0, 1], and the test that all bins are alike.

    Attributes
    ----------
    counts : tuple of float
        From the lowest survival to the highest; a censored patient is shared out over bins. Their sum is n.
    statistic : float
        Pearson's chi-squared; nan for an empty table.
    p_value : float
        With n_bins - 1 degrees of freedom; nan with fewer than five patients expected in a bin.
    """

    counts: tuple[float, ...]
    statistic: float
    p_value: float


def d_calibration(
    event: BoolArray,
    survival_at_exit: FloatArray,
    survival_at_entry: FloatArray | None = None,
    n_bins: int = 10,
) -> DCalibration:
    r"""Whether :math:`S_i(T_i)`, each patient's predicted survival at the time of the event, is uniform on [0, 1].

    It is if the curves are right, whatever the patients' risks. A patient censored at c has :math:`S(T)` uniform on
    [0, S(c)] and is shared out so. With late entry :math:`S(T) / S(entry)` is uniform, and takes its place. For curves
    that end at a horizon, censor everybody there. Censored shares are fractions, which makes the test conservative.

    Parameters
    ----------
    event : bool array of shape (n_patients,)
        False = censored. With competing events the law of S(T) is another one: judge the curve of any event instead.
    survival_at_exit : float array of shape (n_patients,)
        Predicted survival at each patient's own time of event or censoring, in [0, 1].
    survival_at_entry : float array of shape (n_patients,), optional
        The same at the time observation began, at least that at exit and above 0; 1 if not given.
    n_bins : int

    Returns
    -------
    DCalibration

    Raises
    ------
    ValueError
        If shapes differ, a number is not a probability, survival rises from entry to exit, or ``n_bins`` < 2.

    References
    ----------
    Haider H, Hoehn B, Davis S, Greiner R. Effective ways to build and evaluate individual survival distributions.
    J Mach Learn Res 2020;21(85):1-63.
    Cochran WG. Some methods for strengthening the common chi-squared tests. Biometrics 1954;10:417-451 (five a bin).
    """
    if n_bins < 2:
        raise ValueError(f"n_bins must be at least 2, got {n_bins!r}")
    event = flags(event)
    level = _conditional(event, survival_at_exit, survival_at_entry)
    n, edges = event.size, np.arange(n_bins) / n_bins
    own = np.minimum((level[event] * n_bins).astype(int), n_bins - 1)
    of_censored = level[~event, None]
    # The part of [0, S(c)] that each bin holds; a curve that has reached 0 leaves the lowest bin.
    covered = np.clip(of_censored - edges, 0.0, 1 / n_bins)
    shares = np.divide(covered, of_censored, out=np.eye(1, n_bins).repeat(of_censored.size, 0), where=of_censored > 0)
    counts = np.bincount(own, minlength=n_bins) + shares.sum(axis=0)
    if not n:
        return DCalibration(tuple(counts.tolist()), float("nan"), float("nan"))
    expected = n / n_bins
    statistic = float(np.sum((counts - expected) ** 2) / expected)
    p_value = float(chdtrc(n_bins - 1, statistic)) if expected >= LEAST_EXPECTED else float("nan")
    return DCalibration(tuple(counts.tolist()), statistic, p_value)


def _conditional(event: BoolArray, at_exit: FloatArray, at_entry: FloatArray | None) -> FloatArray:
    """Survival to the exit given survival to the entry, checked."""
    at_exit = np.asarray(at_exit, dtype=float)
    at_entry = np.ones(event.shape) if at_entry is None else np.asarray(at_entry, dtype=float)
    if event.ndim != 1 or at_exit.shape != event.shape or at_entry.shape != event.shape:
        raise ValueError(f"all must be vectors of one length, got {event.shape}, {at_exit.shape}, {at_entry.shape}")
    if not ((at_exit >= 0) & (at_exit <= at_entry) & (at_entry > 0) & (at_entry <= 1)).all():
        raise ValueError("survival must lie in [0, 1], be above 0 at entry and not rise to the exit")
    return np.asarray(at_exit / at_entry)
