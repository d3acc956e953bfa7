"""Characteristics by group: who is counted, what is tested, and what may not be shown."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from riskml.training.describe.characteristics import characteristics
from riskml.training.describe.group_tests import FISHER, FISHER_LARGER, KRUSKAL_WALLIS, MANN_WHITNEY
from riskml.training.describe.table import NOT_SHOWN
from tests.training.describe.made import embedded as embedded_cohort
from tests.training.describe.made import read_rows

HEAD = "patient_id,cycle_index,disease_status_at_start,sex,age,bcr_abl1,mrd,efs_time"


def cohort_of(tmp_path, rows, head=HEAD):
    return read_rows(tmp_path, rows, head)


@pytest.fixture(scope="module")
def embedded():
    return embedded_cohort()


def lines(part):
    return {row.label: row.cells for row in part.tables[0].rows}


def by_name(part):
    return {(value["variable"], value["level"]): value for value in part.tables[0].values}


def test_patients_are_counted_and_not_courses(embedded):
    part = characteristics(embedded, internal=True)
    assert embedded.n_courses == 125
    assert part.tables[0].columns[:3] == ("measurable (n = 51)", "none (n = 54)", "All (n = 105)")
    assert part.tables[0].notes[0].startswith("Per patient")
    assert part.missing == ()


def test_nothing_learned_after_the_first_dose_is_a_characteristic(embedded):
    shown = {value["variable"] for value in characteristics(embedded, internal=True).tables[0].values}
    assert shown.isdisjoint({"response", "efs_time", "os_event", "icans_grade", "delivered_infusion_days"})
    assert shown.isdisjoint({"patient_id", "centre", "data_origin", "cycle_index"})
    assert {"age", "sex", "mrd", "bcr_abl1", "disease_status_at_start"} <= shown


def test_numbers_by_hand(tmp_path):
    ages = {"R/R": (2, 4, 6, 8, 10), "CR-MRDneg": (1, 3, 5, 7, 9, "")}
    rows = [
        f"{status}{k},1,{status},F,{f'{age} a' if age else ''},0,1 %,1"
        for status, values in ages.items()
        for k, age in enumerate(values)
    ]
    part = characteristics(cohort_of(tmp_path, rows), names=["age"], internal=True)
    value = by_name(part)["age", None]
    assert value["known"] == [5, 5, 10]
    assert (value["median"], value["q1"], value["q3"]) == ([6, 5, 5.5], [4, 3, 3.25], [8, 7, 7.75])
    # 15 of the 25 pairs have the first group higher.
    assert value["effect"]["value"] == 15 / 25
    assert value["test"] == MANN_WHITNEY
    assert value["p_value"] == stats.mannwhitneyu(ages["R/R"], ages["CR-MRDneg"][:5], method="exact").pvalue
    cells = lines(part)
    assert cells["Age, years"][0] == "6.0 (4.0 to 8.0); 2.0 to 10.0"
    assert cells["not known"] == ("0", "1", "1", "", "")
    assert any(note.startswith("a Mann-Whitney") for note in part.tables[0].notes)


def test_levels_by_hand(tmp_path):
    rows = [f"a{k},1,R/R,{'F' if k < 6 else 'M'},3 a,{1 if k < 5 else 0},1 %,1" for k in range(20)]
    rows += [f"b{k},1,CR-MRDneg,{'F' if k < 12 else 'M'},3 a,{'' if k < 5 else 0},1 %,1" for k in range(25)]
    part = characteristics(cohort_of(tmp_path, rows), names=["sex", "bcr_abl1"])
    cells, values = lines(part), by_name(part)
    assert cells["female"][:3] == ("6 (30 %)", "12 (48 %)", "18 (40 %)")
    assert values["sex", None]["test"] == FISHER
    assert values["sex", None]["p_value"] == pytest.approx(stats.fisher_exact([[6, 14], [12, 13]]).pvalue)
    assert values["sex", "female"]["effect"]["value"] == pytest.approx(0.30 - 0.48)
    # Unknown is not absent: 0 of the 20 known, not of 25.
    assert cells["BCR::ABL1 (Ph+)"][:3] == ("5 (25 %)", "0 (0 %)", "5 (12 %)")
    assert values["bcr_abl1", "present"]["p_value"] == pytest.approx(stats.fisher_exact([[5, 15], [0, 20]]).pvalue)
    # A half in each cell, as Firth's estimate of one binary factor.
    assert values["bcr_abl1", "present"]["odds_ratio"]["value"] == pytest.approx(5.5 * 20.5 / (15.5 * 0.5), rel=1e-5)


def test_more_than_two_groups_have_a_test_and_no_effect(embedded):
    part = characteristics(embedded, by="disease_class_initial", names=["age", "sex"], internal=True)
    values = by_name(part)
    assert values["age", None]["groups"] == ["R/R", "CR-MRDpos", "CR-MRDneg", "All"]
    assert values["age", None]["test"] == KRUSKAL_WALLIS
    assert values["sex", None]["test"] == FISHER_LARGER
    assert "effect" not in values["age", None]
    assert any("more than two groups" in note for note in part.tables[0].notes)


def test_groups_that_are_not_known_are_shown_and_not_compared(tmp_path):
    rows = [f"p{k},1,{('R/R', 'CR-MRDneg', '')[k % 3]},{'FM'[k % 2]},{k} a,0,1 %,1" for k in range(60)]
    part = characteristics(cohort_of(tmp_path, rows), by="disease_status_at_start", names=["age", "sex"])
    assert part.tables[0].columns[:3] == ("R/R (n = 20)", "CR-MRDneg (n = 20)", "not known (n = 20)")
    two = [np.arange(start, 60, 3.0) for start in (0, 1)]
    assert by_name(part)["age", None]["p_value"] == pytest.approx(stats.mannwhitneyu(*two, method="exact").pvalue)
    assert by_name(part)["sex", None]["test"] == FISHER


def test_what_defines_the_groups_is_shown_and_not_tested(embedded):
    part = characteristics(embedded, internal=True)
    value = by_name(part)["disease_status_at_start", "R/R"]
    assert value["n"] == [11, 0, 11]
    assert "p_value" not in value
    assert "effect" not in value


def test_groups_known_later_are_called_so(embedded):
    assert any("known only after" in note for note in characteristics(embedded, by="response").tables[0].notes)
    assert not any("known only after" in note for note in characteristics(embedded, by="sex").tables[0].notes)


def test_derived_variables_by_name_and_as_groups(embedded):
    part = characteristics(embedded, by="any_poor_lesion", names=["age_group", "any_poor_lesion"], internal=True)
    assert {value["variable"] for value in part.tables[0].values} == {"age_group"}
    assert part.tables[0].columns[0].startswith("present")


@pytest.mark.parametrize("by", ["no_such_variable", "age", "tki", None])
def test_without_groups_there_is_one_column_and_the_reason(tmp_path, by):
    rows = [f"p{k},1,R/R,{'FM'[k % 2]},{k} a,0,1 %,1" for k in range(12)]
    part = characteristics(cohort_of(tmp_path, rows), by=by, names=["age", "sex"])
    assert part.tables[0].columns == ("All (n = 12)",)
    assert len(part.missing) == (by is not None)
    assert all(len(row.cells) == 1 for row in part.tables[0].rows)
    assert "p_value" not in part.tables[0].values[0]


def test_what_the_cohort_has_not_is_said(tmp_path):
    rows = [f"p{k},1,R/R,F,{k} a,,,1" for k in range(12)]
    part = characteristics(cohort_of(tmp_path, rows), names=["cd19", "bcr_abl1", "nonsense", "age"])
    assert [reason.partition(":")[0] for reason in part.missing] == ["cd19", "bcr_abl1", "nonsense"]
    nothing = characteristics(cohort_of(tmp_path, rows), names=["cd19"])
    assert nothing.tables == ()


def test_equal_values_have_no_p_value(tmp_path):
    rows = [f"p{k},1,{('R/R', 'CR-MRDneg')[k % 2]},F,3 a,0,1 %,1" for k in range(20)]
    part = characteristics(cohort_of(tmp_path, rows), names=["age", "sex", "bcr_abl1"])
    assert by_name(part)["age", None]["p_value"] is None
    assert lines(part)["Age, years"][-1] == "–"
    assert lines(part)["Sex"][-1] == "–"


@pytest.mark.parametrize("by", ["disease_status_at_start", None])
def test_a_handful_of_patients_is_not_described(tmp_path, by):
    rows = [f"p{k},1,{('R/R', 'CR-MRDneg')[k % 2]},F,3 a,0,1 %,1" for k in range(4)]
    part = characteristics(cohort_of(tmp_path, rows), by=by, names=["age", "sex", "bcr_abl1"])
    assert all("n = <5" in head for head in part.tables[0].columns if "n =" in head)
    assert {cell for row in part.tables[0].rows for cell in row.cells} <= {NOT_SHOWN, "–", ""}
    assert part.tables[0].values == ()


def shown_numbers(part):
    """Every whole number that stands in a cell as a count."""
    counts = (re.match(r"(\d+)(?: \(\d+ %\))?$", cell) for row in part.tables[0].rows for cell in row.cells)
    return [int(match[1]) for match in counts if match]


def test_no_small_count_and_nothing_made_of_one_leaves_the_site(embedded):
    part = characteristics(embedded)
    assert not {1, 2, 3, 4} & set(shown_numbers(part))
    cells = lines(part)
    # 7 and 4 of 51 and 54: the 7 would tell the 4 by the row's total, or the total would; P of 10 and 1 is below 0.05.
    assert cells["KMT2A rearrangement"][:2] == ("7 to 10", "<5")
    assert cells["KMT2A rearrangement"][-2:] == ("-6 to 31", NOT_SHOWN)
    assert any("Of one to four patients each: TCF3::HLF" in note for note in part.tables[0].notes)
    assert "TCF3::HLF" not in cells
    assert ("kmt2a_r", "present") not in by_name(part)
    assert "; " not in cells["Age, years"][0]
    for value in part.tables[0].values:
        assert not {1, 2, 3, 4} & set(value.get("n", ()))
    assert {1, 4} <= set(shown_numbers(characteristics(embedded, internal=True)))


@settings(max_examples=25)
@given(st.lists(st.integers(0, 8), min_size=6, max_size=6))
def test_what_is_shown_never_tells_a_small_count(tmp_path_factory, counts):
    rows = [
        f"{k}-{n},1,{('R/R', 'CR-MRDneg')[k % 2]},F,{n} a,{('1', '0', '')[k // 2]},1 %,1"
        for k, size in enumerate(counts)
        for n in range(size)
    ]
    assume(sum(counts[:4]))
    part = characteristics(cohort_of(tmp_path_factory.mktemp("drawn"), rows), names=["bcr_abl1"])
    if not part.tables:
        assert 0 < sum(counts[:2]) < 5
        assert part.missing == ("BCR::ABL1 (Ph+): of one to four patients",)
        return
    assert not {1, 2, 3, 4} & set(shown_numbers(part))
    small = any(0 < size < 5 for size in counts)
    row = part.tables[0].rows[0]
    if small and len(part.tables[0].columns) > 1:
        assert row.cells[-1] in {NOT_SHOWN, "–", "<0.05", "≥0.05"}
        assert part.tables[0].values == ()
