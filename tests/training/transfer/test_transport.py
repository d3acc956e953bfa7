"""The transport verdict: expected C against brute force and simulation, and which findings lead to which conclusion."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from riskml.training.measures import with_intervals
from riskml.training.metrics.binary import auc
from riskml.training.metrics.intervals import Interval
from riskml.training.metrics.survival import harrell_c
from riskml.training.transfer.case_mix import compare
from riskml.training.transfer.membership import membership
from riskml.training.transfer.transport import conclude, difference, model_based_c, sizes, transport
from riskml.training.validation_size import validation_sizes
from tests.training.transfer.patients import bundle_with_aggregates, judged, simulated

ALIKE = {"verdict": "reproducibility", "words": "patients like those of development"}


def interval(value, low, high):
    return Interval(value, low, high, 0.95, "given")


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    return judged(bundle_with_aggregates("non_response"), simulated(tmp_path_factory.mktemp("t"), 500, 12))


def judge(others, *, auc_=(0.85, 0.78, 0.9), ratio=(1.0, 0.85, 1.2), slope=(1.0, 0.8, 1.3), frame=None):
    bundle, (own, sample) = bundle_with_aggregates("non_response"), others
    frame = own if frame is None else frame
    metrics = {"auc": interval(*auc_), "observed_expected": interval(*ratio), "calibration_slope": interval(*slope)}
    return transport(bundle, frame, sample, metrics, compare(bundle, frame, sample), ALIKE)


@given(st.lists(st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.3, 1.7]), min_size=2, max_size=12))
def test_the_expected_c_is_that_of_all_pairs(links):
    link = np.array(links)
    p = expit(link)
    above = np.where(link[:, None] > link, 1.0, np.where(link[:, None] == link, 0.5, 0.0))
    weight = p[:, None] * (1 - p)
    np.fill_diagonal(weight, 0)
    assert model_based_c(link) == pytest.approx((above * weight).sum() / weight.sum())


def test_a_right_binary_model_has_the_expected_c():
    rng = np.random.default_rng(3)
    link = rng.normal(-1, 1.2, 20_000)
    assert model_based_c(link) == pytest.approx(auc(rng.random(20_000) < expit(link), link), abs=0.01)


def test_a_right_survival_model_has_the_expected_c_by_the_horizon():
    rng = np.random.default_rng(4)
    link = rng.normal(0, 0.9, 6000)
    hazard = 0.4 * np.exp(link)  # by the horizon, at 1
    time = rng.standard_exponential(6000) / hazard
    seen = harrell_c(np.minimum(time, 1.0), time <= 1.0, link)
    assert model_based_c(link, hazard) == pytest.approx(seen, abs=0.015)
    # Grouping neighbours, which many patients need, changes nothing that is shown.
    assert model_based_c(link[:1500], hazard[:1500]) == pytest.approx(model_based_c(link, hazard), abs=0.01)


def test_nothing_to_compare_has_no_expected_c():
    assert math.isnan(model_based_c(np.array([1.0])))
    assert math.isnan(model_based_c(np.zeros(3), np.zeros(3)))


def test_symmetric_intervals_of_a_difference_add_in_quadrature():
    found = difference(interval(0.8, 0.74, 0.86), {"value": 0.7, "low": 0.62, "high": 0.78})
    assert (found["value"], found["low"], found["high"]) == pytest.approx((0.1, 0.0, 0.2))
    assert difference(interval(0.8, 0.7, 0.9), {"value": 0.7, "low": None, "high": None})["low"] is None


@pytest.mark.parametrize(
    ("findings", "conclusion", "rung"),
    [
        (("good", "good", "good"), "usable", None),
        (("bad", "good", "good"), "not_shown", None),
        (("bad", "unclear", "bad"), "not_shown", None),
        (("unclear", "bad", "good"), "cannot_tell", None),
        (("good", "bad", "good"), "recalibrate", "intercept"),
        (("good", "good", "bad"), "recalibrate", "intercept_and_slope"),
        (("good", "unclear", "bad"), "recalibrate", "intercept_and_slope"),
        (("good", "unclear", "good"), "cannot_tell", None),
        (("good", "good", "unclear"), "cannot_tell", None),
    ],
)
def test_conclusions(findings, conclusion, rung):
    assert conclude(*findings) == (conclusion, rung)


@pytest.mark.parametrize(
    ("given", "conclusion"),
    [
        ({}, "usable"),
        ({"ratio": (1.0, 0.5, 1.6)}, "cannot_tell"),
        ({"slope": (1.0, 0.4, 1.7)}, "cannot_tell"),
        ({"slope": (1.0, math.nan, math.nan)}, "cannot_tell"),
        ({"auc_": (0.7, 0.45, 0.88)}, "cannot_tell"),
        ({"auc_": (0.5, 0.42, 0.58)}, "not_shown"),
        ({"auc_": (0.62, 0.55, 0.69)}, "not_shown"),  # far below what the model would have here if it were right
        ({"ratio": (1.6, 1.2, 2.1)}, "recalibrate"),
        ({"slope": (0.5, 0.3, 0.8)}, "recalibrate"),
    ],
)
def test_intervals_lead_to_conclusions(others, given, conclusion):
    found = judge(others, **given)
    assert found["conclusion"] == conclusion
    json.dumps(found, allow_nan=False)


def test_a_fault_that_too_few_events_show_is_not_yet_one(others):
    bundle, (frame, sample) = bundle_with_aggregates("non_response"), others
    few = np.flatnonzero(sample.event)[:20]
    rows = np.concatenate([few, np.flatnonzero(~sample.event)])
    part, sample = frame.iloc[rows].reset_index(drop=True), sample.take(rows)
    mix = compare(bundle, part, sample)
    metrics = {"auc": interval(0.85, 0.7, 0.95), "observed_expected": interval(1.0, 0.9, 1.1)}
    found = transport(bundle, part, sample, metrics | {"calibration_slope": interval(2.5, 1.5, 5)}, mix, ALIKE)
    assert found["conclusion"] == "cannot_tell"
    assert "20 events cannot say by how much (30 are needed)" in found["words"]


def test_words_say_the_conclusion_and_why(others):
    assert judge(others)["words"].startswith("usable as it is, in patients like those of development")
    found = judge(others, ratio=(1.6, 1.2, 2.1))
    assert "needs recalibration of the level (riskml update, rung intercept)" in found["words"]
    assert "risks are too low" in found["words"]
    assert f"from so few events ({found['size']['events']})" in judge(others, slope=(1.0, 0.1, 2.0))["words"]


def test_reasons_name_what_does_not_fit(others):
    frame, _ = others
    foreign = frame.drop(columns="tki").assign(
        bcr_abl1=1.0, cd3=np.nan, age=40.0, mrd_method="rq_pcr", disease_status_at_start="R/R"
    )
    reasons = {item["topic"]: item for item in judge(others, frame=foreign)["reasons"]}
    assert f"{len(frame)} Ph+ patients without word" in reasons["tki"]["words"]
    assert "not recorded here: cd3" in reasons["inputs"]["words"]
    assert reasons["age"]["finding"] == "bad"
    assert "more than 99.9 % of rows" in reasons["age"]["words"]
    assert "rq_pcr" in reasons["mrd_method"]["words"]


def test_a_method_that_development_had_not_is_named(others):
    bundle, (frame, sample) = bundle_with_aggregates("non_response"), others
    mix = compare(bundle, frame.assign(mrd_method="ngs_ig"), sample)
    mix["methods"]["there"] = {"mrd_method": {"flow": 1.0}}
    metrics = {name: interval(1.0, 0.9, 1.1) for name in ("observed_expected", "calibration_slope")}
    found = transport(bundle, frame, sample, {"auc": interval(0.8, 0.75, 0.9), **metrics}, mix, ALIKE)
    reason = next(item for item in found["reasons"] if item["topic"] == "mrd_method")
    assert reason["finding"] == "bad"
    assert "ngs_ig here, which no patient of development had" in reason["words"]


def test_few_patients_are_not_counted_out(others):
    frame, _ = others
    two = frame.assign(age=np.where(np.arange(len(frame)) < 2, 30.0, 5.0))
    reasons = {item["topic"]: item for item in judge(others, frame=two)["reasons"]}
    assert "in <5 rows" in reasons["age"]["words"]


def test_sizes_are_those_of_planning(others):
    _, sample = others
    found = sizes(sample, {"event_rate": {"here": 0.2}}, {"expected_here": 0.8})
    assert found["patients_needed"] == dict(validation_sizes(0.8, 0.2))
    assert found["events_needed"]["c_statistic"] == math.ceil(0.2 * found["patients_needed"]["c_statistic"])
    assert found["events"] == sample.event.sum()


def test_the_whole_of_a_real_validation(others, monkeypatch):
    monkeypatch.setattr("riskml.training.measures.N_BOOT", 100)
    bundle, (frame, sample) = bundle_with_aggregates("non_response"), others
    metrics = with_intervals(sample, seed=1)
    found = transport(bundle, frame, sample, metrics, compare(bundle, frame, sample), membership(bundle, frame, sample))
    assert found["discrimination"]["measure"] == "auc"
    assert found["discrimination"]["change"]["value"] == pytest.approx(
        metrics["auc"].value - bundle.manifest["evaluation"]["metrics"]["auc"]["value"]
    )
    assert 0.7 < found["discrimination"]["expected_here"] < 0.95
    assert isinstance(frame, pd.DataFrame)
