"""What stands around a nomogram: how to read it, for whom it is, what it is not; and the file that stands alone."""

from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import pytest

from riskml.reporting.cohort import CohortSummary
from riskml.reporting.presentation import COMPLETE, HOW_TO_READ, nomogram_file, presentation
from riskml.reporting.report import render_report
from riskml.runtime.card_words import RESEARCH, SYNTHETIC
from tests.reporting.figures.test_nomogram import check
from tests.reporting.pages import checked, small_counts, words_of
from tests.runtime.models import SHIPPED, shipped_bundle

COHORT = CohortSummary("cohort.csv", True, ("86 courses of 63 patients",))
PUBLISHED = ("non_response_published", "efs_published")


def said_in(svg):
    return " ".join(
        "".join(element.itertext()) for element in ET.fromstring(svg.encode()).iter() if "text" in element.tag
    )


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_the_report_says_how_to_read_it_and_for_whom_it_is(bundle_of, kind):
    page = checked(render_report(cohort=COHORT, bundles=[bundle_of(kind)]))
    text = words_of(page)
    assert HOW_TO_READ in text
    assert COMPLETE in text
    assert "at most" in text
    (box,) = (attrs for attrs in page.all("div") if attrs.get("class") == "sheet")
    assert box["tabindex"] == "0"  # a box that scrolls can be reached without a mouse
    assert box["aria-label"] == f"Nomogram: A {kind} outcome"
    assert small_counts(page) == []


def test_tables_say_the_same_as_the_drawing(bundle_of):
    shown = presentation(bundle_of("binary"), "m")
    lines = dict(shown["points"])
    # MRD has 0.7 a decade over log10(0.5 / 1e-4) decades: the longest line; Ph+ 1.0 of these 2.589, 39 points.
    assert lines["BCR::ABL1 (Ph+)"].replace("\N{NO-BREAK SPACE}", " ") == "absent → 0, present → 39"
    assert lines["KMT2A rearrangement or TCF3::HLF"].endswith("both\N{NO-BREAK SPACE}→\N{NO-BREAK SPACE}39")
    columns, rows = shown["totals"]
    assert columns == ["Total points", "Risk"]
    assert rows[0][0] == "0"
    columns, _ = presentation(bundle_of("survival"), "m")["totals"]
    assert columns == ["Total points", "Event-free at 6 months", "Event-free at 12 months"]


def test_without_a_nomogram_the_report_says_why(average_of):
    text = words_of(checked(render_report(cohort=COHORT, bundles=[average_of("binary")])))
    assert "There is no nomogram: the estimate is an average of 2 models" in text
    assert "model.json holds every number of every member" in text
    assert nomogram_file(average_of("binary")) is None


@pytest.mark.parametrize("name", [*SHIPPED, *PUBLISHED])
def test_the_file_says_all_that_the_report_says_around_it(name):
    bundle = shipped_bundle(name)
    svg = nomogram_file(bundle)
    check(svg.partition("\n")[2].replace(' xmlns="http://www.w3.org/2000/svg"', ""))
    said = said_in(svg)
    assert bundle.manifest["label"] in said
    assert HOW_TO_READ in said
    assert COMPLETE in said
    assert RESEARCH in said
    assert (SYNTHETIC in said) == bundle.manifest["synthetic"]
    assert ("Published counts: fitted to the counts that one paper prints" in said) == ("published" in bundle.manifest)
    assert len(svg) < 100_000
    assert svg == nomogram_file(bundle)


def test_an_input_without_points_and_a_detection_limit_are_explained(bundle_of):
    def slight(model):
        linear = model.members[0].linear.with_(coefficients=(0.5, 0.0, 0.0001, 0.4))
        features = (*model.features[:3], model.features[3].with_(parameter=1e-4 / math.sqrt(2)))
        limits = {**model.limits, "mrd": (5e-5, 0.5)}
        return model.with_(members=(model.members[0].with_(predictor=linear),), features=features, limits=limits)

    notes = presentation(bundle_of("survival", change=slight, explain=False), "m")["notes"]
    assert "“<0.01” stands for every value below the detection limit." in notes
    assert any(note.startswith("Without a line") and note.endswith(": Age.") for note in notes)
    plain = presentation(bundle_of("binary"), "m")["notes"]
    assert not any(note.startswith("Without a line") or "detection" in note for note in plain)


def test_text_from_a_bundle_cannot_become_markup(bundle_of):
    bundle = bundle_of("binary", label="<script>alert(1)</script>")
    assert "<script" not in nomogram_file(bundle)
    assert "<script" not in render_report(cohort=COHORT, bundles=[bundle])
