"""Federated equals pooled, to 1e-6 and better: the house's learners, scikit-learn, a likelihood written by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from riskml.training.federated.newton import PooledLikelihood, UnansweredError, fit, from_upper, standardised
from riskml.training.fit import fit_pipeline, training_set
from riskml.training.learners.prior_scale import standardise
from riskml.training.learners.ridge_cox import RidgeCox
from riskml.training.learners.ridge_logistic import RidgeLogistic
from riskml.training.transform import DesignMatrix
from tests.training.federated.hospitals import embedded, run, split_by, study

TAU = 0.34


def pooled_rows(finished, cohort):
    """The rows and the design matrix of a pooled training with the features that were kept, and each row's hospital."""
    kept = tuple(f for f in finished.study.recipe.features if f.name in finished.counted.features)
    recipe = replace(finished.study.recipe, features=kept)
    rows = training_set(recipe, cohort)
    return recipe, rows, DesignMatrix(kept).fit_transform(rows.frame), cohort.frame["centre"].to_numpy()[rows.rows]


def survival(rows):
    return np.array(list(zip(rows.event, rows.time, strict=True)), dtype=[("event", bool), ("time", float)])


def test_a_logistic_regression_of_four_hospitals_is_the_pooled_one():
    cohort, parts = embedded()
    finished, asks, _ = run(study("non_response", "ridge_logistic", tau=TAU), parts)
    recipe, rows, X, _ = pooled_rows(finished, cohort)
    learner, found = RidgeLogistic(tau=TAU).fit(X, rows.event), finished.fit.learner
    np.testing.assert_allclose(found.coef_, learner.coef_, atol=1e-8)
    np.testing.assert_allclose(found.intercept_, learner.intercept_, atol=1e-8)
    np.testing.assert_allclose(found.covariance_, learner.covariance_, rtol=1e-7, atol=1e-9)
    assert len(asks) <= 8, "a handful of rounds, that people can exchange by hand"
    # scikit-learn minimises C * loss + |w|^2 / 2 of the standardised inputs: C is the prior variance.
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    other = LogisticRegression(C=TAU**2, tol=1e-10, max_iter=10_000).fit(Z, rows.event)
    np.testing.assert_allclose(found.coef_[0] * X.std(axis=0), other.coef_[0], atol=1e-6)
    assert recipe.kind == "binary"


def test_a_cox_model_stratified_by_hospital_is_the_pooled_one():
    cohort, parts = embedded()
    finished, _, _ = run(study(tau=TAU), parts)
    _, rows, X, centre = pooled_rows(finished, cohort)
    learner = RidgeCox(tau=TAU).fit(X, survival(rows), strata=centre)
    np.testing.assert_allclose(finished.fit.learner.coef_, learner.coef_, atol=1e-8)
    np.testing.assert_allclose(finished.fit.learner.covariance_, learner.covariance_, rtol=1e-7, atol=1e-9)
    spread = X.std(axis=0)

    def loss(beta):
        """Minus the penalised partial likelihood with Efron's ties, patient by patient."""
        value = -0.5 * ((beta * spread) ** 2).sum() / TAU**2
        for name in set(centre):
            own = centre == name
            time, event, score = rows.time[own], rows.event[own], X[own] @ beta
            for month in set(time[event]):
                tied, at_risk = event & (time == month), np.exp(score[time >= month]).sum()
                value += score[tied].sum()
                for step in range(tied.sum()):
                    value -= np.log(at_risk - step / tied.sum() * np.exp(score[tied]).sum())
        return -value

    by_hand = minimize(loss, np.zeros(X.shape[1]), method="BFGS", options={"gtol": 1e-9})
    np.testing.assert_allclose(finished.fit.coefficients, by_hand.x, atol=1e-6)
    assert loss(finished.fit.coefficients) == pytest.approx(by_hand.fun, abs=1e-9)


