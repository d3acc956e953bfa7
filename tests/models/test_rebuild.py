"""The bundles that ship are what their recipes and cohorts give, byte for byte (the synthetic ones: test_demo.py)."""

from __future__ import annotations

import importlib.util
import json

import pytest

from riskml.resources import folder
from tests.models.made import files_of, skip_unless_made_here
from tests.repository import ROOT

SYNTHETIC = ("non_response", "icans", "efs")


@pytest.fixture(scope="module")
def script():
    """models/rebuild.py, which is no package."""
    spec = importlib.util.spec_from_file_location("rebuild", ROOT / "models" / "rebuild.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.data
def test_the_real_bundle_is_rebuilt_byte_for_byte(script, tmp_path, data_file):
    skip_unless_made_here("induction_efs")
    script.rebuild(tmp_path, ("induction_efs",), data_file("target_aall0232/aall0232.csv"))
    assert files_of(tmp_path / "induction_efs") == files_of(folder("models") / "induction_efs")


def test_every_shipped_bundle_belongs_to_the_recipe_beside_it():
    for home in sorted(folder("models").glob("*/bundle")):
        manifest = json.loads((home / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["name"] == home.parent.name
        assert manifest["synthetic"] is (home.parent.name in SYNTHETIC)
