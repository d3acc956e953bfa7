"""The page as a browser gets it: one offline file, sound HTML, the warnings first, no small cell, no script."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from riskml.reporting.cohort import CohortSummary
from riskml.reporting.report import render_report, write_report
from riskml.runtime.card_words import RESEARCH, SYNTHETIC
from tests.reporting.pages import Page, sources_of

COHORT = CohortSummary(
    "cohort.csv", True, ("86 courses of 63 patients",), {"Age": 0.0, "CD3+ T cells": 0.25}, ("a note",)
)
REAL = CohortSummary("cohort.csv", False, ("86 courses",))


@pytest.fixture(scope="module")
def html(bundle_of):
    return render_report(cohort=COHORT, bundles=[bundle_of("binary"), bundle_of("survival")], command="riskml demo")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_every_element_is_closed_and_every_id_is_unique(page):
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = [attrs["href"][1:] for attrs in page.all("a")] + [
        a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a
    ]
    assert set(targets) <= set(ids)


def test_one_offline_file_without_script_or_request(html, page):
    assert not page.all("script", "link", "img", "iframe", "object", "base", "form")
    assert not re.search(r"https?:|url\((?!#)|@import|\son\w+=|src=", html)
    assert all(attrs["href"].startswith("#") for attrs in page.all("a", "use"))
    assert len(html.encode()) < 2_000_000


def test_headings_descend_one_step_at_a_time(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_tables_have_captions_and_scoped_headers(page):
    assert len(page.all("caption")) == len(page.all("table")) > 10
    assert {attrs.get("scope") for attrs in page.all("th")} == {"row", "col"}


def test_drawings_have_a_role_and_a_title(page):
    drawings = page.all("svg")
    # Two of the evaluation, five of the inputs, a nomogram, two examples; of survival a curve each.
    assert len(drawings) == 22
    assert all(attrs["role"] == "img" and attrs["aria-labelledby"] for attrs in drawings)
    assert len(page.all("title")) == len(drawings) + 1


def test_the_warnings_come_first(html):
    body = html[html.index("<body>") :]
    assert body.index(SYNTHETIC) < body.index(RESEARCH) < body.index("<h1>") < body.index("1. Summary")


def test_synthetic_is_said_if_any_model_or_the_cohort_is(bundle_of):
    real = bundle_of("binary", synthetic=False)
    assert SYNTHETIC not in render_report(cohort=REAL, bundles=[real])
    assert RESEARCH in render_report(cohort=REAL, bundles=[real])
    assert SYNTHETIC in render_report(cohort=COHORT, bundles=[real])
    assert SYNTHETIC in render_report(cohort=REAL, bundles=[real, bundle_of("survival")])


def test_no_usable_signal_is_said_plainly(bundle_of):
    verdict = "AUC 0.55 (0.40 to 0.70): ranking by chance is not ruled out"
    html = render_report(cohort=COHORT, bundles=[bundle_of("binary", usable_signal=False, verdict=verdict)])
    assert f"No usable signal: {verdict}." in html.replace("\N{NO-BREAK SPACE}", " ")


def test_a_model_without_evaluation_says_so(bundle_of):
    changes = {"evaluation": None, "usable_signal": False, "verdict": "performance was not evaluated"}
    html = render_report(cohort=COHORT, bundles=[bundle_of("binary", **changes)])
    assert "Not evaluated.</span>\nPerformance was not evaluated." in html


def test_text_from_a_bundle_cannot_become_markup(bundle_of):
    html = render_report(cohort=COHORT, bundles=[bundle_of("binary", label="<script>alert(1)</script>")])
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_the_same_arguments_give_the_same_bytes(bundle_of, html):
    again = render_report(cohort=COHORT, bundles=[bundle_of("binary"), bundle_of("survival")], command="riskml demo")
    assert again == html


def test_a_number_and_its_percent_sign_stay_together(page):
    assert not re.search(r"\d %", "".join(page.text))


def test_writing_replaces_an_older_report_and_leaves_nothing_else(tmp_path, bundle_of):
    target = tmp_path / "out" / "report.html"
    assert write_report(target, cohort=COHORT, bundles=[bundle_of("binary")]) == target
    with pytest.raises(ValueError, match="at least one bundle"):
        write_report(target, cohort=COHORT, bundles=[])
    assert target.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]


def test_notes_on_the_outcome_stand_below_the_flow(bundle_of):
    training = {**bundle_of("binary").manifest["training"], "notes": ["only <those> who had 4 days of the drug"]}
    html = render_report(cohort=COHORT, bundles=[bundle_of("binary", training=training)])
    assert "<li>only &lt;those&gt; who had 4 days of the drug</li>" in html
    assert html.index("Who was left out") < html.index("&lt;those&gt;") < html.index("<h4>Predictors</h4>")


def test_the_methods_cite_what_is_listed_and_are_those_of_the_models(html, bundle_of):
    both = sources_of(html)
    assert any(text.startswith("Harrell") for text in both)
    binary = sources_of(render_report(cohort=COHORT, bundles=[bundle_of("binary")]))
    assert not any(text.startswith("Harrell") for text in binary), "Harrell's C was not reported"
    assert "<h3>Sample size</h3>" in html
