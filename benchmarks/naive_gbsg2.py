"""Processor time on GBSG2 (686 rows): the script a user would write, and our default pipeline: both run in turn.

    python -m benchmarks.naive_gbsg2 [--only naive|riskml]

*Naive* is scikit-survival as its guide shows it: Cox ridge, Coxnet, a survival forest and gradient boosting, each tuned
by a 3-fold GridSearchCV inside 5-fold cross-validation; the best is refitted, and shap's model-agnostic
KernelExplainer explains the log risk of 100 rows against 50 background rows. It yields a C without an interval and
one explanation a row.

*riskml* is what ``riskml train`` does with an average of ridge Cox and boosting: 10 x 5-fold cross-validation
of the exported portable model with its own background, measures with intervals, 200 bootstrap refits, prototypes and
their fidelity, importance; then what ``predict`` does for 100 rows: S(t) at three horizons with its interval and the
exact explanation of each. Left out are the file formats: reading a cohort, writing a bundle. Each runs in a process of
its own, on one thread; the target is a third of the naive script's processor seconds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.row import Row
from benchmarks.usage import seconds_used

EXPLAINED = 100
BACKGROUND = 50
TARGET_SHARE = 1 / 3
DAYS_A_MONTH = 30.4375
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def table() -> tuple[pd.DataFrame, Any]:
    """GBSG2 with its three factors as numbers, and the structured outcome with times in months."""
    from sksurv.datasets import load_gbsg2  # noqa: PLC0415 - each side pays for its own imports
    from sksurv.util import Surv  # noqa: PLC0415

    X, y = load_gbsg2()
    numbers = X.assign(
        horTh=X["horTh"].eq("yes"),
        menostat=X["menostat"].eq("Post"),
        tgrade=X["tgrade"].map({"I": 1.0, "II": 2.0, "III": 3.0}),
    ).astype(float)
    return numbers, Surv.from_arrays(y["cens"], y["time"] / DAYS_A_MONTH)


def naive() -> None:
    """What a user would write: a grid over one or two settings of each learner, everything else as the libraries do."""
    import shap  # noqa: PLC0415
    from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score  # noqa: PLC0415
    from sklearn.pipeline import Pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415
    from sksurv.ensemble import GradientBoostingSurvivalAnalysis, RandomSurvivalForest  # noqa: PLC0415
    from sksurv.linear_model import CoxnetSurvivalAnalysis, CoxPHSurvivalAnalysis  # noqa: PLC0415

    warnings.simplefilter("ignore")
    X, y = table()
    candidates: dict[str, tuple[Any, dict[str, list[Any]]]] = {
        "Cox ridge": (CoxPHSurvivalAnalysis(), {"alpha": np.geomspace(0.01, 1000, 10).tolist()}),
        "Coxnet": (
            CoxnetSurvivalAnalysis(),
            {"alphas": [[alpha] for alpha in np.geomspace(0.001, 0.5, 10)], "l1_ratio": [0.5, 0.9, 1.0]},
        ),
        "forest": (
            RandomSurvivalForest(random_state=0),
            {"min_samples_leaf": [5, 15, 30], "max_features": ["sqrt", None]},
        ),
        "boosting": (
            GradientBoostingSurvivalAnalysis(random_state=0),
            {"n_estimators": [100, 200], "max_depth": [1, 2, 3]},
        ),
    }
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y["event"]))
    searches, scores = {}, {}
    for name, (estimator, grid) in candidates.items():
        pipeline = Pipeline([("scale", StandardScaler()), ("model", estimator)])
        searches[name] = GridSearchCV(pipeline, {f"model__{key}": values for key, values in grid.items()}, cv=3)
        start = seconds_used()
        scores[name] = cross_val_score(searches[name], X, y, cv=folds).mean()
        print(f"  {name:<10} nested C {scores[name]:.3f}, {seconds_used() - start:.0f} s", flush=True)
    chosen, start = max(scores, key=lambda name: scores[name]), seconds_used()
    best = searches[chosen].fit(X, y).best_estimator_
    print(
        f"  refitted {chosen}, {seconds_used() - start:.0f} s; without explanations {seconds_used():.0f} s", flush=True
    )
    start = seconds_used()
    # shap tries to take the columns' names off a bound method's owner, which a Pipeline refuses: hence the lambda.
    background = shap.sample(X, BACKGROUND, random_state=0)
    explainer = shap.KernelExplainer(lambda rows: best.predict(rows), background)  # noqa: PLW0108
    effects = explainer.shap_values(X.iloc[:EXPLAINED], silent=True)
    print(f"  explained {len(effects)} rows, {seconds_used() - start:.0f} s", flush=True)


def riskml() -> None:
    """Our default pipeline on the same table."""
    from riskml.runtime.explain_question import explain_question  # noqa: PLC0415
    from riskml.runtime.explain_table import explain_table  # noqa: PLC0415
    from riskml.runtime.questions import ask, at_months, interval  # noqa: PLC0415
    from riskml.training.evaluate import evaluate  # noqa: PLC0415
    from riskml.training.fit import fit_pipeline, portable, training_set  # noqa: PLC0415
    from riskml.training.importance import Rows, importance  # noqa: PLC0415
    from riskml.training.manifest import background_fidelity  # noqa: PLC0415
    from riskml.training.train import bootstrap_members  # noqa: PLC0415

    frame, y = table()
    frame = frame.set_axis(_NAMES[: frame.shape[1]], axis=1)
    recipe, cohort = _recipe(list(frame)), _cohort(frame, y)
    start = seconds_used()
    evaluation = evaluate(recipe, cohort, seed=0)
    print(f"  evaluation {seconds_used() - start:.0f} s: {evaluation.verdict}", flush=True)
    for name, measure in evaluation.metrics.items():
        print(f"    {name} {measure.value:.3f} ({measure.low:.3f} to {measure.high:.3f})")
    start, rows = seconds_used(), training_set(recipe, cohort)
    refits = bootstrap_members(recipe, rows, seed=0)
    print(f"  {len(refits)} refits of {', '.join(part.kind for part in rows.parts)}, {seconds_used() - start:.0f} s")
    start, model = seconds_used(), portable(recipe, rows, fit_pipeline(recipe, rows)[-1].members(), refits)
    found = background_fidelity(rows, model)
    columns, month = {name: rows.frame[name].to_numpy() for name in model.inputs}, recipe.horizon_months
    effects = explain_table(model, columns, len(rows.event), (month,)).effects[:, :, 0]
    ranked = importance(model, Rows(columns, rows.patient, rows.event), effects, month=month, seed=0)
    first = model.inputs[ranked.mean.argmax()]
    print(f"  model, {found['prototypes']} prototypes, first input {first}, {seconds_used() - start:.0f} s", flush=True)
    start = seconds_used()
    for row in frame.iloc[:EXPLAINED].to_dict("records"):
        known = {str(name): float(number) for name, number in row.items()}
        question = at_months(model, recipe.horizons_months)
        interval(question, known, ask(question, known))
        explain_question(question, known)
    print(f"  predicted and explained {EXPLAINED} rows, {seconds_used() - start:.0f} s", flush=True)


# An evaluation looks its inputs up in the dictionary: GBSG2's stand under the names of eight numbers that it has.
_NAMES = ["wbc", "lymphocytes", "cd3", "cd4", "cd8", "nk", "cd19", "bm_blasts", "il6", "igg"]


def _recipe(inputs: list[str]) -> Any:
    """The shipped `efs` recipe with GBSG2's inputs and months, and the average for a learner."""
    import dataclasses  # noqa: PLC0415

    from benchmarks.interval_coverage import combined  # noqa: PLC0415
    from riskml.runtime.model import Feature  # noqa: PLC0415
    from riskml.training.recipe import load_recipe  # noqa: PLC0415

    efs = load_recipe("efs")
    learner = {**efs.learner, "grid_months": [6, 12, 18, 24, 36, 48, 60, 72]}
    changed = dataclasses.replace(
        efs,
        features=tuple(Feature(name, "value", (name,), None) for name in inputs),
        learner=learner,
        horizons_months=(24.0, 36.0, 60.0),
        horizon_months=36.0,
        force_horizon=True,  # as a script would: it does not ask how long patients were followed
    )
    return combined(changed, "average", "ridge_cox", "boosting_cox")


