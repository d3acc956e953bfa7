"""The paper's tables from patients: the embedded cohort gives Table 1, the rebuilt one response; docs say the rest.

Zhang N et al. Front Immunol 2025;16. The embedded cohort is synthetic, drawn so that its counts are the published ones.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from sksurv.compare import compare_survival
from sksurv.util import Surv

import riskml
from riskml.cohort.outcomes import build_target
from riskml.resources import folder
from riskml.training.describe.characteristics import characteristics
from riskml.training.describe.group_tests import FISHER, fisher, pearson
from riskml.training.describe.response import response
from tests.cohort.skeleton import write_skeleton
from tests.cohort.test_skeleton import EFS, OS
from tests.repository import ROOT
from tests.training.describe.published import COMPARISONS, GOLDEN, TESTS, as_printed, counts_of

BY_ID = {case["id"]: case for case in COMPARISONS}
CLASSES = ("R/R", "CR-MRDpos", "CR-MRDneg")
NAMES = {"fisher": "Fisher", "pearson": "Pearson", "likelihood_ratio": "likelihood ratio"}
DOCS = (ROOT / "docs" / "describe_published.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory):
    return riskml.read_cohort(write_skeleton(tmp_path_factory.mktemp("skeleton") / "cohort.csv"))


@pytest.fixture(scope="module")
def embedded():
    return riskml.read_cohort(folder("features") / "synthetic" / "cohort.csv")


@pytest.fixture(scope="module")
def table_1(embedded):
    (table,) = characteristics(embedded, internal=True).tables
    return {(value["variable"], value["level"]): value for value in table.values}


@pytest.mark.parametrize(
    ("variable", "case"),
    [
        ("bcr_abl1", "t1_bcr_abl1"),
        ("kmt2a_r", "t1_kmt2a"),
        ("etv6_runx1", "t1_etv6_runx1"),
        ("tcf3_pbx1", "t1_tcf3_pbx1"),
    ],
)
def test_lesions_of_table_1(table_1, variable, case):
    value, golden = table_1[variable, "present"], BY_ID[case]
    (a, b), (c, d) = counts_of(golden)
    assert (value["n"], value["of"]) == ([a, c, a + c], [a + b, c + d, a + b + c + d])
    assert value["test"] == FISHER
    assert as_printed(value["p_value"], golden["printed"]) == golden["printed"]
    # The difference of shares, first group minus second.
    assert value["effect"]["value"] == pytest.approx(a / (a + b) - c / (c + d))


@pytest.mark.parametrize(
    ("variable", "case"), [("bcr_abl1", "nr_bcr_abl1"), ("kmt2a_r", "nr_kmt2a"), ("etv6_runx1", "nr_etv6_runx1")]
)
def test_table_2_is_characteristics_by_response(embedded, variable, case):
    measurable = embedded.some(build_target(embedded, "non_response").rows)
    (table,) = characteristics(measurable, by="response", names=[variable], internal=True).tables
    assert table.columns[:2] == ("response (n = 42)", "no_response (n = 9)")
    (value,) = table.values
    (failed, responded), (others_failed, others_responded) = counts_of(BY_ID[case])
    assert (value["n"][:2], value["of"][:2]) == (
        [responded, failed],
        [responded + others_responded, failed + others_failed],
    )
    assert as_printed(value["p_value"], BY_ID[case]["printed"]) == BY_ID[case]["printed"]


def test_a_lesion_not_tested_is_not_counted_as_absent(table_1):
    value = table_1["tcf3_hlf", "present"]
    assert (value["n"], value["of"]) == ([1, 0, 1], [48, 52, 100])  # printed: 1 of 51 and 0 of 54, P 0.486
    assert f"{value['p_value']:.3f}" == "0.480"
    assert "TCF3::HLF gives 0.480 instead of 0.486" in DOCS


def test_sex_of_table_1(table_1):
    assert table_1["sex", "male"]["n"] == [34, 30, 64]
    assert as_printed(table_1["sex", None]["p_value"], BY_ID["t1_sex"]["printed"]) == "0.317"


def test_response_of_the_rebuilt_patients(rebuilt):
    table = response(rebuilt, internal=True).tables[0]
    values = {(value["variable"], value["level"]): value for value in table.values}
    assert (values[None, None]["responders"], values[None, None]["n"]) == (42, 51)
    shares = {share["id"]: share for share in GOLDEN["share"]}
    for level, name in (("R/R", "response_refractory"), ("CR-MRDpos", "response_mrd_positive")):
        value = values["disease_status_at_start", level]
        assert (value["responders"], value["n"]) == (shares[name]["k"], shares[name]["n"])
        assert [value["share"]["low"], value["share"]["high"]] == pytest.approx(shares[name]["wilson"], abs=6e-5)
    found = values["disease_status_at_start", None]["p_value"]
    assert as_printed(found, "1.000") == BY_ID["response_by_status"]["printed"]


@pytest.mark.parametrize("case", GOLDEN["survival"], ids=lambda case: case["what"])
def test_survival_p_values_do_not_follow_from_the_printed_events(rebuilt, case):
    target = build_target(rebuilt, {"efs": EFS, "os": OS}[case["outcome"]])
    entry = rebuilt.frame["disease_class_initial"].to_numpy()[target.rows]
    failed = target.event & (target.time <= 12)
    counts = np.array([[np.sum(failed & (entry == level)), np.sum(~failed & (entry == level))] for level in CLASSES])
    assert counts.tolist() == case["by_12_months"]
    joined = np.array([counts[group].sum(axis=0) for group in case["groups"]])
    assert fisher(joined).p_value == pytest.approx(case["fisher"], abs=6e-5)
    code = np.array([next(k for k, group in enumerate(case["groups"]) if CLASSES.index(c) in group) for c in entry])
    # The days within months are chosen in the rebuilt file, so the log-rank test is near the other one, not equal.
    _, log_rank = compare_survival(Surv.from_arrays(target.event, target.time), code)
    assert log_rank == pytest.approx(case["log_rank"], rel=0.3)
    assert log_rank > 5 * float(case["printed"])


def test_the_docs_list_every_comparison_with_what_the_tests_give():
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in re.findall(r"^\|.*\|$", DOCS, re.MULTILINE)
    ]
    for case in COMPARISONS:
        if "by" in case:
            found = TESTS[case["by"]](counts_of(case)).p_value
            assert [case["where"], case["what"], case["printed"], f"{found:.5f}", NAMES[case["by"]]] in rows
        else:
            found = [TESTS[name](counts_of(case)).p_value for name in case["p"]]
            given = ", ".join(f"{NAMES[name]} {p:.4f}" for name, p in zip(case["p"], found, strict=True))
            assert [case["where"], case["what"], case["printed"], given, case["reading"]] in rows
    for case in GOLDEN["survival"]:
        given = f"log-rank {case['log_rank']:.4f}, Fisher at 12 months {case['fisher']:.4f}"
        assert [case["what"], case["printed"], given] in rows


def test_the_strict_definition_of_poor_cytogenetics_gives_the_figure_of_the_docs():
    assert as_printed(pearson([[7, 6], [2, 36]]).p_value, "0.00000") == "0.00007"
    assert "Pearson's test gives 0.00007" in DOCS


def test_the_docs_name_every_p_value_that_cannot_be_computed():
    for entry in GOLDEN["not_recomputable"]:
        for what, printed in entry["p"].items():
            assert f"{what} {printed}" in " ".join(DOCS.split())
