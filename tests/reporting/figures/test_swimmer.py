"""Swimmer plots: a lane a patient, a shape an event, arrows where follow-up goes on, nothing cut off."""

from __future__ import annotations

import io
from xml.etree import ElementTree as ET

import matplotlib.image
import numpy as np
import pytest

from riskml.reporting import figures
from riskml.reporting.figures.swimmer import MOST_LANES, lanes_by_sheet, swimmer_picture
from riskml.training.describe.table import Lane, LaneSet
from tests.reporting.figures.drawings import LANES, ticks_in, words_in


def lanes(*given, title="Courses and events"):
    return LaneSet("courses", title, given)


def test_everything_drawn_is_named():
    shown = words_in(figures.swimmer("f", lanes(*LANES)))
    named = {"in a course", "response", "relapse", "death", "follow-up goes on", "months", "R/R", "CR-MRDpos"}
    assert named <= set(shown)
    assert shown.count("response") == 1, "one line for each kind of event"


def test_what_did_not_happen_is_not_named():
    shown = words_in(figures.swimmer("f", lanes(Lane("R/R", 6.0))))
    assert set(shown) - {"R/R", "months"} == {str(month) for month in range(7)}


def test_a_lane_for_each_patient_and_the_axis_ends_with_the_last():
    svg = figures.swimmer("f", lanes(*(Lane("R/R", float(months)) for months in (3, 9, 30))))
    assert words_in(svg).count("R/R") == 3
    assert max(ticks_in(svg)) == 30
    heights = [float(ET.fromstring(figures.swimmer("f", lanes(*LANES * n))).get("viewBox").split()[3]) for n in (1, 50)]
    assert heights[1] > 4 * heights[0], "lanes keep their height"


def test_nobody_is_said():
    assert words_in(figures.swimmer("f", lanes())) == ["no patient with a known course"]
    assert swimmer_picture(lanes()).startswith(b"\x89PNG")


def test_more_kinds_than_shapes_are_numbered():
    many = Lane("R/R", 12.0, (), tuple((float(k), f"event {k}") for k in range(11)))
    assert {f"event {k}" for k in range(11)} <= set(words_in(figures.swimmer("f", lanes(many))))


@pytest.mark.parametrize("number", [1, 30])
def test_nothing_of_the_picture_is_cut_off(number):
    picture = matplotlib.image.imread(io.BytesIO(swimmer_picture(lanes(*LANES * number), "INTERNAL: must stay here")))
    ink = picture[..., :3].min(axis=2) < 0.5
    assert 0.01 < ink.mean() < 0.6
    edge = np.concatenate([ink[:3].ravel(), ink[-3:].ravel(), ink[:, :3].ravel(), ink[:, -3:].ravel()])
    assert not edge.any()


def test_a_shape_means_one_thing_in_all_figures_of_a_set():
    """The first sheet begins with a relapse, the second with a death: each keeps the shape it has in the whole set."""
    first, second = Lane("R/R", 9.0, (), ((3.0, "relapse"),)), Lane("R/R", 9.0, (), ((3.0, "death"),))
    sheets = lanes_by_sheet(lanes(*[first] * MOST_LANES, *[second] * 2))
    assert [sheet.kinds for sheet in sheets] == [("relapse", "death")] * 2
    alone = LaneSet(sheets[1].name, sheets[1].title, sheets[1].lanes)
    assert figures.swimmer("f", sheets[1]) != figures.swimmer("f", alone), "not the first shape, as it would be alone"
    assert "relapse" not in words_in(figures.swimmer("f", sheets[1]))
