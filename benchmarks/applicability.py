"""Whom the applicability checks call unlike the training patients (docs/applicability.md).

Fresh patients of the very population the model learned from should hardly be named; planted strange ones should be.
Simulated: models are trained on many small cohorts of the embedded truth, and 1,000 fresh patients of it are asked
about. Real: a random half of a cohort is learned from, the other half asked about. The distance is asked once with what
is known of each patient and once with each number of inputs drawn from that.

    python -m benchmarks.applicability [--cohorts 20] [--real aall0232.csv]
"""

from __future__ import annotations

import argparse
import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks.interval_coverage import simulated
from riskml.cli.work import plan_jobs
from riskml.cohort.cohort import Cohort
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.domain import concerns, distance
from riskml.runtime.model import PortableModel, Value
from riskml.runtime.parsing import Reading
from riskml.training import background
from riskml.training.applicability import applicability
from riskml.training.fit import TrainingSet, fit_pipeline, portable, training_set
from riskml.training.recipe import Recipe, load_recipe
from riskml.training.transfer.case_mix import summarise

FRESH = 1000
SIMULATED = ("non_response", "efs")
# But for the last, single values lie inside the training range: the combination is strange.
PLANTED: dict[str, dict[str, dict[str, Value]]] = {
    "non_response": {
        "few CD3+, many CD19+": {"mrd": 0.001, "cd19": 0.2, "cd3": 0.16},
        "many CD3+, hardly any CD19+, MRD 25 %": {"mrd": 0.25, "cd19": 0.0015, "cd3": 1.5},
        "Ph+, many CD19+, MRD at its limit": {"bcr_abl1": 1.0, "mrd": 0.0003, "cd19": 0.25, "cd3": 1.5},
    },
    "efs": {
        "1.5 years, Ph+, few CD3+": {"age": 1.5, "bcr_abl1": 1.0, "cd3": 0.15, "disease_class_initial": "CR-MRDneg"},
        "16 years, MRD 25 %, many CD3+": {"age": 16.5, "mrd": 0.25, "cd3": 3.5, "disease_class_initial": "R/R"},
    },
    "induction_efs": {
        "2 years, 400 WBC, MRD 50 %": {"age": 2.0, "wbc": 400.0, "mrd_end_of_induction": 0.5},
        "24 years, ETV6::RUNX1, 300 WBC": {"age": 24.0, "wbc": 300.0, "etv6_runx1": 1.0, "mrd_end_of_induction": 7e-5},
        "60 years, 900 WBC, every lesion": {
            "age": 60.0,
            "wbc": 900.0,
            "mrd_end_of_induction": 0.7,
            **dict.fromkeys(("bcr_abl1", "etv6_runx1", "kmt2a_r", "tcf3_pbx1", "trisomy_4_10"), 1.0),
        },
    },
}


def learned(recipe: Recipe, rows: TrainingSet) -> tuple[PortableModel, dict[str, Any]]:
    """A model without refits, and as much of a manifest as the checks read."""
    model = portable(recipe, rows, fit_pipeline(recipe, rows)[-1].members())
    mix = summarise(rows.frame, recipe.inputs, load_dictionary(), np.zeros(len(rows.event)), features=recipe.features)
    kept = applicability(rows.frame, rows.patient, model, mix, load_dictionary())
    training = {"case_mix": mix, "applicability": kept}
    return model, {"applies_to": recipe.applies_to, "landmark": recipe.landmark, "training": training}


def tally(model: PortableModel, manifest: Mapping[str, Any], frame: Any, seed: int) -> Counter[str]:
    """How many rows each check names, and how many lie too far by the number of inputs taken."""
    found: Counter[str] = Counter()
    training, rng = manifest["training"], np.random.default_rng(seed)
    mix, thresholds = training["case_mix"]["inputs"], training["applicability"]["distance"]["thresholds"]
    for _, row in frame.iterrows():
        known = {n: v if isinstance(v, str) else float(v) for n, v in row.dropna().items()}
        readings = {name: Reading(value) for name, value in known.items()}
        said = {c.code for c in concerns(model, load_dictionary(), manifest, readings) if c.outside}
        found.update([*said, "patients", *(["any reason"] if said else [])])
        apart, parts = distance(model, mix, known)
        found["far, all known inputs"] += bool(parts) and apart > thresholds[len(parts) - 1]
        for count in range(1, len(parts) + 1):
            taken = {parts[k][1]: known[parts[k][1]] for k in rng.permutation(len(parts))[:count]}
            found[f"n {count}"] += 1
            found[f"far {count}"] += distance(model, mix, taken)[0] > thresholds[count - 1]
            found[f"one {count}"] += distance(model, mix, taken)[0] > thresholds[-1]
    return found


