"""Recipe + Cohort -> Evaluation: honest estimates of the whole pipeline, portable model and missing inputs included.

What is judged is what ships: in every fold the recipe is fitted, exported to a portable model with its own background,
and that model scores the patients it has not seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.runtime.score import score_table
from riskml.training.calibration import CalibrationCurve, RiskDistribution, calibration_curve, risk_distribution
from riskml.training.fit import TrainingSet, comparator_risk, fit_pipeline, member_of, portable, training_set
from riskml.training.metrics import binary, survival
from riskml.training.metrics.intervals import Interval, auc_interval, bootstrap_interval
from riskml.training.recipe import Recipe
from riskml.training.resample import Plan, cross_validation

FloatArray = NDArray[np.float64]
LEVEL = 0.95
N_BOOT = 1000


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


def evaluate(
    recipe: Recipe, cohort: Cohort, *, seed: int = 0, jobs: int = 1, progress: Callable[[str], None] | None = None
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
        Told in words what is being done.

    Raises
    ------
    DataError, NotEstimableError
        As :func:`riskml.training.fit.training_set`.

    References
    ----------
    Collins GS et al. Evaluation of clinical prediction models (part 1). BMJ 2024;384:e074819.
    """
    say = progress or (lambda _: None)
    rows = training_set(recipe, cohort)
    plan = cross_validation(rows.patient, rows.event, folds=recipe.folds, repeats=recipe.repeats, seed=seed)
    size = f"{rows.n_patients} patients, {rows.n_events} events"
    say(f"{recipe.name}: {plan.repeats} x {plan.folds}-fold cross-validation of {size}")
    guesses = out_of_fold(recipe, rows, plan, jobs)
    say(f"{recipe.name}: intervals")
    judge = _binary_metrics if rows.time is None else _survival_metrics
    metrics, skipped = judge(recipe.horizon_months, rows, plan, guesses, seed)
    usable, verdict = _verdict(metrics, rows)
    mean_risk = guesses.risk.mean(axis=0)
    horizon = None if rows.time is None else recipe.horizon_months
    return Evaluation(
        model=recipe.name,
        kind=recipe.kind,
        horizon_months=horizon,
        n_rows=len(rows.event),
        n_patients=rows.n_patients,
        n_events=rows.n_events,
        metrics=metrics,
        comparator=_comparator(recipe, rows, guesses),
        plan=plan.as_dict(),
        folds_not_estimable=skipped,
        calibration=calibration_curve(mean_risk, rows.event, rows.time, horizon),
        distribution=risk_distribution(mean_risk, rows.event, rows.time, horizon),
        usable_signal=usable,
        verdict=verdict,
    )


def out_of_fold(recipe: Recipe, rows: TrainingSet, plan: Plan, jobs: int = 1) -> OutOfFold:
    """Fit on each training fold and score its test fold with the exported portable model."""
    tasks = [(repeat, fold) for repeat in range(plan.repeats) for fold in range(plan.folds)]
    results = Parallel(n_jobs=jobs)(delayed(_one_fold)(recipe, rows, plan.test_rows[r][f]) for r, f in tasks)
    shape = (plan.repeats, len(rows.event))
    risk, link, reference = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    for (repeat, fold), (own_risk, own_link, own_reference) in zip(tasks, results, strict=True):
        test = plan.test_rows[repeat][fold]
        risk[repeat, test], link[repeat, test], reference[repeat, test] = own_risk, own_link, own_reference
    return OutOfFold(risk, link, reference)


def _one_fold(recipe: Recipe, rows: TrainingSet, test: NDArray[np.intp]) -> tuple[FloatArray, FloatArray, float]:
    train = rows.take(np.setdiff1d(np.arange(len(rows.event)), test))
    member = member_of(recipe, fit_pipeline(recipe, train))
    model = portable(recipe, train, member)
    columns = {name: rows.frame[name].to_numpy()[test] for name in recipe.inputs}
    horizon = recipe.horizon_months
    scores = score_table(model, columns, len(test), (horizon,))[:, 0]
    reference = comparator_risk(train, horizon)
    if member.baseline is None:
        return scores, np.log(scores / (1 - scores)), reference
    # Each fold has its own baseline; on the log-hazard scale, without it, folds can be pooled.
    link = np.log(-np.log(scores)) - math.log(member.baseline.at(horizon))
    return 1 - scores, link, 1 - reference


def _fold_mean(measure: Callable[[int, NDArray[np.intp]], float], plan: Plan) -> tuple[float, int]:
    """Mean of a measure over all test folds that allow it, and how many do not."""
    values = np.array([measure(repeat, test) for repeat, deal in enumerate(plan.test_rows) for test in deal])
    finite = np.isfinite(values)
    return (float(values[finite].mean()) if finite.any() else math.nan), int((~finite).sum())


