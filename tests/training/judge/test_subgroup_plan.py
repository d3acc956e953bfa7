"""The list of subgroups reads as a clinician would, and refuses what would mislead."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.errors import DataError, UsageError
from riskml.runtime.dictionary import load_dictionary
from riskml.training.judge.subgroup_plan import load_subgroups

GROUP = """
[subgroup.one]
label = "One"
variable = "{variable}"
how = "{how}"
why = "to look"
{more}
"""


@pytest.fixture
def load(tmp_path):
    """Load a file of one subgroup, or of the text given."""

    def write(variable="sex", how="level", more="", text=None):
        path = tmp_path / "subgroups.toml"
        path.write_text(text if text is not None else GROUP.format(variable=variable, how=how, more=more), "utf-8")
        return load_subgroups(path)

    return write


def test_what_ships_covers_what_was_promised():
    groups = {group.name: group for group in load_subgroups()}
    told_by = {group.variable for group in groups.values()}
    promised = {"bcr_abl1", "kmt2a_r", "age_group", "disease_status_at_start", "disease_class_initial", "sex", "centre"}
    assert promised <= told_by
    assert groups["age"].levels == ("infant", "1 to 9 years", "10 years or older")
    assert groups["status_at_first_dose"].levels == ("R/R", "CR-MRDpos", "CR-MRDneg")
    dictionary = load_dictionary()
    assert all(dictionary.usable_at(dictionary[name], "first_dose") for name in told_by)


def test_present_is_against_absent(load):
    (group,) = load("bcr_abl1", "present")
    groups, others = group.split(np.array([1.0, 0.0, np.nan, 1.0]))
    assert groups["present"].tolist() == [True, False, False, True]
    assert others["absent"].tolist() == [False, True, False, False]
    assert others["unknown"].tolist() == [False, False, True, False]


def test_levels_chosen_leave_the_others(load):
    (group,) = load("disease_class_initial", "level", 'levels = ["R/R"]')
    groups, others = group.split(np.array(["R/R", "CR-MRDpos", None, np.nan], dtype=object))
    assert groups["R/R"].tolist() == [True, False, False, False]
    assert others["other"].tolist() == [False, True, False, False]
    assert others["unknown"].tolist() == [False, False, True, True]


def test_levels_of_an_identifier_are_those_of_the_file(load):
    (group,) = load("centre")
    groups, others = group.split(np.array(["West", "East", None, "West"], dtype=object))
    assert list(groups) == ["East", "West"]
    assert groups["West"].tolist() == [True, False, False, True]
    assert not others["other"].any()


def test_ranges_hold_their_beginning_and_not_their_end(load):
    (group,) = load("age", "range", 'ranges = { "under 1" = [0, 1], "1 to 9" = [1, 10] }')
    groups, others = group.split(np.array([0.0, 0.99, 1.0, 10.0, np.nan]))
    assert groups["under 1"].tolist() == [True, True, False, False, False]
    assert groups["1 to 9"].tolist() == [False, False, True, False, False]
    assert others["other"].tolist() == [False, False, False, True, False]
    assert others["unknown"].tolist() == [False, False, False, False, True]


@pytest.mark.parametrize("how", ["present", "level", "range"])
def test_every_row_is_in_one_group(load, how):
    variable, more = {"present": ("kmt2a_r", ""), "level": ("sex", ""), "range": ("age", "ranges = { a = [1, 3] }")}[
        how
    ]
    (group,) = load(variable, how, more)
    column = (
        np.array(["male", "female", None] * 3, dtype=object) if how == "level" else np.array([0, 1, 2, np.nan, 9.0])
    )
    groups, others = group.split(column)
    assert np.sum([*groups.values(), *others.values()], axis=0).tolist() == [1] * len(column)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"variable": "sexx"}, "the nearest name is 'sex'"),
        ({"how": "value"}, "how must be one of present, level, range"),
        ({"variable": "age"}, "'level' takes a category or identifier"),
        ({"how": "present"}, "'present' takes a tristate"),
        ({"variable": "patient_id"}, "patient_id, a identifier"),
        ({"variable": "mrd_response"}, "must be known by first_dose"),
        ({"more": 'levels = ["boy"]'}, "levels must be among female, male"),
        ({"more": "levels = []"}, "levels must be a list of different levels"),
        ({"more": 'levels = ["male", "male"]'}, "levels must be a list of different levels"),
        ({"variable": "centre", "more": 'levels = ["A"]'}, "levels of centre differ between files"),
        ({"more": "ranges = { a = [0, 1] }"}, "ranges is not a key of how = 'level'"),
        ({"variable": "age", "how": "range"}, "ranges must be a table"),
        ({"variable": "age", "how": "range", "more": "ranges = { a = [1, 0] }"}, "two rising numbers"),
        ({"variable": "age", "how": "range", "more": "ranges = { unknown = [0, 1] }"}, "ranges must be a table"),
        ({"variable": "age", "how": "range", "more": "ranges = { a = [0, true] }"}, "two rising numbers"),
        ({"variable": "age", "how": "range", "more": "ranges = { a = [0, 2], b = [1, 3] }"}, "must not overlap"),
        ({"text": "[subgroup.one]\nlabel = 'x'"}, "must be a table with label, variable, how, why"),
        ({"text": GROUP.format(variable="sex", how="level", more="").replace("to look", " ")}, "why must be text"),
        ({"text": "subgroup = 3"}, r"needs tables \[subgroup.NAME\]"),
        ({"text": "schema = 1"}, r"needs tables \[subgroup.NAME\]"),
    ],
)
def test_what_would_mislead_is_refused(load, settings, said):
    with pytest.raises(DataError, match=said):
        load(**settings)


def test_all_faults_come_at_once(load):
    two = GROUP.format(variable="sexx", how="level", more="") + GROUP.format(variable="age", how="present", more="")
    with pytest.raises(DataError) as caught:
        load(text=two.replace("[subgroup.one]", "[subgroup.two]", 1))
    assert len(caught.value.faults) == 2


def test_a_file_that_is_not_toml_or_not_there(load, tmp_path):
    with pytest.raises(UsageError, match="cannot be read as TOML"):
        load(text="[subgroup")
    with pytest.raises(UsageError, match="cannot be read as TOML"):
        load_subgroups(tmp_path / "none.toml")
