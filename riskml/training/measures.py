"""The measures of a model on one sample of predictions: functions, intervals, comparator, verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.training.metrics import binary, competing, survival, time_dependent
from riskml.training.metrics.intervals import Interval, auc_interval, percentile_interval, resamples, widened, widening
from riskml.training.metrics.smooth_calibration import SmoothCalibration, smooth_calibration, smooth_calibration_at

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
LEVEL = 0.95
N_BOOT = 1000
_FREE = (-math.inf, math.inf)
_SHARE = (0.0, 1.0)
_RATIO = (0.0, math.inf)
_GAIN = (-math.inf, 1.0)


@dataclass(frozen=True, eq=False)
class Sample:
    """Predictions set against what happened; all arrays of shape (n_rows,).

    Attributes
    ----------
    event : bool array
    time : float array of months, or None for a binary outcome
    risk : float array
        Probability of the event (by the horizon, for survival).
    link : float array
        Log-odds, or log-hazard without the baseline.
    reference : float array
        The comparator's risk.
    patient : int array
        Patient of each row; bootstraps draw patients.
    horizon : float
        Month at which survival is judged.
    cause : int array, or None
        0 censored, 1 the event, 2 a competing event, where there are several causes.
    entry : float array of months, or None
        When observation of each row began, where that was after the origin (left truncation).
    months : tuple of float
        Months of ``curve``, rising, the last of them the horizon; empty for a binary outcome.
    curve : float array of shape (n_rows, n_months), or None
        Predicted survival, or cumulative incidence where there are several causes.
    """

    event: BoolArray
    time: FloatArray | None
    risk: FloatArray
    link: FloatArray
    reference: FloatArray
    patient: IntArray
    horizon: float
    cause: IntArray | None = None
    entry: FloatArray | None = None
    months: tuple[float, ...] = ()
    curve: FloatArray | None = None

    @property
    def fewest(self) -> int:
        """Rows with the event, or without it where it is binary and these are fewer: what precision hangs on."""
        events = int(np.count_nonzero(self.event))
        return events if self.time is not None else min(events, len(self.event) - events)

    @cached_property
    def smooth(self) -> SmoothCalibration:
        """The smoothed calibration curve, which three measures and a figure need."""
        if self.time is None:
            return smooth_calibration(self.event, self.risk)
        kind = self.event if self.cause is None else self.cause
        return smooth_calibration_at(self.time, kind, self.risk, self.horizon, self.entry)

    def take(self, rows: IntArray) -> Sample:
        """The same sample restricted to, or resampled to, ``rows``."""
        time, entry = (None if array is None else array[rows] for array in (self.time, self.entry))
        arrays = (self.risk[rows], self.link[rows], self.reference[rows], self.patient[rows])
        cause = None if self.cause is None else self.cause[rows]
        curve = None if self.curve is None else self.curve[rows]
        return Sample(self.event[rows], time, *arrays, self.horizon, cause, entry, self.months, curve)


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of a sample and the range its interval must stay in.

    Attributes
    ----------
    of : callable
        Sample -> number, nan where it cannot be computed.
    bounds : pair of float
    ranks : bool
        Whether it compares patients with each other: cross-validation then takes the mean over test folds, because
        patients of different folds were scored by different models.
    distance : bool
        Whether it is a distance from the truth, which noise can only make larger: larger still in bootstrap samples,
        whose median is then put where the estimate is.
    """

    of: Callable[[Sample], float]
    bounds: tuple[float, float]
    ranks: bool = False
    distance: bool = False


# Distance of the smoothed calibration curve from the diagonal, for every kind of outcome.
_DISTANCES: Mapping[str, Measure] = {
    "ici": Measure(lambda s: s.smooth.ici, _RATIO, distance=True),
    "e50": Measure(lambda s: s.smooth.e50, _RATIO, distance=True),
    "e90": Measure(lambda s: s.smooth.e90, _RATIO, distance=True),
}


def _integrated_brier(time: FloatArray, sample: Sample) -> float:
    """Over the months that follow-up reaches; nan with fewer than two of them."""
    reached = np.searchsorted(sample.months, time.max(initial=0), side="right")
    if sample.curve is None or reached < 2:
        return math.nan
    curve, months = sample.curve[:, :reached], np.array(sample.months[:reached])
    if sample.cause is None:
        return time_dependent.integrated_brier(time, sample.event, curve, months, sample.entry)
    return competing.integrated_brier(time, sample.cause, curve, months, sample.entry)