def _resampled(
    measure: Callable[..., float],
    rows: TrainingSet,
    arrays: list[Any],
    value: float,
    seed: int,
    bounds: tuple[float, float],
) -> Interval:
    """Patient bootstrap of a measure of row-wise arrays; not stratified by outcome, which would make it too narrow."""
    return bootstrap_interval(
        lambda index: measure(*(array[index] for array in arrays)),
        rows.patient,
        n_boot=N_BOOT,
        level=LEVEL,
        seed=seed,
        value=value,
        bounds=bounds,
    )


def _binary_metrics(
    _horizon: float, rows: TrainingSet, plan: Plan, guesses: OutOfFold, seed: int
) -> tuple[dict[str, Interval], int]:
    event, risk, reference = rows.event, guesses.risk.mean(axis=0), guesses.reference.mean(axis=0)
    auc, skipped = _fold_mean(lambda r, test: binary.auc(event[test], guesses.risk[r, test]), plan)

    def over_repeats(measure: Callable[[Any, Any, Any], float]) -> float:
        return float(np.mean([measure(event, guesses.risk[r], guesses.reference[r]) for r in range(plan.repeats)]))

    positive = (0.0, math.inf)
    measures: dict[str, tuple[Callable[[Any, Any, Any], float], tuple[float, float]]] = {
        "brier": (lambda e, p, _: binary.brier(e, p), (0.0, 1.0)),
        "scaled_brier": (binary.scaled_brier, (-math.inf, 1.0)),
        "calibration_slope": (lambda e, p, _: binary.calibration_line(e, p).slope, (-math.inf, math.inf)),
        "observed_expected": (lambda e, p, _: binary.observed_expected(e, p), positive),
    }
    metrics = {"auc": auc_interval(event, risk, LEVEL, value=auc)}
    for name, (measure, bounds) in measures.items():
        metrics[name] = _resampled(measure, rows, [event, risk, reference], over_repeats(measure), seed, bounds)
    return metrics, skipped


def _survival_metrics(
    horizon: float, rows: TrainingSet, plan: Plan, guesses: OutOfFold, seed: int
) -> tuple[dict[str, Interval], int]:
    assert rows.time is not None
    time, event = rows.time, rows.event
    risk, link, reference = guesses.risk.mean(axis=0), guesses.link.mean(axis=0), guesses.reference.mean(axis=0)
    c, skipped = _fold_mean(lambda r, test: survival.harrell_c(time[test], event[test], guesses.link[r, test]), plan)

    def over_repeats(measure: Callable[..., float]) -> float:
        return float(
            np.mean(
                [
                    measure(time, event, guesses.risk[r], guesses.link[r], guesses.reference[r])
                    for r in range(plan.repeats)
                ]
            )
        )

    measures: dict[str, tuple[Callable[..., float], tuple[float, float]]] = {
        "c_index": (lambda t, e, _p, lp, _q: survival.harrell_c(t, e, lp), (0.0, 1.0)),
        "brier": (lambda t, e, p, _lp, _q: survival.ipcw_brier(t, e, 1 - p, horizon), (0.0, 1.0)),
        "ipa": (lambda t, e, p, _lp, q: survival.ipa(t, e, 1 - p, horizon, reference=1 - q), (-math.inf, 1.0)),
        "calibration_slope": (lambda t, e, _p, lp, _q: survival.calibration_slope(t, e, lp), (-math.inf, math.inf)),
        "observed_expected": (
            lambda t, e, p, _lp, _q: survival.observed_expected_at(t, e, 1 - p, horizon),
            (0.0, math.inf),
        ),
    }
    metrics = {}
    for name, (measure, bounds) in measures.items():
        point = c if name == "c_index" else over_repeats(measure)
        metrics[name] = _resampled(measure, rows, [time, event, risk, link, reference], point, seed, bounds)
    return metrics, skipped


def _comparator(recipe: Recipe, rows: TrainingSet, guesses: OutOfFold) -> dict[str, Any]:
    reference = guesses.reference.mean(axis=0)
    if rows.time is None:
        score = binary.brier(rows.event, reference)
        return {"name": "prevalence", "value": comparator_risk(rows, 0.0), "brier": score, "auc": 0.5}
    horizon = recipe.horizon_months
    score = survival.ipcw_brier(rows.time, rows.event, 1 - reference, horizon)
    return {"name": "Kaplan-Meier", "value": comparator_risk(rows, horizon), "brier": score, "c_index": 0.5}


def _verdict(metrics: Mapping[str, Interval], rows: TrainingSet) -> tuple[bool, str]:
    """Whether the model was shown to say more than the comparator, and in which words."""
    name, gain = ("auc", "scaled_brier") if rows.time is None else ("c_index", "ipa")
    label = "AUC" if name == "auc" else "C"
    ranks, better = metrics[name], metrics[gain].value
    shown = f"{label} {ranks.value:.2f} ({ranks.low:.2f} to {ranks.high:.2f})"
    if not math.isfinite(ranks.low):
        return False, f"discrimination is not estimable from {rows.n_events} events"
    if ranks.low <= 0.5:
        return False, f"{shown}: ranking by chance is not ruled out"
    if not better > 0:
        return False, f"{shown}, but predictions are no closer to what happened than the comparator's"
    return True, f"{shown}; squared error {100 * better:.0f} % below the comparator's"
