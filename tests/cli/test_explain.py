"""``riskml explain``: aggregates that can be shown, single courses that stay, and the refusals of ``riskml score``."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

import riskml as front_door
from tests.cli.processes import BUNDLES, COHORT, broken_cohort, contents, refused, rows, write_rows


@pytest.fixture(scope="module")
def efs(run_riskml, tmp_path_factory):
    """What it wrote and said about the embedded cohort."""
    folder = tmp_path_factory.mktemp("explain")
    done = run_riskml("explain", BUNDLES["efs"], COHORT, "--out", "out", "--at", "6", "12", cwd=folder)
    return done, contents(folder / "out")


def test_it_writes_aggregates_and_keeps_single_courses_apart(efs):
    done, files = efs
    assert (done.returncode, done.stderr) == (0, "")
    aggregates = {"explanation.html", "explanation.json", "figures/importance.svg", "figures/over_time.svg"}
    pictures = {name for name in files if name.startswith("figures/patients/")}
    assert set(files) - pictures == aggregates | {"figures/typical.svg", "explanations.csv"}
    assert "figures/patients/beeswarm.png" in pictures
    assert len(pictures) == 5
    assert all(files[name].startswith(b"\x89PNG") for name in pictures)
    assert done.stdout.endswith("out/explanation.html\n")
    assert "125 rows of 105 patients" in done.stdout
    assert done.stdout.count("rank ") == 7
    names = {row["patient_id"].encode() for row in rows()}
    assert not [name for name in names if any(name in content for content in files.values())]


def test_each_line_adds_up_to_the_score(efs, riskml, tmp_path):
    riskml("score", BUNDLES["efs"], COHORT, "--out", "s.csv", "--at", "6", "12")
    scores = list(csv.DictReader((tmp_path / "s.csv").read_text(encoding="utf-8").splitlines()))
    lines = list(csv.DictReader(efs[1]["explanations.csv"].decode().splitlines()))
    assert [line["row"] for line in lines] == [score["row"] for score in scores]
    for line, score in zip(lines, scores, strict=True):
        for month in ("6", "12"):
            effects = [float(v) for k, v in line.items() if k.startswith("effect_") and k.endswith(f"_{month}_months")]
            total = float(line[f"base_{month}_months"]) + sum(effects)
            assert total == pytest.approx(float(score[f"survival_{month}_months"]), abs=1e-9)


def test_the_json_is_what_python_gives(efs):
    bundle, cohort = front_door.open_bundle(BUNDLES["efs"]), front_door.read_cohort(COHORT)
    told = json.loads(efs[1]["explanation.json"])
    found = front_door.explain(bundle, cohort, at=[6, 12])
    assert told["times"] == [6, 12]
    assert told["base"] == pytest.approx(found.base.tolist(), abs=5.1e-5)
    assert {item["input"] for item in told["inputs"]} == set(bundle.model.inputs)


def test_drawings_are_files_of_their_own(efs):
    for name in ("importance", "over_time", "typical"):
        text = efs[1][f"figures/{name}.svg"].decode()
        assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg"')
        assert text.count("xmlns=") == 1


def test_the_help_says_which_files_are_about_single_patients(riskml):
    shown = " ".join(riskml("explain", "--help").stdout.split())
    assert "two things about single patients, to be kept where the cohort is kept: explanations.csv" in shown


def test_a_cohort_without_outcome_and_without_an_input_is_explained(riskml, tmp_path):
    table = [{"age": row["age"], "cd4": row["cd4"], "patient_id": row["patient_id"]} for row in rows()]
    done = riskml("explain", BUNDLES["icans"], write_rows(tmp_path / "c.csv", table), "--out", "out")
    assert done.returncode == 0
    assert done.stderr.startswith("not columns of the cohort, so averaged over: ")
    assert "over_time.svg" not in str(list(contents(tmp_path / "out"))), "a probability has no time"


@pytest.mark.parametrize(
    ("cells", "parts"), [({"mrd": "520 %"}, ["row 5, column mrd"]), ({"cd3": "7 mg"}, ["row 5, column cd3"])]
)
def test_wrong_values_and_units_are_refused_before_anything_is_written(riskml, tmp_path, cells, parts):
    cohort = broken_cohort(tmp_path / "c.csv", **cells)
    refused(riskml("explain", BUNDLES["efs"], cohort, "--out", "out"), 3, *parts)
    assert not (tmp_path / "out").exists()


def test_other_refusals(riskml, tmp_path):
    few = write_rows(tmp_path / "few.csv", rows()[:2])
    done = riskml("explain", BUNDLES["efs"], few, "--out", "out")
    refused(done, 5, "5 patients or more", "riskml predict explains single patients")
    refused(riskml("explain", BUNDLES["icans"], COHORT, "--out", "out", "--at", "6"), 2, "--at is for survival models")
    refused(riskml("explain", BUNDLES["efs"], COHORT, "--out", "out", "--at", "600"), 5, "600 months")
    refused(riskml("explain", "nowhere", COHORT, "--out", "out"), 2, "nowhere")
    (tmp_path / "file").write_text("precious")
    refused(riskml("explain", BUNDLES["icans"], COHORT, "--out", "file"), 2, "cannot write")
    assert not (tmp_path / "out").exists()


def test_a_bundle_with_another_explanation_is_refused(riskml, tmp_path):
    bundle = shutil.copytree(BUNDLES["efs"], tmp_path / "bundle")
    (bundle / "explanation.json").write_text('{"inputs": []}', encoding="utf-8")
    for words in (["explain", bundle, COHORT, "--out", "out"], ["card", bundle]):
        refused(riskml(*words), 4, "explanation.json is not the file its manifest describes")
