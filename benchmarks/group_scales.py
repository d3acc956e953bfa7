"""Do lesions deserve a prior scale of their own? ``python -m benchmarks.group_scales [repeats]``.

Ridge logistic regressions in which the prior scale of the inputs with two values (lesions, levels) is half, the same as
or twice that of the others, or integrated over these three by their evidence. Fitted to 60, 100 and 200 patients of
public cohorts (death or relapse by a month) and judged on up to 3,000 others; and to simulated cohorts of 105, 200 and
400 patients with the recipe `non_response`, whose lesions have the published effects, judged on a simulated cohort of
20,000. Prints the log-loss minus that of one common scale, and its standard error over training sets.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.metrics import log_loss

from benchmarks.interval_coverage import simulated
from benchmarks.public_cohorts import COHORTS, FloatArray
from benchmarks.tree_gate import by, flchain
from riskml.errors import NotEstimableError
from riskml.training.fit import training_set
from riskml.training.learners.prior_scale import integrate, tau_grid
from riskml.training.learners.ridge_logistic import BernoulliLikelihood
from riskml.training.recipe import load_recipe
from riskml.training.transform import DesignMatrix

IntArray = NDArray[np.intp]
Split = tuple[FloatArray, IntArray, FloatArray, IntArray]
SCALES, SIZES, SIMULATED, LEAST_EVENTS = (0.5, 1.0, 2.0), (60, 100, 200), (105, 200, 400), 5


def public(size: int, repeats: int, X: FloatArray, y: IntArray) -> Iterator[Split]:
    """Training sets cut out of one cohort."""
    rng = np.random.default_rng(size)
    for _ in range(repeats):
        train = rng.choice(len(y), size, replace=False)
        test = np.setdiff1d(np.arange(len(y)), train)[:3000]
        if y[train].sum() >= LEAST_EVENTS:
            yield X[train], y[train], X[test], y[test]


def made(size: int, repeats: int) -> Iterator[Split]:
    """Simulated training sets, and one large test set."""
    new, truth = _matrix(20_000, 1)
    for seed in range(repeats):
        try:
            yield (*_matrix(size, 100 + seed), new, truth)
        except NotEstimableError:
            continue


def _matrix(patients: int, seed: int) -> tuple[FloatArray, IntArray]:
    recipe = load_recipe("non_response")
    rows = training_set(recipe, simulated(patients, seed, fixed_totals=False))
    return DesignMatrix(recipe.features).fit_transform(rows.frame), rows.event.astype(np.intp)


def gaps(split: Split) -> list[float]:
    """Log-loss of half, twice and integrated, minus that of a common scale."""
    X, y, new, truth = split
    two_values = np.array([len(np.unique(column)) <= 2 for column in new.T])
    risks, evidence = zip(*(_fitted(X, y, new, np.where(two_values, scale, 1.0)) for scale in SCALES), strict=True)
    weights = np.exp(np.array(evidence) - max(evidence))
    answers = [*risks, weights / weights.sum() @ np.array(risks)]
    half, common, twice, integrated = (log_loss(truth, np.clip(answer, 1e-9, 1 - 1e-9)) for answer in answers)
    return [half - common, twice - common, integrated - common]


def _fitted(X: FloatArray, y: IntArray, new: FloatArray, relative: FloatArray) -> tuple[FloatArray, float]:
    mean, sd = X.mean(axis=0), X.std(axis=0)
    factor = relative / np.where(sd > 0, sd, np.inf)
    Z = (X - mean) * factor
    start, moment = np.r_[logit(y.mean()), np.zeros(X.shape[1])], np.r_[len(y), (Z**2).sum(axis=0)]
    likelihood = BernoulliLikelihood(Z, y, np.ones(len(y)))
    found = integrate(likelihood, start, moment, free=1, grid=tau_grid(0.5), max_iter=100, tol=1e-8)
    return np.asarray(expit((new - mean) * factor @ found.mean[1:] + found.mean[0])), found.log_evidence


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    survival = {name: COHORTS[name]() for name in ("gbsg2", "whas500", "aids")} | {"flchain": flchain()}
    print("| cohort | patients | half | twice | integrated |\n|---|---|---|---|---|")
    for name, days in {"gbsg2": 730, "whas500": 365, "aids": 180, "flchain": 1825}.items():
        data = by(survival[name], days)
        for size in SIZES:
            _show(name, size, public(size, repeats, data.X, data.event.astype(np.intp)))
    for size in SIMULATED:
        _show("simulated non_response", size, made(size, repeats))


def _show(name: str, size: int, splits: Iterator[Split]) -> None:
    found = np.array([gaps(split) for split in splits])
    errors = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    cells = [f"{gap:+.4f} ({error:.4f})" for gap, error in zip(found.mean(axis=0), errors, strict=True)]
    print(f"| {name} | {size} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
