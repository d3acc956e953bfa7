"""scikit-survival's gradient boosting: the same log risks and the same curves, as portable trees."""

from __future__ import annotations

import numpy as np
import pytest
from sksurv.ensemble import GradientBoostingSurvivalAnalysis

from riskml.training.learners.survival_boosting import SurvivalBoosting
from riskml.training.learners.tree_export import singles
from tests.training.learners.tree_cases import GRID, survival

SHALLOW = {"learning_rate": 0.05, "max_depth": 2, "min_samples_leaf": 10}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("subsample", [1.0, 0.6])
def test_training_rows_get_scikit_survivals_answers(seed, subsample):
    """Without ties Efron's baseline is Breslow's, which scikit-survival has."""
    X, y = survival(seed, n=120)
    settings = {"n_estimators": 30, "subsample": subsample, "random_state": seed}
    model = SurvivalBoosting(time_grid=GRID, **settings).fit(X, y)
    oracle = GradientBoostingSurvivalAnalysis(**settings, **SHALLOW).fit(singles(X), y)
    log_risk = oracle.predict(singles(X))
    assert np.ptp(log_risk) > 0.5
    np.testing.assert_allclose(model.predict(X), log_risk - log_risk.mean(), atol=1e-6)
    column = oracle.unique_times_.searchsorted(GRID, side="right") - 1
    expected = oracle.predict_survival_function(singles(X), return_array=True)[:, column]
    np.testing.assert_allclose(model.predict_survival(X, GRID), expected, atol=1e-6)


def test_the_mean_training_patient_has_log_risk_zero():
    X, y = survival(4)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(X))
    model = SurvivalBoosting(time_grid=GRID).fit(X, y, sample_weight=weight)
    assert np.average(model.predict(X), weights=weight) == pytest.approx(0, abs=1e-6)
    assert np.abs(model.predict(X) - SurvivalBoosting(time_grid=GRID).fit(X, y).predict(X)).max() > 0.01


def test_leaves_as_large_as_the_cohort_give_one_curve():
    X, y = survival(5)
    model = SurvivalBoosting(time_grid=GRID, min_samples_leaf=len(X)).fit(X, y)
    np.testing.assert_allclose(model.predict(X), 0, atol=1e-9)
    assert np.unique(model.predict_survival(X, [12.0]).round(12)).size == 1


def test_the_seed_decides_the_subsamples():
    X, y = survival(6)
    one, again, other = (
        SurvivalBoosting(time_grid=GRID, n_estimators=10, subsample=0.5, random_state=s).fit(X, y).to_portable()
        for s in (1, 1, 2)
    )
    assert one == again != other
