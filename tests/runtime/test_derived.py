"""Derived variables of one patient: by hand, and the same as a whole table gives them, whatever the values."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import derive
from riskml.errors import DataError
from riskml.runtime.derived import components, disagree, with_derived
from riskml.runtime.dictionary import Dictionary, load_dictionary
from riskml.runtime.inputs import read_inputs
from riskml.runtime.parsing import Reading

DICTIONARY = load_dictionary()
NESTED = Dictionary.from_dict(
    {
        **DICTIONARY.raw,
        "derived": {
            **DICTIONARY.raw["derived"],
            "fold": {"label": "x", "why": "y", "op": "ratio", "inputs": ["cd8_d15", "cd8"]},
            "log_fold": {"label": "x", "why": "y", "op": "log10", "inputs": ["fold"], "floor": 0.01},
            "log_cd8": {"label": "x", "why": "y", "op": "log10", "inputs": ["cd8"], "floor": 0.001},
            "log_gap": {"label": "x", "why": "y", "op": "difference", "inputs": ["log_fold", "log_cd8"]},
            "ratio_group": {
                "label": "x", "why": "y", "op": "group", "inputs": ["mrd_alc_ratio"], "cuts": [0.01, 1.0],
                "levels": ["low", "middle", "high"],
            },
            "any_at_all": {
                "label": "x", "why": "y", "op": "any_of", "inputs": ["any_poor_lesion", "disease_outside_marrow"],
            },
        },
    }
)  # fmt: skip


def made(name, patient, dictionary=DICTIONARY):
    """The derived reading of a patient as a person writes one."""
    return with_derived(dictionary, read_inputs(dictionary, patient), [name])[name]


def codes(reading):
    return [note.code for note in reading.notes]


# -------------------------------------------------------------------------------------------------------------- by hand


@pytest.mark.parametrize(
    ("name", "patient", "expected"),
    [
        ("cd4_cd8_ratio", {"cd4": "0.6 10*9/L", "cd8": "400 /uL"}, 1.5),
        ("mrd_alc_ratio", {"mrd": "1 %", "lymphocytes": 0.5}, 0.02),
        ("lymphocytes_change_d15", {"lymphocytes_d15": 1.0, "lymphocytes": 0.4}, 0.6),
        ("log10_mrd", {"mrd": "1 %"}, -2.0),
        ("log10_mrd", {"mrd": 1e-9}, -6.0),
        ("any_poor_lesion", {"bcr_abl1": "present"}, 1.0),
        ("any_poor_lesion", {"bcr_abl1": "absent", "kmt2a_r": "absent", "tcf3_hlf": "absent"}, 0.0),
        ("any_poor_lesion", {"bcr_abl1": "absent", "kmt2a_r": "unknown", "tcf3_hlf": "absent"}, None),
        ("any_poor_lesion", {"genetics": "46,XY,t(9;22)(q34;q11.2)[20]"}, 1.0),
        ("age_group", {"age": "1 a"}, "1 to 9 years"),
        ("age_group", {"age": "11 mo"}, "infant"),
        ("status_group", {"disease_status_at_start": "R/R"}, "measurable"),
        ("status_group", {"disease_status_at_start": None}, None),
        ("cd4_cd8_ratio", {"cd4": 0.6}, None),
        ("mrd_alc_ratio", {}, None),
    ],
)
def test_by_hand(name, patient, expected):
    found = made(name, patient)
    assert found.value == (pytest.approx(expected, rel=1e-12) if isinstance(expected, float) else expected)
    if expected is None:
        assert found.notes == (), "what is missing is listed as missing; there is nothing to add"


def test_a_limit_goes_through_a_ratio_and_a_logarithm():
    below = made("mrd_alc_ratio", {"mrd": "<0.01 %", "lymphocytes": 0.5})
    assert (below.value, below.below) == (pytest.approx(1e-4 / math.sqrt(2) / 0.5), pytest.approx(2e-4))
    logarithm = made("log10_mrd", {"mrd": "<0.01 %"})
    assert (logarithm.value, logarithm.below) == (pytest.approx(-4 - math.log10(2) / 2), pytest.approx(-4.0))
    assert made("log10_mrd", {"mrd": "<0.000001 %"}).below == made("log10_mrd", {"mrd": "<0.000001 %"}).value == -6.0


@pytest.mark.parametrize("lymphocytes", [0, "<0.1", "<0.1 10*9/L"])
def test_a_denominator_of_zero_or_below_its_limit_leaves_the_ratio_unknown_and_says_so(lymphocytes):
    found = made("mrd_alc_ratio", {"mrd": "1 %", "lymphocytes": lymphocytes})
    assert (found.value, codes(found)) == (None, ["ratio_unknown"])
    assert "lymphocytes is zero or below its limit" in found.notes[0].message


def test_a_change_from_below_a_limit_says_how_well_it_is_known():
    found = made("cd3_change_d15", {"cd3_d15": 0.5, "cd3": "<0.01"})
    assert (found.value, found.below) == (pytest.approx(0.5 - 0.01 / math.sqrt(2)), None)
    assert codes(found) == ["change_below_limit"]


@pytest.mark.parametrize(("blasts", "group"), [("<0.1 %", "low"), ("<5 %", "low"), ("<6 %", None)])
def test_a_value_below_its_limit_is_grouped_only_where_the_limit_is_under_every_cut(blasts, group):
    table = {"op": "group", "inputs": ["mrd"], "cuts": [0.05], "levels": ["low", "high"], "label": "x", "why": "y"}
    dictionary = Dictionary.from_dict({**DICTIONARY.raw, "derived": {"mrd_group": table}})
    found = made("mrd_group", {"mrd": blasts}, dictionary)
    assert found.value == group
    assert codes(found) == ([] if group else ["group_unknown"])


# ------------------------------------------------------------------------------------------------------- given directly


def test_what_is_given_wins_and_a_contradiction_is_said():
    counts = {"cd4": 0.6, "cd8": 0.4}
    assert made("cd4_cd8_ratio", {**counts, "cd4_cd8_ratio": 1.6}) == Reading(1.6), "ten per cent is rounding"
    apart = made("cd4_cd8_ratio", {**counts, "cd4_cd8_ratio": 3.0})
    assert (apart.value, codes(apart)) == (3.0, ["stored_differs"])
    assert "was given as 3, its parts say 1.5" in apart.notes[0].message
    assert made("cd4_cd8_ratio", {**counts, "cd4_cd8_ratio": "unknown"}).value == pytest.approx(1.5)
    poor = made("any_poor_lesion", {"any_poor_lesion": "absent", "bcr_abl1": "present"})
    assert (poor.value, codes(poor)) == (0.0, ["stored_differs"])
    group = made("age_group", {"age_group": "infant", "age": 7})
    assert (group.value, codes(group)) == ("infant", ["stored_differs"])


def test_nothing_can_be_compared_with_what_is_only_below_a_limit():
    given_ratio = made("mrd_alc_ratio", {"mrd_alc_ratio": 1.0, "mrd": "neg", "lymphocytes": 1.0})
    assert given_ratio == Reading(1.0)


def test_a_computed_value_outside_the_usual_range_is_kept_and_noted():
    found = made("cd4_cd8_ratio", {"cd4": 2.0, "cd8": 0.02})
    assert (found.value, codes(found)) == (pytest.approx(100.0), ["unusual_value"]), "a ratio of 100 cannot be written"


def test_a_given_value_on_the_way_counts_and_its_contradiction_is_kept():
    patient = read_inputs(NESTED, {"fold": 5.0, "cd8": 0.1, "cd8_d15": 1.0})
    readings = with_derived(NESTED, patient, ["log_fold"])
    assert readings["log_fold"].value == pytest.approx(math.log10(5.0))
    assert codes(readings["fold"]) == ["stored_differs"]
    assert set(readings) == {"fold", "cd8", "cd8_d15", "log_fold"}


def test_one_made_on_the_way_hands_on_why_it_is_unknown():
    readings = with_derived(NESTED, read_inputs(NESTED, {"cd8": "<0.01", "cd8_d15": 1.0}), ["log_fold"])
    assert (readings["log_fold"].value, codes(readings["log_fold"])) == (None, ["ratio_unknown"])
    assert "fold" not in readings


# ---------------------------------------------------------------------------------------------------------- definitions


def test_components_are_found_however_deep():
    assert components(NESTED.definitions, ["log_gap"]) == {"log_fold", "log_cd8", "fold", "cd8", "cd8_d15"}
    assert components(NESTED.definitions, ["age"]) == frozenset()


def test_unsound_definitions_are_refused_when_they_are_needed():
    broken = Dictionary.from_dict({**DICTIONARY.raw, "derived": {"twice": {"op": "eval", "inputs": ["age"]}}})
    assert broken["age"].label, "what needs no definition is read as before"
    with pytest.raises(DataError, match="derived variables were refused"):
        with_derived(broken, {}, ["twice"])


@pytest.mark.parametrize(
    ("given_value", "made_value", "apart"),
    [(1.0, 1.0, False), (1.0, 1.1, False), (1.0, 1.2, True), (-1.0, 1.0, True), (0.0, 0.0, False), ("a", "b", True)],
)
def test_a_tenth_of_the_larger_is_the_tolerance(given_value, made_value, apart):
    assert disagree(given_value, made_value) is apart
    assert disagree(made_value, given_value) is apart


# ----------------------------------------------------------------------------------------- the same as a table's column


NAMES = tuple(NESTED.definitions)
PARTS = (*sorted(components(NESTED.definitions, NAMES) - set(NAMES)), "cd4_cd8_ratio", "mrd_alc_ratio", "fold")


def readings_of(name):
    variable = NESTED[name]
    if variable.kind == "tristate":
        return st.sampled_from([0.0, 1.0, None]).map(Reading)
    if variable.kind == "category":
        return st.sampled_from([*variable.levels, None]).map(Reading)
    low, high = (0.0, 100.0) if math.isinf(variable.hard[1]) else variable.hard
    measured = (st.floats(low, high) | st.just(0.0) | st.just(None)).map(Reading)
    # A cohort keeps the flag and the carried value, so the limit of the one is told by the other.
    limit = st.floats(1e-6, max(high, 1e-3)).map(lambda limit: Reading(limit / math.sqrt(2), limit))
    return measured | limit if variable.left_censored or math.isinf(variable.hard[1]) else measured


patients = st.fixed_dictionaries({}, optional={name: readings_of(name) for name in PARTS})


def as_cohort(rows):
    """Patients as the rows of a cohort; a column that nobody has is not there."""
    names = sorted({name for row in rows for name in row})
    columns, below = {}, {}
    for name in names:
        values = [row.get(name, Reading(None)).value for row in rows]
        text = NESTED[name].kind == "category"
        columns[name] = pd.Series(values, dtype=object if text else float, index=range(len(rows)))
        below[name] = pd.Series(
            [row.get(name, Reading(None)).below is not None for row in rows], index=range(len(rows))
        )
    index = pd.RangeIndex(len(rows))
    frame, flags = pd.DataFrame(columns, index=index), pd.DataFrame(below, index=index, dtype=bool)
    return Cohort(frame, flags, np.arange(len(rows)) + 2, synthetic=False, name="x", sha256="0" * 64)


@given(st.lists(patients, min_size=1, max_size=6))
def test_one_patient_and_a_table_agree_on_every_derived_variable(rows):
    cohort = derive(as_cohort(rows), definitions=NESTED.definitions)
    for position, row in enumerate(rows):
        alone = with_derived(NESTED, row, NAMES)
        for name in NAMES:
            value = cohort.frame[name].iloc[position] if name in cohort.frame else None
            known = not pd.isna(value)
            assert (alone[name].value is not None) == known, name
            if known:
                assert alone[name].value == (value if isinstance(value, str) else pytest.approx(value, rel=1e-12))
                flagged = name in cohort.below and bool(cohort.below[name].iloc[position])
                assert (alone[name].below is not None) == flagged, name
                if flagged:
                    assert alone[name].value <= alone[name].below + 1e-9 * abs(alone[name].below)
