"""Contradictions inside a row, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.cohort.checks.consistency import check_consistency
from tests.cohort.checks.cohorts import cohort, told


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        # 0.6 + 0.5 exceed 0.9 by 22 %; 0.5 + 0.5 exceed it by 11 % and pass; an unknown part says nothing.
        (
            {"cd3": [0.9] * 3, "cd4": [0.6, 0.5, np.nan], "cd8": [0.5, 0.5, 2.0]},
            [("parts_exceed_whole", "warning", (2,))],
        ),
        # Counts of two decimals: 0.01 + 0.01 of 0.01 is rounding, 0.04 + 0.01 of 0.01 is not.
        (
            {"cd3": [0.01] * 2, "cd4": [0.01, 0.04], "cd8": [0.01] * 2},
            [("parts_exceed_whole", "warning", (3,))],
        ),
        (
            {"lymphocytes": [1.0, 1.0], "cd3": [0.9, 0.7], "cd19": [0.2, 0.2], "nk": [0.2, 0.1]},
            [("parts_exceed_whole", "warning", (2,))],
        ),
        # cd4 / cd8 = 0.5: 0.52 is rounding, 2.0 is the ratio upside down.
        (
            {"cd4": [0.2] * 3, "cd8": [0.4] * 3, "cd4_cd8_ratio": [0.52, 2.0, np.nan]},
            [("ratio_differs", "warning", (3,))],
        ),
        # 0.6 of 1.0 is 60 %: 62 % passes, 6 % is a slip of a digit.
        (
            {"lymphocytes": [1.0] * 2, "cd3": [0.6] * 2, "cd3_pct": [0.62, 0.06]},
            [("percent_differs", "warning", (3,))],
        ),
        ({"bcr_abl1": [0, 1, np.nan], "bcr_abl1_ratio": [0.1] * 3}, [("transcript_without_lesion", "warning", (2,))]),
        ({"bcr_abl1": [1, 1, 0, 1], "tki": [0, 1, 0, np.nan]}, [("ph_without_tki", "note", (2,))]),
        (
            {"disease_status_at_start": ["CR-MRDpos", "R/R", "CR-MRDneg", None], "bm_blasts": [0.3, 0.3, 0.01, 0.3]},
            [("status_against_marrow", "warning", (2,))],
        ),
        (
            {"disease_status_at_start": ["CR-MRDneg", "CR-MRDpos", "R/R"], "mrd": [0.01] * 3},
            [("status_against_marrow", "warning", (2,))],
        ),
        ({"cd4": [0.2], "cd8": [0.0], "cd4_cd8_ratio": [3.0]}, [("ratio_differs", "warning", (2,))]),
    ],
)
def test_contradictions(columns, found):
    assert told(check_consistency(cohort(**columns))) == found


def test_values_below_a_limit_contradict_nothing():
    below = {"bcr_abl1_ratio": [True], "cd8": [True], "mrd": [True]}
    found = check_consistency(
        cohort(below, bcr_abl1=[0], bcr_abl1_ratio=[7e-5], cd4=[0.2], cd8=[0.004], cd4_cd8_ratio=[3.0])
    )
    assert list(found) == []


def test_positive_status_with_mrd_below_its_limit_is_worth_knowing():
    table = cohort({"mrd": [True, True]}, disease_status_at_start=["CR-MRDpos", "CR-MRDneg"], mrd=[7e-5, 7e-5])
    assert told(check_consistency(table)) == [("status_against_marrow", "note", (2,))]
