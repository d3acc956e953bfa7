"""Every block of an evaluation is there, plain, names no patient, and its absence has a reason."""

from __future__ import annotations

import dataclasses
import json

import pytest

from riskml.cohort.cohort import read_cohort
from riskml.errors import UsageError
from riskml.resources import folder
from riskml.training import measures
from riskml.training.evaluate import bench_of, evaluate
from riskml.training.judge import parts
from riskml.training.judge.learning_curve import learning_curve
from riskml.training.recipe import load_recipe

ALWAYS = {
    "differences",
    "smooth_calibration",
    "calibration_at",
    "d_calibration",
    "decision_curve",
    "subgroups",
    "centres",
}


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(measures, "N_BOOT", 20)


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


def light(name, **changes):
    return dataclasses.replace(load_recipe(name), **{"repeats": 1, "bootstrap": 4} | changes)


@pytest.mark.parametrize("name", ["non_response", "efs"])
def test_blocks_are_plain_data_without_patients(cohort, name):
    found = evaluate(light(name), cohort, thorough=True)
    assert set(found.parts) == ALWAYS | {"temporal", "bootstrap", "learning_curve"}
    text = json.dumps(found.parts, allow_nan=False)
    assert not any(str(code) in text for code in cohort.frame["patient_id"])
    assert found.parts["temporal"] is None, "the embedded cohort has no dates"
    assert (found.parts["d_calibration"] is None) == (name == "non_response")
    assert [row["month"] for row in found.parts["calibration_at"]] == ([6, 12] if name == "efs" else [])
    assert found.parts["bootstrap"]["samples"] == 4
    assert found.parts["centres"]["by"] == "centre"
    assert set(evaluate(light(name), cohort).parts) == ALWAYS


def test_another_variable_can_take_the_place_of_the_centre(cohort):
    found = evaluate(light("efs"), cohort, by="sex").parts["centres"]
    assert [row["label"] for row in found["rows"]] == ["female", "male"]
    assert found["by"] == "sex"
    with pytest.raises(UsageError, match="centre"):
        evaluate(light("efs"), cohort, by="centr")
    alone = dataclasses.replace(cohort, frame=cohort.frame.drop(columns="centre"))
    assert evaluate(light("efs"), alone).parts["centres"] is None


def test_with_dates_there_is_a_split_by_date(cohort):
    import pandas as pd

    frame = cohort.frame.copy()
    frame["first_dose_date"] = pd.Timestamp("2018-01-01") + pd.to_timedelta(range(0, 9 * len(frame), 9), unit="D")
    found = evaluate(light("efs"), dataclasses.replace(cohort, frame=frame), thorough=True).parts["temporal"]
    assert found["by"] == "first_dose_date"
    assert found["metrics"] or found["why_not"]


def test_the_range_of_thresholds_is_the_recipes(cohort):
    found = evaluate(light("efs", thresholds=(0.1, 0.3)), cohort).parts["decision_curve"]
    assert found["thresholds"][0] == pytest.approx(0.1)
    assert found["thresholds"][-1] == pytest.approx(0.3)


def test_a_training_draws_the_learning_curve_where_it_is_cheap_and_says_why_where_not(cohort):
    light_fits = evaluate(light("non_response", repeats=2), cohort, curve=True).parts["learning_curve"]
    assert set(light_fits) == {"withheld"}, "25 fits would be more than a seventh of 14"
    assert "25 fits" in light_fits["withheld"]
    assert "riskml evaluate" in light_fits["withheld"]
    assert "learning_curve" not in evaluate(light("non_response"), cohort).parts


def test_the_cheap_curve_is_the_one_of_evaluate_from_one_repeat(cohort):
    bench = bench_of(light("non_response", repeats=10, bootstrap=200), cohort)
    found = parts.cheap_curve(bench)
    assert found == learning_curve(bench, repeats=1)
    assert found["plan"]["repeats"] == 1
    assert len(found["sizes"]) == len(found["mean"]) == 5


def test_trees_are_not_learned_again_for_a_curve(cohort):
    learner = {"kind": "stack", "member": [{"kind": "ridge_logistic"}, {"kind": "forest", "least_events": 1}]}
    bench = bench_of(light("non_response", repeats=10, bootstrap=200, learner=learner), cohort)
    assert parts.cheap_curve(bench)["withheld"].startswith("forest takes long")
