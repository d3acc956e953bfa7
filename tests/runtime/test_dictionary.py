"""The dictionary: its own files are consistent, and a header means one variable or none."""

from __future__ import annotations

import json
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.runtime.dictionary import Dictionary, fold_name, load_dictionary
from riskml.runtime.parsing import CellError

DICTIONARY = load_dictionary()
EVERY = [pytest.param(variable, id=variable.name) for variable in DICTIONARY.variables.values()]


@pytest.mark.parametrize("variable", EVERY)
def test_every_entry_is_complete(variable):
    assert variable.label
    assert variable.why
    assert variable.kind in {"number", "integer", "category", "tristate", "identifier"}
    assert variable.known in DICTIONARY.landmarks
    assert variable.hard[0] <= variable.soft[0] <= variable.soft[1] <= variable.hard[1]
    assert bool(variable.levels) == (variable.kind == "category")
    assert variable.limit_of_detection is None or variable.left_censored
    assert not variable.below_words or variable.limit_of_detection


@pytest.mark.parametrize("variable", EVERY)
def test_every_example_is_accepted(variable):
    if variable.kind in {"number", "integer"}:
        assert DICTIONARY.read(variable, variable.example()).value is not None


def test_no_spelling_means_two_variables():
    claimed: dict[str, str] = {}
    for variable in DICTIONARY.variables.values():
        for spelling in (variable.name, *variable.aliases, *(alias for alias, _ in variable.alias_units)):
            assert claimed.setdefault(fold_name(spelling), variable.name) == variable.name, spelling


def test_no_word_means_two_levels():
    for variable in DICTIONARY.variables.values():
        words = [word.casefold() for word in chain(variable.levels, *variable.levels.values())]
        assert len(words) == len(set(words)), variable.name


def test_words_do_not_overlap():
    words = DICTIONARY.words
    assert not words.present & words.absent
    assert not words.missing & (words.present | words.absent)


def test_every_level_and_spelling_of_a_level_is_read():
    for variable in DICTIONARY.variables.values():
        for level, spellings in variable.levels.items():
            assert {DICTIONARY.read(variable, word).value for word in (level, *spellings)} == {level}


@pytest.mark.parametrize("variable", [p for p in EVERY if p.values[0].lesion])
def test_every_name_of_a_lesion_says_present_in_a_cell(variable):
    for word in (*variable.aliases, *variable.subtypes):
        assert DICTIONARY.read(variable, word).value == 1.0, word
    for word in variable.aliases:
        assert DICTIONARY.read(variable, f"{word} negative").value == 0.0, word
    for word in variable.not_same_as:
        with pytest.raises(CellError, match="its own column"):
            DICTIONARY.read(variable, word)


@pytest.mark.parametrize(
    ("header", "name", "unit"),
    [
        ("mrd", "mrd", None),
        (" MRD ", "mrd", None),
        ("mrd_pct", "mrd", "%"),
        ("mrd (%)", "mrd", "%"),
        ("mrd [%]", "mrd", "%"),
        ("mrd_(%)", "mrd", "%"),
        ("MRD %", "mrd", "%"),
        ("mrd%", "mrd", "%"),
        ("mrd_pct (%)", "mrd", "%"),
        ("MRD (10⁻⁴)", "mrd", "10⁻⁴"),
        ("age (years)", "age", "years"),
        ("age (mons)", "age", "mons"),
        ("Age_Months", "age", "mo"),
        ("CD19 (cells/µL)", "cd19", "cells/µL"),
        ("cd19+", "cd19", None),
        ("B cells", "cd19", None),
        ("BCR::ABL1", "bcr_abl1", None),
        ("t(9;22)", "bcr_abl1", None),
        ("t(9;22)(q34;q11.2)", "bcr_abl1", None),
        ("+4,+10", "trisomy_4_10", None),
        ("efs_days", "efs_time", "d"),
        ("Sex", "sex", None),
    ],
)
def test_headers(header, name, unit):
    hit = DICTIONARY.find(header)
    assert hit is not None
    assert (hit[0].name, hit[1]) == (name, unit)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "karyotype",
        "CD19 %",  # a percentage of lymphocytes, not a count
        "% CD19",
        "CD19 (%)",
        "lymphocytes (%)",
        "mrd (‰)",
        "mrd (/uL)",
        "mrd_pct (fraction)",  # contradicts itself
        "MRD <0.01 %",
        "Ph-",  # 1 would mean the opposite
        "Ph-like",
        "CD19-",
        "p190",  # a 0 here says nothing about p210
        "t(4;11)",
        "Δ mrd",
        "mrd" + "_" * 100_000,
    ],
)
def test_headers_that_only_look_like_a_variable_are_unknown(header):
    assert DICTIONARY.find(header) is None


@given(st.text(max_size=40))
def test_any_header_is_found_or_not(header):
    hit = DICTIONARY.find(header)
    assert hit is None or hit[0].name in DICTIONARY.variables


@pytest.mark.parametrize(
    ("typo", "name"), [("mdr", "mrd"), ("CD-19", "cd19"), ("kmt2a rearr", "kmt2a_r"), ("agee", "age"), ("", None)]
)
def test_nearest_name(typo, name):
    nearest = DICTIONARY.nearest(typo)
    assert nearest in DICTIONARY.variables
    assert name is None or nearest == name


def test_nearest_among_the_columns_present():
    assert DICTIONARY.nearest("efs_tim", ("age", "os_time", "sex")) == "os_time"


def test_landmarks_order_what_is_known():
    assert DICTIONARY.usable_at(DICTIONARY["wbc"], "first_dose")
    assert DICTIONARY.usable_at(DICTIONARY["mrd"], "first_dose")
    assert not DICTIONARY.usable_at(DICTIONARY["mrd"], "end_of_induction")
    assert not DICTIONARY.usable_at(DICTIONARY["response"], "first_dose")


def test_outcomes_name_columns_of_the_dictionary():
    for outcome in DICTIONARY.outcomes.values():
        for column in (outcome["column"], outcome.get("time", "age"), *outcome.get("eligible", {})):
            assert column in DICTIONARY.variables
        levels = DICTIONARY[outcome["column"]].levels
        assert set(outcome.get("event_levels", ())) | set(outcome.get("excluded_levels", ())) <= set(levels)


def test_a_bundle_can_carry_the_dictionary_as_json():
    copy = Dictionary.from_dict(json.loads(json.dumps(DICTIONARY.raw)))
    assert copy.names == DICTIONARY.names
    assert copy.read(copy["mrd"], "0.52 %") == DICTIONARY.read(DICTIONARY["mrd"], "0.52 %")


@pytest.mark.parametrize(
    ("name", "value", "below", "shown"),
    [
        ("mrd", 0.0052, None, "0.52 %"),
        ("mrd", 7.07e-5, 1e-4, "< 0.01 %"),
        ("mrd", None, None, "unknown"),
        ("bcr_abl1", 1.0, None, "present"),
        ("bcr_abl1", 0.0, None, "absent"),
        ("sex", "female", None, "female"),
        ("age", 6.4, None, "6.4 years"),
    ],
)
def test_show(name, value, below, shown):
    assert DICTIONARY[name].show(value, below) == shown
