"""Recipe + Cohort -> Evaluation: honest estimates of the whole pipeline, portable model and missing inputs included.

What is judged is what ships: in every fold the recipe is fitted, exported to a portable model with its own background,
and that model scores the patients it has not seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.runtime.score import score_table
from riskml.training.calibration import CalibrationCurve, RiskDistribution, calibration_curve, risk_distribution
from riskml.training.fit import (
    TrainingSet,
    check_judged,
    comparator_risk,
    fit_pipeline,
    portable,
    training_set,
)
from riskml.training.learners.outside import answers, is_outside
from riskml.training.learners.outside import link as outside_link
from riskml.training.links import link_of
from riskml.training.measures import Sample, comparator, measures_of, verdict, with_intervals
from riskml.training.metrics.intervals import Interval
from riskml.training.recipe import Recipe
from riskml.training.resample import Plan, cross_validation
from riskml.training.tasks import Steps, Store, run_tasks, steps

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Honest performance of a recipe on a cohort.

    Attributes
    ----------
    metrics : mapping of name to Interval
        ``auc`` or ``c_index``; ``brier``, ``scaled_brier`` or ``ipa``; ``calibration_slope``; ``observed_expected``.
    comparator : mapping
        Name and Brier score of what one would say without a model.
    plan : mapping
        The resampling in words and its digest.
    folds_not_estimable : int
        Test folds whose AUC or C could not be computed (one class only); the mean is over the others.
    usable_signal : bool
        Whether the interval of AUC or C lies above 0.5 and predictions beat the comparator's.
    verdict : str
        The same in words.
    """

    model: str
    kind: str
    horizon_months: float | None
    n_rows: int
    n_patients: int
    n_events: int
    metrics: Mapping[str, Interval]
    comparator: Mapping[str, Any]
    plan: Mapping[str, Any]
    folds_not_estimable: int
    calibration: CalibrationCurve
    distribution: RiskDistribution
    usable_signal: bool
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the manifest, ``evaluation.json`` and the report; holds no patient."""
        return {
            "model": self.model,
            "kind": self.kind,
            "horizon_months": self.horizon_months,
            "n_rows": self.n_rows,
            "n_patients": self.n_patients,
            "n_events": self.n_events,
            "metrics": {name: interval.as_dict() for name, interval in self.metrics.items()},
            "comparator": dict(self.comparator),
            "plan": dict(self.plan),
            "folds_not_estimable": self.folds_not_estimable,
            "calibration": self.calibration.as_dict(),
            "distribution": self.distribution.as_dict(),
            "usable_signal": self.usable_signal,
            "verdict": self.verdict,
        }


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Predictions for patients the model had not seen, each of shape (repeats, n_rows).

    ``risk`` is the probability of the event (by the horizon for survival), ``link`` the log-odds or log-hazard,
    ``reference`` the comparator's risk learned on the same training folds.
    """

    risk: FloatArray
    link: FloatArray
    reference: FloatArray

    def sample(self, rows: TrainingSet, repeat: int | None, horizon_months: float) -> Sample:
        """The predictions of one repeat, or their means over repeats, set against what happened."""
        risk, link, reference = (
            a.mean(axis=0) if repeat is None else a[repeat] for a in (self.risk, self.link, self.reference)
        )
        return Sample(
            rows.event, rows.time, risk, link, reference, rows.patient, horizon_months, rows.cause, rows.entry
        )


