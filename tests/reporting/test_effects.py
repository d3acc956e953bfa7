"""Aggregates in words: what moves the estimates, how sure the order is, and no more than the file says."""

from __future__ import annotations

import copy

import pytest

from riskml.reporting import effects
from tests.reporting.figures.drawings import words_in


@pytest.fixture
def told(bundle_of):
    return lambda kind: copy.deepcopy(bundle_of(kind).explanation)


def test_the_scale_is_that_of_the_answer(told):
    assert effects.scale_of(told("binary")) == "points of risk"
    assert effects.scale_of(told("survival")) == "points of survival at 12 months"
    assert effects.scale_of({"scale": "cumulative_incidence", "horizon_months": 24.0}) == (
        "points of incidence at 24 months"
    )


def test_the_strongest_is_named_with_its_interval(told):
    explanation = told("binary")
    first = explanation["inputs"][0]
    said = effects.in_words(explanation, "patient")
    assert said[1].startswith(
        f"{first['label']} moves the estimate most, by {100 * first['mean_absolute_effect']:.1f} ("
    )
    assert "the patients' estimates are" in said[0]


def test_an_order_that_is_not_stable_says_so(told):
    explanation = told("binary")
    for item, low in zip(explanation["inputs"], (1, 1, 2, 2), strict=True):
        item["rank_low"] = low
    labels = [item["label"] for item in explanation["inputs"]]
    assert (
        f"The order is not stable: {labels[0]} or {labels[1]} may come first."
        in effects.in_words(explanation, "row")[2]
    )
    explanation["inputs"][1]["rank_low"] = 2
    assert effects.in_words(explanation, "row")[2].startswith(f"{labels[0]} comes first in nearly every refit.")


def test_without_refits_there_is_no_interval(told):
    explanation = told("binary") | {"draws": 0}
    for item in explanation["inputs"]:
        item |= {"low": None, "high": None, "rank_low": None, "rank_high": None, "rank_shares": []}
    assert effects.in_words(explanation, "row")[2] == "How stable their order is was not estimated."
    rows = effects.importance_table(explanation)[2]
    assert rows[0][3:5] == ["–", "–"]
    assert " to " not in rows[0][1]
    assert "to" not in " ".join(words_in(effects.importance_figure(explanation, "k")[0])).split()


def test_the_table_holds_every_input_in_order(told):
    explanation = told("survival")
    _, columns, rows = effects.importance_table(explanation)
    assert [row[0] for row in rows] == [item["label"] for item in explanation["inputs"]]
    assert all(len(row) == len(columns) for row in rows)
    assert [row[5] for row in rows] == ["all"] * 3


def test_units_are_printed(told):
    item = told("survival")["inputs"][0]
    assert effects.label_of(item | {"label": "CD3", "unit": "10^9/L"}) == "CD3 (10⁹/L)"
    assert effects.label_of(item | {"label": "MRD", "unit": "%"}) == "MRD (%)"
    assert effects.label_of(item | {"label": "Ph+", "unit": ""}) == "Ph+"


def test_drawings_of_survival_hold_its_course_and_binary_none(told):
    assert effects.over_time_figure(told("binary"), "k") is None
    drawings = list(effects.drawings(told("survival"), "k"))
    assert len(drawings) == 1 + 3 + 1
    assert "SHAP(t)" in drawings[-1][1]
    assert len(list(effects.drawings(told("binary"), "k"))) == 1 + effects.DRAWN


def test_an_input_that_the_cohort_lacks_has_no_curve(told):
    explanation = told("survival")
    explanation["inputs"][1]["dependence"] = None
    assert len(list(effects.dependence_figures(explanation, "k"))) == 2


def test_the_waterfall_of_the_prototype_ends_at_its_estimate(told):
    explanation = told("binary")
    shown = words_in(effects.typical_figure(explanation, "k")[0])
    assert f"{100 * explanation['typical']['value']:.1f} %" in shown
    assert "the typical prototype" in shown


def test_why_there_are_no_interactions(told):
    explanation = told("binary")
    assert "through the curvature" in effects.interactions_words(explanation)
    explanation["interactions"]["why"] = "not computed: 11 inputs, 10 at most"
    assert effects.interactions_words(explanation) == (
        "No interactions are listed: not computed: 11 inputs, 10 at most."
    )
