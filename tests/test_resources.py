"""The data folders are found in an installed package and in a checkout, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskml import resources
from riskml.errors import RiskmlError
from riskml.resources import folder

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An empty place that riskml takes for its own package folder."""
    home = tmp_path / "lib" / "riskml"
    home.mkdir(parents=True)
    monkeypatch.setattr(resources, "PACKAGE", home)
    return home


@pytest.mark.parametrize("name", ["features", "models"])
def test_the_checkout_is_found_from_any_working_directory(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert folder(name) == ROOT / name


def test_the_installed_folder_goes_first(package):
    for path in (package / "_data" / "models", package.parent / "models"):
        path.mkdir(parents=True)
    (package.parent / "pyproject.toml").touch()
    assert folder("models") == package / "_data" / "models"


def test_a_strangers_models_folder_in_site_packages_is_not_ours(package):
    (package.parent / "models").mkdir()
    with pytest.raises(RiskmlError, match="lost its data folder 'models'"):
        folder("models")


def test_the_message_names_both_places_and_the_remedy(package):
    with pytest.raises(RiskmlError, match="reinstall riskml") as caught:
        folder("features")
    assert str(package / "_data" / "features") in str(caught.value)
    assert str(package.parent / "features") in str(caught.value)
