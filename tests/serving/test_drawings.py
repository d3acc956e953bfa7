"""The pictures are well-formed, stand where the numbers say, and are named for those who do not see them."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from riskml.serving.drawings import draw_course, draw_risk, draw_step
from tests.runtime.models import shipped_bundle


def marks(drawing, kind):
    return [node for node in ET.fromstring(str(drawing)).iter() if node.get("class") == kind]


@pytest.mark.parametrize(("value", "low", "high"), [(0.18, 0.08, 0.33), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)])
def test_the_interval_spans_its_share_of_the_scale(value, low, high):
    drawing = draw_risk(value, low, high, 0.5)
    (bar,), (average,) = marks(drawing, "interval"), marks(drawing, "average")
    assert float(bar.get("x")) == pytest.approx(12 + 336 * low, abs=0.01)
    assert float(bar.get("width")) == pytest.approx(max(1, 336 * (high - low)), abs=0.01)
    assert float(average.get("x1")) == pytest.approx(180)
    assert ET.fromstring(str(drawing)).get("aria-label").startswith("Estimate ")
    assert not marks(draw_risk(value, low, high, None), "average")


@pytest.mark.parametrize("since", [None, 3])
def test_the_course_has_each_month_with_its_interval(since):
    bundle = shipped_bundle("efs")
    found = bundle.predict({"mrd": "0.52 %"}, event_free_at=since, explain=False)
    drawing = draw_course(found, bundle.predict({}, event_free_at=since, explain=False).curve)
    circles = marks(drawing, "mark")
    assert [196 - 180 * value for value in found.value] == pytest.approx(
        [float(circle.get("cy")) for circle in circles], abs=0.01
    )
    assert len(marks(drawing, "bar")) == 3 * len(found.times)
    assert len(marks(drawing, "curve")) == len(marks(drawing, "average")) == 1
    start = float(marks(drawing, "curve")[0].get("d")[1:].split()[0])
    assert start == pytest.approx(34)
    assert all(34 <= float(circle.get("cx")) <= 348 for circle in circles)


def test_a_step_goes_from_where_the_estimate_was():
    raised, lowered = draw_step(0.2, 0.5, 0.2, 0.8), draw_step(0.5, 0.2, 0.2, 0.8)
    (up,), (down,) = marks(raised, "raises"), marks(lowered, "lowers")
    assert float(up.get("x")) == float(down.get("x")) == 4
    assert float(up.get("width")) == pytest.approx(56)
    assert marks(draw_step(0.2, 0.2, 0.2, 0.2), "lowers")
