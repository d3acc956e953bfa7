"""Seconds that a whole evaluation takes: `python -m benchmarks.evaluation_time [--jobs 2]`.

Each shipped recipe that the embedded cohort can train, as `riskml evaluate` judges it: 10 x 5-fold cross-validation,
leave one centre out, 200 bootstraps of the whole pipeline, learning curve, every measure with its interval, subgroups,
net benefit. Beside it, in the same run, what a user would write for the measures alone: scikit-learn's 10 x 5-fold
cross-validation of a logistic regression tuned by grid search, with 200 bootstraps of it for the optimism of the AUC.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.row import Row
from riskml.cohort.cohort import read_cohort
from riskml.resources import folder
from riskml.training.evaluate import evaluate
from riskml.training.fit import training_set
from riskml.training.recipe import load_recipe
from riskml.training.transform import DesignMatrix

MODELS = ("non_response", "icans", "efs")


def by_hand(jobs: int) -> float:
    """Seconds of the plain script for non-response."""
    recipe = load_recipe("non_response")
    rows = training_set(recipe, read_cohort(folder("features") / "synthetic" / "cohort.csv"))
    X, y = DesignMatrix(recipe.features).fit_transform(rows.frame), rows.event.astype(int)
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=1000))
    search = GridSearchCV(pipeline, {"logisticregression__C": np.logspace(-3, 2, 10)}, scoring="neg_log_loss", cv=5)
    started = time.perf_counter()
    splits = RepeatedStratifiedKFold(n_splits=5, n_repeats=10, random_state=0)
    cross_validate(search, X, y, cv=splits, scoring=["roc_auc", "neg_brier_score", "neg_log_loss"], n_jobs=jobs)
    rng = np.random.default_rng(0)
    for _ in range(200):
        drawn = np.concatenate([rng.choice(np.flatnonzero(y == k), (y == k).sum()) for k in (0, 1)])
        fitted = search.fit(X[drawn], y[drawn])
        roc_auc_score(y, fitted.predict_proba(X)[:, 1])
    return time.perf_counter() - started


def rows(*, quick: bool = False) -> list[Row]:
    """Whole evaluations on two workers, that of non-response beside the script; quick ones where it has to be quick."""
    cohort, found = read_cohort(folder("features") / "synthetic" / "cohort.csv"), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = None if quick else by_hand(2)
    for name in MODELS[:1] if quick else MODELS:
        started = time.perf_counter()
        evaluate(load_recipe(name), cohort, jobs=2, thorough=not quick)
        taken, kind = time.perf_counter() - started, "quick" if quick else "whole"
        beside = None if name != MODELS[0] else script
        what = f"{kind} evaluation of {name}" + ("; AUC, Brier and log-loss by scikit-learn" if beside else "")
        found.append(Row("evaluation_time", what, taken, beside, "s"))
    return found


def main() -> int:
    """Print the seconds of each."""
    parser = argparse.ArgumentParser(description="Seconds of a whole evaluation.")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    cohort = read_cohort(folder("features") / "synthetic" / "cohort.csv")
    for name in MODELS:
        for thorough in (False, True):
            started = time.perf_counter()
            evaluate(load_recipe(name), cohort, jobs=options.jobs, thorough=thorough)
            what = "whole" if thorough else "quick"
            print(f"{name:<14} {what} {time.perf_counter() - started:6.1f} s", flush=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        print(f"scikit-learn, AUC, Brier score and log-loss of non_response alone {by_hand(options.jobs):6.1f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
