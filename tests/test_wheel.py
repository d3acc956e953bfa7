"""The wheel alone is enough: built from the repository's files, installed into an empty environment, it predicts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.repository import ROOT, repository_files

pytestmark = pytest.mark.slow

PATIENT = {"age": "6.4 a", "mrd": "0.52 %"}
BUNDLE_FILES = ("manifest.json", "model.json", "golden.json", "CARD.md", "explanation.json")
WHERE_IS = "from riskml.resources import folder; print(folder({name!r}))"


def run(*command: str | Path, cwd: Path) -> str:
    """Standard output of a command that must succeed in an environment which knows nothing of this checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "COV_"))}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a copy of the files git knows; an untracked or ignored file cannot help it along."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for path in repository_files():
        copy = source / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", built, ".", cwd=source)
    (found,) = built.glob("riskml-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The scripts folder of an environment that holds riskml and nothing else."""
    home = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", home / "env", cwd=home)
    scripts = home / "env" / ("Scripts" if os.name == "nt" else "bin")
    run(scripts / "python", "-m", "pip", "install", "--no-deps", "--no-index", wheel, cwd=home)
    return scripts


def test_the_wheel_holds_the_two_data_folders_and_the_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    ours = [path.relative_to(ROOT).as_posix() for path in repository_files()]
    assert {f"riskml/_data/{name}" for name in ours if name.startswith(("features/", "models/"))} <= names
    assert any(re.fullmatch(r"riskml/_data/features/[^/]+\.toml", name) for name in names)
    assert "riskml/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"riskml"}, (
        "nothing else at the top of site-packages"
    )


def test_the_wheel_holds_every_recipe_and_the_whole_of_every_bundle(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    recipes = {match[1] for name in names if (match := re.fullmatch(r"riskml/_data/models/([^/]+)/recipe\.toml", name))}
    bundles = {match[1] for name in names if (match := re.match(r"riskml/_data/models/([^/]+)/bundle/", name))}
    assert {"non_response", "icans", "efs", "induction_efs"} <= bundles < recipes
    assert {f"riskml/_data/models/{name}/bundle/{file}" for name in bundles for file in BUNDLE_FILES} <= names


@pytest.mark.parametrize("name", ["features", "models"])
def test_the_installed_package_finds_its_own_data(installed, tmp_path, name):
    place = Path(run(installed / "python", "-c", WHERE_IS.format(name=name), cwd=tmp_path).strip())
    assert place.is_dir()
    assert place.is_relative_to(installed.parent)


def test_the_installed_command_predicts_without_any_other_package(installed, tmp_path):
    models = Path(run(installed / "python", "-c", WHERE_IS.format(name="models"), cwd=tmp_path).strip())
    (tmp_path / "patient.json").write_text(json.dumps(PATIENT), encoding="utf-8")
    bundle = models / "non_response" / "bundle"
    prediction = json.loads(run(installed / "riskml", "predict", bundle, "patient.json", "--json", cwd=tmp_path))
    assert prediction["schema"] == "riskml.prediction/1"
    assert prediction["estimate"]["low"] <= prediction["estimate"]["value"] <= prediction["estimate"]["high"]


def test_the_installed_library_embeds_and_the_rest_names_what_it_lacks(installed, tmp_path):
    code = "import riskml; print(riskml.open_bundle(riskml.shipped('efs')).predict({'mrd': '1 %'}).as_dict()['schema'])"
    assert run(installed / "python", "-c", code, cwd=tmp_path) == "riskml.prediction/1\n"
    shipped = run(installed / "python", "-c", "import riskml; print(riskml.shipped('efs'))", cwd=tmp_path).strip()
    assert "Event-free survival" in run(installed / "riskml", "card", shipped, cwd=tmp_path)
    train = [installed / "riskml", "train", "cohort.csv", "--model", "efs", "--out", "out"]
    done = subprocess.run([*map(str, train)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "needs the package numpy, which is not here: in riskml's checkout run pip install ." in done.stderr


def test_the_installed_command_lists_the_dictionary(installed, tmp_path):
    assert "mrd" in run(installed / "riskml", "features", cwd=tmp_path)
