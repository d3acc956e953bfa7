"""Paired differences: zero against oneself, the pooled difference in the middle, narrower than unpaired ones."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from riskml.training import measures
from riskml.training.differences import (
    AGAINST_COMPARATOR,
    AGAINST_MODEL,
    as_rows,
    differences,
    of_comparator,
)
from riskml.training.measures import Sample, replicates_of
from riskml.training.metrics import binary


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(measures, "N_BOOT", 200)


def patients(n=150, seed=0, *, blur=0.0, survival=False):
    """Rows whose risk is the true one, perhaps blurred on the log-odds scale."""
    rng = np.random.default_rng(seed)
    link = rng.normal(-1, 1, n)
    event = rng.random(n) < 1 / (1 + np.exp(-link))
    seen = link + blur * rng.normal(size=n)
    risk = 1 / (1 + np.exp(-seen))
    time = np.where(event, rng.uniform(1, 10, n), rng.uniform(12, 30, n)) if survival else None
    curve, months = (np.column_stack([1 - risk / 2, 1 - risk]), (6.0, 12.0)) if survival else (None, ())
    reference = np.full(n, event.mean())
    return Sample(event, time, risk, seen, reference, np.arange(n), 12.0, months=months, curve=curve)


@pytest.mark.parametrize("survival", [False, True])
def test_a_model_is_no_better_than_itself(survival):
    sample = patients(survival=survival)
    found = differences(sample, sample, AGAINST_MODEL, seed=0)
    wanted = {"c_index", "brier", "integrated_brier"} if survival else {"brier", "log_loss", "auc"}
    assert set(found) == wanted
    assert all(one.value == 0 for one in found.values())
    for name, one in found.items():
        if name == "auc":
            assert "variance of the difference is 0" in one.method
        else:
            assert (one.low, one.high) == (0, 0)


def test_blurred_predictions_are_worse_and_pairing_narrows_the_interval():
    sharp, dull = patients(400), patients(400, blur=1.5)
    found = differences(sharp, dull, AGAINST_MODEL, seed=1)
    assert found["auc"].value > 0 > found["brier"].value
    assert found["brier"].value == pytest.approx(
        binary.brier(sharp.event, sharp.risk) - binary.brier(dull.event, dull.risk)
    )
    assert found["brier"].high < 0, "shown to be better"
    apart = replicates_of(sharp, 1, ["brier"])["brier"] - replicates_of(dull, 2, ["brier"])["brier"]
    low, high = np.quantile(apart, [0.025, 0.975])
    assert found["brier"].high - found["brier"].low < high - low


def test_estimates_that_are_means_over_folds_move_the_interval_not_its_width():
    sharp, dull = patients(), patients(blur=1.0)
    own = differences(sharp, dull, ("auc", "brier"), seed=0)
    points = ({"auc": 0.70, "brier": 0.15}, {"auc": 0.66, "brier": 0.16})
    moved = differences(sharp, dull, ("auc", "brier"), seed=0, points=points)
    assert moved["auc"].value == pytest.approx(0.04)
    assert moved["brier"].value == pytest.approx(-0.01)
    for name in own:
        assert moved[name].high - moved[name].low == pytest.approx(own[name].high - own[name].low)
        assert moved[name].low < moved[name].value < moved[name].high


@pytest.mark.parametrize("survival", [False, True])
def test_the_comparator_says_the_same_for_everybody(survival):
    sample = patients(survival=survival)
    flat = of_comparator(sample)
    np.testing.assert_allclose(flat.risk, sample.reference)
    found = differences(sample, flat, AGAINST_COMPARATOR, seed=0)
    assert set(found) == ({"brier"} if survival else {"brier", "log_loss"})
    assert found["brier"].value < 0
    assert as_rows(found, "prevalence")[0]["against"] == "prevalence"


def test_other_patients_cannot_be_compared():
    sample = patients()
    with pytest.raises(ValueError, match="same rows"):
        differences(sample, sample.take(np.arange(149, -1, -1)), AGAINST_MODEL, seed=0)


def test_what_cannot_be_computed_is_left_out():
    nobody = dataclasses.replace(patients(), event=np.zeros(150, dtype=bool))
    found = differences(nobody, nobody, AGAINST_MODEL, seed=0)
    assert "auc" not in found
    assert all(math.isfinite(one.value) for one in found.values())
