"""Shapley values of linear members by the product form: time and error, ``python -m benchmarks.many_inputs``.

50 prototypes, as many as a bundle has. Up to 12 inputs the product form is compared with the enumeration of all
coalitions; beyond that its error is shown by the sum of the effects, which must lead from the mean answer of the
prototypes to that of the patient. Times are those of the processor, on one thread: of one patient in pure Python, and
of one row of a table of 100 in numpy. The last column says where the two ways cost the same, in the terms of
``_ENUMERATED`` in riskml/runtime/explain.py.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.row import Row
from riskml.runtime.additive_games import shapley, shapley_table
from riskml.runtime.responses import LOGISTIC
from riskml.runtime.sigmoids import sigmoid_of
from riskml.runtime.subsets import shapley_of_table
from riskml.runtime.time_responses import Accelerated, Baseline

N_PROTOTYPES, N_ROWS, RUNS = 50, 100, 5
HAZARD = Baseline((0.0, 6.0, 12.0, 24.0), (0.0, 0.2, 0.5, 0.7))
MANY = tuple(np.linspace(0.5, 24.0, 48).tolist())
QUESTIONS: dict[str, tuple[Any, tuple[float, ...]]] = {
    "probability": (LOGISTIC, ()),
    "S(t), Cox, 3 months": (HAZARD, (6.0, 12.0, 24.0)),
    "S(t), Cox, 48 months": (HAZARD, MANY),
    "S(t), log-normal, 3 months": (Accelerated("lognormal", 1.0, 24.0), (6.0, 12.0, 24.0)),
}


def timed(call: Callable[[], Any], runs: int = RUNS) -> tuple[Any, float]:
    """What the call gives, and the shortest of its times in milliseconds."""
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        found = call()
        seconds.append(time.process_time() - start)
    return found, 1e3 * min(seconds)


def enumerate_coalitions(
    starts: Sequence[float], moves: Sequence[Sequence[float]], response: Any, times: Sequence[float]
) -> list[list[float]]:
    """Shapley values by v(S) of all coalitions, shape (n_names, n_answers)."""
    points = [list(starts)]
    for move in moves:
        points += [[z + d for z, d in zip(point, move, strict=True)] for point in points]
    prepared = response.prepare(times)
    worths = [response.mean(point, [1 / N_PROTOTYPES] * N_PROTOTYPES, prepared) for point in points]
    effects = [shapley_of_table(column, len(moves)) for column in zip(*worths, strict=True)]
    return [list(row) for row in zip(*effects, strict=True)]


def measure(name: str, n: int) -> tuple[float, float]:
    """Print one line; milliseconds of the product form and of the enumeration, which beyond 12 inputs is not done."""
    response, times = QUESTIONS[name]
    random = np.random.default_rng(n)
    slopes = random.normal(size=n) * 1.2 / np.sqrt(n)  # the linear predictor has a standard deviation of about 1.2
    theirs, mine = random.normal(size=(N_PROTOTYPES, n)) * slopes, random.normal(size=(N_ROWS, n)) * slopes
    starts = theirs.sum(axis=1) - 1.0
    moves = mine[:, :, None] - theirs.T
    sigmoid = sigmoid_of(response, times)
    assert sigmoid is not None
    weights, prepared = np.full(N_PROTOTYPES, 1 / N_PROTOTYPES), response.prepare(times)
    game = (starts.tolist(), moves[0].tolist())
    found, milliseconds = timed(lambda: shapley(*game, weights.tolist(), sigmoid))
    table, table_milliseconds = timed(lambda: shapley_table(starts, moves, weights, sigmoid), 1)
    ends = [response.mean(z.tolist(), weights.tolist(), prepared) for z in (starts, starts + moves[0].sum(axis=0))]
    totals = [high - low for low, high in zip(*ends, strict=True)]
    sum_error = float(np.abs(np.sum(found, axis=0) - totals).max())
    table_error = float(np.abs(table[0] - found).max())
    line = (
        f"{name:<28}{n:>4}{milliseconds:>9.1f}{table_milliseconds / N_ROWS:>9.2f}{sum_error:>10.0e}{table_error:>10.0e}"
    )
    slow = float("nan")
    if n <= 12:
        exact, slow = timed(lambda: enumerate_coalitions(*game, response, times), 1 + (n <= 8))
        error = float(np.abs(np.array(exact) - found).max())
        equal = (1 << n) * (2 + len(times)) / n * milliseconds / slow
        line += f"{slow:>12.1f}{error:>10.0e}{equal:>9.0f}"
    print(line)
    return milliseconds, slow


def rows(*, quick: bool = False) -> list[Row]:
    """The product form beside the enumeration, with what is printed."""
    n = 10 if quick else 12
    found = {name: measure(name, n) for name in QUESTIONS}
    what = f"Shapley values of {n} inputs"
    return [Row("many_inputs", f"{what}, {name}; enumeration", *pair, "ms") for name, pair in found.items()]


def main() -> None:
    """Measure and print."""
    print(f"Python {sys.version.split()[0]}, numpy {np.__version__}, {N_PROTOTYPES} prototypes; milliseconds")
    print(f"{'answer':<28}{'n':>4}{'product':>9}{'a row':>9}{'sum err.':>10}{'row err.':>10}", end="")
    print(f"{'enumerated':>12}{'error':>10}{'equal at':>9}")
    for name in QUESTIONS:
        for n in (8, 10, 12, 20, 50):
            measure(name, n)


if __name__ == "__main__":
    main()