def report(name: str, found: Counter[str], planted: Counter[str], models: int, share: float) -> None:
    """Print one model's table."""
    print(f"\n## {name}: {found['patients']:,} fresh patients, {models} models, nominal {1 - share:.1%}\n")
    for code in ("outside_population", "outside_range", "infant", "rare_lesions", "far_from_training", "any reason"):
        print(f"{code}: {found[code] / found['patients']:.1%}")
    print(f"too far, all known inputs: {found['far, all known inputs'] / found['patients']:.1%}")
    for what, key in (("by number of inputs", "far"), ("with the threshold of complete patients", "one")):
        shares = (f"{k}: {found[f'{key} {k}'] / found[f'n {k}']:.1%}" for k in range(1, 20) if found[f"n {k}"])
        print(f"too far {what}: {', '.join(shares)}")
    for who, count in sorted(planted.items()):
        print(f"planted, {who}: {count} of {models}")


def planted_in(name: str, model: PortableModel, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Each planted patient of a model with the codes of what is said of it."""
    for who, patient in PLANTED[name].items():
        readings = {key: Reading(value) for key, value in patient.items()}
        codes = {c.code for c in concerns(model, load_dictionary(), manifest, readings) if c.outside}
        yield f"{who}: {', '.join(sorted(codes)) or 'nothing'}"


def study(name: str, recipe: Recipe, pairs: Iterator[tuple[TrainingSet, Any]]) -> None:
    """Learn from each set, ask about the patients beside it."""
    found: Counter[str] = Counter()
    planted: Counter[str] = Counter()
    shares = []
    for seed, (rows, fresh) in enumerate(pairs):
        model, manifest = learned(recipe, rows)
        found += tally(model, manifest, fresh, seed)
        planted.update(planted_in(name, model, manifest))
        shares.append(manifest["training"]["applicability"]["distance"]["share"])
    report(name, found, planted, len(shares), float(np.mean(shares)))


def ranges(recipe: Recipe, pairs: Iterator[tuple[TrainingSet, Any]]) -> None:
    """Print how many fresh patients lie beyond ranges that end at the mean of five, or half a step or a step on."""
    kept, found, step = list(pairs), [], background._STEP  # noqa: SLF001 - what is compared
    for taken in (0.0, 0.5, 1.0):
        background._STEP = taken  # noqa: SLF001
        outside = []
        for rows, fresh in kept:
            limits = background.numeric_limits(rows.frame, recipe.inputs, recipe.features, rows.patient)
            beyond = [(fresh[name] < low) | (fresh[name] > high) for name, (low, high) in limits.items()]
            outside.append(np.mean(np.any(beyond, axis=0)))
        found.append(f"{taken:g} step: {np.mean(outside):.1%}")
    background._STEP = step  # noqa: SLF001
    print(f"beyond the range, by how far it goes on: {', '.join(found)}")


def simulated_pairs(recipe: Recipe, cohorts: int) -> Iterator[tuple[TrainingSet, Any]]:
    """Small cohorts, each with fresh patients of the same truth."""
    fresh = training_set(recipe, simulated(20 * FRESH, 1_000_000)).frame
    for seed in range(cohorts):
        yield training_set(recipe, simulated(105, seed)), fresh.iloc[seed * FRESH % len(fresh) :][:FRESH]


def halves(recipe: Recipe, cohort: Cohort, splits: int) -> Iterator[tuple[TrainingSet, Any]]:
    """A random half of a cohort with the other half."""
    rows = training_set(recipe, cohort)
    for seed in range(splits):
        order = np.random.default_rng(seed).permutation(len(rows.event))
        first, second = np.array_split(order, 2)
        yield rows.take(first), rows.frame.iloc[second]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=20)
    parser.add_argument("--real", help="the public cohort of models/induction_efs")
    options = parser.parse_args()
    for name in SIMULATED:
        recipe = dataclasses.replace(load_recipe(name), learner=_first(load_recipe(name)))
        study(name, recipe, simulated_pairs(recipe, options.cohorts))
        ranges(recipe, simulated_pairs(recipe, options.cohorts))
    if options.real:
        (job,) = plan_jobs(options.real, ("induction_efs",), None, evaluate=False)
        study("induction_efs", job.recipe, halves(job.recipe, job.cohort, options.cohorts))
        ranges(job.recipe, halves(job.recipe, job.cohort, options.cohorts))


def _first(recipe: Recipe) -> dict[str, Any]:
    """The linear learner of a recipe that also names trees: quicker, and all that 105 patients get."""
    member = recipe.learner["member"][0]
    return {**member, **({"grid_months": recipe.learner["grid_months"]} if "grid_months" in recipe.learner else {})}


if __name__ == "__main__":
    main()