def evaluate(
    recipe: Recipe,
    cohort: Cohort,
    *,
    seed: int = 0,
    jobs: int = 1,
    progress: Callable[[str], None] | None = None,
    store: Store | None = None,
) -> Evaluation:
    """Repeated cross-validation of the whole pipeline, grouped by patient and stratified by outcome.

    Parameters
    ----------
    recipe : Recipe
    cohort : Cohort
    seed : int
        Fixes folds and bootstraps; results do not depend on ``jobs``.
    jobs : int
        Worker processes.
    progress : callable, optional
        Told in words what is being done; see :func:`riskml.training.tasks.steps`.
    store : Store, optional
        Keeps folds as they finish; those it has are not fitted again.

    Raises
    ------
    DataError, NotEstimableError
        As :func:`riskml.training.fit.training_set`; and if there are both entry times and several causes.

    References
    ----------
    Collins GS et al. Evaluation of clinical prediction models (part 1). BMJ 2024;384:e074819.
    """
    say = progress or (lambda _: None)
    rows = training_set(recipe, cohort)
    check_judged(recipe.name, rows.entry, rows.cause)
    plan = cross_validation(rows.patient, rows.event, folds=recipe.folds, repeats=recipe.repeats, seed=seed)
    size = f"{rows.n_patients} patients, {rows.n_events} events"
    say(f"{recipe.name}: {plan.repeats} x {plan.folds}-fold cross-validation of {size}")
    label = f"{recipe.name}: cross-validation"
    guesses = out_of_fold(recipe, rows, plan, jobs, store=store, progress=steps(progress, label))
    say(f"{recipe.name}: intervals")
    samples = [guesses.sample(rows, repeat, recipe.horizon_months) for repeat in range(plan.repeats)]
    points, skipped = _points(samples, plan)
    pooled = guesses.sample(rows, None, recipe.horizon_months)
    metrics = with_intervals(pooled, seed=seed, points=points, inflation=plan.folds / (plan.folds - 1))
    usable, words = verdict(metrics, rows.n_events)
    horizon = None if rows.time is None else recipe.horizon_months
    return Evaluation(
        model=recipe.name,
        kind=recipe.kind,
        horizon_months=horizon,
        n_rows=len(rows.event),
        n_patients=rows.n_patients,
        n_events=rows.n_events,
        metrics=metrics,
        comparator=comparator(pooled),
        plan=plan.as_dict(),
        folds_not_estimable=skipped,
        calibration=calibration_curve(pooled.risk, rows.event, rows.time, horizon, rows.cause, rows.entry),
        distribution=risk_distribution(pooled.risk, rows.event, rows.time, horizon, rows.entry),
        usable_signal=usable,
        verdict=words,
    )


def out_of_fold(
    recipe: Recipe,
    rows: TrainingSet,
    plan: Plan,
    jobs: int = 1,
    *,
    store: Store | None = None,
    progress: Steps | None = None,
) -> OutOfFold:
    """Fit on each training fold and score its test fold with the exported portable model."""
    folds = [(repeat, fold) for repeat in range(plan.repeats) for fold in range(plan.folds)]
    tasks = {f"fold-{r}-{f}": (recipe, rows, plan.test_rows[r][f]) for r, f in folds}
    results = run_tasks(_one_fold, tasks, jobs=jobs, store=store, progress=progress)
    shape = (plan.repeats, len(rows.event))
    risk, link, reference = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    for (repeat, fold), (own_risk, own_link, own_reference) in zip(folds, results, strict=True):
        test = plan.test_rows[repeat][fold]
        risk[repeat, test], link[repeat, test], reference[repeat, test] = own_risk, own_link, own_reference
    return OutOfFold(risk, link, reference)


def _one_fold(recipe: Recipe, rows: TrainingSet, test: NDArray[np.intp]) -> tuple[list[float], list[float], float]:
    """Risk and link of each test row, and the comparator's risk."""
    train = rows.take(np.setdiff1d(np.arange(len(rows.event)), test))
    pipeline, horizon = fit_pipeline(recipe, train), recipe.horizon_months
    reference, survival = comparator_risk(train, horizon), recipe.kind == "survival"
    if is_outside(recipe.learner):  # what is judged is the estimator itself: nothing portable ships
        design = pipeline[:-1].transform(rows.frame.iloc[test])
        scores = answers(pipeline[-1].estimators_[0], design, horizon if survival else None)
        link = outside_link(scores, reference, survival=survival)
    else:
        model = portable(recipe, train, pipeline[-1].members())
        columns = {name: rows.frame[name].to_numpy()[test] for name in recipe.inputs}
        scores = score_table(model, columns, len(test), (horizon,))[:, 0]
        link = link_of(model, scores, horizon)
    if survival:
        return (1 - scores).tolist(), link.tolist(), 1 - reference
    return scores.tolist(), link.tolist(), reference


def _points(samples: Sequence[Sample], plan: Plan) -> tuple[dict[str, float], int]:
    """Estimates: discrimination as the mean over test folds that allow it, the rest as means over repeats.

    Returns
    -------
    points : dict of name to float
    skipped : int
        Test folds in which discrimination cannot be computed, because they hold one class only.
    """
    measures = measures_of(samples[0])
    points, skipped = {}, []
    for name, measure in measures.items():
        parts = samples
        if measure.ranks:
            parts = [s.take(test) for s, deal in zip(samples, plan.test_rows, strict=True) for test in deal]
        values = np.array([measure.of(part) for part in parts])
        finite = values[np.isfinite(values)] if measure.ranks else values
        points[name] = float(finite.mean()) if finite.size else math.nan
        skipped.append(values.size - finite.size)
    return points, skipped[0]
