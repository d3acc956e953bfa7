"""An update judged honestly: chosen and estimated on some of the new patients, set against what happened to others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from riskml.runtime.model import PortableModel
from riskml.runtime.small_cells import SMALLEST_CELL, counts_of_a_whole
from riskml.training.differences import differences
from riskml.training.links import link_of
from riskml.training.measures import Sample, measures_of, with_intervals
from riskml.training.metrics.intervals import Interval
from riskml.training.resample import Folds, cross_validation
from riskml.training.transfer.ladder import Choice, choose
from riskml.training.transfer.problem import Cases, Problem
from riskml.training.transfer.revision import updated
from riskml.training.transfer.rungs import RUNGS

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

FOLDS, REPEATS = 5, 4
# Changes of risk are told from this size on; their quantiles go no further out than a tenth.
MOVED = 0.05
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
# Distances of the smoothed calibration curve cost most of a bootstrap, and level and slope say the same of an update.
_NOT_COMPARED = {"ici", "e50", "e90"}


class Learned(Protocol):
    """What gives a model of its own from some of the rows: a `riskml.training.transfer.refit.Refit`."""

    def learned(self, rows: IntArray) -> PortableModel: ...  # noqa: D102


@dataclass(frozen=True, slots=True, eq=False)
class Updating:
    """What choosing and applying an update takes, for all rows or for some.

    Attributes
    ----------
    parent : PortableModel
    cases : Cases
    problem : Problem
    open_rungs : collection of str
        By the events of the whole cohort, so that every fold climbs the ladder that the child climbed.
    refit : Learned or None
    """

    parent: PortableModel
    cases: Cases
    problem: Problem
    open_rungs: Collection[str]
    refit: Learned | None

    def choice(self, rows: IntArray | None = None) -> Choice:
        """The rung that these rows ask for."""
        return choose(self.problem if rows is None else self.problem.take(rows), self.open_rungs)

    def child(self, choice: Choice, rows: IntArray) -> PortableModel:
        """The model, without draws, that the choice makes of these rows."""
        if choice.update is not None:
            return updated(self.parent, choice.update)
        assert self.refit is not None, "a refit is chosen only where there is one"
        return self.refit.learned(rows)


@dataclass(frozen=True, slots=True)
class Judged:
    """An update on patients it was not made from.

    Attributes
    ----------
    metrics : mapping of name to Interval
        Ranking as the mean over test folds, the rest as the mean over repeats.
    differences : mapping of name to Interval
        After less before, on the same patients and computed in the same way.
    rungs : mapping of str to int
        How many of the folds took each rung.
    plan : mapping
        The resampling in words and its digest; None where there was nothing to estimate.
    """

    metrics: Mapping[str, Interval]
    differences: Mapping[str, Interval]
    rungs: Mapping[str, int]
    plan: Mapping[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "metrics": {name: interval.as_dict() for name, interval in self.metrics.items()},
            "differences": {name: interval.as_dict() for name, interval in self.differences.items()},
            "rungs_in_folds": dict(self.rungs),
            "plan": None if self.plan is None else dict(self.plan),
        }


def judge(updating: Updating, before: Sample, *, seed: int) -> Judged:
    """Cross-validate the whole update, choice of the rung included, and compare it with the parent.

    Parameters
    ----------
    updating : Updating
    before : Sample
        The parent's predictions for the same rows.
    seed : int
        Of the folds and of the bootstrap.

    References
    ----------
    Varma S, Simon R. Bias in error estimation when using cross-validation for model selection. BMC Bioinformatics
    2006;7:91 (what is chosen has to be chosen within the fold).
    """
    folds = cross_validation(before.patient, before.event, folds=FOLDS, repeats=REPEATS, seed=seed)
    taken: Counter[str] = Counter()
    samples = []
    for deal in folds.test_rows:
        blank = np.full(len(before.risk), np.nan)
        curve = None if before.curve is None else np.full_like(before.curve, np.nan)
        own = replace(before, risk=blank, link=blank.copy(), curve=curve)
        for test in deal:
            train = np.setdiff1d(np.arange(len(before.risk)), test)
            choice = updating.choice(train)
            taken[choice.rung] += 1
            _fill(own, updating, updating.child(choice, train), test)
        samples.append(own)
    after = _mean(before, samples)
    points = _points(samples, folds), _points([before] * folds.repeats, folds)
    inflation = folds.folds / (folds.folds - 1)
    names = [name for name in points[0] if name not in _NOT_COMPARED]
    return Judged(
        with_intervals(after, seed=seed, points=points[0], inflation=inflation),
        differences(after, before, names, seed=seed, points=points, inflation=inflation),
        {rung: taken[rung] for rung in RUNGS if taken[rung]},
        folds.as_dict(),
    )


def _fill(sample: Sample, updating: Updating, child: PortableModel, test: IntArray) -> None:
    """Put the child's predictions for the test rows into the sample's arrays."""
    months = sample.months or ((sample.horizon,) if sample.time is not None else ())
    scores = updating.cases.scores(child, months, test)
    sample.risk[test] = 1 - scores[:, -1] if child.kind == "survival" else scores[:, -1]
    sample.link[test] = link_of(child, scores[:, -1], sample.horizon)
    if sample.curve is not None:
        sample.curve[test] = scores


def _mean(before: Sample, samples: Sequence[Sample]) -> Sample:
    def mean(name: str) -> FloatArray:
        return np.asarray(np.mean([getattr(sample, name) for sample in samples], axis=0))

    return replace(before, risk=mean("risk"), link=mean("link"), curve=None if before.curve is None else mean("curve"))


def _points(samples: Sequence[Sample], folds: Folds) -> dict[str, float]:
    """Ranking as the mean over the test folds that allow it, the rest as the mean over repeats."""
    found = {}
    for name, measure in measures_of(samples[0]).items():
        if measure.ranks:
            pairs = zip(samples, folds.test_rows, strict=True)
            values = np.array([measure.of(sample.take(test)) for sample, deal in pairs for test in deal])
        else:
            values = np.array([measure.of(sample) for sample in samples])
        finite = values[np.isfinite(values)]
        found[name] = float(finite.mean()) if finite.size else float("nan")
    return found


def change(before: FloatArray, after: FloatArray) -> dict[str, Any]:
    """How far the risks of a cohort moved, as a summary that shows no patient.

    Parameters
    ----------
    before, after : float arrays of shape (n_rows,)
        Risk by parent and by child.

    Returns
    -------
    dict
        ``quantiles`` of the absolute change; ``threshold``, how many ``rows_moved`` further (1 to 4 are not shown) and
        ``share_moved`` (None where it would tell so few).
    """
    moved = np.abs(after - before)
    many = int((moved > MOVED).sum())
    shown = all(cell == 0 or cell >= SMALLEST_CELL for cell in (many, len(moved) - many))
    return {
        "quantiles": {f"{q:g}": float(f"{np.quantile(moved, q):.4g}") for q in _QUANTILES},
        "threshold": MOVED,
        "rows_moved": counts_of_a_whole([many, len(moved) - many])[0],
        "share_moved": round(many / len(moved), 3) if shown else None,
    }
