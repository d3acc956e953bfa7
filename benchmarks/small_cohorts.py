"""Every model of ``benchmarks.public_models`` on small cohorts, against saying the same of everybody.

    python -m benchmarks.small_cohorts [--repeats 3] [--only binary|survival]

Training sets of 60 to 400 patients with 6 to 80 events, cut out of public cohorts and judged on the other patients as
``benchmarks.tree_gate`` describes. Prints, by number of events, how much the log-loss or integrated Brier score of each
model lies above that of the prevalence or Kaplan-Meier's curve (below zero: better than the comparator), its standard
error over cohorts, and in how many training sets the model is worse. Where a library gave up, the comparator's loss
counts and the number says so.
"""

from __future__ import annotations

import argparse
import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from benchmarks.public_cohorts import COHORTS, Data, FloatArray, judge
from benchmarks.public_models import BINARY, SURVIVAL
from benchmarks.tree_gate import SHARES, SIZES, by, flchain, followed_until, splits, weighted_log_loss

IntArray = NDArray[np.intp]
COMPARATORS = {"binary": "prevalence", "survival": "Kaplan-Meier"}
# Minutes a fit on 82 inputs, or a search inside every training set, would make this an afternoon.
LEFT_OUT = ("xgboost, tuned",)


def losses(data: Data, train: IntArray, test: IntArray) -> dict[str, float]:
    """Loss of every model; nan where a library gave up."""
    warnings.simplefilter("ignore")  # the libraries' own words about separation and unfinished iterations
    X, event, new = data.X[train], data.event[train], data.X[test]
    models: Mapping[str, Any] = BINARY if data.time is None else SURVIVAL
    found = {}
    for name, model in models.items():
        if name in LEFT_OUT:
            continue
        try:
            if data.time is None:
                risk = np.asarray(model(X, event, new))[:, 0]
                found[name] = weighted_log_loss(data.event[test], risk, float(event.mean()))
            else:
                found[name] = judge(data, test, np.asarray(model(X, event, data.time[train], new, data.times)))[1]
        except (ValueError, ArithmeticError, np.linalg.LinAlgError):
            found[name] = np.nan
    return found


def show(kind: str, found: Mapping[int, Mapping[str, list[dict[str, float]]]]) -> None:
    """Print one table, a column for each number of events."""
    comparator, counts = COMPARATORS[kind], sorted(found)
    names = [name for name in next(iter(next(iter(found.values())).values()))[0] if name != comparator]
    sets = {n: sum(map(len, cohorts.values())) for n, cohorts in found.items()}
    print(
        f"\n{kind}: loss minus that of {comparator}, (SE over cohorts), share of training sets in which it is worse\n"
    )
    print(
        f"| | {' | '.join(f'{n} events, {sets[n]} sets' for n in counts)} | gave up |\n|---|{'---|' * len(counts)}---|"
    )
    gave_up: Counter[str] = Counter()
    for name in names:
        cells = []
        for n in counts:
            gaps = [np.array([row[name] - row[comparator] for row in rows]) for rows in found[n].values()]
            gave_up[name] += sum(int(np.isnan(gap).sum()) for gap in gaps)
            means: FloatArray = np.array([np.nan_to_num(gap).mean() for gap in gaps])
            worse = np.concatenate(gaps) > 0
            error = means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.nan
            cells.append(f"{means.mean():+.4f} ({error:.4f}) {100 * worse.mean():.0f} %")
        print(f"| {name} | {' | '.join(cells)} | {gave_up[name]} |", flush=True)


def main() -> None:
    """Run both studies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=tuple(COMPARATORS))
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    survival = {name: COHORTS[name]() for name in ("gbsg2", "whas500", "aids")} | {"flchain": flchain()}
    binary = {name: COHORTS[name]() for name in ("diabetes", "wisconsin")}
    for name, days in {"gbsg2": 730, "whas500": 365, "aids": 180, "flchain": 1825}.items():
        binary[f"{name} by day {days}"] = by(survival[name], days)
    for kind, cohorts in (("binary", binary), ("survival", survival)):
        if options.only in {None, kind}:
            cut = [
                (name, data, train, test)
                for name, cohort in cohorts.items()
                for share in SHARES
                for data in [cohort if cohort.time is None else followed_until(cohort, share)]
                for size in SIZES
                for train, test in splits(data, size, share, options.repeats)
            ]
            rows = Parallel(n_jobs=options.jobs)(delayed(losses)(data, train, test) for _, data, train, test in cut)
            found: dict[int, dict[str, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
            for (name, data, train, _), row in zip(cut, rows, strict=True):
                found[int(data.event[train].sum())][name].append(row)
            show(kind, found)


if __name__ == "__main__":
    main()
