"""What cohorts do to learners: each either fits and answers with shares, or says in words what it cannot take."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.training.ensemble import predict_rows
from riskml.training.learners.table import LEARNERS

MONTHS = (3.0, 6.0, 12.0)
N = 40


def plain():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3))
    return X, rng.random(N) < 0.3, rng.exponential(10, N) + 0.1


def columns(change):
    def case():
        X, event, time = plain()
        return change(X, event), event, time

    return case


def separated(X, event):
    return np.column_stack([event.astype(float), X[:, 1:]])


def one_constant(X, event):
    return np.column_stack([np.full(len(X), 3.0), X[:, 1:]])


def collinear(X, event):
    return np.column_stack([X, 2 * X[:, 0]])


def more_inputs_than_patients(X, event):
    return np.random.default_rng(1).normal(size=(len(X), 60))


def one_event():
    X, _, time = plain()
    return X, np.arange(N) == 5, time


def all_at_one_time():
    X, event, time = plain()
    return X, event, np.where(event, 5.0, time)


def ties_everywhere():
    X, event, time = plain()
    return np.round(X), event, np.ceil(time / 5) * 5


FITTED = {
    "plain": plain,
    "separated": columns(separated),
    "one constant": columns(one_constant),
    "all constant": columns(lambda X, event: np.ones_like(X)),
    "collinear": columns(collinear),
    "more inputs than patients": columns(more_inputs_than_patients),
    "tiny numbers": columns(lambda X, event: 1e-12 * X),
    "one event": one_event,
    "events at one time": all_at_one_time,
    "ties everywhere": ties_everywhere,
}


def not_finite(value):
    def case():
        X, event, time = plain()
        X[3, 1] = value
        return X, event, time

    return case


def nobody():
    X, _, time = plain()
    return X, np.zeros(N, dtype=bool), time


REFUSED = {
    "infinite": (not_finite(np.inf), "infinity"),
    "missing": (not_finite(np.nan), "NaN"),
    "no event": (nobody, "at least one|two classes"),
}


def fitted(name, case):
    X, event, time = case()
    entry = LEARNERS[name]
    settings = {} if entry.outcome == "binary" else {"time_grid": np.array(MONTHS)}
    settings |= {"random_state": 0} if entry.random else {}
    settings |= {"n_estimators": 10} if "n_estimators" in entry.settings.values() else {}
    if name.startswith("literature"):
        settings |= {"prior_mean": np.full(X.shape[1], 0.5), "prior_sd": np.ones(X.shape[1])}
    return X, entry.load()(**settings).fit(X, outcome(entry.outcome, event, time))


def outcome(kind, event, time):
    if kind == "binary":
        return event.astype(int)
    other = np.arange(len(event)) % 3 == 0
    first = event if kind == "survival" else np.where(event, 1, np.where(other, 2, 0))
    y = np.empty(len(time), dtype=[("event" if kind == "survival" else "cause", first.dtype), ("time", float)])
    y[y.dtype.names[0]], y["time"] = first, time
    return y


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("case", FITTED)
def test_every_learner_answers_with_shares(name, case):
    X, estimator = fitted(name, FITTED[case])
    months = () if LEARNERS[name].outcome == "binary" else MONTHS
    answers = predict_rows(estimator.to_portable(), X, months)
    assert np.isfinite(answers).all()
    assert answers.min() >= -1e-12
    assert answers.max() <= 1 + 1e-12
    if LEARNERS[name].outcome != "binary":
        steps = np.diff(answers, axis=1)
        assert (steps <= 1e-12).all() or (LEARNERS[name].outcome == "incidence" and (steps >= -1e-12).all())


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("case", REFUSED)
def test_every_learner_says_what_it_cannot_take(name, case):
    make, words = REFUSED[case]
    with pytest.raises(ValueError, match=words):
        fitted(name, make)
