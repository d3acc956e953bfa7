"""The portable model: JSON there and back, transforms as on paper, and nothing misshapen gets in."""

from __future__ import annotations

import copy
import json
import math

import pytest
from hypothesis import given, settings

from riskml.runtime.members import Linear, Member, Tree, Trees
from riskml.runtime.model import OPS, Feature, model_from_dict
from riskml.runtime.model_error import ModelError
from riskml.runtime.responses import LOGISTIC, Calibrated
from riskml.runtime.time_responses import Accelerated, Baseline
from tests.runtime.models import (
    SHIPPED,
    cox,
    linear_predictor,
    logistic,
    plain_model,
    portable_models,
    shipped_bundle,
    transformed,
)


@settings(max_examples=100, deadline=None)
@given(portable_models())
def test_json_there_and_back_is_the_same_model(model):
    raw = model.to_dict()
    again = model_from_dict(json.loads(json.dumps(raw, allow_nan=False)))
    assert again == model
    assert again.to_dict() == raw
    assert model_from_dict(raw) == model, "the JSON form itself is enough, without a trip through text"


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_models_come_back_equal(name):
    model = shipped_bundle(name).model
    assert model_from_dict(json.loads(json.dumps(model.to_dict()))) == model


@pytest.mark.parametrize(
    ("op", "parameter", "value", "expected"),
    [
        ("value", None, 3.5, 3.5),
        ("log10", 1e-4, 0.01, -2.0),
        ("log10", 1e-4, 0.0, -4.0),
        ("log10", 1e-4, -1e9, -4.0),
        ("hinge", 2.0, 5.0, 3.0),
        ("hinge", 2.0, 2.0, 0.0),
        ("hinge", 2.0, -5.0, 0.0),
        ("at_least", 10.0, 10.0, 1.0),
        ("at_least", 10.0, 9.999, 0.0),
        ("level", ("R/R",), "R/R", 1.0),
        ("level", ("R/R",), "CR", 0.0),
    ],
)
def test_transforms_by_hand(op, parameter, value, expected):
    feature = Feature("f", op, ("x",), parameter)
    assert feature.component(value) == pytest.approx(expected, abs=1e-15)
    assert transformed(feature, value) == pytest.approx(expected, abs=1e-15)


def test_baseline_is_linear_between_grid_points_and_ends_where_it_ends():
    baseline = Baseline((0.0, 6.0, 12.0), (0.0, 0.6, 0.9))
    assert [baseline.at(t) for t in (0, 3, 6, 8, 12)] == pytest.approx([0.0, 0.3, 0.6, 0.7, 0.9])
    for months in (-0.001, 12.001, math.nan, math.inf):
        with pytest.raises(ValueError, match="months must lie"):
            baseline.at(months)


def test_the_horizon_is_the_shortest_baseline():
    members = [cox(0.1, 1.0, months=12, weight=0.5), cox(0.1, 1.0, months=24, weight=0.5)]
    assert plain_model(members, {(0.0,): 1.0}).horizon == 12
    assert plain_model([logistic(0.0, 1.0)], {(0.0,): 1.0}).horizon == math.inf


@pytest.mark.parametrize(
    ("predictor", "response", "linear"),
    [
        (Linear(0.0, (1.0,)), LOGISTIC, True),
        (Linear(0.0, (1.0,)), Baseline((0.0, 12.0), (0.0, 0.5)), True),
        (Linear(0.0, (1.0,)), Accelerated("weibull", 1.0, 12.0), False),  # a log time
        (Linear(0.0, (1.0,)), Calibrated(LOGISTIC, 0.1, 0.5), False),  # its log-odds is not the answer's
        (Trees((0.0,), 1.0, (Tree((), (), (), (), (0.5,)),)), LOGISTIC, False),
    ],
)
def test_only_log_odds_and_log_hazards_have_a_link_to_explain_on(predictor, response, linear):
    assert plain_model([Member(1.0, predictor, response)], {(0.0,): 1.0}).is_linear is linear


BINARY = plain_model([logistic(-1.0, 2.0, 0.5)], {(0.0, 1.0): 0.25, (1.0, 2.0): 0.75}, inputs=("age", "mrd"))
SURVIVAL = plain_model([cox(0.1, 1.0, 0.5)], {(0.0, 1.0): 1.0}, inputs=("age", "mrd"), bootstrap=[cox(0.2, 1.0, 0.5)])
MISSING = object()
NONSENSE = (None, True, "x", math.nan, math.inf, -math.inf, 10**400, [], {}, [[]], MISSING)


def changed(model, path, new):
    raw = copy.deepcopy(model.to_dict())
    at = raw
    for key in path[:-1]:
        at = at[key]
    if new is MISSING:
        at.pop(path[-1])
    else:
        at[path[-1]] = new
    return raw


def leaves(raw, path=()):
    """Every place in the JSON that holds a number, a text or a list."""
    if path:
        yield path
    if isinstance(raw, dict | list):
        for key, item in raw.items() if isinstance(raw, dict) else enumerate(raw):
            yield from leaves(item, (*path, key))


