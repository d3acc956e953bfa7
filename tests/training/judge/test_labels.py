"""Groups of rows: the right column, the right rows, and refusals that help."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from riskml.cohort.cohort import cohort_from_table, read_cohort
from riskml.cohort.raw_table import RawTable
from riskml.errors import UsageError
from riskml.resources import folder
from riskml.training.fit import TrainingSet, training_set
from riskml.training.judge.labels import days, labels
from riskml.training.recipe import load_recipe


@pytest.fixture(scope="module")
def small():
    """Six courses of five patients, of which rows 0, 2, 3 and 5 are evaluable."""
    table = pd.DataFrame(
        {
            "patient_id": ["p1", "p1", "p2", "p3", "p4", "p5"],
            "cycle_index": ["1", "2", "1", "1", "1", "1"],
            "center": ["B", "B", "A", "", "A", "C"],
            "age": ["0.5 a", "0.6 a", "9 a", "12 a", "3 a", ""],
            "sex": ["F", "F", "M", "F", "M", ""],
            "bcr_abl1": ["1", "1", "0", "", "0", "1"],
            "diagnosis_date": ["2015-12-31", "2015-12-31", "2016-01-01", "", "2019-06-30", "1970-01-02"],
        }
    )
    cohort = cohort_from_table(RawTable(tuple(table.columns), table, np.arange(2, 8), "0" * 64, "drawn"))
    kept = np.array([0, 2, 3, 5])
    rows = TrainingSet(pd.DataFrame(index=range(4)), np.zeros(4, bool), None, kept, (), (), rows=kept)
    return cohort, rows


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("centre", ["centre 2", "centre 1", None, "centre 3"]),  # numbered in the order of their names, never named
        ("site", ["centre 2", "centre 1", None, "centre 3"]),  # an alias
        ("sex", ["female", "male", "female", None]),
        ("bcr_abl1", ["present", "absent", None, "present"]),
        ("cycle_index", ["1", "1", "1", "1"]),
        ("diagnosis_date", ["2015", "2016", None, "1970"]),
        ("age_group", ["infant", "1 to 9 years", "10 years or older", None]),  # derived
    ],
)
def test_each_row_has_its_group(small, name, expected):
    found = labels(*small, name)
    assert found.dtype == object
    assert found.tolist() == expected


def test_rows_are_those_of_the_training_set():
    cohort = read_cohort(folder("features") / "synthetic" / "cohort.csv")
    rows = training_set(load_recipe("non_response"), cohort)
    codes = cohort.frame["patient_id"].astype("category").cat.codes.to_numpy()
    number = {name: f"centre {k}" for k, name in enumerate(sorted(cohort.frame["centre"].unique()), start=1)}
    centre_of = dict(zip(cohort.patient, cohort.frame["centre"].map(number), strict=True))
    assert len(set(codes)) == len(centre_of)
    assert labels(cohort, rows, "centre").tolist() == [centre_of[code] for code in rows.patient]


def test_dates_are_days(small):
    found = days(*small, "diagnosis_date")
    assert found[[0, 1, 3]].tolist() == [16800.0, 16801.0, 1.0]  # 2016-01-01 is 46 years with 11 leap days after 1970
    assert np.isnan(found[2])
    assert 46 * 365 + 11 == 16801


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("centrum", "nearest columns it has are: centre"),
        ("trial", "there is no variable 'trial'"),
        ("", "there is no variable"),
        ("x" * 300, "there is no variable 'xxx"),
        ("kmt2a_r", "the cohort has no 'kmt2a_r'; the nearest columns it has are: "),
        ("first_dose_date", "diagnosis_date"),
        ("status_group", "the cohort has no 'status_group'"),  # derived from what is not there
        ("age", "cannot split by age, which is no group; age_group is"),
        ("patient_id", "a group of one patient judges nothing"),
    ],
)
def test_what_makes_no_groups_is_refused(small, name, words):
    with pytest.raises(UsageError) as refusal:
        labels(*small, name)
    assert words in str(refusal.value)
    assert "patient_id" not in str(refusal.value).partition("nearest")[2]


def test_only_dates_have_days(small):
    with pytest.raises(UsageError, match="cannot split by time on centre, which is no date"):
        days(*small, "centre")
    with pytest.raises(UsageError, match="nearest columns it has are: diagnosis_date"):
        days(*small, "relapse_date")


def test_rows_without_positions_are_a_slip_of_the_caller(small):
    cohort, rows = small
    with pytest.raises(ValueError, match="no positions"):
        labels(cohort, dataclasses.replace(rows, rows=np.empty(0, np.intp)), "centre")