def _survival(function: Callable[[FloatArray, Sample], float]) -> Callable[[Sample], float]:
    def of(sample: Sample) -> float:
        assert sample.time is not None
        return function(sample.time, sample)

    return of


# The first of each is the measure of discrimination on which the verdict rests.
BINARY: Mapping[str, Measure] = {
    "auc": Measure(lambda s: binary.auc(s.event, s.risk), _SHARE, ranks=True),
    "average_precision": Measure(lambda s: binary.average_precision(s.event, s.risk), _SHARE, ranks=True),
    "brier": Measure(lambda s: binary.brier(s.event, s.risk), _SHARE),
    "scaled_brier": Measure(lambda s: binary.scaled_brier(s.event, s.risk, s.reference), _GAIN),
    "log_loss": Measure(lambda s: binary.log_loss(s.event, s.risk), _RATIO),
    "calibration_intercept": Measure(lambda s: binary.calibration_in_the_large(s.event, s.risk), _FREE),
    "calibration_slope": Measure(lambda s: binary.calibration_line(s.event, s.risk).slope, _FREE),
    "observed_expected": Measure(lambda s: binary.observed_expected(s.event, s.risk), _RATIO),
    **_DISTANCES,
}
SURVIVAL: Mapping[str, Measure] = {
    "c_index": Measure(_survival(lambda t, s: survival.harrell_c(t, s.event, s.link, s.entry)), _SHARE, ranks=True),
    "uno_c": Measure(
        _survival(lambda t, s: time_dependent.uno_c(t, s.event, s.link, s.horizon, s.entry)), _SHARE, ranks=True
    ),
    "auc_at": Measure(
        _survival(lambda t, s: time_dependent.auc_at(t, s.event, s.risk, s.horizon, s.entry)), _SHARE, ranks=True
    ),
    "brier": Measure(_survival(lambda t, s: survival.ipcw_brier(t, s.event, 1 - s.risk, s.horizon, s.entry)), _SHARE),
    "integrated_brier": Measure(_survival(_integrated_brier), _SHARE),
    "ipa": Measure(
        _survival(lambda t, s: survival.ipa(t, s.event, 1 - s.risk, s.horizon, 1 - s.reference, s.entry)), _GAIN
    ),
    "calibration_slope": Measure(
        _survival(lambda t, s: survival.calibration_slope(t, s.event, s.link, s.entry)), _FREE
    ),
    "observed_expected": Measure(
        _survival(lambda t, s: survival.observed_expected_at(t, s.event, 1 - s.risk, s.horizon, s.entry)), _RATIO
    ),
    **_DISTANCES,
}


Causes = Callable[[FloatArray, IntArray, Sample], float]


def _incidence(function: Causes) -> Callable[[Sample], float]:
    def of(sample: Sample) -> float:
        assert sample.time is not None
        assert sample.cause is not None
        return function(sample.time, sample.cause, sample)

    return of


INCIDENCE: Mapping[str, Measure] = {
    "c_index": Measure(_incidence(lambda t, k, s: competing.c_index(t, k, s.link, s.entry)), _SHARE, ranks=True),
    "uno_c": Measure(_incidence(lambda t, k, s: competing.uno_c(t, k, s.link, s.horizon, s.entry)), _SHARE, ranks=True),
    "auc_at": Measure(
        _incidence(lambda t, k, s: competing.auc_at(t, k, s.risk, s.horizon, s.entry)), _SHARE, ranks=True
    ),
    "brier": Measure(_incidence(lambda t, k, s: competing.ipcw_brier(t, k, s.risk, s.horizon, s.entry)), _SHARE),
    "integrated_brier": Measure(_incidence(lambda t, _, s: _integrated_brier(t, s)), _SHARE),
    "ipa": Measure(_incidence(lambda t, k, s: competing.ipa(t, k, s.risk, s.horizon, s.reference, s.entry)), _GAIN),
    "calibration_slope": Measure(_incidence(lambda t, k, s: competing.calibration_slope(t, k, s.link, s.entry)), _FREE),
    "observed_expected": Measure(
        _incidence(lambda t, k, s: competing.observed_expected_at(t, k, s.risk, s.horizon, s.entry)), _RATIO
    ),
    **_DISTANCES,
}


