"""Curves: marks in words, net benefit whose axis ends where it matters, sizes beyond the present dashed."""

from __future__ import annotations

import pytest

from riskml.reporting import figures
from tests.reporting.figures.drawings import draw, ticks_in, words_in

THRESHOLDS = [k / 20 for k in range(1, 19)]


def test_survival_curve_writes_its_marks():
    assert {"90 %", "80 %", "months", "event-free"} <= set(words_in(draw("survival")))


def test_a_decision_curve_names_every_line():
    shown = set(words_in(draw("decision")))
    assert {"treat everybody", "treat nobody", "the comparator", "this model, with 95 % band"} <= shown
    nothing = [None] * 3
    alone = figures.decision_curve("f", [0.1, 0.2, 0.3], [0.1] * 3, nothing, nothing, nothing, title="t")
    assert "the comparator" not in words_in(alone)


@pytest.mark.parametrize(("worst", "lowest"), [(0.0, -3), (-0.05, -6), (-3.0, -16)])
def test_treating_everybody_does_not_flatten_the_plot(worst, lowest):
    # At a threshold of 0.9 treating everybody costs 8 patients a patient: (0.15 - 0.85 * 9) = -7.5, or -750 in 100.
    everybody = [0.15 - 0.85 * t / (1 - t) for t in THRESHOLDS]
    model = [0.12, *[0.02] * 16, worst]
    svg = figures.decision_curve("f", THRESHOLDS, model, [-9.0] * 18, [0.15] * 18, everybody, title="t")
    assert min(ticks_in(svg)) >= lowest


def test_the_learning_curve_tells_what_is_measured_from_what_is_expected():
    shown = words_in(draw("learning"))
    assert {"expected beyond 105", "fitted curve", "the comparator", "log-loss"} <= set(shown)
    alone = figures.learning_curve("f", [30], [0.5], [None], [None], title="t", measure="log-loss")
    assert "fitted curve" not in words_in(alone)


def test_the_present_size_is_the_last_that_was_measured():
    svg = figures.learning_curve(
        "f", [30, 60, 90], [0.5, 0.4, None], [None] * 3, [None] * 3,
        fitted=([30, 60, 90, 120], [0.5, 0.4, 0.38, 0.37]), title="t", measure="log-loss",
    )  # fmt: skip
    assert "expected beyond 60" in words_in(svg)
