"""The sheet: labels keep apart, axes end on round numbers, gaps stay gaps."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from riskml.reporting.figures.canvas import (
    blank,
    canvas,
    ceiling,
    divided,
    finite,
    nothing,
    numbers,
    png,
    spread_out,
    stamped,
    svg,
)
from riskml.training.describe.table import Lane, LaneSet
from tests.reporting.figures.drawings import draw, words_in


def test_titles_and_labels_are_escaped():
    assert '<title id="fig">Drawing &lt;of&gt; it</title>' in draw("calibration")
    assert "MRD: < 0.01 %" in words_in(draw("waterfall"))


def test_a_name_with_dollar_signs_is_no_formula():
    assert words_in(nothing("f", "t", "Cost $5 and $6_x")) == ["Cost $5 and $6_x"]


def test_what_json_cannot_hold_becomes_a_gap():
    assert math.isnan(numbers([None])[0])
    assert finite(numbers([None, 1]), [math.inf, 2.0]) == [1.0, 2.0]


def test_nothing_is_one_line_in_words():
    assert words_in(nothing("f", "t", "withheld: <5 events")) == ["withheld: <5 events"]


def test_a_picture_is_the_same_each_time_and_names_no_maker():
    def picture():
        with blank("nobody") as figure:
            return png(figure)

    assert picture() == picture()
    assert picture().startswith(b"\x89PNG")
    assert b"Software" not in picture()


def test_small_print_is_wrapped_below_and_absent_where_there_is_none():
    with canvas(2.0) as (figure, _):
        stamped(figure, "SYNTHETIC: " + "invented " * 12)
        lines = [text for text in words_in(svg(figure, "f", "t")) if "invented" in text]
    assert len(lines) == 2
    assert all(len(line) <= 62 for line in lines)
    with canvas(2.0) as (figure, _):
        stamped(figure, "")
        assert figure.get_supxlabel() == ""


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_labels_are_spread_out_and_stay_in_order(places):
    spread = spread_out(sorted(places), 0.13, 1.0)
    assert all(b - a >= 0.13 - 1e-9 for a, b in pairwise(spread))
    assert spread[-1] <= 1.0


@given(st.lists(st.floats(0, 1), min_size=1))
def test_an_axis_reaches_above_every_share(shares):
    assert max(shares) <= ceiling(shares) <= 1


def test_a_set_is_divided_into_sheets_that_keep_what_they_have_in_common():
    many = LaneSet("swimmer", "Courses", tuple(Lane("", float(month)) for month in range(7)))
    assert divided(many, "lanes", 7) == [many]
    found = divided(many, "lanes", 3, kinds=("death",))
    assert [(one.name, one.title) for one in found] == [(f"swimmer-{k}", f"Courses ({k} of 3)") for k in (1, 2, 3)]
    assert [len(one.lanes) for one in found] == [3, 3, 1]
    assert sum((one.lanes for one in found), ()) == many.lanes
    assert {one.kinds for one in found} == {("death",)}
