"""The same patient twice, and patients who are merely alike."""

from __future__ import annotations

import numpy as np
import pandas as pd

from riskml.cohort.checks.duplicates import check_duplicates, duplicate_rows, improbable_copies
from riskml.cohort.raw_table import RawTable
from tests.cohort.checks.cohorts import DICTIONARY, cohort, told

N = 50


def measured(seed=3, n=N):
    draw = np.random.default_rng(seed)
    return {name: np.round(np.exp(draw.normal(0, 1, n)), 3) for name in ("wbc", "lymphocytes", "cd3", "nk")}


def test_a_patient_under_two_names():
    columns = measured()
    for values in columns.values():
        values[30] = values[7]
    table = cohort(patient_id=[f"p{k}" for k in range(N)], **columns)
    (finding,) = check_duplicates(table, DICTIONARY)
    assert (finding.code, finding.level, finding.rows) == ("duplicate_patient", "warning", (9, 32))
    assert "p7" not in str(finding)


def test_one_differing_value_makes_two_patients():
    columns = measured()
    for values in columns.values():
        values[30] = values[7]
    columns["nk"][30] += 0.001
    assert list(check_duplicates(cohort(**columns), DICTIONARY)) == []


def test_rows_that_know_little_are_not_copies():
    empty = {name: np.full(N, np.nan) for name in measured()}
    assert not improbable_copies(pd.DataFrame(empty)).any()
    alike = {"sex": ["male", "female"] * 25, "age": np.arange(N) % 5, "bcr_abl1": np.zeros(N)}
    assert list(check_duplicates(cohort(**alike), DICTIONARY)) == []


def test_a_copied_course():
    columns = {name: np.concatenate([values, values]) for name, values in measured(n=10).items()}
    for values in columns.values():
        values[12:] *= 1.1
    patient = [f"p{k}" for k in range(10)] * 2
    table = cohort(patient_id=patient, cycle_index=[1] * 10 + [2] * 10, **columns)
    assert told(check_duplicates(table, DICTIONARY)) == [("copied_course", "warning", (12, 13))]


def test_equal_rows_of_a_foreign_file():
    columns = {name: [f"{value:.3f}" for value in values] for name, values in measured().items()}
    for values in columns.values():
        values[30] = values[7]
    cells = pd.DataFrame({"code": [f"x{k}" for k in range(N)], **columns}, dtype=str)
    table = RawTable(tuple(cells.columns), cells, np.arange(2, N + 2), "0" * 64, "f.csv")
    assert told(duplicate_rows(table)) == [("duplicate_row", "warning", (9, 32))]
