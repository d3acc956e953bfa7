"""Which power of the number of patients carries a learning curve on best, and how often its interval tells the truth.

Cohorts are drawn from the generating truth with every event drawn independently; the model of each is judged by a large
simulated cohort. The mean of those over cohorts of n and of 2n patients is what doubling truly brings. Each cohort of n
foresees that gain from its own curve by a + b n^-c, with c fixed, or chosen by least squares. For each size the table
gives the true gain, the bias and root mean squared error of what is foreseen ("none": no gain at all), how often the
interval of b leaves it open whether more patients help at all, and how often the gain it foresees holds the true one.

    python -m benchmarks.learning_curve [simulations] [patients ...] [--jobs 2]
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from benchmarks.bootstrap_optimism import new_patients, recipe, truth
from benchmarks.interval_coverage import simulated
from riskml.errors import NotEstimableError
from riskml.training.fit import TrainingSet, training_set
from riskml.training.judge.learning_curve import learning_curve, power_law
from riskml.training.out_of_sample import Bench

FloatArray = NDArray[np.float64]
EXPONENTS = (0.5, 1.0, 1.5)
GRID = np.arange(0.2, 2.01, 0.1)
REPEATS = 4


def gain(sizes: FloatArray, mean: FloatArray, patients: int, exponent: float) -> float:
    """By how much the error is foreseen to fall with twice as many patients."""
    _, b = power_law(sizes, mean, exponent)
    return float(b * (patients**-exponent - (2 * patients) ** -exponent))


def best_exponent(sizes: FloatArray, mean: FloatArray) -> float:
    """The exponent of the grid with the smallest sum of squares."""
    fits = [(power_law(sizes, mean, c), c) for c in GRID]
    return float(min(fits, key=lambda fit: np.sum((fit[0][0] + fit[0][1] * sizes ** -fit[1] - mean) ** 2))[1])


def one_cohort(patients: int, seed: int, new: TrainingSet) -> dict[str, Any] | None:
    """True log-loss of one cohort's model and what its curve foresees; None where it has too few events."""
    try:
        rows = training_set(recipe(), simulated(patients, seed, fixed_totals=False))
    except NotEstimableError:
        return None
    block = learning_curve(Bench(recipe(), rows, seed), repeats=REPEATS)
    sizes, mean, n = np.array(block["sizes"], dtype=float), np.array(block["mean"]), rows.n_patients
    chosen = best_exponent(sizes, mean)
    foreseen = {f"c = {c:g}": gain(sizes, mean, n, c) for c in EXPONENTS}
    foreseen |= {"c chosen": gain(sizes, mean, n, chosen), "none": 0.0}
    ends = tuple(block["b"][end] / (2 * n) for end in ("low", "high"))
    return {"patients": n, "true": truth(rows, new)["log_loss"], "foreseen": foreseen, "ends": ends, "chosen": chosen}


def true_value(patients: int, seed: int, new: TrainingSet) -> float | None:
    """True log-loss of one cohort's model; None where it has too few events."""
    try:
        return truth(training_set(recipe(), simulated(patients, seed, fixed_totals=False)), new)["log_loss"]
    except NotEstimableError:
        return None


def show(runs: list[dict[str, Any]], twice: list[float]) -> None:
    """Print what is foreseen beside what is true, for one size."""
    true = float(np.mean([run["true"] for run in runs]) - np.mean(twice))
    error = np.hypot(np.std([run["true"] for run in runs]) / len(runs) ** 0.5, np.std(twice) / len(twice) ** 0.5)
    size = np.mean([run["patients"] for run in runs])
    print(f"{len(runs)} cohorts of {size:.0f} evaluable patients: doubling truly gains {true:.4f} (SE {error:.4f})")
    for name in runs[0]["foreseen"]:
        off = np.array([run["foreseen"][name] for run in runs]) - true
        print(f"  {name:<9} bias {off.mean():+.4f}  rmse {np.sqrt((off**2).mean()):.4f}  median {np.median(off):+.4f}")
    ends = np.array([run["ends"] for run in runs])
    open_, holds = (ends[:, 0] <= 0).mean(), ((ends[:, 0] <= true) & (true <= ends[:, 1])).mean()
    chosen = np.quantile([run["chosen"] for run in runs], [0.25, 0.5, 0.75])
    print(f"  cannot be told: {open_:.2f}; the interval holds the true gain: {holds:.2f}; c chosen, quartiles {chosen}")


def main() -> int:
    """Print one table for each size of cohort."""
    parser = argparse.ArgumentParser(description="What a learning curve foresees, against what more patients bring.")
    parser.add_argument("simulations", type=int, nargs="?", default=100)
    parser.add_argument("patients", type=int, nargs="*", default=[105, 205, 410])
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    seeds = range(30_000, 30_000 + options.simulations)
    new = new_patients()
    for patients in options.patients:
        spread = Parallel(n_jobs=options.jobs)
        runs = spread(delayed(one_cohort)(patients, seed, new) for seed in seeds)
        twice = spread(delayed(true_value)(2 * patients, seed, new) for seed in seeds)
        show([run for run in runs if run is not None], [value for value in twice if value is not None])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
