"""A nomogram gives the model's own answers: by hand, for the shipped bundles, for random models."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from riskml.reporting.nomogram import Nomogram, nomogram, nomogram_of, points_of
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.inputs import known_values, patient_readings
from riskml.runtime.members import Causes, Linear, Member, Trees
from riskml.runtime.model import Feature
from riskml.runtime.responses import LOGISTIC, Calibrated
from riskml.runtime.time_responses import Accelerated, Baseline, Incidence
from tests.reporting.lines import span_of, variables_for
from tests.runtime.models import (
    LEVELS,
    MEMBERS,
    SHIPPED,
    answer_of,
    known_inputs,
    linear_predictor,
    logistic,
    plain_model,
    portable_models,
    shipped_bundle,
    trees,
)

PUBLISHED = ("non_response_published", "efs_published")
VARIABLES = load_dictionary().variables


def read(shown, patient):
    """Points of each line to the nearest whole one, the marks' own where the value has one, else by eye."""
    return [round(sum(place(axis, patient))) for axis in shown.axes]


def place(axis, patient):
    """Points at a value: between two marks in proportion to the value, or to its logarithm on a log line."""
    low, high = span_of(axis, patient)
    if low == high:
        return (low,)
    (x,) = (patient[name] for name in axis.inputs)
    for run in axis.runs:
        for left, right in pairwise(run.ticks):
            if left.values[1] <= x <= right.values[0]:
                ends = [left.values[1], x, right.values[0]]
                a, x, b = map(math.log, ends) if run.scale == "log" else ends
                return (left.worth + (right.worth - left.worth) * (x - a) / (b - a),)
    raise AssertionError("not on the line")


def single(model, response=None):
    """The model's first member alone, perhaps with another response."""
    member = model.members[0].with_(weight=1.0)
    return model.with_(members=(member if response is None else member.with_(response=response),))


def responses(kind):
    """Every response that goes with a linear predictor."""
    if kind == "binary":
        return st.sampled_from([None, Calibrated(LOGISTIC, 0.3, 0.6)])
    kinds = [Accelerated(name, 0.8, 1.0) for name in ("weibull", "loglogistic", "lognormal")]
    calibrated = Calibrated(Baseline((0.0, 1.0), (0.0, 0.4)), -0.2, 1.3)
    return st.sampled_from([None, *kinds, calibrated, Calibrated(kinds[0], 0.1, 0.8)])


@st.composite
def drawn(draw):
    """A random model with a nomogram, a complete patient within its ranges, and the months it is read at."""
    model = draw(portable_models(linear=True, max_inputs=5))
    model = single(model, draw(responses(model.kind)))
    variables = variables_for(model, draw(st.booleans()))
    levels = {name: (*LEVELS, "other") for name in model.inputs if name.startswith("level")}
    months = () if model.kind == "binary" else (0.6 * model.horizon, model.horizon)
    shown = nomogram(model, variables, months=months, levels=levels)
    assume(isinstance(shown, Nomogram))
    patient = draw(known_inputs(model, complete=True))
    patient |= {name: float(patient[name] > 0) for name in variables if variables[name].kind == "tristate"}
    return model, shown, patient


@given(drawn())
@settings(max_examples=60)
def test_points_of_a_patient_add_up_to_the_models_own_answer(case):
    """Between two marks the points lie between theirs; lines that were left out make up the rest."""
    model, shown, patient = case
    spans = [span_of(axis, patient) for axis in shown.axes]
    low, high = (shown.base + shown.unit * sum(ends) for ends in zip(*spans, strict=True))
    slack = 0.26 * shown.unit * (len(model.inputs) - len(shown.axes)) + 1e-7
    assert low - slack <= linear_predictor(model, model.members[0], patient) <= high + slack


