"""How often the 95 % bootstrap band of net benefit holds the truth, by events seen and by patients treated.

Behind the floors in ``riskml/training/judge/shown.py``: a logistic model that is right, patients drawn from its
population, net benefit at five thresholds, 300 resamples each.

    python benchmarks/decision_band_coverage.py
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

SIZES = [(5, 51), (9, 51), (15, 51), (5, 105), (9, 105), (15, 105), (25, 105)]  # expected events, patients
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4)
REPEATS, N_BOOT, SPREAD = 400, 300, 1.2
STEPS = (0, 1, 5, 8, 10, 15, 20)


def step(number: int) -> str:
    """The step a count belongs to, in words."""
    place = int(np.searchsorted(STEPS, number, side="right")) - 1
    first = STEPS[place]
    return f"{first:2d} or more" if place == len(STEPS) - 1 else f"{first:2d} to {STEPS[place + 1] - 1}"


def main() -> None:
    """Print coverage by events where five or more are treated, and by patients treated."""
    rng, held = np.random.default_rng(1), defaultdict(list)
    population = rng.normal(size=200_000)
    for expected, n in SIZES:

        def excess(intercept: float, share: float = expected / n) -> float:
            return float(expit(intercept + SPREAD * population).mean() - share)

        intercept = brentq(excess, -12.0, 5.0)
        true_risk = expit(intercept + SPREAD * population)
        for threshold in THRESHOLDS:
            odds = threshold / (1 - threshold)
            truth = np.mean((true_risk >= threshold) * (true_risk - (1 - true_risk) * odds))
            for _ in range(REPEATS):
                risk = expit(intercept + SPREAD * rng.normal(size=n))
                event, treated = rng.random(n) < risk, risk >= threshold
                gains = treated * (event - ~event * odds)
                draws = rng.multinomial(n, np.full(n, 1 / n), N_BOOT) @ gains / n
                low, high = np.quantile(draws, [0.025, 0.975])
                held["patients treated", step(int(treated.sum()))].append(low <= truth <= high)
                if treated.sum() >= 5:
                    held["events, five or more treated", step(int(event.sum()))].append(low <= truth <= high)
    for (what, shown), hits in sorted(held.items()):
        print(f"{what:30s} {shown:12s} samples {len(hits):5d}   coverage {np.mean(hits):.3f}")


if __name__ == "__main__":
    main()
