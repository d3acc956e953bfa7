"""What the linear binary learners share: predictions, checks and the portable form."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.exceptions import NotFittedError

from riskml.runtime.members import member_from_dict
from riskml.training.learners.linear_logistic import LinearLogistic

coefficients = st.floats(-1e3, 1e3)


class Known(LinearLogistic):
    """A learner that learns nothing but the classes."""

    def fit(self, X, y, sample_weight=None):
        self.seen_ = self._training_rows(X, y, sample_weight)
        self.coef_, self.intercept_ = np.ones((1, self.n_features_in_)), np.zeros(1)
        return self


def test_rows_without_weight_take_no_part():
    model = Known().fit([[1.0], [2.0], [3.0]], ["no", "other", "yes"], [2.0, 0.0, 1.0])
    rows, event, weight, kept = model.seen_
    assert rows.ravel().tolist() == [1.0, 3.0]
    assert event.tolist() == [0.0, 1.0]
    assert weight.tolist() == [2.0, 1.0]
    assert kept.tolist() == [True, False, True]
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.predict([[-1.0], [1.0]]).tolist() == ["no", "yes"]


BAD = {
    "one class": ([[0.0], [1.0]], ["a", "a"], None, "two classes, got one class: .*a"),
    "one class of weight": ([[0.0], [1.0]], [0, 1], [1, 0], "one class: .*0"),
    "three classes": ([[0.0], [1.0], [2.0]], [0, 1, 2], None, "Only binary"),
    "no weight": ([[0.0], [1.0]], [0, 1], [0, 0], "non-zero"),
    "negative weight": ([[0.0], [1.0]], [0, 1], [1, -1], "[Nn]egative"),
    "infinite input": ([[0.0], [math.inf]], [0, 1], None, "X contains infinity"),
    "missing input": ([[0.0], [math.nan]], [0, 1], None, "X contains NaN"),
    "continuous outcome": ([[0.0], [1.0]], [0.1, 0.2], None, "continuous"),
    "another length": ([[0.0], [1.0]], [0, 1, 1], None, "inconsistent"),
}


@pytest.mark.parametrize(("X", "y", "weight", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(X, y, weight, message):
    with pytest.raises(ValueError, match=message):
        Known().fit(X, y, weight)


def test_nothing_is_predicted_before_fitting():
    for ask in (Known().predict, Known().predict_proba, lambda _: Known().to_portable()):
        with pytest.raises(NotFittedError):
            ask([[0.0]])


@given(arrays(float, 3, elements=coefficients), coefficients, arrays(float, (4, 3), elements=st.floats(-1e6, 1e6)))
def test_the_portable_member_predicts_the_same(coef, intercept, rows):
    model = Known().fit(np.eye(3), [0, 1, 1])
    model.coef_, model.intercept_ = coef[None, :], np.array([intercept])
    member = member_from_dict(json.loads(json.dumps(model.to_portable().to_dict())), 3, "binary")
    expected = model.predict_proba(rows)[:, 1]
    np.testing.assert_allclose(member.response.table(member.predictor.table(rows), None)[:, 0], expected, atol=1e-9)
    for row, risk in zip(rows.tolist(), expected, strict=True):
        assert member.response.mean([member.predictor.at(row)], [1.0], None)[0] == pytest.approx(risk, abs=1e-9)
