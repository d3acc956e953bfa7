"""docs/add_learner.md does what it says: its module, entry point and recipe are built here and trained."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from tests.cli.processes import COHORT, refused, small_recipe
from tests.repository import ROOT

PAGE = (ROOT / "docs" / "add_learner.md").read_text(encoding="utf-8")
(MODULE,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
PROJECT, LEARNER = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def train(run_riskml, tmp_path_factory):
    """A function that trains a recipe in a process that finds the installed package of the page."""
    home = tmp_path_factory.mktemp("site")
    project = tomllib.loads(PROJECT)["project"]
    (home / "my_learners.py").write_text(MODULE, encoding="utf-8")
    info = home / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    offers = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {target}" for name, target in points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(offers) + "\n", encoding="utf-8")

    def run(recipe, out, *more):
        words = ["train", COHORT, "--model", recipe, "--out", out, *more]
        return run_riskml(*words, cwd=home, env={"PYTHONPATH": str(home)})

    return run


def recipe_with(folder, learner):
    path = small_recipe(folder)
    text = re.sub(
        r"\[learner\]\n.*?(?=\n\[evaluation)", lambda _: learner, path.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    path.write_text(text, encoding="utf-8")
    return path


def test_the_learner_of_the_page_is_short():
    assert 25 <= len(MODULE.splitlines()) <= 45


def test_an_average_with_it_trains_and_predicts(train, run_riskml, tmp_path):
    done = train(recipe_with(tmp_path, LEARNER), tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "  auc " in done.stdout
    bundle = tmp_path / "out" / "non_response"
    manifest = json.loads((bundle / "bundle" / "manifest.json").read_text(encoding="utf-8"))
    assert [(m["kind"], m["weight"]) for m in manifest["training"]["members"]] == [
        ("ridge_logistic", 0.5),
        ("discriminant", 0.5),
    ]
    # The bundle needs nobody's package: this process does not have it.
    asked = run_riskml("predict", bundle, "-", "--json", cwd=tmp_path, stdin='{"mrd": "1 %"}')
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["explanation"]["sum_error"] < 1e-8


def test_its_gate_and_its_settings_are_those_of_the_entry(train, tmp_path):
    learner = LEARNER.replace("least_events = 5\n", "")
    done = train(recipe_with(tmp_path, learner), tmp_path / "out", "--no-evaluate")
    assert done.returncode == 0, done.stderr
    card = (tmp_path / "out" / "non_response" / "bundle" / "CARD.md").read_text(encoding="utf-8")
    assert "Discriminant was left out: 9 events, it takes part from 10." in card
    wrong = train(recipe_with(tmp_path, LEARNER.replace("shrinkage", "width")), tmp_path / "new")
    refused(wrong, 3, "learner.member 2.width: is not a setting of discriminant")


def test_without_the_package_the_recipe_is_refused(run_riskml, tmp_path):
    done = run_riskml("train", COHORT, "--model", recipe_with(tmp_path, LEARNER), "--out", "out", cwd=tmp_path)
    refused(done, 3, "learner.member 2.kind: must be one of", "ridge_logistic")
