"""Every untidy cell is one the dictionary reads, and reads back as the clean value."""

from __future__ import annotations

import math

import numpy as np
import pytest

from riskml.cohort.mess import LESION_NAMES, RNA_PANEL, SUBSETS
from riskml.cohort.simulate import CSV_COLUMNS, simulate
from riskml.runtime.dictionary import load_dictionary

DICTIONARY = load_dictionary()
COHORT = simulate(1500, 11)
CELLS = ("lymphocytes", *SUBSETS)
# Half the last digit each centre prints, in canonical units.
ROUNDING = {
    "age": {"North": 0.5 / 12, "East": 0.05, "South": 0.05, "West": 0.5 / 12},
    "cells": {"North": 0.0005, "East": 0.005, "South": 0.0005, "West": 0.005},
    "time": {"North": 0.05, "East": 0.05, "South": 0.5 / 30.4375, "West": 0.05},
}


def read_back(name):
    """(centre, clean value, reading) of every cell of a column."""
    cells = zip(COHORT.clean["centre"], COHORT.clean[name], COHORT.table[name], strict=True)
    return [(centre, clean, DICTIONARY.read(DICTIONARY[name], text)) for centre, clean, text in cells]


def test_columns_are_names_of_the_dictionary_in_the_order_of_the_file():
    assert tuple(COHORT.table.columns) == CSV_COLUMNS
    assert all(name in DICTIONARY.variables for name in CSV_COLUMNS)
    # The truth draws these lesions; the dictionary knows more.
    assert set(LESION_NAMES) <= {name for name, variable in DICTIONARY.variables.items() if variable.lesion}
    assert set(LESION_NAMES) == {name for name in CSV_COLUMNS if DICTIONARY[name].lesion}


@pytest.mark.parametrize("name", CSV_COLUMNS)
def test_every_cell_is_text_the_dictionary_reads(name):
    assert all(isinstance(cell, str) for cell in COHORT.table[name])
    for cell in set(COHORT.table[name]):
        DICTIONARY.read(DICTIONARY[name], cell)


@pytest.mark.parametrize(
    "name",
    [
        *("patient_id", "centre", "data_origin", "cycle_index", "sex", "disease_class_initial"),
        *("disease_status_at_start", "bridging_chemo", "tki", "mrd_method", "delivered_infusion_days", "response"),
        *("icans_grade", "crs_grade", "efs_event", "os_event"),
    ],
)
def test_words_and_whole_numbers_read_back_exactly(name):
    assert all(reading.value == clean for _, clean, reading in read_back(name))


@pytest.mark.parametrize("name", LESION_NAMES)
def test_lesions_read_back_or_are_unknown_never_absent_for_untested(name):
    readings = read_back(name)
    assert all(reading.value in (None, clean) for _, clean, reading in readings)
    unknown = np.mean([reading.value is None for _, _, reading in readings])
    share = {"trisomy_4_10": 0.10} | dict.fromkeys(RNA_PANEL, 0.08)
    assert unknown == pytest.approx(share.get(name, 0.0), abs=0.03)


@pytest.mark.parametrize(("name", "kind"), [("age", "age"), ("efs_time", "time"), ("os_time", "time")])
def test_times_read_back_within_the_rounding_of_the_centre(name, kind):
    for centre, clean, reading in read_back(name):
        assert reading.value == pytest.approx(clean, abs=ROUNDING[kind][centre] * 1.001)


@pytest.mark.parametrize("name", CELLS)
def test_cell_counts_read_back_within_rounding_or_below_the_last_digit(name):
    for centre, clean, reading in read_back(name):
        half = ROUNDING["cells"][centre]
        if reading.below is not None:
            assert reading.below == pytest.approx(half)
            assert clean <= half * 1.001
        elif reading.value is not None:
            assert reading.value == pytest.approx(clean, abs=half * 1.001)


def test_mrd_reads_back_within_two_digits_or_below_the_detection_limit():
    for _, clean, reading in read_back("mrd"):
        if reading.value is None:
            continue
        if clean < 1e-4 and reading.value == pytest.approx(1e-4 / math.sqrt(2)):
            assert reading.below == 1e-4
        else:
            assert reading.value == pytest.approx(clean, rel=0.051)


def test_an_mrd_negative_marrow_shows_the_limit_only():
    rows = COHORT.clean["disease_status_at_start"] == "CR-MRDneg"
    seen = [DICTIONARY.read(DICTIONARY["mrd"], cell) for cell in COHORT.table.loc[rows, "mrd"]]
    assert {reading.below for reading in seen} == {None, 1e-4}
    assert {reading.value for reading in seen} == {None, 1e-4 / math.sqrt(2)}


def test_blasts_read_back_to_three_digits():
    for _, clean, reading in read_back("bm_blasts"):
        assert reading.value is None or reading.value == pytest.approx(clean, rel=0.006)


def test_the_subset_panel_is_missing_as_a_block_and_most_at_one_centre():
    gaps = np.array([[reading.value is None for _, _, reading in read_back(name)] for name in SUBSETS])
    assert np.array_equal(gaps.any(axis=0), gaps.all(axis=0))
    west = (COHORT.clean["centre"] == "West").to_numpy()
    assert gaps[0].mean() == pytest.approx(0.25, abs=0.04)
    assert gaps[0][west].mean() > 2 * gaps[0][~west].mean()
    assert not any(reading.value is None for _, _, reading in read_back("lymphocytes"))


def test_untested_genetics_are_a_matter_of_the_patient_not_of_the_course():
    for name in (*RNA_PANEL, "trisomy_4_10"):
        unknown = [reading.value is None for _, _, reading in read_back(name)]
        by_patient = COHORT.table.assign(unknown=unknown).groupby("patient_id")["unknown"]
        assert (by_patient.nunique() == 1).all()


def test_the_file_is_untidy():
    assert COHORT.table["bcr_abl1"].nunique() >= 12
    assert {text.split()[-1] for text in COHORT.table["age"]} == {"mo", "a", "years"}
    assert COHORT.table["mrd"].str.contains("fraction").any()
    assert COHORT.table["mrd"].str.contains("<0.01%", regex=False).any()
    assert COHORT.table["cd19"].isin(["0.00"]).any()
