"""Updating: a drifted cohort moves the model back, one of the same truth leaves it alone, and the child says so."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.cohort.simulate import write_simulated
from riskml.errors import DataError, NotEstimableError
from riskml.runtime.bundle import open_bundle, seal
from riskml.runtime.card import card
from riskml.training import measures
from riskml.training.aggregates import importance_of
from riskml.training.external import checked_target, predictions
from riskml.training.recipe import load_recipe
from riskml.training.train import train
from riskml.training.transfer import after
from riskml.training.transfer.ladder import Choice
from riskml.training.tripod_items import completion
from riskml.training.updating import update


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Intervals and folds are tested where they are made; here they only cost time."""
    monkeypatch.setattr(measures, "N_BOOT", 20)
    monkeypatch.setattr(after, "REPEATS", 1)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return read_cohort(write_simulated(tmp_path_factory.mktemp("old") / "cohort.csv", 400, seed=2))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return read_cohort(write_simulated(tmp_path_factory.mktemp("new") / "cohort.csv", 700, seed=9))


@pytest.fixture(scope="module")
def drifted(cohort):
    """Half of the patients with an event, and half of those who failed, have none, and are followed for two years."""
    frame = cohort.frame.copy()
    for column, bad, good in (
        ("efs_event", lambda x: x != "none", "none"),
        ("response", lambda x: x == "no_response", "response"),
    ):
        ill = frame.loc[bad(frame[column]) & frame[column].notna(), "patient_id"].unique()
        cured = frame["patient_id"].isin(ill[::2])
        frame.loc[cured & frame[column].notna(), column] = good
        if column == "efs_event":
            frame.loc[cured, "efs_time"] = np.maximum(frame.loc[cured, "efs_time"], 24.0)
    return replace(cohort, frame=frame, sha256="drifted")


RIDGES = {
    "efs": {"kind": "ridge_cox", "grid_months": [1, 2, 3, 6, 9, 12, 18, 24]},
    "non_response": {"kind": "ridge_logistic"},
}


@pytest.fixture(scope="module")
def parents(learned):
    """A ridge each, with five refits, not evaluated."""
    recipes = {name: replace(load_recipe(name), learner=table, bootstrap=5) for name, table in RIDGES.items()}
    return {name: train(recipe, learned, evaluation=False) for name, recipe in recipes.items()}


def updated(bundle, cohort, **settings):
    return update(bundle, cohort, **{"force_horizon": True, **settings})


def observed_expected(bundle, cohort):
    sample = predictions(bundle, cohort, checked_target(bundle, cohort), force_horizon=True)
    return measures.measures_of(sample)["observed_expected"].of(sample)


def step_of(child):
    return child.manifest["lineage"][-1]


@pytest.mark.parametrize("name", sorted(RIDGES))
def test_a_wrong_level_is_mended_and_the_child_says_so(parents, drifted, tmp_path, name):
    parent = parents[name]
    child = updated(parent, drifted)
    step = step_of(child)
    assert observed_expected(parent, drifted) < 0.75
    assert observed_expected(child, drifted) == pytest.approx(1, abs=0.1)
    assert step["rung"] == "intercept"
    assert step["parent"] == parent.digest
    assert step["cohort_sha256"] == "drifted"
    assert step["p_values"]["none"] < 0.05
    assert all(p >= 0.05 for rung, p in step["p_values"].items() if rung != "none")
    (level,) = step["estimates"]
    assert level["name"] == "intercept"
    assert level["value"] < -2 * level["standard_error"]
    assert step["before"]["metrics"]["observed_expected"]["high"] < 1
    assert step["after"]["metrics"]["observed_expected"]["value"] == pytest.approx(1, abs=0.1)
    assert step["after"]["differences"]["brier"]["value"] < 0
    assert "judged on these by 1 x 5-fold cross-validation of the update" in child.manifest["verdict"]
    shown = step["after"]["metrics"]["auc" if name == "non_response" else "c_index"]["value"]
    assert f"{shown:.2f}" in child.manifest["verdict"]
    assert (
        f"Brier score after less before: {step['after']['differences']['brier']['value']:.3f}"
        in child.manifest["verdict"]
    )
    assert child.manifest["evaluation"] is None
    assert open_bundle(child.save(tmp_path / "child")).digest == child.digest != parent.digest


def test_the_same_truth_needs_no_update(parents, cohort):
    parent = parents["efs"]
    child = updated(parent, cohort)
    step = step_of(child)
    assert step["rung"] == "none"
    assert child.model == parent.model
    assert step["after"]["metrics"] == step["before"]["metrics"]
    assert step["after"]["differences"] == {}
    assert step["change"]["rows_moved"] == "0"
    assert all(item["parent"] == item["child"] for item in step["golden"])
    assert "no update was needed" in child.manifest["verdict"]


