"""The page of an update: what was changed, why that much, what came of it, and parent and child side by side."""

from __future__ import annotations

import pytest

from riskml.reporting.update import render_update
from tests.reporting import results
from tests.reporting.pages import checked, small_counts, words_of


@pytest.fixture
def page_of(bundle_of):
    def render(step, *, kind="binary", **changes):
        manifest = bundle_of(kind).manifest | {"version": "1.1", "lineage": [step], "verdict": "better"} | changes
        return render_update(manifest, cohort=results.COHORT, command="riskml update m other.csv")

    return render


@pytest.mark.parametrize(
    ("rung", "said"),
    [
        ("none", "Left as it was."),
        ("intercept", "Level moved."),
        ("intercept_and_slope", "Level and spread moved."),
        ("revision", "Coefficients revised."),
        ("refit", "Trained anew."),
    ],
)
def test_each_rung_is_said_in_plain_words_first(page_of, rung, said):
    html = page_of(results.step(rung))
    checked(html)
    assert html.index(said) < html.index("<h3>Why this much</h3>")


def test_gates_tests_and_estimates(page_of):
    text = words_of(checked(page_of(results.step())))
    assert "Refit not open 400 40 events; it asks for 400: because." in text
    assert "Revision not open – 40 events" in text
    assert "Tests against the revision" in text
    assert "No update <0.001 Intercept 0.400" in text
    assert "Level (log-odds or log-hazard, 0 is no change) 0.840 0.150" in text
    bare = page_of(results.step("refit", estimates=[], p_values={}))
    assert "What moved" not in bare
    assert "Tests against" not in bare


def test_coefficients_have_the_labels_of_their_inputs(page_of):
    moved = [{"name": name, "value": 0.1, "standard_error": 0.2} for name in ("slope", "poor", "mrd")]
    text = words_of(checked(page_of(results.step("revision", estimates=moved))))
    assert "Slope (1 is no change) 0.100 0.200 KMT2A rearrangement or TCF3::HLF 0.100" in text
    assert "Marrow MRD before first dose 0.100 0.200" in text
    two = words_of(
        checked(
            page_of(
                results.step("revision", "survival", estimates=[*moved, moved[0] | {"name": "old"}]), kind="survival"
            )
        )
    )
    assert "Age, old 0.100" in two, "two predictors of one input are told apart"


def test_before_and_after_have_paired_differences(page_of):
    text = words_of(checked(page_of(results.step())))
    minus = "\N{MINUS SIGN}"
    assert f"0.120 (0.080 to 0.160) {minus}0.020 ({minus}0.030 to {minus}0.010) better" in text
    assert f"{minus}0.60 ({minus}0.70 to {minus}0.50) lower" in text
    assert "0.90 (0.20 to 1.60) – –" in text, "the slope has no difference"
    assert "4 x 5-fold cross-validation" in text
    assert "the ladder took: intercept 20 times." in text


def test_where_nothing_changed_there_is_one_column(page_of):
    html = page_of(results.step("none", after=results.UNCHANGED))
    text = words_of(checked(html))
    assert "Parent and child" in text
    assert "After less before" not in text
    assert "Folds" not in html[html.index('id="record"') :]


def test_invented_patients_stand_side_by_side(page_of):
    text = words_of(checked(page_of(results.step())))
    assert "Patient Known 1 BCR::ABL1 (Ph+): absent; Marrow MRD before first dose: 0.52 %" in text
    assert "0.52 % 2 nothing" in text
    assert "Risk by the parent Risk by the child 1 20 % (10 to 40 %) 20 % (10 to 40 %)" in text
    later = words_of(checked(page_of(results.step(kind="survival"), kind="survival")))
    assert "1 6 months 20 % (10 to 40 %) 20 % (10 to 40 %) 1 12 months 30 % (10 to 40 %)" in later
    assert "Risks are judged at 12 months." in later


def test_how_far_the_cohort_moved_shows_no_small_count(page_of):
    page = checked(page_of(results.step()))
    assert "Moved by more than 5 points of a hundred: <5 rows." in words_of(page)
    assert small_counts(page) == []
    whole = {"quantiles": {"0.5": 0.1}, "threshold": 0.05, "rows_moved": "60", "share_moved": 1.0}
    assert "60 rows (all)." in words_of(checked(page_of(results.step(change=whole))))


def test_courses_are_told_from_patients(page_of):
    before = results.step()["before"] | {"n_rows": 75}
    assert "Courses the update was made from 75" in words_of(checked(page_of(results.step(before=before))))
    assert "Courses the update" not in page_of(results.step())


def test_a_child_without_signal_says_so_and_text_stays_text(page_of):
    html = page_of(results.step(), usable_signal=False, label=results.HOSTILE)
    checked(html)
    assert "No usable signal in these patients." in html
    assert 'class="summary none"' in html
    assert results.HOSTILE not in html


def test_the_same_manifest_gives_the_same_bytes(page_of):
    assert page_of(results.step()) == page_of(results.step())
