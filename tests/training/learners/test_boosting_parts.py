"""Trees over parts of the rows are the trees of all rows, as far as bins allow."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.training.learners.boosting import Boosting, BoostingAFT, BoostingCox
from riskml.training.learners.boosting_parts import boosted_in_parts
from riskml.training.workers import row_client


def made(n=240, seed=5):
    """Inputs of few values and of as many as rows, a label, and the settings of a logistic booster."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.integers(0, 2, n), rng.normal(size=n).round(1), rng.normal(size=n)]).astype(np.float32)
    label = (rng.random(n) < 1 / (1 + np.exp(-X.sum(axis=1)))).astype(float)
    settings = {"objective": "binary:logistic", "base_score": 0.5, "tree_method": "hist", "max_depth": 2, "nthread": 1}
    return X, {"label": label, "weight": np.where(label > 0, 2.0, 1.0)}, {**settings, "verbosity": 0}


def test_parts_of_any_size_grow_the_same_trees():
    distributed = pytest.importorskip("distributed")
    import xgboost

    X, data, settings = made()
    whole = xgboost.train(settings, xgboost.DMatrix(X, **data, nthread=1), num_boost_round=20)
    want = whole.predict(xgboost.DMatrix(X))
    assert np.ptp(want) > 0.3, "the inputs say something"
    with distributed.Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0") as client:
        for rows in (50, 239):
            booster = boosted_in_parts(client, settings, X, data, rows, rounds=20)
            np.testing.assert_allclose(booster.predict(xgboost.DMatrix(X)), want, atol=1e-6)


def test_only_losses_that_are_sums_over_rows_have_parts():
    assert "partition_rows" in Boosting().get_params()
    assert "partition_rows" in BoostingAFT(time_grid=[6.0]).get_params()
    assert "partition_rows" not in BoostingCox(time_grid=[6.0]).get_params()


def test_without_a_cluster_one_process_boosts_all_rows():
    X, data, _ = made()
    assert row_client(len(X), 10) is None
    alone, asked = (Boosting(partition_rows=rows).fit(X, data["label"]) for rows in (None, 10))
    assert alone.predictor_ == asked.predictor_
