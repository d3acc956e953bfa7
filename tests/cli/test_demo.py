"""``riskml demo``: the whole main job on the embedded cohort, as a newcomer runs it."""

from __future__ import annotations

import json
import time

import pytest

from riskml.cli.demo import MODELS, PATIENT
from tests.cli.processes import contents, rows

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(run_riskml, tmp_path_factory):
    """The folder a demo ran in, what it said, and how many seconds it took."""
    folder = tmp_path_factory.mktemp("demo")
    start = time.perf_counter()
    done = run_riskml("demo", "--out", "here", "--jobs", 2, cwd=folder, timeout=280)
    return folder, done, time.perf_counter() - start


def test_it_writes_bundles_a_report_and_a_prediction(demo):
    folder, done, _ = demo
    assert done.returncode == 0, done.stderr
    files = contents(folder / "here")
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
    folder, _, _ = demo
    done = run_riskml("predict", "here/non_response", "here/patient.json", "--json", cwd=folder)
    assert json.loads(done.stdout) == json.loads((folder / "here" / "prediction.json").read_text(encoding="utf-8"))


def test_it_gives_the_bundles_that_ship(demo):
    from riskml.runtime.bundle import open_bundle, shipped

    folder, _, seconds = demo
    for name in MODELS:
        new, old = open_bundle(folder / "here" / name), open_bundle(shipped(name))
        patient = old.golden[0]["patient"]
        assert new.predict(patient).value == pytest.approx(old.predict(patient).value, abs=1e-6)
    assert seconds < 120
