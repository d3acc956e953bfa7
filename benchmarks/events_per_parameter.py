"""How many events a coefficient needs before a model beats saying the same of everybody.

Cohorts with P independent standard normal inputs of equal effect, 15 % events and an AUC of 0.65, 0.7 or 0.8 in truth.
The ridge and Firth's regression (with its corrected intercept) are fitted to them, and the log-loss expected of 20,000
new patients is set against that of the cohort's own prevalence. The table gives the mean difference (below zero: the
model is better), and the share of cohorts in which the model is worse.

    python -m benchmarks.events_per_parameter [cohorts of each kind]
"""

from __future__ import annotations

import math
import sys
import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, ndtri

from riskml.training.learners.firth import FirthLogistic
from riskml.training.learners.ridge_logistic import RidgeLogistic

FloatArray = NDArray[np.float64]

PARAMETERS = (4, 8, 16)
AUCS = (0.65, 0.7, 0.8)
PER_PARAMETER = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
EVENTS, LEAST_EVENTS, FRESH = 0.15, 5, 20_000


def one_cohort(parameters: int, events: int, effect: float, intercept: float, seed: int) -> tuple[float, float]:
    """Log-loss minus that of the prevalence: ridge, Firth."""
    rng = np.random.default_rng([parameters, events, seed])
    beta = np.full(parameters, effect / math.sqrt(parameters))
    everybody = rng.standard_normal((8 * round(events / EVENTS), parameters))
    came = rng.random(len(everybody)) < expit(intercept + everybody @ beta)
    # As many events as the row of the table says, and the others in proportion.
    others = round(events * (1 - EVENTS) / EVENTS)
    rows = np.concatenate([np.flatnonzero(came)[:events], np.flatnonzero(~came)[:others]])
    X, y = everybody[rows], came[rows].astype(int)
    fresh = rng.standard_normal((FRESH, parameters))
    truth = expit(intercept + fresh @ beta)

    def loss(log_odds: FloatArray | float) -> float:
        return float(np.mean(np.logaddexp(0, log_odds) - truth * log_odds))

    nothing = loss(math.log(y.mean() / (1 - y.mean())))
    ridge = RidgeLogistic().fit(X, y)
    firth = FirthLogistic().fit(X, y)
    return loss(ridge.decision_function(fresh)) - nothing, loss(firth.decision_function(fresh)) - nothing


def truth_of(auc: float) -> tuple[float, float]:
    """Standard deviation of the log-odds, and intercept, that give this AUC (nearly) and the share of events."""
    effect = math.sqrt(2) * float(ndtri(auc))
    many = effect * np.random.default_rng(0).standard_normal(200_000)
    return effect, float(brentq(lambda shift: expit(many + shift).mean() - EVENTS, -10, 10))


def main() -> int:
    """Print the table."""
    cohorts = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    warnings.simplefilter("ignore")  # Firth says where it did not converge; its loss shows it
    print("| parameters | true AUC | events a parameter | ridge - prevalence | worse | Firth - prevalence | worse |")
    print("|---|---|---|---|---|---|---|")
    for parameters in PARAMETERS:
        for auc in AUCS:
            for per in PER_PARAMETER:
                events = round(per * parameters)
                if events < LEAST_EVENTS:
                    continue
                runs = [one_cohort(parameters, events, *truth_of(auc), seed) for seed in range(cohorts)]
                ridge, firth = np.array(runs).T
                print(
                    f"| {parameters} | {auc} | {per:g} | {ridge.mean():+.4f} | {100 * (ridge > 0).mean():.0f} % "
                    f"| {firth.mean():+.4f} | {100 * (firth > 0).mean():.0f} % |",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
