"""Seconds of the metrics against the number of predictions: `python -m benchmarks.metrics_growth`.

First the metrics that scikit-learn has, at the largest size, as a ratio to its time (best of five, one thread). Then
those that scikit-survival has, at sizes it can do: its concordance takes all pairs. Then the others over growing sizes:
about 30 % of the patients with the event, times in whole days, one in three entering late where entries are taken;
``slope`` is that of log seconds against log patients since the line above: 1 is linear, 2 would be all pairs. Last the
milliseconds of a call on as many patients as a cohort has, which a bootstrap repeats a thousand times. Seconds are
processor seconds.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from sksurv.metrics import (
    brier_score,
    concordance_index_censored,
    concordance_index_ipcw,
    cumulative_dynamic_auc,
    integrated_brier_score,
)
from sksurv.util import Surv

from benchmarks.row import Row
from benchmarks.usage import seconds_used
from riskml.training.metrics import binary, competing, survival
from riskml.training.metrics.d_calibration import d_calibration
from riskml.training.metrics.net_benefit import decision_curve, decision_curve_at
from riskml.training.metrics.proportional_hazards import proportional_hazards
from riskml.training.metrics.smooth_calibration import smooth_calibration, smooth_calibration_at
from riskml.training.metrics.subdistribution import fine_gray
from riskml.training.metrics.time_dependent import auc_at, integrated_brier, uno_c

SIZES = (10_000, 100_000, 1_000_000)
BESIDE_SIZES = (1_000, 10_000)
COHORT = 105
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
BESIDE: Mapping[str, tuple[Callable[[Data], Any], Callable[[Data], Any]]] = {
    "Harrell C": (
        lambda d: survival.harrell_c(d["time"], d["event"], d["risk"]),
        lambda d: concordance_index_censored(d["event"], d["time"], d["risk"]),
    ),
    "Uno C": (
        lambda d: uno_c(d["time"], d["event"], d["risk"], HORIZON),
        lambda d: concordance_index_ipcw(d["y"], d["y"], d["risk"], HORIZON),
    ),
    "AUC(t)": (
        lambda d: auc_at(d["time"], d["event"], d["risk"], HORIZON),
        lambda d: cumulative_dynamic_auc(d["y"], d["y"], d["risk"], HORIZON),
    ),
    "IPCW Brier": (
        lambda d: survival.ipcw_brier(d["time"], d["event"], 1 - d["risk"], HORIZON),
        lambda d: brier_score(d["y"], d["y"], 1 - d["risk"], HORIZON),
    ),
    "IBS, 4 times": (
        lambda d: integrated_brier(d["time"], d["event"], d["curves"], TIMES),
        lambda d: integrated_brier_score(d["y"], d["y"], d["curves"], TIMES),
    ),
}
PLAIN: Mapping[str, Callable[[Data], Any]] = {
    "DeLong variance": lambda d: binary.delong_variance(d["event"], d["risk"]),
    "calibration line": lambda d: binary.calibration_line(d["event"], d["risk"]),
    "ICI": lambda d: smooth_calibration(d["event"], d["risk"]).ici,
    "decision curve": lambda d: decision_curve(d["event"], d["risk"], THRESHOLDS),
    "D-calibration": lambda d: d_calibration(d["event"], 1 - d["risk"]),
}
# With entry times or without.
ENTERING: Mapping[str, Callable[[Data, Any], Any]] = {
    "Harrell C": lambda d, e: survival.harrell_c(d["time"], d["event"], d["risk"], e),
    "Uno C": lambda d, e: uno_c(d["time"], d["event"], d["risk"], HORIZON, e),
    "AUC(t)": lambda d, e: auc_at(d["time"], d["event"], d["risk"], HORIZON, e),
    "IPCW Brier": lambda d, e: survival.ipcw_brier(d["time"], d["event"], 1 - d["risk"], HORIZON, e),
    "IBS, 4 times": lambda d, e: integrated_brier(d["time"], d["event"], d["curves"], TIMES, e),
    "slope": lambda d, e: survival.calibration_slope(d["time"], d["event"], d["link"], e),
    "proportional hazards": lambda d, e: proportional_hazards(d["link"][:, None], d["time"], d["event"], e),
    "ICI at a horizon": lambda d, e: smooth_calibration_at(d["time"], d["cause"], d["risk"], HORIZON, e).ici,
    "decision curve (t)": lambda d, e: decision_curve_at(d["time"], d["cause"], d["risk"], HORIZON, THRESHOLDS, e),
    "C, causes": lambda d, e: competing.c_index(d["time"], d["cause"], d["risk"], e),
    "Uno C, causes": lambda d, e: competing.uno_c(d["time"], d["cause"], d["risk"], HORIZON, e),
    "slope, causes": lambda d, e: competing.calibration_slope(d["time"], d["cause"], d["link"], e),
    "Fine-Gray": lambda d, e: fine_gray(d["link"][:, None], d["time"], d["cause"], e),
    "pseudo-values": lambda d, e: competing.pseudo_values(d["time"], d["cause"], HORIZON, e),
}
# Panels of the figure; every metric is in one.
PANELS: Mapping[str, tuple[str, ...]] = {
    "of a probability": tuple(PLAIN),
    "ranking by time": ("Harrell C", "Uno C", "AUC(t)", "C, causes", "Uno C, causes"),
    "error and curves by time": (
        "IPCW Brier",
        "IBS, 4 times",
        "decision curve (t)",
        "ICI at a horizon",
        "pseudo-values",
    ),
    "regressions by time": ("slope", "slope, causes", "proportional hazards", "Fine-Gray"),
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
    found = {"risk": risk, "time": time, "cause": cause, "event": cause == 1, "entry": entry, "link": np.log(risk)}
    return found | {"curves": 1 - risk[:, None] * TIMES / HORIZON, "y": Surv.from_arrays(cause == 1, time)}


def seconds(call: Callable[[], Any], repeats: int) -> float:
    """Least processor seconds of some calls."""
    spent = []
    for _ in range(repeats):
        start = seconds_used()
        call()
        spent.append(seconds_used() - start)
    return max(min(spent), 1e-4)


def compare(n: int) -> list[Row]:
    """Print ours against scikit-learn's."""
    found, rows = data(n), []
    print(f"{'metric':<30} {'rows':>9} {'ours s':>9} {'sklearn s':>9} {'ratio':>6}")
    for name, (ours, theirs) in BOTH.items():
        own, other = (seconds(partial(f, found["event"], found["risk"]), 5) for f in (ours, theirs))
        rows.append(Row("metrics_growth", f"{name} of {n:,} predictions; scikit-learn", own, other, "s"))
        print(f"{name:<30} {n:>9,} {own:>9.3f} {other:>9.3f} {own / other:>6.2f}", flush=True)
    return rows


