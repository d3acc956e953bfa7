"""What docs/embedding.md promises to services: its scripts run, threads agree, and Python alone is enough."""

from __future__ import annotations

import json
import pickle
import re
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from riskml.resources import folder
from riskml.runtime.bundle import open_bundle, shipped
from riskml.runtime.score import score_table, value
from tests.repository import ROOT
from tests.runtime.models import SHIPPED, shipped_bundle

PAGES = ("embedding.md", "exports.md")


def blocks(page, kind):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


SCRIPTS = [(page, number, code) for page in PAGES for number, code in enumerate(blocks(page, "python"))]
# No site-packages and nothing of the user's: what is imported is Python's, or stands in a named folder.
_ALONE = "import sys; sys.path[:0] = {places!r}; from riskml.cli.main import main; raise SystemExit(main({words!r}))"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    home = tmp_path_factory.mktemp("embedding")
    shutil.copytree(folder("models"), home / "models")
    return home


def run_script(place, name, code):
    (place / name).write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, name], cwd=place, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("page", "number", "code"), SCRIPTS, ids=[f"{page}-{number}" for page, number, _ in SCRIPTS])
def test_each_script_of_the_pages_runs_as_it_stands(place, page, number, code):
    run_script(place, f"script_{number}.py", code)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_the_page_on_signing_is_followed_step_by_step(place):
    pytest.importorskip("cryptography", reason="needs the extra sign")
    (place / "patient.json").write_text('{"mrd": "1 %"}', encoding="utf-8")
    (place / "cohort.csv").write_text("mrd,cd3\n1 %,1\n", encoding="utf-8")
    first, by_openssl = blocks("signing.md", "sh")
    for line in [*first.splitlines(), *by_openssl.splitlines()]:
        words = shlex.split(line)
        if words and words[:2] != ["riskml", "serve"]:
            command = [sys.executable, "-m", *words] if words[0] == "riskml" else words
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=60)
            assert done.returncode == 0, f"{line}\n{done.stderr}"
    (code,) = blocks("signing.md", "python")
    run_script(place, "signing.py", code)


def test_one_bundle_in_eight_threads_says_what_it_says_alone():
    alone = open_bundle(shipped("efs"))
    patients = [*(entry["patient"] for entry in alone.golden), {"MRD (%)": 3, "BCR::ABL1": "neg", "age": "70 mo"}]
    want = [json.dumps(alone.predict(patient).as_dict()) for patient in patients]
    shared, got = (
        open_bundle(shipped("efs")),
        {},
    )  # freshly opened: what it builds on first use is built under contention
    gate = threading.Barrier(8)

    def ask(number):
        gate.wait()
        got[number] = [json.dumps(shared.predict(patient).as_dict()) for patient in patients]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == dict.fromkeys(range(8), want)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_bundle_travels_to_another_process(name):
    bundle = shipped_bundle(name)
    copy = pickle.loads(pickle.dumps(bundle))
    for entry in bundle.golden:
        assert copy.predict(entry["patient"]) == bundle.predict(entry["patient"])
    assert copy.digest == bundle.digest


def alone(*words, places=()):
    code = _ALONE.format(places=[str(ROOT), *map(str, places)], words=[*map(str, words)])
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )


def test_without_any_package_predict_card_and_features_work(tmp_path):
    patient = tmp_path / "patient.json"
    patient.write_text('{"mrd": "0.52 %", "bcr_abl1": "absent"}', encoding="utf-8")
    bundle = ROOT / "models" / "non_response" / "bundle"
    said = alone("predict", bundle, patient, "--json")
    assert said.returncode == 0, said.stderr
    want = shipped_bundle("non_response").predict({"mrd": "0.52 %", "bcr_abl1": "absent"}).as_dict()
    assert json.loads(said.stdout) == want
    for words in (("card", bundle), ("card", bundle, "--json"), ("features", "mrd", "--json"), ("--help",)):
        done = alone(*words)
        assert done.returncode == 0, done.stderr
        assert done.stdout


@pytest.mark.parametrize("command", [["train", "c.csv", "--model", "efs", "--out", "o"], ["check", "c.csv"]])
def test_a_command_that_needs_a_package_names_it_and_the_remedy(command):
    done = alone(*command)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.match(
        r"riskml: this command needs the package \w+, which is not here: in riskml's checkout run pip install \.\n$",
        done.stderr,
    )
    assert "Traceback" not in done.stderr


def test_a_table_is_scored_with_numpy_and_no_other_package(tmp_path):
    for part in Path(np.__file__).parents[1].glob("numpy*"):
        (tmp_path / part.name).symlink_to(part)
    code = (
        f"import sys, json; sys.path[:0] = {[str(ROOT), str(tmp_path)]!r}\n"
        "import riskml\nfrom riskml.runtime.score import score_table\n"
        f"bundle = riskml.open_bundle({str(shipped('non_response'))!r})\n"
        "print(json.dumps(score_table(bundle.model, {'mrd': [0.01, float('nan')], 'cd19': [0.03, 0.2]}, 2).tolist()))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    model = shipped_bundle("non_response").model
    rows = [value(model, {"mrd": 0.01, "cd19": 0.03}), value(model, {"cd19": 0.2})]
    np.testing.assert_allclose(json.loads(done.stdout), rows, atol=1e-12)
    np.testing.assert_array_equal(
        json.loads(done.stdout), score_table(model, {"mrd": [0.01, np.nan], "cd19": [0.03, 0.2]}, 2)
    )
