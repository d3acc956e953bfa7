"""What a karyotype proves, and that it excludes only what is defined by counting."""

from __future__ import annotations

import pytest

from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.karyotype import parse_karyotype, read_event
from riskml.runtime.karyotype_lesions import karyotype_lesions, number_lesions, read_rules

LESIONS = load_dictionary().raw["lesion"]
RULES = read_rules(LESIONS)
PLOIDY = {"high_hyperdiploidy", "near_haploidy", "low_hypodiploidy", "trisomy_4_10"}


def states(text):
    return {lesion: state for lesion, state, _ in karyotype_lesions(parse_karyotype(text), RULES)}


def present(text):
    return {lesion for lesion, state in states(text).items() if state == 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("46,XY,t(9;22)(q34;q11.2)[15]/46,XY[5]", {"bcr_abl1"}),
        ("46,XY,t(9;22)(q34.1;q11.23)[15]", {"bcr_abl1"}),
        ("46,XY,T(9;22)(Q34;Q11)[15]", {"bcr_abl1"}),
        ("46,XY,t(9;22)[15]", {"bcr_abl1"}),
        ("46,XY,t(5;9;22)(q31;q34;q11.2)[15]", {"bcr_abl1"}),
        ("46,XY,der(9)del(9)(p13)t(9;22)(q34;q11.2),der(22)t(9;22)(q34;q11.2)[9]", {"bcr_abl1"}),
        ("46,XY,der(9)t(9;22)(q34;q11.2)[9]", set()),  # without the Philadelphia chromosome itself
        ("46,XY,t(9;22)(p13;q11.2)[9]", set()),  # another band
        ("46,XY,?t(9;22)(q34;q11.2)[9]", set()),
        ("46,XY,t(9;22)(q3?4;q11.2)[9]", set()),
        ("46,XX,t(4;11)(q21;q23),+6[13]", {"kmt2a_r"}),
        ("45,XX,t(11;19)(q23;p13.3),-20[13]", {"kmt2a_r"}),
        ("46,XX,t(9;11)(p22;q23)[20]", {"kmt2a_r"}),
        ("46,XX,t(10;11)(p12;q23.3)[20]", {"kmt2a_r"}),
        ("46,XX,t(11;14)(q23;q32)[20]", set()),  # 11q23 with an unknown partner: FISH has to say
        ("46,XX,del(11)(q23)[20]", set()),
        ("46,XX,t(9;11)(p13;q25)[20]", set()),
        ("46,XX,t(1;19)(q23;p13.3)[20]", {"tcf3_pbx1"}),
        ("47,XX,+5,der(19)t(1;19)(q23;p13)[13]", {"tcf3_pbx1"}),
        ("46,XX,t(1;19)(q42;q13)[20]", set()),
        ("46,XX,t(17;19)(q22;p13)[20]", {"tcf3_hlf"}),
        ("46,XX,t(12;21)(p13;q22)[20]", {"etv6_runx1"}),
        ("46,XY,r(21)amp(RUNX1)[14]", {"iamp21"}),
        ("46,XY,der(21)amp(21)(q22)[14]", {"iamp21"}),
        ("46,XY,i(17)(q10)[6]", {"tp53"}),
        ("46,XY,del(17)(p11.2)[6]", {"tp53"}),
        ("46,XY,del(17)(q21)[6]", set()),
        ("55,XX,+X,+4,+6,+10,+14,+17,+18,+21,+21[11]", {"high_hyperdiploidy", "trisomy_4_10"}),
        ("52~56,XX,+X,+4,+6,+14,+21,+21[cp7]", {"high_hyperdiploidy"}),
        ("48~52,XX,+8,+9[cp2]", set()),  # 48 to 52 straddles the limit
        ("26,X,+21[9]", {"near_haploidy"}),
        ("36,X,+X,+1,+10[9]", {"low_hypodiploidy"}),
        ("26,X,+21[5]/52,idemx2[12]", {"near_haploidy"}),  # 52 is the near-haploid clone twice
        ("66(33,X,+X,+21)x2[5]", set()),  # nor is 66 here; the clone of 33 itself was not counted
        ("47,XX,+4[5]/48,idem,+10[6]", {"trisomy_4_10"}),  # inherited through idem
        ("47,XX,+4[5]/47,XX,+10[6]", set()),  # two clones, one each
        ("69<3n>,XXY,+4,+10[5]", set()),  # counted from three copies
        ("46,XX[12]//46,XY,t(9;22)(q34;q11.2)[8]", set()),  # the donor's
        ("46,XX[20]", set()),
    ],
)
def test_what_is_present(text, expected):
    assert present(text) == expected


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("46,XX[20]", set()),  # perhaps no leukaemic cell divided
        ("47,XY,+21c[20]", set()),
        ("46,XY,del(6)(q13q23)[20]", PLOIDY),
        ("47,XX,+8,+mar[20]", PLOIDY - {"trisomy_4_10"}),  # the marker may be a 4 or a 10
        ("47,XX,+?8[20]", PLOIDY - {"trisomy_4_10"}),
        ("47,XX,+8,zz(6)(q13)[20]", PLOIDY - {"trisomy_4_10"}),
        ("55,XX,+X,+4,+6,+14,+17,+18,+21,+21,+22[11]", {"trisomy_4_10"}),  # may be a doubled near-haploid clone
        # Reading stopped: what follows may be a clone of 54 with both gains.
        ("46,XX,del(6)(q13q23), zebra,+4,+10", set()),
        ("46,XX,del(6)(q13q23)[9]/zebra,54,idem,+4,+10", set()),
        ("46,XX,del(6)(q13q23) zebra/54,idem,+X,+4,+10", set()),
        ("46,XX,del(6)(q13q23)[9], zebra", PLOIDY),  # another sentence
        ("26,X,+21[9]", set()),
        ("90<4n>,XXYY[9]", set()),
    ],
)
def test_only_counted_lesions_are_ever_absent(text, absent):
    assert {lesion for lesion, state in states(text).items() if state == 0} == absent


def test_every_iscn_of_the_dictionary_proves_its_lesion():
    shown = {}
    for name, raw in LESIONS.items():
        event = read_event(raw.get("iscn", ""))
        if event is not None:
            shown[name] = [rule.name for rule in RULES if rule.shown_by(event)]
    assert shown == {name: [name] for name in ("bcr_abl1", "tcf3_hlf", "etv6_runx1", "tcf3_pbx1")}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (23, 23, []),
        (24, 29, ["near_haploidy"]),
        (29, 30, []),
        (30, 39, ["low_hypodiploidy"]),
        (40, 40, []),
        (46, 46, []),
        (50, 51, []),
        (51, 67, ["high_hyperdiploidy"]),
        (68, 68, []),
    ],
)
def test_limits_are_inclusive(low, high, expected):
    assert number_lesions(low, high, RULES) == expected
