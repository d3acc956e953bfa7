"""Case mix: hand-made tables, the training rows against themselves, and nothing that gives away a small count."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.model import Feature
from riskml.training.transfer.case_mix import (
    AGGREGATES,
    PROTOTYPES,
    chance_limit,
    compare,
    finite,
    followed,
    known_rows,
    missing_difference,
    standardised_difference,
    summarise,
)
from tests.training.transfer.patients import (
    bundle_with_aggregates,
    bundle_without_aggregates,
    judged,
    own_rows,
    simulated,
    with_columns,
)

DICTIONARY = load_dictionary()
LOG = (Feature("mrd_log10", "log10", ("mrd",), 1e-4),)


def summary(**columns):
    frame = pd.DataFrame(columns)
    return summarise(frame, list(columns), DICTIONARY, np.arange(len(frame), dtype=float), features=LOG)


def test_moments_by_hand_on_the_scale_of_the_model():
    found = summary(age=[2.0, 4.0, 6.0, 8.0, 10.0], mrd=[1e-2, 1e-3, 1e-4, 1e-5, 1e-1])
    age = found["inputs"]["age"]
    assert (age["missing"], age["scale"], age["mean"], age["sd"]) == (
        0,
        "value",
        6,
        pytest.approx(math.sqrt(8), rel=1e-5),
    )
    # Below the floor of 1e-4 a value counts as the floor: logarithms -2, -3, -4, -4, -1.
    mrd = found["inputs"]["mrd"]
    assert (mrd["scale"], mrd["floor"], mrd["mean"]) == ("log10", 1e-4, pytest.approx(-2.8))
    assert found["link"] == pytest.approx({"mean": 2, "sd": math.sqrt(2)}, rel=1e-5)
    assert found["n"] == 5


def test_fewer_than_five_values_have_no_moments():
    found = summary(age=[2.0, 4.0, 6.0, 8.0, None, None])["inputs"]["age"]
    assert set(found) == {"missing"}


def test_a_small_count_is_not_in_the_shares():
    lesion = summary(kmt2a_r=[1.0] * 3 + [0.0] * 47)["inputs"]["kmt2a_r"]["levels"]
    assert lesion == {"absent": 47.5 / 50, "present": 2.5 / 50}
    assert summary(age=[5.0] * 18 + [None] * 2)["inputs"]["age"]["missing"] == pytest.approx(2.5 / 20)
    assert summary(age=[5.0] * 15 + [None] * 5)["inputs"]["age"]["missing"] == 0.25


@given(st.integers(1, 3), st.integers(0, 20), st.integers(30, 60))
def test_nobody_can_tell_one_small_count_from_another(small, middle, large):
    def shares(few, many):
        values = ["R/R"] * few + ["CR-MRDpos"] * middle + ["CR-MRDneg"] * many
        return summary(disease_class_initial=values)["inputs"]["disease_class_initial"]["levels"]

    found = shares(small, large)
    assert found == shares(small + 1, large - 1)
    assert sum(found.values()) == pytest.approx(1, abs=1e-5)


def test_differences_by_hand():
    number = standardised_difference({"mean": 3.0, "sd": 1.0}, {"mean": 1.0, "sd": 3.0})
    assert number == (pytest.approx(2 / math.sqrt(5)), 1)
    assert standardised_difference({"mean": 3.0, "sd": 1.0}, {"mean": 1.0, "sd": 3.0}, pooled=False)[0] == 2
    here, there = {"levels": {"absent": 0.7, "present": 0.3}}, {"levels": {"absent": 0.9, "present": 0.1}}
    two = 0.2 / math.sqrt((0.21 + 0.09) / 2)
    assert standardised_difference(here, there) == (pytest.approx(two), 1)
    assert standardised_difference(there, here) == (pytest.approx(-two), 1)
    assert missing_difference({"missing": 0.3}, {"missing": 0.1}) == pytest.approx(two)


def test_several_levels_do_not_depend_on_their_order():
    here, there = {"a": 0.5, "b": 0.3, "c": 0.2}, {"a": 0.2, "b": 0.3, "c": 0.5}
    first = standardised_difference({"levels": here}, {"levels": there})
    turned = [{"levels": dict(reversed(side.items()))} for side in (here, there)]
    assert standardised_difference(*turned) == pytest.approx(first)
    assert first[1] == 2


def test_what_cannot_be_compared_is_nan():
    assert math.isnan(standardised_difference({"missing": 1.0}, {"mean": 1.0, "sd": 1.0})[0])
    assert math.isnan(standardised_difference({"mean": 2.0, "sd": 0.0}, {"mean": 1.0, "sd": 0.0})[0])
    assert standardised_difference({"mean": 1.0, "sd": 0.0}, {"mean": 1.0, "sd": 0.0})[0] == 0
    assert math.isnan(missing_difference({"missing": 1.0}, {"missing": 0.0}))
    assert math.isnan(chance_limit(0, 10, 1, 1))
    assert finite(math.nan) is None


def test_chance_stays_within_its_limit_in_95_of_100():
    rng = np.random.default_rng(1)
    here, there = rng.normal(size=(2000, 60)), rng.normal(size=(2000, 90))
    d = (here.mean(1) - there.mean(1)) / np.sqrt((here.var(1) + there.var(1)) / 2)
    assert np.mean(np.abs(d) > chance_limit(60, 90, 1, 1)) == pytest.approx(0.05, abs=0.015)
    assert np.mean(np.abs(d) > chance_limit(60, 90, 1, 10)) < 0.015


@pytest.mark.parametrize("name", ["non_response", "efs"])
def test_the_training_rows_do_not_differ_from_themselves(name):
    bundle = bundle_with_aggregates(name)
    found = compare(bundle, *own_rows(name))
    assert found["source"] == AGGREGATES
    assert all(item["standardised_difference"] == 0 == item["missing_difference"] for item in found["inputs"])
    assert found["linear_predictor"]["sd_ratio"] == 1
    assert found["linear_predictor"]["mean_difference"] == 0
    assert found["event_rate"]["here"] == pytest.approx(found["event_rate"]["there"], abs=1e-3)
    assert found["follow_up_months"]["here"] == found["follow_up_months"]["there"]
    json.dumps(found, allow_nan=False)


def test_ten_times_the_mrd_is_one_more_on_the_scale_of_the_model(tmp_path):
    bundle, cohort = bundle_with_aggregates("non_response"), simulated(tmp_path, 300, 3)
    frame, sample = judged(bundle, cohort)
    before = compare(bundle, frame, sample)
    after = compare(bundle, frame.assign(mrd=frame["mrd"].clip(lower=1e-3) * 10), sample)
    plain = compare(bundle, frame.assign(mrd=frame["mrd"].clip(lower=1e-3)), sample)
    means = [next(i for i in mix["inputs"] if i["input"] == "mrd")["mean_here"] for mix in (plain, after)]
    assert means[1] - means[0] == pytest.approx(1, abs=1e-4)
    assert next(i for i in before["inputs"] if i["input"] == "mrd")["scale"] == "log10"


def test_prototypes_stand_in_without_limits_of_chance():
    bundle = bundle_without_aggregates("efs")
    frame, sample = own_rows("efs")
    found = compare(bundle, frame, sample)
    assert found["source"] == PROTOTYPES
    assert all(item["chance_limit"] is None for item in found["inputs"])
    # Weighted prototypes have the means of the patients they stand for, where nothing was missing.
    whole = [item for item in found["inputs"] if item["missing_there"] == 0]
    assert len(whole) > 3
    assert all(
        abs(item["standardised_difference"]) < 0.02 for item in whole if "mean_here" in item or len(item["levels"]) == 2
    )


def test_an_input_nobody_has_is_named(tmp_path):
    bundle = bundle_with_aggregates("non_response")
    frame, sample = judged(bundle, simulated(tmp_path, 300, 3))
    found = {item["input"]: item for item in compare(bundle, frame.drop(columns="cd3"), sample)["inputs"]}
    assert found["cd3"]["recorded"] is False
    assert found["cd3"]["missing_here"] == 1
    assert found["cd3"]["standardised_difference"] is None
    assert found["cd3"]["mean_there"] is not None


def test_methods_are_kept_by_share():
    frame = pd.DataFrame({"mrd": [0.1] * 20, "mrd_method": ["flow"] * 14 + ["rq_pcr"] * 6})
    found = summarise(frame, ["mrd"], DICTIONARY, np.zeros(20))
    assert found["methods"] == {"mrd_method": pytest.approx({"flow": 0.7, "rq_pcr": 0.3})}
    assert known_rows(found, "mrd") == 20


def test_follow_up_is_that_of_the_censored():
    _, sample = own_rows("efs")
    median = followed(sample)
    assert sample.time.min() < median < sample.time.max()
    assert followed(own_rows("non_response")[1]) is None


def test_other_columns_change_nothing(tmp_path):
    bundle, cohort = bundle_with_aggregates("non_response"), simulated(tmp_path, 300, 3)
    frame, sample = judged(bundle, cohort)
    more = judged(bundle, with_columns(cohort, wbc=1.0))[0]
    assert compare(bundle, frame, sample) == compare(bundle, more, sample)