@given(drawn(), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_read_to_the_nearest_point_the_answer_is_as_near_as_is_said(case, random):
    """A patient whose values have marks: whole points, added up, are within the stated error of the estimate."""
    model, shown, patient = case
    for axis in shown.axes:
        tick = random.choice([tick for run in axis.runs for tick in run.ticks])
        if len(axis.inputs) > 1 or len(tick.values) == 1 or isinstance(tick.values[0], str):
            count = tick.values[0]
            values = [count] if isinstance(count, str) else [float(k < count) for k in range(len(axis.inputs))]
        else:
            values = [tick.values[0]]
        patient |= dict(zip(axis.inputs, values, strict=True))
    member, points = model.members[0], read(shown, patient)
    for answer in shown.answers:
        months = answer.months or 0.0
        by_paper = answer_of(member.response, [shown.base + shown.unit * sum(points)], months)
        exact = answer_of(member.response, [linear_predictor(model, member, patient)], months)
        assert abs(by_paper - exact) <= 1.02 * shown.error + 1e-9


@given(drawn())
@settings(max_examples=30)
def test_estimates_stand_at_their_totals_and_rise_or_fall(case):
    model, shown, _ = case
    for answer in shown.answers:
        totals, shares = [tick.worth for tick in answer.ticks], [tick.values[0] for tick in answer.ticks]
        assert totals == sorted(totals)
        assert shares in (sorted(shares), sorted(shares, reverse=True))
        assert all(-1e-9 <= total <= shown.most + 1e-9 for total in totals)
        rows = [(float(total), share) for total, share in enumerate(answer.table[:-1])]
        pairs = [*zip(totals, shares, strict=True), *rows[::7]]
        for total, share in pairs:
            output = shown.base + shown.unit * total
            assert answer_of(model.members[0].response, [output], answer.months or 0) == pytest.approx(share, abs=1e-5)
    assert max(axis.ends[1] for axis in shown.axes) == pytest.approx(100)
    assert all(axis.ends[0] == pytest.approx(0) for axis in shown.axes)


def test_two_inputs_by_hand():
    """Coefficients 1 (absent, present) and 0.1 a year from 0 to 20: 50 and 100 points, 0.02 each; at 150, 0: 50 %."""
    model = plain_model([logistic(-3.0, 1.0, 0.1)], {(0.0, 5.0): 1.0}, inputs=("bcr_abl1", "age"))
    shown = nomogram(model.with_(limits={"age": (0.0, 20.0)}), VARIABLES, levels={})
    lesion, age = shown.axes
    assert [tick.worth for tick in lesion.runs[0].ticks] == pytest.approx([0, 50])
    assert {tick.label: tick.worth for tick in age.runs[0].ticks}["15"] == pytest.approx(75)
    assert (shown.most, shown.base, shown.unit) == pytest.approx((150, -3, 0.02))
    (risk,) = shown.answers
    assert risk.label == "Risk, %"
    places = {tick.label: tick.worth for tick in risk.ticks if tick.label}
    assert places["50"] == pytest.approx(150)
    assert places["10"] == pytest.approx((3 - math.log(9)) / 0.02)  # log-odds of 10 % are -ln 9
    assert risk.table[100] == pytest.approx(1 / (1 + math.e))
    # Two lines to the nearest point: 1 point off at most, where the curve is steepest, at 150: 0.25 x 0.02.
    assert shown.error == pytest.approx(0.005, rel=0.02)


def test_survival_is_read_at_each_month():
    model = plain_model([Member(1.0, Linear(0.0, (0.1,)), Baseline((0.0, 12.0, 24.0), (0.0, 0.1, 0.3)))], {(5.0,): 1.0})
    shown = nomogram(model.with_(limits={"age": (0.0, 20.0)}), VARIABLES, months=(12.0, 24.0), levels={})
    assert [(answer.label, answer.months) for answer in shown.answers] == [
        ("Event-free at 12 months, %", 12.0),
        ("Event-free at 24 months, %", 24.0),
    ]
    assert shown.answers[1].table[0] == pytest.approx(math.exp(-0.3))


def test_an_input_worth_less_than_half_a_point_has_no_line():
    """0.001 over 20 years against 1: two points of a hundred; a hundredth of that has no line and half its reach."""
    model = plain_model([logistic(0.0, 1.0, 0.0001)], {(0.0, 5.0): 1.0}, inputs=("bcr_abl1", "age"))
    shown = nomogram(model.with_(limits={"age": (0.0, 20.0)}), VARIABLES, levels={})
    assert [axis.label for axis in shown.axes] == ["BCR::ABL1 (Ph+)"]
    assert shown.without_points == ("Age",)
    assert shown.base == pytest.approx(0.001)


@pytest.mark.parametrize("name", [*SHIPPED, *PUBLISHED])
def test_every_shipped_model_has_one_that_gives_its_golden_patients(name):
    """Complete golden patients within the ranges, read to the nearest point, against ``bundle.predict``."""
    bundle = shipped_bundle(name)
    shown, response, tried = nomogram_of(bundle), bundle.model.members[0].response, 0
    assert isinstance(shown, Nomogram)
    assert 0 < shown.error < 0.05
    for entry in bundle.golden:
        known = known_values(bundle, patient_readings(bundle, entry["patient"]))
        if len(known) < len(bundle.model.inputs) or not inside(bundle.model, known):
            continue
        tried += 1
        expected = bundle.predict(entry["patient"]).value
        total = sum(read(shown, known))
        assert sum(points_of(shown, bundle.model, known)) == total
        for answer, exact in zip(shown.answers, expected, strict=True):
            by_paper = answer_of(response, [shown.base + shown.unit * total], answer.months or 0.0)
            assert abs(by_paper - exact) <= shown.error
            # By eye between the two marks beside the total: no further off than these are apart.
            marks = [(tick.worth, tick.values[0]) for tick in answer.ticks]
            by_eye = np.interp(total, *zip(*marks, strict=True))
            assert abs(by_eye - exact) <= shown.error + 0.03
    assert tried


def inside(model, known):
    """Whether every number lies within training, or under a floor as all do there."""
    floors = {f.inputs[0]: f.parameter for f in model.features if f.op == "log10"}
    return all(low <= max(known[name], floors.get(name, low)) <= high for name, (low, high) in model.limits.items())


@pytest.mark.parametrize(("predictor", "response"), [pair for pair in MEMBERS if pair[0] != "trees"])
def test_one_sum_has_a_nomogram_and_anything_else_a_reason(predictor, response):
    member = Linear(0.0, (1.0,)) if predictor == "linear" else Causes((Linear(0.0, (1.0,)),) * 2)
    kind = response.outcome
    model = plain_model([logistic(0.0, 1.0)], {(5.0,): 1.0}).with_(
        kind=kind, members=(Member(1.0, member, response),), limits={"age": (0.0, 20.0)}
    )
    shown = nomogram(model, VARIABLES, months=(6.0, 12.0), levels={})
    if predictor == "linear":
        assert isinstance(shown, Nomogram)
    else:
        assert isinstance(response, Incidence)
        assert shown.startswith("There is no nomogram: each of several causes")


@given(trees(1, 1, st.just(0.3)))
@settings(max_examples=5)
def test_trees_have_a_reason(tree):
    model = plain_model([logistic(0.0, 1.0)], {(5.0,): 1.0})
    grown = model.with_(members=(Member(1.0, Trees((0.0,), 1.0, (tree,)), LOGISTIC),), limits={"age": (0.0, 20.0)})
    assert "depends on the others" in nomogram(grown, VARIABLES, levels={})


def test_other_reasons(average_of):
    assert "an average of 2 models" in nomogram_of(average_of("survival"))
    model = plain_model([logistic(0.0, 1.0)], {(5.0,): 1.0})
    ranged = model.with_(limits={"age": (0.0, 20.0)})
    assert "over which range" in nomogram(model, VARIABLES, levels={})
    assert "estimator of another package" in nomogram(model.with_(members=()), VARIABLES, levels={})
    flat = ranged.with_(members=(Member(1.0, Linear(0.0, (1.0,)), Calibrated(LOGISTIC, 0.1, 0.0)),))
    assert "same estimate" in nomogram(flat, VARIABLES, levels={})
    still = ranged.with_(members=(logistic(0.0, 0.0),))
    assert "no value within the training range" in nomogram(still, VARIABLES, levels={})
    never = ranged.with_(
        kind="survival", members=(Member(1.0, Linear(0.0, (1.0,)), Baseline((0.0, 12.0), (0.0, 0.0))),)
    )
    assert "no value within the training range" in nomogram(never, VARIABLES, months=(6.0,), levels={})


def test_levels_are_those_that_training_had(bundle_of):
    def marks(**changes):
        bundle = bundle_of("survival", **changes)
        (axis,) = (axis for axis in nomogram_of(bundle).axes if axis.inputs == ("disease_class_initial",))
        return {value for tick in axis.runs[0].ticks for value in tick.values}

    assert marks() == {"R/R", "CR-MRDpos"}  # those the model is for
    assert marks(applies_to={}) == {"R/R", "CR-MRDpos", "CR-MRDneg", "newly_diagnosed"}
    training = bundle_of("survival").manifest["training"]
    seen = {"inputs": {"disease_class_initial": {"levels": {"CR-MRDneg": 0.5, "R/R": 0.5}}}}
    assert marks(training={**training, "case_mix": seen}) == {"R/R", "CR-MRDneg"}


def test_who_is_beyond_the_lines_or_not_complete_has_no_points():
    model = plain_model([logistic(-3.0, 1.0, 0.1)], {(0.0, 5.0): 1.0}, inputs=("bcr_abl1", "age"))
    model = model.with_(limits={"age": (2.0, 20.0)})
    shown = nomogram(model, VARIABLES, levels={})
    assert points_of(shown, model, {"bcr_abl1": 1.0, "age": 11.0}) == [56, 50]  # 1 of 1.8, 0.9 of 1.8
    assert points_of(shown, model, {"bcr_abl1": 1.0, "age": 1.0}) is None
    assert points_of(shown, model, {"bcr_abl1": 1.0}) is None
    assert points_of(shown, model, {"age": 11.0}) is None


def test_features_of_several_numbers_have_a_line_each():
    model = plain_model([logistic(0.0, 1.0)], {(5.0, 5.0): 1.0}, inputs=("cd3", "cd19")).with_(
        features=(Feature("cells", "log10", ("cd3", "cd19"), 0.001),),
        members=(logistic(0.0, 1.0),),
        limits={"cd3": (0.01, 1.0), "cd19": (0.001, 1.0)},
    )
    shown = nomogram(model, VARIABLES, levels={})
    assert [axis.ends[1] for axis in shown.axes] == pytest.approx([200 / 3, 100])
