"""No test row touches the model that scores it, and what is scored is the portable model of the other rows."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.resources import folder
from riskml.runtime.score import score_table
from riskml.training.fit import TrainingSet, fit_pipeline, portable, training_set
from riskml.training.out_of_sample import Bench, months_judged, out_of_fold, score_split
from riskml.training.recipe import load_recipe
from riskml.training.resample import Folds, Split, cross_validation
from riskml.training.tasks import Store

NAMES = ("non_response", "icans", "efs")


def light(name, **changes):
    return dataclasses.replace(load_recipe(name), **{"repeats": 1, "bootstrap": 3} | changes)


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


def one_fold(recipe, rows, test):
    return score_split(recipe, rows, np.setdiff1d(np.arange(len(rows.event)), test), test)


# ------------------------------------------------------------------------------------------------------- no leakage


def spoiled(rows: TrainingSet, test: np.ndarray) -> TrainingSet:
    """The same rows with the outcomes of the test rows turned round."""
    event = rows.event.copy()
    event[test] = ~event[test]
    time = None
    if rows.time is not None:
        time = rows.time.copy()
        time[test] = time[test][::-1] + 1
    return dataclasses.replace(rows, event=event, time=time)


@pytest.mark.parametrize("name", NAMES)
def test_predictions_of_a_fold_do_not_know_its_outcomes(cohort, name):
    recipe = light(name)
    rows = training_set(recipe, cohort)
    plan = cross_validation(rows.patient, rows.event, folds=5, repeats=1, seed=0)
    for test in plan.test_rows[0]:
        honest, blind = one_fold(recipe, rows, test), one_fold(recipe, spoiled(rows, test), test)
        assert honest == blind


@pytest.mark.parametrize("name", NAMES)
def test_predictions_of_a_fold_do_not_know_its_other_rows(cohort, name):
    """Imputation means, scaling, prototypes and baseline: all from the training folds."""
    recipe = light(name)
    rows = training_set(recipe, cohort)
    test = cross_validation(rows.patient, rows.event, folds=5, repeats=1, seed=0).test_rows[0][0]
    frame = rows.frame.copy()
    for column in frame:
        if frame[column].dtype != object:
            frame.loc[test[1:], column] = frame[column].max() * 3
    changed = dataclasses.replace(rows, frame=frame)
    assert one_fold(recipe, rows, test)["risk"][0] == one_fold(recipe, changed, test)["risk"][0]


def test_out_of_fold_predictions_are_those_of_the_model_that_was_not_shown_the_row(cohort):
    """One row, by hand: fit without its fold, export, score with the portable model."""
    recipe = light("non_response")
    rows = training_set(recipe, cohort)
    plan = cross_validation(rows.patient, rows.event, folds=5, repeats=1, seed=1)
    found = out_of_fold(Bench(recipe, rows), plan)
    test = plan.test_rows[0][2]
    train = rows.take(np.setdiff1d(np.arange(len(rows.event)), test))
    model = portable(recipe, train, fit_pipeline(recipe, train)[-1].members())
    want = score_table(model, {n: rows.frame[n].to_numpy()[test] for n in recipe.inputs}, len(test))[:, 0]
    np.testing.assert_array_equal(found.risk[0, test], want)
    np.testing.assert_allclose(found.link[0, test], np.log(want / (1 - want)))
    np.testing.assert_array_equal(found.reference[0, test], train.event.mean())
    assert np.isfinite([found.risk, found.link, found.reference]).all()


def test_the_order_of_the_file_does_not_matter_to_complete_rows(cohort):
    """Same folds, rows in another order: only ties in forming prototypes may differ, which complete rows do not use."""
    recipe = light("efs")
    rows = training_set(recipe, cohort)
    plan = cross_validation(rows.patient, rows.event, folds=5, repeats=1, seed=0)
    order = np.random.default_rng(0).permutation(len(rows.event))
    place = np.argsort(order)
    moved = Folds(5, 1, 0, (tuple(np.sort(place[test]) for test in plan.test_rows[0]),))
    found, again = out_of_fold(Bench(recipe, rows), plan), out_of_fold(Bench(recipe, rows.take(order)), moved)
    whole = rows.frame.notna().all(axis=1).to_numpy()
    np.testing.assert_allclose(again.risk[0, place[whole]], found.risk[0, whole], atol=1e-9)


def test_a_bench_gives_predictions_in_the_order_of_its_splits_however_many_work(cohort, tmp_path):
    recipe = light("efs")
    rows = training_set(recipe, cohort)
    every = np.arange(len(rows.event))
    splits = {"early": Split(every[40:], every[:40]), "a/b c": Split(every[:-30], every[-30:])}
    found = Bench(recipe, rows, store=Store(tmp_path)).score(splits, "era")
    again = Bench(recipe, rows, jobs=2).score(splits, "era")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["era-0.json", "era-1.json"], "labels are no file names"
    for guess, same, split in zip(found, again, splits.values(), strict=True):
        assert json.dumps(guess.risk.tolist()) == json.dumps(same.risk.tolist())
        np.testing.assert_array_equal(guess.rows, split.test)
        np.testing.assert_allclose(guess.curve[:, -1], 1 - guess.risk, atol=1e-15)
        assert (np.diff(guess.curve, axis=1) <= 1e-12).all(), "survival does not rise"
        assert guess.curve.shape[1] == len(months_judged(recipe, rows))


def test_months_end_at_the_horizon_that_is_judged(cohort):
    recipe = light("efs", horizon_months=10.0)
    assert months_judged(recipe, training_set(recipe, cohort)) == (1, 2, 3, 6, 9, 10)
    binary = light("icans")
    assert months_judged(binary, training_set(binary, cohort)) == ()


def test_a_sample_holds_what_happened_to_the_rows_that_were_scored(cohort):
    recipe = light("efs")
    rows = training_set(recipe, cohort)
    test = np.array([5, 3, 60])
    bench = Bench(recipe, rows)
    (guess,) = bench.score({"x": Split(np.setdiff1d(np.arange(len(rows.event)), test), test)}, "x")
    sample = bench.sample(guess)
    np.testing.assert_array_equal(sample.time, rows.time[test])
    np.testing.assert_array_equal(sample.patient, rows.patient[test])
    assert sample.reference.tolist() == [guess.reference] * 3
    assert sample.months[-1] == recipe.horizon_months


def test_a_fold_that_holds_all_early_events_sees_hardly_any_risk(cohort):
    """Training folds without an event by 12 months leave the little hazard that a smooth baseline puts there."""
    recipe = light("efs")
    rows = training_set(recipe, cohort)
    test = np.flatnonzero(rows.event & (rows.time <= 12))
    found = one_fold(recipe, rows, test)
    risk, link, reference = found["risk"], found["link"], found["reference"]
    assert (np.array(risk) > 0).all()
    assert (np.array(risk) < 0.02).all()
    assert np.isfinite(link).all()
    assert reference == 0
