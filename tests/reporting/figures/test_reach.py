"""Axes of estimates: they hold what is typical and the references, and know what lies outside."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.reporting.figures.reach import Part, Reach

TYPICAL = [(1.0, 0.8, 1.2), (1.1, 0.9, 1.3), (0.9, 0.7, 1.1)]
number = st.floats(-1e6, 1e6) | st.just(math.nan)


def test_typical_intervals_are_inside_and_a_wild_one_is_not():
    reach = Reach.of([*TYPICAL, (1.0, -30.0, 40.0)], [], "linear")
    assert all(reach.side(v) == 0 for estimate in TYPICAL for v in estimate)
    assert (reach.side(-30.0), reach.side(40.0)) == (-1, 1)
    assert reach.high - reach.low < 3


def test_a_wild_estimate_is_outside_too():
    reach = Reach.of([*TYPICAL, (50.0, 49.0, 51.0)], [], "linear")
    assert reach.side(50.0) == 1
    assert reach.place(50.0) == reach.high


def test_a_ratio_of_zero_is_below_a_logarithmic_axis():
    reach = Reach.of([*TYPICAL, (0.0, 0.0, 2.0)], [1.0], "log")
    assert reach.side(0.0) == -1
    assert reach.place(0.0) == reach.low
    assert reach.place(1.0) == 0.0


def test_what_is_asked_for_is_always_inside():
    assert Reach.of(TYPICAL, [0.0], "linear").side(0.0) == 0


def test_two_estimates_far_apart_leave_an_axis():
    reach = Reach.of([(0.0, -1.0, 1.0), (100.0, 99.0, 101.0)], [], "linear")
    assert (reach.side(0.0), reach.side(100.0)) == (0, 1)


@given(st.lists(st.tuples(number, number, number)), st.lists(st.floats(-1e6, 1e6)), st.sampled_from(["linear", "log"]))
def test_any_estimates_give_an_axis_of_some_length(estimates, also, scale):
    reach = Reach.of(estimates, also, scale)
    assert -math.inf < reach.low < reach.high < math.inf
    assert all(reach.side(v) == 0 for v in also if scale == "linear" or v > 0)


def test_part_of_a_sheet():
    part = Part(Reach(0.0, 10.0, False), 0.2, 0.6)
    assert (part.place(0.0), part.place(5.0), part.place(99.0)) == pytest.approx((0.2, 0.4, 0.6))
    assert part.side(99.0) == 1
