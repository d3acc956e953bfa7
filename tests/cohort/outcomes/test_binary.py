"""Rules of response and toxicity by themselves; their cases by hand are in tests/cohort/test_outcome_cases.py."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.outcomes.binary import mrd_positive, response, toxicity
from riskml.runtime.dictionary import load_dictionary

DICTIONARY = load_dictionary()


def test_the_column_is_the_rule_where_none_is_given(cohort):
    failed, unclear = response(cohort("response", "NR", "CR", "NE", "unknown"), {}, DICTIONARY)
    assert failed.tolist() == [True, False, False, False]
    assert [mask.tolist() for _, mask in unclear] == [[False, False, False, True], [False, False, True, False]]


@given(st.floats(1.5e-4, 0.9), st.floats(1e-4, 0.9), st.booleans())
def test_the_inequality_matters_at_the_threshold_only(tmp_path_factory, mrd, threshold, inclusive):
    from riskml.cohort.cohort import read_cohort

    path = tmp_path_factory.getbasetemp() / "mrd.csv"
    path.write_text(f"mrd_after (fraction)\n{mrd!r}\n{threshold!r}\n", encoding="utf-8")
    table = {"mrd_threshold": threshold, "mrd_inclusive": inclusive}
    positive, unclear = mrd_positive(read_cohort(path), table, DICTIONARY)
    assert not np.any([mask for _, mask in unclear])
    assert positive[1] != inclusive
    if abs(mrd - threshold) > 1e-8:
        assert positive[0] == (mrd > threshold)


def test_one_event_settles_a_patient_and_a_gap_unsettles_the_others(cohort):
    table = cohort("patient_id,icans_grade", "a,2", "a,", "b,0", "b,", "c,0", "c,0")
    event, unclear = toxicity(table, {"column": "icans_grade", "min_grade": 1, "unit": "patient"})
    assert event.tolist() == [True, True, False, False, False, False]
    assert [mask.tolist() for _, mask in unclear] == [[False, False, True, True, False, False]]


def test_crs_is_judged_like_icans(cohort):
    table = cohort("crs_grade,crs_day", "2,1", "2,40", "0,")
    event, unclear = toxicity(table, {"column": "crs_grade", "min_grade": 1, "window_days": [0, 28]})
    assert event.tolist() == [True, False, False]
    assert not any(mask.any() for _, mask in unclear)
