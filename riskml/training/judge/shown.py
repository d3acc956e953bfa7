"""What of a judged sample may be shown: who had the event, how few are too few, numbers as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.runtime.small_cells import SMALLEST_CELL, count
from riskml.training.measures import Sample
from riskml.training.metrics.intervals import Interval

BoolArray = NDArray[np.bool_]
# Percentile bands of net benefit cover .92 to .93 of a nominal .95 with five to nine events and five patients treated,
# .80 with fewer events and .69 with fewer patients treated: benchmarks/decision_band_coverage.py.
LEAST_EVENTS = SMALLEST_CELL
DIGITS = 3  # one in a thousand patients; with more digits counts of a few patients could be worked out


def had_event(sample: Sample) -> BoolArray:
    """Rows known to have had the event (by the horizon), shape (n_rows,)."""
    if sample.time is None:
        return sample.event
    own = sample.event if sample.cause is None else sample.cause == 1
    return np.asarray(own & (sample.time <= sample.horizon))


def known_free(sample: Sample) -> BoolArray:
    """Rows known to be without the event at the horizon, shape (n_rows,); a competing event before it is one way."""
    if sample.time is None:
        return ~sample.event
    kind = sample.event.astype(np.intp) if sample.cause is None else sample.cause
    free = (sample.time > sample.horizon) | ((sample.time == sample.horizon) & (kind == 0))
    if sample.entry is not None:
        free &= sample.entry < sample.horizon
    return np.asarray(free | ((kind > 1) & (sample.time <= sample.horizon)))


def patients(sample: Sample, rows: BoolArray) -> int:
    """Number of different patients among ``rows``, a bool array of shape (n_rows,)."""
    return len(np.unique(sample.patient[rows]))


def too_few(sample: Sample) -> str | None:
    """Why no curve with a band can be had from so few patients with, or without, the event; None where it can."""
    for rows, what in ((had_event(sample), "events"), (known_free(sample), "patients known to be without the event")):
        number = patients(sample, rows)
        if number < LEAST_EVENTS:
            return f"{count(number)} {what}; the band would say nothing"
    return None


def plain(values: Iterable[float], digits: int = DIGITS) -> list[float | None]:
    """Numbers for JSON, rounded; None for what is not finite."""
    return [round(float(value), digits) + 0.0 if np.isfinite(value) else None for value in values]


def plain_interval(interval: Interval, digits: int = DIGITS) -> dict[str, Any]:
    """An interval for JSON, its numbers rounded."""
    return {k: round(v, digits) + 0.0 if isinstance(v, float) else v for k, v in interval.as_dict().items()}
