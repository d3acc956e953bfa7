"""Importance and waterfall: numbers beside bars, and signs that need no colour."""

from __future__ import annotations

from riskml.reporting import figures
from tests.reporting.figures.drawings import draw, ticks_in, words_in


def test_waterfall_writes_base_effects_and_estimate():
    shown = words_in(draw("waterfall"))
    assert {"16.3 %", "8.9 %", "\N{MINUS SIGN}8.6", "+1.2", "0.0"} <= set(shown)


def test_raising_and_lowering_differ_by_more_than_colour():
    def hatched(effects):
        svg = figures.waterfall("f", 0.2, effects, 0.3, start="a", end="b", scale="s", title="t")
        return svg.count("<pattern")

    assert hatched([("x", 0.1)]) == 1
    assert hatched([("x", -0.1)]) == 0


def test_intervals_are_written_beside_their_bars_and_reach_beyond_them():
    shown = words_in(draw("interval"))
    assert {"6.0 (1.4 to 13.1)", "0.0 (0.0 to 7.0)"} <= set(shown)
    assert max(ticks_in(draw("interval"))) > 6


def test_long_labels_are_cut_and_effects_of_nothing_still_drawn():
    svg = figures.importance("f", ["word " * 30], [0.0], scale="s", title="t")
    assert any(text.endswith("…") and len(text) <= 54 for text in words_in(svg))
    assert figures.waterfall("f", 0.2, [], 0.2, start="a", end="b", scale="s", title="t").startswith("<svg")
