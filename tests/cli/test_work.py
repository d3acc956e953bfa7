"""What ``train`` and ``demo`` share: plans before work, workers, summary lines."""

from __future__ import annotations

import dataclasses
import tomllib

import pytest

from riskml.cli.work import Job, plan_jobs, read_known, run_jobs, say, summary_lines
from riskml.errors import DataError, NotEstimableError, UsageError
from riskml.resources import folder
from tests.cli.processes import BUNDLES, COHORT, contents, rows, write_rows


def test_progress_goes_to_standard_error(capsys):
    say("fitting")
    assert capsys.readouterr() == ("", "fitting\n")


def test_a_known_file_is_read_by_its_shipped_map_and_this_is_said(tmp_path, capsys):
    # The header of the shipped map, with no more than two patients.
    known = {"patient_id": ["a", "b"], "age_years": ["4", "9"], "efs_days": ["100", "200"], "efs_event": ["0.0", "1.0"]}
    text = (folder("models") / "induction_efs" / "columns" / "aall0232.toml").read_text(encoding="utf-8")
    mapped, ignored = tomllib.loads(text)["columns"], tomllib.loads(text)["ignore"]["columns"]
    table = [{name: known.get(name, ["", ""])[row] for name in (*mapped, *ignored)} for row in range(2)]
    path = str(write_rows(tmp_path / "aall.csv", table))
    cohort = read_known(path, None)
    assert cohort.frame["age"].tolist() == [4.0, 9.0]
    assert cohort.frame["efs_event"].tolist() == ["none", "any"]
    assert "shipped column map" in capsys.readouterr().err
    assert read_known(str(COHORT), None).map_source == ""
    assert capsys.readouterr().err == "", "the dictionary's own names need no map"


def test_a_plan_holds_every_recipe_in_the_order_asked(capsys):
    jobs = plan_jobs(str(COHORT), ["efs", "non_response"], None)
    assert [job.recipe.name for job in jobs] == ["efs", "non_response"]
    assert {job.cohort.n_courses for job in jobs} == {125}
    assert capsys.readouterr() == ("", "")


def test_a_shipped_column_map_is_used_where_it_fits_and_said(data_file, capsys):
    path = data_file("target_aall0232/aall0232.csv")
    (job,) = plan_jobs(str(path), ["induction_efs"], None)
    assert not job.cohort.synthetic
    assert "AALL0232" in job.cohort.map_source
    assert "shipped column map" in capsys.readouterr().err


def test_published_counts_are_read_by_their_own_reader():
    path = str(folder("features") / "published" / "non_response.toml")
    (job,) = plan_jobs(path, ["non_response_published"], None)
    assert (job.cohort.n_patients, job.cohort.synthetic) == (51, False)
    with pytest.raises(UsageError, match="leave --columns out"):
        plan_jobs(path, ["non_response_published"], "map.toml")
    with pytest.raises(DataError, match="cannot train efs"):
        plan_jobs(path, ["efs"], None)


def test_what_cannot_be_trained_is_found_before_anything_is(tmp_path):
    cohort = write_rows(tmp_path / "c.csv", [row | {"icans_grade": "0"} for row in rows()])
    with pytest.raises(NotEstimableError, match="icans"):
        plan_jobs(str(cohort), ["non_response", "icans"], None)
    with pytest.raises(UsageError, match="no recipe 'nope'"):
        plan_jobs(str(cohort), ["non_response", "nope"], None)
    with pytest.raises(UsageError, match="two recipes are called efs"):
        plan_jobs(str(cohort), ["efs", "icans", "efs"], None)


@pytest.fixture(scope="module")
def small_job():
    (job,) = plan_jobs(str(COHORT), ["icans"], None)
    return Job(dataclasses.replace(job.recipe, repeats=1, bootstrap=5), job.cohort)


def test_a_foreign_folder_in_the_way_is_found_before_training(small_job, tmp_path, monkeypatch):
    monkeypatch.setattr("riskml.training.train.train", lambda *_, **__: pytest.fail("trained in vain"))
    (tmp_path / "out" / "icans" / "bundle").mkdir(parents=True)
    (tmp_path / "out" / "icans" / "bundle" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="is not a bundle"):
        run_jobs([small_job], tmp_path / "out", workers=1, seed=0)
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot write into"):
        run_jobs([small_job], tmp_path / "file", workers=1, seed=0)
    assert set(contents(tmp_path)) == {"out/icans/bundle/notes.txt", "file"}


def test_a_second_run_replaces_the_first(small_job, tmp_path):
    run_jobs([small_job], tmp_path, workers=1, seed=0, evaluate=False)
    first = contents(tmp_path)
    (bundle,) = run_jobs([small_job], tmp_path, workers=1, seed=1, evaluate=False)
    second = contents(tmp_path)
    assert set(first) == set(second)
    assert bundle.manifest["training"]["seed"] == 1
    assert first["icans/bundle/model.json"] != second["icans/bundle/model.json"]


def test_summary_lines_hold_the_size_the_measures_and_the_verdict():
    from riskml.runtime.bundle import open_bundle

    bundle = open_bundle(BUNDLES["efs"])
    title, *measures, verdict = summary_lines([bundle])
    training = bundle.manifest["training"]
    assert title == (
        "efs: Event-free survival from the first dose - "
        f"{training['n_patients']} patients, {training['n_events']} events"
    )
    assert [line.split()[0] for line in measures] == list(bundle.manifest["evaluation"]["metrics"])
    assert bundle.manifest["verdict"] in verdict
    assert ("no usable signal" in verdict) is not bundle.manifest["usable_signal"]
