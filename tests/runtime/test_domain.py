"""Whom the model knows nothing about, and which missing test would change the answer."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.domain import could_change, reasons_outside
from riskml.runtime.members import Linear, Member, Tree, Trees
from riskml.runtime.model import Feature, PortableModel
from riskml.runtime.responses import PROBABILITY
from riskml.runtime.score import value
from riskml.runtime.time_responses import Accelerated
from tests.runtime.models import SHIPPED, complete_values, cox, logistic, plain_model, shipped_bundle

DICTIONARY = load_dictionary()
APPLIES = {"age": [0, 18], "disease_status_at_start": ["R/R", "CR-MRDpos"], "cycle_index": [1, 1]}
MODEL = plain_model([logistic(0.0, 1.0)], {(0.01,): 1.0}, inputs=("mrd",)).with_(limits={"mrd": (1e-4, 0.3)})


def reasons(**patient):
    readings = {name: DICTIONARY.read(DICTIONARY[name], raw) for name, raw in patient.items()}
    return reasons_outside(MODEL, DICTIONARY, APPLIES, readings)


@pytest.mark.parametrize(
    "patient",
    [
        {},
        {"age": None},
        {"age": "unknown"},
        {"age": "0 a"},
        {"age": "18 a"},
        {"disease_status_at_start": "R/R", "cycle_index": 1, "mrd": "1 %"},
        {"mrd": "30 %"},
        {"mrd": "0.01 %"},
        {"mrd": "<0.01 %"},  # below every number, but the training cohort had such patients, too
    ],
    ids=str,
)
def test_patients_like_those_of_the_cohort_give_no_reason(patient):
    assert reasons(**patient) == []


@pytest.mark.parametrize(
    ("patient", "parts"),
    [
        ({"age": "19 a"}, ["is 19", "the model is for 0", "to 18"]),
        ({"age": "18.1 a"}, ["is 18.1"]),
        ({"disease_status_at_start": "CR-MRDneg"}, ["is CR-MRDneg", "R/R or CR-MRDpos"]),
        ({"cycle_index": 2}, ["is 2; the model is for 1"]),
        ({"mrd": "45 %"}, ["is 45 %", "about 0.01 % to 30 %"]),
    ],
    ids=str,
)
def test_each_way_to_be_unlike_is_said_in_words(patient, parts):
    found = reasons(**patient)
    assert len(found) == 1
    assert all(part in found[0] for part in parts), found
    assert DICTIONARY[next(iter(patient))].label in found[0]


def test_all_reasons_are_given():
    assert len(reasons(age="40 a", disease_status_at_start="CR-MRDneg", cycle_index=3, mrd="99 %")) == 4


# --- could_change -----------------------------------------------------------------------------------------------------


def level_model(kind="binary") -> PortableModel:
    """One tri-state of strong effect, one of weak effect, a number and a category."""
    member = logistic if kind == "binary" else lambda _, *slopes: cox(0.05, *slopes)
    inputs = ("bcr_abl1", "kmt2a_r", "mrd", "disease_class_initial")
    background = {(0.4, 0.2, 0.001, "R/R"): 0.5, (0.0, 0.2, 0.01, "CR-MRDpos"): 0.3, (0.2, 0.0, 0.2, "R/R"): 0.2}
    model = plain_model([member(-1.0, 2.0, -0.3, 0.5, 0.7)], background, inputs=inputs)
    features = (*model.features[:2], Feature("mrd", "log10", ("mrd",), 1e-4))
    return model.with_(features=(*features, Feature("rr", "level", ("disease_class_initial",), ("R/R",))))


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_bounds_are_the_answers_the_tests_would_give(kind):
    model, times = level_model(kind), () if kind == "binary" else (3.0, 12.0)
    found = {item["input"]: item for item in could_change(model, DICTIONARY, {}, times)}
    assert set(found) == set(model.inputs)
    levels = {"bcr_abl1": [0.0, 1.0], "kmt2a_r": [0.0, 1.0], "mrd": [0.001, 0.2]}
    levels["disease_class_initial"] = list(DICTIONARY["disease_class_initial"].levels)
    for name, options in levels.items():
        answers = [value(model, {name: option}, times) for option in options]
        low, high = ([end(column) for column in zip(*answers, strict=True)] for end in (min, max))
        assert (found[name]["low"], found[name]["high"]) == ((low[0], high[0]) if kind == "binary" else (low, high))


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_the_test_that_could_change_most_comes_first_and_known_ones_do_not_come(kind):
    model, times = level_model(kind), () if kind == "binary" else (3.0, 12.0)

    def spread(item):
        if kind == "binary":
            return item["high"] - item["low"]
        return max(high - low for low, high in zip(item["low"], item["high"], strict=True))

    spreads = [spread(item) for item in could_change(model, DICTIONARY, {}, times)]
    assert spreads == sorted(spreads, reverse=True)
    known = {"bcr_abl1": 1.0, "mrd": 0.01}
    assert {i["input"] for i in could_change(model, DICTIONARY, known, times)} == set(model.inputs) - set(known)
    complete = {**known, "kmt2a_r": 0.0, "disease_class_initial": "R/R"}
    assert could_change(model, DICTIONARY, complete, times) == []


@pytest.mark.parametrize("name", SHIPPED)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_estimate_lies_between_what_a_lesion_present_and_absent_would_give(name, data):
    bundle = shipped_bundle(name)
    model, complete, times = bundle.model, complete_values(bundle), tuple(bundle.manifest["horizons_months"])
    names = data.draw(st.sets(st.sampled_from(model.inputs)))
    known = {n: complete[n] for n in names}
    now = value(model, known, times)
    for item in could_change(model, bundle.dictionary, known, times):
        low, high = ([item[end]] if model.kind == "binary" else item[end] for end in ("low", "high"))
        assert all(lo <= hi for lo, hi in zip(low, high, strict=True))
        if bundle.dictionary[item["input"]].kind in ("tristate", "category"):
            assert all(lo - 1e-12 <= x <= hi + 1e-12 for lo, x, hi in zip(low, now, high, strict=True))


def test_numbers_run_from_the_5th_to_the_95th_percentile_of_the_background_by_weight():
    background = {(float(k),): 0.04 if k in (0, 21) else 0.046 for k in range(22)}
    model = plain_model([logistic(-1.0, 0.3)], background)
    (item,) = could_change(model, DICTIONARY, {}, ())
    # 4 % of the weight lies at 0 and 4 % at 21: the 5th percentile is 1, the 95th 20.
    assert item["low"] == pytest.approx(1 / (1 + math.exp(1 - 0.3 * 1)), abs=1e-12)
    assert item["high"] == pytest.approx(1 / (1 + math.exp(1 - 0.3 * 20)), abs=1e-12)
    falling = plain_model([logistic(-1.0, -0.3)], background)
    (item,) = could_change(falling, DICTIONARY, {}, ())
    assert item["low"] == pytest.approx(1 / (1 + math.exp(1 + 0.3 * 20)), abs=1e-12)


def test_numbers_of_models_with_trees_are_tried_between_the_ends_too():
    # Only ages between 8 and 12 are at risk: neither the 5th nor the 95th percentile of 0, 1, .., 20 shows it.
    tree = Tree((0, 0), (8.0, 12.0), (-1, -2), (1, -3), (0.1, 0.9, 0.1))
    model = plain_model(
        [Member(1.0, Trees((0.0,), 1.0, (tree,)), PROBABILITY)], {(float(k),): 1 / 21 for k in range(21)}
    )
    (item,) = could_change(model, DICTIONARY, {}, ())
    assert (item["low"], item["high"]) == pytest.approx((0.1, 0.9))


def test_an_average_with_trees_takes_percentiles_of_the_number_itself():
    background = {(float(k),): 1 / 21 for k in range(21)}
    tree = Tree((0,), (18.5,), (-1,), (-2,), (0.0, 1.0))
    members = [logistic(0.0, -0.1, weight=0.5), Member(0.5, Trees((0.0,), 1.0, (tree,)), PROBABILITY)]
    (item,) = could_change(plain_model(members, background), DICTIONARY, {}, ())
    # 1 / 21 < 5 %: the percentiles are 1, 5, 10, 15 and 19, and only 19 lies over the threshold.
    answers = [value(plain_model(members, background), {"age": float(k)})[0] for k in (1, 5, 10, 15, 19)]
    assert (item["low"], item["high"]) == (min(answers), max(answers))
    assert max(answers) == answers[-1]


@pytest.mark.parametrize("slope", [0.3, -0.3])
def test_the_ends_of_a_log_time_are_those_of_its_contribution(slope):
    background = {(float(k),): 1 / 21 for k in range(21)}
    model = plain_model([Member(1.0, Linear(1.0, (slope,)), Accelerated("weibull", 0.5, 12.0))], background)
    model = model.with_(kind="survival")
    (item,) = could_change(model, DICTIONARY, {}, (6.0,))
    ends = sorted(value(model, {"age": age}, (6.0,)) for age in (1.0, 19.0))
    assert [item["low"], item["high"]] == ends
