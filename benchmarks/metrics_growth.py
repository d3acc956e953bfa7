"""Seconds of the metrics against the number of predictions: `python -m benchmarks.metrics_growth`.

First the metrics that scikit-learn has, at the largest size, as a ratio to its time (best of five, one thread). Then
the others over growing sizes: about 30 % of the patients with the event, times in whole days, one in three entering
late where entries are taken; ``slope`` is that of log seconds against log patients since the line above: 1 is linear,
2 would be all pairs. Seconds are processor seconds.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from benchmarks.usage import seconds_used
from riskml.training.metrics import binary, competing, survival
from riskml.training.metrics.d_calibration import d_calibration
from riskml.training.metrics.net_benefit import decision_curve, decision_curve_at
from riskml.training.metrics.smooth_calibration import smooth_calibration, smooth_calibration_at
from riskml.training.metrics.time_dependent import auc_at, integrated_brier, uno_c

SIZES = (10_000, 100_000, 1_000_000)
HORIZON = 730.0
TIMES = np.array([180.0, 365.0, 545.0, 730.0])
THRESHOLDS = np.linspace(0.05, 0.5, 10)
ALLOWED = 2.0  # times scikit-learn's time
Data = Mapping[str, Any]

BOTH: Mapping[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "AUROC": (binary.auc, roc_auc_score),
    "AUPRC": (binary.average_precision, average_precision_score),
    "Brier": (binary.brier, brier_score_loss),
    "log-loss": (binary.log_loss, log_loss),
}
GROWING: Mapping[str, Callable[[Data], Any]] = {
    "DeLong variance": lambda d: binary.delong_variance(d["event"], d["risk"]),
    "ICI": lambda d: smooth_calibration(d["event"], d["risk"]).ici,
    "decision curve": lambda d: decision_curve(d["event"], d["risk"], THRESHOLDS),
    "Harrell C": lambda d: survival.harrell_c(d["time"], d["event"], d["risk"]),
    "Harrell C, entries": lambda d: survival.harrell_c(d["time"], d["event"], d["risk"], d["entry"]),
    "Uno C": lambda d: uno_c(d["time"], d["event"], d["risk"], HORIZON),
    "Uno C, competing": lambda d: competing.uno_c(d["time"], d["cause"], d["risk"], HORIZON),
    "AUC(t)": lambda d: auc_at(d["time"], d["event"], d["risk"], HORIZON),
    "IPCW Brier": lambda d: survival.ipcw_brier(d["time"], d["event"], 1 - d["risk"], HORIZON),
    "IPCW Brier, entries": lambda d: survival.ipcw_brier(d["time"], d["event"], 1 - d["risk"], HORIZON, d["entry"]),
    "IBS, 4 times": lambda d: integrated_brier(d["time"], d["event"], 1 - d["risk"][:, None] * TIMES / HORIZON, TIMES),
    "ICI at a horizon": lambda d: smooth_calibration_at(d["time"], d["cause"], d["risk"], HORIZON).ici,
    "D-calibration": lambda d: d_calibration(d["event"], 1 - d["risk"]),
    "decision curve (t)": lambda d: decision_curve_at(d["time"], d["cause"], d["risk"], HORIZON, THRESHOLDS),
    "calibration slope": lambda d: survival.calibration_slope(d["time"], d["event"], np.log(d["risk"])),
}


def data(n: int) -> Data:
    """A cohort of ``n`` patients with predictions that mean something."""
    rng = np.random.default_rng(n)
    risk = rng.beta(2, 4, size=n).clip(1e-6, 1 - 1e-6)
    death, other = rng.exponential(-HORIZON / np.log1p(-risk)), rng.exponential(4000, size=n)
    followed = rng.uniform(30, 1500, size=n)
    time = np.ceil(np.minimum(np.minimum(death, other), followed))
    cause = np.where(followed < np.minimum(death, other), 0, np.where(death < other, 1, 2))
    entry = np.where(rng.uniform(size=n) < 1 / 3, np.floor(time * rng.uniform(size=n)), 0.0)
    return {"risk": risk, "time": time, "cause": cause, "event": cause == 1, "entry": entry}


def seconds(call: Callable[[], Any], repeats: int) -> float:
    """Least processor seconds of some calls."""
    spent = []
    for _ in range(repeats):
        start = seconds_used()
        call()
        spent.append(seconds_used() - start)
    return max(min(spent), 1e-4)


def compare(n: int) -> bool:
    """Print ours against scikit-learn's; whether all are within what is allowed."""
    found, within = data(n), True
    print(f"{'metric':<22} {'rows':>9} {'ours s':>9} {'sklearn s':>9} {'ratio':>6}")
    for name, (ours, theirs) in BOTH.items():
        own, other = (seconds(lambda f=f: f(found["event"], found["risk"]), 5) for f in (ours, theirs))  # type: ignore[misc]
        within &= own <= ALLOWED * other
        print(f"{name:<22} {n:>9,} {own:>9.3f} {other:>9.3f} {own / other:>6.2f}", flush=True)
    return within


def grow(sizes: list[int]) -> None:
    """Print every other metric at every size."""
    print(f"\n{'metric':<22} {'rows':>9} {'seconds':>9} {'slope':>6}")
    for name, metric in GROWING.items():
        before = None
        for n in sizes:
            found = data(n)
            spent = seconds(lambda f=found, m=metric: m(f), 1 if n > 100_000 else 3)  # type: ignore[misc]
            slope = f"{math.log(spent / before[1]) / math.log(n / before[0]):.2f}" if before else ""
            print(f"{name:<22} {n:>9,} {spent:>9.3f} {slope:>6}", flush=True)
            before = (n, spent)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Seconds of the metrics against the number of predictions.")
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES))
    options = parser.parse_args()
    within = compare(max(options.rows))
    grow(options.rows)
    if not within:
        raise SystemExit(f"a metric takes more than {ALLOWED:g} times scikit-learn's time")


if __name__ == "__main__":
    main()
