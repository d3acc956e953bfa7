"""S(6), S(12), S(24) from the smoothed baseline and from Efron's steps, where the true hazard is known.

    python -m benchmarks.smooth_baseline [simulations, default 300]

Events come with a constant, a falling (Weibull, shape 0.5) or a rising and falling (log-logistic, shape 2.2) hazard and
two inputs, log hazard ratios 0.7 and 0; patients leave evenly between 12 and 60 months. Both estimates have the same
coefficients. Errors are those of the patient with inputs 0.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from riskml.training.learners.ridge_cox import RidgeCox

FloatArray = NDArray[np.float64]

MONTHS = np.array([6.0, 12.0, 24.0])
GRIDS = {"10 months": (1, 2, 3, 6, 9, 12, 18, 24, 30, 36), "6, 12, 24": (6, 12, 24)}
# Cumulative hazard and its inverse.
TRUTHS: Mapping[str, tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray]]] = {
    "constant": (lambda t: 0.03 * t, lambda h: h / 0.03),
    "falling": (lambda t: 0.21 * np.sqrt(t), lambda h: (h / 0.21) ** 2),
    "hump": (lambda t: np.log1p((t / 14) ** 2.2), lambda h: 14 * np.expm1(h) ** (1 / 2.2)),
}


def cohort(rng: np.random.Generator, n: int, truth: str) -> tuple[FloatArray, NDArray[np.void]]:
    """Inputs and outcome of ``n`` patients."""
    X = rng.normal(size=(n, 2))
    at_event = TRUTHS[truth][1](rng.exponential(np.exp(-0.7 * X[:, 0])))
    left = rng.uniform(12, 60, n)
    y = np.empty(n, dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = at_event <= left, np.minimum(at_event, left)
    return X, y


def errors(n: int, truth: str, simulations: int) -> dict[str, FloatArray]:
    """Error of S(t) of each estimate, shape (simulations, 3), by its name."""
    rng, true = np.random.default_rng(1), np.exp(-TRUTHS[truth][0](MONTHS))
    found: dict[str, list[FloatArray]] = {name: [] for name in ("steps", *GRIDS)}
    for _ in range(simulations):
        X, y = cohort(rng, n, truth)
        for name, rows in found.items():
            model = RidgeCox(time_grid=GRIDS.get(name)).fit(X, y)
            rows.append(model.predict_survival(np.zeros((1, 2)), MONTHS)[0] - true)
    return {name: np.array(rows) for name, rows in found.items()}


def main() -> int:
    """Print the table."""
    simulations = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print(
        "| hazard | patients | baseline | bias at 6, 12, 24 months | root mean square error | squared error / steps |"
    )
    print("|---|---|---|---|---|---|")
    for truth in TRUTHS:
        for n in (105, 300):
            found = errors(n, truth, simulations)
            squared = {name: (error**2).mean(axis=0) for name, error in found.items()}
            for name, error in found.items():
                bias, root = _row(error.mean(axis=0), "+.3f"), _row(np.sqrt(squared[name]), ".3f")
                print(f"| {truth} | {n} | {name} | {bias} | {root} | {_row(squared[name] / squared['steps'], '.2f')} |")
    return 0


def _row(values: FloatArray, form: str) -> str:
    return ", ".join(format(value, form) for value in values)


if __name__ == "__main__":
    raise SystemExit(main())
