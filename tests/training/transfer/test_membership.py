"""Membership: two normal groups of known distance, the training rows against themselves, and other patients."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from riskml.training.metrics.binary import auc
from riskml.training.transfer.membership import (
    membership,
    membership_columns,
    membership_of_rows,
    normal_c,
    outcome_column,
    recorded,
)
from tests.training.transfer.patients import (
    bundle_with_aggregates,
    bundle_without_aggregates,
    judged,
    own_rows,
    simulated,
)


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    return judged(bundle_with_aggregates("non_response"), simulated(tmp_path_factory.mktemp("m"), 400, 11))


def distance(rng, n_here, n_there, shift):
    here, there = rng.normal(size=(n_here, len(shift))) + shift, rng.normal(size=(n_there, len(shift)))
    pooled = np.sqrt((here.var(0, ddof=1) + there.var(0, ddof=1)) / 2)
    return (here.mean(0) - there.mean(0)) / pooled


@pytest.mark.parametrize("shift", [0.0, 0.35])
def test_intervals_cover_the_c_of_two_normal_groups(shift):
    rng, shifts = np.random.default_rng(7), np.full(4, shift)
    truth = float(ndtr(math.sqrt(shifts @ shifts / 2)))
    found = [normal_c(distance(rng, 80, 120, shifts), np.eye(4), 80, 120) for _ in range(300)]
    assert np.mean([f.low - 1e-9 <= truth <= f.high for f in found]) >= 0.92
    # D is cut at 0, so that c cannot come out below a half and is a little high where there is no difference.
    assert np.mean([f.value for f in found]) == pytest.approx(truth, abs=0.03)


def test_the_formula_is_the_auc_of_the_best_combination():
    rng, shift = np.random.default_rng(1), np.array([0.6, -0.4])
    correlation = np.array([[1.0, 0.5], [0.5, 1.0]])
    root = np.linalg.cholesky(correlation)
    weights = np.linalg.solve(correlation, shift)
    scores = np.concatenate(
        [rng.normal(size=(100_000, 2)) @ root.T @ weights, (rng.normal(size=(100_000, 2)) @ root.T + shift) @ weights]
    )
    label = np.repeat([False, True], 100_000)
    found = normal_c(shift, correlation, 10**7, 10**7)
    assert found.value == pytest.approx(auc(label, scores), abs=0.004)
    assert found.high - found.low < 0.001


def test_many_patients_and_few_agree_where_the_two_formulas_meet():
    # Just below and just above the size from which the normal approximation is used.
    few, many = (normal_c(np.array([1.0]), np.eye(1), n, n) for n in (9_990, 10_010))
    assert few.low == pytest.approx(many.low, abs=2e-4)
    assert few.high == pytest.approx(many.high, abs=2e-4)


def test_more_columns_than_patients_are_not_estimable():
    found = normal_c(np.zeros(12), np.eye(12), 7, 7)
    assert math.isnan(found.value)
    assert found.method.startswith("not estimable")


@pytest.mark.parametrize("name", ["non_response", "efs"])
def test_the_training_rows_are_not_other_patients(name):
    found = membership(bundle_with_aggregates(name), *own_rows(name))
    assert found["c"]["value"] == 0.5
    assert found["verdict"] != "transportability"
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("make", [bundle_with_aggregates, bundle_without_aggregates])
def test_other_patients_are_told_and_named(make, others):
    bundle, (frame, sample) = make("non_response"), others
    assert membership(bundle, frame, sample)["verdict"] != "transportability"
    sicker = frame.assign(mrd=(frame["mrd"] * 100).clip(upper=1.0), bcr_abl1=1.0)
    found = membership(bundle, sicker, sample)
    assert found["verdict"] == "transportability"
    assert {"mrd", "bcr_abl1"} <= set(found["strongest"])
    assert found["c"]["low"] > 0.6


def test_what_nobody_has_says_nothing_of_who_they_are(others):
    bundle, (frame, sample) = bundle_with_aggregates("non_response"), others
    assert "cd19" not in recorded(bundle, frame.drop(columns="cd19"))
    found = membership(bundle, frame.drop(columns="cd19"), sample)
    assert not any(name.startswith("cd19") for name in found["strongest"])
    assert found["c"]["value"] < 0.65


def test_columns_have_no_gaps_and_say_where_they_were(others):
    frame, sample = others
    columns = membership_columns(bundle_with_aggregates("non_response"), frame, sample)
    assert not columns.isna().any(axis=None)
    assert columns["cd19 missing"].sum() == frame["cd19"].isna().sum()
    assert columns["outcome"].sum() == outcome_column(sample).sum() == sample.event.sum()


def test_with_rows_of_both_the_model_is_cross_validated(others):
    bundle, theirs = bundle_with_aggregates("non_response"), own_rows("non_response")
    frame, sample = others
    alike = membership_of_rows(bundle, (frame, sample), theirs, seed=1)
    assert alike["c"]["low"] < 0.6
    assert alike == membership_of_rows(bundle, (frame, sample), theirs, seed=1)
    sicker = frame.assign(mrd=(frame["mrd"] * 1000).clip(upper=1.0))
    other = membership_of_rows(bundle, (sicker, sample), theirs, seed=1)
    assert other["verdict"] == "transportability"
    assert "mrd" in other["strongest"]


def test_levels_enter_as_columns_of_their_own():
    bundle = bundle_with_aggregates("efs")
    frame, sample = own_rows("efs")
    columns = membership_columns(bundle, frame, sample)
    assert sum(name.startswith("disease_class_initial ") for name in columns) == 3, "two of three levels, and gaps"
    assert isinstance(columns, pd.DataFrame)
