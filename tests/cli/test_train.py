"""``riskml train``: what it writes, that it can be repeated, and that an interruption harms nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.processes import COHORT, contents, refused, rows, small_recipe

FILES = {
    "non_response/bundle/CARD.md",
    "non_response/bundle/explanation.json",
    "non_response/bundle/golden.json",
    "non_response/bundle/manifest.json",
    "non_response/bundle/model.json",
    "non_response/evaluation.json",
    "non_response/nomogram.svg",
    "non_response/tripod_ai.csv",
    "non_response/tripod_ai.html",
    "report.html",
}


@pytest.fixture(scope="module")
def trained(run_riskml, tmp_path_factory):
    """A folder with a small recipe trained into ``out``, and what the process said."""
    folder = tmp_path_factory.mktemp("trained")
    words = ["train", COHORT, "--model", small_recipe(folder), "--out", "out", "--seed", 4]
    return folder, run_riskml(*words, cwd=folder)


def test_it_writes_bundle_evaluation_and_report(trained):
    folder, done = trained
    assert done.returncode == 0, done.stderr
    files = contents(folder / "out")
    assert set(files) == FILES
    manifest = json.loads(files["non_response/bundle/manifest.json"])
    assert json.loads(files["non_response/evaluation.json"]) == manifest["evaluation"]
    assert manifest["training"]["seed"] == 4
    assert b"SYNTHETIC" in files["report.html"]
    names = {row["patient_id"].encode() for row in rows()}
    assert not any(name in content for name in names for content in files.values()), "no patient leaves the cohort"


def test_results_go_out_and_progress_goes_beside(trained):
    folder, done = trained
    assert done.stdout.startswith("non_response: No response after cycle 1 - 51 patients, ")
    assert "  auc " in done.stdout
    assert "  verdict: " in done.stdout
    assert "1 x 5-fold cross-validation" in done.stderr
    assert "\r" not in done.stderr, "no progress bar where there is no terminal"
    assert str(folder) not in (folder / "out" / "report.html").read_text(encoding="utf-8")


def test_the_new_bundle_predicts(trained, run_riskml):
    folder, _ = trained
    for words in (["predict", "out/non_response", "-"], ["card", "out/non_response/bundle"]):
        done = run_riskml(*words, cwd=folder, stdin='{"mrd": "1 %"}')
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_number_of_workers_changes_no_byte(trained, run_riskml):
    folder, first = trained
    words = ["train", COHORT, "--model", "non_response.toml", "--out", "again", "--seed", 4, "--jobs", 2]
    second = run_riskml(*words, cwd=folder)
    assert second.stdout == first.stdout
    assert contents(folder / "again") == contents(folder / "out")


def test_without_evaluation_it_says_so(run_riskml, tmp_path):
    words = ["train", COHORT, "--model", small_recipe(tmp_path), "--out", "out", "--no-evaluate"]
    done = run_riskml(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "verdict: performance was not evaluated" in done.stdout
    assert set(contents(tmp_path / "out")) == FILES - {"non_response/evaluation.json"}
    asked = run_riskml("predict", "out/non_response", "-", "--json", cwd=tmp_path, stdin="{}")
    (said,) = [w["message"] for w in json.loads(asked.stdout)["warnings"] if w["code"] == "no_usable_signal"]
    assert said.startswith("nothing is known of how well this model predicts: performance was not evaluated")


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_leaves_the_old_result_whole(trained, process_environment, tmp_path, jobs):
    folder, _ = trained
    before = {name: text for name, text in contents(folder / "out").items() if not name.startswith(".unfinished")}
    recipe = small_recipe(tmp_path, repeats=200, bootstrap=500)
    words = ["train", COHORT, "--model", recipe, "--out", folder / "out", "--jobs", jobs]
    process = subprocess.Popen(
        [sys.executable, "-m", "riskml", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=process_environment, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - a background job ignores it
    )  # fmt: skip
    with process:
        assert "cross-validation" in process.stderr.readline()
        with pytest.raises(subprocess.TimeoutExpired):  # so that its workers are at work
            process.wait(0.8)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert "riskml: interrupted" in err
    if jobs == 1:  # a worker that is still importing joblib when the signal comes may say so in its own way
        assert "Traceback" not in err
    after = contents(folder / "out")
    assert {name: text for name, text in after.items() if not name.startswith(".unfinished")} == before
    assert all(name.startswith(".unfinished") and name.endswith(".json") for name in after.keys() - before.keys())


@pytest.mark.slow
def test_a_killed_training_goes_on_where_it_was(run_riskml, process_environment, tmp_path):
    """Killed without warning among the refits of the second model, then repeated with two workers."""
    recipes = [small_recipe(tmp_path, name, bootstrap=60) for name in ("icans", "non_response")]
    words = ["train", COHORT, "--model", *recipes, "--out"]
    whole = run_riskml(*words, "whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    process = subprocess.Popen(
        [sys.executable, "-m", "riskml", *map(str, words), "cut"], cwd=tmp_path, env=process_environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    with process:
        deadline = time.monotonic() + 60
        while len({path.parent for path in (tmp_path / "cut").glob(".unfinished/*/refit-3.json")}) < 2:
            assert process.poll() is None, "it was not fast enough to finish before"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
    kept = list((tmp_path / "cut").glob(".unfinished/*/*.json"))
    assert all(json.loads(path.read_text(encoding="utf-8"))["task"] == path.stem for path in kept), "whole or not there"
    again = run_riskml(*words, "cut", "--jobs", 2, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "were finished before" in again.stderr
    assert again.stdout == whole.stdout
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole"), "and nothing unfinished is left"


def test_an_estimator_of_another_package_gives_no_bundle(run_riskml, tmp_path):
    recipe = small_recipe(tmp_path)
    text = recipe.read_text(encoding="utf-8")
    outside = 'kind = "sklearn"\nestimator = "sklearn.naive_bayes:GaussianNB"\nsettings = { var_smoothing = 0.01 }\n'
    text = re.sub(r"\[learner\].*?(?=\[evaluation\])", f"[learner]\n{outside}\n", text, flags=re.DOTALL)
    recipe.write_text(text, encoding="utf-8")
    done = run_riskml("train", COHORT, "--model", recipe, "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "  auc " in done.stdout
    assert set(contents(tmp_path / "out")) == {
        "non_response/ESTIMATOR.md",
        "non_response/estimator.joblib",
        "non_response/evaluation.json",
        "report.html",
    }
    refused(run_riskml("predict", "out/non_response", "-", cwd=tmp_path, stdin="{}"), 4, "it is a pickle")
    words = ["train", COHORT, "--model", "non_response", "--out", "out"]
    refused(run_riskml(*words, cwd=tmp_path), 2, "estimator.joblib is of an earlier training")
    recipe.write_text(text.replace("GaussianNB", "Nothing"), encoding="utf-8")
    words = ["train", COHORT, "--model", recipe, "--out", "new"]
    refused(run_riskml(*words, cwd=tmp_path), 2, "cannot load the estimator sklearn.naive_bayes:Nothing")
