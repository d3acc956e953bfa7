"""Our learners beside scikit-learn, scikit-survival, XGBoost and lifelines on public cohorts, on identical folds.

    python -m benchmarks.public_cohorts [--repeats 5] [--only gbsg2,whas500]

Prints, for every cohort and model, discrimination (AUC or Harrell's C) and loss (log-loss, or the integrated Brier
score with inverse censoring weights over the 10th to 80th percentile of the event times), each as the mean over test
folds, and the difference of the loss to our ridge with its standard error (corrected for overlapping training sets:
Nadeau C, Bengio Y. Mach Learn 2003;52:239-281). lifelines pins an older pandas, so it runs in an
environment of its own: LIFELINES_PYTHON=path/to/python; without that it is left out, and the table says so.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn import datasets as sklearn_datasets
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold
from sksurv import datasets as sksurv_datasets
from sksurv.metrics import concordance_index_censored, integrated_brier_score
from sksurv.util import Surv

from benchmarks.public_models import BINARY, SURVIVAL, lifelines_survival

FloatArray = NDArray[np.float64]
REFERENCE = "riskml ridge"
# Targets of the design study, by (discrimination at least, loss at most).
TARGETS = {
    "gbsg2": (0.690, 0.160),
    "whas500": (0.770, 0.150),
    "veteran": (0.715, 0.160),
    "veteran to the 90th percentile": (0.715, 0.160),
    "aids": (0.745, 0.042),
    "breast (p = 81)": (0.70, 0.123),
    "diabetes": (0.885, 0.356),
    "wisconsin": (None, 0.073),
}


@dataclass(frozen=True, slots=True)
class Data:
    """A cohort as numbers: inputs, event, and time for survival; ``times`` is where survival is judged."""

    X: FloatArray
    event: NDArray[np.bool_]
    time: FloatArray | None
    times: FloatArray


def _numbers(frame: pd.DataFrame) -> FloatArray:
    """Levels as 0/1 columns (the first left out), gaps as the column's mean."""
    wide = pd.get_dummies(frame, drop_first=True).astype(float)
    return np.asarray(wide.fillna(wide.mean()))


def _survival(name: str, until: int = 80) -> Data:
    X, y = getattr(sksurv_datasets, name)()
    event, when = (y[field] for field in y.dtype.names)
    when = np.maximum(when.astype(float), 0.5)  # a few times are 0: half a day
    return Data(_numbers(X), event, when, np.percentile(when[event], np.linspace(10, until, 20)))


def _binary(name: str) -> Data:
    X, y = getattr(sklearn_datasets, name)(return_X_y=True)
    event = y > np.quantile(y, 0.75) if name == "load_diabetes" else y == 0
    return Data(X, event, None, np.empty(0))


COHORTS: Mapping[str, Callable[[], Data]] = {
    "gbsg2": lambda: _survival("load_gbsg2"),
    "whas500": lambda: _survival("load_whas500"),
    "veteran": lambda: _survival("load_veterans_lung_cancer"),
    "veteran to the 90th percentile": lambda: _survival("load_veterans_lung_cancer", 90),
    "aids": lambda: _survival("load_aids"),
    "breast (p = 81)": lambda: _survival("load_breast_cancer"),
    "diabetes": lambda: _binary("load_diabetes"),
    "wisconsin": lambda: _binary("load_breast_cancer"),
}


def judge(data: Data, test: NDArray[np.intp], answers: FloatArray) -> tuple[float, float]:
    """Discrimination and loss of predictions for the test rows: probabilities, or survival at ``data.times``."""
    if data.time is None:
        risk = np.clip(answers[:, 0], 1e-6, 1 - 1e-6)
        truth = data.event[test]
        return float(roc_auc_score(truth, risk)), float(log_loss(truth, risk, labels=[False, True]))

    # Censoring is estimated on all rows: with the training rows alone it can end before the test rows do.
    everyone = Surv.from_arrays(data.event, data.time)
    kept = (data.times >= data.time[test].min()) & (data.times < data.time[test].max())
    c = concordance_index_censored(data.event[test], data.time[test], -answers[:, len(data.times) // 2])[0]
    return float(c), float(integrated_brier_score(everyone, everyone[test], answers[:, kept], data.times[kept]))


def splits(data: Data, repeats: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """5-fold cross-validation, stratified by event."""
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=repeats, random_state=0)
    return list(folds.split(data.X, data.event))


def run(data: Data, train: NDArray[np.intp], test: NDArray[np.intp], models: Mapping[str, Any]) -> dict[str, Any]:
    """(discrimination, loss, seconds) of every model on one split; nan where a library gave up."""
    found = {}
    warnings.simplefilter("ignore")  # the libraries' own words about separation and unfinished iterations
    for name, model in models.items():
        start = time.process_time()
        try:
            if data.time is None:
                answers = model(data.X[train], data.event[train], data.X[test])
            else:
                answers = model(data.X[train], data.event[train], data.time[train], data.X[test], data.times)
            scores = judge(data, test, np.asarray(answers))
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            print(f"  {name} gave up: {type(error).__name__}: {str(error)[:80]}", file=sys.stderr)
            scores = (np.nan, np.nan)
        found[name] = (*scores, time.process_time() - start)
    return found


def table(name: str, data: Data, pairs: list[Any], jobs: int) -> None:
    """Print one cohort."""
    models: dict[str, Any] = dict(BINARY) if data.time is None else dict(SURVIVAL)
    if data.time is not None and os.environ.get("LIFELINES_PYTHON"):
        models["lifelines ridge .1"] = lifelines_survival
    names = list(models)
    results = Parallel(n_jobs=jobs)(delayed(run)(data, train, test, models) for train, test in pairs)
    share = np.mean([len(test) / len(train) for train, test in pairs])
    reference = np.array([result[REFERENCE][1] for result in results])
    kind = ("AUC", "log-loss") if data.time is None else ("C", "IBS")
    print(f"\n{name}: {len(data.event)} rows, {int(data.event.sum())} events, {data.X.shape[1]} inputs")
    print(f"  {'model':34s} {kind[0]:>6s} {kind[1]:>9s} {'difference':>12s} {'(SE)':>9s} {'s a fit':>8s}")
    for model in names:
        scores = np.array([result[model] for result in results])
        gap = scores[:, 1] - reference
        spread = np.nanstd(gap, ddof=1)
        error = spread * np.sqrt(1 / len(gap) + share)
        c, loss, seconds = np.nanmean(scores, axis=0)
        print(f"  {model:34s} {c:6.3f} {loss:9.4f} {np.nanmean(gap):+12.4f} ({error:.4f}) {seconds:8.2f}", flush=True)
    wanted, most = TARGETS[name]
    words = f"{kind[0]} >= {wanted}, " if wanted else ""
    print(f"  target of the design study: {words}{kind[1]} <= {most}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", help="cohorts, separated by commas")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if not os.environ.get("LIFELINES_PYTHON"):
        print("lifelines: left out, LIFELINES_PYTHON names no environment that has it")
    for name in options.only.split(",") if options.only else COHORTS:
        data = COHORTS[name]()
        table(name, data, splits(data, options.repeats), options.jobs)


if __name__ == "__main__":
    main()
