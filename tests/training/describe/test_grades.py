"""Grades: columns that hold any, their scales, and the worst of a patient as a plain loop finds it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.training.describe.grades import graded_columns, units_of, worst_grade
from riskml.training.describe.grouping import grouping
from tests.training.describe.made import made

NAN = np.nan


def units(cohort, group=None):
    return units_of(cohort, grouping(cohort, group)[0], tuple(graded_columns(cohort)))


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, NAN])), min_size=1))
def test_the_worst_grade_is_that_of_a_plain_loop(courses):
    patient = np.unique([who for who, _ in courses], return_inverse=True)[1]
    grade = np.array([grade for _, grade in courses])
    for who, worst in enumerate(worst_grade(grade, patient)):
        mine = grade[patient == who].tolist()
        had = [one for one in mine if one > 0]
        expected = max(had) if had else (NAN if any(np.isnan(mine)) else 0.0)
        assert worst == pytest.approx(expected, nan_ok=True)


def test_columns_without_a_grade_are_left_out_and_crs_comes_first():
    assert list(graded_columns(made(patient_id="ab", icans_grade=[0, 1], crs_grade=[0, ""]))) == [
        "crs_grade",
        "icans_grade",
    ]
    assert list(graded_columns(made(patient_id="ab", icans_grade=["", ""], crs_grade=[0, 1]))) == ["crs_grade"]
    assert list(graded_columns(made(patient_id="ab", age=[1, 2]))) == []


def test_a_patient_has_the_worst_grade_beside_the_row_and_group_of_the_first_course():
    cohort = made(patient_id="aab", cycle_index=[2, 1, 1], age=[6, 5, 9], sex=["m", "f", "f"], crs_grade=[3, 1, 0])
    courses, patients = units(cohort, "sex")
    assert courses.grades["crs_grade"].tolist() == [3, 1, 0]
    assert patients.grades["crs_grade"].tolist() == [3, 0]
    assert patients.cohort.frame["age"].tolist() == [5, 9]
    assert [patients.groups.levels[code] for code in patients.groups.code] == ["female", "female"]
    assert [courses.groups.levels[code] for code in courses.groups.code] == ["male", "female", "female"]


@pytest.mark.parametrize(
    ("scales", "said"),
    [
        (["ASTCT", "", ""], "CRS was graded by ASTCT 2019."),
        (["", "CTCAE", ""], "CRS was graded by CTCAE 5."),
        (
            ["ASTCT", "CTCAE", ""],
            "CRS was graded by ASTCT 2019 and CTCAE 5; scales are mixed, so the grades cannot be pooled.",
        ),
        (["", "", ""], "No column says on which scale CRS was graded."),
    ],
)
def test_scales_of_all_courses_are_named_and_mixed_ones_warned_of(scales, said):
    cohort = made(patient_id="aab", cycle_index=[1, 2, 1], crs_grade=[0, 1, 2], crs_scale=scales)
    assert all(said in unit.notes for unit in units(cohort))


def test_without_a_column_of_scales_that_is_said():
    assert "No column says on which scale CRS was graded." in units(made(patient_id="a", crs_grade=[1]))[0].notes
