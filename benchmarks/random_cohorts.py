"""1,000 random small cohorts through `evaluate`: numbers, or a reason; `python -m benchmarks.random_cohorts [cohorts]`.

20 to 120 patients with 2 to 30 events, heavy censoring, ties, several courses, centres of one patient, columns that are
constant, nearly empty or the same for all with the event. Two repeats and 60 bootstrap samples an interval keep it to a
second or two a cohort; `--whole` takes what a user gets. Anything but an evaluation or a reasoned "not estimable" is
printed with the number of the cohort, and ends with exit code 1.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import traceback
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from benchmarks.interval_coverage import simulated
from riskml.cohort.cohort import Cohort
from riskml.errors import NotEstimableError
from riskml.training import measures
from riskml.training.evaluate import evaluate
from riskml.training.judge import calibration_curves, subgroups, utility
from riskml.training.recipe import load_recipe

MODELS = ("non_response", "icans", "efs", "overall_survival", "relapse")


def random_cohort(seed: int) -> Cohort:
    """A cohort nobody would wish for: what simulation gives, cut, censored, tied and spoiled."""
    rng = np.random.default_rng(seed)
    cohort = simulated(int(rng.integers(40, 241)), seed, fixed_totals=False)
    frame = cohort.frame.copy()
    people = frame["patient_id"].unique()
    kept = frame["patient_id"].isin(rng.permutation(people)[: int(rng.integers(20, 121))])
    frame = frame[kept].reset_index(drop=True)
    for spoil in (_few_events, _censored, _tied, _spoiled_inputs, _odd_centres):
        spoil(frame, rng)
    return dataclasses.replace(cohort, frame=frame, row_numbers=np.arange(2, len(frame) + 2))


def _few_events(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    """2 to 30 events of each kind, whoever has them."""
    places = rng.permutation(len(frame))[: int(rng.integers(2, 31))]
    if rng.random() < 0.5:
        frame["response"] = np.where(frame["response"].isin(["response", "no_response"]), "response", frame["response"])
        frame.loc[places, "response"] = "no_response"
    if rng.random() < 0.5:
        frame["icans_grade"] = 0.0
        frame.loc[places, "icans_grade"] = 2.0
    if rng.random() < 0.7:
        frame["efs_event"], frame["os_event"] = "none", 0.0
        frame.loc[places, "efs_event"] = rng.choice(["relapse", "death", "no_response"], len(places))
        frame.loc[places, "efs_time"] = rng.uniform(0.1, 20, len(places))
        dead = frame.index.isin(places) & ((frame["efs_event"] == "death") | (rng.random(len(frame)) < 0.6))
        frame.loc[dead, "os_event"] = 1.0
        frame["os_time"] = frame["efs_time"] + np.where(frame["efs_event"] == "relapse", rng.uniform(0, 9), 0.0)


def _censored(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    """Follow-up that ends early for many, in some cohorts before the horizon for all."""
    if rng.random() < 0.5:
        return
    end = rng.exponential(rng.choice([4.0, 12.0, 40.0]), len(frame)) + 0.03
    for time, event, none in (("efs_time", "efs_event", "none"), ("os_time", "os_event", 0.0)):
        if time in frame and event in frame:
            lost = frame[time] > end
            frame.loc[lost, event] = none
            frame[time] = np.minimum(frame[time], end)


def _tied(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    """Times to the month, or to half a year."""
    step = rng.choice([0.0, 1.0, 6.0])
    for time in ("efs_time", "os_time", "relapse_time"):
        if step and time in frame:
            frame[time] = np.ceil(frame[time] / step) * step


def _spoiled_inputs(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    for name in ("bcr_abl1", "kmt2a_r", "tcf3_hlf", "mrd", "cd19", "cd3", "age"):
        if name not in frame:
            continue
        how = rng.integers(0, 8)
        if how == 0:
            frame[name] = np.nan
        elif how == 1:
            frame[name] = frame[name].max()
        elif how == 2:
            frame.loc[rng.random(len(frame)) < 0.9, name] = np.nan
        elif how == 3 and "response" in frame:
            frame[name] = (frame["response"] == "no_response").astype(float)


def _odd_centres(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    """One centre, many of one patient, or none known."""
    how = rng.integers(0, 4)
    choices: dict[int, list[str | None]] = {0: ["A"], 1: [f"c{k}" for k in range(len(frame))], 2: [None, "A", "B"]}
    if labels := choices.get(int(how)):
        frame["centre"] = np.array(labels, dtype=object)[rng.integers(0, len(labels), len(frame))]


def judged(seed: int, *, whole: bool) -> tuple[int, str, str]:
    """Seed, model and what came out: ``numbers``, ``not estimable: ...`` or the traceback."""
    rng = np.random.default_rng([seed, 1])
    name = str(rng.choice(MODELS))
    recipe = dataclasses.replace(load_recipe(name), force_horizon=bool(rng.random() < 0.8))
    if not whole:
        measures.N_BOOT = utility.N_BOOT = calibration_curves.N_BOOT = subgroups.N_BOOT = 60
        recipe = dataclasses.replace(recipe, repeats=2, bootstrap=10)
    try:
        found = evaluate(recipe, random_cohort(seed), seed=seed, thorough=bool(rng.random() < 0.2)).as_dict()
        wrong = [place for place, value in numbers(found) if not math.isfinite(value)]
        json.dumps(found, allow_nan=False)
    except NotEstimableError as reason:
        return seed, name, f"not estimable: {str(reason).partition(':')[2] or reason}"
    except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
        return seed, name, traceback.format_exc(limit=-3)
    return seed, name, f"not finite: {wrong}" if wrong else "numbers"


def numbers(found: Any, place: str = "") -> Iterator[tuple[str, float]]:
    """Every number of plain data, with where it is."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from numbers(value, f"{place}.{key}")
    elif isinstance(found, list):
        for k, value in enumerate(found):
            yield from numbers(value, f"{place}[{k}]")
    elif isinstance(found, float):
        yield place, found


def main() -> int:
    """Print what came out, by model."""
    parser = argparse.ArgumentParser(description="Random small cohorts through evaluate.")
    parser.add_argument("cohorts", type=int, nargs="?", default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first cohort")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--whole", action="store_true", help="as many repeats and bootstrap samples as a user gets")
    options = parser.parse_args()
    tasks = (
        delayed(judged)(seed, whole=options.whole) for seed in range(options.first, options.first + options.cohorts)
    )
    results = Parallel(n_jobs=options.jobs)(tasks)
    wrong = [one for one in results if not one[2].startswith(("numbers", "not estimable"))]
    for seed, name, text in wrong:
        print(f"cohort {seed}, {name}:\n{text}")
    for name in MODELS:
        print(name, dict(Counter(text.partition(":")[0] for _, model, text in results if model == name)))
    print(f"{len(results)} cohorts, {len(wrong)} neither judged nor refused with a reason")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