# Values that mean something where they stand: no parameter, no features' name but a text, no refits, no limits.
MEANT = {
    ("features", 0, "parameter"): (None,),
    ("features", 1, "parameter"): (None,),
    ("uncertainty", "draws"): ([],),
    ("limits",): ({},),
    ("usual",): ({},),
    ("uncertainty", "draws", 0): (MISSING,),
}


@pytest.mark.parametrize("model", [BINARY, SURVIVAL], ids=["binary", "survival"])
def test_nonsense_anywhere_is_refused_with_a_model_error(model):
    accepted = []
    for path in leaves(model.to_dict()):
        for new in NONSENSE:
            try:
                built = model_from_dict(changed(model, path, new))
            except ModelError:
                continue
            if new not in MEANT.get(path, ()) and path[-1] != "name" and built != model:
                accepted.append((path, new))
    assert accepted == []


@pytest.mark.parametrize(
    ("path", "new", "message"),
    [
        (("format",), 2, "newer riskml"),
        (("kind",), "ordinal", "unknown kind"),
        (("kind",), "binary", "not for binary outcomes"),
        (("kind",), "incidence", "not for incidence outcomes"),
        (("inputs",), "mrd", "list of names"),
        (("inputs",), ["age", "age"], "must differ"),
        (("features", 0, "op"), "exec", "unknown transform"),
        (("features", 0, "inputs"), ["age", "age"], "must differ"),
        (("features", 0, "inputs"), ["wbc"], "does not list"),
        (("features", 0, "inputs"), [], "list of names"),
        (("features", 1, "name"), "f_age", "different names"),
        (("features", 0, "parameter"), 1.0, "no parameter"),
        (("features", 0), {"name": "a", "op": "log10", "inputs": ["age"], "parameter": 0}, "must be positive"),
        (("features", 0), {"name": "a", "op": "level", "inputs": ["age"], "parameter": "x"}, "list of levels"),
        (("features", 0), {"name": "a", "op": "level", "inputs": ["mrd"], "parameter": ["x"]}, "not both"),
        (("members",), [], "sum to 1"),
        (("members",), {"0": {}}, "must be a list"),
        (("members", 0, "predictor", "kind"), "network", "newer riskml"),
        (("members", 0, "response", "kind"), "probit", "newer riskml"),
        (("members", 0, "response"), {"kind": "logistic"}, "not for survival outcomes"),
        (("members", 0, "weight"), 0.9, "sum to 1"),
        (("members", 0, "weight"), -1.0, "must be positive"),
        (("members", 0, "predictor", "coefficients"), [1.0], "must have 2"),
        (("members", 0, "response", "times"), [0.0, 0.0], "rise from 0"),
        (("members", 0, "response", "times"), [1.0, 12.0], "rise from 0"),
        (("members", 0, "response", "times"), [0.0], "must have 1|rise from 0"),
        (("members", 0, "response", "cumulative_hazard"), [0.0, -0.1], "must rise"),
        (("members", 0, "response", "cumulative_hazard"), [0.1, 0.2], "must rise"),
        (("members", 0, "response", "cumulative_hazard"), [0.0], "must have 2"),
        (("background", "rows"), [], "there is no background"),
        (("background", "rows"), [[0.0]], "must have 2"),
        (("background", "rows"), [["x", 1.0]], "finite numbers"),
        (("background", "weights"), [0.5], "sum to 1"),
        (("background", "weights"), [0.5, 0.5], "must have 1"),
        (("uncertainty", "level"), 1.0, "in \\(0, 1\\)"),
        (("uncertainty", "draws"), {}, "must be a list"),
        (("uncertainty", "draws", 0), [], "sum to 1"),
        (("uncertainty", "draws", 0, 0, "weight"), 0.5, "sum to 1"),
        (("uncertainty", "draws", 0, 0, "response", "times"), [0.0, 6.0], "as far as the model"),
        (("uncertainty", "draws", 0, 0, "predictor", "coefficients"), [1.0, 2.0, 3.0], "must have 2"),
        (("limits",), {"age": [2.0, 1.0]}, "must rise"),
        (("limits",), {"age": [1.0]}, "must have 2"),
        (("limits",), {"wbc": [1.0, 2.0]}, "those of inputs"),
        (("usual",), {"age": [2.0, 1.0]}, "must rise"),
        (("usual",), {"wbc": [1.0, 2.0]}, "those of inputs"),
    ],
)
def test_a_model_that_contradicts_itself_is_refused_with_its_reason(path, new, message):
    with pytest.raises(ModelError, match=message):
        model_from_dict(changed(SURVIVAL, path, new))


@settings(max_examples=50, deadline=None)
@given(portable_models(linear=True))
def test_the_second_writing_of_the_transforms_agrees(model):
    patient = dict(zip(model.inputs, model.background[0], strict=True))
    for member in model.members:
        features = [sum(f.component(patient[name]) for name in f.inputs) for f in model.features]
        lp = member.linear.intercept + sum(c * x for c, x in zip(member.linear.coefficients, features, strict=True))
        assert lp == pytest.approx(linear_predictor(model, member, patient), abs=1e-9)


def test_every_transform_is_tried():
    assert set(OPS) == {"value", "log10", "hinge", "at_least", "level"}