def measures_of(sample: Sample) -> Mapping[str, Measure]:
    """The measures that fit the kind of outcome."""
    if sample.cause is not None:
        return INCIDENCE
    return BINARY if sample.time is None else SURVIVAL


def with_intervals(
    sample: Sample,
    *,
    seed: int,
    points: Mapping[str, float] | None = None,
    inflation: float = 1.0,
    names: Collection[str] | None = None,
) -> dict[str, Interval]:
    """Every measure (or those named) of ``sample`` with its 95 % interval.

    Parameters
    ----------
    sample : Sample
    seed : int
        Seed of the patient bootstrap.
    points : mapping of name to float, optional
        Estimates the intervals belong to, such as means over folds; the sample's own by default.
    inflation : float
        Factor on variances: 5/4 for 5-fold cross-validation, 1 for a finished model on new patients.
    names : collection of str, optional
    """
    measures = {name: m for name, m in measures_of(sample).items() if names is None or name in names}
    own = {name: measure.of(sample) for name, measure in measures.items()}
    points, replicates = points or own, replicates_of(sample, seed, measures.keys() - {"auc"})
    factor, found = widening(sample.fewest, LEVEL, inflation), {}
    for name, measure in measures.items():
        if name == "auc":
            found[name] = auc_interval(sample.event, sample.risk, LEVEL, points[name], inflation=inflation)
        else:
            middle = own[name]
            if measure.distance and np.isfinite(replicates[name]).any():
                middle = float(np.nanmedian(replicates[name]))
            interval = percentile_interval(replicates[name], middle, points[name], level=LEVEL, bounds=measure.bounds)
            found[name] = widened(interval, factor, measure.bounds)
    return found


def replicates_of(sample: Sample, seed: int, names: Collection[str] | None = None) -> dict[str, FloatArray]:
    """Measures (all, or those named) in bootstrap samples of patients, each of shape (N_BOOT,).

    One seed draws the same patients. Not stratified by outcome: holding the number of events fixed would make intervals
    too narrow.
    """
    measures = {name: m for name, m in measures_of(sample).items() if names is None or name in names}
    parts = (sample.take(rows) for rows in resamples(sample.patient, N_BOOT, seed))
    values = np.array([[measure.of(part) for measure in measures.values()] for part in parts], dtype=float)
    return dict(zip(measures, values.T, strict=True))


def comparator(sample: Sample) -> dict[str, Any]:
    """What one would say without a model: its name, mean risk, errors and (no) discrimination."""
    mean = float(sample.reference.mean())
    if sample.time is None:
        errors = {"brier": binary.brier(sample.event, sample.reference)}
        errors["log_loss"] = binary.log_loss(sample.event, sample.reference)
        ranks = {"auc": 0.5, "average_precision": float(sample.event.mean())}
        return {"name": "prevalence", "risk": mean, **errors, **ranks}
    ranks = {"c_index": 0.5, "uno_c": 0.5, "auc_at": 0.5}
    if sample.cause is not None:
        score = competing.ipcw_brier(sample.time, sample.cause, sample.reference, sample.horizon, sample.entry)
        return {"name": "Aalen-Johansen", "risk": mean, "brier": score, **ranks}
    expected = 1 - sample.reference
    score = survival.ipcw_brier(sample.time, sample.event, expected, sample.horizon, sample.entry)
    return {"name": "Kaplan-Meier", "risk": mean, "brier": score, **ranks}


def verdict(metrics: Mapping[str, Interval], n_events: int) -> tuple[bool, str]:
    """Whether the model was shown to say more than the comparator, and that in words."""
    name, gain = ("auc", "scaled_brier") if "auc" in metrics else ("c_index", "ipa")
    label = "AUC" if name == "auc" else "C"
    ranks, better = metrics[name], metrics[gain].value
    shown = f"{label} {ranks.value:.2f} ({ranks.low:.2f} to {ranks.high:.2f})"
    if not math.isfinite(ranks.low):
        return False, f"discrimination is not estimable from {n_events} events"
    if ranks.low <= 0.5:
        return False, f"{shown}: ranking by chance is not ruled out"
    if not better > 0:
        return False, f"{shown}, but predictions are no closer to what happened than the comparator's"
    return True, f"{shown}; squared error {100 * better:.0f} % below the comparator's"
