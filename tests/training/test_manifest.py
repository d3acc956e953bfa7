"""What travels in a manifest: aggregates of the very patients, small counts blurred, exclusions that do not add up."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.resources import folder
from riskml.training.fit import training_set
from riskml.training.follow_up import potential_follow_up
from riskml.training.manifest import left_out
from riskml.training.recipe import load_recipe
from riskml.training.train import train


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


def light(name, **changes):
    return dataclasses.replace(load_recipe(name), **{"repeats": 1, "bootstrap": 2} | changes)


@pytest.mark.parametrize("name", ["non_response", "efs"])
def test_the_case_mix_is_that_of_the_rows_learned_from(cohort, name):
    recipe = light(name)
    manifest, rows = train(recipe, cohort, evaluation=False).manifest, training_set(recipe, cohort)
    mix = manifest["training"]["case_mix"]
    assert mix["n"] == len(rows.event)
    assert set(mix["inputs"]) == set(recipe.inputs)
    logs = np.log10(np.maximum(rows.frame["mrd"].dropna(), mix["inputs"]["mrd"]["floor"]))
    assert mix["inputs"]["mrd"]["mean"] == pytest.approx(logs.mean(), abs=1e-3)
    assert mix["inputs"]["mrd"]["sd"] == pytest.approx(logs.std(ddof=1), rel=0.02)
    if name == "efs":
        assert mix["follow_up_months"] == pytest.approx(potential_follow_up(0.5, rows.time, rows.event), abs=0.1)
        assert manifest["horizon_months"] == 12
    else:
        assert mix["follow_up_months"] is None
        assert manifest["horizon_months"] is None
        assert manifest["thresholds"] == [0.05, 0.4]


@pytest.mark.parametrize(("gone", "shown"), [(0, 0.0), (1, 2.5), (4, 2.5), (5, 5), (30, 30)])
def test_a_share_does_not_tell_of_one_to_four_patients(cohort, gone, shown):
    rows = training_set(light("efs"), cohort)
    first = np.flatnonzero(cohort.frame["cycle_index"] == 1)
    frame = cohort.frame.copy()
    frame["age"] = frame["age"].fillna(6.0)
    frame.loc[frame.index[first[:gone]], "age"] = np.nan
    manifest = train(light("efs"), dataclasses.replace(cohort, frame=frame), evaluation=False).manifest
    assert manifest["training"]["missing_share"]["age"] == round(shown / len(rows.event), 3)


def test_what_a_refit_needs_is_told(cohort):
    recipe = light("efs", optional=frozenset({"cd3"}), without_studies=("zhang2025",))
    training = train(recipe, cohort, evaluation=False).manifest["training"]
    assert training["optional"] == ["cd3"]
    assert training["without_studies"] == ["zhang2025"]


def test_exclusions_of_a_few_are_not_counted():
    shown = left_out([("no outcome", 54), ("a course after the first", 20), ("no follow-up", 2), ("nothing", 0)])
    assert [item["count"] for item in shown] == ["54", "5 or more", "<5", "0"]
