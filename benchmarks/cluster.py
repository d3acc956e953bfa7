"""A training on a Dask cluster of this machine beside joblib's processes: ``python -m benchmarks.cluster``.

The same recipe with one process, with two, and with two Dask workers of one thread each that are already running, as on
a cluster they are. Every way must give the same bundle. A task that does nothing shows what Dask itself costs, and
scoring of parts what a row costs, on which docs/clusters.md plans a registry of millions.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.interval_coverage import combined, simulated
from benchmarks.row import Row
from benchmarks.score_throughput import write_patients
from riskml.cohort.cohort import Cohort, read_cohort
from riskml.cohort.score_parts import find_parts, score_part
from riskml.resources import folder
from riskml.runtime.bundle import open_bundle
from riskml.training.fit import TrainingSet, training_set
from riskml.training.recipe import Recipe, load_recipe
from riskml.training.tasks import run_tasks
from riskml.training.train import bootstrap_members, train
from riskml.training.workers import workers

PARTS = 8


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Wall seconds, and what the call gave."""
    start = time.perf_counter()
    found = call()
    return time.perf_counter() - start, found


def nothing(number: int) -> int:
    """The cheapest task there is."""
    return number


def training(address: str, *, quick: bool) -> list[Row]:
    """Refits of quick and of slow pipelines with trees, and a whole training with its evaluation, three ways."""
    cohort = read_cohort(folder("features") / "synthetic" / "cohort.csv")
    refits, repeats = (20, 1) if quick else (200, 10)
    recipe = replace(load_recipe("efs"), bootstrap=refits, repeats=repeats)
    boosted = combined(recipe, "average", "ridge_cox", "boosting_cox")
    forest = combined(replace(load_recipe("crs"), bootstrap=refits), "stack", "ridge_logistic", "forest")
    work: dict[str, Callable[[int], Any]] = {
        f"{refits} refits of ridge and boosting": partial(refitted, boosted, training_set(boosted, cohort)),
        f"{refits} refits of ridge and forest, stacked": partial(
            refitted, forest, training_set(forest, simulated(105, seed=0))
        ),
        f"efs trained and judged ({repeats} x {recipe.folds} folds, {refits} refits)": partial(trained, recipe, cohort),
    }
    small = replace(recipe, repeats=1, bootstrap=4)

    def run(jobs: int) -> list[tuple[float, Any]]:
        trained(small, cohort, jobs)  # the processes are up and have imported all
        return [timed(partial(call, jobs)) for call in work.values()]

    one, two = run(1), run(2)
    with workers(address):
        dask = run(1)
    assert [found for _, found in one] == [found for _, found in two] == [found for _, found in dask], "numbers moved"
    return [
        Row("cluster", f"{what}, two Dask workers; {beside}", dask[k][0], other[k][0], "s")
        for k, what in enumerate(work)
        for beside, other in (("one process", one), ("two processes of joblib", two))
    ]


def refitted(recipe: Recipe, rows: TrainingSet, jobs: int) -> Any:
    """The members of all refits."""
    return bootstrap_members(recipe, rows, seed=0, jobs=jobs)


def trained(recipe: Recipe, cohort: Cohort, jobs: int) -> Any:
    """The bundle, as ``riskml train`` makes it."""
    return train(recipe, cohort, jobs=jobs)


def tasks(address: str) -> list[Row]:
    """What a task costs that does nothing."""
    work = {str(k): (k,) for k in range(500)}
    with workers(address):
        seconds, _ = timed(lambda: run_tasks(nothing, work))
    return [Row("cluster", "a task that does nothing, on two Dask workers", 1e3 * seconds / len(work), None, "ms")]


def scoring(address: str, *, quick: bool) -> list[Row]:
    """Parquet parts of a linear model, here and on two workers."""
    rows, bundle = 20_000 if quick else 400_000, open_bundle(folder("models") / "non_response" / "bundle")
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for part in range(PARTS):
            write_patients(home / f"part-{part}.parquet", rows // PARTS)
        parts = find_parts(home)

        def score(out: str) -> None:
            (home / out).mkdir()
            run_tasks(score_part, {n: (bundle, None, None, part, home / out / n) for n, part in parts.items()})

        here, _ = timed(lambda: score("here"))
        with workers(address):
            score("first")  # the workers have imported what they need
            there, _ = timed(lambda: score("there"))
    what = f"{rows:,} rows of Parquet in {PARTS} parts scored"
    return [
        Row("cluster", f"{what}, two Dask workers; one process", there, here, "s"),
        Row("cluster", f"{what}, one process: a row", 1e6 * here / rows, None, "microseconds"),
    ]


def rows(*, quick: bool = False) -> list[Row]:
    """All of it, on a cluster that is up."""
    from distributed import LocalCluster  # noqa: PLC0415 - an extra

    settings = {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": ":0"}
    with LocalCluster(**settings, silence_logs=50) as cluster:  # type: ignore[no-untyped-call, unused-ignore]
        address = cluster.scheduler_address
        return [*training(address, quick=quick), *tasks(address), *scoring(address, quick=quick)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A training on a Dask cluster of this machine.")
    parser.add_argument("--quick", action="store_true")
    for row in rows(quick=parser.parse_args().quick):
        beside = "" if row.theirs is None else f"{row.theirs:>9.3f} {row.ratio:>6.2f}"
        print(f"{row.what:<110} {row.ours:>9.3f} {row.unit:<12} {beside}", flush=True)


if __name__ == "__main__":
    main()
