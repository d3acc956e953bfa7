"""From how many events on does an average with trees beat the ridge alone? `python -m benchmarks.tree_gate`.

Training sets of 60 to 400 patients with 10 % or 20 % events are cut out of public cohorts and judged on up to 2,000 of
the other patients, and the losses of equal averages of the ridge with forest, boosting or both are set against the
ridge's on the same patients. A test set has to be of the same kind as the training set, or the comparison is one of
luck with the shift: binary losses weight cases and others to the training set's share, and survival cohorts are
followed only until that share of all patients has had the event. Binary cohorts include survival cohorts asked for the
event by a month, without those censored before it.

Prints, by number of events and for each average, the mean difference of log-loss or integrated Brier score over cohorts
(below zero: the average is better), its standard error over cohorts and in how many cohorts it is better; then what the
ridge itself gains or loses over saying the prevalence or Kaplan-Meier's curve.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from sksurv.datasets import load_flchain

from benchmarks.public_cohorts import COHORTS, Data, FloatArray, _numbers, judge
from benchmarks.public_models import BINARY, SURVIVAL

SIZES, SHARES, LEAST_EVENTS = (60, 100, 200, 400), (0.1, 0.2), 6
MOST_TESTED = 2000
# How many times the patients of a training set a cohort must have, with and without the event.
SPARE = 1.4
AVERAGES = {"+ forest": (0, 1), "+ boosting": (0, 2), "+ both": (0, 1, 2)}
MEMBERS = ("riskml ridge", "riskml forest", "riskml boosting")
IntArray = NDArray[np.intp]


def flchain() -> Data:
    """Deaths of 7,874 people with free light chains measured; the chapter is known of the dead only."""
    X, y = load_flchain()
    event, days = (y[field] for field in y.dtype.names)
    return Data(_numbers(X.drop(columns="chapter")), event, np.maximum(days.astype(float), 0.5), np.empty(0))


def by(data: Data, time: float) -> Data:
    """Whether the event came by ``time``, in the cohort's own unit, of those whose answer is known."""
    assert data.time is not None
    came = data.event & (data.time <= time)
    known = came | (data.time > time)
    return Data(data.X[known], came[known], None, np.empty(0))


def followed_until(data: Data, share: float) -> Data:
    """The cohort with its follow-up ended when ``share`` of all patients have had the event."""
    assert data.time is not None
    times = np.sort(data.time[data.event])
    end = float(times[min(len(times), round(share * len(data.event))) - 1])
    event, time = data.event & (data.time <= end), np.minimum(data.time, end)
    return Data(data.X, event, time, np.linspace(0.1, 0.95, 15) * end)


def splits(data: Data, size: int, share: float, repeats: int) -> Iterator[tuple[IntArray, IntArray]]:
    """Rows to learn from and rows to judge on; none where the cohort has too few."""
    cases, others = np.flatnonzero(data.event), np.flatnonzero(~data.event)
    n_cases = max(LEAST_EVENTS, round(size * share))
    if len(cases) < SPARE * n_cases or len(others) < SPARE * (size - n_cases):
        return
    for seed in range(repeats):
        rng = np.random.default_rng([size, n_cases, seed])
        train = np.concatenate([rng.choice(cases, n_cases, False), rng.choice(others, size - n_cases, False)])
        test = np.setdiff1d(np.arange(len(data.event)), train)
        yield train, np.sort(rng.permutation(test)[:MOST_TESTED])


def losses(data: Data, train: IntArray, test: IntArray) -> FloatArray:
    """Loss of the ridge, of each average and of no model."""
    X, event, new = data.X[train], data.event[train], data.X[test]
    if data.time is None:
        single = [BINARY[name](X, event, new)[:, 0] for name in (*MEMBERS, "prevalence")]
        share = float(event.mean())
        return np.array([weighted_log_loss(data.event[test], answer, share) for answer in _averaged(single)])
    time = data.time[train]
    single = [SURVIVAL[name](X, event, time, new, data.times) for name in (*MEMBERS, "Kaplan-Meier")]
    return np.array([judge(data, test, curve)[1] for curve in _averaged(single)])


def _averaged(single: list[FloatArray]) -> list[FloatArray]:
    return [single[0], *(np.mean([single[k] for k in chosen], axis=0) for chosen in AVERAGES.values()), single[-1]]


def weighted_log_loss(truth: NDArray[np.bool_], risk: FloatArray, share: float) -> float:
    """Log-loss with cases and others weighted as if ``share`` were cases."""
    p = np.clip(risk, 1e-6, 1 - 1e-6)
    return float(-share * np.log(p[truth]).mean() - (1 - share) * np.log(1 - p[~truth]).mean())


def study(cohorts: Mapping[str, Data], repeats: int) -> dict[int, dict[str, list[FloatArray]]]:
    """Losses by number of events and cohort."""
    found: dict[int, dict[str, list[FloatArray]]] = defaultdict(lambda: defaultdict(list))
    for name, cohort in cohorts.items():
        for share in SHARES:
            data = cohort if cohort.time is None else followed_until(cohort, share)
            for size in SIZES:
                for train, test in splits(data, size, share, repeats):
                    found[int(data.event[train].sum())][name].append(losses(data, train, test))
    return found


def show(title: str, found: Mapping[int, Mapping[str, list[FloatArray]]]) -> None:
    """Print one table."""
    print(
        f"\n{title}\n\n| events | sets | {' | '.join(AVERAGES)} | ridge - none |\n|---|---|{'---|' * len(AVERAGES)}---|"
    )
    for n_events in sorted(found):
        means = np.array([np.mean(rows, axis=0) for rows in found[n_events].values()])
        cells = [_cell(means[:, 1 + k] - means[:, 0]) for k in range(len(AVERAGES))]
        sets = sum(map(len, found[n_events].values()))
        print(f"| {n_events} | {sets} | {' | '.join(cells)} | {(means[:, 0] - means[:, -1]).mean():+.4f} |", flush=True)


def _cell(gaps: FloatArray) -> str:
    error = gaps.std(ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else np.nan
    return f"{gaps.mean():+.4f} ({error:.4f}), {(gaps < 0).sum()} of {len(gaps)}"


def main() -> None:
    """Run both studies."""
    parser = argparse.ArgumentParser(description="Averages with trees against the ridge, by number of events.")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--only", choices=("binary", "survival"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    survival = {name: COHORTS[name]() for name in ("gbsg2", "whas500", "aids")} | {"flchain": flchain()}
    binary = {name: COHORTS[name]() for name in ("diabetes", "wisconsin")}
    for name, days in {"gbsg2": 730, "whas500": 365, "aids": 180, "flchain": 1825}.items():
        binary[f"{name} by day {days}"] = by(survival[name], days)
    if options.only != "survival":
        show("Binary: log-loss less that of the ridge", study(binary, options.repeats))
    if options.only != "binary":
        show("Survival: IBS less that of the ridge", study(survival, options.repeats))


if __name__ == "__main__":
    main()
