"""Tuned elastic-net logistic regression against scikit-learn's grid search, by rule, and on hard data."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from riskml.runtime.members import member_from_dict
from riskml.training.learners.elastic_net import ElasticNetLogistic, nested_auc
from riskml.training.resample import cross_validation

REPEATED = "a repeated row may be dealt to two folds, a row of weight 2 to one only"


@parametrize_with_checks(
    [ElasticNetLogistic(n_penalties=4)],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": REPEATED,
        "check_sample_weight_equivalence_on_sparse_data": REPEATED,
    },
)
def test_sklearn_contract(estimator, check):
    check(estimator)


def cohort(seed, n=90, p=4):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.geomspace(0.1, 30, p) + 3
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    y = rng.random(n) < 1 / (1 + np.exp(0.8 - z @ np.resize([1.2, -0.6, 0.0, 0.0], p)))
    y[:2] = False, True
    return X, y.astype(int)


def grid_search(penalties, l1_ratios, folds):
    """What a user of scikit-learn would write; saga, because only it knows the elastic net."""
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(solver="saga", tol=1e-8, max_iter=20_000))
    grid = {
        "logisticregression__C": [1 / penalty for penalty in penalties],
        "logisticregression__l1_ratio": list(l1_ratios),
    }
    return GridSearchCV(pipeline, grid, scoring="neg_log_loss", cv=folds)


def test_the_choice_equals_scikit_learns_grid_search():
    X, y = cohort(1)
    penalties, l1_ratios = [8.0, 2.0, 0.5], [0.3, 1.0]
    folds = [
        (np.delete(np.arange(len(y)), test), test)
        for test in cross_validation(np.arange(len(y)), y > 0, folds=5, repeats=1, seed=3).test_rows[0]
    ]
    oracle = grid_search(penalties, l1_ratios, folds).fit(X, y)
    model = ElasticNetLogistic(l1_ratios=l1_ratios, penalties=penalties, random_state=3).fit(X, y)
    assert 1 / model.penalty_ == pytest.approx(oracle.best_params_["logisticregression__C"])
    assert model.l1_ratio_ == oracle.best_params_["logisticregression__l1_ratio"]
    assert model.log_loss_.mean(axis=0).min() == pytest.approx(-oracle.best_score_, abs=1e-6)
    np.testing.assert_allclose(model.predict_proba(X), oracle.predict_proba(X), atol=1e-5)


def test_nested_cross_validation_equals_fitting_each_fold():
    X, y = cohort(2)
    model = ElasticNetLogistic(n_penalties=5)
    outer = list(StratifiedKFold(4, shuffle=True, random_state=0).split(X, y))
    one_by_one = [
        roc_auc_score(y[test], clone(model).fit(X[train], y[train]).decision_function(X[test])) for train, test in outer
    ]
    np.testing.assert_allclose(nested_auc(model, X, y, outer), one_by_one, atol=1e-12)


def test_nested_cross_validation_equals_scikit_learns_on_the_same_folds():
    X, y = cohort(3)
    penalties, l1_ratios = [6.0, 1.5], [0.5, 1.0]
    outer = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))
    splitter = StratifiedKFold(3, shuffle=True, random_state=1)
    inner = [[train[test] for _, test in splitter.split(X[train], y[train])] for train, _ in outer]
    ours = nested_auc(ElasticNetLogistic(penalties=penalties, l1_ratios=l1_ratios), X, y, outer, inner=inner)
    theirs = [
        roc_auc_score(
            y[test], grid_search(penalties, l1_ratios, splitter).fit(X[train], y[train]).decision_function(X[test])
        )
        for train, test in outer
    ]
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_nested_folds_with_one_class_are_marked_or_refused():
    X, y = cohort(4)
    events, others = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    everyone = np.arange(len(y))
    aucs = nested_auc(ElasticNetLogistic(n_penalties=2), X, y, [(everyone[::2], others), (everyone[1::2], everyone)])
    assert np.isnan(aucs[0])
    assert 0 <= aucs[1] <= 1
    with pytest.raises(ValueError, match="outer fold 0 trains on one class only"):
        nested_auc(ElasticNetLogistic(), X, y, [(events, others)])


@given(st.integers(0, 10_000), st.integers(12, 60))
@settings(max_examples=15, deadline=None)
def test_mean_prediction_is_the_event_rate_and_the_choice_is_the_best(seed, n):
    X, y = cohort(seed, n=n)
    weight = np.random.default_rng(seed).integers(1, 4, n)
    model = ElasticNetLogistic(n_penalties=5).fit(X, y, weight)
    risk = model.predict_proba(X)[:, 1]
    assert np.average(risk, weights=weight) == pytest.approx(np.average(y, weights=weight), abs=1e-12)
    if len(model.log_loss_):
        best = np.argmin(model.log_loss_.mean(axis=0))
        assert (model.points_.penalty[best], model.points_.l1_ratio[best]) == (model.penalty_, model.l1_ratio_)


def test_one_standard_error_rule_prefers_the_larger_penalty():
    X, y = cohort(5)
    least = ElasticNetLogistic().fit(X, y)
    timid = ElasticNetLogistic(rule="one_se").fit(X, y)
    assert timid.l1_ratio_ == least.l1_ratio_
    assert timid.penalty_ > least.penalty_
    losses = least.log_loss_
    best = np.argmin(losses.mean(axis=0))
    limit = losses[:, best].mean() + losses[:, best].std(ddof=1) / np.sqrt(5)
    of_ratio = least.points_.l1_ratio == least.l1_ratio_
    assert timid.penalty_ == least.points_.penalty[of_ratio & (losses.mean(axis=0) <= limit)].max()


def test_rows_of_a_patient_stay_in_one_fold():
    """A label that only says who the patient is: with groups it predicts nothing, without it seems to."""
    rng = np.random.default_rng(6)
    patient = np.repeat(np.arange(20), 6)
    y = (patient % 2 == 0).astype(int)
    X = np.eye(20)[patient] + 0.01 * rng.normal(size=(120, 20))
    heeded, ignored = ElasticNetLogistic().fit(X, y, groups=patient), ElasticNetLogistic().fit(X, y)
    assert ignored.log_loss_.mean(axis=0).min() < 0.2
    assert heeded.log_loss_.mean(axis=0).min() > 0.6
    with pytest.raises(ValueError, match="groups must hold one patient a row"):
        ElasticNetLogistic().fit(X, y, groups=patient[:-1])


def test_no_folds_means_no_effect():
    X, y = cohort(7)
    y[:] = 0
    y[5] = 1
    model = ElasticNetLogistic().fit(X, y)
    assert (model.coef_ == 0).all()
    assert model.log_loss_.shape == (0, 30)
    assert model.predict_proba(X)[0, 1] == pytest.approx(1 / len(y))
    paired = ElasticNetLogistic().fit(X, np.arange(len(y)) % 2, groups=np.arange(len(y)) // 2)
    assert (paired.coef_ == 0).all()  # every patient had the event once: no fold without it


def test_hard_inputs():
    X, y = cohort(8)
    collinear = np.column_stack([X, X[:, 0] * 7 + 1, np.full(len(y), 0.1)])
    assert ElasticNetLogistic().fit(collinear, y).coef_[0, -1] == 0
    nothing = ElasticNetLogistic().fit(np.ones((8, 2)), [0, 1] * 4)
    np.testing.assert_allclose(nothing.predict_proba([[9.0, 9.0]]), [[0.5, 0.5]])
    separated = ElasticNetLogistic().fit(np.arange(20.0)[:, None], np.arange(20) > 9)
    assert np.isfinite(separated.coef_).all()
    wide = ElasticNetLogistic(n_penalties=4).fit(np.random.default_rng(0).normal(size=(20, 40)), np.arange(20) % 2)
    assert np.isfinite(wide.coef_).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"l1_ratios": []}, "l1_ratios"),
        ({"l1_ratios": [1.1]}, "l1_ratios"),
        ({"penalties": [0.0]}, "penalties"),
        ({"penalties": []}, "penalties"),
        ({"n_penalties": 0}, "n_penalties"),
        ({"span": 1.0}, "span"),
        ({"rule": "best"}, "rule"),
        ({"folds": 1}, "folds"),
    ],
)
def test_bad_parameters_are_refused(settings, message):
    X, y = cohort(0)
    with pytest.raises(ValueError, match=f"^{message} must"):
        ElasticNetLogistic(**settings).fit(X, y)


def test_the_portable_member_predicts_the_same_and_fits_are_repeatable():
    X, y = cohort(9)
    model = ElasticNetLogistic().fit(X, y)
    member = member_from_dict(json.loads(json.dumps(model.to_portable().to_dict())), 4, "binary")
    far = np.vstack([X, 1e5 * X, -1e5 * X])
    risk = model.predict_proba(far)[:, 1]
    np.testing.assert_allclose(member.response.table(member.predictor.table(far), None)[:, 0], risk, atol=1e-9)
    np.testing.assert_array_equal(clone(model).fit(X, y).coef_, model.coef_)
    assert log_loss(y, risk[: len(y)]) < log_loss(y, np.full(len(y), y.mean()))
