"""Forest, before and after, case mix: every number in words beside its mark."""

from __future__ import annotations

import re

import pytest

from riskml.reporting import figures
from tests.reporting.figures.drawings import draw, ticks_in, words_in

MINUS = "\N{MINUS SIGN}"


def forest(rows, **more):
    return figures.forest("f", rows, title="t", measure="AUC", **more)


def test_a_forest_writes_estimates_reasons_summary_and_prediction():
    assert {
        "A", "0.70 (0.60 to 0.80)", "B", "not estimable: <5 events", "together", "0.70 (0.65 to 0.75)",
        "expected in a new one", "0.50 to 0.90",
    } <= set(words_in(draw("forest")))  # fmt: skip


def test_a_reason_too_long_to_stand_beside_its_label_stands_below_it_whole():
    label, why = "Infants under one year of age", "not estimable: <5 events; 10 are needed"
    assert {label, why} <= set(words_in(forest([(label, None, None, None, why)])))


def test_an_estimate_without_interval_says_so():
    assert "1.30 (no interval)" in words_in(forest([("A", 1.3, None, None, "")]))


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_estimates_that_are_all_equal_stand_on_an_axis_of_different_numbers(scale):
    ticks = ticks_in(forest([("A", 0.5, 0.5, 0.5, ""), ("B", 0.5, 0.5, 0.5, "")], scale=scale))
    assert len(ticks) == len(set(ticks)) > 1


def test_ratios_have_a_logarithmic_axis_and_extreme_intervals_an_arrow():
    rows = [("A", 1.2, 0.8, 1.9, ""), ("B", 0.8, 0.5, 1.3, "")]
    wild = [*rows, ("C", 1.0, 0.001, 5000.0, "")]
    assert max(ticks_in(forest(wild, scale="log", reference=1))) < 100
    assert "1.00 (below 0.01 to over 1000)" in words_in(forest(wild, scale="log"))
    tame = [*rows, ("C", 1.0, 0.7, 1.6, "")]
    arrows = re.compile(r"M \S+ \S+ ?\nL \S+ \S+ ?\nL \S+ \S+ ?\nz")
    assert [len(arrows.findall(forest(lines, scale="log"))) for lines in (tame, wild)] == [0, 2]


def test_a_forest_of_thirty_centres_names_each_once():
    rows = [(f"Centre {k}", 0.5, 0.4, 0.6, "") for k in range(30)]
    shown = words_in(forest(rows))
    assert all(shown.count(label) == 1 for label, *_ in rows)


def test_before_and_after_stand_below_each_other_with_the_ideal():
    assert {"AUC", "before", "0.70 (0.60 to 0.80)", "after", "0.72 (0.60 to 0.81)", "ideal 1 (dashed)"} <= set(
        words_in(draw("before_after"))
    )


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (0.05, "alike, +0.05"),
        (-0.1, f"differs, {MINUS}0.10"),
        (0.25, "differs much, +0.25"),
        (3.2, "differs much, +3.20"),
        (None, "not estimable"),
    ],
)
def test_a_difference_is_named_by_its_size(difference, text):
    svg = figures.contrast("f", [("Age", difference)], title="t")
    assert text in words_in(svg)
    assert max(abs(t) for t in ticks_in(svg)) <= 1.62