def test_parent_and_child_stand_side_by_side(parents, drifted):
    parent = parents["non_response"]
    child = updated(parent, drifted)
    for item, old, new in zip(step_of(child)["golden"], parent.golden, child.golden, strict=True):
        assert item["patient"] == old["patient"] == new["patient"]
        assert item["parent"]["value"] == old["value"]
        assert item["child"]["value"] == new["value"]
        assert item["child"]["value"][0] < item["parent"]["value"][0]
    # Every draw has an update of its own.
    moved = [
        new.linear.intercept - old.linear.intercept
        for (old,), (new,) in zip(parent.model.bootstrap, child.model.bootstrap, strict=True)
    ]
    assert len({round(x, 6) for x in moved}) == 5


def test_nothing_of_a_patient_is_in_the_lineage(parents, drifted):
    step = step_of(updated(parents["efs"], drifted))
    text = json.dumps(step, allow_nan=False)
    assert not any(str(name) in text for name in drifted.frame["patient_id"].head(50))
    assert len(text) < 20_000


def test_children_of_children_keep_their_line(parents, drifted, cohort):
    first = updated(parents["non_response"], drifted)
    second = updated(first, replace(cohort, sha256="later"))
    assert [step["parent"] for step in second.manifest["lineage"]] == [parents["non_response"].digest, first.digest]
    assert second.manifest["version"] == "1.1.2"
    assert step_of(second)["rung"] == "intercept"


def test_the_same_seed_gives_the_same_child(parents, drifted):
    first, again, other = (updated(parents["non_response"], drifted, seed=seed) for seed in (1, 1, 2))
    assert first.digest == again.digest != other.digest


# ------------------------------------------------------------------------------------------------ bad and thin input


def test_too_few_events_are_refused_and_closed_gates_say_what_would_open_them(parents, cohort):
    def first(events):
        """As many rows as hold that many events and three."""
        kept = np.flatnonzero(np.cumsum(cohort.frame["response"] == "no_response") <= events + 3)
        parts = {name: getattr(cohort, name).iloc[kept].reset_index(drop=True) for name in ("frame", "below")}
        return replace(cohort, **parts, row_numbers=cohort.row_numbers[kept], sha256=str(events))

    with pytest.raises(NotEstimableError, match="needs at least 10 patients with the event"):
        updated(parents["non_response"], first(4))
    gates = {gate["rung"]: gate for gate in step_of(updated(parents["non_response"], first(15)))["gates"]}
    assert gates["intercept"]["open"]
    assert not gates["intercept_and_slope"]["open"]
    assert "30 would open it" in gates["intercept_and_slope"]["reason"]
    assert gates["refit"]["events_needed"] > gates["refit"]["events"]


def test_the_training_cohort_and_a_cohort_without_inputs_are_refused(parents, learned, cohort):
    with pytest.raises(DataError, match="must not be the cohort the model was trained on"):
        updated(parents["efs"], learned)
    bare = cohort.frame.drop(columns=[name for name in parents["efs"].model.inputs if name in cohort.frame])
    with pytest.raises(DataError, match="must have an input of the model"):
        updated(parents["efs"], replace(cohort, frame=bare))


def test_a_missing_input_is_averaged_over_and_shuts_the_refit(parents, drifted):
    child = updated(parents["efs"], replace(drifted, frame=drifted.frame.drop(columns="mrd")))
    gate = next(gate for gate in step_of(child)["gates"] if gate["rung"] == "refit")
    assert not gate["open"]
    assert observed_expected(child, replace(drifted, frame=drifted.frame.drop(columns="mrd"))) == pytest.approx(
        1, abs=0.1
    )


def test_a_horizon_past_follow_up_is_refused_unless_forced(parents, drifted):
    time = drifted.frame["efs_time"]
    short = replace(drifted, frame=drifted.frame.assign(efs_time=time.where(time.index % 4 > 0, time.clip(upper=3.0))))
    with pytest.raises(NotEstimableError, match="force"):
        update(parents["efs"], short)
    assert updated(parents["efs"], short).manifest["lineage"]


# ------------------------------------------------------------------------------------------------ the top of the ladder


def test_a_refit_is_trained_from_the_bundle_alone(parents, drifted, monkeypatch, tmp_path):
    parent = parents["efs"]
    monkeypatch.setattr(after, "choose", lambda *_: Choice("refit", None, {"none": 0.001}, "refit"))
    whole = replace(
        drifted,
        frame=drifted.frame.assign(efs_event=drifted.frame["efs_event"].where(drifted.frame.index % 3 > 0, "relapse")),
    )
    child = open_bundle(updated(parent, whole).save(tmp_path / "child"))
    step = step_of(child)
    assert step["rung"] == "refit"
    assert step["estimates"] == []
    assert next(gate for gate in step["gates"] if gate["rung"] == "refit")["open"]
    assert step["after"]["rungs_in_folds"] == {"refit": 5}
    assert child.manifest["training"]["cohort_sha256"] == "drifted"
    assert child.manifest["version"] == "1.1"
    assert child.model.background != parent.model.background
    assert [entry["patient"] for entry in child.golden] == [entry["patient"] for entry in parent.golden]


