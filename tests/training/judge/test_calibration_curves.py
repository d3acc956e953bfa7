"""Calibration curves keep patients' risks to themselves, and find what was planted."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from riskml.training.judge.calibration_curves import calibration_at, curve_at, d_calibration_of, smooth_curve
from riskml.training.measures import measures_of
from tests.training.judge.outcomes import KINDS, drawn, of_binary, permuted


@pytest.mark.parametrize("kind", KINDS)
def test_the_curve_lies_in_its_band_and_inside_the_risks(kind):
    sample = drawn(kind)
    block = smooth_curve(sample, seed=0)
    risk, observed, low, high = (np.array(block[name], dtype=float) for name in ("risk", "observed", "low", "high"))
    assert (np.diff(risk) > 0).all()
    inside = np.isfinite(observed)
    assert inside.sum() >= 20
    assert (low[inside] <= observed[inside] + 1e-9).all()
    assert (observed[inside] <= high[inside] + 1e-9).all()
    # A calibrated model: the diagonal lies in the band nearly everywhere.
    assert np.mean((low <= risk)[inside] & (risk <= high)[inside]) > 0.8
    assert json.loads(json.dumps(block, allow_nan=False)) == block


def test_no_patients_risk_is_an_end():
    sample = drawn(n=60)
    block, ordered = smooth_curve(sample, seed=0), np.sort(sample.risk)
    # A tenth of 60 are six: the ends are their mean risks, near the 5th and the 95th percentile.
    assert block["risk"][0] == pytest.approx(ordered[:6].mean(), abs=1e-4)
    assert block["risk"][-1] == pytest.approx(ordered[-6:].mean(), abs=1e-4)
    assert not {round(r, 4) for r in sample.risk} & {block["risk"][0], block["risk"][-1]}


def test_courses_of_one_patient_do_not_make_a_group():
    # The ten lowest risks are one patient's: the end is the mean of them and of four others.
    risk = np.linspace(0.02, 0.9, 40)
    patient = np.maximum(np.arange(40) - 9, 0)
    block = smooth_curve(of_binary(np.arange(40) % 2 == 0, risk, patient), seed=0)
    assert block["risk"][0] == pytest.approx(risk[:14].mean(), abs=1e-4)


def test_predictions_twice_too_high_are_seen():
    sample = drawn(n=400)
    high = dataclasses.replace(sample, risk=np.sqrt(sample.risk))
    block = smooth_curve(high, seed=0)
    middle = len(block["risk"]) // 2
    assert block["high"][middle] < block["risk"][middle]


def test_what_allows_no_curve_is_withheld():
    event = np.arange(40) % 2 == 0
    assert "alike" in smooth_curve(of_binary(event, np.full(40, 0.3)), seed=0)["withheld"]
    few = smooth_curve(of_binary(np.arange(40) < 2, np.linspace(0.1, 0.4, 40)), seed=0)
    assert few == {"withheld": "<5 events; the band would say nothing"}


def test_the_order_of_rows_says_nothing():
    sample = drawn("survival", n=80)
    other = permuted(sample)[0]
    assert smooth_curve(other, seed=0) == smooth_curve(sample, seed=0)
    assert calibration_at(other, [6, 12], seed=0) == calibration_at(sample, [6, 12], seed=0)
    assert d_calibration_of(other) == d_calibration_of(sample)


@pytest.mark.parametrize("kind", ["survival", "competing", "late entry"])
def test_the_last_month_is_the_judged_one(kind):
    sample = drawn(kind)
    found = calibration_at(sample, [24, 12, 6, 12], seed=0)
    assert [row["month"] for row in found] == [6, 12]
    expected = measures_of(sample)["observed_expected"].of(sample)
    assert found[1]["observed_expected"]["value"] == pytest.approx(expected, abs=5e-4)
    interval = found[0]["observed_expected"]
    assert interval["low"] < interval["value"] < interval["high"]


def test_a_month_with_few_events_is_withheld_and_binary_has_none():
    sample = drawn("survival")
    assert "withheld" in calibration_at(sample, [0.01, 12], seed=0)[0]
    assert calibration_at(drawn(), [12], seed=0) == []


def test_observed_over_expected_at_six_months_by_hand():
    # Nobody censored: 6 of 12 had the event by month 6, and each had been given 25 %.
    time = np.repeat([3.0, 9.0, 15.0], [6, 3, 3])
    base = of_binary(time < 12, np.full(12, 0.4))
    sample = dataclasses.replace(base, time=time, months=(6.0, 12.0), curve=np.tile([0.75, 0.6], (12, 1)))
    (row,) = calibration_at(sample, [6], seed=0)
    assert row["observed_expected"]["value"] == pytest.approx(0.5 / 0.25)


def test_between_months_the_cumulative_hazard_is_a_line():
    time = np.array([0.0, 3.0, 6.0, 9.0, 12.0])
    base = of_binary(np.array([True, False] * 2 + [True]), np.full(5, 0.4))
    curve = np.tile([0.81, 0.5], (5, 1))
    sample = dataclasses.replace(base, time=time + 1, months=(6.0, 12.0), curve=curve)
    # Half-way the survival is the geometric mean: sqrt(1 * .81), sqrt(.81 * .5).
    np.testing.assert_allclose(curve_at(sample, time), [1, 0.9, 0.81, np.sqrt(0.405), 0.5])
    incidence = dataclasses.replace(sample, cause=np.ones(5, dtype=int), curve=1 - curve)
    np.testing.assert_allclose(curve_at(incidence, time), [0, 0.095, 0.19, 0.345, 0.5])
    with pytest.raises(ValueError, match="binary"):
        curve_at(base, time)


def test_d_calibration_tells_right_curves_from_wrong_ones():
    sample = drawn("survival", n=300)
    right = d_calibration_of(sample)
    assert right["p_value"] > 0.05
    assert len(right["bins"]) == 10
    assert sum(right["bins"]) == pytest.approx(1, abs=0.05)
    assert right["words"].startswith("no disagreement")
    wrong = d_calibration_of(dataclasses.replace(sample, curve=sample.curve**0.2))
    assert wrong["p_value"] < 0.001
    assert wrong["words"].startswith("the predicted curves disagree")


def test_d_calibration_is_the_administratively_censored_one():
    sample = drawn("survival", n=200)
    after = sample.time > 12
    beyond = dataclasses.replace(sample, time=np.where(after, 99.0, sample.time), event=sample.event | after)
    assert d_calibration_of(beyond) == d_calibration_of(sample), "what happens after the horizon says nothing"


def test_d_calibration_with_late_entry_holds_for_right_curves():
    rng = np.random.default_rng(7)
    whole = drawn("survival", n=2000, seed=7)
    entry = rng.uniform(0, 14, size=2000)
    seen = np.flatnonzero(entry < whole.time)
    sample = dataclasses.replace(whole.take(seen), entry=entry[seen])
    assert d_calibration_of(sample)["p_value"] > 0.05
    ignored = dataclasses.replace(sample, entry=None)
    assert d_calibration_of(ignored)["p_value"] < 0.001, "who came late had to survive until then"


def test_d_calibration_is_not_for_everything():
    assert d_calibration_of(drawn()) is None
    assert d_calibration_of(drawn("competing")) is None
    assert "withheld" in d_calibration_of(drawn("survival", n=16, seed=2))
