"""``riskml demo``: the whole main job on the embedded cohort, as a newcomer runs it."""

from __future__ import annotations

import json
import time

import pytest

from riskml.cli.demo import MODELS, PATIENT
from riskml.resources import folder
from tests.cli.processes import contents, rows
from tests.models.made import files_of, skip_unless_made_here

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(run_riskml, tmp_path_factory):
    """The folder a demo ran in, what it said, and how many seconds it took."""
    place = tmp_path_factory.mktemp("demo")
    start = time.perf_counter()
    done = run_riskml("demo", "--out", "here", "--jobs", 2, cwd=place, timeout=280)
    return place, done, time.perf_counter() - start


def test_it_writes_bundles_a_report_and_a_prediction(demo):
    place, done, _ = demo
    assert done.returncode == 0, done.stderr
    files = contents(place / "here")
    bundle = ("CARD.md", "explanation.json", "golden.json", "manifest.json", "model.json")
    beside = ("evaluation.json", "nomogram.svg", "tripod_ai.csv", "tripod_ai.html")
    described = {name for name in files if name.startswith("describe/")}
    assert {"describe/describe.html", "describe/tables/efs.csv", "describe/figures/efs.svg"} <= described
    assert set(files) - described == {
        "report.html",
        "patient.json",
        "prediction.json",
        *(f"{name}/{file}" for name in MODELS for file in beside),
        *(f"{name}/bundle/{file}" for name in MODELS for file in bundle),
    }
    assert json.loads(files["patient.json"]) == PATIENT
    names = {row["patient_id"].encode() for row in rows()}
    assert not any(name in content for name in names for content in files.values())


@pytest.mark.parametrize("name", MODELS)
def test_its_bundles_are_the_shipped_ones_byte_for_byte(demo, name):
    skip_unless_made_here(name)
    place, _, _ = demo
    assert files_of(place / "here" / name) == files_of(folder("models") / name)


def test_it_tells_the_story_in_order(demo):
    _, done, _ = demo
    text = done.stdout
    story = [
        "125 courses",
        "SYNTHETIC",
        "Event-free survival: Patients 105",
        "non_response: No response",
        "verdict:",
        "icans: ",
        "efs: ",
        "$ riskml predict",
        "Estimated risk:",
    ]
    places = [text.index(part) for part in story]
    assert places == sorted(places)
    assert "Written to here: report.html" in text
    assert "Traceback" not in done.stderr
    assert text.isascii()


def test_its_prediction_can_be_repeated_from_its_files(demo, run_riskml):
    place, _, _ = demo
    done = run_riskml("predict", "here/non_response", "here/patient.json", "--json", cwd=place)
    assert json.loads(done.stdout) == json.loads((place / "here" / "prediction.json").read_text(encoding="utf-8"))


def test_its_bundles_predict_as_the_shipped_ones_whatever_the_libraries(demo):
    from riskml.runtime.bundle import open_bundle, shipped

    place, _, seconds = demo
    for name in MODELS:
        new, old = open_bundle(place / "here" / name), open_bundle(shipped(name))
        patient = old.golden[0]["patient"]
        assert new.predict(patient).value == pytest.approx(old.predict(patient).value, abs=1e-6)
    assert seconds < 120