def _cohort(frame: pd.DataFrame, y: Any) -> Any:
    """The table as a cohort; it is not read from a file: the units are not those of the dictionary."""
    from riskml.cohort.cohort import Cohort  # noqa: PLC0415

    columns = frame.assign(efs_time=y["time"], efs_event=np.where(y["event"], "relapse", "none"))
    below = pd.DataFrame(index=columns.index)
    return Cohort(columns, below, np.arange(2, len(columns) + 2), False, "gbsg2", "")


def rows(*, quick: bool = False) -> list[Row]:
    """Both, which takes minutes: nothing where it has to be quick."""
    if quick:
        return []
    used = compare()
    return [
        Row("naive_gbsg2", "GBSG2 evaluated, trained, explained; a plain script", used["riskml"], used["naive"], "s")
    ]


def compare() -> dict[str, float]:
    """Processor seconds of both, each in its own process."""
    used = {}
    for which in ("riskml", "naive"):
        print(f"{which}:", flush=True)
        start = seconds_used()
        command = [sys.executable, "-m", "benchmarks.naive_gbsg2", "--only", which]
        subprocess.run(command, check=True, env=os.environ | _ONE_THREAD)
        used[which] = seconds_used() - start
        print(f"  all with imports: {used[which]:.0f} processor seconds", flush=True)
    return used


def main() -> int:
    """Run both; ends with 1 if ours takes more than a third."""
    parser = argparse.ArgumentParser(description="Processor time on GBSG2: a naive script and riskml.")
    parser.add_argument("--only", choices=("naive", "riskml"))
    options = parser.parse_args()
    if options.only:
        (naive if options.only == "naive" else riskml)()
        return 0
    used = compare()
    share = used["riskml"] / used["naive"]
    print(f"riskml / naive: {share:.2f} (target {TARGET_SHARE:.2f}: {'kept' if share <= TARGET_SHARE else 'MISSED'})")
    return int(share > TARGET_SHARE)


if __name__ == "__main__":
    raise SystemExit(main())
