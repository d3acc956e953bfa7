"""The two checks that most of a model rests on: nothing but finite numbers, and as many as there should be."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.runtime.model_error import ModelError, need, numbers


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**15), 10**15)))
def test_finite_numbers_come_back_as_floats(raw):
    found = numbers(raw, "x", length=len(raw))
    assert found == tuple(map(float, raw))
    assert all(type(number) is float for number in found)


@given(st.lists(st.floats(), min_size=1))
def test_lists_are_refused_if_and_only_if_something_in_them_is_not_finite(raw):
    if all(map(math.isfinite, raw)):  # 1e308 three times is finite, its sum is not
        assert numbers(raw, "x") == tuple(raw)
    else:
        with pytest.raises(ModelError, match=r"^x must be a list of finite numbers$"):
            numbers(raw, "x")


@pytest.mark.parametrize(
    "text", ["[NaN]", "[1e309]", "[-1e309, 1e309]", "[true]", '["1"]', "[null]", "[[1]]", "1", "{}"]
)
def test_whatever_json_can_say_instead_is_refused(text):
    with pytest.raises(ModelError, match="list of finite numbers"):
        numbers(json.loads(text), "x")


@pytest.mark.parametrize("raw", [[10**400], [10**400, 1.0], [1.0, -(10**400)], (1.0,), [1.0, True]])
def test_numbers_beyond_a_double_tuples_and_booleans_are_refused(raw):
    with pytest.raises(ModelError, match="list of finite numbers"):
        numbers(raw, "x")


def test_the_largest_doubles_pass():
    assert numbers([1.7e308, 1.7e308, -1.7e308], "x") == (1.7e308, 1.7e308, -1.7e308)


def test_another_length_is_refused_and_both_are_said():
    with pytest.raises(ModelError, match=r"^leaves must have 3 numbers, has 2$"):
        numbers([1.0, 2.0], "leaves", length=3)


def test_need_raises_only_without_its_condition():
    need(1, "not said")
    with pytest.raises(ModelError, match=r"^said$"):
        need(0, "said")
    assert issubclass(ModelError, ValueError)
