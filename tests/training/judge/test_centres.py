"""Leaving out centres: planted predictions give known numbers, a known truth is found, and nothing crashes."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import t

from riskml.cohort.cohort import cohort_from_table, read_cohort
from riskml.cohort.raw_table import RawTable
from riskml.cohort.simulate import simulate
from riskml.resources import folder
from riskml.training import measures
from riskml.training.evaluate import bench_of
from riskml.training.judge.centres import WIDEST, centres, within_groups
from riskml.training.judge.labels import labels
from riskml.training.metrics import competing, survival
from riskml.training.metrics.binary import auc
from riskml.training.metrics.pooling import pool
from riskml.training.recipe import load_recipe
from riskml.training.resample import Split
from tests.training.judge.planted import planted


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Intervals are tested where they are made; here they only cost time."""
    monkeypatch.setattr(measures, "N_BOOT", 200)


def drawn(n_centres, size, *, seed=1, slope=1.0, shift=None):
    """Patients of several centres whose log-odds of the event are shift + slope * planted log-odds."""
    rng = np.random.default_rng(seed)
    label = np.repeat([f"centre {number}" for number in range(n_centres)], size)
    link = rng.normal(-0.5, 1.2, label.size)
    offset = np.zeros(n_centres) if shift is None else np.asarray(shift, dtype=float)
    event = rng.random(label.size) < expit(np.repeat(offset, size) + slope * link)
    return event, expit(link), label


# --------------------------------------------------------------------------------------------------------- what it says


