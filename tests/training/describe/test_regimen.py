"""Regimen: courses by delivered length as published and never tested; MRD depth at its boundaries, methods apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.training.describe.regimen import POST_BASELINE, depth, regimen
from tests.training.describe.made import check_shareable, embedded, lines, made, table_of


def test_embedded_patients_are_the_published_31_and_20():
    """zhang2025, cr_by_duration: 31 with disease had 14 days, 20 had 21 or 28; 42 responded, 9 did not."""
    table = table_of(regimen(embedded(), internal=True), "infusion_of_patients")
    assert table.columns == ("14 to 20 days", "21 days or longer", "All")
    counts = {value["kind"]: value["counts"] for value in table.values if value["of"] == "Response after the course"}
    judged = [counts["response"][length] + counts["no response"][length] for length in table.columns]
    assert judged == [31, 20, 51]
    assert (counts["response"]["All"], counts["no response"]["All"]) == (42, 9)


def test_courses_and_patients_are_counted_apart():
    part = regimen(embedded(), internal=True)
    assert lines(table_of(part, "infusion_of_courses"))["Courses"][-1] == "125"
    assert lines(table_of(part, "infusion_of_patients"))["Patients"][-1] == "105"


def test_no_outcome_is_tested_by_a_length_and_why_is_said():
    for table in regimen(embedded(), internal=True).tables[:2]:
        assert POST_BASELINE in table.notes
        assert "p_value" not in repr(table)
        assert "P" not in table.columns
    assert "post-baseline" in POST_BASELINE
    assert "causal" in POST_BASELINE


def test_lengths_are_cut_at_14_and_21_days():
    cohort = made(patient_id=list("abcdef"), delivered_infusion_days=[13, 14, 20, 21, 28, ""])
    table = table_of(regimen(cohort, internal=True), "infusion_of_courses")
    assert table.columns == ("under 14 days", "14 to 20 days", "21 days or longer", "not known", "All")
    assert table.rows[0].cells == ("1", "2", "2", "1", "6")


def test_plan_against_delivery():
    cohort = made(
        patient_id=list("abcde"),
        planned_infusion_days=[28, 28, 28, 14, 28],
        delivered_infusion_days=[14, 28, 29, 14, ""],
    )
    rows = lines(table_of(regimen(cohort, internal=True), "infusion_planned"))
    assert rows["shorter than planned"] == ("0 (0 %)", "1 (25 %)", "1 (20 %)")
    assert rows["as planned"] == ("1 (100 %)", "1 (25 %)", "2 (40 %)")
    assert rows["longer than planned"][-1] == "1 (20 %)"
    assert rows["not known"][-1] == "1 (20 %)"


def test_depth_at_its_boundaries():
    """0.01 % itself is positive: negative is under it, as zhang2025 has it."""
    value = np.array([0.01, 0.00999, 1e-3, 1e-4, 0.01 * 0.01, 9.9e-5, 1e-4 / np.sqrt(2), 1e-3 / np.sqrt(2), np.nan])
    below = np.array([False] * 6 + [True, True, False])
    kinds = depth(value, below)
    names = [next(name for name, mask in kinds.items() if mask[k]) for k in range(len(value))]
    assert names == [
        "1 % or more",
        *["0.1 to under 1 %"] * 2,
        *["0.01 to under 0.1 %"] * 2,
        "found, under 0.01 %",
        "not found",
        "not found, by a limit above 0.01 %",
        "not known",
    ]


@given(st.lists(st.tuples(st.one_of(st.floats(0, 1), st.just(np.nan)), st.booleans()), min_size=1))
def test_depths_do_not_overlap_and_leave_nobody_out(rows):
    value = np.array([number for number, _ in rows])
    below = np.array([flag for _, flag in rows]) & ~np.isnan(value)
    assert (np.sum(list(depth(value, below).values()), axis=0) == 1).all()


def test_methods_stand_apart_and_times_under_each_other():
    n = 30
    cohort = made(
        patient_id=[str(k) for k in range(n)],
        mrd_pct=["0.5"] * n,
        mrd_method=["FCM"] * n,
        mrd_after_pct=["<0.01"] * 15 + ["0.2"] * 5 + ["0.0005"] * 10,
        mrd_after_method=["FCM"] * 20 + ["NGS"] * 10,
    )
    table = table_of(regimen(cohort), "mrd_by_method")
    assert table.columns == ("flow", "ngs_ig", "All")
    before, after = (lines(table, f"Marrow MRD {when}") for when in ("before first dose", "at the end of the course"))
    assert before["0.1 to under 1 %"] == ("30 (100 %)", "0", "30 (100 %)")
    assert after["Marrow MRD at the end of the course"] == ("20", "10", "30")
    assert after["Under 0.01 %"] == ("15 (75 %)", "10 (100 %)", "25 (83 %)")
    assert after["found, under 0.01 %"][1] == "10 (100 %)"
    assert any("not pooled" in note for note in table.notes)


def test_a_column_that_is_a_method_needs_no_column_of_methods():
    cohort = made(patient_id=list("abcdefgh"), mrd_ngs=["1e-5"] * 8, mrd_course_d15=["0.002"] * 8)
    table = table_of(regimen(cohort), "mrd_by_method")
    assert table.columns == ("ngs_ig", "not known", "All")
    assert lines(table)["found, under 0.01 %"][0] == "8 (100 %)"


def test_a_method_without_a_word_is_not_known():
    cohort = made(patient_id=list("abcdef"), mrd=["0.1"] * 6, mrd_method=["FCM"] * 5 + [""])
    assert table_of(regimen(cohort, internal=True), "mrd_by_method").columns == ("flow", "not known", "All")


@pytest.mark.parametrize("internal", [True, False])
def test_absent_columns_are_said(internal):
    part = regimen(made(patient_id=["a"], age=[3]), internal=internal)
    assert part.tables == ()
    assert len(part.missing) == 3
    nothing = regimen(made(patient_id=["a"], delivered_infusion_days=[""], mrd=[""]), internal=internal)
    assert nothing.tables == ()


def test_shared_tables_tell_nothing_small():
    part = regimen(embedded())
    check_shareable(part, embedded())
    rows = lines(table_of(part, "infusion_of_patients"), "Response after the course")
    # Eight and one of nine: the eight is blurred with the one, and the responders of both lengths with them.
    assert rows["no response"] == ("5 or more", "<5", "9 (9 %)")
    assert rows["response"] == ("5 or more", "5 or more", "42 (40 %)")
