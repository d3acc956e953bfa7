"""Decision curve of a judged model with its band: at which thresholds acting on it was shown to do more good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.judge.benefit import benefit_draws, curve_of, exact_ends
from riskml.training.judge.shown import patients, plain, plain_interval, too_few
from riskml.training.measures import LEVEL, Sample
from riskml.training.metrics.intervals import Interval, percentile_interval, resamples

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
N_BOOT = 500  # replicates of quantities that are quick to judge and shown to two digits
N_THRESHOLDS = 25
_EXACT = "no narrower than Clopper-Pearson for the treated or the untreated"
# Positions in the grid of the thresholds at which everything is said in numbers.
NAMED: Mapping[str, int] = {"lowest": 0, "middle": N_THRESHOLDS // 2, "highest": N_THRESHOLDS - 1}


def threshold_grid(thresholds: tuple[float, float]) -> FloatArray:
    """Thresholds from the lowest to the highest, shape (N_THRESHOLDS,), by equal ratios.

    The middle one is the geometric mean: from 5 to 20 % it is 10 %, twice the one and half the other.
    """
    return np.geomspace(*thresholds, N_THRESHOLDS)


def decision(
    sample: Sample, thresholds: tuple[float, float], *, seed: int, other: Sample | None = None
) -> dict[str, Any]:
    """Net benefit over a range of thresholds with a percentile-bootstrap band of patients.

    Parameters
    ----------
    sample : Sample
    thresholds : (float, float)
        The lowest and the highest risk from which one might act, 0 < lowest < highest < 1.
    seed : int
        Of the patient bootstrap.
    other : Sample, optional
        Another model's predictions of the same rows. Saying the same risk of everybody needs no curve of its own: it
        is to act on all, or on none.

    Returns
    -------
    dict
        ``thresholds``; ``net_benefit``, ``low``, ``high`` of the model; ``treat_all``; ``treat_none``;
        ``standardised``; ``comparator``, the other model's or None; ``at``, the numbers with intervals at the lowest,
        the middle and the highest threshold; ``words``. Where fewer than five patients lie on one side of a threshold,
        it has None.
        ``{"withheld": reason}`` alone where nothing can be said.

    Raises
    ------
    ValueError
        If ``thresholds`` are not as said, or ``other`` is not of the same rows.

    Notes
    -----
    The band holds at each threshold by itself, not over all of them at once. Where few events lie on one side it is
    Clopper and Pearson's instead of the bootstrap's, which knows of no events but those seen.

    References
    ----------
    Vickers AJ, Elkin EB. Decision curve analysis. Med Decis Making 2006;26:565-574.
    Kerr KF, Brown MD, Zhu K, Janes H. J Clin Oncol 2016;34:2534-2540 (standardised net benefit).
    Vickers AJ, Cronin AM, Elkin EB, Gonen M. BMC Med Inform Decis Mak 2008;8:53 (bands, interventions avoided).
    """
    _check(sample, thresholds, other)
    grid = threshold_grid(thresholds)
    judged = _both_sides(sample, grid)
    reason = too_few(sample) or _reason(sample, judged)
    if reason is not None:
        return {"withheld": reason}
    found = _with_draws(sample, other, grid, judged, seed)
    bands = {name: _intervals(*found[name]) for name in found}
    bands |= _widened(bands, sample, grid)
    value = {name: own for name, (own, _) in found.items()}
    return {
        "thresholds": plain(grid, 4),
        "net_benefit": plain(value["net_benefit"]),
        "low": plain(interval.low for interval in bands["net_benefit"]),
        "high": plain(interval.high for interval in bands["net_benefit"]),
        "treat_all": plain(value["treat_all"]),
        "treat_none": [0.0] * grid.size,
        "standardised": plain(value["standardised"]),
        "comparator": plain(value["comparator"]) if "comparator" in value else None,
        "at": [
            {"name": name, "threshold": round(float(grid[k]), 4)}
            | ({key: plain_interval(bands[key][k]) for key in _AT if key in bands} if judged[k] else _ONE_SIDED)
            for name, k in NAMED.items()
        ],
        "words": _words(grid, judged, _better(bands)),
    }


_AT = (
    "net_benefit", "standardised", "interventions_avoided_per_100",
    "less_treat_all", "less_treat_none", "less_comparator",
)  # fmt: skip
_ONE_SIDED = {"withheld": f"fewer than {SMALLEST_CELL} patients on one side of the threshold"}


def _check(sample: Sample, thresholds: tuple[float, float], other: Sample | None) -> None:
    low, high = thresholds
    if not 0 < low < high < 1:
        raise ValueError(f"thresholds must be two risks between 0 and 1, rising, got {thresholds!r}")
    if other is not None and not (
        np.array_equal(sample.patient, other.patient) and np.array_equal(sample.event, other.event)
    ):
        raise ValueError("the other model's predictions must be of the same rows")


def _both_sides(sample: Sample, grid: FloatArray) -> BoolArray:
    """Where five patients or more would be treated and five or more would not."""
    sides = [(patients(sample, sample.risk >= t), patients(sample, sample.risk < t)) for t in grid]
    return np.array([min(side) >= SMALLEST_CELL for side in sides])


def _reason(sample: Sample, judged: BoolArray) -> str | None:
    if not judged.any():
        return f"fewer than {SMALLEST_CELL} patients on one side of every threshold; there is no choice to judge"
    if not np.isfinite(curve_of(sample, []).prevalence):
        return "follow-up ends before the horizon"
    return None


def _with_draws(
    sample: Sample, other: Sample | None, grid: FloatArray, judged: BoolArray, seed: int
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Each quantity, shape (n_thresholds,), and its bootstrap replicates, shape (N_BOOT, n_thresholds)."""
    drawn = benefit_draws(sample, grid, resamples(sample.patient, N_BOOT, seed))
    curve, second, seconds = curve_of(sample, grid), None, None
    if other is not None:
        second = curve_of(other, grid).net_benefit  # one seed draws the same patients
        seconds, _ = benefit_draws(other, grid, resamples(other.patient, N_BOOT, seed))
    own = _quantities(curve.net_benefit, np.array([curve.prevalence]), second, grid)
    replicates = _quantities(drawn[0], drawn[1][:, None], seconds, grid)
    return {name: (np.where(judged | (name == "treat_all"), own[name], np.nan), replicates[name]) for name in own}