def test_each_centre_is_judged_by_itself_and_pooled():
    event, risk, label = drawn(4, 60)
    found = centres(planted(event, risk), label)
    assert [row["label"] for row in found["rows"]] == [f"centre {number}" for number in range(4)]
    for row in found["rows"]:
        own = label == row["label"]
        assert row["n_patients"] == "60"
        assert row["why_not"] is None
        assert row["metrics"]["auc"]["value"] == pytest.approx(auc(event[own], risk[own]), abs=1e-3)
        ratio = event[own].sum() / risk[own].sum()
        assert row["metrics"]["observed_expected"]["value"] == pytest.approx(ratio, abs=1e-3)
        assert row["metrics"]["calibration_slope"]["low"] < row["metrics"]["calibration_slope"]["high"]
    summary = found["summary"]
    assert list(summary) == ["auc", "observed_expected", "calibration_slope"]
    assert all((item["k"], item["left_out"]) == (4, 0) for item in summary.values())
    # The pooled AUC again, from what is shown of the centres: value and ends of logit DeLong intervals.
    shown = [row["metrics"]["auc"] for row in found["rows"]]
    events = [int(event[label == row["label"]].sum()) for row in found["rows"]]
    widths = [logit(one["high"]) - logit(one["low"]) for one in shown]
    errors = [w / 2 / t.ppf(0.975, min(m, 60 - m) - 1) for w, m in zip(widths, events, strict=True)]
    again = pool(logit([one["value"] for one in shown]), errors)
    assert summary["auc"]["value"] == pytest.approx(expit(again.value), abs=2e-3)
    assert summary["auc"]["prediction_low"] == pytest.approx(expit(again.prediction_low), abs=5e-3)
    assert found["words"].startswith("AUC varies from ")
    assert "in a new centre expect" in found["words"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_errors_of_ratio_and_slope_agree_with_theory():
    """Riley, Debray, Collins, et al. Stat Med 2021;40:4230-4251: se of ln O/E is about sqrt((1 - p) / O), here an upper
    bound, for some of the spread of O is foreseen by E; se of the slope is the inverse root of the information."""
    event, risk, label = drawn(2, 400, seed=4)
    found = centres(planted(event, risk), label)
    slopes, errors = [], []
    for row in found["rows"]:
        own = label == row["label"]
        ratio, slope = row["metrics"]["observed_expected"], row["metrics"]["calibration_slope"]
        spread = math.log(ratio["high"] / ratio["low"]) / 2 / 1.96
        assert 0.6 < spread / math.sqrt((1 - event[own].mean()) / event[own].sum()) < 1.1
        x, w = logit(risk[own]), risk[own] * (1 - risk[own])
        information = w @ x**2 - (w @ x) ** 2 / w.sum()
        assert (slope["high"] - slope["low"]) / 2 / 1.96 == pytest.approx(information**-0.5, rel=0.25)
        slopes.append(slope["value"])
        errors.append(information**-0.5)
    expected, pooled = pool(slopes, errors), found["summary"]["calibration_slope"]
    assert pooled["high"] - pooled["low"] == pytest.approx(expected.high - expected.low, rel=0.25)


def test_what_differs_between_centres_is_found_and_what_does_not_is_not(monkeypatch):
    monkeypatch.setattr(measures, "N_BOOT", 80)
    shift = np.linspace(-1, 1, 10)
    event, risk, label = drawn(10, 300, shift=shift)
    summary = centres(planted(event, risk), label)["summary"]
    assert summary["observed_expected"]["tau"] > 0.2
    assert summary["observed_expected"]["i2"] > 0.7
    assert summary["auc"]["tau"] < 0.2
    same = centres(planted(*drawn(10, 300)[:2]), label)["summary"]
    assert same["observed_expected"]["tau"] < 0.1
    assert same["observed_expected"]["low"] < 1 < same["observed_expected"]["high"]
    assert same["calibration_slope"]["prediction_low"] < 1 < same["calibration_slope"]["prediction_high"]


def test_a_spread_too_wide_to_say_anything_is_not_shown_as_an_interval():
    event, risk, label = drawn(3, 300, shift=[-3, 0, 3])
    found = centres(planted(event, risk), label)
    item = found["summary"]["observed_expected"]
    assert item["k"] == 3
    assert item["prediction_low"] is item["prediction_high"] is None
    assert item["tau"] > 0.5
    assert "too few, or too different" in found["words"]
    assert expit(WIDEST / 2) == pytest.approx(0.9)


# ---------------------------------------------------------------------------------------- centres that cannot be judged


def test_a_centre_with_few_events_says_so_and_still_counts():
    event, risk, label = drawn(3, 60)
    few = np.flatnonzero(label == "centre 2")
    event[few] = False
    event[few[:3]] = True
    found = centres(planted(event, risk), label)
    row = found["rows"][2]
    assert (row["metrics"], row["why_not"]) == ({}, "not estimable: <5 patients with the event")
    assert row["n_events"] == "<5"
    assert found["summary"]["auc"]["k"] == 2
    assert found["summary"]["auc"]["prediction_low"] is None
    pairs, right = 0, 0.0
    for name in np.unique(label):
        own = label == name
        here = int(event[own].sum() * (~event[own]).sum())
        pairs, right = pairs + here, right + here * auc(event[own], risk[own])
    assert found["stratified"]["value"] == pytest.approx(right / pairs, abs=1e-3)


def test_a_centre_without_which_nothing_can_be_fitted_has_the_reason():
    event, risk, label = drawn(3, 60)
    bench = planted(event, risk, broken=(65,))
    found = centres(bench, label)
    assert [row["why_not"] for row in found["rows"]] == [
        None,
        "not estimable: the learner cannot be fitted: <5 rows of 40 are left",
        None,
    ]
    assert [bool(row["metrics"]) for row in found["rows"]] == [True, False, True]
    assert found["summary"]["auc"]["k"] == 2
    assert len({task for task, _ in bench.asked}) == len(bench.asked)  # a store keeps each under its own name
    intact = centres(planted(event, risk), label)
    assert [found["rows"][place] for place in (0, 2)] == [intact["rows"][place] for place in (0, 2)]


def test_a_centre_with_nearly_all_events_leaves_too_few_to_learn_from():
    event, risk, label = drawn(3, 40)
    event[label != "centre 0"] = False
    event[np.flatnonzero(label == "centre 1")[:3]] = True
    bench = planted(event, risk)
    found = centres(bench, label)
    assert found["rows"][0]["why_not"] == "not estimable: <5 patients with the event are left to learn from"
    assert found["rows"][2]["why_not"] == "not estimable: no patients with the event"
    assert all("centre 0" not in splits for _, splits in bench.asked)
    assert found["summary"] == {}
    assert "could not be estimated in any of 3 centres" in found["words"]


def test_a_centre_of_one_patient_and_one_of_unknown_centre():
    event, risk, label = drawn(3, 60)
    label = label.astype(object)
    label[0], label[1] = "alone", None
    found = centres(planted(event, risk), label)
    alone = next(row for row in found["rows"] if row["label"] == "alone")
    assert (alone["n_patients"], alone["metrics"]) == ("<5", {})
    assert found["unknown"] == "<5"
    assert found["summary"]["auc"]["k"] == 3


@pytest.mark.parametrize("label", [["A"] * 40, [None] * 40, ["A"] * 20 + [None] * 20, [math.nan] * 40])
def test_fewer_than_two_centres_are_nothing_to_leave_out(label):
    event = np.arange(40) % 3 == 0
    assert centres(planted(event, np.linspace(0.1, 0.9, 40)), label) is None


def test_perfect_and_constant_predictions():
    event, _, label = drawn(3, 60)
    perfect = centres(planted(event, np.where(event, 0.8, 0.2)), label)
    assert [row["metrics"]["auc"]["value"] for row in perfect["rows"]] == [1.0] * 3
    assert perfect["summary"]["auc"]["k"] == 3  # half a pair from 1
    assert perfect["summary"]["auc"]["value"] < 1
    assert "calibration_slope" in perfect["summary"]
    assert perfect["summary"]["calibration_slope"]["k"] == 0
    assert perfect["rows"][0]["metrics"]["calibration_slope"]["method"] == "not estimable"
    constant = centres(planted(event, np.full(180, 0.3)), label)
    assert constant["stratified"]["value"] == 0.5
    json.dumps([perfect, constant], allow_nan=False)


# ------------------------------------------------------------------------------------------ survival and several causes


def times(seed, size, n_centres=3):
    rng = np.random.default_rng(seed)
    link = rng.normal(0, 1, n_centres * size)
    time = rng.exponential(10 * np.exp(-link))
    censored = rng.uniform(5, 40, link.size)
    label = np.repeat(list("ABCDEFG")[:n_centres], size)
    risk = 1 - np.exp(-12 / 10 * np.exp(link))
    return np.minimum(time, censored), time <= censored, np.clip(risk, 1e-6, 1 - 1e-6), label


def test_survival_centres_have_c_ratio_and_slope():
    time, event, risk, label = times(2, 80)
    found = centres(planted(event, risk, time=time), label)
    assert list(found["summary"]) == ["c_index", "observed_expected", "calibration_slope"]
    link = logit(risk)
    pairs, right = 0, 0.0
    for row in found["rows"]:
        own = label == row["label"]
        c = survival.harrell_c(time[own], event[own], link[own])
        assert row["metrics"]["c_index"]["value"] == pytest.approx(c, abs=1e-3)
        first, second = np.triu_indices(own.sum(), 1)
        earlier = np.where(time[own][first] < time[own][second], first, second)
        here = int(event[own][earlier].sum())  # no ties among drawn times
        pairs, right = pairs + here, right + here * c
    assert found["stratified"]["value"] == pytest.approx(right / pairs, abs=1e-3)
    assert found["words"].startswith("C varies from")


def test_several_causes_are_ranked_as_by_their_own_c():
    time, event, risk, _ = times(5, 80, 1)
    cause = np.where(event, 1 + (np.arange(80) % 4 == 0), 0)
    bench = planted(cause == 1, risk, time=time, cause=cause)
    sample = bench.sample(bench.score({"all": leave(80)}, "all")[0])
    found = within_groups([sample], seed=1)
    assert found.value == pytest.approx(competing.c_index(time, cause, logit(risk)))


def test_late_entries_are_compared_with_those_at_risk():
    time, event, risk, _ = times(5, 80, 1)
    entry = np.where(np.arange(80) % 2 == 0, time / 2, 0.0)
    bench = planted(event, risk, time=time, entry=entry)
    sample = bench.sample(bench.score({"all": leave(80)}, "all")[0])
    found = within_groups([sample], seed=1)
    assert found.value == pytest.approx(survival.harrell_c(time, event, logit(risk), entry))


def leave(n):
    return Split(np.arange(n), np.arange(n))


# ------------------------------------------------------------------------------------------------- pairs within centres


def test_models_of_different_centres_are_not_compared():
    """Each centre's own shift of the risk moves the AUC of all pairs, not that of pairs within centres."""
    event, risk, label = drawn(3, 100)
    moved = expit(logit(risk) + np.repeat([-2, 0, 2], 100))
    before, after = (centres(planted(event, one), label)["stratified"] for one in (risk, moved))
    assert before["value"] == after["value"]
    assert (before["low"], before["high"]) == (after["low"], after["high"])
    assert abs(auc(event, moved) - auc(event, risk)) > 0.02


def test_resamples_keep_the_size_of_each_centre():
    """A patient with a right pair in one centre, one with a wrong pair in the other: each is drawn once, always."""
    bench = planted([True, False, True, False], [0.8, 0.2, 0.2, 0.8], patient=[0, 0, 1, 1])
    halves = {name: Split(rows, rows) for name, rows in (("A", np.array([0, 1])), ("B", np.array([2, 3])))}
    found = within_groups([bench.sample(guess) for guess in bench.score(halves, "halves")], seed=1)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_a_patient_of_two_centres_is_drawn_once_and_counts_in_both():
    event, risk, label = drawn(2, 60)
    patient = np.arange(120)
    patient[60] = 0
    found = centres(planted(event, risk, patient=patient), label)
    assert [row["n_patients"] for row in found["rows"]] == ["60", "60"]
    assert found["stratified"]["low"] is not None


def test_nothing_to_rank_is_said():
    bench = planted([False] * 20, np.linspace(0.1, 0.9, 20))
    sample = bench.sample(bench.score({"all": leave(20)}, "all")[0])
    found = within_groups([sample], seed=1)
    assert math.isnan(found.value)
    assert found.method == "not estimable: no events"
    assert math.isnan(within_groups([], seed=1).value)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(1, 25), st.floats(0.02, 0.9))
