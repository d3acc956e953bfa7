"""What a literature prior gains where the literature is right, and costs where it is wrong.

Cohorts of n patients with six inputs: three lesions (carried by 10, 12 and 20 %), three measurements (standard normal),
17 % events. The literature speaks of the three lesions and the first measurement: its means miss the truth by draws of
N(0, 0.4^2), as another study would (right), or that with the sign of the strongest lesion changed (one wrong), or are
the truth with every sign changed (wrong); standard deviation 0.6 in all. Each cohort is fitted with the plain ridge and
with the mixture prior (prior weight 0.5). The table gives the difference in log-loss to the plain ridge on 20,000 fresh
patients (negative: better), its standard error over cohorts, and the mean posterior weight of the literature.

    python -m benchmarks.literature_prior [cohorts of each size]
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from riskml.training.learners.literature import LiteratureLogistic
from riskml.training.learners.ridge_logistic import RidgeLogistic

FloatArray = NDArray[np.float64]

SIZES = (60, 105, 200)
KINDS = ("right", "one wrong", "wrong", "absent")
CARRIERS = np.array([0.10, 0.12, 0.20])
# Log odds ratios of a published order of size: 12, 3, 0.5 for the lesions; 2, 0.7, 1 per standard deviation.
TRUTH = np.log([12.0, 3.0, 0.5, 2.0, 0.7, 1.0])
SPOKEN_OF = np.array([True, True, True, True, False, False])
EVENTS, BETWEEN, SD, FRESH = 0.17, 0.4, 0.6, 20_000


def patients(n: int, rng: np.random.Generator) -> FloatArray:
    """Inputs of shape (n, 6)."""
    return np.column_stack([rng.random((n, 3)) < CARRIERS, rng.standard_normal((n, 3))]).astype(np.float64)


def literature(kind: str, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Prior means and standard deviations: ``right``, ``one wrong``, ``wrong`` or ``absent``."""
    if kind == "absent":
        return np.full(6, np.nan), np.full(6, np.nan)
    mean = -TRUTH if kind == "wrong" else TRUTH + BETWEEN * rng.standard_normal(6)
    mean[0] *= -1 if kind == "one wrong" else 1
    return np.where(SPOKEN_OF, mean, np.nan), np.where(SPOKEN_OF, SD, np.nan)


def one_cohort(n: int, seed: int, intercept: float) -> dict[str, tuple[float, float]]:
    """Difference in log-loss to the plain ridge, and weight of the literature, for each kind of literature."""
    rng = np.random.default_rng([n, seed])
    X, fresh = patients(n, rng), patients(FRESH, rng)
    y = rng.random(n) < expit(intercept + X @ TRUTH)
    truth = expit(intercept + fresh @ TRUTH)

    def loss(model: RidgeLogistic) -> float:
        """Log-loss of fresh patients, averaged over what may happen to them: less noise than drawing it."""
        log_odds = model.fit(X, y).decision_function(fresh)
        return float(np.mean(np.logaddexp(0, log_odds) - truth * log_odds))

    plain, found = loss(RidgeLogistic()), {}
    for kind in KINDS:
        mean, sd = literature(kind, rng)
        model = LiteratureLogistic(prior_mean=mean, prior_sd=sd)
        found[kind] = (loss(model) - plain, model.literature_weight_)
    return found


def main() -> int:
    """Print the table."""
    cohorts = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    many = patients(200_000, np.random.default_rng(0)) @ TRUTH
    intercept = float(brentq(lambda shift: expit(many + shift).mean() - EVENTS, -10, 10))
    print("| patients | literature | log-loss minus plain ridge | SE | weight of the literature | cohorts made worse |")
    print("|---|---|---|---|---|---|")
    for n in SIZES:
        runs = [one_cohort(n, seed, intercept) for seed in range(cohorts)]
        for kind in KINDS:
            gain, weight = np.array([run[kind] for run in runs]).T
            error = gain.std(ddof=1) / np.sqrt(cohorts)
            print(
                f"| {n} | {kind} | {gain.mean():+.4f} | {error:.4f} | {weight.mean():.2f} | {np.mean(gain > 0):.0%} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
