"""Patients at their first dose: the published skeleton, parts within wholes, medians of the marginals."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.cohort.draws import Streams
from riskml.cohort.people import LESIONS, MRD_NEGATIVE, blasts, draw_patients
from riskml.cohort.truth import load_truth

TRUTH = load_truth()
LARGE = draw_patients(40_000, Streams(1), TRUTH)
FIRST = draw_patients(105, Streams(9), TRUTH)


def test_105_patients_are_the_published_skeleton():
    rows = zip(FIRST["disease_class_initial"], FIRST["bridging_chemo"], FIRST["disease_status_at_start"], strict=True)
    assert Counter(rows) == {
        ("R/R", 0, "R/R"): 8,
        ("R/R", 1, "R/R"): 3,
        ("R/R", 1, "CR-MRDpos"): 10,
        ("R/R", 1, "CR-MRDneg"): 9,
        ("CR-MRDpos", 0, "CR-MRDpos"): 30,
        ("CR-MRDneg", 0, "CR-MRDneg"): 45,
    }


def test_105_patients_have_the_published_lesions_and_sexes_by_status():
    negative = FIRST["disease_status_at_start"] == MRD_NEGATIVE
    published = {  # positive, MRD-negative: table 1 of zhang2025
        "bcr_abl1": (5, 7),
        "kmt2a_r": (7, 4),
        "tcf3_hlf": (1, 0),
        "etv6_runx1": (5, 16),
        "tcf3_pbx1": (2, 2),
        "znf384_r": (2, 3),
        "pax5_r": (1, 1),
    }
    found = {name: (FIRST[name][~negative].sum(), FIRST[name][negative].sum()) for name in published}
    assert found == published
    boys = FIRST["sex"] == "male"
    assert (boys[~negative].sum(), boys[negative].sum()) == (34, 30)


@settings(max_examples=40)
@given(st.integers(1, 400), st.integers(0, 10_000))
def test_every_patient_is_possible(patients, seed):
    people = draw_patients(patients, Streams(seed), TRUTH)
    assert all(len(values) == patients for values in people.values())
    assert np.all(sum(people[name] for name in LESIONS) <= 1)
    assert np.all(people["cd4"] + people["cd8"] <= people["cd3"])
    assert np.all(people["cd3"] + people["nk"] + people["cd19"] <= people["lymphocytes"])
    assert np.all(people["mrd"][people["disease_status_at_start"] == MRD_NEGATIVE] < 1e-4)
    refractory = people["disease_status_at_start"] == "R/R"
    assert np.all((people["bm_blasts"] >= 0.05) == refractory)
    assert np.all(people["mrd"][refractory] > 0.03)
    assert np.all(people["tki"] <= people["bcr_abl1"])
    assert len(set(people["patient_id"])) == patients


@pytest.mark.parametrize(
    ("name", "factor", "published"),
    # Medians of zhang2025 for all 105, and for the 51 that were MRD-positive or refractory.
    [("age", 12, (72, 69)), ("mrd", 100, (None, 0.52)), ("cd3", 1, (0.96, None)), ("nk", 1, (0.12, None))],
)
def test_medians_of_a_large_cohort_are_near_the_published_ones(name, factor, published):
    positive = LARGE["disease_status_at_start"] != MRD_NEGATIVE
    for rows, median in zip((slice(None), positive), published, strict=True):
        if median is not None:
            assert factor * np.median(LARGE[name][rows]) == pytest.approx(median, rel=0.12)


def test_the_correlations_are_those_of_the_truth():
    rows = LARGE["disease_status_at_start"] == "CR-MRDpos"
    rows &= LARGE["bridging_chemo"] == 0
    logs = np.log([LARGE[name][rows] for name in ("mrd", "cd3", "cd4_cd8_ratio", "nk", "cd19")])
    wanted = np.array(TRUTH.settings["correlation"]["matrix"])
    assert np.abs(np.corrcoef(logs) - wanted).max() < 0.06


def test_most_children_with_bcr_abl1_have_a_tki_and_infants_cluster_with_kmt2a():
    assert LARGE["tki"][LARGE["bcr_abl1"] == 1].mean() == pytest.approx(0.85, abs=0.03)
    infants = LARGE["age"] < 1
    assert LARGE["kmt2a_r"][infants].mean() > 3 * LARGE["kmt2a_r"].mean()


def test_blasts_in_remission_are_a_count_of_cells():
    marginal = TRUTH.settings["blasts"]
    counted = blasts(np.full(50, 0.02), np.full(50, "CR-MRDpos"), Streams(0)("b"), marginal)
    assert np.all(counted <= marginal["remission_high"])
    assert np.allclose(counted * marginal["cells_counted"], np.round(counted * marginal["cells_counted"]))
