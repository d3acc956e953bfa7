"""What the README prints: a prediction and the figures of the models. Its commands and its Python: test_docs.py."""

from __future__ import annotations

import json
import re

from riskml.resources import folder
from riskml.runtime.bundle import open_bundle, shipped
from riskml.runtime.card_words import interval_text
from tests.repository import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(kind):
    return re.findall(rf"^```{kind}[^\n]*\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_prediction_it_prints_is_the_one_riskml_prints(run_riskml, tmp_path):
    (tmp_path / "patient.json").write_text(blocks("json")[0], encoding="utf-8")
    (tmp_path / "models").symlink_to(folder("models"))
    shown = run_riskml("predict", "models/non_response/bundle", "patient.json", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert blocks("text")[0] == shown.stdout


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
