"""Effects by value and over time: numbers in points, levels in words, lines told apart without colour."""

from __future__ import annotations

import re

from riskml.reporting import figures
from tests.reporting.figures.drawings import draw, ticks_in, words_in

MINUS = "\N{MINUS SIGN}"


def test_numbers_go_on_an_axis_and_levels_beside_their_bars():
    assert {"0.01", "0.1", "1", "10", "MRD (%)"} <= set(words_in(draw("dependence")))
    assert min(ticks_in(draw("dependence"))) <= -20, "in points, not in shares"
    assert {"absent", "present", "+2.7", f"{MINUS}23.4"} <= set(words_in(draw("levels")))
    assert draw("levels").count("<pattern") == 1, "raising is hatched, lowering is not"


def test_a_short_logarithmic_axis_still_has_numbers():
    svg = figures.dependence("f", [0.15, 3.5], [-0.06, 0.03], log=True, label="CD3", scale="points", title="t")
    assert {"0.2", "0.5", "1", "2"} <= set(words_in(svg))
    flat = figures.dependence("f", [0.0, 3.5], [0.0, 0.0], log=True, label="x", scale="points", title="t")
    assert "0" in words_in(flat), "zero has no logarithm"


def test_nothing_to_draw_is_said():
    svg = figures.dependence("f", [], [], log=False, label="x", scale="points", title="t")
    assert words_in(svg) == ["fewer than five patients in every group"]


def test_at_most_five_lines_each_of_its_own():
    effects = {f"input {k}": [0.0, k / 100] for k in range(1, 8)}
    svg = figures.over_time("f", [0.0, 24.0], effects, scale="points of survival", title="t")
    shown = words_in(svg)
    assert [text for text in shown if text.startswith("input")] == [f"input {k}" for k in range(1, 6)]
    assert {"0", "6", "12", "18", "24", "months"} <= set(shown)
    assert len(set(re.findall(r"stroke-dasharray: ([\d. ,]+)", svg))) >= 2
