"""``riskml validate`` as a process, and the commands of docs/validation.md."""

from __future__ import annotations

import json
import re
import shlex
import shutil

import pytest

from tests.cli.processes import BUNDLES, COHORT, refused
from tests.reporting.pages import checked, small_counts, words_of
from tests.repository import ROOT


@pytest.fixture(scope="module")
def place(run_riskml, tmp_path_factory):
    """A folder with the shipped models in which the commands of the page have been run; what each printed."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(ROOT / "models", folder / "models")
    page = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```bash\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    printed = {}
    for line in block.splitlines():
        words = shlex.split(line)
        assert words[0] == "riskml"
        done = run_riskml(*words[1:], cwd=folder)
        assert done.returncode == 0, done.stderr
        printed[words[-1]] = done.stdout
    return folder, printed


def result_of(folder, name):
    return json.loads((folder / name / "validation.json").read_text(encoding="utf-8"))


def test_writes_figures_and_prints_them(place):
    folder, printed = place
    result = result_of(folder, "validation")
    assert result["model"] == "non_response"
    assert result["synthetic"] is True
    assert result["monitoring"] is None
    assert f"{result['metrics']['auc']['value']:.3f}" in printed["validation"]
    assert result["membership"]["words"] in printed["validation"]
    assert all(reason["words"] in printed["validation"] for reason in result["transport"]["reasons"])
    assert printed["validation"].count(f"verdict: {result['verdict']}") == 1
    shown = {item["input"] for item in result["case_mix"]["inputs"]}
    assert shown == set(json.loads((BUNDLES["non_response"] / "model.json").read_text(encoding="utf-8"))["inputs"])


def test_each_run_writes_a_page_that_says_what_the_json_says(place):
    folder, printed = place
    for name in ("validation", "monitoring", "by_centre"):
        html = (folder / name / "validation.html").read_text(encoding="utf-8")
        page, result = checked(html), result_of(folder, name)
        assert printed[name].rstrip().endswith("validation.html")
        assert small_counts(page) == []
        assert "SYN-" not in html
        assert str(folder) not in html
        assert ("The batches" in html) is (result["monitoring"] is not None)
        text, first = words_of(page), next(iter(result["metrics"].values()))
        assert f"{first['value']:.2f} ({first['low']:.2f} to {first['high']:.2f})" in text
        assert result["digest"] in text
    assert "riskml validate non_response/bundle other.csv --batches 60 --seed 0" in words_of(
        checked((folder / "monitoring" / "validation.html").read_text(encoding="utf-8"))
    )


def test_each_run_writes_the_sheet_of_an_evaluation(place):
    folder, _ = place
    for name in ("validation", "monitoring", "by_centre"):
        sheet = (folder / name / "tripod_ai.csv").read_text(encoding="utf-8")
        assert len(sheet.splitlines()) == 53
        assert result_of(folder, name)["cohort_sha256"] in sheet
        html = (folder / name / "tripod_ai.html").read_text(encoding="utf-8")
        assert html.count("<tr>") == 53
        assert "TRIPOD+AI, evaluation: " in html
        assert "SYN-" not in sheet + html
        assert str(folder) not in sheet + html


def test_batches_are_printed_and_written_whole(place):
    folder, printed = place
    monitoring = result_of(folder, "monitoring")["monitoring"]
    assert len(monitoring["batches"]) > 1
    assert monitoring["cusum"]["false_alarm_probability"] == 0.05
    for batch in monitoring["batches"]:
        assert f"{batch['label']}: {batch['patients']} patients, {batch['events']} events" in printed["monitoring"]
    assert f"over time: {monitoring['words']}" in printed["monitoring"]
    centres = result_of(folder, "by_centre")["monitoring"]
    assert centres["cusum"] is None


def test_no_small_count_is_written(place):
    folder, _ = place

    def counts(value, key=""):
        if isinstance(value, dict):
            for name, part in value.items():
                yield from counts(part, name)
        elif isinstance(value, list):
            for part in value:
                yield from counts(part, key)
        elif isinstance(value, int) and not isinstance(value, bool):
            yield key, value

    for name in ("validation", "monitoring", "by_centre"):
        small = [(key, n) for key, n in counts(result_of(folder, name)) if 0 < n < 5 and key != "ratios"]
        assert small == []
        assert "SYN-" not in json.dumps(result_of(folder, name))


def test_another_outcome_is_refused_with_the_difference_named(riskml, place):
    other = place[0] / "other.csv"
    done = riskml("validate", str(BUNDLES["non_response"]), str(other), "--outcome", "mrd_persists", "--out", "v")
    refused(done, 3, "another outcome", "rule must be column", "mrd_negative", "event_levels must be no_response")
    done = riskml("validate", str(BUNDLES["non_response"]), str(other), "--outcome", "responses", "--out", "v")
    refused(done, 2, "there is no outcome")


def test_batches_need_their_column(riskml, place):
    other = place[0] / "other.csv"
    done = riskml("validate", str(BUNDLES["non_response"]), str(other), "--batches", "year", "--out", "v")
    refused(done, 3, "first_dose_date")
    done = riskml("validate", str(BUNDLES["non_response"]), str(other), "--batches", "3", "--out", "v")
    refused(done, 2, "at least 10 patients")
    done = riskml("validate", str(BUNDLES["non_response"]), str(other), "--batches", "5000", "--out", "v")
    refused(done, 5, "2 are needed")


def test_the_training_cohort_is_no_external_validation(riskml, tmp_path):
    done = riskml("validate", str(BUNDLES["efs"]), str(COHORT), "--out", "validation")
    refused(done, 3, "must not be the cohort the model was trained on")
    assert not (tmp_path / "validation").exists()


@pytest.mark.parametrize("missing", ["bundle", "cohort"])
def test_paths_that_are_not_there(riskml, missing):
    bundle = "nowhere" if missing == "bundle" else str(BUNDLES["efs"])
    refused(riskml("validate", bundle, "nothing.csv", "--out", "v"), 2, "no")


@pytest.mark.parametrize("command", ["validate", "update"])
def test_a_seed_below_zero_is_refused_in_words(run_riskml, tmp_path, command):
    done = run_riskml(command, BUNDLES["efs"], COHORT, "--out", "o", "--seed", "-1", cwd=tmp_path)
    refused(done, 2, "--seed must be 0 or more, got -1")


def test_the_development_file_is_read_by_the_map_that_ships_with_its_model(run_riskml, tmp_path, data_file):
    """Every other patient of the trial as the new cohort: other bytes than the file of training, the same columns."""
    path = data_file("target_aall0232/aall0232.csv")
    header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "half.csv").write_text("".join([header, *rows[::2]]), encoding="utf-8")
    (columns,) = (ROOT / "models" / "induction_efs" / "columns").glob("*.toml")
    words = ("half.csv", "--columns", columns, "--development", path, "--force-horizon", "--out", "o")
    done = run_riskml("validate", BUNDLES["induction_efs"], *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "o" / "validation.json").read_text(encoding="utf-8"))["membership"]
    assert "from_aggregates" in found
    assert 0.4 < found["c"]["value"] < 0.6, "nobody can tell these patients from themselves"
