"""Recipes against each other: paired where they are about the same patients, and never where they are not."""

from __future__ import annotations

import dataclasses
import json

import pytest

from riskml.cohort.cohort import read_cohort
from riskml.resources import folder
from riskml.training import measures
from riskml.training.compare import compare
from riskml.training.evaluate import evaluate
from riskml.training.recipe import load_recipe


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(measures, "N_BOOT", 40)


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


def light(name, /, **changes):
    return dataclasses.replace(load_recipe(name), **{"repeats": 1} | changes)


def test_one_recipe_is_judged_as_by_itself(cohort):
    found = compare([(light("icans"), cohort)], seed=2)
    assert found.comparison == {}
    assert found.evaluations[0].as_dict() == evaluate(light("icans"), cohort, seed=2).as_dict()


def test_models_of_one_outcome_are_paired_on_the_same_folds(cohort):
    full = light("non_response")
    small = light("non_response", name="lesions_only", features=full.features[:2], learner={"kind": "ridge_logistic"})
    found = compare([(full, cohort), (small, cohort), (light("efs"), cohort)])
    assert [one.model for one in found.evaluations] == ["non_response", "lesions_only", "efs"]
    assert found.evaluations[0].plan["digest"] == found.evaluations[1].plan["digest"]
    (pair,) = found.comparison["pairs"]
    assert pair["models"] == ["non_response", "lesions_only"]
    auc = next(row for row in pair["differences"] if row["measure"] == "auc")
    values = [one.metrics["auc"].value for one in found.evaluations[:2]]
    assert auc["value"] == pytest.approx(values[0] - values[1])
    assert auc["low"] <= auc["value"] <= auc["high"]
    # The recipe of lesions alone is what the full one is set against anyway.
    own = [row for row in found.evaluations[0].parts["differences"] if row["against"] == "cytogenetics alone"]
    assert {row["measure"]: row["value"] for row in own} == pytest.approx(
        {row["measure"]: row["value"] for row in pair["differences"]}
    )
    (chosen,) = found.comparison["chosen"]
    assert chosen["naive"] == pytest.approx(max(values))
    assert set(chosen["picked"]) == {"non_response", "lesions_only"}
    words = found.comparison["words"]
    assert "efs are not compared: they are about different outcomes" in words
    assert "non_response less lesions_only, auc: " in words
    json.dumps(found.comparison, allow_nan=False)


def test_a_model_against_itself_shows_no_difference(cohort):
    twin = light("icans", name="twin")
    found = compare([(light("icans"), cohort), (twin, cohort)])
    (pair,) = found.comparison["pairs"]
    assert {row["value"] for row in pair["differences"]} == {0}
    assert "no difference shown" in found.comparison["words"]
