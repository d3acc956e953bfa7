"""Measures by name, digits, ideal and direction."""

from __future__ import annotations

import pytest

from riskml.reporting import measures
from riskml.runtime.card_words import metric_label

MINUS = "\N{MINUS SIGN}"


def interval(value, low, high):
    return {"value": value, "low": low, "high": high, "level": 0.95, "method": "by hand"}


@pytest.mark.parametrize(
    ("name", "metric", "text"),
    [
        ("auc", interval(0.644, 0.518, 0.75), "0.64 (0.52 to 0.75)"),
        ("brier", interval(0.1204, 0.08, 0.16), "0.120 (0.080 to 0.160)"),
        ("calibration_intercept", 0.1, "0.100"),
        ("scaled_brier", interval(0.07, -0.05, 0.15), f"7 % ({MINUS}5 to 15 %)"),
        ("ipa", 0.07, "7 %"),
        ("auc", 0.644, "0.64"),
        ("auc", None, "not estimable"),
        ("auc", interval(None, None, None), "not estimable"),
        ("auc", interval(0.6, None, None), "0.60 (interval not estimable)"),
    ],
)
def test_a_measure_has_the_digits_of_its_kind(name, metric, text):
    assert measures.shown(name, metric) == text


def test_ideals_are_those_of_a_perfect_model():
    names = ("auc", "brier", "ici", "calibration_intercept", "ipa", "calibration_slope")
    assert [measures.ideal(name) for name in names] == ["1", "0", "0", "0", "100 %", "1"]


def test_names_are_those_of_the_card_without_their_explanation():
    assert measures.label("auc") == "AUC"
    assert metric_label("brier").startswith(measures.label("brier"))
    assert measures.label("some_thing") == "some thing", "a measure the card does not know keeps its name"


def test_a_span_needs_both_ends():
    assert measures.span("auc", 0.4, 0.83) == "0.40 to 0.83"
    assert measures.span("ipa", 0.02, 0.1) == "2 to 10 %"
    assert measures.span("auc", None, 0.83) == "not estimable"


@pytest.mark.parametrize(
    ("name", "low", "high", "word"),
    [
        ("auc", 0.01, 0.1, "better"),
        ("auc", -0.1, -0.01, "worse"),
        ("brier", -0.1, -0.01, "better"),
        ("log_loss", 0.01, 0.1, "worse"),
        ("auc", -0.01, 0.1, "no difference shown"),
        ("auc", 0.0, 0.1, "no difference shown"),
        ("auc", None, None, "not estimable"),
        ("observed_expected", 0.01, 0.1, "higher"),
        ("calibration_slope", -0.1, -0.01, "lower"),
        ("calibration_intercept", -0.1, 0.1, "no difference shown"),
    ],
)
def test_a_difference_is_judged_by_its_interval_and_the_direction_of_the_measure(name, low, high, word):
    assert measures.comparison(name, interval(0.05, low, high)) == word


def test_no_difference_at_all_is_not_estimable():
    assert measures.comparison("auc", None) == "not estimable"
