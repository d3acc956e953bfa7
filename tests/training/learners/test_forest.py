"""The random forest against scikit-learn's own, its contract, and what it must be on a cohort without signal."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from riskml.training.learners.forest import RandomForest
from riskml.training.learners.tree_export import singles
from tests.training.learners.tree_cases import binary

BOOTSTRAP = "a bootstrap sample drawn by weight is another one than that of repeated rows"


@parametrize_with_checks(
    [RandomForest(n_estimators=5)],
    expected_failed_checks=lambda _: dict.fromkeys(["check_sample_weight_equivalence_on_dense_data"], BOOTSTRAP),
)
def test_sklearn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("weighted", [False, True])
def test_training_rows_get_scikit_learns_probabilities(seed, weighted):
    X, y = binary(seed, n=120)
    weight = np.random.default_rng(seed).uniform(0.5, 2, 120) if weighted else None
    model = RandomForest(random_state=seed).fit(X, y, sample_weight=weight)
    oracle = RandomForestClassifier(min_samples_leaf=5, random_state=seed).fit(singles(X), y, sample_weight=weight)
    np.testing.assert_allclose(model.predict_proba(X), oracle.predict_proba(singles(X)), atol=1e-7)
    np.testing.assert_array_equal(model.predict(X), oracle.predict(singles(X)))


def test_new_rows_between_two_training_values_are_all_that_may_differ():
    X, y = binary(5, n=200)
    model, oracle = RandomForest().fit(X, y), RandomForestClassifier(min_samples_leaf=5, random_state=0)
    new = binary(6, n=400)[0]
    difference = model.predict_proba(new) - oracle.fit(singles(X), y).predict_proba(singles(new))
    assert np.abs(difference).mean() < 0.01


def test_one_leaf_is_the_rate_of_the_bootstrap_samples():
    """Leaves as large as the cohort: nothing can be split, each tree is its sample's rate, as scikit-learn draws it."""
    X, y = binary(1, n=40)
    model = RandomForest(n_estimators=3, min_samples_leaf=40).fit(X, y)
    seeds = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=3)
    rates = [y[np.random.RandomState(seed).randint(0, 40, 40)].mean() for seed in seeds]
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], np.mean(rates), atol=1e-7)


def test_the_seed_decides():
    X, y = binary(2)
    one, again, other = (RandomForest(n_estimators=10, random_state=s).fit(X, y).to_portable() for s in (4, 4, 5))
    assert one == again != other


def test_a_hundred_trees_of_a_small_cohort_take_little_room():
    X, y = binary(3, n=105)
    member = RandomForest().fit(X, y).to_portable()
    assert len(member.predictor.trees) == 100
    assert len(json.dumps(member.to_dict())) < 30_000


def test_no_threshold_is_a_patients_value():
    X, y = binary(3, n=105)
    trees = RandomForest().fit(X, y).predictor_.trees
    cuts = {(j, t) for tree in trees for j, t in zip(tree.feature, tree.threshold, strict=True)}
    assert len(cuts) > 50
    assert not any(t in X[:, j] or t in singles(X[:, j]).astype(float) for j, t in cuts)
