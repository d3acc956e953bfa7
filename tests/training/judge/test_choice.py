"""The best of several: the luck of choosing is taken off, what was better on merit stays."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from riskml.training.judge.choice import chosen_best
from riskml.training.measures import Sample
from riskml.training.metrics.binary import auc, brier


def sample(event, risk, patient=None):
    event, risk = np.asarray(event, dtype=bool), np.asarray(risk, dtype=float)
    people = np.arange(len(event)) if patient is None else np.asarray(patient)
    return Sample(event, None, risk, np.log(risk / (1 - risk)), np.full(len(event), event.mean()), people, 6.0)


def guesses(seed, number=12, n=60):
    rng = np.random.default_rng(seed)
    event = np.arange(n) % 4 == 0
    return {f"recipe {k}": sample(event, rng.uniform(0.05, 0.95, n)) for k in range(number)}


def test_the_best_of_twelve_that_know_nothing_is_worth_nothing():
    """Naively 12 recipes of random numbers give an AUC of about .5 + 1.6 standard errors; the truth is .5."""
    naive, honest = [], []
    for seed in range(10):
        found = chosen_best(guesses(seed), draws=40, seed=seed)
        naive.append(found["naive"])
        honest.append(found["honest"]["value"])
        assert found["honest"]["low"] < 0.5 < found["honest"]["high"]
    assert np.mean(naive) > 0.6
    assert abs(np.mean(honest) - 0.5) < 0.45 * (np.mean(naive) - 0.5)


def test_a_recipe_that_is_better_on_merit_stays_so():
    event = np.arange(80) % 2 == 0
    rng = np.random.default_rng(0)
    good = sample(event, np.clip(np.where(event, 0.7, 0.3) + rng.normal(0, 0.1, 80), 0.01, 0.99))
    found = chosen_best({"good": good, "bad": sample(event, rng.uniform(0.1, 0.9, 80))}, draws=100)
    assert found["best"] == "good"
    assert found["picked"] == {"good": 1.0, "bad": 0.0}
    assert found["naive"] == pytest.approx(auc(event, good.risk))
    assert found["honest"]["value"] == pytest.approx(found["naive"], abs=0.02)
    assert found["words"].startswith("good has the best auc of 2 recipes")
    assert found["words"].endswith("it was best in 100 % of draws")


def test_errors_are_best_when_small_and_stated_estimates_move_all():
    event = np.arange(40) % 2 == 0
    near, far = sample(event, np.where(event, 0.8, 0.2)), sample(event, np.where(event, 0.6, 0.4))
    found = chosen_best({"far": far, "near": near}, measure="brier", draws=50)
    # Everybody's squared error is .04, in any sample.
    assert (found["best"], found["naive"], found["honest"]["value"]) == (
        "near",
        pytest.approx(0.04),
        pytest.approx(0.04),
    )
    assert found["naive"] == pytest.approx(brier(event, near.risk))
    moved = chosen_best({"far": far, "near": near}, measure="brier", points={"far": 0.16, "near": 0.05}, draws=50)
    assert moved["honest"]["value"] == pytest.approx(0.05)
    turned = chosen_best({"far": far, "near": near}, measure="brier", points={"far": 0.01, "near": 0.05}, draws=50)
    assert (turned["best"], turned["naive"]) == ("far", pytest.approx(0.01))


def test_patients_are_drawn_whole_and_the_seed_decides():
    """Ten patients with six rows each, one mind for each patient: rows alone would be ten times surer."""
    rng = np.random.default_rng(3)
    people = np.repeat(np.arange(10), 6)
    event, risk = people % 2 == 0, rng.uniform(0.1, 0.9, 10)[people]
    other = rng.uniform(0.1, 0.9, 10)[people]
    whole = {"a": sample(event, risk, people), "b": sample(event, other, people)}
    rows = {name: dataclasses.replace(one, patient=np.arange(60)) for name, one in whole.items()}
    wide, narrow = (chosen_best(samples, draws=200, seed=1)["honest"] for samples in (whole, rows))
    assert wide["high"] - wide["low"] > 1.5 * (narrow["high"] - narrow["low"])
    assert chosen_best(whole, draws=50, seed=1) == chosen_best(whole, draws=50, seed=1)
    assert chosen_best(whole, draws=50, seed=1) != chosen_best(whole, draws=50, seed=2)


def test_survival_is_chosen_by_its_own_measures():
    rng = np.random.default_rng(5)
    time, event = rng.exponential(8, 60), rng.random(60) < 0.6
    risk = np.clip(1 - time / 30 + rng.normal(0, 0.1, 60), 0.05, 0.95)
    good = dataclasses.replace(sample(event, risk), time=time)
    bad = dataclasses.replace(sample(event, risk[::-1]), time=time)
    found = chosen_best({"bad": bad, "good": good}, draws=40)
    assert (found["measure"], found["best"]) == ("c_index", "good")


def test_what_cannot_be_said_is_counted():
    few = np.arange(30) < 2
    samples = {name: sample(few, np.linspace(low, 0.9, 30)) for name, low in (("a", 0.1), ("b", 0.2))}
    found = chosen_best(samples, draws=200)
    assert 0 < found["not_estimable"] < 200
    assert f"{200 - found['not_estimable']} of 200 draws" in found["honest"]["method"]
    nobody = chosen_best({name: dataclasses.replace(one, event=np.zeros(30, bool)) for name, one in samples.items()})
    assert (nobody["best"], nobody["naive"], nobody["not_estimable"]) == (None, None, nobody["draws"])
    assert nobody["words"] == "auc is not estimable"
    assert json.dumps([found, nobody], allow_nan=False)


def test_bad_input_is_named():
    one = sample([True, False] * 5, np.linspace(0.1, 0.9, 10))
    with pytest.raises(ValueError, match="two or more recipes, got 1"):
        chosen_best({"one": one})
    for other in (one.take(np.arange(9)), one.take(np.arange(10)[::-1]), dataclasses.replace(one, event=~one.event)):
        with pytest.raises(ValueError, match="two was judged on other rows than one"):
            chosen_best({"one": one, "two": other})
    with pytest.raises(ValueError, match="measure must be one of auc, average_precision, brier"):
        chosen_best({"one": one, "two": one}, measure="calibration_slope")
    with pytest.raises(ValueError, match="n_boot must be at least 1"):
        chosen_best({"one": one, "two": one}, draws=0)
