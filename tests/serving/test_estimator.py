"""A bundle among estimators: the numbers of predict, and scikit-learn's and scikit-survival's own tools as users."""

from __future__ import annotations

import pickle

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibrationDisplay
from sklearn.model_selection import cross_val_predict, cross_val_score
from sklearn.utils.validation import check_is_fitted
from sksurv.metrics import as_integrated_brier_score_scorer, concordance_index_censored, integrated_brier_score
from sksurv.util import Surv

import riskml
from riskml.errors import DataError, UsageError
from riskml.serving.estimator import BundleClassifier, BundleSurvival, as_estimator, versions
from tests.runtime.models import shipped_bundle

mpl.use("Agg")
BINARY, SURVIVAL = shipped_bundle("non_response"), shipped_bundle("efs")
COHORT = riskml.read_cohort(riskml.resources.folder("features") / "synthetic" / "cohort.csv")
X, X_TIME = (COHORT.frame[list(bundle.model.inputs)] for bundle in (BINARY, SURVIVAL))
CLASSIFIER, TIMED = BundleClassifier(BINARY), BundleSurvival(SURVIVAL)
RNG = np.random.default_rng(7)
Y = (RNG.random(len(X)) < CLASSIFIER.predict_proba(X)[:, 1]).astype(int)
MONTHS = RNG.exponential(20, len(X)) + 0.1
Y_TIME = Surv.from_arrays(MONTHS < 24, np.minimum(MONTHS, 24))


def test_a_table_has_the_scores_of_the_cohort_it_comes_from():
    np.testing.assert_array_equal(CLASSIFIER.predict_proba(X)[:, 1], BINARY.score(COHORT)["risk"])
    np.testing.assert_array_equal(CLASSIFIER.predict_proba(X).sum(axis=1), 1)
    want = 1 - SURVIVAL.score(COHORT)["survival_24_months"]
    np.testing.assert_allclose(TIMED.predict(X_TIME), want, rtol=0, atol=1e-15)


def test_raw_values_are_read_as_predict_reads_them():
    patients = [entry["patient"] for entry in BINARY.golden] + [{"mrd": "neg", "cd19": "<10 /uL"}]
    got = CLASSIFIER.predict_proba(pd.DataFrame(patients))[:, 1]
    assert got == pytest.approx([BINARY.predict(patient).value[0] for patient in patients], abs=1e-12)
    foreign = pd.DataFrame({"MRD (%)": [0.5, None], "BCR::ABL1": ["neg", "pos"], "sex": ["f", "m"]})
    want = [BINARY.predict({"mrd": "0.5 %", "bcr_abl1": "absent"}), BINARY.predict({"bcr_abl1": "present"})]
    assert CLASSIFIER.predict_proba(foreign)[:, 1] == pytest.approx([p.value[0] for p in want], abs=1e-12)


def test_an_array_has_the_inputs_in_order():
    assert list(CLASSIFIER.feature_names_in_) == list(BINARY.model.inputs)
    assert CLASSIFIER.n_features_in_ == 6
    np.testing.assert_array_equal(CLASSIFIER.predict_proba(X.to_numpy()), CLASSIFIER.predict_proba(X))
    with pytest.raises(UsageError, match="X must have 6 columns"):
        CLASSIFIER.predict_proba(X.to_numpy()[:, :5])


def test_every_refused_value_is_named_at_once():
    with pytest.raises(DataError) as refused:
        CLASSIFIER.predict_proba(pd.DataFrame({"mrd": [0.1, 5, "x"], "shoe": [1, 2, 3], "cd19": [1, 2, 3]}))
    assert [(fault.row, fault.column) for fault in refused.value.faults] == [(1, "mrd"), (2, "mrd"), (None, "shoe")]
    with pytest.raises(DataError, match="another name for mrd"):
        CLASSIFIER.predict_proba(pd.DataFrame({"mrd": [0.1], "mrd (%)": [1]}))


def test_scikit_learn_takes_it_as_a_fitted_classifier():
    assert is_classifier(CLASSIFIER)
    check_is_fitted(CLASSIFIER)
    assert list(CLASSIFIER.classes_) == [0, 1]
    assert set(CLASSIFIER.predict(X)) <= {0, 1}
    copy = clone(CLASSIFIER).fit(X.iloc[:9], 1 - Y[:9])
    np.testing.assert_array_equal(copy.predict_proba(X), CLASSIFIER.predict_proba(X), "fit learns nothing")
    folds = cross_val_predict(CLASSIFIER, X, Y, cv=3, method="predict_proba")
    np.testing.assert_array_equal(folds, CLASSIFIER.predict_proba(X))
    assert len(cross_val_score(CLASSIFIER, X, Y, cv=3, scoring="neg_brier_score")) == 3
    shown = CalibrationDisplay.from_estimator(CLASSIFIER, X, Y, n_bins=4)
    assert shown.prob_pred.max() <= 1
    plt.close(shown.figure_)  # figures are counted elsewhere


def test_scikit_survival_takes_its_survival_functions():
    steps = TIMED.predict_survival_function(X_TIME)
    table = TIMED.predict_survival_function(X_TIME, return_array=True)
    times = np.array([3.0, 6.0, 12.0])
    np.testing.assert_array_equal(np.vstack([step(TIMED.unique_times_) for step in steps]), table)
    assert np.all(np.diff(table, axis=1) <= 0)
    assert table[0, [3, 6]] == pytest.approx(SURVIVAL.score(COHORT, at=[3, 6]).iloc[0, 1:].to_list())
    _, brier = integrated_brier_score_of(np.vstack([step(times) for step in steps]), times)
    assert 0 < brier < 1
    wrapped = as_integrated_brier_score_scorer(TIMED, times=times).fit(X_TIME, Y_TIME)
    assert wrapped.score(X_TIME, Y_TIME) == pytest.approx(-brier)
    want = concordance_index_censored(Y_TIME["event"], Y_TIME["time"], TIMED.predict(X_TIME))[0]
    assert TIMED.score(X_TIME, Y_TIME) == want
    assert len(cross_val_score(TIMED, X_TIME, Y_TIME, cv=3)) == 3


def integrated_brier_score_of(estimate, times):
    return times, integrated_brier_score(Y_TIME, Y_TIME, estimate, times)


def test_a_path_does_as_well_and_travels(tmp_path):
    path = BINARY.save(tmp_path / "bundle")
    model = BundleClassifier(path)
    assert model.get_params() == {"bundle": path}
    np.testing.assert_array_equal(model.fit(X).predict_proba(X), CLASSIFIER.predict_proba(X))
    travelled = pickle.loads(pickle.dumps(CLASSIFIER))
    np.testing.assert_array_equal(travelled.predict_proba(X), CLASSIFIER.predict_proba(X))


def test_the_wrapper_goes_by_the_outcome():
    assert isinstance(as_estimator(BINARY), BundleClassifier)
    assert isinstance(as_estimator(SURVIVAL), BundleSurvival)
    with pytest.raises(UsageError, match="is for binary outcomes; this bundle's is survival"):
        BundleClassifier(SURVIVAL).fit()
    assert versions(BINARY)["bundle"] == BINARY.digest
