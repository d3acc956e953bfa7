"""Cytogenetics alone: the lesions of the recipe, nothing else, judged on the same folds as the model."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.resources import folder
from riskml.runtime.dictionary import load_dictionary
from riskml.training import measures
from riskml.training.evaluate import bench_of, evaluate
from riskml.training.judge.comparators import CYTOGENETICS, cytogenetics_alone, simpler
from riskml.training.out_of_sample import out_of_fold
from riskml.training.recipe import load_recipe
from riskml.training.resample import cross_validation


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


@pytest.mark.parametrize(("name", "kind"), [("non_response", "ridge_logistic"), ("efs", "ridge_cox")])
def test_only_lesions_stay(name, kind):
    recipe = cytogenetics_alone(load_recipe(name), load_dictionary())
    assert [f.name for f in recipe.features] == ["ph_positive", "other_poor_cytogenetics"]
    assert set(recipe.inputs) == {"bcr_abl1", "kmt2a_r", "tcf3_hlf"}
    assert recipe.learner["kind"] == kind
    assert recipe.learner.get("grid_months") == load_recipe(name).learner.get("grid_months")


def test_a_recipe_without_lesions_or_of_nothing_else_has_no_simpler_one():
    recipe, dictionary = load_recipe("non_response"), load_dictionary()
    lesions = tuple(f for f in recipe.features if f.op == "value")
    others = tuple(f for f in recipe.features if f.op != "value")
    assert cytogenetics_alone(dataclasses.replace(recipe, features=lesions), dictionary) is None
    assert cytogenetics_alone(dataclasses.replace(recipe, features=others), dictionary) is None


def test_patients_with_the_same_lesions_get_the_same_risk_and_the_evaluation_says_what_the_rest_adds(
    cohort, monkeypatch
):
    monkeypatch.setattr(measures, "N_BOOT", 40)
    recipe = dataclasses.replace(load_recipe("efs"), repeats=1)
    bench = bench_of(recipe, cohort)
    other = simpler(bench, load_dictionary())
    plan = cross_validation(bench.rows.patient, bench.rows.event, folds=5, repeats=1, seed=0)
    risk = out_of_fold(other, plan).risk[0]
    lesions = bench.rows.frame[["bcr_abl1", "kmt2a_r", "tcf3_hlf"]].to_numpy()
    for test in plan.test_rows[0]:
        rows = [row for row in test if not np.isnan(lesions[row]).any()]
        told = {tuple(lesions[row]): risk[row] for row in rows}
        assert all(risk[row] == told[tuple(lesions[row])] for row in rows)
    found = evaluate(recipe, cohort).as_dict()["differences"]
    assert [row["measure"] for row in found if row["against"] == "Kaplan-Meier"] == ["brier"]
    added = {row["measure"]: row for row in found if row["against"] == CYTOGENETICS}
    assert set(added) == {"c_index", "brier", "integrated_brier"}
    assert added["c_index"]["low"] < added["c_index"]["value"] < added["c_index"]["high"]
