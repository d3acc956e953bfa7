"""Numbers are cut, and nothing that was valid before becomes invalid: order, sums, shapes and thresholds stay."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.runtime.members import Causes, Linear, Member, Tree, Trees, member_from_dict
from riskml.runtime.responses import LOGISTIC, PROBABILITY, Calibrated
from riskml.runtime.time_responses import Accelerated, Baseline, Curve, Incidence
from riskml.training.precision import cut, rounded

THIRD = 1 / 3
TREE = Tree((0,), (0.1234567891,), (-1,), (-2,), (THIRD, 2 / 3))
HAZARD = Baseline((0.0, 1.2345678, 2.0), (0.0, THIRD, 2 * THIRD))
MEMBERS = {
    "binary": [
        Member(0.25, Linear(THIRD, (2 / 3,)), LOGISTIC),
        Member(THIRD, Trees((0.0,), 1.0, (TREE,)), PROBABILITY),
        Member(1.0, Trees((0.0,), 1.0, (TREE,)), Calibrated(PROBABILITY, THIRD, 2 / 3)),
    ],
    "survival": [
        Member(1.0, Linear(THIRD, (2 / 3,)), HAZARD),
        Member(1.0, Linear(THIRD, (2 / 3,)), Accelerated("weibull", THIRD, 24.123456)),
        Member(1.0, Trees((THIRD,), 0.05123456, (TREE,)), HAZARD),
        Member(1.0, Trees((0.0,), 1.0, (TREE,)), Curve((12.3456789,))),
    ],
    "incidence": [Member(1.0, Causes((Linear(THIRD, (1.0,)), Linear(0.0, (2 / 3,)))), Incidence((HAZARD, HAZARD)))],
}
CASES = [(kind, member) for kind, members in MEMBERS.items() for member in members]


def numbers(value):
    if isinstance(value, dict):
        return [x for key in sorted(value) for x in numbers(value[key])]
    return [x for item in value for x in numbers(item)] if isinstance(value, list) else [value]


@pytest.mark.parametrize(("kind", "member"), CASES)
def test_a_cut_member_is_close_valid_and_cut_once_for_all(kind, member):
    found = rounded(member, 4)
    assert type(found.response) is type(member.response)
    for a, b in zip(numbers(found.to_dict()), numbers(member.to_dict()), strict=True):
        assert a == (pytest.approx(b, rel=5e-4) if isinstance(b, float) else b)
    assert member_from_dict(json.loads(json.dumps(found.to_dict())), 1, kind) == found
    assert rounded(found, 4) == found
    assert rounded(member, 17) == member


def test_what_decides_where_a_patient_goes_is_left_alone():
    (tree,) = rounded(MEMBERS["survival"][2], 3).predictor.trees
    assert tree.threshold == TREE.threshold
    assert rounded(MEMBERS["survival"][2], 3).predictor.scale == 0.05123456
    assert rounded(MEMBERS["survival"][0], 3).baseline.times == HAZARD.times
    assert rounded(MEMBERS["survival"][1], 3).response.last == 24.123456
    assert rounded(MEMBERS["binary"][1], 3).weight == THIRD


def test_leaves_may_be_cut_further_than_the_rest():
    member = rounded(MEMBERS["survival"][2], 8, 2)
    assert member.predictor.base == (0.33333333,)
    assert member.predictor.trees[0].leaf == (0.33, 0.67)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.integers(1, 12))
@settings(max_examples=100, deadline=None)
def test_cutting_keeps_the_order(values, digits):
    """A cumulative hazard that rose rises still, and a share stays a share."""
    found = cut(tuple(sorted(values)), digits)
    assert list(found) == sorted(found)
    assert all(0 <= x <= 1 for x in cut(tuple(v / 1e6 for v in values), digits))