def _quantities(
    benefit: FloatArray, prevalence: FloatArray, second: FloatArray | None, grid: FloatArray
) -> dict[str, FloatArray]:
    """What is said at each threshold, from the model's net benefit, the prevalence and another model's net benefit."""
    odds = grid / (1 - grid)
    treat_all = prevalence - (1 - prevalence) * odds
    found = {
        "net_benefit": benefit,
        "treat_all": treat_all,
        "standardised": np.divide(benefit, prevalence, out=np.full(benefit.shape, np.nan), where=prevalence > 0),
        "interventions_avoided_per_100": 100 * (benefit - treat_all) / odds,
        "less_treat_all": benefit - treat_all,
        "less_treat_none": benefit,
    }
    if second is not None:
        found |= {"comparator": second, "less_comparator": benefit - second}
    return found


def _intervals(own: FloatArray, draws: FloatArray) -> list[Interval]:
    return [percentile_interval(draws[:, k], own[k], own[k], level=LEVEL) for k in range(own.size)]


def _widened(bands: Mapping[str, list[Interval]], sample: Sample, grid: FloatArray) -> dict[str, list[Interval]]:
    """The bands that compare with acting on all or on none, no narrower than exact ones.

    With no event among those untreated, or few, resamples know of no others, and the bootstrap is sure of too much.
    """
    over_all, over_none = exact_ends(sample, grid)
    of_all: dict[str, Any] = {"less_treat_all": 1.0, "interventions_avoided_per_100": 100 * (1 - grid) / grid}
    prevalence = curve_of(sample, grid).prevalence
    of_none: dict[str, Any] = {"net_benefit": 1.0, "less_treat_none": 1.0, "standardised": 1 / prevalence}
    found = {}
    for (low, high), scales in ((over_all, of_all), (over_none, of_none)):
        for name, scale in scales.items():
            ends = zip(bands[name], scale * low, scale * high, strict=True)
            found[name] = [_wider(band, first, last) for band, first, last in ends]
    return found


def _wider(band: Interval, low: float, high: float) -> Interval:
    """The interval reaching as far as either; one that could not be had stays so."""
    if not np.isfinite([band.low, low, high]).all():
        return band
    return replace(
        band, low=min(band.low, float(low)), high=max(band.high, float(high)), method=f"{band.method}; {_EXACT}"
    )


def _better(bands: Mapping[str, list[Interval]]) -> BoolArray:
    """Where both intervals, against all and against none, lie above zero: an intersection-union test.

    References
    ----------
    Berger RL, Hsu JC. Bioequivalence trials, intersection-union tests and equivalence confidence sets. Stat Sci
    1996;11:283-319 (each part at the full level).
    """
    pairs = zip(bands["less_treat_all"], bands["less_treat_none"], strict=True)
    return np.array([over_all.low > 0 and over_none.low > 0 for over_all, over_none in pairs])


def _words(grid: FloatArray, judged: BoolArray, better: BoolArray) -> str:
    claim = "acting on the model is better than acting on all or none"
    whole = _range(grid[judged])
    beyond = "" if judged.all() else f"; beyond, fewer than {SMALLEST_CELL} patients are on one side of the threshold"
    if not better.any():
        return f"{whole} it is not shown that {claim}{beyond}"
    runs = [[k for k, _ in run] for same, run in groupby(enumerate(better), key=lambda item: item[1]) if same]
    ranges = " and ".join(", ".join(_range(grid[run]) for run in runs).rsplit(", ", 1))
    rest = "" if better[judged].all() else f"; elsewhere {whole} it is not shown"
    return f"{ranges} {claim}{rest}{beyond} (each threshold at 95 % by itself)"


def _range(thresholds: FloatArray) -> str:
    low, high = (f"{100 * t:.2g}" for t in (thresholds[0], thresholds[-1]))
    return f"at {low} %" if low == high else f"between {low} and {high} %"
