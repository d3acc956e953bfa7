"""The tokens of free text: names with their signs, phrases by length, and words nobody listed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.lesion_words import Lexicon

RAW = load_dictionary().raw
LEXICON = Lexicon(RAW["lesion"], RAW["lesion_words"])


def kinds(text):
    return [token.kind for token in LEXICON.tokens(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BCR::ABL1 not tested", ["mention", "unknown"]),  # not "not"
        ("not BCR::ABL1", ["absent_before", "mention"]),
        ("not detected", ["absent_after"]),
        ("FISH negative for KMT2A", ["tests", "absent_after", "for", "mention"]),
        ("KMT2A and PAX5, IKZF1; TP53", ["mention", "joins", "mention", "comma", "mention", "hard", "mention"]),
        ("negatively", ["word"]),
        ("zebra 12 %", ["word", "filler"]),
        ("0 %", ["word"]),
        ("<0.01 %", ["word", "filler"]),
        ("end. Next", ["word", "hard", "word"]),
        ("KMT2A, +", ["mention", "comma", "present_after"]),
    ],
)
def test_kinds(text, expected):
    assert kinds(text) == expected


@pytest.mark.parametrize(
    ("text", "lesions", "sign"),
    [
        ("Ph+", ("bcr_abl1",), "present"),
        ("Ph-", ("bcr_abl1",), "absent"),
        ("Ph(-)", ("bcr_abl1",), "absent"),
        ("Ph (+)", ("bcr_abl1",), "present"),
        ("KMT2A +/-", ("kmt2a_r",), "unknown"),
        ("Ph-like", ("ph_like",), ""),
        ("KMT2A-PTD", (), ""),
        ("low hyperdiploid", (), ""),
        ("54 chromosomes", ("high_hyperdiploidy",), ""),
        ("46 chromosomes", (), ""),
        ("t(9;22)(q34;q11.2)", ("bcr_abl1",), ""),
        ("t(5;14)(q31;q32)", (), ""),
        ("E2A/HLF", ("tcf3_hlf",), ""),
        ("KMT2A::USP2", ("kmt2a_r",), ""),
    ],
)
def test_mentions(text, lesions, sign):
    (token,) = LEXICON.tokens(text)
    assert (token.kind, token.lesions, token.sign) == ("mention", lesions, sign)


def test_no_word_is_in_two_lists():
    words = [word.casefold() for listed in RAW["lesion_words"].values() for word in listed]
    assert len(words) == len(set(words))


@given(st.text(max_size=60))
def test_tokens_stand_in_order_and_lose_no_letter(text):
    tokens = list(LEXICON.tokens(text))
    assert all(a.end <= b.start for a, b in pairwise(tokens))
    covered = {i for token in tokens for i in range(token.start, token.end)}
    assert not [c for i, c in enumerate(text) if c.isalnum() and i not in covered]


def test_a_dictionary_without_words_still_names_lesions():
    assert [t.lesions for t in Lexicon(RAW["lesion"], {}).tokens("BCR::ABL1")] == [("bcr_abl1",)]