# ------------------------------------------------------------------------------------------- models that are not linear


@pytest.mark.parametrize(
    ("name", "kinds", "calibrate"),
    [
        ("non_response", ("ridge_logistic", "forest"), True),
        ("efs", ("ridge_cox", "boosting_cox"), False),
        ("efs", ("ridge_cox", "survival_forest"), False),
    ],
)
def test_an_average_with_trees_is_mended(learned, drifted, tmp_path, name, kinds, calibrate):
    """A cohort with half of the risk: the child is right on average, opens again, and can be updated once more."""
    ridge, trees = ({"kind": kind, "least_events": 0, "calibrate": calibrate} for kind in kinds)
    members = [ridge, trees | {"rounds" if "boosting" in kinds[1] else "trees": 25}]
    grid = {} if name == "non_response" else {"grid_months": [1, 2, 3, 6, 9, 12, 18, 24]}
    recipe = replace(load_recipe(name), learner={"kind": "average", "member": members, **grid}, bootstrap=2)
    parent = train(recipe, learned, evaluation=False)
    child = open_bundle(updated(parent, drifted).save(tmp_path / "child"))
    assert step_of(child)["rung"] != "none"
    assert observed_expected(parent, drifted) < 0.75
    assert observed_expected(child, drifted) == pytest.approx(1, abs=0.15)
    grandchild = updated(child, replace(drifted, sha256="again"))
    assert open_bundle(grandchild.save(tmp_path / "grandchild")).digest == grandchild.digest
    assert child.predict({}).on_value.sum_error < 1e-8


def test_log_times_get_level_and_slope_of_their_own_hazard(learned, drifted):
    """Hazards that are not proportional: exposure by one reference patient put this child 40 % off."""
    table = {"kind": "parametric", "distribution": "loglogistic", "grid_months": [6, 12, 24]}
    parent = train(replace(load_recipe("efs"), learner=table, bootstrap=0), learned, evaluation=False)
    child = updated(parent, drifted)
    assert step_of(child)["rung"].startswith("intercept")
    assert observed_expected(child, drifted) == pytest.approx(1, abs=0.2)


def test_a_model_of_several_causes_moves_the_hazard_of_its_own(learned, drifted):
    table = {"kind": "cause_specific_cox", "grid_months": [1, 3, 6, 9, 12, 18, 24]}
    parent = train(replace(load_recipe("relapse"), learner=table, bootstrap=2), learned, evaluation=False)
    child = updated(parent, drifted)
    assert step_of(child)["rung"] != "none"
    # Seven relapses by the month that is judged: a direction. The level itself is tested in closed form (test_rungs).
    assert observed_expected(child, drifted) > observed_expected(parent, drifted)
    (old,), (new,) = parent.model.members, child.model.members
    assert new.predictor.linears[1] == old.predictor.linears[1]


def test_a_child_keeps_its_parent_s_day_of_review(parents, drifted, cohort):
    parent = parents["efs"]
    assert parent.manifest["review_by"] == load_recipe("efs").review_by == "2028-11-30"
    for child in (updated(parent, drifted), updated(parent, cohort)):
        for key in ("date", "review_by", "owner", "contact"):
            assert child.manifest[key] == parent.manifest[key]
        assert "Due for review on 2028-11-30, as its parent: an update does not put this off.\n" in child.card
        counted = child.manifest["tripod_ai"]
        assert counted == completion(child.manifest)
        assert f"TRIPOD+AI: {counted['filled']} of 52 items filled by software" in child.card
    assert parent.manifest["tripod_ai"] == completion(parent.manifest) != counted


def test_a_sealed_child_can_be_sealed_again(parents, drifted):
    child = updated(parents["efs"], drifted)
    kept = {key: value for key, value in child.manifest.items() if key not in {"format", "digest", "files"}}
    assert seal(kept, child.model, child.golden, card(kept), child.explanation).digest == child.digest


def test_a_child_says_what_its_inputs_do_over_the_new_cohort(parents, drifted):
    parent = parents["efs"]
    child = updated(parent, drifted)
    told, before = child.explanation, parent.explanation
    assert told["n_patients"] == step_of(child)["n_patients"] != before["n_patients"]
    assert child.manifest["importance"] == importance_of(told) != parent.manifest["importance"]
    # Half of the events are gone: survival is higher with nothing known, and so each input moves it less.
    assert told["base"][-1] > before["base"][-1]
    assert sum(item["mean_absolute_effect"] for item in told["inputs"]) < sum(
        item["mean_absolute_effect"] for item in before["inputs"]
    )


def test_a_child_that_needed_no_update_keeps_what_was_said_of_its_parent(parents, cohort):
    child = updated(parents["efs"], cohort)
    assert step_of(child)["rung"] == "none"
    assert child.explanation == parents["efs"].explanation