def test_any_small_cohort_gives_numbers_or_reasons(seed, n_centres, size, share):
    rng = np.random.default_rng(seed)
    n = n_centres * size
    label = rng.permutation(np.repeat(np.arange(n_centres).astype(str), size))
    event = rng.random(n) < share
    risk = np.round(rng.uniform(0.05, 0.95, n), 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures, "N_BOOT", 20)
        found = centres(planted(event, risk), label)
    text = json.dumps(found, allow_nan=False)
    assert len(found["rows"]) == n_centres
    for row in found["rows"]:
        assert bool(row["metrics"]) != bool(row["why_not"])
        assert row["n_events"] not in {"1", "2", "3", "4"}
        assert row["n_patients"] not in {"1", "2", "3", "4"}
    assert "NaN" not in text


# --------------------------------------------------------------------------------------------- the whole way, real fits


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


def test_the_embedded_cohort_by_centre(cohort):
    recipe = dataclasses.replace(load_recipe("efs"), repeats=1)
    bench = bench_of(recipe, cohort)
    found = centres(bench, labels(cohort, bench.rows, "centre"))
    assert [row["label"] for row in found["rows"]] == [f"centre {k}" for k in (1, 2, 3, 4)]
    assert found["rows"][1]["metrics"]  # the largest
    assert found["plan"]["splits"] == 4
    assert found["plan"]["by"] == "centre"
    assert not any(str(code) in json.dumps(found) for code in cohort.frame["patient_id"])
    assert centres(bench, labels(cohort, bench.rows, "centre")) == found


def test_a_known_truth_travels_between_centres():
    """300 simulated patients, centres drawn at random: nothing differs between them but chance."""
    table = simulate(300, 5).table
    read = cohort_from_table(RawTable(tuple(table.columns), table, np.arange(2, len(table) + 2), "0" * 64, "drawn"))
    bench = bench_of(load_recipe("non_response"), read)
    label = labels(read, bench.rows, "centre")
    assert len(set(label)) >= 3
    summary = centres(bench, label)["summary"]
    assert summary["auc"]["value"] > 0.6
    assert summary["observed_expected"]["low"] < 1 < summary["observed_expected"]["high"]
    assert summary["observed_expected"]["i2"] < 0.75
