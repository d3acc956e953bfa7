"""Derived inputs from recipe to patient: training, table, components, and the value itself say one thing."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from riskml.cli.main import main
from riskml.cohort.cohort import read_cohort
from riskml.cohort.derive import derive
from riskml.cohort.simulate import simulate
from riskml.errors import DataError
from riskml.runtime.bundle import open_bundle
from riskml.training.evaluate import evaluate
from riskml.training.external import checked_target, predictions, validate
from riskml.training.fit import training_set
from riskml.training.recipe import load_recipe
from riskml.training.train import train
from riskml.training.updating import update

DERIVED = ("mrd_alc_ratio", "lymphocytes_change_d15", "any_poor_lesion", "age_group")
LESIONS = ("bcr_abl1", "kmt2a_r", "tcf3_hlf")
PARTS = ("mrd", "lymphocytes", "lymphocytes_d15", *LESIONS, "age")
RECIPE = """
name = "derived"
version = "1"
label = "No response, by derived inputs"
outcome = "non_response"
landmark = "day_15"
intended_use = "a test"
not_for = ["anything else"]
applies_to = { age_group = ["infant", "1 to 9 years"] }
feature = [
    { name = "burden", op = "log10", inputs = ["mrd_alc_ratio"], parameter = 1e-5, why = "a ratio" },
    { name = "expansion", op = "value", inputs = ["lymphocytes_change_d15"], why = "a difference" },
    { name = "poor", op = "value", inputs = ["any_poor_lesion"], why = "any of three" },
    { name = "older", op = "level", inputs = ["age_group"], parameter = ["10 years or older"], why = "a group" },
]
learner = { kind = "ridge_logistic" }
evaluation = { folds = 3, repeats = 1 }
uncertainty = { bootstrap = 3 }
golden = [
    { mrd = "1 %", lymphocytes = 0.5, lymphocytes_d15 = 1.0, bcr_abl1 = "present", age = "12 a" },
    { mrd_alc_ratio = 0.02, any_poor_lesion = "absent" },
]
"""


def written(path, seed):
    """A simulated cohort with lymphocytes of day 15; its own method of MRD would set limits no patient states."""
    table = simulate(150, seed=seed).table.drop(columns="mrd_method")
    draw = np.random.default_rng(seed)
    later = [f"{x:.2f}" if x > 0.1 else "<0.1" for x in draw.gamma(2, 0.5, len(table))]
    table["lymphocytes_d15"] = np.where(draw.random(len(table)) < 0.1, "", later)
    table.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    home = tmp_path_factory.mktemp("derived")
    (home / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return {name: written(home / f"{name}.csv", seed) for seed, name in enumerate(("own", "other"), start=3)} | {
        "recipe": home / "recipe.toml"
    }


@pytest.fixture(scope="module")
def cohort(files):
    return read_cohort(files["own"])


@pytest.fixture(scope="module")
def bundle(files, cohort):
    return train(load_recipe(files["recipe"]), cohort, evaluation=False)


def test_training_sees_the_derived_columns_and_says_what_it_could_not_tell(files, cohort):
    rows = training_set(load_recipe(files["recipe"]), cohort)
    whole = derive(cohort, DERIVED)
    assert rows.frame.columns.tolist() == list(DERIVED)
    again = training_set(load_recipe(files["recipe"]), whole)
    pd.testing.assert_frame_equal(rows.frame, again.frame)
    assert any("known to within a detection limit" in note for note in rows.notes)
    assert evaluate(load_recipe(files["recipe"]), cohort).n_rows == len(rows.event)


def test_components_the_value_itself_and_the_table_give_one_estimate(files, bundle, cohort):
    raw = pd.read_csv(files["own"], dtype=str, keep_default_na=False)
    scores = bundle.score(cohort)["risk"].to_numpy()
    stored = derive(cohort, DERIVED).frame[list(DERIVED)]
    assert scores == pytest.approx(bundle.score(derive(cohort, DERIVED))["risk"].to_numpy(), abs=0)
    for row in range(60):
        by_parts = bundle.predict(raw.loc[row, list(PARTS)].to_dict(), explain=False)
        given = {name: value for name, value in stored.loc[row].items() if pd.notna(value)}
        directly = bundle.predict(given, explain=False)
        assert by_parts.value[0] == pytest.approx(scores[row], abs=1e-12)
        assert directly.value == pytest.approx(by_parts.value, abs=1e-12)
        assert set(by_parts.missing) == set(directly.missing) == set(DERIVED) - set(given)


def test_notes_go_into_the_manifest_without_small_counts(files, bundle, cohort):
    notes = training_set(load_recipe(files["recipe"]), cohort).notes
    assert len(bundle.manifest["training"]["notes"]) == len(notes) > 0
    for shown, note in zip(bundle.manifest["training"]["notes"], notes, strict=True):
        assert shown == note or "<5 rows" in shown


def test_the_file_brings_its_definitions(bundle, tmp_path):
    opened = open_bundle(bundle.save(tmp_path / "bundle"))
    assert opened == bundle
    assert set(DERIVED) <= set(opened.manifest["dictionary"]["derived"])
    patient = bundle.golden[0]["patient"]
    assert opened.predict(patient) == bundle.predict(patient)


def test_a_prediction_speaks_of_the_derived_inputs_and_not_of_unused_parts(bundle):
    patient = {"mrd": "1 %", "lymphocytes": 0.5, "bcr_abl1": "absent", "age": "12 a", "sex": "female"}
    shown = bundle.predict(patient).as_dict()
    assert shown["inputs"]["used"] == {"mrd_alc_ratio": 0.02, "age_group": "10 years or older"}
    assert set(shown["inputs"]["missing"]) == {"lymphocytes_change_d15", "any_poor_lesion"}
    assert {item["input"] for item in shown["inputs"]["could_change"]} == {"lymphocytes_change_d15", "any_poor_lesion"}
    assert {effect["label"] for effect in shown["explanation"]["effects"]} == {"MRD per lymphocyte count", "Age group"}
    assert [w["input"] for w in shown["warnings"] if w["code"] == "not_used"] == ["sex"]
    assert shown["domain"]["reasons"][0] == "Age group is 10 years or older; the model is for infant or 1 to 9 years"


def remarks(bundle, patient):
    prediction = bundle.predict(patient, explain=False)
    return prediction, [(remark.code, remark.input) for remark in prediction.warnings if remark.input]


def test_a_contradiction_is_a_warning_and_the_value_given_counts(bundle):
    parts = {"mrd": {"value": 1, "unit": "%"}, "lymphocytes": 0.5}
    apart, said = remarks(bundle, {**parts, "mrd_alc_ratio": 0.2})
    assert said == [("stored_differs", "mrd_alc_ratio")]
    assert apart.value == bundle.predict({"mrd_alc_ratio": 0.2}, explain=False).value
    assert remarks(bundle, {**parts, "mrd_alc_ratio": 0.021})[1] == []


@pytest.mark.parametrize("lymphocytes", ["<0.1", 0])
def test_a_ratio_without_a_denominator_is_missing_with_a_reason(bundle, lymphocytes):
    prediction, said = remarks(bundle, {"mrd": "1 %", "lymphocytes": lymphocytes})
    assert "mrd_alc_ratio" in prediction.missing
    assert ("ratio_unknown", "mrd_alc_ratio") in said
    assert ("below_detection", "lymphocytes") in said


def test_a_part_outside_its_range_is_refused_as_everywhere(bundle):
    with pytest.raises(DataError, match="lymphocytes must lie in"):
        bundle.predict({"mrd": "1 %", "lymphocytes": -1})


def test_validation_and_updating_derive_too(files, bundle):
    other = read_cohort(files["other"])
    result = validate(bundle, other)
    whole = derive(other, DERIVED)
    sample = predictions(bundle, whole, checked_target(bundle, whole))
    assert result.metrics["brier"].value == pytest.approx(np.mean((sample.risk - sample.event) ** 2))
    mix = result.case_mix["inputs"]
    assert all(item["missing_here"] < 0.5 for item in mix), "with no column at all each would be missing in all"
    child = update(bundle, other)
    before = child.manifest["lineage"][0]["before"]["metrics"]
    assert before == json.loads(json.dumps(result.as_dict()["metrics"]))
    lowered = child.predict({"mrd": "0.01 %", "lymphocytes": 1.0}).readings
    assert lowered["mrd_alc_ratio"].value == pytest.approx(1e-4)


def test_the_command_scores_by_what_the_columns_allow(files, bundle, tmp_path, capsys):
    bundle.save(tmp_path / "bundle")
    fewer = pd.read_csv(files["other"], dtype=str, keep_default_na=False).drop(columns=["lymphocytes_d15"])
    fewer.to_csv(tmp_path / "fewer.csv", index=False)
    arguments = ["score", str(tmp_path / "bundle"), str(tmp_path / "fewer.csv"), "--out", str(tmp_path / "scores.csv")]
    assert main(arguments) == 0
    said = capsys.readouterr().err
    assert "averaged over: lymphocytes_change_d15\n" in said
    scores = pd.read_csv(tmp_path / "scores.csv")["risk"].to_numpy()
    assert scores == pytest.approx(bundle.score(read_cohort(tmp_path / "fewer.csv"))["risk"].to_numpy(), abs=1e-12)


def test_a_cohort_without_the_parts_is_told_which(files, cohort):
    fewer = cohort.frame.drop(columns=["lymphocytes", *LESIONS])
    with pytest.raises(DataError) as error:
        training_set(
            load_recipe(files["recipe"]), type(cohort)(fewer, cohort.below, cohort.row_numbers, True, "x", "0")
        )
    text = str(error.value)
    assert "or those it is made of (mrd, lymphocytes)" in text
    assert "or those it is made of (bcr_abl1, kmt2a_r, tcf3_hlf)" in text
    assert "age_group" not in text
