"""A split by date: planted predictions give known numbers, real fits see no later patient, reasons replace crashes."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from riskml.cohort.cohort import read_cohort
from riskml.resources import folder
from riskml.training import measures
from riskml.training.evaluate import bench_of
from riskml.training.judge.temporal import later
from riskml.training.metrics.binary import auc
from riskml.training.out_of_sample import Bench
from riskml.training.recipe import load_recipe
from tests.training.judge.planted import planted


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Intervals are tested where they are made; here they only cost time."""
    monkeypatch.setattr(measures, "N_BOOT", 60)


def drawn(n=150, seed=1):
    rng = np.random.default_rng(seed)
    link = rng.normal(-0.5, 1.2, n)
    return rng.random(n) < expit(link), expit(link), rng.permutation(n).astype(float)


def test_the_later_third_is_judged():
    event, risk, when = drawn()
    bench = planted(event, risk)
    found = later(bench, when, by="diagnosis_date")
    late = when >= 100
    assert found["judged"] == {"n_patients": "50", "n_events": str(event[late].sum())}
    assert found["learned"] == {"n_patients": "100", "n_events": str(event[~late].sum())}
    assert (found["unknown"], found["why_not"], found["by"]) == ("0", None, "diagnosis_date")
    assert found["metrics"]["auc"]["value"] == pytest.approx(auc(event[late], risk[late]), abs=1e-3)
    assert next(iter(found["metrics"])) == "auc"
    assert {"brier", "calibration_slope", "observed_expected"} <= set(found["metrics"])
    assert found["words"].startswith("learned from 100 earlier patients, judged on 50 later ones: AUC 0.")
    ((task, splits),) = bench.asked
    assert task.startswith("later_")
    assert when[splits["later"].train].max() < when[splits["later"].test].min()
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_share_moves_the_cut_and_the_name_of_the_task():
    event, risk, when = drawn()
    third, half = planted(event, risk), planted(event, risk)
    later(third, when)
    found = later(half, when, share=0.5)
    assert found["judged"]["n_patients"] == "75"
    assert found["plan"]["share"] == 0.5
    assert third.asked[0][0] != half.asked[0][0]


def test_drift_of_the_outcome_shows_in_the_later_patients():
    event, risk, when = drawn(900, seed=3)
    rng = np.random.default_rng(0)
    drifted = np.where(when >= 600, rng.random(900) < expit(logit(risk) + 1.5), event)
    ratio = later(planted(drifted, risk), when)["metrics"]["observed_expected"]
    assert ratio["low"] > 1.2
    ratio = later(planted(event, risk), when)["metrics"]["observed_expected"]
    assert ratio["low"] < 1 < ratio["high"]


def test_patients_without_a_date_are_counted_and_nowhere():
    event, risk, when = drawn()
    when[:30] = np.nan
    bench = planted(event, risk)
    found = later(bench, when)
    assert found["unknown"] == "30"
    ((_, splits),) = bench.asked
    assert not np.isin(np.arange(30), np.concatenate([splits["later"].train, splits["later"].test])).any()
    when[:] = np.nan
    when[:2] = 1, 2
    assert later(planted(event, risk), when)["why_not"].startswith("not estimable: ")


@pytest.mark.parametrize("when", [np.full(150, np.nan), np.full(150, 7.0)])
def test_no_dates_or_one_date_split_nobody(when):
    event, risk, _ = drawn()
    assert later(planted(event, risk), when) is None


def test_few_events_on_either_side_are_a_reason():
    event, risk, when = drawn()
    late = when >= 100
    for side, reason in (
        (late, "not estimable: <5 patients with the event"),
        (~late, "not estimable: <5 patients with the event are left to learn from"),
    ):
        few = event & ~side
        few[np.flatnonzero(side)[:3]] = True
        found = later(planted(few, risk), when)
        assert (found["metrics"], found["why_not"]) == ({}, reason)
        assert found["words"].endswith(reason)
        part = found["judged" if side is late else "learned"]
        assert part["n_events"] == "<5"


def test_a_model_that_cannot_be_fitted_is_a_reason():
    event, risk, when = drawn()
    found = later(planted(event, risk, broken=tuple(range(150))), when)
    assert found["why_not"] == "not estimable: the learner cannot be fitted: <5 rows of 40 are left"


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, 33.0, float("nan")])
def test_a_share_is_between_0_and_1(share):
    event, risk, when = drawn()
    with pytest.raises(ValueError, match="share must be strictly between 0 and 1"):
        later(planted(event, risk), when, share=share)


def test_short_follow_up_of_the_later_patients_leaves_ratios_open():
    """Later patients are watched for less than the 12 months: C can be had, the ratio at 12 months cannot."""
    rng = np.random.default_rng(1)
    link, when = rng.normal(0, 1, 150), rng.permutation(150).astype(float)
    followed = np.where(when >= 100, 8.0, 40.0)
    time = rng.exponential(10 * np.exp(-link))
    risk = expit(link)
    found = later(planted(time <= followed, risk, time=np.minimum(time, followed)), when)
    assert found["metrics"]["c_index"]["low"] is not None
    assert found["metrics"]["observed_expected"]["low"] is None
    assert found["words"].endswith("observed / expected not estimable")


def test_learning_sees_no_later_patient():
    """Real fits: another outcome of the later patients, another value of theirs, and the earlier model is the same."""
    cohort = read_cohort(folder("features") / "synthetic" / "cohort.csv")
    bench = bench_of(load_recipe("efs"), cohort)
    rng = np.random.default_rng(2)
    when = rng.permutation(len(bench.rows.event)).astype(float)
    late = when >= np.quantile(when, 2 / 3, method="higher")
    told = dataclasses.replace(bench.rows, event=np.where(late, ~bench.rows.event, bench.rows.event))
    seen, late_rows = [], []

    class Watched(Bench):
        def run(self, function, splits, label):
            (found,) = super().run(function, splits, label)
            seen.append(found)
            late_rows.append(splits["later"].test)
            return [found]

    for rows in (bench.rows, told):
        later(Watched(bench.recipe, rows), when)
    assert seen[0]["risk"] == seen[1]["risk"]
    assert sorted(late_rows[0]) == sorted(np.flatnonzero(late))


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 60), st.floats(0.02, 0.98), st.floats(0, 1))
def test_any_small_cohort_gives_numbers_or_a_reason(seed, n, share, known):
    rng = np.random.default_rng(seed)
    when = np.where(rng.random(n) < known, rng.integers(0, 10, n), np.nan)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures, "N_BOOT", 10)
        found = later(planted(rng.random(n) < share, rng.uniform(0.05, 0.95, n)), when)
    if found is not None:
        json.dumps(found, allow_nan=False)
        assert bool(found["metrics"]) != bool(found["why_not"])
        for part in (found["learned"], found["judged"]):
            assert not {"1", "2", "3", "4"} & set(part.values())
