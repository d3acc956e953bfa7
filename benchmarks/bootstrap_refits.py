"""200 bootstrap refits of the default pipelines on 105 simulated patients: `python -m benchmarks.bootstrap_refits`.

The pipelines are those that a cohort with enough events gets (ridge and trees), trees not left out whatever the
events, on the cohort of ``riskml simulate --patients 105``: `crs` for a binary outcome, `efs` for survival. Every refit
runs everything from the table of inputs to the portable members with their posterior draw, in two worker processes.
The target of 20 s is for two free cores, so the share of each core is printed beside the wall time: processor seconds
of all processes, divided by the workers.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace

from joblib.externals.loky import get_reusable_executor

from benchmarks.interval_coverage import combined, simulated
from benchmarks.row import Row
from benchmarks.usage import seconds_used
from riskml.training.fit import TrainingSet, training_set
from riskml.training.recipe import Recipe, load_recipe
from riskml.training.train import bootstrap_members

TARGET_SECONDS = 20.0
PIPELINES = {"crs": ("stack", "ridge_logistic", "forest"), "efs": ("average", "ridge_cox", "boosting_cox")}


def measure(recipe: Recipe, rows: TrainingSet, jobs: int) -> tuple[float, float, int]:
    """Wall seconds, processor seconds and bytes of JSON of the refits; the workers' start is part of both."""
    start, before = time.perf_counter(), seconds_used()
    refits = bootstrap_members(recipe, rows, seed=0, jobs=jobs)
    wall = time.perf_counter() - start
    get_reusable_executor().shutdown(wait=True)  # children count once they have ended
    used = seconds_used() - before
    text = json.dumps([[member.to_dict() for member in members] for members in refits], separators=(",", ":"))
    return wall, used, len(text)


def rows(*, quick: bool = False) -> list[Row]:
    """Wall and processor seconds of each pipeline on two workers; a tenth of the refits where it has to be quick."""
    cohort, found = simulated(105, seed=0), []
    for name, kinds in PIPELINES.items():
        recipe = combined(load_recipe(name), *kinds)
        recipe = replace(recipe, bootstrap=recipe.bootstrap // 10) if quick else recipe
        wall, used, _ = measure(recipe, training_set(recipe, cohort), jobs=2)
        what = f"{recipe.bootstrap} refits of {kinds[0]} of {' + '.join(kinds[1:])}, 105 patients, two workers"
        found += [
            Row("bootstrap_refits", f"{what}: {how}", s, None, "s") for how, s in (("wall", wall), ("processor", used))
        ]
    return found


def main() -> int:
    """Print one line for each pipeline; ends with 1 if one misses the target."""
    parser = argparse.ArgumentParser(description="Bootstrap refits of the default pipelines.")
    parser.add_argument("--patients", type=int, default=105)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    cohort, missed = simulated(options.patients, seed=0), False
    for name, kinds in PIPELINES.items():
        recipe = combined(load_recipe(name), *kinds)
        rows = training_set(recipe, cohort)
        wall, used, size = measure(recipe, rows, options.jobs)
        share = used / options.jobs
        missed |= share > TARGET_SECONDS
        print(
            f"{name}: {recipe.bootstrap} refits, {kinds[0]} of {' + '.join(kinds[1:])}, {len(rows.event)} rows, "
            f"{rows.n_events} events: wall {wall:.1f} s, processor {used:.1f} s, {share:.1f} s a worker "
            f"(target {TARGET_SECONDS:g}), {size / 2**20:.2f} MiB of JSON",
            flush=True,
        )
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
