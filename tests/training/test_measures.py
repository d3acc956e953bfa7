"""The measures of one sample: each is the metric it says it is, and words follow numbers."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from riskml.training import measures
from riskml.training.measures import BINARY, SURVIVAL, Sample, comparator, measures_of, verdict, with_intervals
from riskml.training.metrics.intervals import Interval


def sample(time=None, risk=(0.1, 0.2, 0.6, 0.7), event=(False, False, True, True)):
    risk = np.array(risk)
    reference = np.full(len(risk), 0.5)
    months = None if time is None else np.array(time, dtype=float)
    return Sample(np.array(event), months, risk, np.log(risk / (1 - risk)), reference, np.arange(len(risk)), 6.0)


def test_binary_measures_by_hand():
    of = {name: measure.of(sample()) for name, measure in BINARY.items()}
    assert of["auc"] == 1
    # Squared errors .01, .04, .16, .09: mean .075, against .25 of the comparator's .5.
    assert of["brier"] == pytest.approx(0.075)
    assert of["scaled_brier"] == pytest.approx(1 - 0.075 / 0.25)
    assert of["observed_expected"] == pytest.approx(2 / 1.6)
    assert math.isnan(of["calibration_slope"]), "separated: the slope has no maximum"
    assert of["average_precision"] == 1
    # -ln of what was said of what came: .9, .8, .6, .7.
    assert of["log_loss"] == pytest.approx(-math.log(0.9 * 0.8 * 0.6 * 0.7) / 4)
    shifted = [1 / (1 + math.exp(-of["calibration_intercept"]) * (1 - p) / p) for p in (0.1, 0.2, 0.6, 0.7)]
    assert sum(shifted) == pytest.approx(2), "with the intercept the risks add up to the events"


def test_survival_measures_by_hand():
    patients = sample(time=[10, 8, 5, 3])
    of = {name: measure.of(patients) for name, measure in SURVIVAL.items()}
    assert measures_of(patients) is SURVIVAL
    assert of["c_index"] == 1
    # Nobody is censored before month 6, so the weights are 1 and the figures those of the binary case.
    assert of["brier"] == pytest.approx(0.075)
    assert of["ipa"] == pytest.approx(1 - 0.075 / 0.25)
    assert of["observed_expected"] == pytest.approx(0.5 / 0.4)
    assert of["uno_c"] == of["auc_at"] == 1
    turned = dataclasses.replace(patients, risk=patients.risk[::-1], link=patients.link[::-1])
    assert SURVIVAL["uno_c"].of(turned) == SURVIVAL["auc_at"].of(turned) == 0


def test_take_keeps_rows_together():
    part = sample(time=[10, 8, 5, 3]).take(np.array([3, 0, 3]))
    assert part.event.tolist() == [True, False, True]
    assert part.time.tolist() == [3, 10, 3]
    assert part.patient.tolist() == [3, 0, 3]


def test_intervals_centre_on_the_points_they_are_given():
    rng = np.random.default_rng(0)
    event = rng.random(200) < 0.3
    risk = np.clip(0.3 + 0.2 * event + rng.normal(0, 0.1, 200), 0.01, 0.99)
    guess = sample(risk=risk, event=event)
    own = with_intervals(guess, seed=1)
    points = {name: interval.value for name, interval in own.items()} | {"auc": 0.6, "brier": 0.2}
    moved = with_intervals(guess, seed=1, points=points, inflation=1.25)
    assert moved["auc"].value == 0.6
    assert moved["auc"].low < 0.6 < moved["auc"].high
    width = {name: found["brier"].high - found["brier"].low for name, found in (("own", own), ("moved", moved))}
    assert width["moved"] == pytest.approx(math.sqrt(1.25) * width["own"]), "folds are five: K / (K - 1)"
    assert with_intervals(guess, seed=1)["brier"] == own["brier"]


def test_the_comparator_has_no_discrimination():
    found = comparator(sample())
    assert found.pop("log_loss") == pytest.approx(math.log(2))
    assert found == {"name": "prevalence", "risk": 0.5, "brier": 0.25, "auc": 0.5, "average_precision": 0.5}
    assert comparator(sample(time=[10, 8, 5, 3]))["name"] == "Kaplan-Meier"


@pytest.mark.parametrize(
    ("low", "gain", "usable", "words"),
    [
        (0.6, 0.2, True, "squared error 20 % below"),
        (0.5, 0.2, False, "ranking by chance is not ruled out"),
        (0.6, -0.1, False, "no closer to what happened"),
        (math.nan, 0.2, False, "not estimable from 7 events"),
    ],
)
def test_the_verdict_needs_ranking_and_gain(low, gain, usable, words):
    metrics = {
        "auc": Interval(0.7, low, 0.8, 0.95, ""),
        "scaled_brier": Interval(gain, gain - 0.1, gain + 0.1, 0.95, ""),
    }
    said = verdict(metrics, 7)
    assert said[0] is usable
    assert words in said[1]


def test_late_entries_are_neither_dropped_nor_taken_for_early_ones():
    """Known risks of 6,000 people, of whom those are seen who lived until they entered: measures are of everybody."""
    rng = np.random.default_rng(3)
    link = rng.normal(size=6000)
    hazard = 0.04 * np.exp(link)
    exit_time, entry = rng.exponential(1 / hazard), np.where(rng.random(6000) < 0.7, rng.uniform(0.1, 12, 6000), 1e-6)
    event, time = exit_time <= 15, np.minimum(exit_time, 15)
    risk, reference = 1 - np.exp(-12 * hazard), np.full(6000, 1 - np.exp(-12 * hazard).mean())
    whole = Sample(event, time, risk, link, reference, np.arange(6000), 12.0)
    rows = np.flatnonzero(exit_time > entry)
    assert len(rows) < 5000
    seen = dataclasses.replace(whole, entry=entry).take(rows)
    blind = whole.take(rows)
    true, late, ignored = ({n: m.of(s) for n, m in measures_of(s).items()} for s in (whole, seen, blind))
    for name, width in (("brier", 0.01), ("ipa", 0.03), ("observed_expected", 0.06), ("calibration_slope", 0.08)):
        assert late[name] == pytest.approx(true[name], abs=width), name
    assert abs(ignored["observed_expected"] - true["observed_expected"]) > 0.1
    assert comparator(seen)["brier"] == pytest.approx(comparator(whole)["brier"], abs=0.01)


def test_what_compares_patients_is_marked_as_such():
    """A constant added to the log-odds of one half leaves each half's ranking alone; the mixture's changes."""
    rng = np.random.default_rng(2)
    link = rng.normal(size=400)
    event = rng.random(400) < 1 / (1 + np.exp(-link))
    half = np.arange(200)
    for rows in (half, half + 200):
        shifted = link + np.where(np.isin(np.arange(400), half), 3.0, 0.0)
        before, after = (
            dataclasses.replace(sample(risk=1 / (1 + np.exp(-x)), event=event), link=x, patient=np.arange(400)).take(
                rows
            )
            for x in (link, shifted)
        )
        for name, measure in BINARY.items():
            same = measure.of(before) == pytest.approx(measure.of(after), abs=1e-12)
            assert same or not measure.ranks, name
    assert [name for name, measure in BINARY.items() if measure.ranks] == ["auc", "average_precision"]
    assert [name for name, measure in SURVIVAL.items() if measure.ranks] == ["c_index", "uno_c", "auc_at"]


def test_a_few_events_widen_every_bootstrap_interval_by_the_quantile_of_t():
    """Nine events: t with 8 degrees of freedom, 2.306, in place of 1.960."""
    rng = np.random.default_rng(1)
    event = np.arange(60) < 9
    guess = sample(risk=np.clip(rng.beta(2, 6, 60) + 0.2 * event, 0.01, 0.99), event=event)
    draws = measures.replicates_of(guess, 0, ["brier"])["brier"]
    low, high = np.quantile(draws, [0.025, 0.975])
    found = with_intervals(guess, seed=0)["brier"]
    assert found.high - found.value == pytest.approx(2.306 / 1.960 * (high - found.value), rel=1e-3)
    assert found.value - found.low == pytest.approx(2.306 / 1.960 * (found.value - low), rel=1e-3)


def test_a_distance_from_the_truth_is_not_taken_for_larger_than_it_is():
    """Resampling adds noise to a calibration curve: without a shift the interval of a small distance lies above it."""
    rng = np.random.default_rng(2)
    risk = rng.beta(2, 5, 150)
    guess = sample(risk=risk, event=rng.random(150) < risk)
    found, draws = with_intervals(guess, seed=0)["ici"], measures.replicates_of(guess, 0, ["ici"])["ici"]
    assert found.value < np.median(draws)
    assert found.low <= found.value <= found.high
    assert found.value - found.low < found.value, "not below nothing"
    assert found.high - found.value < 1.3 * (np.quantile(draws, 0.975) - np.median(draws))


def test_named_measures_are_those_of_the_whole():
    rng = np.random.default_rng(3)
    risk = rng.beta(2, 5, 80)
    guess = sample(risk=risk, event=rng.random(80) < risk)
    some = with_intervals(guess, seed=4, names=("brier", "auc"))
    whole = with_intervals(guess, seed=4)
    assert some == {name: whole[name] for name in ("auc", "brier")}
