"""Firth's logistic regression against R's logistf, tables solved by hand, and its own definition."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.utils.estimator_checks import parametrize_with_checks

from riskml.training.learners.firth import FirthLogistic, firth_coefficients


@parametrize_with_checks([FirthLogistic(), FirthLogistic(flic=False)])
def test_sklearn_contract(estimator, check):
    check(estimator)


def read(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cohort(seed, n=40, p=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.geomspace(0.1, 30, p) + 3
    y = rng.random(n) < 1 / (1 + np.exp(1 - (X[:, 0] - 3) * 10))
    y[:2] = False, True
    return X, y.astype(int)


def four_cells(exposed_events, exposed, other_events, other):
    x = np.repeat([1.0, 0.0], [exposed, other])
    y = np.concatenate([np.arange(exposed) < exposed_events, np.arange(other) < other_events]).astype(int)
    return x[:, None], y


def test_sex2_equals_logistf(data_file):
    """R 4.2.2, logistf: the urinary tract infection study of Heinze & Schemper's package, with quasi-separation."""
    rows, expected = (
        read(data_file("reference_stats/sex2.csv")),
        read(data_file("reference_stats/firth_sex2_expected.csv")),
    )
    names = [row["term"] for row in expected][1:]
    X = np.array([[float(row[name]) for name in names] for row in rows])
    y = [int(row["case"]) for row in rows]
    found = firth_coefficients(X, y)
    for ours, theirs in (
        (found.coef, "coef"),
        (found.standard_error, "se"),
        (found.low, "pl_lower95"),
        (found.high, "pl_upper95"),
        (found.chi_squared, "plr_chisq"),
        (found.p_value, "p"),
    ):
        np.testing.assert_allclose(ours, [float(row[theirs]) for row in expected], rtol=1e-6, atol=1e-9)
    plain = FirthLogistic(flic=False).fit(X, y)
    np.testing.assert_allclose(plain.coef_[0], found.coef[1:], rtol=1e-8)
    assert plain.intercept_[0] == plain.firth_intercept_ == pytest.approx(found.coef[0])


@pytest.mark.parametrize("table", [(4, 10, 3, 20), (0, 5, 7, 20), (5, 5, 0, 8), (1, 2, 1, 30)])
def test_a_two_by_two_table_gets_one_half_added_to_each_cell(table):
    """The saturated model's leverages are 1/2 a cell and patient: log odds ratio of the cells + 1/2."""
    X, y = four_cells(*table)
    a, n, c, m = table
    expected = math.log((a + 0.5) / (n - a + 0.5)) - math.log((c + 0.5) / (m - c + 0.5))
    model = FirthLogistic(flic=False).fit(X, y)
    assert model.coef_[0, 0] == pytest.approx(expected, abs=1e-7)
    assert model.intercept_[0] == pytest.approx(math.log((c + 0.5) / (m - c + 0.5)), abs=1e-7)


def test_flic_keeps_the_effects_and_meets_the_event_rate():
    X, y = cohort(1, n=80)
    corrected, plain = FirthLogistic().fit(X, y), FirthLogistic(flic=False).fit(X, y)
    np.testing.assert_array_equal(corrected.coef_, plain.coef_)
    assert corrected.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), abs=1e-12)
    assert abs(plain.predict_proba(X)[:, 1].mean() - 0.5) < abs(y.mean() - 0.5)  # pulled towards one half


@given(st.integers(0, 10_000), st.integers(12, 60))
@settings(max_examples=15, deadline=None)
def test_it_maximises_the_likelihood_with_jeffreys_prior(seed, n):
    X, y = cohort(seed, n=n, p=2)
    Z = np.column_stack([np.ones(n), (X - X.mean(axis=0)) / X.std(axis=0)])

    def loss(theta):
        log_odds = Z @ theta
        variance = 1 / (2 + np.exp(log_odds) + np.exp(-log_odds))
        information = Z.T @ (variance[:, None] * Z)
        return -(y @ log_odds - np.logaddexp(0, log_odds).sum() + 0.5 * np.linalg.slogdet(information)[1])

    model = FirthLogistic(flic=False).fit(X, y)
    ours = np.array([model.intercept_[0] + model.coef_[0] @ X.mean(axis=0), *model.coef_[0] * X.std(axis=0)])
    starts = np.random.default_rng(seed).normal(0, 1, (3, 3))
    # A search may stop early, never above the maximum: one of them has to come to where we are.
    found = [minimize(loss, start, method="BFGS", options={"gtol": 1e-8}) for start in starts]
    assert loss(ours) <= min(one.fun for one in found) + 1e-9
    np.testing.assert_allclose(ours, min(found, key=lambda one: one.fun).x, atol=1e-4)


