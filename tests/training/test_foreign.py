"""An estimator of another package is judged like any learner, and leaves a pickle that nothing of ours will open."""

from __future__ import annotations

import dataclasses
import io

import joblib
import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from riskml.cohort.cohort import read_cohort
from riskml.errors import BundleError, UsageError
from riskml.reporting.cohort import CohortSummary
from riskml.reporting.report import render_report
from riskml.resources import folder
from riskml.runtime.bundle import open_bundle
from riskml.training import measures
from riskml.training.evaluate import evaluate
from riskml.training.fit import training_set
from riskml.training.foreign import train_foreign
from riskml.training.out_of_sample import Bench, out_of_fold
from riskml.training.recipe import load_recipe
from riskml.training.resample import cross_validation
from riskml.training.train import train
from riskml.training.transform import DesignMatrix

LEARNERS = {
    "non_response": {"kind": "sklearn", "estimator": "sklearn.naive_bayes:GaussianNB"},
    "efs": {
        "kind": "sklearn",
        "estimator": "sksurv.linear_model:CoxPHSurvivalAnalysis",
        "settings": {"alpha": 1.0},
        "grid_months": [6, 12, 24],
    },
}


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(measures, "N_BOOT", 20)


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


def recipe_of(name, **changes):
    return dataclasses.replace(load_recipe(name), learner=LEARNERS[name], repeats=1, **changes)


@pytest.fixture(scope="module")
def made(cohort):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures, "N_BOOT", 20)
        return {name: train_foreign(recipe_of(name), cohort) for name in LEARNERS}


def test_every_fold_is_the_estimators_own_prediction(cohort):
    """Written down a second time: naive Bayes of the other folds, their means put in for what is missing."""
    recipe = recipe_of("non_response")
    rows = training_set(recipe, cohort)
    plan = cross_validation(rows.patient, rows.event, folds=5, repeats=1, seed=3)
    found = out_of_fold(Bench(recipe, rows), plan)
    for test in plan.test_rows[0]:
        others = np.setdiff1d(np.arange(len(rows.event)), test)
        design = DesignMatrix(recipe.features).fit(rows.frame.iloc[others])
        bayes = GaussianNB().fit(design.transform(rows.frame.iloc[others]), rows.event[others].astype(int))
        want = bayes.predict_proba(design.transform(rows.frame.iloc[test]))[:, 1]
        assert found.risk[0, test] == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_it_is_judged_like_any_learner(cohort, made, name):
    evaluation = made[name].shown.manifest["evaluation"]
    assert evaluation == evaluate(recipe_of(name), cohort, jobs=2).as_dict()
    assert next(iter(evaluation["metrics"])) == ("auc" if name == "non_response" else "c_index")
    assert made[name].shown.manifest["training"]["members"][0]["kind"] == LEARNERS[name]["estimator"]


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_the_pickle_is_the_fitted_pipeline_and_the_warning_is_loud(cohort, made, name):
    files = made[name].files
    pipeline = joblib.load(io.BytesIO(files["estimator.joblib"]))
    frame = training_set(recipe_of(name), cohort).frame
    method = "predict_proba" if name == "non_response" else "predict"
    np.testing.assert_array_equal(getattr(pipeline, method)(frame), getattr(made[name].pipeline, method)(frame))
    text = files["ESTIMATOR.md"].decode()
    assert "**DO NOT OPEN `estimator.joblib` UNLESS YOU MADE IT YOURSELF" in text
    assert "It is a pickle" in text
    assert "`riskml predict`, `score` and `serve` never load it" in text
    assert LEARNERS[name]["estimator"] in text
    assert made[name].shown.manifest["verdict"] in text


def test_there_is_no_bundle_of_it(cohort, made, tmp_path):
    for name, content in made["efs"].files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BundleError, match=r"estimator for research .*pickle, which riskml never loads"):
        open_bundle(tmp_path)
    with pytest.raises(UsageError, match="gives no portable bundle"):
        train(recipe_of("efs"), cohort)


def test_the_report_shows_it_without_what_only_a_bundle_has(cohort, made):
    html = render_report(cohort=CohortSummary.of(cohort), bundles=[made[name].shown for name in sorted(made)])
    assert "a pickle for research, without interval, explanation or bundle" in html
    assert "Calibration in groups" in html
    assert "Importance of the inputs" not in html
    assert "Computing an estimate by hand" not in html
    assert "Estimator sklearn.naive_bayes:GaussianNB." in html


@pytest.mark.parametrize(
    ("learner", "said"),
    [
        ({"estimator": "sklearn.cluster:KMeans", "settings": {"n_clusters": 2}}, "KMeans has no predict_proba"),
        ({"estimator": "sklearn.naive_bayes:ComplementNB"}, "ComplementNB failed: ValueError: Negative values"),
        ({"estimator": "sklearn.naive_bayes:GaussianNB", "settings": {"x": 1}}, "does not take these settings"),
        ({"estimator": "no_such_package_anywhere:X"}, "cannot load the estimator"),
    ],
)
def test_an_estimator_that_fails_is_refused_in_words(cohort, learner, said):
    recipe = dataclasses.replace(recipe_of("non_response"), learner={"kind": "sklearn", **learner})
    with pytest.raises(UsageError, match=said):
        train_foreign(recipe, cohort)


def test_without_evaluation_it_says_so(cohort):
    shown = train_foreign(recipe_of("non_response"), cohort, evaluation=False).shown
    assert shown.manifest["evaluation"] is None
    assert "not evaluated" in shown.manifest["verdict"]
