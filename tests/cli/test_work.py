"""What ``train`` and ``demo`` share: plans before work, workers, summary lines."""

from __future__ import annotations

import dataclasses

import pytest

from riskml.cli.reading import Job
from riskml.cli.work import _write_nomogram, grow_in_parts, plan_jobs, run_jobs, summary_lines
from riskml.errors import DataError, NotEstimableError, UsageError
from riskml.resources import folder
from tests.cli.processes import BUNDLES, COHORT, contents, rows, write_rows
from tests.runtime.models import shipped_bundle


def test_a_plan_holds_every_recipe_in_the_order_asked(capsys):
    jobs = plan_jobs(str(COHORT), ["efs", "non_response"], None)
    assert [job.recipe.name for job in jobs] == ["efs", "non_response"]
    assert {job.cohort.n_courses for job in jobs} == {125}
    assert capsys.readouterr() == ("", "")


def test_what_cannot_be_trained_is_found_before_anything_is(tmp_path):
    cohort = write_rows(tmp_path / "c.csv", [row | {"icans_grade": "0"} for row in rows()])
    with pytest.raises(NotEstimableError, match="icans"):
        plan_jobs(str(cohort), ["non_response", "icans"], None)
    with pytest.raises(UsageError, match="no recipe 'nope'"):
        plan_jobs(str(cohort), ["non_response", "nope"], None)
    with pytest.raises(UsageError, match="two recipes are called efs"):
        plan_jobs(str(cohort), ["efs", "icans", "efs"], None)
    with pytest.raises(DataError, match="cannot train efs"):
        plan_jobs(str(folder("features") / "published" / "non_response.toml"), ["efs"], None)


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


def test_rows_grow_in_parts_where_a_learner_asks_and_there_are_more(small_job):
    from riskml.training.ensemble import Part
    from riskml.training.fit import training_set

    own = training_set(small_job.recipe, small_job.cohort)
    n = len(own.event)

    def asked(**settings):
        table = {"kind": "boosting", **settings}
        return dataclasses.replace(own, parts=(*own.parts, Part("boosting", table, 1.0)))

    assert not grow_in_parts([own, asked(), asked(partition_rows=n)])
    assert grow_in_parts([own, asked(partition_rows=n - 1)])


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


def test_the_nomogram_of_an_earlier_model_does_not_stay_beside_one_that_has_none(tmp_path):
    bundle = shipped_bundle("efs")
    _write_nomogram(bundle, tmp_path)
    assert contents(tmp_path)["nomogram.svg"].startswith(b"<?xml")
    halves = tuple(member.with_(weight=0.5) for member in bundle.model.members * 2)
    _write_nomogram(bundle.with_(model=bundle.model.with_(members=halves)), tmp_path)
    assert contents(tmp_path) == {}
