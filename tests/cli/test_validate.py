"""``riskml validate`` as a process."""

from __future__ import annotations

import json

import pytest

from tests.cli.processes import BUNDLES, COHORT, refused


def test_writes_figures_and_prints_them(riskml, tmp_path):
    assert riskml("simulate", "--patients", "300", "--seed", "4", "--out", "new.csv").returncode == 0
    done = riskml("validate", str(BUNDLES["efs"]), "new.csv", "--out", "validation")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "validation" / "validation.json").read_text(encoding="utf-8"))
    assert result["model"] == "efs"
    assert result["synthetic"] is True
    assert f"{result['metrics']['c_index']['value']:.3f}" in done.stdout
    assert "verdict:" in done.stdout


def test_the_training_cohort_is_no_external_validation(riskml, tmp_path):
    done = riskml("validate", str(BUNDLES["efs"]), str(COHORT), "--out", "validation")
    refused(done, 3, "must not be the cohort the model was trained on")
    assert not (tmp_path / "validation").exists()


@pytest.mark.parametrize("missing", ["bundle", "cohort"])
def test_paths_that_are_not_there(riskml, missing):
    bundle = "nowhere" if missing == "bundle" else str(BUNDLES["efs"])
    refused(riskml("validate", bundle, "nothing.csv", "--out", "v"), 2, "no")
