"""External validation: a shipped bundle on cohorts of which the truth is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.cohort.simulate import write_simulated
from riskml.errors import DataError, NotEstimableError
from riskml.resources import folder
from riskml.runtime.bundle import open_bundle, shipped
from riskml.training.external import checked_target, predictions, validate


@pytest.fixture(scope="module")
def new_cohort(tmp_path_factory):
    return read_cohort(write_simulated(tmp_path_factory.mktemp("new") / "cohort.csv", 800, seed=5))


@pytest.mark.parametrize("name", ["non_response", "icans", "efs"])
def test_a_model_from_the_same_truth_ranks_new_patients(name, new_cohort):
    result = validate(open_bundle(shipped(name)), new_cohort)
    discrimination = next(iter(result.metrics.values()))
    assert discrimination.low > 0.5
    assert discrimination.low <= discrimination.value <= discrimination.high
    assert result.synthetic
    assert result.n_rows + sum(count for _, count in result.left_out) == new_cohort.n_courses
    json.dumps(result.as_dict(), allow_nan=False)


def test_figures_are_those_of_the_predictions_themselves(new_cohort):
    bundle = open_bundle(shipped("non_response"))
    sample = predictions(bundle, new_cohort, checked_target(bundle, new_cohort))
    result = validate(bundle, new_cohort)
    assert result.metrics["brier"].value == pytest.approx(np.mean((sample.risk - sample.event) ** 2))
    assert result.metrics["observed_expected"].value == pytest.approx(sample.event.sum() / sample.risk.sum())
    table = bundle.score(new_cohort)["risk"].to_numpy()
    assert sample.risk == pytest.approx(table[checked_target(bundle, new_cohort).rows], abs=1e-12)


def test_the_link_is_the_linear_predictor(new_cohort):
    bundle = open_bundle(shipped("efs"))
    sample = predictions(bundle, new_cohort, checked_target(bundle, new_cohort))
    member = bundle.model.members[0]
    hazard = member.baseline.at(sample.horizon)
    assert np.exp(-hazard * np.exp(sample.link)) == pytest.approx(1 - sample.risk, abs=1e-12)


def test_the_case_mix_names_what_is_missing(new_cohort, tmp_path):
    from dataclasses import replace

    poorer = replace(new_cohort, frame=new_cohort.frame.drop(columns="cd3"))
    mix = {item["input"]: item for item in validate(open_bundle(shipped("non_response")), poorer).case_mix}
    assert mix["cd3"]["missing"] == 1.0
    assert mix["cd3"]["mean_here"] is None
    assert 0 < mix["bcr_abl1"]["mean_here"] < 0.3


def test_the_training_file_is_refused():
    cohort = read_cohort(folder("features") / "synthetic" / "cohort.csv")
    with pytest.raises(DataError, match="must not be the cohort the model was trained on"):
        validate(open_bundle(shipped("efs")), cohort)


def test_a_foreign_file_without_inputs_is_refused(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("patient_id,response,disease_status_at_start\na,response,R/R\n", encoding="utf-8")
    with pytest.raises(DataError, match="must have an input of the model"):
        validate(open_bundle(shipped("non_response")), read_cohort(path))


def test_too_few_events_are_not_estimable(tmp_path):
    small = read_cohort(write_simulated(tmp_path / "c.csv", 20, seed=1))
    with pytest.raises(NotEstimableError, match="at least 5 patients with the outcome"):
        validate(open_bundle(shipped("non_response")), small)


@pytest.mark.data
def test_a_blinatumomab_model_is_no_model_of_chemotherapy(data_file):
    # The inputs exist in AALL0232 only in part and the outcome is another one: response is not there at all.
    columns = folder("models") / "induction_efs" / "columns" / "aall0232.toml"
    cohort = read_cohort(data_file("target_aall0232/aall0232.csv"), columns)
    with pytest.raises(DataError, match="response"):
        validate(open_bundle(shipped("non_response")), cohort)
