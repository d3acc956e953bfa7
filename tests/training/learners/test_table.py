"""The table of learners: each builds with its settings and writes itself as the member it fitted; others may join."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone

from riskml.errors import UsageError
from riskml.runtime.members import member_from_dict
from riskml.training.ensemble import predict_rows
from riskml.training.learners import table
from riskml.training.learners.ridge_logistic import RidgeLogistic
from riskml.training.learners.table import GROUP, LEARNERS, Context, Learner, find_learner, known_learners
from riskml.training.recipe import load_recipe

GRID = (3.0, 6.0, 12.0)
SETTINGS = {
    "prior_scale": 0.25,
    "prior_weight": 0.3,
    "trees": 6,
    "leaf": 8,
    "rounds": 9,
    "depth": 3,
    "learning_rate": 0.2,
    "distribution": "loglogistic",
    "partition_rows": 1000,
}


def context(name, seed=0):
    recipe = load_recipe({"binary": "non_response"}.get(LEARNERS[name].outcome, "efs"))
    return Context(recipe, () if recipe.kind == "binary" else GRID, seed)


def outcome(kind, n_features, n=120, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    risk = X[:, 0] - 0.5 * X[:, -1]
    if kind == "binary":
        return X, (rng.random(n) < 1 / (1 + np.exp(-risk))).astype(int)
    times = rng.exponential(10 * np.exp(-risk)), rng.exponential(30, n), np.full(n, 20.0)
    kinds = np.argmin(times, axis=0)
    what = ("cause", np.int64) if kind == "incidence" else ("event", bool)
    y = np.empty(n, dtype=[what, ("time", float)])
    y["time"] = np.min(times, axis=0).clip(1e-3)
    y[what[0]] = np.array([1, 2, 0])[kinds] if kind == "incidence" else kinds == 0
    return X, y


def fitted(name, n_features=None):
    learner, where = LEARNERS[name], context(name)
    X, y = outcome(learner.outcome, len(where.recipe.features))
    small = {key: SETTINGS[key] for key in ("trees", "rounds") if key in learner.settings}
    return clone(learner.build(small, where)).fit(X, y), X


def test_recipes_may_rely_on_these_names():
    assert {name: learner.outcome for name, learner in LEARNERS.items()} == {
        "ridge_logistic": "binary",
        "literature_logistic": "binary",
        "elastic_net_logistic": "binary",
        "firth_logistic": "binary",
        "forest": "binary",
        "boosting": "binary",
        "ridge_cox": "survival",
        "literature_cox": "survival",
        "elastic_net_cox": "survival",
        "survival_forest": "survival",
        "survival_boosting": "survival",
        "boosting_cox": "survival",
        "boosting_aft": "survival",
        "parametric": "survival",
        "cause_specific_cox": "incidence",
    }


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_settings_reach_the_estimator_and_have_a_default(name):
    learner, where = LEARNERS[name], context(name, seed=5)
    plain, set_up = (learner.build({"kind": name, **chosen}, where) for chosen in ({}, SETTINGS))
    for key, parameter in learner.settings.items():
        assert getattr(set_up, parameter) == SETTINGS[key]
        assert getattr(plain, parameter) != SETTINGS[key]
    if learner.outcome != "binary":
        assert plain.time_grid.tolist() == list(GRID)
    assert plain.get_params().get("random_state", 0) == (5 if learner.random else 0)
    light = learner.build({"kind": name, **SETTINGS}, where, light=True)
    assert all(getattr(light, parameter) == value for parameter, value in learner.lighter.items())


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_the_member_that_is_saved_says_what_the_estimator_says(name):
    """Through JSON; 1e-6 where XGBoost adds up in single precision."""
    estimator, X = fitted(name)
    member = estimator.to_portable()
    assert member.weight == 1.0
    read = member_from_dict(json.loads(json.dumps(member.to_dict())), X.shape[1], LEARNERS[name].outcome)
    assert read == member
    tolerance = 1e-6 if name.startswith("boosting") else 1e-9
    if LEARNERS[name].outcome == "binary":
        assert predict_rows(read, X, ())[:, 0] == pytest.approx(estimator.predict_proba(X)[:, 1], abs=tolerance)
        return
    times = (0.0, 1.0, 3.0, 5.5, 12.0)
    ask = estimator.predict_survival if LEARNERS[name].outcome == "survival" else estimator.predict_cumulative_incidence
    assert predict_rows(read, X, times) == pytest.approx(np.asarray(ask(X, times)), abs=tolerance)


@pytest.mark.parametrize("name", sorted(n for n, learner in LEARNERS.items() if hasattr(learner.load(), "draw")))
def test_draws_are_members_about_the_estimate(name):
    """Standard normals of 0 draw the estimate itself or, from a mixture, a part of it; others move away from it."""
    estimator, X = fitted(name)
    rng = np.random.default_rng(0)
    draws = [estimator.draw(X.mean(axis=0), rng.standard_normal(60)) for _ in range(30)]
    months = () if LEARNERS[name].outcome == "binary" else (6.0,)
    spread = np.array([predict_rows(draw, X, months)[:, 0] for draw in draws])
    assert np.isfinite(spread).all()
    assert (spread.std(axis=0) > 0).all()
    centre = predict_rows(estimator.to_portable(), X, months)[:, 0]
    assert np.abs(spread.mean(axis=0) - centre).mean() < 0.1


# ------------------------------------------------------------------------------------------- learners from elsewhere


def offer(monkeypatch, target):
    """Pretend that an installed package offers the learner ``mine`` at ``target``."""
    point = importlib.metadata.EntryPoint("mine", target, GROUP)
    monkeypatch.setattr(
        table.importlib.metadata, "entry_points", lambda group, name="mine": [point] if name == "mine" else []
    )


def test_an_installed_package_may_offer_a_learner(monkeypatch):
    mine = Learner("binary", RidgeLogistic, {"width": "prior_scale"})
    monkeypatch.setitem(sys.modules, "a_package", SimpleNamespace(learner=mine))
    offer(monkeypatch, "a_package:learner")
    assert find_learner("mine") is mine
    assert "mine" in known_learners()
    assert find_learner("mine").build({"width": 2.0}, context("ridge_logistic")).prior_scale == 2.0
    assert find_learner("other") is None


def test_a_package_cannot_take_the_name_of_one_of_ours(monkeypatch):
    monkeypatch.setattr(table.importlib.metadata, "entry_points", lambda **_: pytest.fail("not even looked up"))
    assert find_learner("ridge_cox") is LEARNERS["ridge_cox"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no_such_package_anywhere:learner", "cannot be loaded: ModuleNotFoundError"),
        ("json:no_such_thing", "cannot be loaded: AttributeError"),
        ("json:dumps", "is a function, not a Learner"),
    ],
)
def test_a_broken_offer_is_refused_in_words(monkeypatch, target, said):
    offer(monkeypatch, target)
    with pytest.raises(UsageError, match=f"the learner 'mine' of a package {said}"):
        find_learner("mine")
