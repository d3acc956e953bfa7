"""The flow diagram: every number of its boxes, exclusions by names that people read, nothing wider than the sheet."""

from __future__ import annotations

import re

from riskml.reporting.figures.flow_chart import flow_chart, flow_chart_picture
from riskml.training.describe.table import FlowBox, FlowChart

CHART = FlowChart(
    "flow",
    "From the file & on",
    FlowBox("Courses (rows of the file): 125", ("Patients: 105", "with 1 course: 90 (86 %)")),
    (
        FlowBox("No response", ("In: 51", "with the event: 9 (18 %)"), ("disease_status_at_start not one of R/R: 54",)),
        FlowBox("Overall survival " * 6, ("In: 105", "with the event: <5")),
    ),
)


def written(drawing):
    texts = [re.sub("<[^>]*>", "", text) for text in re.findall(r"<text[^>]*>.*?</text>", drawing, flags=re.DOTALL)]
    return [text.replace("\N{NO-BREAK SPACE}", " ").strip() for text in texts]


def test_every_box_says_how_many_and_who_was_left_out():
    lines = written(flow_chart("fig", CHART))
    assert lines[:2] == ["Courses (rows of the file): 125", "Patients: 105; with 1 course: 90 (86 %)"]
    assert "In: 51; with the event: 9 (18 %)" in lines
    assert "In: 105; with the event: &lt;5" in lines
    (left_out,) = [line for line in lines if line.startswith("left out")]
    assert "disease_status_at_start" not in left_out
    assert left_out.endswith("54")


def test_long_names_are_put_on_several_lines():
    lines = written(flow_chart("fig", CHART))
    assert max(map(len, lines)) <= 62
    assert sum("Overall survival" in line for line in lines) > 1


def test_each_outcome_has_its_line_from_the_file():
    few = FlowChart(CHART.name, CHART.title, CHART.start, CHART.boxes[:1])
    assert flow_chart("fig", CHART).count("<path") == flow_chart("fig", few).count("<path") + 2, "a box and its line"


def test_the_title_is_the_alternative_and_the_stamp_small_print():
    drawing = flow_chart("fig", CHART, "INTERNAL: it must not leave the site")
    assert '<title id="fig">From the file &amp; on</title>' in drawing
    assert "must not leave" in drawing
    assert flow_chart_picture(CHART).startswith(b"\x89PNG")
