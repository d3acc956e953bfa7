"""Updating: a drifted cohort moves the model back, a cohort of the same truth leaves it alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.cohort.simulate import write_simulated
from riskml.errors import NotEstimableError
from riskml.runtime.bundle import open_bundle, shipped
from riskml.training import measures
from riskml.training.external import validate
from riskml.training.recipe import load_recipe
from riskml.training.train import train
from riskml.training.updating import recalibrate, update


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return read_cohort(write_simulated(tmp_path_factory.mktemp("new") / "cohort.csv", 1500, seed=9))


def shifted(bundle, intercept, slope):
    """The bundle with a miscalibrated linear predictor, as if its hospital had other rates."""
    members = []
    for member in bundle.model.members:
        linear = member.linear.with_(
            intercept=intercept + slope * member.linear.intercept,
            coefficients=tuple(slope * c for c in member.linear.coefficients),
        )
        members.append(member.with_(predictor=linear))
    return bundle.with_(model=bundle.model.with_(members=tuple(members)))


def test_a_wrong_level_is_mended_and_the_child_says_so(cohort, tmp_path):
    parent = open_bundle(shipped("efs"))
    # Half of the events taken away: the level is wrong, the ranking is not.
    frame = cohort.frame.copy()
    events = np.flatnonzero(frame["efs_event"] != "none")
    patients = frame["patient_id"].isin(frame["patient_id"].iloc[events[::2]])
    frame.loc[patients, "efs_event"] = "none"
    drifted = replace(cohort, frame=frame, sha256="drifted")
    before = validate(parent, drifted).metrics["observed_expected"]
    child = update(parent, drifted)
    after = validate(child, replace(drifted, sha256="again")).metrics["observed_expected"]
    assert before.high < 1
    assert after.low < 1 < after.high
    step = child.manifest["lineage"][-1]
    assert step["rung"].startswith("intercept")
    assert step["parent"] == parent.digest
    assert not child.manifest["usable_signal"]
    assert child.manifest["evaluation"] is None
    assert "not judged on other patients" in child.manifest["verdict"]
    assert open_bundle(child.save(tmp_path / "child")).digest == child.digest != parent.digest


def test_the_recalibration_undoes_a_known_distortion(cohort):
    bundle = open_bundle(shipped("icans"))
    honest = recalibrate(shifted(bundle, 0.0, 1.0), cohort)
    distorted = recalibrate(shifted(bundle, 2.0, 3.0), cohort)
    assert distorted.rung == "intercept_and_slope"
    # (a + b (2 + 3 lp)) must be the same line as the refit of the undistorted model, where that needed one at all.
    if honest.rung == "intercept_and_slope":
        assert 3 * distorted.slope == pytest.approx(honest.slope, rel=0.1)
    assert 0.1 < distorted.slope < 1


def test_the_same_truth_needs_no_update(cohort):
    fresh = open_bundle(shipped("non_response"))
    grown = shifted(fresh, 0.0, 1.0)
    found = recalibrate(grown, cohort)
    assert set(found.p_values) <= {"none", "intercept"}
    assert all(0 <= p <= 1 for p in found.p_values.values())
    if found.rung == "none":
        assert (found.intercept, found.slope) == (0.0, 1.0)


def test_children_of_children_keep_their_line(cohort):
    first = update(open_bundle(shipped("icans")), cohort)
    second = update(first, replace(cohort, sha256="later"))
    assert [step["parent"] for step in second.manifest["lineage"]] == [
        open_bundle(shipped("icans")).digest,
        first.digest,
    ]
    assert second.manifest["version"] == "1.1.2"


def test_nine_events_carry_nothing(tmp_path):
    small = read_cohort(write_simulated(tmp_path / "c.csv", 100, seed=3))
    with pytest.raises(NotEstimableError, match="needs at least 10 events"):
        update(open_bundle(shipped("non_response")), small)


# ------------------------------------------------------------------------------------------- models that are not linear


@pytest.fixture(scope="module")
def drifted(cohort):
    """Half of the patients with an event, and half of those who failed, have none."""
    frame = cohort.frame.copy()
    for column, bad, good in (
        ("efs_event", lambda x: x != "none", "none"),
        ("response", lambda x: x == "no_response", "response"),
    ):
        ill = frame.loc[bad(frame[column]) & frame[column].notna(), "patient_id"].unique()
        frame.loc[frame["patient_id"].isin(ill[::2]) & frame[column].notna(), column] = good
    return replace(cohort, frame=frame, sha256="drifted")


@pytest.fixture
def few_resamples(monkeypatch):
    """Intervals are tested where they are made; here they only cost time."""
    monkeypatch.setattr(measures, "N_BOOT", 60)


PARTS = {
    "non_response": ("ridge_logistic", "forest"),
    "efs": ("ridge_cox", "survival_forest", "boosting_cox", "parametric"),
}


@pytest.mark.parametrize(
    ("name", "calibrate"), [("non_response", False), ("non_response", True), ("efs", False), ("efs", True)]
)
def test_an_average_with_trees_is_validated_and_mended(drifted, tmp_path, few_resamples, name, calibrate):
    """A cohort with half of the risk: the child is right on average, opens again, and can be updated once more."""
    members = [{"kind": kind, "least_events": 0, "calibrate": calibrate} for kind in PARTS[name]]
    grid = {} if name == "non_response" else {"grid_months": [1, 2, 3, 6, 9, 12, 18, 24]}
    recipe = replace(load_recipe(name), learner={"kind": "average", "member": members, **grid}, bootstrap=2)
    parent = train(recipe, read_cohort(write_simulated(tmp_path / "c.csv", 400, seed=2)), evaluation=False)
    before = validate(parent, drifted).metrics["observed_expected"]
    assert before.high < 1
    child = open_bundle(update(parent, drifted).save(tmp_path / "child"))
    assert child.manifest["lineage"][-1]["rung"].startswith("intercept")
    again = replace(drifted, sha256="again")
    after = validate(child, again).metrics["observed_expected"]
    assert after.low < 1 < after.high
    assert abs(after.value - 1) < 0.15
    grandchild = update(child, again)
    assert open_bundle(grandchild.save(tmp_path / "grandchild")).digest == grandchild.digest
    assert child.predict({}).on_value.sum_error < 1e-8


def test_log_times_get_each_patients_own_hazard(drifted, tmp_path, few_resamples):
    """Hazards that are not proportional: exposure by one reference patient put this child 40 % off."""
    recipe = replace(
        load_recipe("efs"),
        learner={"kind": "parametric", "distribution": "loglogistic", "grid_months": [6, 12, 24]},
        bootstrap=0,
    )
    parent = train(recipe, read_cohort(write_simulated(tmp_path / "c.csv", 400, seed=2)), evaluation=False)
    child = update(parent, drifted)
    assert child.manifest["lineage"][-1]["rung"] == "intercept", "a slope has no counterpart in a log-time"
    after = validate(child, replace(drifted, sha256="again")).metrics["observed_expected"]
    assert abs(after.value - 1) < 0.15