def beside(sizes: tuple[int, ...] = BESIDE_SIZES) -> list[Row]:
    """Print ours against scikit-survival's."""
    rows = []
    print(f"\n{'metric':<30} {'rows':>9} {'ours s':>9} {'sksurv s':>9} {'ratio':>6}")
    for name, pair in BESIDE.items():
        for n in sizes:
            found = data(n)
            own, other = (seconds(partial(f, found), 3) for f in pair)
            print(f"{name:<30} {n:>9,} {own:>9.4f} {other:>9.4f} {own / other:>6.2f}", flush=True)
            rows.append(Row("metrics_growth", f"{name} of {n:,} predictions; scikit-survival", own, other, "s"))
    return rows


def every() -> dict[str, Callable[[Data], Any]]:
    """All the others, those that take entry times once without and once with them."""
    calls = dict(PLAIN)
    for name, metric in ENTERING.items():
        calls[name] = lambda d, m=metric: m(d, None)  # type: ignore[misc]
        calls[f"{name}, entries"] = lambda d, m=metric: m(d, d["entry"])  # type: ignore[misc]
    return calls


def grow(sizes: list[int]) -> dict[str, list[float]]:
    """Print every other metric at every size; seconds at each."""
    results: dict[str, list[float]] = {}
    print(f"\n{'metric':<30} {'rows':>9} {'seconds':>9} {'slope':>6}")
    for name, metric in every().items():
        before = None
        for n in sizes:
            spent = seconds(partial(metric, data(n)), 1 if n > 100_000 else 3)
            slope = f"{math.log(spent / before[1]) / math.log(n / before[0]):.2f}" if before else ""
            print(f"{name:<30} {n:>9,} {spent:>9.3f} {slope:>6}", flush=True)
            results.setdefault(name, []).append(spent)
            before = (n, spent)
    return results


def draw(path: Path, sizes: list[int], results: Mapping[str, list[float]]) -> None:
    """Seconds against rows, on log scales; dashed with entry times, grey what is linear in the rows."""
    import matplotlib.pyplot as plt  # noqa: PLC0415 - the only use of it here

    figure, panels = plt.subplots(2, 2, figsize=(8, 7), sharex=True, sharey=True, layout="constrained")
    for panel, (title, names) in zip(panels.flat, PANELS.items(), strict=True):
        for number, name in enumerate(names):
            for shown, line in ((name, "-"), (f"{name}, entries", "--")):
                if shown in results:
                    label = name if line == "-" else None
                    panel.loglog(sizes, results[shown], f"C{number}{line}", marker=".", label=label)
        panel.loglog(sizes, [1e-7 * n for n in sizes], color="0.8", linewidth=4, zorder=0)
        panel.set_title(title, fontsize="medium")
        panel.legend(fontsize="x-small", loc="upper left")
    figure.supxlabel("predictions (grey: in proportion to them)", fontsize="medium")
    figure.supylabel("processor seconds of one call (dashed: with entry times)", fontsize="medium")
    figure.savefig(path)


def rows(*, quick: bool = False) -> list[Row]:
    """What the libraries have beside ours, and every other metric; draws ``metrics_growth.svg`` in a full run."""
    sizes = [1_000, 10_000] if quick else list(SIZES)
    found = [*compare(max(sizes)), *beside(BESIDE_SIZES[:1] if quick else BESIDE_SIZES)]
    results = grow(sizes)
    if not quick:
        draw(Path(__file__).with_suffix(".svg"), sizes, results)
    last = max(sizes)
    return found + [
        Row("metrics_growth", f"{name} of {last:,}", spent[-1], None, "s") for name, spent in results.items()
    ]


def small() -> None:
    """Print the milliseconds of one call on a cohort, the best of five times fifty."""
    print(f"\n{'metric':<30} {'rows':>9} {'ms':>9}")
    found = data(COHORT)
    known = {name: lambda d, f=f: f(d["event"], d["risk"]) for name, (f, _) in BOTH.items()}
    for name, metric in (known | every()).items():
        spent = seconds(lambda m=metric: [m(found) for _ in range(50)], 5) / 50  # type: ignore[misc]
        print(f"{name:<30} {COHORT:>9,} {1000 * spent:>9.3f}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Seconds of the metrics against the number of predictions.")
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES))
    options = parser.parse_args()
    rows = compare(max(options.rows))
    beside()
    grow(options.rows)
    small()
    if any(row.ours > ALLOWED * (row.theirs or 0.0) for row in rows):
        raise SystemExit(f"a metric takes more than {ALLOWED:g} times scikit-learn's time")


if __name__ == "__main__":
    main()
