"""Which missing test would change the answer."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.runtime.could_change import could_change
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.members import Linear, Member, Tree, Trees
from riskml.runtime.model import Feature, PortableModel
from riskml.runtime.questions import at_months
from riskml.runtime.responses import PROBABILITY
from riskml.runtime.score import value
from riskml.runtime.time_responses import Accelerated
from tests.runtime.models import SHIPPED, complete_values, cox, logistic, plain_model, shipped_bundle

DICTIONARY = load_dictionary()


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
    found = {item["input"]: item for item in could_change(at_months(model, times), DICTIONARY, {})}
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

    spreads = [spread(item) for item in could_change(at_months(model, times), DICTIONARY, {})]
    assert spreads == sorted(spreads, reverse=True)
    known = {"bcr_abl1": 1.0, "mrd": 0.01}
    assert {i["input"] for i in could_change(at_months(model, times), DICTIONARY, known)} == set(model.inputs) - set(
        known
    )
    complete = {**known, "kmt2a_r": 0.0, "disease_class_initial": "R/R"}
    assert could_change(at_months(model, times), DICTIONARY, complete) == []


@pytest.mark.parametrize("name", SHIPPED)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_estimate_lies_between_what_a_lesion_present_and_absent_would_give(name, data):
    bundle = shipped_bundle(name)
    model, complete, times = bundle.model, complete_values(bundle), tuple(bundle.manifest["horizons_months"])
    names = data.draw(st.sets(st.sampled_from(model.inputs)))
    known = {n: complete[n] for n in names}
    now = value(model, known, times)
    for item in could_change(at_months(model, times), bundle.dictionary, known):
        low, high = ([item[end]] if model.kind == "binary" else item[end] for end in ("low", "high"))
        assert all(lo <= hi for lo, hi in zip(low, high, strict=True))
        if bundle.dictionary[item["input"]].kind in ("tristate", "category"):
            assert all(lo - 1e-12 <= x <= hi + 1e-12 for lo, x, hi in zip(low, now, high, strict=True))


def test_numbers_run_from_the_5th_to_the_95th_percentile_of_the_background_by_weight():
    background = {(float(k),): 0.04 if k in (0, 21) else 0.046 for k in range(22)}
    model = plain_model([logistic(-1.0, 0.3)], background)
    (item,) = could_change(at_months(model), DICTIONARY, {})
    # 4 % of the weight lies at 0 and 4 % at 21: the 5th percentile is 1, the 95th 20.
    assert item["low"] == pytest.approx(1 / (1 + math.exp(1 - 0.3 * 1)), abs=1e-12)
    assert item["high"] == pytest.approx(1 / (1 + math.exp(1 - 0.3 * 20)), abs=1e-12)
    falling = plain_model([logistic(-1.0, -0.3)], background)
    (item,) = could_change(at_months(falling), DICTIONARY, {})
    assert item["low"] == pytest.approx(1 / (1 + math.exp(1 + 0.3 * 20)), abs=1e-12)


def test_numbers_of_models_with_trees_are_tried_between_the_ends_too():
    # Only ages between 8 and 12 are at risk: neither the 5th nor the 95th percentile of 0, 1, .., 20 shows it.
    tree = Tree((0, 0), (8.0, 12.0), (-1, -2), (1, -3), (0.1, 0.9, 0.1))
    model = plain_model(
        [Member(1.0, Trees((0.0,), 1.0, (tree,)), PROBABILITY)], {(float(k),): 1 / 21 for k in range(21)}
    )
    (item,) = could_change(at_months(model), DICTIONARY, {})
    assert (item["low"], item["high"]) == pytest.approx((0.1, 0.9))


def test_an_average_with_trees_takes_percentiles_of_the_number_itself():
    background = {(float(k),): 1 / 21 for k in range(21)}
    tree = Tree((0,), (18.5,), (-1,), (-2,), (0.0, 1.0))
    members = [logistic(0.0, -0.1, weight=0.5), Member(0.5, Trees((0.0,), 1.0, (tree,)), PROBABILITY)]
    (item,) = could_change(at_months(plain_model(members, background)), DICTIONARY, {})
    # 1 / 21 < 5 %: the percentiles are 1, 5, 10, 15 and 19, and only 19 lies over the threshold.
    answers = [value(plain_model(members, background), {"age": float(k)})[0] for k in (1, 5, 10, 15, 19)]
    assert (item["low"], item["high"]) == (min(answers), max(answers))
    assert max(answers) == answers[-1]


@pytest.mark.parametrize("slope", [0.3, -0.3])
def test_the_ends_of_a_log_time_are_those_of_its_contribution(slope):
    background = {(float(k),): 1 / 21 for k in range(21)}
    model = plain_model([Member(1.0, Linear(1.0, (slope,)), Accelerated("weibull", 0.5, 12.0))], background)
    model = model.with_(kind="survival")
    (item,) = could_change(at_months(model, (6.0,)), DICTIONARY, {})
    ends = sorted(value(model, {"age": age}, (6.0,)) for age in (1.0, 19.0))
    assert [item["low"], item["high"]] == ends


@pytest.mark.parametrize("slope", [0.3, -0.3])
def test_numbers_run_over_what_is_usual_in_training_where_the_bundle_says(slope):
    """Prototypes from 8 to 12 would say it too narrowly: the patients they are means of go from 2 to 17."""
    background = {(8.0,): 0.5, (12.0,): 0.5}
    model = plain_model([logistic(-1.0, slope)], background).with_(usual={"age": (2.0, 17.0)})
    (item,) = could_change(at_months(model), DICTIONARY, {})
    assert [item["low"], item["high"]] == sorted(value(model, {"age": age})[0] for age in (2.0, 17.0))


def test_what_turns_within_the_usual_values_is_seen():
    """Risk falls to 10 and rises from there: the lowest is that of a prototype in between."""
    features = (Feature("age", "value", ("age",)), Feature("older", "hinge", ("age",), 10.0))
    model = plain_model([logistic(0.0, -0.3, 0.7)], {(8.0,): 0.3, (10.0,): 0.4, (12.0,): 0.3}, inputs=("age",))
    model = model.with_(features=features, usual={"age": (2.0, 17.0)})
    (item,) = could_change(at_months(model), DICTIONARY, {})
    assert item["low"] == value(model, {"age": 10.0})[0]
    assert item["high"] == max(value(model, {"age": age})[0] for age in (2.0, 17.0))


def test_models_with_trees_are_tried_at_the_usual_ends_and_between():
    tree = Tree((0, 0), (3.0, 16.0), (-1, -2), (1, -3), (0.9, 0.1, 0.5))
    member = Member(1.0, Trees((0.0,), 1.0, (tree,)), PROBABILITY)
    model = plain_model([member], {(8.0,): 0.5, (12.0,): 0.5}).with_(usual={"age": (2.0, 17.0)})
    (item,) = could_change(at_months(model), DICTIONARY, {})
    assert (item["low"], item["high"]) == pytest.approx((0.1, 0.9))
