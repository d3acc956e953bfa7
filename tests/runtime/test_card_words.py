"""The words that cards, reports and the command line share."""

from __future__ import annotations

import pytest

from riskml.runtime.card_words import doubt, interval_text, learner_text, level_of, number, planning_text, rank_text
from tests.runtime.models import shipped_bundle


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ({"value": 0.7, "low": 0.6, "high": 0.8}, "0.700 (0.600 to 0.800)"),
        ({"value": 0.7, "low": None, "high": None}, "0.700 (interval not estimable)"),
        ({"value": None, "low": None, "high": None}, "not estimable"),
    ],
)
def test_intervals_read_as_text(metric, text):
    assert interval_text(metric) == text


def test_numbers_are_rounded_and_gaps_are_words():
    assert (number(0.12345), number(0.12345, 1), number(None)) == ("0.123", "0.1", "not estimable")


@pytest.mark.parametrize(
    ("training", "text"),
    [
        ({}, ""),
        ({"members": [{"kind": "ridge_cox", "weight": 1.0, "line": None}]}, "Ridge cox."),
        ({"members": [{"kind": "forest", "weight": 1.0, "line": [0.1, 0.8]}]}, "Forest recalibrated."),
        (
            {"members": [{"kind": "literature_cox", "weight": 1.0, "line": None, "literature_weight": 0.843}]},
            "Literature cox (weight of the literature 0.84).",
        ),
        ({"members": [{"kind": "a_b:C_d", "weight": 1.0, "line": None}]}, "Estimator a_b:C_d."),
        (
            {
                "members": [
                    {"kind": k, "weight": w, "line": None} for k, w in (("a", 0.5), ("b_c", 0.25), ("d", 0.25))
                ],
                "members_left_out": ["e was left out: 9 events, it takes part from 25"],
            },
            "Average of a (50 %), b c (25 %) and d (25 %). E was left out: 9 events, it takes part from 25.",
        ),
    ],
)
def test_the_learner_in_words(training, text):
    assert learner_text(training) == text


ITEMS = [
    {"input": "mrd", "mean_absolute_effect": 0.063, "low": 0.013, "high": 0.142, "rank_low": 1, "rank_high": 5},
    {"input": "cd3", "mean_absolute_effect": 0.017, "low": 0.001, "high": 0.056, "rank_low": 2, "rank_high": 7},
]


def test_how_stable_the_order_is_in_words():
    shaky = [item | {"rank_low": 1} for item in ITEMS]
    assert rank_text(shaky, ["A", "B"]) == "The order is not stable: A or B may come first."
    assert rank_text(ITEMS, ["A", "B"]) == "A comes first in nearly every refit."
    assert rank_text(ITEMS[:1], ["A"]) == "It is the only input."
    assert rank_text([], []) == "How stable their order is was not estimated."


@pytest.mark.parametrize(
    ("label", "level", "text"),
    [("Sex", "female", "Sex female"), ("Centre", "centre 2", "centre 2"), ("Age", "1 to 9 years", "Age 1 to 9 years")],
)
def test_a_level_that_says_it_all_stands_alone(label, level, text):
    assert level_of({"label": label, "level": level}) == text


def test_the_criteria_of_sample_size_in_words():
    planning = dict(shipped_bundle("efs").manifest["planning"])
    assert not planning["met"]
    said = planning_text(planning)
    assert "are not met: 105 patients with 14 events" in said
    assert f"expected to be {planning['expected_shrinkage']:.2f}" in said
    met = planning_text(planning | {"met": True, "at_estimate": None})
    assert "are met: 105 patients" in met
    assert "Without shrinkage" not in met


def test_a_model_that_was_never_evaluated_did_not_fail_in_an_evaluation():
    manifest = {"usable_signal": False, "evaluation": {}, "verdict": "AUC 0.51"}
    assert doubt(manifest).startswith("in honest cross-validation")
    assert doubt(manifest).endswith(": AUC 0.51")
    assert "cross-validation" not in doubt({**manifest, "evaluation": None})
    assert doubt({**manifest, "evaluation": None}).startswith("nothing is known")
    assert doubt({**manifest, "usable_signal": True}) == ""
