"""The page of an explanation: offline, in aggregates, with its scale, its limits and what pins it down."""

from __future__ import annotations

import re

import pytest

from riskml.reporting.cohort import CohortSummary
from riskml.reporting.explanation import render_explanation
from riskml.runtime.card_words import SYNTHETIC

COHORT = CohortSummary("cohort.csv", synthetic=False, lines=("40 courses", "File cohort.csv, SHA-256 00"))


def page(bundle, **changes):
    shown = {"manifest": dict(bundle.manifest), "cohort": COHORT, "command": "riskml explain b c"} | changes
    return render_explanation(bundle.explanation, **shown)


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_sections_in_order_without_any_reference_outside(bundle_of, kind):
    html = page(bundle_of(kind))
    wanted = ["summary", "cohort", "importance", "values", "together", "record"]
    if kind == "survival":
        wanted.insert(4, "time")
    assert re.findall(r'<section aria-labelledby="(\w+)"', html) == wanted
    assert not re.search(r"https?://|<script|<link|src=", html)
    assert html == page(bundle_of(kind))
    for label in (item["label"] for item in bundle_of(kind).explanation["inputs"]):
        assert label.replace("'", "&#39;") in html


def test_it_says_what_the_numbers_do_not_say(bundle_of):
    html = page(bundle_of("survival"))
    assert "changing an input in a patient need not change the outcome" in html.replace("\n", " ")
    assert "groups of five" in html or "group of five" in html
    assert "riskml explain b c" in html
    assert bundle_of("survival").digest in html
    assert "SHA-256 00" in html


def test_synthetic_models_say_so(bundle_of):
    assert SYNTHETIC in page(bundle_of("binary"))
    assert SYNTHETIC not in page(bundle_of("binary", synthetic=False))


def test_interactions_are_in_the_page_of_a_model_with_trees(average_of):
    html = page(average_of("binary"))
    assert "Effects that depend on another input" in html
