"""Contradictions of one patient by hand; the arithmetic against the formulas it stands for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from riskml.errors import DataError
from riskml.runtime.contradictions import contradictions, exceeds, ratio_differs, share_differs
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.inputs import read_inputs
from tests.runtime.models import shipped_bundle

DICTIONARY = load_dictionary()
BUNDLE = shipped_bundle("non_response")


def found(patient):
    readings = {name: DICTIONARY.read(DICTIONARY[name], raw) for name, raw in patient.items()}
    return contradictions(DICTIONARY, readings)


IMPOSSIBLE = [
    ({"bcr_abl1": "absent", "bcr_abl1_ratio": "2 %"}, "transcript_without_lesion"),
    ({"bcr_abl1": "absent", "cytogenetic_group": "ph_pos"}, "group_against_lesion"),
    ({"bcr_abl1": "present", "cytogenetic_group": "other_poor"}, "group_against_lesion"),
    ({"tcf3_hlf": "present", "cytogenetic_group": "good"}, "group_against_lesion"),
    ({"mrd": "0.5 %", "mrd_below_lod": "yes"}, "mrd_against_limit"),
    ({"mrd": "0.5 %", "mrd_below_lod": "yes", "mrd_lod": "0.1 %"}, "mrd_against_limit"),
    ({"mrd": "<0.01 %", "mrd_below_lod": "no"}, "mrd_against_limit"),
    ({"mrd": "negative", "mrd_below_lod": "no"}, "mrd_against_limit"),
]
IMPLAUSIBLE = [
    # 0.6 + 0.5 exceed 0.9 by 22 %; one part alone may exceed it, too.
    ({"cd3": "0.9 10*9/L", "cd4": "0.6 10*9/L", "cd8": "0.5 10*9/L"}, "parts_exceed_whole"),
    ({"cd3": "0.2 10*9/L", "cd4": "0.6 10*9/L"}, "parts_exceed_whole"),
    ({"lymphocytes": "1 10*9/L", "cd3": "0.9 10*9/L", "cd19": "0.3 10*9/L"}, "parts_exceed_whole"),
    ({"cd4": "0.2 10*9/L", "cd8": "0.4 10*9/L", "cd4_cd8_ratio": "2"}, "ratio_differs"),
    ({"lymphocytes": "1 10*9/L", "cd3": "0.6 10*9/L", "cd3_pct": "6 %"}, "percent_differs"),
    ({"disease_status_at_start": "CR-MRDpos", "bm_blasts": "30 %"}, "status_against_marrow"),
    ({"disease_status_at_start": "CR-MRDneg", "mrd": "0.01 %"}, "status_against_marrow"),
    ({"disease_status_at_start": "CR-MRDpos", "mrd": "<0.01 %"}, "status_against_marrow"),
    ({"ph_like": "present", "bcr_abl1": "present"}, "ph_like_with_ph"),
    ({"near_haploidy": "present", "high_hyperdiploidy": "present"}, "several_ploidies"),
]
CONSISTENT = [
    {},
    {"bcr_abl1": "absent"},
    {"bcr_abl1": "present", "bcr_abl1_ratio": "2 %"},
    {"bcr_abl1": "absent", "bcr_abl1_ratio": "<0.01 %"},
    {"bcr_abl1": "absent", "bcr_abl1_ratio": "negative"},
    {"bcr_abl1": "unknown", "bcr_abl1_ratio": "2 %"},
    {"bcr_abl1": "absent", "cytogenetic_group": "good", "kmt2a_r": "absent"},
    {"cytogenetic_group": "other_poor", "kmt2a_r": "absent", "tcf3_hlf": "absent"},  # two published ones are not listed
    {"mrd": "0.5 %", "mrd_below_lod": "no"},
    {"mrd": "0.01 %", "mrd_below_lod": "yes"},  # the number is the limit itself
    {"mrd": "0.5 %", "mrd_below_lod": "yes", "mrd_lod": "1 %"},
    {"mrd": "0.001 %", "mrd_below_lod": "no", "mrd_lod": "0.0001 %"},  # measured by a finer assay
    {"cd3": "0.9 10*9/L", "cd4": "0.5 10*9/L", "cd8": "0.5 10*9/L"},  # 11 % is gating
    {"cd3": "0.9 10*9/L", "cd4": "0.5 10*9/L", "cd8": "unknown"},
    {"cd4": "0.2 10*9/L", "cd8": "0.4 10*9/L", "cd4_cd8_ratio": "0.52"},
    {"lymphocytes": "1 10*9/L", "cd3": "0.6 10*9/L", "cd3_pct": "62 %"},
    {"disease_status_at_start": "R/R", "bm_blasts": "30 %", "mrd": "20 %"},
    {"disease_status_at_start": "CR-MRDneg", "mrd": "<0.01 %", "bm_blasts": "1 %"},
    {"near_haploidy": "present", "high_hyperdiploidy": "absent", "low_hypodiploidy": "unknown"},
    {"ph_like": "absent", "bcr_abl1": "present"},
]


@pytest.mark.parametrize("patient", CONSISTENT, ids=str)
def test_what_goes_together_is_not_remarked(patient):
    assert found(patient) == []


@pytest.mark.parametrize(("patient", "code"), IMPOSSIBLE, ids=str)
def test_what_cannot_be_true_is_refused_with_both_inputs_value_rule_and_remedy(patient, code):
    (contradiction,) = found(patient)
    assert (contradiction.code, contradiction.impossible) == (code, True)
    assert set(contradiction.inputs) == set(patient)
    with pytest.raises(DataError) as caught:
        BUNDLE.predict(patient)
    text = str(caught.value)
    shown = [DICTIONARY[name].show(r.value, r.below) for name, r in ((n, read(n, v)) for n, v in patient.items())]
    for part in (*patient, *shown, contradiction.rule, "cannot be true together", "correct the one in error"):
        assert part in text


def read(name, raw):
    return DICTIONARY.read(DICTIONARY[name], raw)


@pytest.mark.parametrize(("patient", "code"), IMPLAUSIBLE, ids=str)
def test_what_hardly_can_be_true_is_answered_with_a_remark(patient, code):
    (contradiction,) = found(patient)
    assert (contradiction.code, contradiction.impossible) == (code, False)
    assert set(contradiction.inputs) == set(patient)
    (remark,) = [w for w in BUNDLE.predict(patient).warnings if w.code == code]
    assert remark.input == contradiction.inputs[0]
    assert all(name in remark.message for name in patient)


def test_all_that_is_impossible_is_told_at_once():
    with pytest.raises(DataError) as caught:
        read_inputs(DICTIONARY, IMPOSSIBLE[0][0] | IMPOSSIBLE[4][0])
    assert [fault.column for fault in caught.value.faults] == ["bcr_abl1 and bcr_abl1_ratio", "mrd_below_lod and mrd"]


def test_a_lesion_read_from_a_karyotype_contradicts_as_one_that_was_given():
    ratio = {"genetics": "BCR::ABL1 negative", "bcr_abl1_ratio": "2 %"}
    with pytest.raises(DataError, match="bcr_abl1 and bcr_abl1_ratio"):
        read_inputs(DICTIONARY, ratio)


positive = st.floats(0.01, 50)


@settings(max_examples=200, deadline=None)
@given(positive, positive, positive)
def test_the_arithmetic_is_that_of_the_rules(stored, first, second):
    """Ratios by their logarithm, shares by a division: the forms that divide by zero, rewritten without one."""
    ratio = first / second
    assume(abs(abs(math.log(stored / ratio)) - math.log(1.1)) > 1e-9)
    assume(abs(abs(stored - ratio) - 0.05) > 1e-9)
    assert ratio_differs(stored, first, second) == (
        abs(math.log(stored / ratio)) > math.log(1.1) and abs(stored - ratio) > 0.05
    )
    share, gap = stored / 50, abs(stored / 50 - ratio)
    assume(abs(gap - max(0.03, 0.25 * share)) > 1e-9)
    assert share_differs(share, first, second) == (gap > max(0.03, 0.25 * share))


def test_numbers_and_arrays_alike():
    first, second, third = np.array([0.2, 0.2, np.nan]), np.array([0.4, 0.0, 0.4]), np.array([2.0, 3.0, 2.0])
    assert ratio_differs(third, first, second).tolist() == [True, True, False]
    assert share_differs(first, third, np.array([2.0, 2.0, 2.0])).tolist() == [True, True, False]
    assert exceeds(np.array([1.1, 1.0, np.nan]), np.array([0.9, 0.9, 0.9])).tolist() == [True, False, False]


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["cd3", "cd4", "cd8", "cd19", "nk", "lymphocytes", "cd4_cd8_ratio"]), st.floats(0, 20)
    )
)
def test_any_counts_are_answered(patient):
    """Zeros, one of a pair, all of them: a remark at most, and no error."""
    assert all(not contradiction.impossible for contradiction in found(patient))


@pytest.mark.parametrize(
    ("patient", "column"),
    [({"age": "300 a"}, "age"), ({"mrd": "150 %"}, "mrd"), ({"mrd": 1.01}, "mrd"), ({"cycle_index": 0}, "cycle_index")],
)
def test_outside_the_hard_range_a_value_is_refused(patient, column):
    with pytest.raises(DataError) as caught:
        BUNDLE.predict(patient)
    (fault,) = caught.value.faults
    assert fault.column == column
    assert "must lie in" in fault.rule
    assert fault.value
    assert fault.remedy
