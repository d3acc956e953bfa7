"""Response by group and factors of its absence: the published counts, cases by hand, and what may not be shown."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from scipy import stats

from riskml.cohort.derive import with_inputs
from riskml.training.describe.group_tests import p_text
from riskml.training.describe.response import response
from riskml.training.describe.table import NOT_SHOWN
from riskml.training.learners.firth import firth_coefficients
from tests.training.describe.made import embedded as embedded_cohort
from tests.training.describe.made import read_rows

HEAD = "patient_id,disease_status_at_start,response,sex,age,bcr_abl1,mrd"


def cohort_of(tmp_path, rows, head=HEAD):
    return read_rows(tmp_path, rows, head)


@pytest.fixture(scope="module")
def embedded():
    return embedded_cohort()


@pytest.fixture(scope="module")
def part(embedded):
    return response(embedded, internal=True)


@pytest.fixture(scope="module")
def ratios(part):
    return {(value["variable"], value["level"]): value for value in part.tables[1].values}


@pytest.fixture
def drawn(tmp_path):
    """200 patients of whom older boys respond less often, MRD and lesions known of most."""
    rng = np.random.default_rng(7)
    rows = []
    for k in range(200):
        age, male, lesion, mrd = rng.integers(1, 18), rng.random() < 0.5, rng.random() < 0.3, 10 ** rng.normal(-1, 1)
        failed = rng.random() < 1 / (1 + np.exp(-(-2.5 + 0.1 * age + 0.8 * male + 0.5 * lesion)))
        lesion_text = "" if k % 4 == 0 else str(int(lesion))
        rows.append(
            f"p{k},R/R,{'NR' if failed else 'CR'},{'M' if male else 'F'},{age} a,{lesion_text},{min(mrd, 90):.3f} %"
        )
    return cohort_of(tmp_path, rows)


def lines(table):
    return {row.label: row.cells for row in table.rows}


# 0.5 added to each published cell: [no response, response] with and without.
@pytest.mark.parametrize(
    ("name", "cells"),
    [("bcr_abl1", (4, 1, 5, 41)), ("kmt2a_r", (2, 5, 7, 37)), ("etv6_runx1", (0, 5, 9, 37))],
)
def test_firths_ratio_of_the_published_counts(ratios, name, cells):
    a, b, c, d = (cell + 0.5 for cell in cells)
    found = ratios[name, None]
    assert (found["n"], found["events"]) == (51, 9)
    assert found["univariable"]["value"] == pytest.approx(a * d / (b * c), rel=1e-6)
    assert found["univariable"]["low"] < found["univariable"]["value"] < found["univariable"]["high"]


def test_the_model_is_firths_of_those_with_every_value_known(part, ratios, embedded):
    patients = with_inputs(embedded.patients(), ["any_poor_lesion"]).frame
    judged = patients[patients["disease_status_at_start"].isin(["R/R", "CR-MRDpos"])]
    judged = judged.dropna(subset=["any_poor_lesion", "mrd"])
    X = np.column_stack([judged["any_poor_lesion"], np.log10(judged["mrd"])])
    expected = firth_coefficients(X, judged["response"] == "no_response")
    for place, name in enumerate(("any_poor_lesion", "mrd"), start=1):
        found = ratios[name, None]["multivariable"]
        logs = np.log([found["value"], found["low"], found["high"]])
        assert logs == pytest.approx([expected.coef[place], expected.low[place], expected.high[place]], abs=1e-5)
        assert found["p_value"] == pytest.approx(expected.p_value[place])
    notes = " ".join(part.tables[1].notes)
    assert "48 patients with every value known, 9 without response, 4.5 of the rarer outcome" in notes
    assert "fixed beforehand (any_poor_lesion, mrd)" in notes


def test_the_page_says_that_this_selects_nothing(part):
    assert any("selects no predictor" in note for note in part.tables[1].notes)
    for table in part.tables:
        assert table.notes[0].startswith("Per patient")
    assert any("Wilson" in note for note in part.tables[0].notes)


def test_only_those_who_can_fail_are_counted(part):
    assert lines(part.tables[0])["All"] == ("51", "42 (82 %)", "70 to 90", "")


def test_numbers_enter_by_what_can_be_said_of_them(part):
    labels = [row.label for row in part.tables[1].rows]
    assert "Age, per year" in labels
    assert "Marrow MRD before first dose, per tenfold" in labels
    assert "CD19+ B cells, per doubling" in labels
    assert "R/R (against CR-MRDpos)" in labels


def test_groups_and_factors_of_a_larger_cohort_are_all_shown(drawn):
    part = response(drawn, by="sex", groups=("bcr_abl1",), factors=("age", "sex", "mrd"), model=("age", "sex"))
    shares, factors = part.tables
    assert [row.label for row in shares.rows] == [
        *("All", "Sex", "female", "male"),
        *("BCR::ABL1 (Ph+)", "present", "absent", "not known"),
    ]
    assert NOT_SHOWN not in [cell for table in part.tables for row in table.rows for cell in row.cells]
    frame = drawn.frame
    failed = (frame["response"] == "no_response").to_numpy()
    males = (frame["sex"] == "male").to_numpy()
    values = {(value["variable"], value["level"]): value for value in shares.values}
    assert values["sex", "male"]["responders"] == int((males & ~failed).sum())
    X = np.column_stack([frame["age"], males == (males.mean() < 0.5)])
    expected = firth_coefficients(X, failed)
    found = {value["variable"]: value for value in factors.values}
    assert np.log(found["age"]["multivariable"]["value"]) == pytest.approx(expected.coef[1], rel=1e-5)
    assert np.log(found["sex"]["multivariable"]["value"]) == pytest.approx(expected.coef[2], rel=1e-5)
    assert lines(factors)["Age, per year"][2] == p_text(found["age"]["univariable"]["p_value"])
    assert "multivariable" not in found["mrd"]


def test_a_category_is_compared_with_its_most_frequent_level(tmp_path):
    groups = ["good"] * 40 + ["ph_pos"] * 20 + ["other_poor"] * 20
    rows = [f"p{k},R/R,{'NR' if k % 3 == 0 else 'CR'},{group}" for k, group in enumerate(groups)]
    cohort = cohort_of(tmp_path, rows, "patient_id,disease_status_at_start,response,cytogenetic_group")
    part = response(cohort, factors=("cytogenetic_group",), groups=("cytogenetic_group",))
    labels = [row.label for row in part.tables[1].rows]
    assert labels == ["Cytogenetic group", "ph_pos (against good)", "other_poor (against good)"]
    failed = np.arange(80) % 3 == 0
    X = np.array([[group == "ph_pos", group == "other_poor"] for group in groups], dtype=float)
    expected = np.exp(firth_coefficients(X, failed).coef[1:])
    assert [value["univariable"]["value"] for value in part.tables[1].values] == pytest.approx(list(expected))


def test_response_from_measurements_where_there_is_no_finished_column(tmp_path):
    head = "patient_id,disease_status_at_start,bm_blasts_after_pct,mrd_after_pct,mrd_after_method,response_day,sex"
    rows = [f"p{k},R/R,{40 if k < 6 else 1},0.5,flow,28,{'FM'[k % 2]}" for k in range(30)]
    part = response(cohort_of(tmp_path, rows, head))
    assert lines(part.tables[0])["All"][1] == "24 (80 %)"


def test_nothing_is_described_where_response_cannot_be_judged(tmp_path):
    rows = [f"p{k},R/R,F" for k in range(20)]
    part = response(cohort_of(tmp_path, rows, "patient_id,disease_status_at_start,sex"))
    assert part.tables == ()
    (reason,) = part.missing
    assert reason.startswith("response: needs the column response")
    assert "bm_blasts_after, mrd_after" in reason


@pytest.mark.parametrize("answer", ["CR", "NR"])
def test_where_all_or_none_respond_it_is_said(tmp_path, answer):
    rows = [f"p{k},R/R,{answer},F,3 a,0,1 %" for k in range(20)]
    part = response(cohort_of(tmp_path, rows), outcomes=("non_response",))
    assert part.tables == ()
    assert part.missing[0].startswith("response: non_response needs rows with")


def test_a_survival_outcome_is_no_response(embedded):
    part = response(embedded, outcomes=("efs",))
    assert part.missing == ("response: efs is a survival outcome",)


def test_what_is_learned_with_the_response_is_no_group(embedded):
    found = response(embedded, by="response", groups=("delivered_infusion_days", "sex"), internal=True)
    assert [reason.partition(":")[0] for reason in found.missing[:2]] == [
        "response by response",
        "response by delivered_infusion_days",
    ]
    assert {value["variable"] for value in found.tables[0].values} == {None, "sex"}


def test_factors_that_cannot_be_used_are_named(tmp_path):
    rows = [f"p{k},R/R,{'NR' if k % 3 == 0 else 'CR'},F,3 a,,1 %" for k in range(30)]
    part = response(cohort_of(tmp_path, rows), factors=("sex", "age", "bcr_abl1", "cd19"), model=("sex", "age"))
    why = " ".join(part.missing)
    assert "factor sex: all are female" in why
    assert "factor age: all values are equal" in why
    assert "factor bcr_abl1: not known of any patient" in why
    assert "factor cd19: the cohort does not have it" in why
    assert "multivariable model: fewer than two" in why


def test_no_small_count_and_nothing_made_of_one_leaves_the_site(embedded):
    part = response(embedded)
    for table in part.tables:
        for row in table.rows:
            for cell in row.cells[:2]:
                match = re.match(r"(\d+)(?: \(\d+ %\))?$", cell)
                assert match is None or int(match[1]) not in {1, 2, 3, 4}
    shares, factors = map(lines, part.tables)
    # 9 of 11 and 33 of 40 responded: 2 and 7 did not, and all that follows from 1 to 4 of 9 is said.
    assert [row.cells[:2] for row in part.tables[0].rows[2:4]] == [
        ("11", "7 to 10 (64 to 91 %)"), ("40", "32 to 35 (80 to 88 %)")
    ]  # fmt: skip
    low, high = (
        stats.binomtest(7, 11).proportion_ci(method="wilson"),
        stats.binomtest(10, 11).proportion_ci(method="wilson"),
    )
    assert part.tables[0].rows[2].cells[2] == f"{100 * low.low:.0f} to {100 * high.high:.0f}"
    p_values = [stats.fisher_exact([[11 - k, k], [31 + k, 9 - k]]).pvalue for k in range(1, 5)]
    assert min(p_values) >= 0.05
    assert shares["Status at first dose"][3] == "≥0.05"
    assert "BCR::ABL1 (Ph+)" not in factors
    assert any("Not shown" in note and "BCR::ABL1 (Ph+)" in note for note in part.tables[1].notes)
    assert factors["Age, per year"][1] != NOT_SHOWN
    assert all(value["variable"] not in {"bcr_abl1", "kmt2a_r"} for value in part.tables[1].values)
    assert [value for value in part.tables[0].values if value["variable"] == "disease_status_at_start"] == []


def test_too_few_without_response_leave_nothing_to_show(tmp_path):
    rows = [f"p{k},R/R,{'NR' if k < 3 else 'CR'},{'FM'[k % 2]},{k % 17} a,0,1 %" for k in range(60)]
    part = response(cohort_of(tmp_path, rows), factors=("age", "sex"), model=("age", "sex"))
    assert lines(part.tables[0])["All"][1:3] == ("5 or more", NOT_SHOWN)
    assert len(part.tables) == 1, "no table of nothing"
    assert any("factors of response" in reason for reason in part.missing)
    assert any("made of counts of 1 to 4" in reason for reason in part.missing)


def test_values_are_plain_json(part):
    json.dumps([table.values for table in part.tables], allow_nan=False)
