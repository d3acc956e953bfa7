"""The README is run: its Python as it stands, its commands, and the prediction it prints."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from riskml.resources import folder
from riskml.runtime.bundle import open_bundle, shipped
from riskml.runtime.card_words import interval_text
from tests.repository import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def riskml(command, cwd):
    words = shlex.split(command, comments=True)
    assert words[0] == "riskml"
    return subprocess.run(
        [sys.executable, "-m", "riskml", *words[1:]], cwd=cwd, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder as the README imagines it: models/, two cohorts, a patient."""
    home = tmp_path_factory.mktemp("readme")
    shutil.copytree(folder("models"), home / "models")
    shutil.copy(folder("features") / "synthetic" / "cohort.csv", home / "cohort.csv")
    assert riskml("riskml simulate --patients 400 --seed 2 --out other.csv", home).returncode == 0
    (home / "patient.json").write_text(blocks("json")[0], encoding="utf-8")
    return home


def test_the_prediction_it_prints_is_the_one_riskml_prints(place):
    shown = riskml("riskml predict models/non_response/bundle patient.json", place)
    assert shown.returncode == 0, shown.stderr
    assert blocks("text")[0] == shown.stdout


@pytest.mark.slow
def test_its_python_runs_as_it_stands(place):
    (code,) = blocks("python")
    code += "\nprint(evaluation.verdict, prediction.as_dict()['schema'], len(scores), external.verdict, child.digest)\n"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "riskml.prediction/1" in done.stdout


@pytest.mark.slow
def test_its_commands_run(place):
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("riskml ")]
    assert len(commands) >= 9
    for command in commands:
        if "../shared/data" not in command:
            done = riskml(command, place)
            assert done.returncode == 0, f"{command}\n{done.stderr}"


def test_its_figures_are_those_of_the_bundles():
    table = [line for line in README.splitlines() if line.startswith("| `")]
    assert len(table) == 6
    for line in table:
        name = line.split("`")[1]
        metrics = open_bundle(shipped(name)).manifest["evaluation"]["metrics"]
        for key in ("auc", "c_index", "scaled_brier", "ipa", "calibration_slope", "observed_expected"):
            if key in metrics:
                assert interval_text(metrics[key], 2) in line, (name, key)


def test_its_patient_is_the_contract_s():
    assert json.loads(blocks("json")[0]) == {
        "age": "6.4 a",
        "mrd": "0.52 %",
        "bcr_abl1": "absent",
        "cd19": {"value": 30, "unit": "/uL"},
    }
