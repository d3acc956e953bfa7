"""Drawings: well formed, self-contained, deterministic, and they say in words what they show."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.reporting import figures

CURVE = {
    "predicted": [0.005, 0.01, 0.02, 0.04, 0.17],
    "observed": [0.0, 0.0, 0.04, 0.04, 0.16],
    "low": [0.0, 0.0, 0.01, 0.01, 0.06],
    "high": [0.13, 0.13, 0.2, 0.2, 0.35],
    "patients": [26, 25, 25, 25, 24],
}
BOX = [0.02, 0.05, 0.1, 0.2, 0.3]


def draw(kind, name="fig"):
    if kind == "calibration":
        return figures.calibration(name, **CURVE, title="Calibration <of> it")
    if kind == "distribution":
        return figures.distribution(name, [("with (9)", BOX), ("without (<5)", [])], title="By outcome")
    if kind == "importance":
        return figures.importance(name, ["MRD", "Age"], [0.4, 0.0], scale="log-odds", title="Importance")
    if kind == "waterfall":
        effects = [("MRD: < 0.01 %", -0.086), ("Ph+: absent", 0.012), ("CD3: 1", 0.0)]
        return figures.waterfall(
            name, 0.163, effects, 0.089, start="average", end="this patient", scale="risk", title="Effects"
        )
    times, level = [0.0, 6.0, 12.0], [1.0, 0.9, 0.8]
    bounds = ([1.0, 0.8, 0.6], [1.0, 0.95, 0.9])
    return figures.survival_curve(name, times, level, *bounds, [1.0, 0.95, 0.85], marks=[6.0, 12.0], title="Curve")


each = pytest.mark.parametrize("kind", ["calibration", "distribution", "importance", "waterfall", "survival"])


def words_in(svg):
    return [" ".join(element.itertext()).strip() for element in ET.fromstring(svg).iter("text")]


@each
def test_a_drawing_is_one_self_contained_element(kind):
    svg = draw(kind)
    root = ET.fromstring(svg)
    assert root.tag == "svg"
    assert root.get("role") == "img"
    assert root.find("title").get("id") == root.get("aria-labelledby") == "fig"
    assert not re.search(r"<style|<script|<metadata|https?:|xlink|@import|<image", svg)
    assert len(svg) < 40_000


@each
def test_the_same_arrays_give_the_same_bytes(kind):
    assert draw(kind) == draw(kind)


@each
def test_ids_of_two_drawings_never_meet_and_every_reference_is_kept(kind):
    first, second = draw(kind, "one"), draw(kind, "two")
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (first, second)]
    assert not ids[0] & ids[1]
    for svg, own in zip((first, second), ids, strict=True):
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) <= own


def test_calibration_writes_the_size_of_every_group():
    shown = words_in(draw("calibration"))
    assert [shown.count(size) for size in ("26", "25", "24")] == [1, 3, 1]
    assert "perfect" in shown


def test_titles_and_labels_are_escaped():
    assert '<title id="fig">Calibration &lt;of&gt; it</title>' in draw("calibration")
    assert "MRD: < 0.01 %" in words_in(draw("waterfall"))


def test_a_small_group_is_named_and_not_drawn():
    shown = words_in(draw("distribution"))
    assert "fewer than five: not shown" in shown
    assert "median 10 %" in shown


def test_waterfall_writes_base_effects_and_estimate():
    shown = words_in(draw("waterfall"))
    assert {"16.3 %", "8.9 %", "\N{MINUS SIGN}8.6", "+1.2", "0.0"} <= set(shown)


def test_raising_and_lowering_differ_by_more_than_colour():
    def hatched(effects):
        svg = figures.waterfall("f", 0.2, effects, 0.3, start="a", end="b", scale="s", title="t")
        return svg.count("<pattern")

    assert hatched([("x", 0.1)]) == 1
    assert hatched([("x", -0.1)]) == 0


def test_survival_curve_writes_its_marks():
    assert {"90 %", "80 %", "months", "event-free"} <= set(words_in(draw("survival")))


def test_long_labels_are_cut_and_effects_of_nothing_still_drawn():
    svg = figures.importance("f", ["word " * 30], [0.0], scale="s", title="t")
    assert any(text.endswith("…") and len(text) <= 54 for text in words_in(svg))
    assert figures.waterfall("f", 0.2, [], 0.2, start="a", end="b", scale="s", title="t").startswith("<svg")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_labels_are_spread_out_and_stay_in_order(places):
    spread = figures._spread_out(sorted(places), 0.13, 1.0)
    assert all(b - a >= 0.13 - 1e-9 for a, b in pairwise(spread))
    assert spread[-1] <= 1.0


@given(st.lists(st.floats(0, 1), min_size=1))
def test_an_axis_reaches_above_every_share(shares):
    assert max(shares) <= figures._ceiling(shares) <= 1
