"""Fit on the training rows of a split, export, score its test rows with the portable model: what ships is judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.runtime.score import score_table
from riskml.training.fit import TrainingSet, comparator_risk, fit_pipeline, portable
from riskml.training.learners.outside import answers, is_outside
from riskml.training.learners.outside import link as outside_link
from riskml.training.links import link_of
from riskml.training.measures import Measure, Sample, measures_of
from riskml.training.recipe import Recipe
from riskml.training.resample import Folds, Split
from riskml.training.tasks import Say, Store, run_tasks, steps

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
SplitTask = Callable[[Recipe, TrainingSet, IntArray, IntArray], dict[str, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """Predictions for rows that the model had not seen.

    Attributes
    ----------
    rows : int array of shape (n,)
        Of the training set.
    risk, link : float arrays of shape (n,)
        Probability of the event (by the horizon for survival); log-odds, or log-hazard without the baseline.
    reference : float
        The comparator's risk, learned on the same rows as the model.
    curve : float array of shape (n, n_months), or None
        Survival, or cumulative incidence, at ``months_judged``; None for a binary outcome.
    """

    rows: IntArray
    risk: FloatArray
    link: FloatArray
    reference: float
    curve: FloatArray | None


def sample_of(
    rows: TrainingSet,
    recipe: Recipe,
    risk: FloatArray,
    link: FloatArray,
    reference: FloatArray,
    curve: FloatArray | None,
) -> Sample:
    """Predictions for every row of ``rows`` set against what happened; shapes as in `Guess`."""
    shown = (rows.cause, rows.entry, months_judged(recipe, rows), curve)
    return Sample(rows.event, rows.time, risk, link, reference, rows.patient, recipe.horizon_months, *shown)


def months_judged(recipe: Recipe, rows: TrainingSet) -> tuple[float, ...]:
    """Months at which curves are kept for errors over time: the grid up to the horizon, with the horizon; or none."""
    if rows.time is None:
        return ()
    return (*(month for month in rows.grid if month < recipe.horizon_months), recipe.horizon_months)


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """A recipe and its rows, with how the work is to be done: what every part of an evaluation needs.

    Attributes
    ----------
    recipe : Recipe
    rows : TrainingSet
    seed : int
    jobs : int
        Worker processes; results do not depend on it.
    store : Store, optional
        Keeps splits as they finish; those it has are not fitted again.
    progress : callable, optional
        Told in words what is being done; see :func:`riskml.training.tasks.steps`.
    """

    recipe: Recipe
    rows: TrainingSet
    seed: int = 0
    jobs: int = 1
    store: Store | None = None
    progress: Say | None = None

    def score(self, splits: Mapping[str, Split], label: str) -> list[Guess]:
        """Fit on each split's training rows and score its test rows with the exported model, in order.

        Parameters
        ----------
        splits : mapping of name to Split
        label : str
            One word, different for each plan: it names the tasks in the store.
        """
        results = self.run(score_split, splits, label)
        return [guess_of(split.test, found) for split, found in zip(splits.values(), results, strict=True)]

    def run(self, function: SplitTask, splits: Mapping[str, Split], label: str) -> list[dict[str, Any]]:
        """JSON data of ``function(recipe, rows, train, test)`` for each split, in order; arguments as for `score`."""
        tasks = {f"{label}-{n}": (self.recipe, self.rows, s.train, s.test) for n, s in enumerate(splits.values())}
        counted = steps(self.progress, f"{self.recipe.name}: {label.replace('_', ' ')}")
        return run_tasks(function, tasks, jobs=self.jobs, store=self.store, progress=counted)

    def sample(self, guess: Guess) -> Sample:
        """A split's predictions set against what happened."""
        reference = np.full(len(guess.rows), guess.reference)
        return sample_of(self.rows.take(guess.rows), self.recipe, guess.risk, guess.link, reference, guess.curve)


def guess_of(test: IntArray, found: Mapping[str, Any]) -> Guess:
    """What `score_split` found for the rows ``test``, as arrays."""
    risk, link = (np.array(found[name], dtype=float) for name in ("risk", "link"))
    curve = None if found["curve"] is None else np.array(found["curve"], dtype=float).reshape(len(test), -1)
    return Guess(test, risk, link, found["reference"], curve)


