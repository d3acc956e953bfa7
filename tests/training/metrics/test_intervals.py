"""Intervals: the formula by hand, coverage by simulation, and what a patient bootstrap must respect."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.special import expit, logit

from riskml.training.metrics.binary import auc, brier
from riskml.training.metrics.intervals import (
    Interval,
    auc_difference_interval,
    auc_interval,
    bootstrap_interval,
    logit_auc,
    paired_difference,
    widened,
    widening,
)

T_1_975 = 12.706204736  # 97.5 % quantile of Student's t with 1 degree of freedom, from printed tables
FOUR = np.array([True, True, False, False])


def test_auc_interval_by_hand():  # AUC 3/4, DeLong variance 1/8 (see test_binary), two patients in each class
    interval = auc_interval(FOUR, np.array([4.0, 2.0, 3.0, 1.0]))
    half = T_1_975 * math.sqrt(1.25 / 8) / (0.75 * 0.25)
    assert (interval.low, interval.high) == pytest.approx((expit(logit(0.75) - half), expit(logit(0.75) + half)))
    assert interval.value == 0.75
    assert interval.method == "logit DeLong, t(1), variance x 1.25"


def test_auc_interval_is_centred_on_the_mean_of_the_folds():
    rng = np.random.default_rng(3)
    event = np.arange(80) < 30
    risk = expit(event + rng.normal(size=80))
    pooled, folds = auc_interval(event, risk), auc_interval(event, risk, value=0.7)
    assert folds.value == 0.7
    assert logit(folds.low) + logit(folds.high) == pytest.approx(2 * logit(0.7))
    assert logit(folds.high) - logit(folds.low) == pytest.approx(logit(pooled.high) - logit(pooled.low))


@pytest.mark.parametrize(("risk", "value"), [([0.9, 0.8, 0.2, 0.1], 1.0), ([0.1, 0.2, 0.8, 0.9], 0.0)])
def test_a_perfect_auc_keeps_a_finite_interval(risk, value):
    # Half a pair of 4 is 1/8; DeLong of a table with one tied pair: placements (1, 1/2, ...) give 2 (1/8)^2.
    interval = auc_interval(FOUR, np.array(risk))
    tied = auc_interval(FOUR, np.array([0.9, 0.5, 0.5, 0.1]))
    assert tied.value == 1 - 1 / 8
    assert interval.value == value
    inner, outer = (interval.low, interval.high) if value else (1 - interval.high, 1 - interval.low)
    assert inner == pytest.approx(tied.low)
    assert outer == 1


def test_the_error_of_a_logit_auc_by_hand():  # AUC 3/4, DeLong variance 1/8; a perfect one of four has half a pair off
    value, error = logit_auc(FOUR, np.array([4.0, 2.0, 3.0, 1.0]))
    assert (value, error) == pytest.approx((logit(0.75), math.sqrt(1 / 8) / (0.75 * 0.25)))
    value, error = logit_auc(FOUR, np.array([0.9, 0.8, 0.2, 0.1]))
    assert (value, error) == pytest.approx((logit(7 / 8), math.sqrt(2) / 8 / (7 / 64)))
    assert all(math.isnan(number) for number in logit_auc(FOUR[1:], np.array([0.8, 0.2, 0.1])))


def test_more_patients_narrow_the_interval_of_a_perfect_auc():
    def low(n):
        event = np.arange(2 * n) < n
        return auc_interval(event, event.astype(float)).low

    assert 0 < low(3) < low(10) < low(40) < 1


def test_wider_level_and_inflation_widen():
    rng = np.random.default_rng(1)
    event, risk = np.arange(50) < 20, rng.random(50)
    usual = auc_interval(event, risk)
    assert auc_interval(event, risk, level=0.99).low < usual.low
    assert auc_interval(event, risk, inflation=1).low > usual.low


@pytest.mark.parametrize("event", [[True] * 4, [False] * 4, [True, False, False, False]])
def test_no_auc_interval_with_one_patient_in_a_class(event):
    interval = auc_interval(np.array(event), np.array([0.1, 0.2, 0.3, 0.4]))
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert interval.method.startswith("not estimable")


def test_auc_interval_covers_a_known_auc():
    """Binormal scores one sd apart: AUC = Phi(1 / sqrt 2) = 0.76025. The model is fixed, so no inflation."""
    rng = np.random.default_rng(11)
    event = np.arange(60) < 12
    intervals = [auc_interval(event, event + rng.normal(size=60), inflation=1) for _ in range(1000)]
    assert 0.935 <= np.mean([i.low <= 0.76025 <= i.high for i in intervals]) <= 0.985


def test_bootstrap_of_a_mean_has_the_width_of_theory():
    values = np.random.default_rng(5).normal(size=400)
    interval = bootstrap_interval(lambda rows: float(values[rows].mean()), np.arange(400), n_boot=2000)
    assert interval.value == values.mean()
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.08)
    assert interval.low < interval.value < interval.high


def test_rows_of_a_patient_stay_together():
    """Ten copies of each patient are no new information: the same draws, the same interval."""
    values = np.random.default_rng(5).normal(size=60)
    once = bootstrap_interval(lambda rows: float(values[rows].mean()), np.arange(60))
    patient = np.tile(np.arange(60), 10)
    tenfold = bootstrap_interval(lambda rows: float(values[patient[rows]].mean()), patient)
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high))


def test_every_resample_draws_whole_patients():
    group = np.array(["c", "a", "b", "a", "c", "c"])
    seen = []
    bootstrap_interval(lambda rows: seen.append(rows) or 0.0, group, n_boot=200)
    assert seen[0].tolist() == [0, 1, 2, 3, 4, 5]
    for rows in seen[1:]:
        count = np.bincount(rows, minlength=6)
        assert count[1] == count[3]
        assert count[0] == count[4] == count[5]
        assert count[0] + count[1] + count[2] == 3


def test_strata_keep_their_numbers_of_patients():
    group, event = np.repeat(np.arange(10), 2), np.repeat(np.arange(10) < 3, 2)
    interval = bootstrap_interval(lambda rows: float(event[rows].mean()), group, strata=event)
    assert interval.low == interval.high == 0.3
    assert bootstrap_interval(lambda rows: float(event[rows].mean()), group).low < 0.3


def test_value_moves_the_interval_and_bounds_keep_it_possible():
    values = np.random.default_rng(2).random(30)

    def mean(rows):
        return float(values[rows].mean())

    plain = bootstrap_interval(mean, np.arange(30))
    moved = bootstrap_interval(mean, np.arange(30), value=plain.value + 0.05)
    assert (moved.low, moved.high) == pytest.approx((plain.low + 0.05, plain.high + 0.05))
    assert bootstrap_interval(mean, np.arange(30), value=0.97, bounds=(0, 1)).high == 1


def test_the_seed_decides():
    values = np.random.default_rng(2).random(30)
    first, again, other = (
        bootstrap_interval(lambda rows: float(values[rows].mean()), np.arange(30), n_boot=50, seed=s) for s in (1, 1, 2)
    )
    assert first == again != other


def test_failed_resamples_are_left_out_until_they_are_too_many():
    event, risk = np.arange(6) < 1, np.arange(6) / 6  # one event in six: (5/6)^6 = 33 % of resamples have none
    statistic, group = lambda rows: auc(event[rows], risk[rows]), np.arange(6)
    some = bootstrap_interval(statistic, group)
    none = bootstrap_interval(statistic, group, min_valid=0.9)
    assert math.isfinite(some.low)
    assert some.method.startswith("percentile")
    assert math.isnan(none.low)
    assert math.isnan(none.high)
    assert none.method.startswith("not estimable")
    assert none.value == some.value


def test_a_statistic_that_never_works_gives_no_interval():
    interval = bootstrap_interval(lambda _: float("nan"), np.arange(4), n_boot=10, value=0.5, min_valid=0)
    assert interval.value == 0.5
    assert math.isnan(interval.low)


def test_json_knows_no_nan():
    record = Interval(0.5, float("nan"), float("inf"), 0.95, "not estimable").as_dict()
    assert record == {"value": 0.5, "low": None, "high": None, "level": 0.95, "method": "not estimable"}
    json.dumps(record, allow_nan=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": 95}, "level must be strictly between 0 and 1, got 95"),
        ({"n_boot": 0}, "n_boot"),
        ({"group": []}, "at least one row"),
        ({"strata": [0, 1, 1]}, "constant within a patient"),
    ],
)
def test_slips_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(**{"statistic": lambda _: 0.0, "group": [1, 1, 2], **arguments})


def test_auc_interval_refuses_a_level_in_percent():
    with pytest.raises(ValueError, match="level"):
        auc_interval(FOUR, np.array([0.1, 0.2, 0.3, 0.4]), level=95)


def two_models(seed, n=120):
    """A cohort in which both scores are the same information and noise of their own."""
    rng = np.random.default_rng(seed)
    event, shared = rng.random(n) < 0.35, rng.normal(size=n)
    first, second = (event + shared + 0.7 * rng.normal(size=n) for _ in range(2))
    return event, first, second


def test_paired_delong_by_hand():
    # Placements of the first (.9 .4 | .4 .1): events 1, 3/4; non-events 3/4, 1. Of a constant all 1/2: the variance is
    # that of the first alone, (1/32 + 1/32) / 2; one degree of freedom.
    found = auc_difference_interval(FOUR, np.array([0.9, 0.4, 0.4, 0.1]), np.full(4, 0.5), inflation=1)
    half = T_1_975 * math.sqrt(1 / 32)
    assert found.value == pytest.approx(3 / 8)
    assert (found.low, found.high) == (-1.0, 1.0)
    assert half > 1 + 3 / 8, "so wide that it says nothing"
    narrow = auc_difference_interval(FOUR, np.array([0.9, 0.4, 0.4, 0.1]), np.full(4, 0.5), level=0.2, inflation=1)
    at_level = math.tan(math.pi * 0.1) * math.sqrt(1 / 32)  # the Cauchy quantile of .6
    assert (narrow.low, narrow.high) == pytest.approx((3 / 8 - at_level, 3 / 8 + at_level))


def test_paired_intervals_agree_and_turn_with_the_order():
    event, first, second = two_models(2, 400)
    direct = auc_difference_interval(event, first, second, inflation=1)
    turned = auc_difference_interval(event, second, first, inflation=1)
    assert (turned.low, turned.value, turned.high) == pytest.approx((-direct.high, -direct.value, -direct.low))
    resampled = paired_difference(
        lambda rows: auc(event[rows], first[rows]),
        lambda rows: auc(event[rows], second[rows]),
        np.arange(event.size),
        n_boot=400,
        seed=3,
    )
    assert resampled.value == pytest.approx(direct.value)
    assert resampled.high - resampled.low == pytest.approx(direct.high - direct.low, rel=0.15)


def test_pairing_narrows_what_two_models_share():
    event, first, second = two_models(5)
    paired = auc_difference_interval(event, first, second, inflation=1)
    alone = [auc_interval(event, score, inflation=1) for score in (first, second)]
    assert paired.high - paired.low < min(one.high - one.low for one in alone)


def test_paired_delong_covers_the_truth():
    """Both models are equally good, so the true difference is 0."""
    covered = [
        found.low <= 0 <= found.high
        for found in (auc_difference_interval(*two_models(seed), inflation=1) for seed in range(400))
    ]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)


def test_a_model_against_its_comparator():
    rng = np.random.default_rng(1)
    risk = rng.uniform(0.05, 0.95, 200)
    event, comparator = rng.random(200) < risk, np.full(200, 0.5)
    gain = paired_difference(
        lambda rows: brier(event[rows], comparator[rows]),
        lambda rows: brier(event[rows], risk[rows]),
        np.arange(200),
        n_boot=300,
        bounds=(-1, 1),
    )
    assert gain.value == pytest.approx(brier(event, comparator) - brier(event, risk))
    assert 0 < gain.low < gain.value < gain.high
    same = paired_difference(lambda rows: brier(event[rows], risk[rows]), lambda rows: 0.0, np.arange(200), n_boot=50)
    plain = bootstrap_interval(lambda rows: brier(event[rows], risk[rows]), np.arange(200), n_boot=50)
    assert same == plain


def test_no_difference_can_be_had():
    event, risk = np.array([True, False, False]), np.array([0.3, 0.4, 0.2])
    for found in (auc_difference_interval(event, risk, -risk), auc_difference_interval(FOUR, np.ones(4), np.ones(4))):
        assert math.isnan(found.low)
        assert found.method.startswith("not estimable")
    with pytest.raises(ValueError, match="level must be strictly between"):
        auc_difference_interval(event, risk, risk, level=1.0)


def test_widening_is_the_t_quantile_over_the_normal_one_times_the_root_of_the_inflation():
    assert widening(10) == pytest.approx(2.2622 / 1.9600, rel=1e-4)
    assert widening(10, inflation=1.25) == pytest.approx(1.25**0.5 * 2.2622 / 1.9600, rel=1e-4)
    assert widening(100_000) == pytest.approx(1, abs=1e-4)
    assert math.isnan(widening(1))


def test_a_widened_interval_keeps_its_estimate_and_its_bounds():
    narrow = Interval(0.3, 0.2, 0.6, 0.95, "percentile")
    wide = widened(narrow, 1.5, (0.18, 1.0))
    assert (wide.value, wide.low, wide.high) == pytest.approx((0.3, 0.18, 0.75))
    assert wide.method == "percentile, widened 1.50 times"
    assert math.isnan(widened(narrow, math.nan).low)
    assert math.isnan(widened(Interval(0.3, math.nan, math.nan, 0.95, "none"), 1.5).high)
