"""Factors of a regression: scale, reference level, unknowns."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.training.describe.factors import factor
from tests.training.describe.follow_up_cases import cohort_of

EVERYBODY = np.ones(4, dtype=bool)


def test_a_number_that_may_lie_below_a_limit_is_a_logarithm():
    found = factor(cohort_of(mrd=[1e-4, 1e-3, 1e-2, np.nan]), "mrd")
    assert found.label == "Marrow MRD before first dose, per tenfold"
    assert np.diff(found.values[:3]) == pytest.approx([1, 1])
    assert found.known.tolist() == [True, True, True, False]
    doubling = factor(cohort_of(cd19=[0.1, 0.2, 0.4, 0.8]), "cd19")
    assert doubling.label.endswith("per doubling")
    assert np.diff(doubling.columns(EVERYBODY)[:, 0]) == pytest.approx([1, 1, 1])


def test_counts_of_cells_are_logarithms_and_a_zero_is_half_of_the_least_seen():
    found = factor(cohort_of(wbc=[0.0, 4, 8, 64]), "wbc")
    assert found.label == "White cells at diagnosis, per doubling"
    assert found.values == pytest.approx([1, 2, 3, 6])
    change = factor(cohort_of(cd3_change_d15=[-1.0, 0, 1, 2]), "cd3_change_d15")
    assert np.diff(change.values) == pytest.approx([1, 1, 1])


def test_a_number_counts_per_unit_shown():
    found = factor(cohort_of(age=[1.0, 2, 3, 10]), "age")
    assert (found.label, found.levels, found.size) == ("Age, per year", (), 1)
    assert found.columns(EVERYBODY).tolist() == [[1], [2], [3], [10]]
    # blasts are a fraction and shown in percent
    assert factor(cohort_of(bm_blasts=[0.0, 0.1, 0.2, 0.4]), "bm_blasts").values == pytest.approx([0, 10, 20, 40])


def test_a_category_counts_against_its_most_frequent_level():
    found = factor(cohort_of(disease_class_initial=["R/R", "CR-MRDneg", "CR-MRDneg", None]), "disease_class_initial")
    assert found.levels == ("CR-MRDneg", "R/R")
    assert found.columns(found.known).tolist() == [[1], [0], [0]]
    assert found.level(1).tolist() == [True, False, False, False]


def test_a_lesion_counts_against_its_absence_however_frequent():
    found = factor(cohort_of(bcr_abl1=[1.0, 1, 0, np.nan]), "bcr_abl1")
    assert found.levels == ("absent", "present")
    assert found.columns(found.known).tolist() == [[1], [1], [0]]


def test_levels_that_no_row_has_are_left_out():
    found = factor(cohort_of(disease_class_initial=["R/R", "CR-MRDneg", "CR-MRDpos", "R/R"]), "disease_class_initial")
    within = found.within(np.array([True, True, False, True]))
    assert (found.size, within.levels, within.size) == (2, ("R/R", "CR-MRDneg"), 1)
    assert within.columns(np.ones(3, dtype=bool)).tolist() == [[0], [1], [0]]
    age = factor(cohort_of(age=[1.0, 2, 3, 4]), "age").within(np.array([True, False, False, True]))
    assert age.values.tolist() == [1, 4]


@pytest.mark.parametrize(
    ("name", "column", "why"),
    [
        ("age", [2.0, 2, 2, 2], "all values are equal"),
        ("age", [np.nan] * 4, "not known of any patient"),
        ("sex", ["male"] * 4, "all are male"),
        ("shoe_size", [1.0, 2, 3, 4], "the cohort does not have it"),
    ],
)
def test_why_not(name, column, why):
    assert factor(cohort_of(**{name: column}), name) == why


def test_a_column_that_is_not_there():
    assert factor(cohort_of(age=[1.0, 2, 3, 4]), "sex") == "the cohort does not have it"
