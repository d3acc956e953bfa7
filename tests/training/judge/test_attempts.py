"""A split that fails is answered by the comparator and counted; one that does not is what the bench gives."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.errors import NotEstimableError
from riskml.resources import folder
from riskml.training.evaluate import bench_of
from riskml.training.fit import comparator_risk
from riskml.training.judge import attempts as module
from riskml.training.judge.attempts import attempt_split, attempts
from riskml.training.recipe import load_recipe
from riskml.training.resample import Split, cross_validation
from riskml.training.tasks import Store


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


def fails(*_):
    raise NotEstimableError("too few events")


@pytest.mark.parametrize("name", ["non_response", "efs"])
def test_a_sound_split_is_scored_as_ever(cohort, name):
    bench = bench_of(load_recipe(name), cohort)
    splits = cross_validation(bench.rows.patient, bench.rows.event, folds=5, repeats=1, seed=1).splits
    for attempt, guess in zip(attempts(bench, splits, "try"), bench.score(splits, "try"), strict=True):
        assert attempt.reason == ""
        np.testing.assert_array_equal(attempt.guess.risk, guess.risk)
        np.testing.assert_array_equal(attempt.guess.rows, guess.rows)


@pytest.mark.parametrize("name", ["non_response", "efs"])
def test_what_cannot_be_fitted_is_answered_by_the_comparator(cohort, monkeypatch, name):
    bench = bench_of(load_recipe(name), cohort)
    rows, horizon = bench.rows, bench.recipe.horizon_months
    monkeypatch.setattr(module, "score_split", fails)
    train, test = np.arange(0, len(rows.event), 2), np.arange(1, len(rows.event), 2)
    (attempt,) = attempts(bench, {"half": Split(train, test)}, "half")
    assert attempt.reason == "too few events"
    said = comparator_risk(rows.take(train), horizon)
    assert attempt.guess.risk == pytest.approx(np.full(len(test), said if name == "non_response" else 1 - said))
    assert attempt.guess.reference == attempt.guess.risk[0]
    assert len(set(attempt.guess.link)) == 1, "it ranks nobody"
    judged = bench.sample(attempt.guess)
    if name == "efs":
        assert attempt.guess.curve[:, -1] == pytest.approx(1 - attempt.guess.risk)
        assert (np.diff(attempt.guess.curve, axis=1) <= 0).all()
    else:
        assert 1 / (1 + np.exp(-judged.link)) == pytest.approx(judged.risk)


def test_a_real_failure_in_workers_and_in_the_store(cohort, tmp_path):
    """Training rows without any event: no learner takes them; the answer is kept and taken again like any other."""
    recipe = dataclasses.replace(load_recipe("non_response"), learner={"kind": "ridge_logistic", "prior_scale": 0.5})
    bench = bench_of(recipe, cohort)
    none, every = np.flatnonzero(~bench.rows.event), np.arange(len(bench.rows.event))
    splits = {"without": Split(none, every), "with": Split(every, every), "again": Split(none, every)}
    alone = attempts(bench, splits, "try")
    assert [bool(attempt.reason) for attempt in alone] == [True, False, True]
    assert (alone[0].guess.risk == 0).all()
    assert np.isfinite(alone[0].guess.link).all()
    shared = dataclasses.replace(bench, jobs=2, store=Store(tmp_path))
    for found in (attempts(shared, splits, "try"), attempts(shared, splits, "try")):
        for one, other in zip(found, alone, strict=True):
            assert one.reason == other.reason
            np.testing.assert_array_equal(one.guess.risk, other.guess.risk)
    kept = [json.loads(path.read_text(encoding="utf-8"))["result"]["reason"] for path in sorted(tmp_path.iterdir())]
    assert [bool(reason) for reason in kept] == [True, False, True]


def test_a_mistake_of_ours_is_not_swallowed(cohort, monkeypatch):
    def broken(*_):
        raise TypeError("a bug")

    monkeypatch.setattr(module, "score_split", broken)
    bench = bench_of(load_recipe("non_response"), cohort)
    every = np.arange(len(bench.rows.event))
    with pytest.raises(TypeError, match="a bug"):
        attempt_split(bench.recipe, bench.rows, every, every)
