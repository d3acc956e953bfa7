"""Kaplan-Meier curves: numbers under their months, a line of its own for each curve, nothing cut off."""

from __future__ import annotations

import io
import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import matplotlib.image
import numpy as np
import pytest

from riskml.reporting import figures
from riskml.reporting.figures.kaplan_meier import MOST_CURVES, kaplan_meier_picture, sheets
from tests.reporting.figures.drawings import TWO_CURVES, curve_set, stepped, words_in

LONG = "MRD-negative after cycle 1, measured by flow cytometry"


def curves_named(*labels):
    steps = [(0, 1), (6, 0.9), (18, 0.7)]
    return curve_set(*(stepped(label, *((t, v - 0.04 * k) for t, v in steps)) for k, label in enumerate(labels)))


def places(svg):
    """Words of a drawing with where they stand; matplotlib moves each text by a transformation."""
    for text in ET.fromstring(svg).iter("text"):
        at = re.search(r"translate\(([-\d.]+) ([-\d.]+)\)", text.get("transform", "")) or re.match(
            r"()()$", text.get("transform", "")
        )
        x, y = (text.get("x"), text.get("y")) if at is None else at.groups()
        yield "".join(text.itertext()).strip(), float(x), float(y)


def test_numbers_at_risk_stand_under_their_months():
    found = list(places(figures.kaplan_meier("f", curve_set(*TWO_CURVES))))
    ticks = {text: x for text, x, _ in found if text in {"0", "12", "24"}}
    for number, month in (("60", "0"), ("41", "12"), ("<5", "24")):
        under = [x for text, x, _ in found if text == number]
        assert len(under) == 2, "one a curve"
        assert under == pytest.approx([ticks[month]] * 2, abs=8), "centred, so the start differs by half a digit or two"


def test_short_names_stand_beside_the_curves_and_long_ones_become_letters():
    short = words_in(figures.kaplan_meier("f", curve_set(*TWO_CURVES)))
    assert short.count("R/R") == short.count("CR-MRDpos") == 2, "beside the curve and above its numbers"
    long = words_in(figures.kaplan_meier("f", curves_named(LONG, "others")))
    assert {"A", "B", "B others"} <= {re.sub(r"\s+", " ", text) for text in long}
    for label in ("all", "another first event"):
        alone = words_in(figures.kaplan_meier("f", curves_named(label)))
        assert [text for text in alone if label in text] == [label], "one curve needs no name beside it, and no letter"


def test_names_of_curves_that_end_together_do_not_touch():
    same = curve_set(*(stepped(name, (0, 1), (12, 0.5)) for name in "abcd"))
    heights = sorted(y for text, _, y in places(figures.kaplan_meier("f", same)) if text in set("abcd"))
    beside = heights[:4]
    assert min(np.diff(beside)) > 8, "points, of text that is 8 high"


def test_each_of_four_curves_has_a_line_of_its_own():
    svg = figures.kaplan_meier("f", curves_named("a", "b", "c", "d"))
    dashes = re.findall(r"stroke-dasharray: ([\d., ]+)", svg)
    assert len({dash.strip() for dash in dashes}) >= 3, "beside the solid one"


def test_a_curve_is_drawn_as_steps():
    # Two levels over 24 months: across, down, across. A slanted line would be a straight path of two points.
    svg = figures.kaplan_meier("f", curve_set(stepped("all", (0, 1), (12, 0.5), (24, 0.5))))
    paths = [re.findall(r"[ML] ([\d.]+) ([\d.]+)", path.get("d", "")) for path in ET.fromstring(svg).iter("path")]
    (curve,) = [points for points in paths if len(points) == 5]
    moves = [(a[0] == b[0], a[1] == b[1]) for a, b in pairwise(curve)]
    assert all(up or across for up, across in moves), "every move is straight down or straight across"


@pytest.mark.parametrize("number", [5, 8, 9])
def test_more_than_four_curves_are_divided_and_none_is_lost(number):
    whole = curves_named(*(f"g{k}" for k in range(number)))
    with pytest.raises(ValueError, match="holds 4 curves"):
        figures.kaplan_meier("f", whole)
    parts = sheets(whole)
    assert [curve.label for part in parts for curve in part.curves] == [f"g{k}" for k in range(number)]
    assert all(len(part.curves) <= MOST_CURVES for part in parts)
    assert len({part.name for part in parts}) == len({part.title for part in parts}) == len(parts) > 1
    assert sheets(curve_set(*TWO_CURVES))[0].name == "efs"


def test_a_curve_of_nobody_keeps_its_name_and_leaves_the_others():
    nobody = stepped("nobody", (0, 1), numbers=("0", "0", "0"))
    empty = type(nobody)("nobody", *[np.zeros(0)] * 4, ("0", "0", "0"))
    shown = words_in(figures.kaplan_meier("f", curve_set(TWO_CURVES[0], empty)))
    assert shown.count("nobody") == 1
    assert shown.count("0") == 3 + 1, "its numbers at risk, and the axis"


def test_hidden_numbers_fit_between_two_months():
    shown = words_in(
        figures.kaplan_meier("f", curve_set(stepped("all", (0, 1), (9, 0.5), numbers=("5 or more", "<5", "not shown"))))
    )
    assert {"≥5", "<5", "–"} <= set(shown)
    assert not {"5 or more", "not shown"} & set(shown)


def test_what_it_must_say_travels_with_it():
    assert "SYNTHETIC" in words_in(figures.kaplan_meier("f", curve_set(*TWO_CURVES), "SYNTHETIC"))


@pytest.mark.parametrize("labels", [["all"], ["R/R", "CR-MRDpos"], [LONG, "b", "c", "d"]])
def test_nothing_of_the_picture_is_cut_off(labels):
    picture = matplotlib.image.imread(io.BytesIO(kaplan_meier_picture(curves_named(*labels), "SYNTHETIC: invented")))
    ink = picture[..., :3].min(axis=2) < 0.5
    assert 0.01 < ink.mean() < 0.3
    edge = np.concatenate([ink[:3].ravel(), ink[-3:].ravel(), ink[:, :3].ravel(), ink[:, -3:].ravel()])
    assert not edge.any()
    assert picture.shape[1] >= 1100, "300 dots an inch at the width of a column"


def test_the_same_curves_give_the_same_picture():
    assert kaplan_meier_picture(curve_set(*TWO_CURVES)) == kaplan_meier_picture(curve_set(*TWO_CURVES))
