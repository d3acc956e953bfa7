"""Measures in words, tables and drawings, without a bundle."""

from __future__ import annotations

import pytest

from riskml.reporting import performance
from tests.reporting.blocks import BLOCKS, text_of
from tests.reporting.results import judged


def test_rows_that_are_more_than_patients_are_courses():
    assert performance.unit_of_rows(judged()) == "patient"
    assert performance.unit_of_rows(judged(n_rows=70)) == "course"


@pytest.mark.parametrize(
    ("events", "words"), [(9, "60 patients, 9 with the event (15 %)"), (3, "60 patients, <5 with the event")]
)
def test_sizes_in_words_hide_small_counts_and_their_shares(events, words):
    assert performance.size_in_words(judged(n_events=events), "patient") == words


@pytest.mark.parametrize(("kind", "name"), [("binary", "AUC"), ("survival", "C")])
def test_three_cells_at_a_glance(kind, name):
    assert performance.at_a_glance(judged(kind)) == [
        f"{name} 0.64 (0.52 to 0.75)",
        "7 % (\N{MINUS SIGN}5 to 15 %)",
        "1.02 (0.60 to 1.40)",
    ]


def test_a_comparator_saves_nothing_against_itself():
    rows = {row[0]: row[2] for row in performance.beside_comparator(judged())}
    assert rows == {
        "AUC": "0.50", "Brier score": "0.130", "Scaled Brier": "0 %", "Calibration slope": "–",
        "Observed / expected": "–",
    }  # fmt: skip


def test_folds_that_could_not_be_ranked_are_told():
    assert "3 of 50 test folds" in performance.resampling(judged(folds_not_estimable=3))
    assert performance.resampling(judged("survival")).endswith("judged at 12 months.")


def test_counts_that_were_taken_out_are_shown_as_small():
    spread = judged()["distribution"] | {"n_with": None, "with_event": []}
    (_, _), (drawing, _) = performance.drawings(judged(distribution=spread), "m", "label", "patient")
    assert "with the event (&lt;5)" in text_of(drawing)


def test_with_follow_up_the_sizes_of_the_two_groups_are_not_told():
    (_, caption), (drawing, _) = performance.drawings(judged("survival"), "m", "label", "course", how="as predicted")
    assert "with the event by 12 months" in text_of(drawing)
    assert "group of courses of similar predicted risk (as predicted)" in caption


def test_the_smoothed_curve_is_drawn_unless_it_was_withheld():
    smooth = BLOCKS["smooth_calibration"]
    drawn = next(performance.drawings(judged(smooth_calibration=smooth), "m", "label", "patient"))
    withheld = next(performance.drawings(judged(smooth_calibration={"withheld": "few"}), "m", "label", "patient"))
    assert "smoothed curve" in text_of(drawn[0])
    assert "smoothed curve" not in text_of(withheld[0])


def test_calibration_groups_blur_small_cells():
    _, columns, rows = performance.groups_table(judged())
    assert len(columns) == len(rows[0]) == 4
    assert [row[3] for row in rows] == ["none (up to 15 %)", "<5 events", "5 or more events"]
