"""Hand-made bundles: no training, every number chosen so that a test can say what must stand in the report."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from riskml.runtime.bundle import golden_entry, seal
from riskml.runtime.card import card
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.members import Linear, Member, Tree, Trees
from riskml.runtime.model import Feature, PortableModel
from riskml.runtime.responses import LOGISTIC, PROBABILITY
from riskml.runtime.time_responses import Baseline, Curve
from riskml.training.aggregates import explanation_of, importance_of
from riskml.training.importance import Rows


def interval(value, low, high):
    return {"value": value, "low": low, "high": high, "level": 0.95, "method": "by hand"}


def evaluation(kind):
    survival = kind == "survival"
    rank, gain = ("c_index", "ipa") if survival else ("auc", "scaled_brier")
    return {
        "kind": kind,
        "horizon_months": 12.0 if survival else None,
        "metrics": {
            rank: interval(0.64, 0.52, 0.75),
            "brier": interval(0.12, 0.08, 0.16),
            gain: interval(0.07, -0.05, 0.15),
            "calibration_slope": interval(0.9, 0.2, 1.6),
            "observed_expected": interval(1.02, 0.6, 1.4),
        },
        "comparator": {
            "name": "Kaplan-Meier" if survival else "prevalence",
            "value": 0.16,
            "brier": 0.13,
            "c_index" if survival else "auc": 0.5,
        },
        "plan": {"method": "repeated cross-validation, grouped by patient", "folds": 5, "repeats": 10, "digest": "abc"},
        "folds_not_estimable": 0,
        "calibration": {
            "predicted": [0.05, 0.1, 0.3],
            "observed": [0.0, 0.1, 0.35],
            "low": [0.0, 0.02, 0.2],
            "high": [0.15, 0.3, 0.55],
            "patients": [20, 20, 20],
        },
        "distribution": {
            "probabilities": [0.1, 0.25, 0.5, 0.75, 0.9],
            "with_event": [0.1, 0.15, 0.25, 0.4, 0.5],
            "without_event": [0.02, 0.05, 0.1, 0.2, 0.3],
            "n_with": 9,
            "n_without": 51,
        },
    }


def planning(kind):
    return {
        "kind": kind,
        "patients": 60,
        "events": 9,
        "events_per_parameter": 3.0,
        "assumed": {"given": False, "c_statistic": 0.7, "r2": 0.08, "largest_r2": 0.57},
        "patients_needed": 400,
        "events_needed": 60,
        "met": False,
        "expected_shrinkage": 0.58,
        "shrunk": True,
    }


def manifest_of(kind, name, features):
    return {
        "name": name,
        "version": "1",
        "label": f"A {kind} outcome",
        "kind": kind,
        "outcome": {"name": name, "rows": "patient", "definition": "What counts as the event."},
        "landmark": "first_dose",
        "horizons_months": [6.0, 12.0] if kind == "survival" else [],
        "horizon_months": 12.0 if kind == "survival" else None,
        "synthetic": True,
        "intended_use": "Research.",
        "not_for": ["decisions about anybody"],
        "applies_to": {"age": [0, 18], "disease_class_initial": ["R/R", "CR-MRDpos"]},
        "usable_signal": True,
        "verdict": "AUC 0.64 (0.52 to 0.75); squared error 7 % below the comparator's",
        "predictors": [{"name": f.name, "inputs": list(f.inputs), "why": f"why {f.name}"} for f in features],
        "training": {
            "cohort_sha256": "0" * 64,
            "n_rows": 60,
            "n_patients": 60,
            "n_events": 9,
            "n_file_rows": 86,
            "left_out": [
                {"reason": "not the patient's first course", "count": "5 or more"},
                {"reason": "disease_status_at_start not known", "count": "<5"},
                {"reason": "outcome not known", "count": "0"},
            ],
            "missing_share": dict.fromkeys([n for f in features for n in f.inputs], 0.25),
            "learner": {},
            "bootstrap": 3,
            "seed": 0,
        },
        "planning": planning(kind),
        "background": {
            "method": "microaggregates", "prototypes": 2, "smallest_group": 5, "base": 0.15, "mean_prediction": 0.16,
        },
        "importance": [],
        "evaluation": evaluation(kind),
        "versions": {"riskml": "0.1.0", "python": "3.11"},
        "dictionary": load_dictionary().raw,
    }  # fmt: skip


BINARY = (
    Feature("ph", "value", ("bcr_abl1",)),
    Feature("poor", "value", ("kmt2a_r", "tcf3_hlf")),
    Feature("mrd", "log10", ("mrd",), 1e-4),
)
SURVIVAL = (
    Feature("class", "level", ("disease_class_initial",), ("R/R",)),
    Feature("old", "at_least", ("age",), 10.0),
    Feature("age", "value", ("age",)),
    Feature("mrd", "log10", ("mrd",), 1e-4),
)


def binary_model():
    members = [Member(1.0, Linear(-0.5, (1.0 + k, 0.5, 0.7)), LOGISTIC) for k in (0.0, -0.4, 0.3, 0.6)]
    rows = ((0.0, 0.0, 0.0, 0.001), (1.0, 0.0, 0.0, 0.1))
    return PortableModel(
        "binary", ("bcr_abl1", "kmt2a_r", "tcf3_hlf", "mrd"), BINARY, (members[0],), (0.75, 0.25), rows,
        tuple((m,) for m in members[1:]), 0.9, {"mrd": (1e-4, 0.5)},
    )  # fmt: skip


def survival_model():
    baseline = Baseline((0.0, 6.0, 12.0, 24.0), (0.0, 0.05, 0.1, 0.2))
    members = [Member(1.0, Linear(1.0, (0.5 + k, 0.2, 0.03, 0.4)), baseline) for k in (0.0, -0.2, 0.1, 0.3)]
    rows = (("CR-MRDpos", 5.0, 0.001), ("R/R", 12.0, 0.1))
    return PortableModel(
        "survival", ("disease_class_initial", "age", "mrd"), SURVIVAL, (members[0],), (0.5, 0.5), rows,
        tuple((m,) for m in members[1:]), 0.9, {"mrd": (1e-4, 0.5), "age": (0.5, 18.0)},
    )  # fmt: skip


WHOLE = {
    "binary": {"bcr_abl1": "present", "kmt2a_r": "absent", "tcf3_hlf": "absent", "mrd": "0.52 %"},
    "survival": {"disease_class_initial": "R/R", "age": "14 a", "mrd": "0.52 %"},
}
PARTIAL = {"mrd": "<0.01 %"}


def averaged(model):
    """The model averaged with a tree: S(t) or probability in its leaves, MRD (the last feature) at its only node."""
    place = len(model.features) - 1
    leaf = (0.1, 0.4) if model.kind == "binary" else (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
    forest = Trees((0.0,) * (len(leaf) // 2), 1.0, (Tree((place,), (-2.0,), (-1,), (-2,), leaf),))
    response = PROBABILITY if model.kind == "binary" else Curve((6.0, 12.0, 24.0))
    members = (model.members[0].with_(weight=0.75), Member(0.25, forest, response))
    return model.with_(members=members, bootstrap=tuple((draw[0].with_(weight=1.0),) for draw in model.bootstrap))


def explained(model, manifest):
    """The aggregates of 40 invented patients."""
    rng = np.random.default_rng(1)
    columns = {name: rng.integers(0, 2, 40).astype(float) for name in model.inputs}
    columns |= {"mrd": 10 ** rng.uniform(-4, -1, 40), "age": rng.uniform(1, 18, 40)}
    columns["disease_class_initial"] = np.array(["R/R", "CR-MRDpos"], dtype=object)[rng.integers(0, 2, 40)]
    rows = Rows({name: columns[name] for name in model.inputs}, np.arange(40), np.zeros(40, dtype=bool))
    months = {"horizon": manifest["horizon_months"], "horizons": manifest["horizons_months"]}
    return explanation_of(model, rows, load_dictionary(), **months)


def make(kind, name="model", *, change=None, explain=True, **changes):
    """A sealed bundle; ``changes`` replace fields of the manifest, ``change`` is applied to the model."""
    model = binary_model() if kind == "binary" else survival_model()
    model = model if change is None else change(model)
    manifest = manifest_of(kind, name, model.features)
    told = explained(model, manifest) if explain else None
    manifest |= {"importance": importance_of(told)} | copy.deepcopy(changes)
    dictionary = load_dictionary()
    golden = [golden_entry(manifest, model, dictionary, patient) for patient in (WHOLE[kind], {}, PARTIAL)]
    return seal(manifest, model, golden, card(manifest), told)


@pytest.fixture(scope="session")
def average_of():
    """A sealed bundle of a linear member and a tree."""
    return lambda kind, **changes: make(kind, change=averaged, **changes)


@pytest.fixture(scope="session")
def bundle_of():
    return make
