"""How often monitoring cries wolf, and how soon it hears a real change.

    python benchmarks/monitoring.py [--series 500]

Ten batches of 50 patients with predicted risks around 15 %, binary outcomes and survival with censoring. Without a
change every alarm is false; with a change observed / expected is 1.5 (or 2) from the fifth batch on. Numbers of
docs/validation.md.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from riskml.training.transfer.cusum import RATIOS, watch
from riskml.training.transfer.monitor import ACTION, FALSE_ALARMS, WARNING

FloatArray = NDArray[np.float64]
BATCHES, PATIENTS, FROM = 10, 50, 4
SIMULATED = 1000


def one_series(rng: np.random.Generator, ratio: float, survival: bool, seed: int) -> tuple[int | None, FloatArray]:
    """Batch of the first CUSUM alarm (None without one) and z of every batch."""
    n = BATCHES * PATIENTS
    risk = 1 / (1 + np.exp(-rng.normal(-2, 0.9, n)))
    later = np.arange(n) >= FROM * PATIENTS
    reach: FloatArray | None = None
    if survival:
        reach = -np.log1p(-risk) * rng.uniform(0.4, 1, n)  # censored on the way to the horizon
        met = rng.standard_exponential(n) / np.where(later, ratio, 1.0)
        event, expected = met < reach, np.minimum(met, reach)
        variance = expected
    else:
        event = rng.random(n) < np.minimum(risk * np.where(later, ratio, 1.0), 1)
        expected, variance = risk, risk * (1 - risk)
    sides = [
        watch(event, expected, reach, side, false_alarms=FALSE_ALARMS / 2, seed=seed, simulated=SIMULATED)
        for side in RATIOS
    ]
    alarms = [side.alarm for side in sides if side.alarm is not None]
    excess, spread = (values.reshape(BATCHES, PATIENTS).sum(axis=1) for values in (event - expected, variance))
    return (min(alarms) // PATIENTS if alarms else None), np.asarray(excess / np.sqrt(spread))


def study(ratio: float, survival: bool, series: int) -> None:
    """Print one line."""
    rng = np.random.default_rng([int(10 * ratio), survival])
    found = [one_series(rng, ratio, survival, seed) for seed in range(series)]
    alarms = np.array([-1 if alarm is None else alarm for alarm, _ in found])
    z = np.array([values for _, values in found])
    beyond = [np.mean((np.abs(z) > limit).any(axis=1)) for limit in (WARNING, ACTION)]
    kind = "survival" if survival else "binary"
    line = f"{kind:<9} O/E {ratio:g} from batch {FROM + 1}: CUSUM alarm {np.mean(alarms >= 0):.3f}"
    if ratio != 1:
        heard = alarms[alarms >= FROM]
        early = np.mean((alarms >= 0) & (alarms < FROM))
        line += f" (before the change {early:.3f}; median {np.median(heard) - FROM + 1:.0f} batches after it)"
    print(f"{line}; any batch beyond 2 sigma {beyond[0]:.3f}, beyond 3 sigma {beyond[1]:.3f}")


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=500)
    options = parser.parse_args()
    for survival in (False, True):
        for ratio in (1.0, 1.5, 2.0):
            study(ratio, survival, options.series)


if __name__ == "__main__":
    main()
