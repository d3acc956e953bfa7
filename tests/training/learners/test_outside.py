"""Estimators of other packages: loaded only when asked for, refused in words, believed only where they give shares."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sksurv.functions import StepFunction
from sksurv.linear_model import CoxPHSurvivalAnalysis

from riskml.errors import UsageError
from riskml.training.learners.outside import answers, is_outside, link, outside
from riskml.training.learners.table import Context


def table(estimator, **settings):
    return {"kind": "sklearn", "estimator": estimator, "settings": settings}


def build(estimator, **settings):
    return outside(table(estimator, **settings)).build(table(estimator, **settings), Context(None, (6.0,), 7))


def test_the_class_its_settings_and_the_seed():
    made = build("sklearn.linear_model:LogisticRegression", C=0.5)
    assert isinstance(made, LogisticRegression)
    assert (made.C, made.random_state) == (0.5, 7)
    assert build("sklearn.linear_model:LogisticRegression", random_state=3).random_state == 3
    assert not hasattr(build("sklearn.naive_bayes:GaussianNB"), "random_state")
    assert is_outside(table("a:B"))
    assert not is_outside({"kind": "forest"})


def test_nothing_is_imported_before_it_is_asked_for():
    learner = outside(table("no_such_package_anywhere:Thing"))
    with pytest.raises(
        UsageError, match="cannot load the estimator no_such_package_anywhere:Thing: ModuleNotFoundError"
    ):
        learner.load()


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        ("json:Nothing", "AttributeError"),
        ("json:JSONDecoder", "is no class with a method fit"),
        ("sklearn.base:clone", "is no class with a method fit"),
        ("sklearn.linear_model:LogisticRegression", "does not take these settings"),
    ],
)
def test_what_is_no_estimator_is_refused(estimator, said):
    with pytest.raises(UsageError, match=said):
        build(estimator, no_such_setting=1)


def test_code_that_fails_on_import_is_refused_in_words(monkeypatch, tmp_path):
    (tmp_path / "fails_on_import.py").write_text("raise RuntimeError('broken')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="RuntimeError: broken"):
        outside(table("fails_on_import:Thing")).load()
    assert "fails_on_import" not in sys.modules


def test_a_classifier_answers_with_its_own_probability():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 2))
    fitted = LogisticRegression().fit(X, X[:, 0] > 0)
    assert answers(fitted, X, None) == pytest.approx(fitted.predict_proba(X)[:, 1])


@pytest.mark.parametrize("months", [0.001, 5.0, 11.0, 500.0])
def test_a_survival_function_is_read_where_it_steps(months):
    """Before the first time S is 1; beyond the last, where scikit-survival raises, it stays where it was."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 2))
    y = np.array(
        list(zip(rng.random(50) < 0.7, rng.exponential(10, 50), strict=True)), dtype=[("e", bool), ("t", float)]
    )
    fitted = CoxPHSurvivalAnalysis().fit(X, y)
    found, curves = answers(fitted, X, months), fitted.predict_survival_function(X)
    last = curves[0].x[-1]
    want = [1.0 if months < curves[0].x[0] else float(curve(min(months, last))) for curve in curves]
    assert found == pytest.approx(want, abs=1e-12)


def test_a_scaled_step_function_is_scaled():
    curve = StepFunction(np.array([1.0, 2.0]), np.array([2.0, 1.0]), a=0.4, b=0.1)
    fake = SimpleNamespace(predict_survival_function=lambda X: [curve] * len(X))
    assert answers(fake, np.zeros((3, 1)), 1.5) == pytest.approx([0.9] * 3)


@pytest.mark.parametrize(
    "said",
    [np.full((3, 3), 1 / 3), np.full(3, 0.5), np.full((3, 2), np.nan), np.full((3, 2), 1.5), np.full((2, 2), 0.5)],
)
def test_what_is_no_share_is_refused(said):
    with pytest.raises(UsageError, match="does not give one number between 0 and 1 a patient"):
        answers(SimpleNamespace(predict_proba=lambda X: said), np.zeros((3, 1)), None)


def test_the_wrong_kind_of_estimator_is_refused():
    for fake, months, method in ((SimpleNamespace(), None, "predict_proba"), (LogisticRegression(), 6.0, "survival")):
        with pytest.raises(UsageError, match=f"has no .*{method}"):
            answers(fake, np.zeros((3, 1)), months)


def test_links_are_log_odds_and_log_hazards_against_the_comparator():
    scores = np.array([0.2, 0.7, 0.0, 1.0])
    assert link(scores, 0.5, survival=False)[:2] == pytest.approx(logit(scores[:2]))
    assert link(scores, 0.5, survival=True)[:2] == pytest.approx(np.log(np.log(scores[:2]) / np.log(0.5)))
    assert np.isfinite(link(scores, 0.5, survival=True)).all()
    np.testing.assert_array_equal(link(scores, 1.0, survival=True), 0)
