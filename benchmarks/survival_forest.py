"""Survival forests side by side: scikit-survival's default, the same with large leaves, and ours.

    python -m benchmarks.survival_forest

Each forest is fitted in a process of its own on one half of a simulated cohort (nonlinear effects, an interaction,
censoring) and judged on the other. Printed: seconds of the fit, how far peak resident memory grew during it, what the
fitted trees take, the Brier score integrated over a grid of three years, and Harrell's C.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from sksurv.ensemble import RandomSurvivalForest
from sksurv.util import Surv

from benchmarks.row import Row
from riskml.training.learners.survival_forest import SurvivalForest
from riskml.training.metrics.survival import harrell_c, ipcw_brier

MONTHS = tuple(float(month) for month in range(3, 37, 3))
PARTS = (("fitted", "seconds", "s"), ("as kept", "kept_mib", "MiB"), ("judged", "ibs", "integrated Brier score"))
FORESTS = ("scikit-survival default", "scikit-survival, leaf 15", "riskml")


def cohort(n: int, seed: int) -> tuple[Any, Any]:
    """Ten inputs, three of them 0/1; Weibull times in months; about half of the patients censored."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 10))
    X[:, 7:] = X[:, 7:] > 0.8
    log_risk = 0.7 * X[:, 0] + 0.6 * (X[:, 1] > 0.5) + 0.8 * X[:, 7] * (X[:, 2] > 0) - 0.4 * np.abs(X[:, 3])
    months = 30 * (rng.exponential(size=n) / np.exp(log_risk)) ** (1 / 0.9)
    censored = np.minimum(rng.uniform(6, 90, size=n), 60)
    return X, Surv.from_arrays(months <= censored, np.minimum(months, censored))


def forest(which: str) -> Any:
    """The unfitted estimator."""
    if which == "riskml":
        return SurvivalForest(time_grid=MONTHS)
    leaf = 15 if "leaf" in which else 3
    return RandomSurvivalForest(random_state=0, min_samples_leaf=leaf, n_jobs=1)


def survival(model: Any, X: Any) -> Any:
    """S at the months, of shape (n_patients, n_months)."""
    if hasattr(model, "predict_survival"):
        return model.predict_survival(X, MONTHS)
    last = np.searchsorted(model.unique_times_, MONTHS, side="right") - 1
    return model.predict_survival_function(X, return_array=True)[:, last]


def kept_bytes(model: Any) -> int:
    """What the fitted trees take: arrays of a library's forest, tuples and numbers of ours."""
    if not hasattr(model, "estimators_"):
        lists = [part for tree in model.predictor_.trees for part in tree.to_fields().values()]
        return sum(sys.getsizeof(part) + sum(map(sys.getsizeof, part)) for part in lists)
    names = ("value", "feature", "threshold", "children_left", "children_right", "impurity", "n_node_samples")
    return sum(getattr(tree.tree_, name).nbytes for tree in model.estimators_ for name in names)


def measure(which: str, n: int, seed: int) -> dict[str, float]:
    """Fit and judge one forest; meant for a fresh process."""
    forest(which).fit(*cohort(60, seed))  # whatever the libraries load late
    X, y = cohort(2 * n, seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    model = forest(which).fit(X[:n], y[:n])
    seconds = time.perf_counter() - start
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes on macOS, kilobytes on Linux
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit
    event, months = y["event"][n:], y["time"][n:]
    curves = survival(model, X[n:])
    scores = [ipcw_brier(months, event, curves[:, k], month) for k, month in enumerate(MONTHS)]
    return {
        "seconds": seconds,
        "grown_mib": grown,
        "kept_mib": kept_bytes(model) / 2**20,
        "ibs": float(np.trapezoid(scores, MONTHS) / (MONTHS[-1] - MONTHS[0])),
        "c": harrell_c(months, event, model.predict(X[n:])),
    }


def rows(*, quick: bool = False) -> list[Row]:
    """Seconds and memory of ours beside scikit-survival's default and beside it with leaves as large."""
    return compare([200] if quick else [200, 2000], seed=1)


def compare(patients: Sequence[int], seed: int) -> list[Row]:
    """Print one line a forest."""
    rows = []
    print(f"{'patients':>8}  {'forest':<25} {'fit s':>7} {'peak MiB':>9} {'kept MiB':>9} {'IBS':>7} {'C':>6}")
    for n in patients:
        found = {}
        for which in FORESTS:
            words = ["--patients", str(n), "--seed", str(seed), "--only", which]
            command = [sys.executable, "-m", "benchmarks.survival_forest", *words]
            one = found[which] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            print(
                f"{n:>8}  {which:<25} {one['seconds']:>7.2f} {one['grown_mib']:>9.1f} {one['kept_mib']:>9.2f} "
                f"{one['ibs']:>7.4f} {one['c']:>6.3f}"
            )
        *others, ours = FORESTS
        for other in others:
            for done, key, unit in PARTS:
                what = f"survival forest of {n:,} patients, {done}; {other}"
                rows.append(Row("survival_forest", what, found[ours][key], found[other][key], unit))
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--patients", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=FORESTS, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.only:
        print(json.dumps(measure(args.only, args.patients[0], args.seed)))
        return
    compare(args.patients, args.seed)


if __name__ == "__main__":
    main()
