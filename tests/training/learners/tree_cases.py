"""Cohorts and rows on which the tree learners are tried, and the one question asked of all of them."""

from __future__ import annotations

import json

import numpy as np
from sksurv.util import Surv

from riskml.runtime.members import member_from_dict

GRID = (2.0, 6.0, 12.0, 24.0)
TIMES = (0.0, 1.3, 6.0, 11.9, 24.0)


def inputs(seed, n=80):
    """Continuous, 0/1, tied, heavy-tailed and constant columns."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 6))
    return np.column_stack(
        [z[:, 0], z[:, 1] > 0.5, z[:, 2].round(1), np.exp(3 * z[:, 3]), np.full(n, 0.1), z[:, 5] * 1e-7]
    ).astype(float)


def binary(seed, n=80):
    X = inputs(seed, n)
    rng = np.random.default_rng([seed, 1])
    y = (rng.random(n) < 1 / (1 + np.exp(1 - 1.5 * X[:, 0] - X[:, 1]))).astype(int)
    y[:2] = 0, 1
    return X, y


def survival(seed, n=80, ties=False):
    X = inputs(seed, n)
    rng = np.random.default_rng([seed, 2])
    time = 15 * rng.exponential(size=n) * np.exp(-X[:, 0] - 0.5 * X[:, 1])
    censored = rng.uniform(5, 60, size=n)
    months = np.minimum(time, censored)
    return X, Surv.from_arrays(time <= censored, np.ceil(months) if ties else months)


def extremes(X, trees=()):
    """Rows no one has seen: huge, tiny, signed zeros, and each input exactly on thresholds and just beside them."""
    rng = np.random.default_rng(3)
    odd = [1e300, -1e300, 3.4028235677973366e38, -0.0, 0.0, 5e-324, -1e-45, 0.1, *X[:5, 0], *X[:5, -1]]
    for tree in trees:
        for at in tree.threshold[:3]:
            single = np.float32(at)
            odd += [at, np.nextafter(at, 1e300), np.nextafter(at, -1e300), float(single)]
            odd += [float(np.nextafter(single, np.float32(side))) for side in (-3e38, 3e38)]
    return np.vstack([X, rng.choice(np.array(odd), size=(150, X.shape[1]))])


def assert_portable(model, X, times=None, atol=1e-9):
    """Plain Python and numpy, both through JSON, give what the estimator gives; ``times`` for survival."""
    X = extremes(X, model.predictor_.trees)
    kind = "binary" if times is None else "survival"
    text = json.dumps(model.to_portable().to_dict(), allow_nan=False)
    member = member_from_dict(json.loads(text), X.shape[1], kind)
    assert member == model.to_portable()
    expected = model.predict_proba(X)[:, 1:] if times is None else model.predict_survival(X, times)
    assert ((expected >= 0) & (expected <= 1)).all()
    prepared = member.response.prepare(times or ())
    table = member.response.table(member.predictor.table(X), prepared)
    np.testing.assert_allclose(table, expected, rtol=0, atol=atol)
    plain = [member.response.mean([member.predictor.at(row)], [1.0], prepared) for row in X.tolist()]
    np.testing.assert_allclose(plain, expected, rtol=0, atol=atol)


def in_memory(trees):
    """Bytes of a portable model's trees as Python holds them, were no two numbers shared."""
    parts = [part for tree in trees.trees for part in tree.to_fields().values()]
    return sum(32 * len(part) + 56 for part in parts)