def test_profile_ends_have_the_likelihood_they_should():
    """2 (l(max) - l(end)) is chi-squared's quantile: the test of beta = end, after moving y's log odds by end * x."""
    X, y = four_cells(6, 15, 3, 20)
    found = firth_coefficients(X, y, level=0.9)
    assert found.level == 0.9
    assert found.low[1] < found.coef[1] < found.high[1]
    inner = firth_coefficients(X, y, level=0.5)
    assert found.low[1] < inner.low[1] < inner.high[1] < found.high[1]
    # The interval holds 0 exactly if the test does not reject it.
    for table in ((6, 15, 3, 20), (12, 15, 3, 20), (9, 15, 4, 20)):
        one = firth_coefficients(*four_cells(*table))
        assert (one.low[1] < 0 < one.high[1]) == (one.p_value[1] > 0.05)


def test_separation_has_a_finite_estimate_and_a_lopsided_interval():
    found = firth_coefficients(*four_cells(6, 6, 0, 9))
    assert np.isfinite([found.coef, found.low, found.high]).all()
    assert found.high[1] - found.coef[1] > found.coef[1] - found.low[1]
    assert found.p_value[1] < 0.01


def test_weights_are_frequencies():
    X, y = cohort(2)
    weight = np.random.default_rng(2).integers(0, 4, len(y))
    weight[:2] = 1
    weighted = firth_coefficients(X, y, sample_weight=weight)
    repeated = firth_coefficients(X.repeat(weight, 0), y.repeat(weight))
    np.testing.assert_allclose(weighted.coef, repeated.coef, rtol=1e-7)
    np.testing.assert_allclose(weighted.high, repeated.high, rtol=1e-7)


def test_units_do_not_matter():
    X, y = cohort(3)
    plain, scaled = firth_coefficients(X, y), firth_coefficients(X * [1e3, 1e-3, 1] + [5, 0, -2], y)
    np.testing.assert_allclose(scaled.low[1:] * [1e3, 1e-3, 1], plain.low[1:], rtol=1e-6)


def test_what_the_data_do_not_determine_has_no_interval():
    X, y = cohort(4)
    found = firth_coefficients(np.column_stack([X, X[:, 0] * 7 + 1, np.full(len(y), 0.1)]), y)
    plain = firth_coefficients(X, y)
    assert found.coef[5] == 0
    for undetermined in (1, 4, 5):
        assert (found.low[undetermined], found.high[undetermined]) == (-math.inf, math.inf)
        assert found.p_value[undetermined] == 1
    np.testing.assert_allclose(found.high[2:4], plain.high[2:], rtol=1e-6)
    assert found.coef[1] + 7 * found.coef[4] == pytest.approx(plain.coef[1])


@given(st.integers(0, 10_000), st.integers(3, 10))
@settings(max_examples=15, deadline=None)
def test_tiny_tables_never_fail(seed, n):
    rng = np.random.default_rng(seed)
    X, y = rng.integers(0, 2, (n, 2)).astype(float), np.arange(n) % 3 == 0
    found = firth_coefficients(X, y)
    assert (found.low <= found.coef).all()
    assert (found.coef <= found.high).all()


def test_more_inputs_than_patients_and_no_input_that_varies():
    X = np.random.default_rng(5).normal(size=(12, 30))
    model = FirthLogistic().fit(X, np.arange(12) % 3 == 0)
    assert np.isfinite(model.coef_).all()
    nothing = FirthLogistic().fit(np.ones((8, 2)), [0] * 6 + [1] * 2)
    np.testing.assert_allclose(nothing.predict_proba([[9.0, 9.0]]), [[0.75, 0.25]])


def test_bad_parameters_are_refused():
    X, y = cohort(6)
    for level in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError, match="level must be strictly between 0 and 1"):
            firth_coefficients(X, y, level=level)
    with pytest.raises(ValueError, match="no convergence in max_iter=1"):
        FirthLogistic(max_iter=1).fit(X, y)
