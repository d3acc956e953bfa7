"""Detection limits of rows: by method, by a stated limit, and never against what a cell itself says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from riskml.cohort.cohort import cohort_from_table
from riskml.cohort.column_map import ColumnMap
from riskml.cohort.raw_table import RawTable

ROOT2 = np.sqrt(2)


def read(columns=None, **cells):
    frame = pd.DataFrame(cells, dtype=str)
    table = RawTable(tuple(cells), frame, np.arange(2, len(frame) + 2), "0" * 64, "c.csv")
    return cohort_from_table(table, columns)


@pytest.mark.parametrize(
    ("mrd", "method", "value", "below"),
    [
        ("neg", "flow", 1e-4 / ROOT2, True),
        ("neg", "NGS", 1e-6 / ROOT2, True),
        ("0", "ngs", 1e-6 / ROOT2, True),
        ("<LOD", "ngs", 1e-6 / ROOT2, True),
        ("neg", "pcr", 1e-4 / ROOT2, True),
        ("neg", "", 1e-4 / ROOT2, True),
        # Ten in a million: measured by sequencing, below what flow can tell.
        ("0.001 %", "ngs", 1e-5, False),
        ("0.001 %", "flow", 1e-5, True),
        # A limit in the cell is the laboratory's own.
        ("<0.01 %", "ngs", 1e-4 / ROOT2, True),
        ("0.5 %", "ngs", 0.005, False),
        ("", "ngs", np.nan, False),
    ],
)
def test_the_method_says_what_negative_means(mrd, method, value, below):
    cohort = read(age=["5"], mrd=[mrd], mrd_method=[method])
    assert cohort.frame["mrd"].tolist() == pytest.approx([value], nan_ok=True)
    assert cohort.below["mrd"].tolist() == [below]


def test_a_stated_limit_outranks_the_method():
    cohort = read(mrd=["neg", "neg", "0.005 %"], mrd_method=["ngs", "ngs", "flow"], mrd_lod=["0.001 %", "", "0.001 %"])
    assert cohort.frame["mrd"].tolist() == pytest.approx([1e-5 / ROOT2, 1e-6 / ROOT2, 5e-5])
    assert cohort.below["mrd"].tolist() == [True, True, False]


def test_the_change_is_noted():
    notes = read(mrd=["neg", "neg", "1 %"], mrd_method=["ngs", "flow", "ngs"]).notes
    (note,) = [note for note in notes if note.code == "method_limit"]
    assert note.message.startswith("column mrd, 1 cells: 'negative' means below")
    assert not [note for note in read(mrd=["neg"], mrd_method=["flow"]).notes if note.code == "method_limit"]


def test_codes_of_a_column_map_are_read_first():
    columns = ColumnMap.from_dict({"columns": {"mrd": {"name": "mrd", "codes": {"low": "<0.01 %", "none": "neg"}}}})
    cohort = read(columns, mrd=["low", "none"], mrd_method=["ngs", "ngs"])
    assert cohort.frame["mrd"].tolist() == pytest.approx([1e-4 / ROOT2, 1e-6 / ROOT2])


def test_without_a_method_nothing_changes():
    cohort = read(mrd=["neg", "0.001 %"])
    assert cohort.frame["mrd"].tolist() == pytest.approx([1e-4 / ROOT2, 1e-5])
    assert cohort.below["mrd"].tolist() == [True, True]
