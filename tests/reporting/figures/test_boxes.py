"""Boxes: each time is named, lines of patients stand behind, a wide scale is logarithmic."""

from __future__ import annotations

from dataclasses import replace

from riskml.reporting.figures.boxes import boxes, boxes_picture
from riskml.training.describe.table import Box, BoxSet

SHOWN = BoxSet(
    "changes_of_cd3",
    "CD3 before & later",
    "CD3+ T cells, 10^9/L",
    (Box("before", 0.5, 1.0, 1.5), Box("on day 14 or 15", 0.8, 1.4, 2.0)),
)


def test_every_time_is_named_and_the_title_is_the_alternative():
    drawing = boxes("fig", SHOWN)
    assert '<title id="fig">CD3 before &amp; later</title>' in drawing
    for words in ("before", "on day 14 or 15", "CD3+ T cells, 10⁹/L"):
        assert words in drawing


def test_lines_and_whiskers_are_drawn_where_given():
    plain = boxes("fig", SHOWN)
    ends = replace(SHOWN, boxes=tuple(replace(box, ends=(0.1, 3.0)) for box in SHOWN.boxes))
    assert boxes("fig", ends).count("<path") > plain.count("<path")
    lines = replace(SHOWN, lines=((1.0, 2.0), (0.4, float("nan"))))
    assert boxes("fig", lines).count("<path") > plain.count("<path")


def test_a_wide_scale_is_logarithmic():
    wide = replace(SHOWN, boxes=(Box("before", 1.0, 2.0, 4.0), Box("at onset", 100.0, 400.0, 900.0)))
    assert ">100<" in boxes("fig", wide), "plain numbers on the axis, no formula"
    assert "mathdefault" not in boxes("fig", wide)
    assert boxes("fig", wide) != boxes("fig", replace(wide, boxes=(Box("before", 0.0, 2.0, 4.0), wide.boxes[1])))


def test_the_picture_is_a_png_and_a_stamp_is_small_print():
    assert boxes_picture(SHOWN).startswith(b"\x89PNG")
    assert "must not leave" in boxes("fig", SHOWN, "INTERNAL: it must not leave the site")
    assert "no time with enough patients" in boxes("fig", replace(SHOWN, boxes=()))
