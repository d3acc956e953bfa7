"""Columns that say nothing, or nothing new."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.checks.copies import check_copies, linear_copy
from tests.cohort.checks.cohorts import DICTIONARY, cohort

X = np.random.default_rng(5).uniform(1, 9, 40)


@given(st.floats(0.001, 1000), st.floats(-100, 100))
def test_any_line_is_recognised(slope, intercept):
    assert linear_copy(X, slope * X + intercept) == pytest.approx((slope, intercept), rel=1e-6, abs=1e-6)


def test_noise_a_constant_and_few_rows_are_no_copies():
    assert linear_copy(X, X + np.random.default_rng(6).normal(0, 1e-3, 40)) is None
    assert linear_copy(X, np.ones(40)) is None
    assert linear_copy(X, np.where(np.arange(40) < 9, X, np.nan)) is None


def test_a_difference_behind_the_first_thousand_rows_is_seen():
    x = np.arange(5000.0)
    y = x.copy()
    y[4000] = 0
    assert linear_copy(x, y) is None


def test_what_is_said_of_columns():
    table = cohort(tki=[0.0] * 40, cd4=X, cd8=X, igg=2 * X, efs_time=X * X, os_time=X * X, bcr_abl1=[0, None] * 20)
    found = [(f.code, f.level, f.columns) for f in check_copies(table, DICTIONARY)]
    assert found == [
        ("constant_column", "note", ("tki",)),
        ("copied_column", "warning", ("cd4", "cd8")),
        ("copied_column", "warning", ("cd4", "igg")),
        ("copied_column", "warning", ("cd8", "igg")),
        ("copied_column", "note", ("efs_time", "os_time")),
    ]
    assert list(check_copies(cohort(tki=[0.0] * 9), DICTIONARY)) == []
