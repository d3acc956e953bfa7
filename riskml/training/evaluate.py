"""Recipe + Cohort -> Evaluation: honest estimates of the whole pipeline, portable model and missing inputs included.

What is judged is what ships: in every fold the recipe is fitted, exported to a portable model with its own background,
and that model scores the patients it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from riskml.cohort.cohort import Cohort
from riskml.training.calibration import CalibrationCurve, RiskDistribution, calibration_curve, risk_distribution
from riskml.training.fit import TrainingSet, training_set
from riskml.training.follow_up import check_horizon
from riskml.training.judge.parts import groups_of, parts_of
from riskml.training.measures import Sample, comparator, verdict, with_intervals
from riskml.training.metrics.intervals import Interval
from riskml.training.out_of_sample import Bench, estimates, inflation, out_of_fold
from riskml.training.recipe import Recipe
from riskml.training.resample import cross_validation
from riskml.training.tasks import Say, Store


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
        Test folds whose AUC or C could not be computed (one class only): each was pooled with the next of its repeat.
    usable_signal : bool
        Whether the interval of AUC or C lies above 0.5 and predictions beat the comparator's.
    verdict : str
        The same in words.
    parts : mapping of name to plain data
        What else a reviewer asks: see docs/evaluation.md.
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
    parts: Mapping[str, Any] = field(default_factory=dict)

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
            **self.parts,
        }


def evaluate(
    recipe: Recipe,
    cohort: Cohort,
    *,
    seed: int = 0,
    jobs: int = 1,
    progress: Callable[[str], None] | None = None,
    store: Store | None = None,
    by: str | None = None,
    thorough: bool = False,
    curve: bool = False,
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
    by : str, optional
        The variable of internal-external validation; each of its values is left out in turn. The centre if not given.
    thorough : bool
        Also bootstrap validation, a learning curve and a split by date, which take many more fits.
    curve : bool
        Of these the learning curve alone, and only where it takes few more: what a training does.

    Raises
    ------
    DataError, NotEstimableError
        As :func:`riskml.training.fit.training_set`; if the horizon is past the 10th percentile of follow-up and the
        recipe does not force it.

    References
    ----------
    Collins GS et al. Evaluation of clinical prediction models (part 1). BMJ 2024;384:e074819.
    """
    bench = bench_of(recipe, cohort, seed, jobs, progress, store)
    return judge(bench, cohort, by=by, thorough=thorough, curve=curve).evaluation


@dataclass(frozen=True, slots=True)
class Judged:
    """An evaluation with the predictions behind it, for whoever compares models; holds patients, stays in memory."""

    evaluation: Evaluation
    sample: Sample
    points: Mapping[str, float]
    inflation: float


def judge(
    bench: Bench, cohort: Cohort, *, by: str | None = None, thorough: bool = False, curve: bool = False
) -> Judged:
    """What :func:`evaluate` does, once the rows are known; arguments as there."""
    recipe, rows, seed, say = bench.recipe, bench.rows, bench.seed, bench.progress or (lambda _: None)
    groups = groups_of(bench, cohort, by)  # before anything is fitted: a mistyped name should cost seconds
    plan = cross_validation(rows.patient, rows.event, folds=recipe.folds, repeats=recipe.repeats, seed=seed)
    size = f"{rows.n_patients} patients, {rows.n_events} events"
    say(f"{recipe.name}: {plan.repeats} x {plan.folds}-fold cross-validation of {size}")
    guesses = out_of_fold(bench, plan)
    say(f"{recipe.name}: intervals")
    points, pooled_folds = estimates(bench, plan, guesses)
    pooled = guesses.sample(rows, recipe)
    metrics = with_intervals(pooled, seed=seed, points=points, inflation=inflation(plan))
    usable, words = verdict(metrics, rows.n_events)
    horizon = None if rows.time is None else recipe.horizon_months
    evaluation = Evaluation(
        model=recipe.name,
        kind=recipe.kind,
        horizon_months=horizon,
        n_rows=len(rows.event),
        n_patients=rows.n_patients,
        n_events=rows.n_events,
        metrics=metrics,
        comparator=comparator(pooled),
        plan=plan.as_dict(),
        folds_not_estimable=pooled_folds,
        calibration=calibration_curve(pooled.risk, rows.event, rows.time, horizon, rows.cause, rows.entry),
        distribution=risk_distribution(pooled.risk, rows.event, rows.time, horizon, rows.entry),
        usable_signal=usable,
        verdict=words,
        parts=parts_of(bench, cohort, plan, pooled, points, groups, thorough=thorough, curve=curve),
    )
    return Judged(evaluation, pooled, points, inflation(plan))


def bench_of(
    recipe: Recipe,
    cohort: Cohort,
    seed: int = 0,
    jobs: int = 1,
    progress: Say | None = None,
    store: Store | None = None,
) -> Bench:
    """The rows of a recipe, once they are known to allow a judgement; arguments and errors as for :func:`evaluate`."""
    rows = training_set(recipe, cohort)
    check_can_be_judged(recipe, rows)
    return Bench(recipe, rows, seed, jobs, store, progress)


def check_can_be_judged(recipe: Recipe, rows: TrainingSet) -> None:
    """Refuse what an evaluation could not answer, before anything is fitted.

    Raises
    ------
    NotEstimableError
        If the horizon is past the 10th percentile of follow-up and the recipe does not force it.
    """
    if rows.time is not None:
        ended = rows.event if rows.cause is None else rows.cause > 0
        at, forced = recipe.horizon_months, recipe.force_horizon
        check_horizon(recipe.name, at, rows.time, ended, rows.entry, forced=forced)
