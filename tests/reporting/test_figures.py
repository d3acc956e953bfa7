"""Drawings of every kind: well formed, self-contained, deterministic, and honest about having nothing to show."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from riskml.reporting import figures
from riskml.training.describe.table import Lane, LaneSet
from tests.reporting.figures.drawings import DRAWINGS, curve_set, draw, stepped, words_in

each = pytest.mark.parametrize("kind", DRAWINGS)
NONE = [None, None]
EMPTY = {
    "calibration": lambda: figures.calibration("f", [], [], [], [], [], title="t"),
    "smooth": lambda: figures.calibration(
        "f", [], [], [], [], [], title="t", smooth={"risk": [], "observed": [], "low": [], "high": []}
    ),
    "stability": lambda: figures.stability("f", [0.1, 0.2], NONE, NONE, title="t"),
    "decision": lambda: figures.decision_curve("f", [0.1, 0.2], NONE, NONE, NONE, [0.1, 0.0], title="t"),
    "learning": lambda: figures.learning_curve("f", [10, 20], NONE, NONE, NONE, title="t", measure="AUC"),
    "forest": lambda: figures.forest("f", [], title="t", measure="AUC"),
    "forest of words": lambda: figures.forest("f", [("A", None, None, None, "")], title="t", measure="AUC"),
    "before_after": lambda: figures.before_after("f", [], title="t"),
    "contrast": lambda: figures.contrast("f", [], title="t"),
    "control_chart": lambda: figures.control_chart("f", ["a", "b"], NONE, NONE, NONE, [(None,) * 4] * 2, title="t"),
    "cusum": lambda: figures.cusum("f", [], [], [], (4.0, 4.0), title="t"),
    "kaplan_meier": lambda: figures.kaplan_meier("f", curve_set(title="t")),
}


def test_every_figure_is_tried():
    tried = {"smooth": "calibration", "survival": "survival_curve", "decision": "decision_curve"}
    tried |= {"learning": "learning_curve", "interval": "importance", "levels": "dependence"}
    assert {tried.get(kind, kind) for kind in DRAWINGS} == set(figures.__all__)


@each
def test_a_drawing_is_one_self_contained_element(kind):
    svg = draw(kind)
    root = ET.fromstring(svg)
    assert root.tag == "svg"
    assert root.get("role") == "img"
    assert root.find("title").get("id") == root.get("aria-labelledby") == "fig"
    assert root.find("title").text == "Drawing <of> it"
    assert not re.search(r"<style|<script|<metadata|https?:|xlink|@import|<image|\bnan\b", svg)
    assert len(svg) < 40_000


@pytest.mark.parametrize("kind", [kind for kind in DRAWINGS if kind != "nomogram"])  # which is a sheet of paper
def test_a_drawing_is_as_wide_as_a_phone(kind):
    left, _, width, _ = map(float, ET.fromstring(draw(kind)).get("viewBox").split())
    assert (left, width) == (0, pytest.approx(280.8))


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


@pytest.mark.parametrize("kind", EMPTY)
def test_without_numbers_a_figure_says_so(kind):
    shown = words_in(EMPTY[kind]())
    assert "not estimable" in shown
    assert not any(text.replace(".", "").isdigit() for text in shown), "no axis without a number on it"


LONG = "Hospital of a university with a name that never seems to come to its end"
MANY = range(30)
EXTREME = {
    "one group, interval over everything": lambda: figures.calibration("f", [0.1], [0.1], [0], [1], [20], title="t"),
    "all risks equal": lambda: figures.stability("f", [0.2, 0.2], [0.2, 0.2], [0.2, 0.2], title="t"),
    "no risk at all": lambda: figures.stability("f", [0.0], [0.0], [0.0], title="t"),
    "no benefit at all": lambda: figures.decision_curve("f", [0.1, 0.2], [0, 0], [0, 0], [0, 0], [0, 0], title="t"),
    "one threshold": lambda: figures.decision_curve("f", [0.1], [0.1], [None], [None], [None], title="t"),
    "one size": lambda: figures.learning_curve("f", [9], [0.5], [0.5], [0.5], title="t", measure="AUC"),
    "long names": lambda: figures.forest("f", [(LONG, 0.5, 0.4, 0.6, LONG)] * 2, title="t", measure="AUC"),
    "long reasons": lambda: figures.forest("f", [(LONG, None, None, None, LONG)], title="t", measure="AUC"),
    "thirty centres": lambda: figures.forest(
        "f",
        [(f"{k}", k, 0, 1e9, "") for k in MANY],
        summary=("all", 1, 1, 1, ""),
        title="t",
        measure="O/E",
        scale="log",
    ),
    "everything equal": lambda: figures.before_after("f", [("AUC", (1, 1, 1), (1, 1, 1), 1)] * 9, title="t"),
    "huge difference": lambda: figures.contrast("f", [(LONG, -1e9), ("b", 0.0)], title="t"),
    "thirty batches": lambda: figures.control_chart(
        "f", [LONG] * 30, [1e9, *[None] * 29], [0] * 30, [1e9] * 30, [(None,) * 4] * 30, title="t"
    ),
    "long curves": lambda: figures.kaplan_meier("f", curve_set(*[stepped(LONG, (0, 1), (200, 0))] * 4)),
    "one long lane": lambda: figures.swimmer("f", LaneSet("s", "t", (Lane(LONG, 1e4, (), ((1e4, LONG[:40]),)),))),
    "alarm at once": lambda: figures.cusum("f", [LONG], [9.0], [9.0], (4.0, 4.0), title="t"),
}


@pytest.mark.parametrize("kind", EXTREME)
def test_extreme_arrays_are_drawn_within_the_width_of_a_phone(kind):
    svg = EXTREME[kind]()
    assert float(ET.fromstring(svg).get("viewBox").split()[2]) == pytest.approx(280.8)
    assert not re.search(r"\bnan\b|\binf\b", svg)
    assert all(len(text) <= 58 for text in words_in(svg))
