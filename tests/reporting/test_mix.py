"""Two cohorts side by side: units of the dictionary, gaps that are total, and no name a reader would not know."""

from __future__ import annotations

import copy

import pytest

from riskml.reporting.mix import case_mix, labelled
from riskml.runtime.dictionary import load_dictionary
from tests.reporting.blocks import text_of
from tests.reporting.results import MEMBERSHIP, MIX

DICTIONARY = load_dictionary()
MINUS = "\N{MINUS SIGN}"


def parts_of(**changes):
    return {part["heading"]: part for part in case_mix(MIX | changes, MEMBERSHIP, "m", DICTIONARY)}


def test_inputs_are_in_the_units_in_which_they_are_read():
    ((_, _, rows),) = parts_of()["Inputs here and at development"]["tables"]
    times = "×\N{NO-BREAK SPACE}"
    assert rows == [
        ["BCR::ABL1 (Ph+): present", "10 %", "20 %", "+0.10", "0.30"],  # absent follows
        ["Marrow MRD before first dose", f"1 % ({times}10)", f"0.1 % ({times}7.9)", "+0.50, beyond chance", "0.30"],
        ["Age", "6.91 years (SD 4.2)", "8 years (SD 4)", f"{MINUS}0.20", "0.30"],
        ["CD19+ B cells", "not known", "not known", "not estimable", "–"],
    ]


def test_a_category_has_a_line_for_each_level_and_one_difference():
    levels = [{"level": level, "here": None, "there": share} for level, share in (("R/R", 0.0), ("CR-MRDpos", 1.0))]
    item = MIX["inputs"][0] | {"label": "Class", "levels": [*levels, {"level": "other", "here": 0.2, "there": None}]}
    ((_, _, rows),) = parts_of(inputs=[item])["Inputs here and at development"]["tables"]
    assert rows == [
        ["Class: R/R", "not known", "none", "+0.10", "0.30"],
        ["Class: CR-MRDpos", "not known", "all", "", ""],
        ["Class: other", "20 %", "not known", "", ""],
    ]


def test_the_drawing_says_which_inputs_differ_in_words():
    drawing, _ = parts_of()["Inputs here and at development"]["figures"][0]
    assert {"Age", f"differs, {MINUS}0.20", "differs much, +0.50", "not estimable"} <= set(text_of(drawing))


def test_an_input_that_nobody_has_is_named():
    part = parts_of()["Missing inputs"]
    assert part["sentences"] == ["Not recorded here at all: CD19+ B cells. Each counts as unknown in every patient."]
    assert part["tables"][0][2][-1] == ["CD19+ B cells", "all", "25 %"]
    whole = copy.deepcopy(MIX["inputs"][:1])
    whole[0]["missing_there"] = 0.0
    part = parts_of(inputs=whole)["Missing inputs"]
    assert part["sentences"] == ["Complete on both sides: BCR::ABL1 (Ph+)."]
    assert part["tables"] == []


def test_what_tells_the_patients_apart_has_labels():
    part = parts_of()["Are they the same kind of patients?"]
    assert part["sentences"][1] == "What tells them apart most: Marrow MRD before first dose missing, outcome."


def test_risks_and_follow_up_side_by_side():
    followed = {"here": 18.4, "there": None}
    rate = {"here": 0.15, "there": None, "horizon_months": 12.0}
    ((_, _, rows),) = parts_of(follow_up_months=followed, event_rate=rate)["Risks here and at development"]["tables"]
    assert rows[0] == ["With the event by 12 months", "15 %", "not known"]
    assert rows[1] == ["Linear predictor, mean", f"{MINUS}1.50", f"{MINUS}2.00"]
    assert rows[-1] == ["Median potential follow-up", "18 months", "not known"]
    assert len(parts_of()["Risks here and at development"]["tables"][0][2]) == 3


def test_methods_are_shown_where_they_are_known():
    ((_, _, rows),) = parts_of()["How inputs were measured"]["tables"]
    assert rows == [["MRD method", "flow 40 %, PCR 60 %", "flow in all"]]
    there = {"here": {"mrd_method": {"flow": 1.0}}, "there": {}}
    assert parts_of(methods=there)["How inputs were measured"]["tables"][0][2] == [
        ["MRD method", "flow in all", "not known"]
    ]
    assert "How inputs were measured" not in parts_of(methods={"here": {}, "there": {}})


@pytest.mark.parametrize(
    ("text", "names", "shown"),
    [
        ("not recorded here: cd19, mrd; each counts", ["cd19", "mrd"], "CD19+ B cells, Marrow MRD before first dose;"),
        ("age outside what it applies to in 3 rows", ["age"], "Age outside what it applies to in <5 rows"),
        ("age outside what it applies to", [], "age outside"),
        ("mrd_method PCR here", [], "MRD method PCR here"),
        ("(first in <b>cd19</b>)", ["cd19"], "(first in <b>cd19</b>)"),
    ],
)
def test_names_of_inputs_become_labels(text, names, shown):
    assert shown in labelled(text, names, DICTIONARY)
