"""The drawing: no words meet, none leave the sheet, marks stand where their points are, every value keeps its words."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from riskml.reporting import figures
from riskml.reporting.figures.nomogram import width_of, wrapped
from riskml.reporting.nomogram import Answer, Nomogram, nomogram, nomogram_of
from riskml.reporting.nomogram_axes import Axis
from riskml.reporting.nomogram_runs import ALWAYS, Run, Tick
from tests.reporting.figures.drawings import NOMOGRAM, words_in
from tests.reporting.lines import variables_for
from tests.runtime.models import LEVELS, SHIPPED, portable_models, shipped_bundle

LEFT, RIGHT = 152.0, 476.0


def boxes_in(svg):
    """Words with the box of their letters, as wide and high as the outlines of the font."""
    found = []
    for element in ET.fromstring(svg).iter("text"):
        style = element.get("style")
        size = float(re.search(r"font-size: ([\d.]+)px", style)[1])
        font = FontProperties(family="DejaVu Sans", weight="bold" if "700" in style else "normal")
        ends = TextPath((0, 0), element.text, size=size, prop=font).get_extents()
        x = float(element.get("x")) - (ends.width / 2 if "text-anchor: middle" in style else 0.0)
        y = float(element.get("y"))
        found.append((element.text, x, y - ends.y1, x + ends.width, y - ends.y0))
    return found


def check(svg):
    """No words meet, none leave the sheet."""
    _, _, width, height = map(float, ET.fromstring(svg).get("viewBox").split())
    boxes = boxes_in(svg)
    for text, x0, y0, x1, y1 in boxes:
        assert 0 <= x0 <= x1 <= width, text
        assert 0 <= y0 <= y1 <= height, text
    for (a, *box), (b, *other) in combinations(boxes, 2):
        apart = box[2] <= other[0] or other[2] <= box[0] or box[3] <= other[1] or other[3] <= box[1]
        assert apart, f"{a!r} lies on {b!r}"
    return boxes


@pytest.mark.parametrize("name", [*SHIPPED, "non_response_published", "efs_published"])
def test_nothing_meets_in_those_of_the_shipped_models(name):
    shown = nomogram_of(shipped_bundle(name))
    svg = figures.nomogram("f", shown, title="t", heading=["A title", "a mark " * 30], notes=["small print " * 40])
    said = {text for text, *_ in check(svg)}
    for axis in shown.axes:
        assert {tick.label for run in axis.runs for tick in run.ticks if tick.rank == ALWAYS} <= said
    assert {"Points", "Total points", "0", "100", *(answer.label for answer in shown.answers)} <= said


def crowded(n_axes, gap):
    """Lines with long names and five levels that are hardly apart, whose words are long too."""
    names = ["not any of the known ones", "one or the other of two", "a third of them", "a fourth", "none at all"]
    ticks = tuple(Tick(name, gap * k, ALWAYS, (name,)) for k, name in enumerate(names))
    label = "An input whose name is long enough to be broken into three lines or four of them"
    return [Axis(f"{label} {k}", "0.00083 to 0.58 × 10⁹/L", (f"x{k}",), (Run(ticks, "single"),)) for k in range(n_axes)]


@pytest.mark.parametrize("gap", [0.0, 0.3, 25.0])
def test_twelve_crowded_lines_keep_apart_and_every_level_is_named(gap):
    full = Axis("Age", "0 to 18 years", ("age",), NOMOGRAM.axes[1].runs)
    svg = figures.nomogram(
        "f", Nomogram((*crowded(11, gap), full), 1200.0, 0, 0.01, NOMOGRAM.answers, (), 0), title="t"
    )
    assert len([text for text, *_ in check(svg) if text == "a third of them"]) == 11


@given(st.data())
@settings(max_examples=8)
def test_nothing_meets_whatever_the_model(data):
    model = data.draw(portable_models(linear=True, max_inputs=7))
    model = model.with_(members=(model.members[0].with_(weight=1.0),))
    levels = {name: (*LEVELS, "other") for name in model.inputs if name.startswith("level")}
    months = () if model.kind == "binary" else (0.5 * model.horizon, model.horizon)
    shown = nomogram(model, variables_for(model), months=months, levels=levels)
    if isinstance(shown, Nomogram):
        check(figures.nomogram("f", shown, title="t"))


def test_marks_stand_where_their_points_are():
    """Present is worth 40 of 100: two fifths of the way; 50 % stands at 90 of 140."""
    svg = figures.nomogram("f", NOMOGRAM, title="t")
    middle = {text: (x0 + x1) / 2 for text, x0, _, x1, _ in boxes_in(svg)}
    assert middle["present"] == pytest.approx(LEFT + 0.4 * (RIGHT - LEFT), abs=0.6)
    places = {round(float(x), 3) for x in re.findall(r"M ([\d.]+) [\d.]+", svg)}
    assert {round(LEFT + share * (RIGHT - LEFT), 3) for share in (0.4, 1.0, 90 / 140, 30 / 140)} <= places


def test_a_line_that_turns_back_has_words_on_both_sides():
    up = Run((Tick("1", 0.0, ALWAYS, (1.0,) * 2), Tick("4", 100.0, ALWAYS, (4.0,) * 2)), "linear")
    down = Run((Tick("4.1", 100.0, ALWAYS, (4.1,) * 2), Tick("9", 20.0, ALWAYS, (9.0,) * 2)), "linear")
    far = Run((Tick("9.1", 20.0, ALWAYS, (9.1,) * 2), Tick("12", 60.0, ALWAYS, (12.0,) * 2)), "linear")
    line = Axis("Age", "1 to 12 years", ("age",), (up, down, far))
    svg = figures.nomogram("f", Nomogram((line,), 100.0, 0, 0.01, NOMOGRAM.answers, (), 0), title="t")
    check(svg)
    places = {text: y0 for text, _, y0, _, _ in boxes_in(svg)}
    assert places["9"] < places["1"]  # above the line, the first run's words below it
    assert places["12"] > places["1"] + 10  # a line more
    assert places["4"] == pytest.approx(places["1"], abs=0.5)


def test_less_round_numbers_give_way_and_round_marks_stay():
    ticks = [Tick("0", 0.0, ALWAYS, (0.0,) * 2), Tick("1", 1.0, ALWAYS, (1.0,) * 2)]
    ticks += [Tick(f"0.{k:02}", k / 100, 1 + k % 2, (k / 100,) * 2) for k in range(1, 100)]
    line = Axis("Share", "", ("x",), (Run(tuple(sorted(ticks, key=lambda t: t.worth)), "linear"),))
    said = words_in(figures.nomogram("f", NOMOGRAM.__class__((line,), 1.0, 0, 1, NOMOGRAM.answers, (), 0), title="t"))
    assert {"0", "1"} <= set(said)
    assert len(said) < 40


def test_an_answer_is_drawn_over_all_totals():
    one = Answer("Risk, %", None, (Tick("50", 100.0, 1, (0.5,) * 2),), ())
    svg = figures.nomogram("f", Nomogram(NOMOGRAM.axes, 140.0, 0, 0.01, (one,), (), 0), title="t")
    check(svg)
    assert len(re.findall(rf"M {LEFT:g} ([\d.]+)\s*L {RIGHT:g} \1", svg)) == 4  # points, the longest line, total, risk


@given(st.text("abc mW", min_size=1, max_size=60), st.floats(20, 200))
@settings(max_examples=40)
def test_text_is_broken_to_fit(text, width):
    lines = wrapped(text, 8.0, width)
    assert all(width_of(line, 8.0) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
