"""Two sets of predictions of the same patients: how much better is one, with a paired interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from riskml.training.measures import LEVEL, Sample, measures_of, replicates_of
from riskml.training.metrics.intervals import Interval, auc_difference_interval, percentile_interval, widened, widening

# Where a difference says something that the measure itself does not: a comparator's ranking is 0.5 by definition.
AGAINST_COMPARATOR = ("brier", "log_loss", "integrated_brier")
AGAINST_MODEL = ("auc", "c_index", *AGAINST_COMPARATOR)


def of_comparator(sample: Sample) -> Sample:
    """The sample with the comparator's risk in place of the model's; it has no curve, so errors are at the horizon."""
    risk = np.clip(sample.reference, 1e-12, 1 - 1e-12)
    return replace(sample, risk=risk, link=np.log(risk / (1 - risk)), curve=None)


def differences(
    first: Sample,
    second: Sample,
    names: Sequence[str],
    *,
    seed: int,
    points: tuple[Mapping[str, float], Mapping[str, float]] | None = None,
    inflation: float = 1.0,
) -> dict[str, Interval]:
    """Measures of ``first`` less those of ``second``, each with a paired 95 % interval.

    What both share, the luck of which patients were drawn, cancels: the same bootstrap samples of patients serve both.

    Parameters
    ----------
    first, second : Sample
        The same rows in the same order.
    names : sequence of str
        Measures wanted; those that the outcome has not, or that cannot be computed, are left out.
    seed : int
        Seed of the patient bootstrap.
    points : pair of mappings of name to float, optional
        Estimates of both, such as means over folds; the samples' own by default.
    inflation : float
        Factor on variances; see :func:`riskml.training.measures.with_intervals`.

    Raises
    ------
    ValueError
        If the samples are not of the same rows.
    """
    if not (np.array_equal(first.patient, second.patient) and np.array_equal(first.event, second.event)):
        raise ValueError("paired differences need the same rows in both samples")
    measures = measures_of(first)
    own = [{name: measures[name].of(s) for name in names if name in measures} for s in (first, second)]
    wanted = [name for name in own[0] if np.isfinite([own[0][name], own[1][name]]).all()]
    mine, other = points or own
    draws = [replicates_of(s, seed, [name for name in wanted if name != "auc"]) for s in (first, second)]
    found = {}
    for name in wanted:
        pooled, value = own[0][name] - own[1][name], mine[name] - other[name]
        if name == "auc":
            found[name] = _moved(
                auc_difference_interval(first.event, first.risk, second.risk, inflation=inflation), value
            )
        else:
            interval = percentile_interval(draws[0][name] - draws[1][name], pooled, value, level=LEVEL)
            found[name] = widened(interval, widening(first.fewest, LEVEL, inflation))
    return found


def _moved(interval: Interval, value: float) -> Interval:
    """The same width around an estimate that is a mean over folds."""
    shift = value - interval.value
    low, high = max(-1.0, interval.low + shift), min(1.0, interval.high + shift)
    return replace(interval, value=value, low=low, high=high)


def as_rows(found: Mapping[str, Interval], against: str) -> list[dict[str, Any]]:
    """Plain data: one row a measure."""
    return [{"measure": name, "against": against, **interval.as_dict()} for name, interval in found.items()]