@pytest.mark.parametrize(("model", "only"), [("non_response", "ridge_logistic"), ("efs", "ridge_cox")])
def test_the_width_of_the_prior_is_integrated_as_in_a_pooled_training(model, only):
    cohort, parts = embedded()
    finished, asks, _ = run(study(model, only, tau=None, most_numbers=10), parts)
    recipe, rows, X, centre = pooled_rows(finished, cohort)
    if model == "efs":
        learner = RidgeCox().fit(X, survival(rows), strata=centre)
    else:
        learner = fit_pipeline(recipe, rows)[-1].estimators_[0]  # the very pipeline of riskml train
        np.testing.assert_allclose(finished.fit.learner.intercept_, learner.intercept_, atol=1e-6)
    np.testing.assert_allclose(finished.fit.learner.coef_, learner.coef_, atol=1e-6)
    np.testing.assert_allclose(finished.fit.learner.tau_weights_, learner.tau_weights_, atol=1e-6)
    np.testing.assert_allclose(finished.fit.learner.covariance_, learner.covariance_, rtol=1e-5, atol=1e-7)
    assert finished.fit.learner.log_evidence_ == pytest.approx(learner.log_evidence_, abs=1e-6)
    assert max(len(ask.get("points", ())) for ask in asks) <= 15, "one point a width and round"


def test_how_patients_are_dealt_to_hospitals_does_not_matter_to_a_logistic_regression():
    cohort, parts = embedded()
    found = [run(study("non_response", "ridge_logistic", tau=TAU), parts)[0]]
    dealt = split_by(cohort, np.array(["East", "North", "South", "West"])[cohort.patient % 4])
    found.append(run(study("non_response", "ridge_logistic", tau=TAU), dealt)[0])
    np.testing.assert_allclose(found[0].fit.learner.coef_, found[1].fit.learner.coef_, atol=1e-9)


def test_scales_and_axes_without_rows_are_those_of_the_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3)) @ np.diag([1, 10, 0.1]) + [5, -3, 0]
    X = np.column_stack([X, np.full(50, 7.0), X[:, 0] + X[:, 1]])  # a constant column, and a collinear one
    own = standardise(X, np.ones(50))
    centred = X - X.mean(axis=0)
    found = standardised(X.mean(axis=0), centred.T @ centred, 50)
    np.testing.assert_allclose(found.scale, own.scale)
    np.testing.assert_allclose(found.loadings @ found.loadings.T, own.loadings @ own.loadings.T, atol=1e-12)
    np.testing.assert_allclose(np.sort(found.moment), np.sort(own.moment))
    assert found.full_rank is own.full_rank is False
    np.testing.assert_allclose(found.unseen(), own.unseen(), atol=1e-9)


def test_a_column_that_varies_by_rounding_alone_counts_as_constant():
    centred = np.column_stack([np.linspace(-1, 1, 20), np.where(np.arange(20) % 2, 1e-16, -1e-16)])
    found = standardised(np.array([3.0, 0.1]), centred.T @ centred, 20)
    assert np.isinf(found.scale).tolist() == [False, True]
    assert not found.loadings[1].any()


def test_the_upper_triangle_comes_back_as_the_whole_matrix():
    full = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 5.0], [3.0, 5.0, 6.0]])
    np.testing.assert_array_equal(from_upper(full[np.triu_indices(3)], 3), full)


def test_only_answered_points_are_known():
    sums = {"loglik": [-1.0], "gradient": [0.5], "information": [2.0]}
    pooled = PooledLikelihood([([[0.25]], sums)])
    assert pooled.at(np.array([0.25 + 1e-12]))[0] == -1.0
    with pytest.raises(UnansweredError) as caught:
        pooled.at(np.array([0.2500001]))
    assert caught.value.point == pytest.approx(0.2500001)
    with pytest.raises(UnansweredError):
        PooledLikelihood([]).at(np.zeros(1))


def test_the_first_point_needs_no_answer():
    planned = study("non_response", "ridge_logistic")
    assert fit(planned, 51, 9, np.zeros(3), []) == [[pytest.approx(np.log(9 / 42)), 0, 0, 0]]
    assert fit(study(), 105, 14, np.zeros(2), []) == [[0, 0]]
