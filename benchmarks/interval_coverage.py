"""How often the interval of one patient's non-response probability holds the true probability.

Cohorts are drawn from the generating truth with every event drawn independently; the whole pipeline, bootstrap
included, is trained on each; four fixed, complete patients are predicted. The table gives the coverage of the interval
of nominal 90 % with its Monte-Carlo standard error, the mean estimate beside the truth, and the mean width. Shrinkage
pulls estimates towards the cohort's mean, and the percentile bootstrap does not know about that bias: coverage below
nominal is expected for patients far from the mean. Cohorts with fewer than five events are counted, not trained.

    python -m benchmarks.interval_coverage [simulations] [patients ...] [--learner average|stack] [--trees 5 10 20]

``--learner average`` (or ``stack``) puts that of ridge and forest, the forest whatever the events, in place of the
ridge; ``--trees`` gives sizes of the refits' forests, all judged on the same cohorts. Each heading ends with the size
of the refits.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from riskml.cohort.cohort import Cohort, cohort_from_table
from riskml.cohort.read import RawTable
from riskml.cohort.simulate import simulate
from riskml.cohort.truth import load_truth
from riskml.errors import NotEstimableError
from riskml.runtime.members import Member, Trees
from riskml.runtime.model import PortableModel
from riskml.runtime.questions import at_months, interval
from riskml.runtime.score import value
from riskml.training.fit import fit_pipeline, portable, training_set
from riskml.training.learners.table import LEARNERS, Learner
from riskml.training.recipe import Recipe, load_recipe
from riskml.training.train import bootstrap_members

# (low, estimate, high) of every patient, and the size of the refits' JSON in MiB.
Found = tuple[list[tuple[float, float, float]], float]
Refits = tuple[tuple[Member, ...], ...]
BOOTSTRAP = 100
BASE: dict[str, float] = {"bcr_abl1": 0.0, "kmt2a_r": 0.0, "tcf3_hlf": 0.0, "mrd": 0.0052, "cd19": 0.03, "cd3": 0.7}
PATIENTS: dict[str, dict[str, float]] = {
    "typical: MRD 0.5 %": BASE,
    "MRD 20 %, few B cells": BASE | {"mrd": 0.2, "cd19": 0.001},
    "KMT2A, MRD 5 %": BASE | {"kmt2a_r": 1.0, "mrd": 0.05},
    "Ph+, MRD 5 %": BASE | {"bcr_abl1": 1.0, "mrd": 0.05},
}


def simulated(patients: int, seed: int, *, fixed_totals: bool = True) -> Cohort:
    """A simulated cohort, read as a file of it would be."""
    table = simulate(patients, seed, fixed_totals=fixed_totals).table
    return cohort_from_table(RawTable(tuple(table.columns), table, np.arange(2, len(table) + 2), "", "simulated"))


def combined(recipe: Recipe, kind: str, *kinds: str) -> Recipe:
    """The recipe with the average or stack of ``kinds`` for a learner, none left out for want of events."""
    members: list[dict[str, Any]] = [{"kind": kind, "least_events": 0} for kind in kinds]
    kept = {key: value for key, value in recipe.learner.items() if key == "grid_months"}
    return dataclasses.replace(recipe, learner={**kept, "kind": kind, "member": members})


def thinned(member: Member, trees: int) -> Member:
    """The member with its first ``trees`` trees: a smaller forest from the same seed."""
    predictor = member.predictor
    if not isinstance(predictor, Trees):
        return member
    return Member(member.weight, Trees(predictor.base, 1 / trees, predictor.trees[:trees]), member.response)


def one_cohort(patients: int, seed: int, learner: str, trees: tuple[int, ...]) -> list[Found] | None:
    """What models trained on one simulated cohort say, in the order of `main`'s headings; None if not estimable."""
    recipe = dataclasses.replace(
        load_recipe("non_response"), bootstrap=BOOTSTRAP, learner={"kind": "ridge_logistic", "prior_scale": 0.5}
    )
    if learner != "ridge":
        recipe = combined(recipe, learner, "ridge_logistic", "forest")
        grown = dataclasses.replace(LEARNERS["forest"], lighter={"n_estimators": max(trees)})
        cast("dict[str, Learner]", LEARNERS)["forest"] = grown
    try:
        rows = training_set(recipe, simulated(patients, seed, fixed_totals=False))
    except NotEstimableError:
        return None
    refits = bootstrap_members(recipe, rows, seed=seed)
    model = portable(recipe, rows, fit_pipeline(recipe, rows)[-1].members(), refits)
    found = []
    for size in trees:
        smaller = tuple(tuple(thinned(member, size) for member in members) for members in refits)
        found.append(_intervals(model.with_(bootstrap=smaller)))
    return found


def _intervals(model: PortableModel) -> Found:
    """(low, estimate, high) of every patient, and the size of the refits as JSON in MiB."""
    limits = []
    for patient in PATIENTS.values():
        centre = value(model, patient)
        low, high = interval(at_months(model), patient, centre)
        limits.append((low[0], centre[0], high[0]))
    text = json.dumps([[member.to_dict() for member in members] for members in model.bootstrap], separators=(",", ":"))
    return limits, len(text) / 2**20


def true_risks() -> Any:
    """The probability of non-response of each patient, outside any centre."""
    frame = pd.DataFrame(PATIENTS.values()).assign(age=6.0, disease_status_at_start="CR-MRDpos")
    return load_truth().non_response_probability(frame)


def show(heading: str, found: Sequence[Found]) -> None:
    """Print one table: all estimable cohorts of one size, with one size of forests."""
    truth, kept = true_risks(), np.array([limits for limits, _ in found])
    print(f"{heading}, {np.mean([size for _, size in found]):.2f} MiB of JSON")
    for k, name in enumerate(PATIENTS):
        low, centre, high = kept[:, k].T
        inside = (low <= truth[k]) & (truth[k] <= high)
        error = np.sqrt(inside.mean() * (1 - inside.mean()) / len(inside))
        print(
            f"  {name:<24} truth {truth[k]:.3f}  mean estimate {centre.mean():.3f}  coverage {inside.mean():.2f} "
            f"(SE {error:.2f})  below {np.mean(high < truth[k]):.2f}  above {np.mean(low > truth[k]):.2f}  "
            f"mean width {np.mean(high - low):.3f}",
            flush=True,
        )


def main() -> int:
    """Print one table for each size of cohort and of the refits' forests."""
    parser = argparse.ArgumentParser(description="Coverage of the interval of a prediction.")
    parser.add_argument("simulations", type=int, nargs="?", default=200)
    parser.add_argument("patients", type=int, nargs="*", default=[105, 300])
    parser.add_argument("--learner", choices=("ridge", "average", "stack"), default="ridge")
    parser.add_argument("--trees", type=int, nargs="+", default=[10], help="sizes of the refits' forests")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    trees = tuple(options.trees) if options.learner != "ridge" else (0,)
    for size in options.patients:
        tasks = (delayed(one_cohort)(size, 10_000 + i, options.learner, trees) for i in range(options.simulations))
        runs = [run for run in Parallel(n_jobs=options.jobs)(tasks) if run is not None]
        heading = f"{size} patients: {len(runs)} of {options.simulations} cohorts estimable, {BOOTSTRAP} refits, 90 %"
        kinds = [f", {number} trees a refit" for number in trees] if options.learner != "ridge" else [""]
        for k, kind in enumerate(kinds):
            show(heading + kind, [run[k] for run in runs])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
