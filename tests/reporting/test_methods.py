"""The methods section is the run's own: its numbers, its learners, its sources, no dangling and no idle reference."""

from __future__ import annotations

import copy
import re

import pytest

from riskml.reporting.methods import methods
from tests.runtime.models import SHIPPED, shipped_bundle

ORDER = [
    "Data and patients",
    "Outcome",
    "Predictors",
    "Sample size",
    "Missing data",
    "Model",
    "Evaluation",
    "Single estimates and explanations",
    "Privacy",
    "Software and reporting",
]


def changed(bundle, **changes):
    return bundle.with_(manifest={**copy.deepcopy(dict(bundle.manifest)), **changes})


def text_of(bundles):
    parts, references = methods(bundles)
    return {part["heading"]: " ".join(part["sentences"]) for part in parts}, references


def numbers(texts):
    found = re.findall(r"\[(\d+(?:, \d+)*)\]", " ".join(texts))
    return [int(number) for mark in found for number in mark.split(", ")]


def sound(texts, references):
    cited = numbers(texts.values())
    assert list(dict.fromkeys(cited)) == list(range(1, len(references) + 1)), "by first use, none idle, none dangling"
    assert not re.search(r"@\w+\d{4}|\{|\bNone\b|\bnan\b", " ".join(texts.values()))
    assert len(set(references)) == len(references)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_s_methods_are_those_of_its_run(name):
    bundle = shipped_bundle(name)
    manifest, training = bundle.manifest, bundle.manifest["training"]
    texts, references = text_of([bundle])
    assert list(texts) == ORDER
    sound(texts, references)
    assert f"{training['n_file_rows']:,} rows" in texts["Data and patients"]
    assert f"{training['n_patients']:,} patients" in texts["Data and patients"]
    assert manifest["outcome"]["definition"] in texts["Outcome"]
    assert "Riley" in " ".join(references)
    plan = manifest["evaluation"]["plan"]
    assert f"{plan['repeats']} repeats of {plan['folds']}-fold" in texts["Evaluation"]
    assert f"{training['bootstrap']} refits" in texts["Single estimates and explanations"]
    assert f"seed {training['seed']}" in texts["Software and reporting"]
    assert manifest["versions"]["numpy"] in texts["Software and reporting"]
    cox = any("Regression models and life-tables" in reference for reference in references)
    assert cox == (bundle.model.kind == "survival")
    assert ("simulated" in texts["Data and patients"]) == manifest["synthetic"]


def test_several_models_share_a_list_and_say_once_what_they_share():
    bundles = [shipped_bundle(name) for name in SHIPPED]
    texts, references = text_of(bundles)
    sound(texts, references)
    assert texts["Software and reporting"].count("TRIPOD+AI") == 1
    alone = max(len(text_of([bundle])[1]) for bundle in bundles)
    assert alone < len(references) < sum(len(text_of([bundle])[1]) for bundle in bundles)
    binary, survival = (shipped_bundle(name).manifest["label"] for name in ("non_response", "efs"))
    assert binary in texts["Evaluation"]
    assert survival in texts["Evaluation"]


@pytest.mark.parametrize(
    ("table", "kinds", "source"),
    [
        ({"kind": "firth_logistic"}, ["firth_logistic"], "Firth D."),
        ({"kind": "elastic_net_logistic"}, ["elastic_net_logistic"], "Zou H"),
        ({"kind": "literature_logistic", "prior_weight": 0.4}, ["literature_logistic"], "Schmidli H"),
        ({"kind": "boosting"}, ["boosting"], "Chen T"),
        (
            {"kind": "stack", "member": [{"kind": "ridge_logistic"}, {"kind": "forest"}]},
            ["ridge_logistic", "forest"],
            "Yao Y",
        ),
    ],
)
def test_another_learner_brings_its_own_sources_and_takes_the_others_away(table, kinds, source):
    bundle = shipped_bundle("non_response")
    members = [{"kind": kind, "weight": 1 / len(kinds), "line": None} for kind in kinds]
    training = {**bundle.manifest["training"], "learner": table, "members": members, "members_left_out": []}
    texts, references = text_of([changed(bundle, training=training)])
    sound(texts, references)
    assert any(reference.startswith(source) for reference in references)
    ridge = any(kind.startswith(("ridge", "literature")) for kind in kinds)
    assert any(reference.startswith("MacKay") for reference in references) == ridge
    trees = any(kind in {"forest", "boosting"} for kind in kinds)
    assert ("drawn from patients of like outcome" in texts["Missing data"]) == trees
    chosen = table["kind"] == "elastic_net_logistic"
    assert ("may have set coefficients to 0" in texts["Predictors"]) == chosen


def test_competing_events_are_no_censoring():
    bundle = shipped_bundle("efs")
    outcome = {**bundle.manifest["outcome"], "competing": ["death", "second_cancer"]}
    texts, references = text_of([changed(bundle, outcome=outcome)])
    sound(texts, references)
    assert "Competing events are not taken for censoring" in texts["Outcome"]
    assert any(reference.startswith("Prentice") for reference in references)
    assert "Competing events" not in text_of([bundle])[0]["Outcome"]


def test_a_model_that_was_not_evaluated_claims_nothing_of_an_evaluation():
    bundle = changed(
        shipped_bundle("efs"),
        evaluation=None,
        stability=None,
        usable_signal=False,
        verdict="performance was not evaluated",
    )
    texts, references = text_of([bundle])
    sound(texts, references)
    assert texts["Evaluation"] == "Performance was not evaluated."
    assert not any(
        reference.startswith(("Harrell", "Uno", "Vickers", "Collins GS, Dhiman")) for reference in references
    )


def test_nothing_missing_and_nobody_left_out_are_said_as_that():
    bundle = shipped_bundle("non_response")
    training = {**bundle.manifest["training"], "left_out": [{"reason": "outcome not known", "count": "0"}]}
    training["missing_share"] = dict.fromkeys(training["missing_share"], 0.0)
    texts, references = text_of([changed(bundle, training=training)])
    sound(texts, references)
    assert "No row was left out." in texts["Data and patients"]
    assert texts["Missing data"].startswith("No input of the model is missing")
    assert "mean of the patients who have" not in texts["Missing data"]


def test_published_counts_are_said_to_be_counts():
    bundle = changed(shipped_bundle("efs"), published="fitted to the counts that one paper prints")
    assert "The model was fitted to the counts that one paper prints." in text_of([bundle])[0]["Data and patients"]


def test_variables_go_by_their_labels():
    outcome = text_of([shipped_bundle("non_response")])[0]["Outcome"]
    assert "Status at first dose is R/R or CR-MRDpos" in outcome
    assert "_" not in outcome


def test_words_of_a_bundle_are_not_read_as_marks():
    bundle = shipped_bundle("non_response")
    outcome = {**bundle.manifest["outcome"], "definition": "As in [@somebody2099] and [12]."}
    assert "As in [@somebody2099] and [12]." in text_of([changed(bundle, outcome=outcome)])[0]["Outcome"]


def test_an_invented_manifest_without_the_newer_fields_has_methods_too(bundle_of, average_of):
    for bundle in (bundle_of("binary"), bundle_of("survival"), average_of("survival")):
        sound(*text_of([bundle]))
