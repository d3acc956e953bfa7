"""Do the intervals of an evaluation hold the true performance? `python -m benchmarks.evaluation_coverage`.

Cohorts of 60, 100 and 200 evaluable patients are drawn from the generating truth, every event independently, and each
is evaluated as `riskml evaluate --quick` does: 10 x 5-fold cross-validation of the whole pipeline, fold means,
intervals. The truth of each is what the model fitted to that cohort does in thousands of other patients of the same
kind. Prints, by size and measure, the mean true value, the bias of the estimate with its Monte-Carlo standard error,
and how often the interval of nominal 95 % holds the truth. Cohorts with too few events are counted, and not judged.

    python -m benchmarks.evaluation_coverage [simulations] [--model NAME] [--learner KIND] [--sizes 60 100 200]

``--learner`` puts one learner, such as ridge_logistic, in place of the recipe's: a forest takes most of the time.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from benchmarks.interval_coverage import simulated
from riskml.errors import NotEstimableError
from riskml.training import measures
from riskml.training.evaluate import bench_of
from riskml.training.fit import TrainingSet, training_set
from riskml.training.measures import LEVEL, measures_of, with_intervals
from riskml.training.out_of_sample import Bench, estimates, inflation, out_of_fold
from riskml.training.recipe import Recipe, load_recipe
from riskml.training.resample import Split, cross_validation

# Bootstrap samples for each interval: fewer than a user gets, for the time; the ends differ by a percent of the width.
N_BOOT = 400
TESTED = 8000
# Of a measure: the true value, the estimate, and the ends of its interval.
Found = Mapping[str, tuple[float, float, float, float]]


def joined(first: TrainingSet, second: TrainingSet) -> TrainingSet:
    """The rows of two cohorts, patients of the second with codes of their own."""
    event = np.concatenate([first.event, second.event])
    time = None
    if first.time is not None and second.time is not None:
        time = np.concatenate([first.time, second.time])
    patient = np.concatenate([first.patient, second.patient + first.patient.max() + 1])
    frame = pd.concat([first.frame, second.frame], ignore_index=True)
    return dataclasses.replace(first, frame=frame, event=event, time=time, patient=patient, rows=first.rows[:0])


def recipe_of(name: str, learner: str | None) -> Recipe:
    """The recipe, perhaps with another learner, judged at its horizon whatever the follow-up."""
    recipe = dataclasses.replace(load_recipe(name), force_horizon=True)
    return recipe if learner is None else dataclasses.replace(recipe, learner={"kind": learner})


def one_cohort(recipe: Recipe, size: int, seed: int, tested: TrainingSet) -> Found | None:
    """Truth, estimate and interval of each measure in one cohort; None where it cannot be estimated."""
    measures.N_BOOT = N_BOOT
    try:
        rows = drawn(recipe, size, seed)
    except NotEstimableError:
        return None
    bench = Bench(recipe, rows, seed)
    plan = cross_validation(rows.patient, rows.event, folds=recipe.folds, repeats=recipe.repeats, seed=seed)
    guesses = out_of_fold(bench, plan)
    points, _ = estimates(bench, plan, guesses)
    pooled = guesses.sample(rows, recipe)
    found = with_intervals(pooled, seed=seed, points=points, inflation=inflation(plan))
    both = Bench(recipe, joined(rows, tested), seed)
    n = len(rows.event)
    split = Split(np.arange(n), np.arange(n, n + len(tested.event)))
    true = both.sample(both.score({"new": split}, "new")[0])
    return {
        key: (measure.of(true), found[key].value, found[key].low, found[key].high)
        for key, measure in measures_of(true).items()
    }


def drawn(recipe: Recipe, size: int, seed: int) -> TrainingSet:
    """The first ``size`` evaluable patients of a simulated cohort."""
    rows = bench_of(recipe, simulated(max(60, round(2.6 * size)), seed, fixed_totals=False)).rows
    kept = rows.take(np.flatnonzero(np.isin(rows.patient, np.unique(rows.patient)[:size])))
    if min(kept.event.sum(), (~kept.event).sum()) < 5:
        raise NotEstimableError("too few events")
    return kept


def show(size: int, found: list[Found], skipped: int) -> None:
    """Print one table."""
    print(f"{size} patients, {len(found)} cohorts ({skipped} with too few events)")
    print(f"  {'measure':<22}{'truth':>8}{'bias':>9}{'(SE)':>9}{'covered':>9}{'below':>7}{'above':>7}{'width':>8}")
    for key in found[0]:
        table = np.array([one[key] for one in found])
        truth, value, low, high = table[np.isfinite(table).all(axis=1)].T
        error, inside = value - truth, (low <= truth) & (truth <= high)
        print(
            f"  {key:<22}{truth.mean():>8.3f}{error.mean():>+9.3f}{error.std() / np.sqrt(len(error)):>9.3f}"
            f"{inside.mean():>9.3f}{np.mean(high < truth):>7.3f}{np.mean(low > truth):>7.3f}"
            f"{np.mean(high - low):>8.3f}",
            flush=True,
        )


def main() -> int:
    """Print one table for each size."""
    parser = argparse.ArgumentParser(description=f"Coverage of {LEVEL:.0%} intervals of an evaluation.")
    parser.add_argument("simulations", type=int, nargs="?", default=300)
    parser.add_argument("--model", default="non_response")
    parser.add_argument("--learner")
    parser.add_argument("--sizes", type=int, nargs="+", default=[60, 100, 200])
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    recipe = recipe_of(options.model, options.learner)
    tested = training_set(recipe, simulated(TESTED, 2**31, fixed_totals=False))
    for size in options.sizes:
        tasks = (delayed(one_cohort)(recipe, size, seed, tested) for seed in range(options.simulations))
        results = Parallel(n_jobs=options.jobs)(tasks)
        found = [one for one in results if one is not None]
        show(size, found, len(results) - len(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
