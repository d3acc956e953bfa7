"""Subgroups: a group's figures are those of its patients, differences are fair, small cells cannot be worked out."""

from __future__ import annotations

import dataclasses
import itertools
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from riskml import read_cohort
from riskml.resources import folder
from riskml.training import measures
from riskml.training.judge import subgroups as judge
from riskml.training.judge.subgroup_plan import Subgroup, load_subgroups
from riskml.training.judge.subgroups import NOT_SHOWN, subgroup_columns, subgroups
from riskml.training.measures import with_intervals
from tests.training.judge.outcomes import KINDS, drawn, of_binary, permuted

RANGE = (0.1, 0.4)  # the middle threshold is 0.2
SEX = Subgroup("sex", "Sex", "sex", "level", "to look", ("female", "male"), {})
PH = Subgroup("ph", "Ph+", "bcr_abl1", "present", "to look", (), {})


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """What is tested here does not depend on how many there are."""
    monkeypatch.setattr(measures, "N_BOOT", 100)
    monkeypatch.setattr(judge, "N_BOOT", 100)


def judged(sample, plan=(SEX,), *, seed=0, **columns):
    arrays = {name: np.array(values, dtype=object) for name, values in columns.items()}
    return subgroups(sample, arrays, seed=seed, thresholds=RANGE, plan=plan)


def alternating(n, first="female", second="male"):
    return [first if k % 2 else second for k in range(n)]


def by_hand():
    """40 girls and 40 boys, each 20 at 50 % and 20 at 10 %; events: 12 and 3 of the girls, 10 and 2 of the boys."""
    risk = np.tile(np.repeat([0.5, 0.1], 20), 2)
    event = np.concatenate([np.arange(20) < number for number in (12, 3, 10, 2)])
    return of_binary(event, risk), ["female"] * 40 + ["male"] * 40


def test_differences_by_hand():
    sample, sex = by_hand()
    girls, boys = judged(sample, sex=sex)
    differences = {name: interval["value"] for name, interval in girls["differences"].items()}
    # 12 expected in each; 15 and 12 came: 1.25 against 1.
    assert girls["metrics"]["observed_expected"]["value"] == 1.25
    assert differences["observed_expected_ratio"] == 1.25
    # At 20 %: (12 - 8 / 4) / 40 and (10 - 10 / 4) / 40; acting on all: (15 - 25 / 4) / 40 and (12 - 28 / 4) / 40.
    assert girls["threshold"] == 0.2
    assert differences["net_benefit"] == pytest.approx(0.25 - 0.1875, abs=6e-4)
    assert differences["net_benefit_gain"] == pytest.approx((0.25 - 0.21875) - (0.1875 - 0.125), abs=6e-4)
    assert boys["differences"]["observed_expected_ratio"]["value"] == 0.8
    assert boys["differences"]["net_benefit"]["value"] == -differences["net_benefit"]
    assert boys["differences"]["calibration_intercept"]["value"] == -differences["calibration_intercept"] < 0


def test_words_warn_of_chance_and_do_not_claim_equality():
    sample, sex = by_hand()
    for row in judged(sample, sex=sex):
        assert row["words"] == (
            "no difference from the rest is shown, which is not equality; one of 2 groups compared, each at 95 %: some "
            "differ by chance alone"
        )


