"""Cytogenetic schemes, worked by hand from their sources; an untested lesion never makes a patient good."""

from __future__ import annotations

from itertools import product

import pytest

from riskml.errors import UsageError
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.schemes import Scheme, find_scheme, group, load_schemes

LESIONS = {name for name, variable in load_dictionary().variables.items() if variable.lesion}
NONE = dict.fromkeys(LESIONS, 0.0)
EVERY = [pytest.param(scheme, id=name) for name, scheme in load_schemes().items()]


@pytest.mark.parametrize(
    ("scheme", "states", "level"),
    [
        ("zhang2025", NONE, "good"),
        ("zhang2025", {"bcr_abl1": 1.0}, "poor"),
        ("zhang2025", {"kmt2a_r": 1.0, "bcr_abl1": None}, "poor"),
        ("zhang2025", {"tcf3_hlf": 1.0}, "poor"),
        ("zhang2025", {"etv6_runx1": 1.0}, "unknown"),  # nobody looked for the three
        ("zhang2025", NONE | {"tcf3_hlf": None}, "unknown"),
        ("zhang2025", {}, "unknown"),
        ("three_level", NONE, "good"),
        ("three_level", {"bcr_abl1": 1.0}, "ph_pos"),
        ("three_level", {"bcr_abl1": 1.0, "kmt2a_r": 1.0}, "ph_pos"),  # coded once
        ("three_level", {"bcr_abl1": 0.0, "tcf3_hlf": 1.0}, "other_poor"),
        ("three_level", {"tcf3_hlf": 1.0}, "unknown"),
        ("three_level", {"bcr_abl1": 0.0}, "unknown"),
        ("cog_2007", {"near_haploidy": 1.0}, "very_high"),
        ("cog_2007", NONE | {"etv6_runx1": 1.0}, "favourable"),
        ("cog_2007", NONE | {"trisomy_4_10": 1.0}, "unknown"),  # the source asks for trisomy 17 as well
        ("cog_2007", NONE, "other"),
        ("dfci_05001", {"bcr_abl1": 1.0}, "not_in_trial"),
        ("dfci_05001", NONE | {"kmt2a_r": 1.0}, "very_high"),
        ("dfci_05001", NONE, "not_very_high"),
        ("uk_review_2018", {"iamp21": 1.0}, "poor"),
        ("uk_review_2018", NONE | {"high_hyperdiploidy": 1.0}, "good"),
        ("uk_review_2018", NONE | {"ph_like": 1.0}, "b_other_poor"),
        ("uk_review_2018", NONE | {"dux4_r": 1.0}, "b_other_good"),
        ("uk_review_2018", NONE | {"dux4_r": 1.0, "pax5_r": 1.0}, "unknown"),  # perhaps a PAX5 amplification
        ("uk_review_2018", NONE, "other"),
        ("uk_adult_ukall14", {"low_hypodiploidy": 1.0}, "poor"),
        ("uk_adult_ukall14", {"kmt2a_r": 1.0}, "unknown"),  # which partner?
        ("uk_adult_ukall14", NONE, "unknown"),  # a complex karyotype has no column
    ],
)
def test_levels(scheme, states, level):
    found = group(scheme, states)
    assert found.level == level
    assert bool(found.unknown) == (level == "unknown")
    assert (level in found.possible) == (level != "unknown")


def test_a_group_says_why_and_what_would_decide():
    assert group("zhang2025", {"kmt2a_r": 1.0}).because == ("kmt2a_r",)
    open_one = group("three_level", {"bcr_abl1": None, "kmt2a_r": 1.0, "tcf3_hlf": 0.0})
    assert (open_one.unknown, open_one.possible) == (("bcr_abl1",), ("ph_pos", "other_poor"))


@pytest.mark.parametrize("scheme", EVERY)
def test_a_scheme_names_its_source_and_lesions_of_the_dictionary(scheme):
    assert scheme.verified in {"yes", "derived"}
    assert scheme.source
    assert scheme.label
    assert scheme.unknown_is not in scheme.all_levels
    assert {name for level in scheme.levels for name in (*level.any, *level.perhaps)} <= LESIONS


@pytest.mark.parametrize("scheme", EVERY)
def test_what_is_decided_stays_decided_however_the_unknown_turns_out(scheme):
    names = list(dict.fromkeys(name for level in scheme.levels for name in (*level.any, *level.perhaps)))[:6]
    for states in product((None, 0.0, 1.0), repeat=len(names)):
        known = dict(zip(names, states, strict=True))
        level = group(scheme, known).level
        for filled in (0.0, 1.0):
            full = {name: filled if state is None else state for name, state in known.items()}
            if level != scheme.unknown_is:
                assert group(scheme, full).level in {level, scheme.unknown_is}


def test_unverified_schemes_are_not_shipped():
    assert set(load_schemes()) == {
        "zhang2025",
        "three_level",
        "cog_2007",
        "dfci_05001",
        "uk_review_2018",
        "uk_adult_ukall14",
    }
    with pytest.raises(UsageError, match="take one of zhang2025, three_level"):
        find_scheme("nccn")


def test_unknown_may_not_be_a_level():
    raw = {"label": "", "verified": "yes", "source": "", "note": "", "unknown_is": "good", "otherwise": "good"}
    with pytest.raises(UsageError, match="an untested lesion says nothing"):
        Scheme.from_dict("mine", raw | {"level": {"poor": {"any": ["bcr_abl1"]}}})
