"""Models and patients of the ladder's tests, made without files: what is known of them is known exactly."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from riskml.cohort.outcomes import Target
from riskml.runtime.members import Causes, Linear, Member
from riskml.runtime.model import Feature, PortableModel
from riskml.runtime.responses import LOGISTIC
from riskml.runtime.time_responses import Baseline, Incidence
from riskml.training.transfer.problem import Cases

EFFECTS = (0.9, -0.7, 0.4)
NAMES = ("x0", "x1", "x2")
MONTHS = (0.0, 6.0, 12.0, 24.0)
FLAT = Baseline(MONTHS, tuple(0.02 * month for month in MONTHS))


def model_of(*members, kind="binary", draws=()):
    """Members that look at three plain inputs, with one prototype at 0."""
    features = tuple(Feature(name, "value", (name,)) for name in NAMES)
    return PortableModel(kind, NAMES, features, members, (1.0,), ((0.0, 0.0, 0.0),), draws, 0.9, {})


def logistic(level=-1.0, effects=EFFECTS):
    return Member(1.0, Linear(level, tuple(effects)), LOGISTIC)


def cox(effects=EFFECTS, weight=1.0):
    return Member(weight, Linear(0.0, tuple(effects)), FLAT)


def competing(effects=EFFECTS):
    return Member(1.0, Causes((Linear(0.0, tuple(effects)), Linear(0.0, (0.0, 0.3, 0.0)))), Incidence((FLAT, FLAT)))


def cases_of(X, target, horizon=0.0):
    return Cases(dict(zip(NAMES, X.T, strict=True)), target, horizon, X)


def binary(n, seed, level=-1.0, effects=EFFECTS):
    """Patients whose log-odds are ``level + X @ effects``."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3))
    event = rng.random(n) < expit(level + X @ np.array(effects))
    rows = np.arange(n)
    return cases_of(X, Target("event", "binary", rows, event, None, rows, (), event.astype(np.intp)))


def survival(n, seed, level=0.0, effects=EFFECTS, *, late=False, causes=False):
    """Hazards 0.02 exp(level + X @ effects) a month, followed for 24; with ``causes`` a second one beside it."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3))
    time, cause = rng.exponential(50 * np.exp(-level - X @ np.array(effects))), np.ones(n, dtype=np.intp)
    if causes:
        other = rng.exponential(50 * np.exp(-0.3 * X[:, 1]))
        cause, time = np.where(other < time, 2, 1), np.minimum(time, other)
    cause, time = np.where(time > 24, 0, cause), np.minimum(time, 24.0)
    entry = rng.uniform(0, 10, n) if late else np.zeros(n)
    kept = time > entry
    rows = np.arange(int(kept.sum()))
    arrays = (rows, cause[kept] == 1, time[kept], rows, ())
    target = Target("event", "survival", *arrays, cause[kept], entry[kept] if late else None)
    return cases_of(X[kept], target, 12.0)
