"""Fit time and peak memory against the number of rows, 1,000 to 1,000,000: `python -m benchmarks.growth`.

Twenty standard normal inputs, five of which count; a quarter of the rows with the event, or half of them censored, in
whole days (a few thousand distinct times) or with every time distinct. Each fit runs in a process of its own after a
small one that loads what libraries load late; seconds are processor seconds of one thread. Memory is what the fit adds
to the peak of libraries and data, and the last column is the peak of the whole process. ``slope`` is that of log
seconds against log rows since the line above: 1 is linear growth. ``--plot FILE.svg`` draws both on log scales.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.row import Row
from benchmarks.usage import peak_mib, seconds_used
from riskml.training.learners.boosting import Boosting, BoostingCox
from riskml.training.learners.ridge_cox import RidgeCox
from riskml.training.learners.ridge_logistic import RidgeLogistic

INPUTS = 20
SIZES = (1_000, 10_000, 100_000, 1_000_000)
MONTHS = np.arange(6.0, 61.0, 6.0)
DAYS_A_MONTH = 30.4375
# What is fitted, and to which outcome.
FITS: Mapping[str, tuple[Callable[[], Any], str]] = {
    "RidgeLogistic": (RidgeLogistic, "binary"),
    "Boosting": (Boosting, "binary"),
    "RidgeCox": (lambda: RidgeCox(time_grid=MONTHS), "whole days"),
    "RidgeCox, distinct times": (lambda: RidgeCox(time_grid=MONTHS), "distinct"),
    "BoostingCox": (lambda: BoostingCox(time_grid=MONTHS), "whole days"),
    "BoostingCox, distinct times": (lambda: BoostingCox(time_grid=MONTHS), "distinct"),
}
Found = dict[str, float]


def data(n: int, outcome: str) -> tuple[Any, Any]:
    """Inputs and outcome; nothing of the size of the inputs is made beside them, which would hide what a fit takes."""
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, INPUTS))
    log_risk = X[:, :5] @ np.array([0.5, -0.5, 0.3, 0.3, 0.2])
    if outcome == "binary":
        return X, (rng.uniform(size=n) < 1 / (1 + np.exp(1.3 - log_risk))).astype(int)
    days, followed = rng.exponential(size=n) * 1500 / np.exp(log_risk), rng.uniform(30, 2500, size=n)
    if outcome == "whole days":
        days, followed = np.ceil(days), np.ceil(followed)
    y = np.empty(n, dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = days <= followed, np.minimum(days, followed) / DAYS_A_MONTH
    return X, y


def measure(which: str, n: int) -> Found:
    """Fit once; meant for a fresh process."""
    make, outcome = FITS[which]
    make().fit(*data(200, outcome))
    X, y = data(n, outcome)
    before, start = peak_mib(), seconds_used()
    make().fit(X, y)
    return {"seconds": seconds_used() - start, "added_mib": peak_mib() - before, "peak_mib": peak_mib()}


def in_own_process(which: str, n: int) -> Found:
    """The same measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.growth", "--only", which, "--rows", str(n)]
    found: Found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def show(which: str, sizes: Sequence[int], results: Sequence[Found]) -> None:
    """Print one learner's lines."""
    for k, (n, found) in enumerate(zip(sizes, results, strict=True)):
        slope = "" if k == 0 else f"{_slope(sizes[k - 1 : k + 1], results[k - 1 : k + 1]):.2f}"
        print(
            f"{which:<28} {n:>9,} {found['seconds']:>9.2f} {slope:>6} {found['added_mib']:>9.0f} "
            f"{found['peak_mib']:>9.0f}",
            flush=True,
        )


def _slope(sizes: Sequence[int], results: Sequence[Found]) -> float:
    first, last = (max(found["seconds"], 1e-3) for found in results)
    return math.log(last / first) / math.log(sizes[1] / sizes[0])


def draw(path: str, sizes: Sequence[int], results: Mapping[str, Sequence[Found]]) -> None:
    """Seconds and added memory against rows, on log scales."""
    import matplotlib.pyplot as plt  # noqa: PLC0415 - the only use of it here

    figure, panels = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for panel, key, label in zip(panels, ("seconds", "added_mib"), ("processor seconds", "added MiB"), strict=True):
        for which, found in results.items():
            panel.loglog(sizes, [max(one[key], 0.01) for one in found], marker="o", label=which)
        panel.set(xlabel="rows", ylabel=f"{label} of one fit")
    panels[0].legend(fontsize="small")
    figure.savefig(path)


def rows(*, quick: bool = False) -> list[Row]:
    """Each learner at each size, with what is printed; draws ``growth.svg`` beside this file in a full run."""
    sizes = SIZES[:2] if quick else SIZES
    results = grow(sizes)
    if not quick:
        draw(str(Path(__file__).with_suffix(".svg")), sizes, results)
    return [
        Row("growth", f"{which}, {n:,} rows x {INPUTS}", one[key], None, unit)
        for which, found in results.items()
        for n, one in zip(sizes, found, strict=True)
        for key, unit in (("seconds", "s"), ("added_mib", "MiB"))
    ]


def grow(sizes: Sequence[int]) -> dict[str, list[Found]]:
    """Fit everything at every size and print it."""
    print(f"{'learner':<28} {'rows':>9} {'seconds':>9} {'slope':>6} {'added MiB':>9} {'peak MiB':>9}")
    results = {}
    for which in FITS:
        results[which] = [in_own_process(which, n) for n in sizes]
        show(which, sizes, results[which])
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Fit time and peak memory against the number of rows.")
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--plot", metavar="FILE.svg")
    parser.add_argument("--only", choices=list(FITS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options.rows[0])))
        return
    results = grow(options.rows)
    if options.plot:
        draw(options.plot, options.rows, results)


if __name__ == "__main__":
    main()