def test_a_planted_difference_is_found_and_rates_alone_are_none():
    sample = drawn(n=600, seed=3)
    boys = np.arange(600) % 2 == 0
    sex = np.where(boys, "male", "female")
    planted = dataclasses.replace(sample, risk=np.where(boys, sample.risk**2, sample.risk))
    found = {row["level"]: row for row in judged(planted, sex=sex)}
    ratio = found["male"]["differences"]["observed_expected_ratio"]
    assert ratio["low"] > 1
    assert "observed over expected and calibration intercept" in found["male"]["words"]
    # Groups told by risk itself: rates differ threefold, predictions mean the same in both.
    by_risk = np.where(sample.risk > 0.19, "male", "female")
    high = next(row for row in judged(sample, sex=by_risk) if row["level"] == "male")
    assert (
        high["differences"]["observed_expected_ratio"]["low"]
        < 1
        < high["differences"]["observed_expected_ratio"]["high"]
    )
    assert set(high["differences"]) == {"observed_expected_ratio", "calibration_intercept"}, (
        "no girl is treated from 20 % on"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_of_everybody_has_the_overall_figures(kind):
    sample = drawn(kind)
    female, male = judged(sample, sex=["female"] * 120)
    whole = with_intervals(sample, seed=0)
    assert set(female["metrics"]) <= set(whole)
    assert len(female["metrics"]) >= 3
    for name, shown in female["metrics"].items():
        for end in ("value", "low", "high"):
            assert shown[end] == pytest.approx(getattr(whole[name], end), abs=6e-4)
    assert female["differences"] == {}, "there is no rest"
    assert male["why_not"] == "nobody in the cohort"


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_rows_says_nothing(kind):
    sample = drawn(kind, n=240)
    other, order = permuted(sample)
    sex = np.array(alternating(240), dtype=object)
    first, second = judged(sample, sex=sex), judged(other, sex=sex[order])
    assert first == second
    assert first[0]["differences"]
    assert json.loads(json.dumps(first, allow_nan=False)) == first


def test_below_the_floor_is_said_and_nothing_computed():
    sample = drawn(n=100)
    few = np.flatnonzero(sample.event)[:9]
    ph = np.zeros(100)
    ph[few] = 1
    ph[np.flatnonzero(~sample.event)[:30]] = 1
    (row,) = judged(sample, (PH,), bcr_abl1=ph)
    assert row["why_not"] == "fewer than 10 patients known to have the event, or to be without it"
    assert row["metrics"] == row["differences"] == {}
    assert row["words"] is None
    ph[np.flatnonzero(sample.event)[9]] = 1
    assert judged(sample, (PH,), bcr_abl1=ph)[0]["why_not"] is None


def test_unknown_is_a_group_from_ten_patients_on_and_never_part_of_the_rest():
    sample = drawn(n=150)
    sex = np.array(alternating(150), dtype=object)
    sex[:60] = None
    rows = {row["level"]: row for row in judged(sample, sex=sex)}
    assert list(rows) == ["female", "male", "unknown"]
    known = np.flatnonzero([value is not None for value in sex])
    alone = {row["level"]: row for row in judged(sample.take(known), sex=sex[known])}
    assert rows["female"]["differences"] == alone["female"]["differences"]
    sex[9:60] = "male"
    assert [row["level"] for row in judged(sample, sex=sex)] == ["female", "male"]


def test_a_variable_the_cohort_has_not_or_nobody_has():
    (row,) = judged(drawn(), (PH,))
    assert row["why_not"] == "the cohort has no bcr_abl1"
    assert (row["level"], row["n_patients"], row["n_events"]) == (None, None, None)
    assert judged(drawn(), (PH,), bcr_abl1=[np.nan] * 120)[0]["why_not"] == "the cohort has no bcr_abl1"


def test_courses_of_a_patient_are_counted_and_drawn_together():
    sample = drawn(n=120)
    clustered = dataclasses.replace(sample, patient=np.arange(120) // 2)
    sex = np.repeat(alternating(60), 2)
    (girls, _), (alone, _) = judged(clustered, sex=sex), judged(sample, sex=sex)
    assert girls["n_patients"] == "30"
    assert alone["n_patients"] == "60"
    assert girls["metrics"]["brier"]["value"] == alone["metrics"]["brier"]["value"]
    assert girls["metrics"]["brier"]["low"] != alone["metrics"]["brier"]["low"]


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=2, max_size=3))
def test_small_cells_do_not_follow_by_subtraction(cells):
    """Whoever knows the totals and what is shown is left with two possibilities for every small cell."""
    event = np.concatenate([np.repeat([True, False], cell) for cell in cells])
    told = np.repeat(np.arange(len(cells)), [sum(cell) for cell in cells])
    assume(event.size >= 20)
    whole = {str(k): told == k for k in range(len(cells))}
    shown, events = zip(*judge._counts(of_binary(event, np.full(event.size, 0.3)), whole).values(), strict=True)
    people = [sum(cell) for cell in cells]
    bounds = [(1, 4) if text == "<5" else (5, 60) if "more" in text else (int(text), int(text)) for text in shown]
    ranges = [range(low, high + 1) for low, high in bounds[:-1]]
    possible = [
        (*some, event.size - sum(some))
        for some in itertools.product(*ranges)
        if bounds[-1][0] <= event.size - sum(some) <= bounds[-1][1]
    ]
    assert tuple(people) in possible
    large = any(number >= 5 for number in people)
    for k, number in enumerate(people):
        if 0 < number < 5 and large:
            assert len({some[k] for some in possible}) > 1
    small = any(0 < number < 5 for cell in cells for number in cell)
    assert list(events) == ([NOT_SHOWN] * len(cells) if small else [str(cell[0]) for cell in cells])


def test_columns_of_a_cohort_follow_the_rows_and_derived_ones_count():
    cohort = read_cohort(folder("features") / "synthetic" / "cohort.csv")
    places = np.array([5, 3, 100, 7])
    columns = subgroup_columns(cohort, SimpleNamespace(rows=places))
    known = sorted(cohort.frame["centre"].unique())
    names = cohort.frame["centre"].iloc[places]
    assert list(columns["centre"]) == [f"centre {known.index(name) + 1}" for name in names]
    ages = cohort.frame["age"].to_numpy()[places]
    groups = pd.cut(ages, [0, 1, 10, 120], right=False, labels=["infant", "1 to 9 years", "10 years or older"])
    assert list(columns["age_group"]) == list(groups)
    assert "prior_hsct" not in columns, "the cohort has none"
    assert {group.variable for group in load_subgroups()} > set(columns)
