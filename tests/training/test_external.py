"""External validation: a shipped bundle on cohorts of which the truth is known."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.cohort.simulate import write_simulated
from riskml.errors import DataError, NotEstimableError
from riskml.resources import folder
from riskml.runtime.bundle import open_bundle, shipped
from riskml.runtime.members import Linear, Member
from riskml.runtime.time_responses import Accelerated
from riskml.training.external import checked_target, cumulative_hazard, predictions, scores_of, validate


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """What is argued here does not rest on the third digit of an interval."""
    monkeypatch.setattr("riskml.training.measures.N_BOOT", 100)
    monkeypatch.setattr("riskml.training.judge.subgroups.N_BOOT", 50)


@pytest.fixture(scope="module")
def new_cohort(tmp_path_factory):
    return read_cohort(write_simulated(tmp_path_factory.mktemp("new") / "cohort.csv", 500, seed=5))


@pytest.fixture(scope="module")
def judged(new_cohort):
    """Validations of shipped models on the new cohort; each is made once."""
    return cache(lambda name: validate(open_bundle(shipped(name)), new_cohort, force_horizon=True))


@pytest.mark.parametrize("name", ["non_response", "icans", "efs"])
def test_a_model_from_the_same_truth_ranks_new_patients(name, new_cohort, judged):
    result = judged(name)
    discrimination = next(iter(result.metrics.values()))
    assert discrimination.low > 0.5
    assert discrimination.low <= discrimination.value <= discrimination.high
    assert result.synthetic
    assert result.n_rows + sum(count for _, count in result.left_out) == new_cohort.n_courses
    assert result.transport["conclusion"] in {"usable", "recalibrate", "cannot_tell"}
    assert result.transport["words"] in result.verdict
    json.dumps(result.as_dict(), allow_nan=False)


def test_figures_are_those_of_the_predictions_themselves(new_cohort, judged):
    bundle = open_bundle(shipped("non_response"))
    sample = predictions(bundle, new_cohort, checked_target(bundle, new_cohort))
    result = judged("non_response")
    assert result.metrics["brier"].value == pytest.approx(np.mean((sample.risk - sample.event) ** 2))
    assert result.metrics["observed_expected"].value == pytest.approx(sample.event.sum() / sample.risk.sum())
    table = bundle.score(new_cohort)["risk"].to_numpy()
    assert sample.risk == pytest.approx(table[checked_target(bundle, new_cohort).rows], abs=1e-12)


def test_the_link_is_the_linear_predictor(new_cohort):
    bundle = open_bundle(shipped("efs"))
    sample = predictions(bundle, new_cohort, checked_target(bundle, new_cohort), force_horizon=True)
    member = bundle.model.members[0]
    hazard = member.baseline.at(sample.horizon)
    assert np.exp(-hazard * np.exp(sample.link)) == pytest.approx(1 - sample.risk, abs=1e-12)


def test_what_is_missing_is_named_wherever_it_matters(new_cohort):
    poorer = replace(new_cohort, frame=new_cohort.frame.drop(columns="cd3"))
    result = validate(open_bundle(shipped("non_response")), poorer)
    mix = {item["input"]: item for item in result.case_mix["inputs"]}
    assert mix["cd3"]["missing_here"] == 1.0
    assert mix["cd3"]["mean_here"] is None
    assert 0 < next(row["here"] for row in mix["bcr_abl1"]["levels"] if row["level"] == "present") < 0.3
    assert any("not recorded here: cd3" in note for note in result.notes)
    assert any("cd3" in item["words"] for item in result.transport["reasons"] if item["topic"] == "inputs")


def test_errors_are_compared_with_the_cohorts_own_comparator(judged):
    result = judged("non_response")
    brier = next(row for row in result.differences if row["measure"] == "brier")
    assert brier["against"] == result.comparator["name"] == "prevalence"
    assert brier["value"] == pytest.approx(result.metrics["brier"].value - result.comparator["brier"])
    assert brier["high"] < 0


@pytest.mark.parametrize("name", ["non_response", "efs"])
def test_more_risk_than_the_model_says_needs_another_level(name, new_cohort):
    # Fewer of those without the event: odds and hazards are higher than the model's by the same factor in everybody.
    bundle = open_bundle(shipped(name))
    sample = predictions(bundle, new_cohort, checked_target(bundle, new_cohort), force_horizon=True)
    rows = checked_target(bundle, new_cohort).rows
    late = sample.event if sample.time is None else sample.event & (sample.time <= sample.horizon)
    kept = late | (np.random.default_rng(1).random(len(late)) < 0.3)
    result = validate(bundle, new_cohort.some(rows[kept]), force_horizon=True)
    assert result.metrics["observed_expected"].low > 1
    assert result.transport["conclusion"] == "recalibrate"
    assert "risks are too low" in result.verdict


def test_another_outcome_is_refused_and_the_same_one_is_not(new_cohort):
    bundle = open_bundle(shipped("non_response"))
    with pytest.raises(DataError, match="rule must be column"):
        validate(bundle, new_cohort, outcome="mrd_persists")
    assert checked_target(bundle, new_cohort, "non_response").n_events > 0
    assert checked_target(bundle, new_cohort, dict(bundle.manifest["outcome"])).n_events > 0


def test_the_development_file_gives_a_membership_model_of_rows(new_cohort):
    bundle = open_bundle(shipped("non_response"))
    own = read_cohort(folder("features") / "synthetic" / "cohort.csv")
    result = validate(bundle, new_cohort, development=own)
    assert result.membership["method"].startswith("ridge logistic")
    assert result.membership["from_aggregates"]["method"].startswith("two normal groups")
    with pytest.raises(DataError, match="must be the very cohort the model was trained on"):
        validate(bundle, new_cohort, development=new_cohort)


def test_a_horizon_past_the_tenth_percentile_of_follow_up_is_refused_unless_forced(new_cohort):
    # Three in ten are lost after two months; the model is judged at twelve.
    time = new_cohort.frame["efs_time"].to_numpy().copy()
    event = new_cohort.frame["efs_event"].to_numpy(dtype=object).copy()
    lost = (np.arange(len(time)) % 10 < 3) & (time > 2)
    time[lost], event[lost] = 2.0, "none"
    early = replace(new_cohort, frame=new_cohort.frame.assign(efs_time=time, efs_event=event))
    bundle = open_bundle(shipped("efs"))
    with pytest.raises(NotEstimableError, match="--force-horizon"):
        validate(bundle, early)
    assert validate(bundle, early, force_horizon=True).horizon_months == 12
    everybody = replace(new_cohort, frame=new_cohort.frame.assign(efs_time=np.minimum(time, 11.0)))
    with pytest.raises(NotEstimableError, match="at least 10 are needed"):
        validate(bundle, everybody, force_horizon=True)


def test_late_entries_are_judged(new_cohort):
    bundle = open_bundle(shipped("efs"))
    late = bundle.with_(manifest={**bundle.manifest, "outcome": {**bundle.manifest["outcome"], "origin": "diagnosis"}})
    frame = new_cohort.frame.assign(entry_time=2.0)
    result = validate(late, replace(new_cohort, frame=frame), force_horizon=True)
    assert np.isfinite(result.metrics["c_index"].value)
    assert np.isfinite(result.metrics["observed_expected"].value)
    json.dumps(result.as_dict(), allow_nan=False)


@pytest.mark.parametrize("baseline", [True, False])
def test_what_a_model_expects_grows_with_time_and_ends_at_its_own_curve(baseline, new_cohort):
    bundle = open_bundle(shipped("efs"))
    target, model = checked_target(bundle, new_cohort), bundle.model
    if not baseline:  # the model's own curves are asked for, and drawn straight between months
        slopes = tuple(-0.5 * c for c in model.members[0].linear.coefficients)
        member = Member(1.0, Linear(5.0, slopes), Accelerated("weibull", 0.8, 36.0))
        model = model.with_(members=(member,), bootstrap=())
    assert model.is_linear is baseline
    bundle = bundle.with_(model=model)
    sample = predictions(bundle, new_cohort, target, force_horizon=True)
    whole = np.full(len(target.rows), sample.horizon)
    at_horizon = cumulative_hazard(model, new_cohort, target, whole, sample.link)
    assert at_horizon == pytest.approx(-np.log(1 - sample.risk), rel=1e-6)
    half = cumulative_hazard(model, new_cohort, target, whole / 2, sample.link)
    curve = scores_of(model, new_cohort, target, [sample.horizon / 2])[:, 0]
    # With a baseline the mean over the background of patients with gaps is taken as proportional too: 2 % off at most.
    assert half == pytest.approx(-np.log(curve), rel=0.03 if baseline else 1e-6)


def test_the_training_file_is_refused():
    cohort = read_cohort(folder("features") / "synthetic" / "cohort.csv")
    with pytest.raises(DataError, match="must not be the cohort the model was trained on"):
        validate(open_bundle(shipped("efs")), cohort)


def test_a_foreign_file_without_inputs_is_refused(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("patient_id,response,disease_status_at_start\na,response,R/R\n", encoding="utf-8")
    with pytest.raises(DataError, match="must have an input of the model"):
        validate(open_bundle(shipped("non_response")), read_cohort(path))


def test_no_event_at_all_is_not_estimable(new_cohort):
    none = replace(new_cohort, frame=new_cohort.frame.assign(response="response"))
    with pytest.raises(NotEstimableError, match="needs rows with the event"):
        validate(open_bundle(shipped("non_response")), none)


def test_small_counts_are_not_shown(judged):
    result = judged("efs")
    few = replace(result, distribution=replace(result.distribution, n_with=3), notes=("not known in 2 rows of 51",))
    assert few.as_dict()["distribution"]["n_with"] is None
    assert few.as_dict()["notes"] == ["not known in <5 rows of 51"]


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
