"""Groups: every row is in one, levels in the dictionary's order, and why there are none is said."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.training.describe.grouping import grouping, usual_groups
from tests.training.describe.made import embedded, made


def test_levels_stand_in_the_dictionarys_order_and_unknown_last():
    cohort = made(patient_id="abcd", disease_status_at_start=["CR-MRDneg", "", "R/R", "CR-MRDneg"])
    groups, missing = grouping(cohort, "disease_status_at_start")
    assert groups.levels == ("R/R", "CR-MRDneg", "not known")
    assert groups.code.tolist() == [1, 2, 0, 1]
    assert groups.known == (0, 1)
    assert missing == ()


def test_tristates_are_present_and_absent():
    groups, _ = grouping(made(patient_id="abc", bridging_chemo=["no", "yes", "?"]), "bridging_chemo")
    assert [groups.levels[code] for code in groups.code] == ["absent", "present", "not known"]


def test_derived_groups_are_made_of_their_inputs():
    groups, _ = grouping(embedded(), "status_group")
    assert groups.levels == ("measurable", "none")
    assert np.bincount(groups.code).tolist() == [51, 74]  # zhang2025 Table 3: courses of MRDneg are 74 of 125


def test_a_part_of_the_rows_keeps_all_levels():
    groups, _ = grouping(embedded(), "status_group")
    assert groups.some(np.array([0])).levels == groups.levels


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (None, ()),
        ("prior_hsct", ("groups by prior_hsct: the cohort does not have it",)),
        ("age", ("groups by age: it is no category",)),
        ("height", ("groups: there is no variable height",)),
    ],
)
def test_without_groups_all_are_one_and_why_is_said(name, said):
    groups, missing = grouping(embedded(), name)
    assert (groups.levels, groups.label, missing) == (("All",), "", said)
    assert not groups.code.any()


def test_a_column_without_a_value_makes_no_groups():
    groups, missing = grouping(made(patient_id="ab", sex=["", ""]), "sex")
    assert groups.levels == ("All",)
    assert missing == ("groups by sex: the cohort does not have it",)


def test_the_usual_groups_are_those_that_need_not_be_hidden():
    ages = ["4"] * 6 + ["12"] * 6
    cohort = made(patient_id=[f"p{k}" for k in range(12)], age=ages, sex=["f"] * 9 + ["m"] * 3)
    assert usual_groups(cohort) == ("age_group",), "three boys would have to be hidden"
    assert usual_groups(cohort, ("sex", "no_such_name")) == ()
    assert usual_groups(embedded())[:2] == ("status_group", "disease_class_initial")
