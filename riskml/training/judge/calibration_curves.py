"""Calibration as curves: smoothed at the horizon with a band, at each month reported, over the whole of survival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.judge.shown import had_event, patients, plain, plain_interval, too_few
from riskml.training.measures import LEVEL, Sample, with_intervals
from riskml.training.metrics.d_calibration import LEAST_EXPECTED, d_calibration
from riskml.training.metrics.intervals import percentile_interval, resamples

FloatArray = NDArray[np.float64]
N_BOOT = 500
N_POINTS = 25
TAIL = 0.1  # the mean risk of the lowest tenth of patients is about their 5th percentile
LEAST_SURVIVAL = 1e-6  # a predicted survival of 0 has no hazard
# Under 20 patients two bins would hold fewer than ten each; from 100 on there are Haider's ten.
PATIENTS_A_BIN, LEAST_BINS, MOST_BINS = 10, 2, 10


def smooth_curve(sample: Sample, *, seed: int) -> dict[str, Any]:
    """The smoothed calibration curve with a percentile-bootstrap band of patients.

    It runs from about the 5th to about the 95th percentile of risk. Its ends are means of the lowest and of the highest
    tenth, five patients or more, so that no patient's own risk is among them.

    Parameters
    ----------
    sample : Sample
    seed : int
        Of the patient bootstrap.

    Returns
    -------
    dict
        ``risk`` (rising), ``observed`` (by the horizon, for survival), ``low``, ``high``; None in the last three where
        fewer than half of the resamples reach that risk. ``{"withheld": reason}`` alone where nothing can be said.

    References
    ----------
    Austin PC, Steyerberg EW. Stat Med 2014;33:517-535.
    Austin PC, Harrell FE, van Klaveren D. Stat Med 2020;39:2714-2742 (survival).
    """
    reason = too_few(sample)
    if reason is not None:
        return {"withheld": reason}
    grid = _grid(sample)
    if grid is None:
        return {"withheld": "the predicted risks are all alike; there is no curve"}
    observed = sample.smooth.on(grid)
    if not np.isfinite(observed).any():
        return {"withheld": "too few patients, or follow-up ends before the horizon"}
    draws = np.array([sample.take(rows).smooth.on(grid) for rows in resamples(sample.patient, N_BOOT, seed)])
    band = [percentile_interval(draws[:, k], observed[k], observed[k], level=LEVEL) for k in range(grid.size)]
    reached = np.isfinite([interval.low for interval in band])
    return {
        "risk": plain(grid, 4),
        "observed": plain(np.where(reached, observed, np.nan)),
        "low": plain(interval.low for interval in band),
        "high": plain(interval.high for interval in band),
    }


def _grid(sample: Sample) -> FloatArray | None:
    """Even steps from the mean risk of the lowest tenth to that of the highest; None where there is no way between."""
    order = np.argsort(sample.risk, kind="stable")
    low, high = (float(sample.risk[_tail(sample, way)].mean()) for way in (order, order[::-1]))
    return np.linspace(low, high, N_POINTS) if low < high else None


def _tail(sample: Sample, order: NDArray[np.intp]) -> NDArray[np.intp]:
    """The first tenth of ``order``, and as many rows more as five different patients take."""
    first_rows = np.sort(np.unique(sample.patient[order], return_index=True)[1])
    return order[: max(int(TAIL * order.size), int(first_rows[SMALLEST_CELL - 1]) + 1)]


def calibration_at(sample: Sample, horizons_months: Sequence[float], *, seed: int) -> list[dict[str, Any]]:
    """Observed over expected at each month that is reported, up to the one that is judged.

    Parameters
    ----------
    sample : Sample
    horizons_months : sequence of float
        Months wanted; those after the judged one are left out.
    seed : int
        Of the patient bootstrap.

    Returns
    -------
    list of dict
        ``month`` and ``observed_expected`` with its interval, or ``withheld`` where too few had the event by then;
        empty for a binary outcome.
    """
    if sample.curve is None:
        return []
    found = []
    for month in sorted({float(month) for month in horizons_months if month <= sample.horizon}):
        then = curve_at(sample, np.full(len(sample.event), month))
        risk = then if sample.cause is not None else 1 - then
        judged = replace(sample, risk=risk, horizon=month, curve=None, months=())
        reason = too_few(judged)
        found.append(
            {"month": month} | ({"withheld": reason} if reason else {"observed_expected": _ratio(judged, seed)})
        )
    return found


def _ratio(sample: Sample, seed: int) -> dict[str, Any]:
    name = "observed_expected"
    return plain_interval(with_intervals(sample, seed=seed, names=[name])[name])


def curve_at(sample: Sample, time: FloatArray) -> FloatArray:
    """Each row's predicted survival, or cumulative incidence, at a month of its own, up to the horizon.

    Parameters
    ----------
    sample : Sample
        With a curve.
    time : float array of shape (n_rows,)
        Months, 0 to the horizon.

    Returns
    -------
    float array of shape (n_rows,)
        Between the months kept the cumulative hazard is a line, as in a bundle's own baseline; an incidence is one
        itself.
    """
    if sample.curve is None:
        raise ValueError("the sample has no curve: the outcome is binary")
    incidence = sample.cause is not None
    heights = sample.curve if incidence else -np.log(np.maximum(sample.curve, LEAST_SURVIVAL))
    months, heights = np.append(0.0, sample.months), np.column_stack([np.zeros(len(heights)), heights])
    after = np.clip(np.searchsorted(months, time), 1, months.size - 1)
    rows, share = np.arange(len(heights)), (time - months[after - 1]) / (months[after] - months[after - 1])
    at = (1 - share) * heights[rows, after - 1] + share * heights[rows, after]
    return np.asarray(at if incidence else np.exp(-at))


def d_calibration_of(sample: Sample) -> dict[str, Any] | None:
    """Whether survival curves are right over their whole length up to the horizon, where everybody is censored.

    Parameters
    ----------
    sample : Sample

    Returns
    -------
    dict or None
        ``statistic``, ``p_value``, ``bins`` (shares of patients from the lowest predicted survival to the highest, all
        alike if calibrated), ``words``; ``{"withheld": reason}`` alone where nothing can be said. None for a binary
        outcome and for several causes, where the survival at one's own event is not uniform.

    References
    ----------
    Haider H, Hoehn B, Davis S, Greiner R. J Mach Learn Res 2020;21(85):1-63.
    """
    if sample.time is None or sample.cause is not None or sample.curve is None:
        return None
    if (
        sample.entry is not None
    ):  # who came under observation at the horizon or later says nothing about the time before
        sample = sample.take(np.flatnonzero(sample.entry < sample.horizon))
    assert sample.time is not None
    number = patients(sample, np.ones(len(sample.event), dtype=bool))
    reason = too_few(sample)
    if reason is None and number < LEAST_BINS * PATIENTS_A_BIN:
        reason = f"{number} patients are too few for two bins"
    if reason is not None:
        return {"withheld": reason}
    at_entry = np.ones(len(sample.event)) if sample.entry is None else curve_at(sample, sample.entry)
    at_exit = np.minimum(curve_at(sample, np.minimum(sample.time, sample.horizon)), at_entry)
    n_bins = min(MOST_BINS, number // PATIENTS_A_BIN)
    found = d_calibration(had_event(sample), at_exit, at_entry, n_bins)
    shares = np.array(found.counts) / len(sample.event)
    (statistic, p_value), bins = plain([found.statistic, found.p_value]), plain(shares, 2)
    return {"statistic": statistic, "p_value": p_value, "bins": bins, "words": _d_words(found.p_value, n_bins)}


def _d_words(p_value: float, n_bins: int) -> str:
    if not np.isfinite(p_value):
        return f"fewer than {LEAST_EXPECTED} patients a bin: there is no test"
    shown = "P < .001" if p_value < 0.001 else "P > .99" if p_value > 0.99 else f"P {p_value:.2g}"
    if p_value < 1 - LEVEL:
        return f"the predicted curves disagree with what happened over their length ({shown}, {n_bins} bins)"
    return (
        f"no disagreement over the length of the curves is shown ({shown}, {n_bins} bins); where many are "
        "censored the test hardly ever shows one"
    )
