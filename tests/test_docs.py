"""Every block of the README and the docs: commands and Python run as they stand, data are read, gaps say why."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from riskml import resources
from riskml.cli.main import main
from riskml.reporting.figures import canvas
from riskml.resources import folder
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.schemes import load_schemes
from riskml.serving import cds_routes, fhir_routes
from riskml.serving.models import Models
from riskml.training import measures, recipe
from riskml.training.judge import utility
from tests.pages import Page, blocks_of
from tests.repository import ROOT
from tests.serving.asking import Asking

DOCS = ["README.md", *sorted(path.name for path in (ROOT / "docs").glob("*.md"))]
# Pages whose blocks other tests run, in processes of their own.
ELSEWHERE = {
    "add_learner.md": "tests/test_extending.py",
    "embedding.md": "tests/test_embedding.py",
    "federated.md": "tests/cli/test_federate.py",
    "signing.md": "tests/test_embedding.py",
    "validation.md": "tests/cli/test_validate.py",
}
RUN = {"sh", "python"}
PAGES = [page for page in DOCS if page not in ELSEWHERE and any(b.language in RUN for b in blocks_of(page))]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """What the pages take for granted: cohorts in several forms, another hospital's, a patient."""
    home = tmp_path_factory.mktemp("files")
    text = (folder("features") / "synthetic" / "cohort.csv").read_text(encoding="utf-8")
    (home / "cohort.csv").write_text(text, encoding="utf-8")
    (home / "foreign.csv").write_text("id,age,died\n" + "".join(f"{n},{n % 7},{n % 2}\n" for n in range(40)))
    (home / "patient.json").write_text('{"age": "6.4 a", "mrd": "0.52 %", "bcr_abl1": "absent"}')
    for name, patients in (("other.csv", 150), ("other_hospital.csv", 150), ("cohort.parquet", 60)):
        assert main(["simulate", "--patients", str(patients), "--seed", "2", "--out", str(home / name)]) == 0
    (home / "registry").mkdir()
    table = pd.read_parquet(home / "cohort.parquet")
    for number, part in enumerate((table[:40], table[40:])):
        part.to_parquet(home / "registry" / f"part-{number}.parquet")
    return home


@pytest.fixture(scope="module")
def service():
    """The service over all shipped models, asked without a network."""
    models = Models(folder("models"))
    asking = Asking(models, more=[fhir_routes.router(models), cds_routes.router(models)])
    yield asking
    asking.close()


@pytest.fixture
def place(files, tmp_path, monkeypatch):
    """A folder as the pages imagine it, and settings that make training a matter of a second."""
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    for name in ("models", "features"):
        shutil.copytree(folder(name), tmp_path / name, symlinks=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "examples").symlink_to(ROOT / "docs" / "examples")
    (tmp_path / "pyproject.toml").touch()
    shutil.copytree(folder("models") / "efs" / "bundle", tmp_path / "out" / "efs" / "bundle")
    monkeypatch.chdir(tmp_path)
    # The dictionary and the schemes are those of this folder, so that a page may add to them.
    monkeypatch.setattr(resources, "PACKAGE", str(tmp_path / "riskml"))
    whole = recipe._recipe
    monkeypatch.setattr(recipe, "_recipe", lambda *a: dataclasses.replace(whole(*a), repeats=1, bootstrap=5))
    monkeypatch.setattr(measures, "N_BOOT", 40)
    monkeypatch.setattr(utility, "N_BOOT", 20)
    monkeypatch.setattr(canvas, "_DPI", 30)
    plt.switch_backend("Agg")
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    for cache in (load_dictionary, load_schemes):
        cache.cache_clear()
    yield tmp_path
    for cache in (load_dictionary, load_schemes):
        cache.cache_clear()


def curl(service):
    """What curl would do with the words of a command; 22, as ``curl --fail``, where the service refuses."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-X", default="")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d", "--data", default="")

    def ask(words):
        asked = parser.parse_args(words)
        data = Path(asked.data[1:]).read_text(encoding="utf-8") if asked.data.startswith("@") else asked.data
        headers = dict(line.split(": ", 1) for line in asked.H)
        path = asked.url.removeprefix("http://127.0.0.1:8000")
        answer = service(asked.X or ("POST" if data else "GET"), path, content=data, headers=headers)
        return 0 if answer.status_code == 200 else 22

    return ask


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # shap's own import
@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_from_top_to_bottom(place, service, page):
    reader = Page(curl(service))
    for block in blocks_of(page):
        reader.run(block)
    plt.close("all")


@pytest.mark.parametrize("page", DOCS)
def test_its_data_can_be_read(page):
    for block in blocks_of(page):
        if block.language == "toml":
            tomllib.loads(block.code)
        elif block.language == "json":
            json.loads(block.code)


def test_nothing_that_could_be_run_is_called_something_else():
    for page in DOCS:
        for block in blocks_of(page):
            if block.language not in RUN and not block.info and block.language != "text":
                assert not block.code.startswith(("riskml ", "python ", "pip ", "curl ", "import ")) or (
                    page in ELSEWHERE
                ), block


def test_what_is_not_run_is_little_and_says_why():
    left_out = {str(b): b.untested for page in DOCS for b in blocks_of(page) if b.info.startswith("no-test")}
    assert all(len(why) > 10 for why in left_out.values())
    assert len(left_out) <= 16, left_out
    assert all((ROOT / test).is_file() for test in ELSEWHERE.values())


def test_the_numbers_of_the_tutorial_are_those_of_its_plan(place, capsys):
    cohort = next(block for block in blocks_of("tutorial.md") if "simulate" in block.code).code.splitlines()[0]
    assert main(cohort.split()[1:]) == 0
    assert main(["plan", "cohort.csv", "--model", "non_response"]) == 0
    said = capsys.readouterr().out
    assert [part for part in ("97 patients, 16 with the event", "482", "pulled 35 %") if part not in said] == []


def test_four_patients_and_two_questions_are_shown_as_printed():
    assert sum(block.language == "text" and block.behind for block in blocks_of("predicting.md")) == 6
