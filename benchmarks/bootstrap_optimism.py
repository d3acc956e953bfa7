"""Which estimate of performance is right: apparent, corrected for optimism, .632+ or cross-validated.

And how often the interval of the corrected estimate holds what the model is worth. Cohorts are drawn from the
generating truth with every event drawn independently. The model of each is judged by a large simulated cohort, which
says what it is truly worth; the estimates know its own patients only. For each size the table gives the mean true value
and the bias and root mean squared error of every estimate, for the AUC and the Brier score, and the coverage of two
intervals of the corrected estimate of nominal 95 %: the percentiles of the refits' apparent values moved by the
optimism ("location-shifted", Noma et al. Stat Med 2021;40:5691-5701), and the intervals of an evaluation (widened
DeLong, patient bootstrap) of the apparent predictions, moved likewise.

    python -m benchmarks.bootstrap_optimism [simulations] [patients ...] [--samples 100] [--jobs 2]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from benchmarks.interval_coverage import simulated
from riskml.errors import NotEstimableError
from riskml.runtime.score import score_table
from riskml.training.fit import TrainingSet, fit_pipeline, portable, training_set
from riskml.training.judge.bootstrap import bootstrap_validation
from riskml.training.links import link_of
from riskml.training.measures import measures_of
from riskml.training.out_of_sample import Bench, estimates, out_of_fold, sample_of
from riskml.training.recipe import Recipe, load_recipe
from riskml.training.resample import cross_validation
from riskml.training.tasks import Store

MEASURES = ("auc", "brier")
NEW_PATIENTS = 4000


def recipe() -> Recipe:
    """Non-response with ridge regression alone: fast, and the member that always takes part."""
    return replace(load_recipe("non_response"), learner={"kind": "ridge_logistic", "prior_scale": 0.5})


def new_patients() -> TrainingSet:
    """Patients whom no model has seen, enough to say what it is worth."""
    return training_set(recipe(), simulated(NEW_PATIENTS, 999_999))


def truth(rows: TrainingSet, new: TrainingSet) -> dict[str, float]:
    """What the model that learned from these rows is worth in new patients."""
    chosen = recipe()
    model = portable(chosen, rows, fit_pipeline(chosen, rows)[-1].members())
    columns = {name: new.frame[name].to_numpy() for name in chosen.inputs}
    risk = score_table(model, columns, len(new.event))[:, 0]
    link, reference = link_of(model, risk, chosen.horizon_months), np.full(len(risk), rows.event.mean())
    sample = sample_of(new, chosen, risk, link, reference, None)
    return {name: measures_of(sample)[name].of(sample) for name in (*MEASURES, "log_loss")}


def one_cohort(patients: int, seed: int, samples: int, new: TrainingSet) -> dict[str, Any] | None:
    """True value, estimates and intervals of one simulated cohort; None where it has too few events."""
    try:
        rows = training_set(recipe(), simulated(patients, seed, fixed_totals=False))
    except NotEstimableError:
        return None
    with TemporaryDirectory() as folder:
        store = Store(Path(folder))
        bench = Bench(recipe(), rows, seed)
        block = bootstrap_validation(replace(bench, store=store), samples)
        own = {m: [store.get(f"boot-{k}")["own"][m] for k in range(samples)] for m in MEASURES}
        folds = cross_validation(rows.patient, rows.event, folds=5, repeats=4, seed=seed)
        points, _ = estimates(bench, folds, out_of_fold(bench, folds))
    found: dict[str, Any] = {"true": truth(rows, new), "patients": rows.n_patients}
    found["estimates"] = {
        m: {
            "apparent": block["apparent"][m],
            "corrected": block["corrected"][m]["value"],
            ".632+": block["point_632_plus"][m],
            "cross-validated": points[m],
        }
        for m in MEASURES
    }
    found["intervals"] = {}
    for m in MEASURES:
        corrected = block["corrected"][m]
        shifted = np.quantile(own[m], [0.025, 0.975]) - block["optimism"][m]
        found["intervals"][m] = {
            "location-shifted": tuple(shifted),
            "of patients": (corrected["low"], corrected["high"]),
        }
    return found


def show(runs: list[dict[str, Any]]) -> None:
    """Print bias, error and coverage of one size."""
    size = np.mean([run["patients"] for run in runs])
    print(f"{len(runs)} cohorts of {size:.0f} evaluable patients on average")
    for m in MEASURES:
        true = np.array([run["true"][m] for run in runs])
        print(f"  {m}: true {true.mean():.3f}")
        for name in runs[0]["estimates"][m]:
            off = np.array([run["estimates"][m][name] for run in runs]) - true
            error, size = off.std() / len(off) ** 0.5, np.sqrt((off**2).mean())
            print(f"    {name:<16} bias {off.mean():+.3f} (SE {error:.3f})  rmse {size:.3f}")
        for name in ("location-shifted", "of patients"):
            ends = np.array([run["intervals"][m][name] for run in runs])
            inside = (ends[:, 0] <= true) & (true <= ends[:, 1])
            print(
                f"    {name:<16} coverage {inside.mean():.2f}  mean width {np.ptp(ends, axis=1).mean():.3f}", flush=True
            )


def main() -> int:
    """Print one table for each size of cohort."""
    parser = argparse.ArgumentParser(description="Bias of apparent, corrected, .632+ and cross-validated performance.")
    parser.add_argument("simulations", type=int, nargs="?", default=100)
    parser.add_argument("patients", type=int, nargs="*", default=[105, 205, 410])
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    new = new_patients()
    for patients in options.patients:
        tasks = (delayed(one_cohort)(patients, 20_000 + i, options.samples, new) for i in range(options.simulations))
        show([run for run in Parallel(n_jobs=options.jobs)(tasks) if run is not None])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