def score_split(recipe: Recipe, rows: TrainingSet, train: IntArray, test: IntArray) -> dict[str, Any]:
    """Risk, link, curve and the comparator's risk of the test rows, as JSON data; see `Guess`."""
    learned, months = rows.take(train), months_judged(recipe, rows)
    pipeline, times = fit_pipeline(recipe, learned), months or (recipe.horizon_months,)
    reference = comparator_risk(learned, recipe.horizon_months)
    if is_outside(recipe.learner):  # what is judged is the estimator itself: nothing portable ships
        estimator, design = pipeline[-1].estimators_[0], pipeline[:-1].transform(rows.frame.iloc[test])
        scores = np.column_stack([answers(estimator, design, t if months else None) for t in times])
        link = outside_link(scores[:, -1], reference, survival=recipe.kind == "survival")
    else:
        model = portable(recipe, learned, pipeline[-1].members())
        columns = {name: rows.frame[name].to_numpy()[test] for name in recipe.inputs}
        scores = score_table(model, columns, len(test), times)
        link = link_of(model, scores[:, -1], recipe.horizon_months)
    survival = recipe.kind == "survival"
    return {
        "risk": (1 - scores[:, -1] if survival else scores[:, -1]).tolist(),
        "link": link.tolist(),
        "reference": 1 - reference if survival else reference,
        "curve": scores.tolist() if months else None,
    }


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Predictions of repeated cross-validation; ``risk``, ``link``, ``reference`` of shape (repeats, n_rows).

    ``curve`` has a last axis of months, or is None for a binary outcome; the rest as in `Guess`.
    """

    risk: FloatArray
    link: FloatArray
    reference: FloatArray
    curve: FloatArray | None

    def sample(self, rows: TrainingSet, recipe: Recipe, repeat: int | None = None) -> Sample:
        """The predictions of one repeat, or their means over repeats, set against what happened."""
        kept = (self.risk, self.link, self.reference)
        risk, link, reference = (a.mean(axis=0) if repeat is None else a[repeat] for a in kept)
        curve = self.curve
        if curve is not None:
            curve = curve.mean(axis=0) if repeat is None else curve[repeat]
        return sample_of(rows, recipe, risk, link, reference, curve)


def out_of_fold(bench: Bench, folds: Folds, label: str = "cross-validation") -> OutOfFold:
    """Every row scored, in each repeat, by the model that was not shown its fold."""
    recipe, rows = bench.recipe, bench.rows
    shape, months = (folds.repeats, len(rows.event)), len(months_judged(recipe, rows))
    risk, link, reference = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    curve = np.full((*shape, months), np.nan) if months else None
    for number, guess in enumerate(bench.score(folds.splits, label)):
        place = (number // folds.folds, guess.rows)
        risk[place], link[place], reference[place] = guess.risk, guess.link, guess.reference
        if curve is not None:
            curve[place] = guess.curve
    return OutOfFold(risk, link, reference, curve)


def inflation(plan: Folds) -> float:
    """Factor on the variance of cross-validated discrimination; see `metrics.intervals.auc_interval`."""
    return plan.folds / (plan.folds - 1)


def estimates(bench: Bench, plan: Folds, guesses: OutOfFold) -> tuple[dict[str, float], int]:
    """Estimates: discrimination as the mean over test folds, the rest as means over repeats.

    A test fold that allows no ranking, because it holds one class only, is pooled with the next of its repeat, so that
    nobody is dropped.

    Returns
    -------
    points : dict of name to float
    pooled : int
        Test folds in which discrimination could not be computed.
    """
    samples = [guesses.sample(bench.rows, bench.recipe, repeat) for repeat in range(plan.repeats)]
    points, pooled = {}, []
    for name, measure in measures_of(samples[0]).items():
        if measure.ranks:
            found = [_over_folds(s, deal, measure) for s, deal in zip(samples, plan.test_rows, strict=True)]
            values = np.concatenate([values for values, _ in found])
            pooled.append(sum(count for _, count in found))
        else:
            values = np.array([measure.of(sample) for sample in samples])
        points[name] = float(values.mean()) if values.size else math.nan
    return points, pooled[0]


def _over_folds(sample: Sample, deal: Sequence[IntArray], measure: Measure) -> tuple[FloatArray, int]:
    """A measure of ranking in each fold that allows it, others pooled with the next; and how many those are."""
    values, groups, waiting, count = [], [], np.empty(0, np.intp), 0
    for test in deal:
        alone = measure.of(sample.take(test))
        count += not math.isfinite(alone)
        waiting = np.concatenate([waiting, test])
        value = alone if len(waiting) == len(test) else measure.of(sample.take(waiting))
        if math.isfinite(value):
            values.append(value)
            groups.append(waiting)
            waiting = np.empty(0, np.intp)
    if waiting.size and groups:  # the last folds have no next one
        values[-1] = measure.of(sample.take(np.concatenate([groups[-1], waiting])))
    return np.array(values), count
