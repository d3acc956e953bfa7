"""Monitoring: intervals of published tables, a model that stays right, and one that does not."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.derive import with_inputs
from riskml.errors import NotEstimableError
from riskml.training.external import checked_target, predictions
from riskml.training.transfer.monitor import monitor, ratio_interval, series_of
from tests.training.transfer.patients import (
    bundle_with_aggregates,
    bundle_without_aggregates,
    redrawn,
    simulated,
    with_columns,
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return simulated(tmp_path_factory.mktemp("m"), 1600, 21)


@pytest.fixture(scope="module")
def right(cohort):
    return redrawn(bundle_with_aggregates("non_response"), cohort, 1.0)


def dated(cohort):
    """One year for every eighth of the file."""
    years = 2015 + np.arange(cohort.n_courses) * 8 // cohort.n_courses
    dates = pd.to_datetime([f"{year}-06-01" for year in years]).to_numpy().astype("datetime64[s]")
    return with_columns(cohort, first_dose_date=dates)


@pytest.mark.parametrize(("observed", "low", "high"), [(0, 0.0, 3.689), (10, 4.795, 18.390), (25, 16.179, 36.905)])
def test_exact_limits_of_a_count(observed, low, high):
    # Garwood 1936; Breslow & Day 1987, table 2.10.
    found = ratio_interval(observed, 2.0)
    assert (found.low * 2, found.high * 2) == pytest.approx((low, high), abs=2e-3)
    assert found.value == observed / 2


def test_without_an_expected_event_there_is_no_ratio():
    assert ratio_interval(0, 0.0).method.startswith("not estimable")


@given(st.integers(0, 200), st.floats(0.1, 300))
def test_the_interval_holds_the_ratio(observed, expected):
    found = ratio_interval(observed, expected)
    assert found.low <= found.value <= found.high


def test_a_right_model_stays_within_limits(right):
    bundle = bundle_with_aggregates("non_response")
    found = monitor(bundle, dated(right), "year")
    assert [batch["label"] for batch in found["batches"]] == [str(year) for year in range(2015, 2023)]
    assert found["alarm"] is None
    assert all(batch["status"] != "action" for batch in found["batches"])
    assert "no change of the level beyond chance" in found["words"]
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(("odds", "direction"), [(4.0, "too low"), (0.15, "too high")])
def test_a_change_is_named_with_its_beginning(right, cohort, odds, direction):
    bundle = bundle_with_aggregates("non_response")
    moved = redrawn(
        bundle, cohort, np.where(np.arange(len(checked_target(bundle, right).rows)) < 390, 1.0, odds), seed=3
    )
    found = monitor(bundle, dated(moved), "year")
    assert found["alarm"]["direction"] == direction
    assert found["alarm"]["since"] in {"2018", "2019"}
    assert f"since {found['alarm']['since']} risks are {direction}" in found["words"]
    ratio = found["alarm"]["observed_expected_since"]
    assert (ratio["low"] > 1) if direction == "too low" else (ratio["high"] < 1)


def test_sums_and_limits_are_those_of_the_predictions(right):
    bundle = bundle_with_aggregates("non_response")
    sample = predictions(bundle, right, checked_target(bundle, right))
    found = monitor(bundle, right, "200")
    assert sum(batch["events"] for batch in found["batches"]) == sample.event.sum()
    assert sum(batch["expected"] for batch in found["batches"]) == pytest.approx(sample.risk.sum(), rel=1e-4)
    first = found["batches"][0]
    risk = sample.risk[:200]
    assert first["action_limit"] == pytest.approx(3 * np.sqrt((risk * (1 - risk)).sum()), rel=1e-4)
    assert first["difference"] == pytest.approx(sample.event[:200].sum() - risk.sum(), rel=1e-3)
    last = found["cusum"]["points"][-1]
    assert last["observed_minus_expected"] == pytest.approx(sample.event.sum() - sample.risk.sum(), rel=1e-3)


def test_drift_of_an_input_is_named_and_only_that(right):
    bundle = bundle_with_aggregates("non_response")
    late = np.arange(right.n_courses) > right.n_courses // 2
    mrd = right.frame["mrd"].to_numpy()
    shifted = with_columns(right, mrd=np.where(late, np.minimum(mrd * 100, 1.0), mrd))
    found = monitor(bundle, dated(shifted), "year")
    drifted = {batch["label"]: batch["drifted"] for batch in found["batches"]}
    assert all("mrd" in drifted[str(year)] for year in range(2020, 2023))
    assert all("mrd" not in drifted[str(year)] for year in range(2015, 2019))
    assert "mrd (first in 20" in found["words"]


def test_an_input_no_longer_measured_is_drift(right):
    bundle = bundle_with_aggregates("non_response")
    late = np.arange(right.n_courses) > right.n_courses // 2
    gone = with_columns(right, mrd=right.frame["mrd"].where(~late))
    last = monitor(bundle, dated(gone), "year")["batches"][-1]
    assert "mrd" in last["drifted"]
    assert next(item for item in last["inputs"] if item["input"] == "mrd")["missing"] == 1


def test_against_prototypes_only_gaps_are_judged(right):
    found = monitor(bundle_without_aggregates("non_response"), right, "200")
    assert all(item["limit"] is None for batch in found["batches"] for item in batch["inputs"])


def test_martingale_residuals_of_a_survival_model(cohort):
    bundle = bundle_with_aggregates("efs")
    whole = with_inputs(cohort, bundle.model.inputs, bundle.dictionary)
    target = checked_target(bundle, whole)
    sample = predictions(bundle, whole, target, force_horizon=True)
    series = series_of(bundle, whole, target, sample)
    # By hand for the first rows: baseline at the patient's own time, times the hazard ratio.
    baseline = bundle.model.members[0].baseline
    for row in range(20):
        by = baseline.at(min(sample.time[row], sample.horizon)) * np.exp(sample.link[row])
        assert series.expected[row] == pytest.approx(by)
    assert not (series.event & (sample.time > sample.horizon)).any()
    assert (series.reach >= series.expected).all()
    found = monitor(bundle, cohort, "centre", force_horizon=True)
    assert found["cusum"] is None
    assert found["alarm"] is None
    assert sum(batch["events"] for batch in found["batches"]) == series.event.sum()


def test_small_batches_are_put_together_and_never_crash(tmp_path):
    bundle = bundle_with_aggregates("non_response")
    small = simulated(tmp_path, 130, 3)
    found = monitor(bundle, small, "10")
    assert found["merged"]
    assert all(batch["events"] == 0 or batch["events"] >= 5 for batch in found["batches"])
    assert all(batch["measures"]["auc"]["method"].startswith("not estimable") for batch in found["batches"])
    with pytest.raises(NotEstimableError, match="2 are needed"):
        monitor(bundle, small, "1000")
