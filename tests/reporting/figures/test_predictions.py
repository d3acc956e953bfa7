"""Calibration, distribution, stability: sizes in words, small cells never drawn, bands that do not stretch the axes."""

from __future__ import annotations

from riskml.reporting import figures
from tests.reporting.figures.drawings import GROUPS, SMOOTH, draw, ticks_in, words_in


def test_calibration_writes_the_size_of_every_group():
    shown = words_in(draw("calibration"))
    assert [shown.count(size) for size in ("26", "25", "24")] == [1, 3, 1]
    assert "perfect" in shown


def test_the_smoothed_curve_is_named_and_its_band_leaves_the_axes_alone():
    assert {"smoothed curve", "its band"} <= set(words_in(draw("smooth")))
    assert "smoothed curve" not in words_in(draw("calibration"))
    # The band reaches 100 %, the groups' intervals 35 %: the axes end at 40 %.
    assert max(t for t in ticks_in(draw("smooth")) if t not in GROUPS["patients"]) == 40


def test_a_curve_needs_no_groups():
    shown = words_in(figures.calibration("f", [], [], [], [], [], title="t", smooth=SMOOTH))
    assert "smoothed curve" in shown
    assert "number in each group" not in shown


def test_quantiles_are_ticked_not_written():
    svg = draw("smooth")
    plain = figures.calibration("fig", **GROUPS, title="Drawing <of> it", smooth=SMOOTH)
    assert words_in(svg) == words_in(plain)
    assert svg.count("<path") == plain.count("<path") + 2


def test_a_small_group_is_named_and_not_drawn():
    shown = words_in(draw("distribution"))
    assert "fewer than five: not shown" in shown
    assert "median 10 %" in shown


def test_stability_names_band_and_diagonal_and_takes_one_bin():
    assert {"95 % of the models from other samples", "no change"} <= set(words_in(draw("stability")))
    assert max(ticks_in(figures.stability("f", [0.16], [0.1], [0.3], title="t"))) == 30
