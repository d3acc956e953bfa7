"""ISCN strings as laboratories type them; every string here is invented."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.runtime.karyotype import find_karyotypes, parse_karyotype, read_event, tidy


def numbers(text):
    return [(clone.low, clone.high) for clone in parse_karyotype(text).clones]


def events(text, clone=0):
    return [event.text for event in parse_karyotype(text).clones[clone].events]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("46,XY", [(46, 46)]),
        ("46,xx[20]", [(46, 46)]),
        ("46, XY", [(46, 46)]),
        ("46 XY", [(46, 46)]),
        ("46,XX,del(6)(q13q23)[11]/46,XX[9]", [(46, 46), (46, 46)]),
        ("52~57,XY,+X,+4[cp12]/46,XY[8]", [(52, 57), (46, 46)]),
        ("52-57,XY,+X,+4[cp12]", [(52, 57)]),
        ("54~58<2n>,XX,+4,+6,+10[cp9]", [(54, 58)]),
        ("90-92<4n>,XXYY[7]", [(90, 92)]),
        ("26,X,+21[4]/52,idemx2[13]", [(26, 26), (52, 52)]),
        ("66(33,X,+X,+21)x2[5]/46,XX[15]", [(66, 66), (46, 46)]),
        ("45,dic(9;20)(p13;q11.2)[12]", [(45, 45)]),
        ("mos 47,XXY[4]/46,XY[16]", [(47, 47), (46, 46)]),
        ("46,XX[12]//46,XY[8]", [(46, 46), (46, 46)]),
        ("46 of 200 cells", []),
        ("day 46, no result", []),
        ("", []),
        ("Karyotype: 46,XX[20] (bone marrow)", [(46, 46)]),
    ],
)
def test_chromosome_numbers(text, expected):
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("46,XX,DEL(6)(Q13Q23)", ["del(6)(q13q23)"]),
        ("46,XX,del (6) (q13 q23)[3]", ["del(6)(q13q23)"]),
        ("46,XY,t( 9 ; 22 )(q34;q11.2)[20]", ["t(9;22)(q34;q11.2)"]),
        ("46,XY,t(9;22)(q34;q11.2", ["t(9;22)(q34;q11.2"]),
        ("46,XY,t(9;22)(q34;q11.2[3]", ["t(9;22)(q34;q11.2"]),
        ("47,XY,+21c[20]", ["+21"]),
        ("48,XX,+8x2[20]", ["+8", "+8"]),
        ("49,XY,+8,+mar,+2mar[4]", ["+8", "+mar", "+2mar"]),
        ("46,XY,-7,+?8,i(17)(q10)", ["-7", "+8", "i(17)(q10)"]),
        ("46,XX,inv(9)(p12q13)c,dup(1)(q21q42)", ["inv(9)(p12q13)c", "dup(1)(q21q42)"]),
        ("46,XX,ins(2;1)(q35;q23q42)", ["ins(2;1)(q35;q23q42)"]),
        ("46,XX,der(19)t(1;19)(q23;p13.3)[8]", ["der(19)t(1;19)(q23;p13.3)"]),
        ("46,XX,der dic(6;12)(q13;p11.1)", ["derdic(6;12)(q13;p11.1)"]),
    ],
)  # fmt: skip
def test_events(text, expected):
    assert events(text) == expected


def test_idem_inherits_and_loses():
    text = "46,XX,del(9)(p22),t(4;11)(q21;q23)[5]/47,idem,+8,-del(9)(p22)[3]/48,sdl1,+21[2]/46,XX[10]"
    assert events(text, 1) == ["t(4;11)(q21;q23)", "+8"]
    assert events(text, 2) == ["t(4;11)(q21;q23)", "+8", "+21"]
    assert events(text, 3) == []
    assert parse_karyotype(text).clones[1].sex == "XX"


def test_the_facts_of_a_clone():
    clone = parse_karyotype("54~56<2n>,XY,+4,+10,-7[cp8]").clones[0]
    assert (clone.ploidy, clone.sex, clone.cells, clone.composite, clone.doubled) == (2, "XY", 8, True, False)
    assert (clone.copies("4"), clone.copies("7"), clone.copies("21")) == (1, -1, 0)
    doubled = parse_karyotype("26,X,+21[4]/52,idemx2[13]").clones[1]
    assert doubled.doubled
    assert doubled.copies("21") == 1


@pytest.mark.parametrize(
    ("text", "normal", "leukaemic"),
    [
        ("46,XX[20]", True, 0),
        ("47,XXYc[20]", True, 0),
        ("47,XY,+21c[20]", True, 0),
        ("46,XY,inv(9)(p12q13)c[20]", True, 0),
        ("47,XY,+21[20]", False, 1),
        ("46,XX,del(6)(q13q23)[11]/46,XX[9]", False, 1),
        ("46,XX[12]//46,XY,del(6)(q13q23)[8]", True, 0),  # the donor's clone is not the patient's
        ("46,XX,zz(6)(q13)[11]", False, 0),  # not understood is not normal
        ("", False, 0),
    ],
)
def test_normal_means_understood_and_nothing_acquired(text, normal, leukaemic):
    found = parse_karyotype(text)
    assert found.normal is normal
    assert len(found.leukaemic) == leukaemic


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("46,XX,w(12;21)(p13;q22)[6]/46,XX[14]", ("w(12;21)(p13;q22)",)),
        ("53,XX,+6,-13n+17,+22[8]", ("-13n+17",)),
        ("46,XX[20]. FISH normal", ("FISH normal",)),
        ("poor growth; 46,XX[3]", ("poor growth",)),
        ("nothing here", ("nothing here",)),
        ("45,XY,-20[17]/nonclonal[2]", ()),
    ],
)
def test_what_was_not_understood_comes_back(text, pieces):
    assert tuple(piece.strip(")") for piece in parse_karyotype(text).not_understood) == tuple(
        p.strip(")") for p in pieces
    )


def test_events_alone():
    event = read_event("der(22)t(9;22)(q34;q11.2)")
    assert (event.kind, event.chromosomes, event.parts[1]) == ("der", ("22",), ("t", ("9", "22"), ("q34", "q11.2")))
    assert read_event("t(v;11q23)") is None
    assert read_event("x(9;22)") is None
    assert read_event("?t(9;22)(q34;q11)").doubtful


def test_karyotypes_are_found_inside_a_report():
    text = tidy("Marrow: 46,XX,t(4;11)(q21;q23)[13]; second sample 46,XX[20]. End")
    assert [text[a:b] for a, b, _ in find_karyotypes(text)] == ["46,XX,t(4;11)(q21;q23)[13]", "46,XX[20]"]


PIECES = [
    "46,XY",
    "47,XX,+8",
    "[20]",
    "/",
    "//",
    "idem",
    "sdl2",
    "x2",
    "t(9;22)",
    "(q34;q11.2)",
    "del(",
    ")",
    "]",
    ",",
    ";",
    "-",
    "+",
    "?",
    "62(35,X",
    "\u00fc",
    " ",
    "\n",
    "<3n>",
    "~",
]


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=80) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_no_text_raises(text):
    found = parse_karyotype(text)
    assert all(clone.low <= clone.high for clone in found.clones)


@pytest.mark.data
def test_the_real_karyotypes_are_read(data_file):
    import pandas as pd

    column = pd.read_csv(data_file("target_aall0232/aall0232.csv"), keep_default_na=False, dtype=str)["karyotype"]
    found = [parse_karyotype(text) for text in column[column != ""]]
    assert len(found) == 447
    assert sum(bool(k.not_understood) for k in found) <= 8  # typing errors, a FISH result in words, a cut-off text
    assert sum(not k.clones for k in found) == 1  # that result in words
