"""What a foreign name may mean: sure, likely, or to be asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.name_guess import ALIAS, LIKE, OWN, PARTS, guess_name
from riskml.runtime.dictionary import load_dictionary

DICTIONARY = load_dictionary()


@pytest.mark.parametrize(
    ("header", "variable", "strength", "unit"),
    [
        ("mrd", "mrd", OWN, None),
        ("MRD (%)", "mrd", OWN, "%"),
        ("Gender", "sex", ALIAS, None),
        ("age_days", "age", ALIAS, "d"),
        ("mrd_d29_pct", "mrd_end_of_induction", ALIAS, "%"),
        ("wbc_10_9_l", "wbc", ALIAS, "10*9/L"),
        ("kmt2a_mll", "kmt2a_r", PARTS, None),
        ("Sex of the patient", "sex", PARTS, None),
        ("bm_blasts_d15_pct", "bm_blasts", LIKE, "%"),
        ("reponse", "response", LIKE, None),
    ],
)
def test_the_first_guess(header, variable, strength, unit):
    guess = guess_name(header, DICTIONARY)[0]
    assert (guess.variable.name, guess.strength, guess.unit) == (variable, strength, unit)
    assert guess.evidence


@pytest.mark.parametrize("header", ["protocol", "lineage", "", "x", "编号"])
def test_nothing_is_like_it(header):
    assert guess_name(header, DICTIONARY) == []


@pytest.mark.parametrize(
    "header", ["hypodiploidy", "Hypodiploid", "hypodiploidy_yn", "hyperdiploid_low", "high hypodiploidy"]
)
def test_the_contrary_is_never_proposed(header):
    assert {guess.variable.name for guess in guess_name(header, DICTIONARY)} & {
        "high_hyperdiploidy",
        "low_hypodiploidy",
    } == set()


@given(st.text(max_size=30))
def test_any_header_is_guessed_at_most_three_times(header):
    guesses = guess_name(header, DICTIONARY)
    assert len(guesses) <= 3
    assert [guess.strength for guess in guesses] == sorted((guess.strength for guess in guesses), reverse=True)
