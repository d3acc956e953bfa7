"""Batches over time: what is outside its limits has a shape and a word of its own."""

from __future__ import annotations

import pytest

from riskml.reporting import figures
from tests.reporting.figures.drawings import LIMITS, draw, ticks_in, words_in


def chart(values, limits=None, labels=None, **more):
    nothing = [None] * len(values)
    labels = labels or [f"{2000 + k}" for k in range(len(values))]
    limits = limits or [LIMITS[0]] * len(values)
    return figures.control_chart("f", labels, values, nothing, nothing, limits, title="t", **more)


def test_batches_outside_their_limits_are_named():
    shown = words_in(draw("control_chart"))
    assert [shown.count(word) for word in ("warning", "outside", "outside 2 sigma", "outside 3 sigma")] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("value", "word"),
    [(1.0, None), (1.5, None), (1.51, "warning"), (0.4, "warning"), (1.81, "outside"), (0.1, "outside")],
)
def test_a_batch_is_judged_by_its_own_limits(value, word):
    shown = words_in(chart([1.0, value]))
    assert [text for text in shown if text in {"warning", "outside"}] == ([word] if word else [])


def test_a_batch_too_small_to_judge_leaves_a_gap():
    assert "outside" not in words_in(chart([1.0, None, 1.0], [LIMITS[0], (None,) * 4, LIMITS[0]]))


def test_limits_of_one_tiny_batch_do_not_flatten_the_others():
    limits = [LIMITS[0]] * 9 + [(-50.0, -30.0, 30.0, 52.0)]
    assert max(t for t in ticks_in(chart([1.0] * 10, limits)) if t < 2000) < 3


def test_many_batches_share_labels_but_keep_their_shapes():
    svg = chart([1.0, 3.0] * 20)
    years = [text for text in words_in(svg) if text.startswith("20")]
    assert len(years) == 10
    assert "outside 3 sigma" in words_in(svg)
    assert "outside" not in words_in(svg), "forty words would cover each other"


def test_a_ratio_has_no_axis_below_zero_and_a_difference_has():
    assert min(ticks_in(chart([0.1, 1.0]))) >= 0
    assert min(t for t in ticks_in(chart([-3.0], [(-8, -5, 5, 8)], centre=0)) if t < 2000) < 0


def test_a_cusum_names_its_limit_and_its_first_alarm():
    shown = words_in(draw("cusum"))
    assert [shown.count(word) for word in ("limit", "alarm", "more events than expected", "fewer")] == [2, 1, 1, 1]
    quiet = words_in(figures.cusum("f", ["a", "b"], [0.0, 1.0], [], (4.0, 4.0), title="t"))
    assert "alarm" not in quiet
    assert "fewer" not in quiet
