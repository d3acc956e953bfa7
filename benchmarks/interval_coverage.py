"""How often the interval of one patient's non-response probability holds the true probability.

Cohorts are drawn from the generating truth with every event drawn independently; the whole pipeline, bootstrap
included, is trained on each; four fixed, complete patients are predicted. The table gives the coverage of the interval
of nominal 90 % with its Monte-Carlo standard error, the mean estimate beside the truth, and the mean width. Shrinkage
pulls estimates towards the cohort's mean, and the percentile bootstrap does not know about that bias: coverage below
nominal is expected for patients far from the mean. Cohorts with fewer than five events are counted, not trained.

    python benchmarks/interval_coverage.py [simulations] [patients ...]
"""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from riskml.cohort.cohort import cohort_from_table
from riskml.cohort.read import RawTable
from riskml.cohort.simulate import simulate
from riskml.cohort.truth import load_truth
from riskml.errors import NotEstimableError
from riskml.runtime.score import interval, value
from riskml.training.fit import fit_pipeline, member_of, portable, training_set
from riskml.training.recipe import load_recipe
from riskml.training.train import bootstrap_members

BOOTSTRAP = 100
BASE: dict[str, float] = {"bcr_abl1": 0.0, "kmt2a_r": 0.0, "tcf3_hlf": 0.0, "mrd": 0.0052, "cd19": 0.03, "cd3": 0.7}
PATIENTS: dict[str, dict[str, float]] = {
    "typical: MRD 0.5 %": BASE,
    "MRD 20 %, few B cells": BASE | {"mrd": 0.2, "cd19": 0.001},
    "KMT2A, MRD 5 %": BASE | {"kmt2a_r": 1.0, "mrd": 0.05},
    "Ph+, MRD 5 %": BASE | {"bcr_abl1": 1.0, "mrd": 0.05},
}


def one_cohort(patients: int, seed: int) -> list[tuple[float, float, float]] | None:
    """(low, estimate, high) of every patient by a model trained on one simulated cohort; None if not estimable."""
    recipe = dataclasses.replace(load_recipe("non_response"), bootstrap=BOOTSTRAP)
    table = simulate(patients, seed, fixed_totals=False).table
    raw = RawTable(tuple(table.columns), table, np.arange(2, len(table) + 2), "", "simulated")
    try:
        rows = training_set(recipe, cohort_from_table(raw))
    except NotEstimableError:
        return None
    member = member_of(recipe, fit_pipeline(recipe, rows))
    model = portable(recipe, rows, member, bootstrap_members(recipe, rows, seed=seed))
    found = []
    for patient in PATIENTS.values():
        centre = value(model, patient)
        low, high = interval(model, patient, (), centre)
        found.append((low[0], centre[0], high[0]))
    return found


def true_risks() -> Any:
    """The probability of non-response of each patient, outside any centre."""
    frame = pd.DataFrame(PATIENTS.values()).assign(age=6.0, disease_status_at_start="CR-MRDpos")
    return load_truth().non_response_probability(frame)


def main() -> int:
    """Print one table for each size of cohort."""
    simulations = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    sizes = [int(size) for size in sys.argv[2:]] or [105, 300]
    truth = true_risks()
    for size in sizes:
        runs = Parallel(n_jobs=2)(delayed(one_cohort)(size, 10_000 + seed) for seed in range(simulations))
        kept = np.array([run for run in runs if run is not None])
        print(f"{size} patients: {len(kept)} of {simulations} cohorts estimable, {BOOTSTRAP} bootstrap members, 90 %")
        for k, name in enumerate(PATIENTS):
            low, centre, high = kept[:, k].T
            inside = (low <= truth[k]) & (truth[k] <= high)
            error = np.sqrt(inside.mean() * (1 - inside.mean()) / len(inside))
            print(
                f"  {name:<24} truth {truth[k]:.3f}  mean estimate {centre.mean():.3f}  coverage {inside.mean():.2f} "
                f"(SE {error:.2f})  below {np.mean(high < truth[k]):.2f}  above {np.mean(low > truth[k]):.2f}  "
                f"mean width {np.mean(high - low):.2f}"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
