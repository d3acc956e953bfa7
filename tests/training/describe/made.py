"""Cohorts made by hand, the embedded one, and what no part of a description may hold."""

from __future__ import annotations

import functools
import re

import numpy as np
import pandas as pd

from riskml import read_cohort
from riskml.cohort.cohort import Cohort, cohort_from_table
from riskml.cohort.raw_table import RawTable
from riskml.resources import folder
from riskml.training.describe.table import Part, Table


def made(**columns) -> Cohort:
    """A cohort of these columns, written as a file would have them; an empty text is a missing value."""
    table = pd.DataFrame({name: [str(cell) for cell in cells] for name, cells in columns.items()}, dtype=object)
    return cohort_from_table(RawTable(tuple(table.columns), table, np.arange(2, len(table) + 2), "0" * 64, "made.csv"))


def read_rows(folder_of_test, rows, head) -> Cohort:
    """A cohort from lines of a csv file, read as a user's file is."""
    path = folder_of_test / "cohort.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return read_cohort(path)


@functools.cache
def embedded() -> Cohort:
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


def table_of(part: Part, name: str) -> Table:
    (found,) = [table for table in part.tables if table.name == name]
    return found


def lines(table: Table, head: str | None = None) -> dict[str, tuple[str, ...]]:
    """Cells by label, of the lines under a head (or of all)."""
    labels = [row.label for row in table.rows]
    start = 0 if head is None else labels.index(head)
    ends = [
        k
        for k in range(start + 1, len(labels))
        if head is not None and table.rows[k].indent <= table.rows[start].indent
    ]
    return {row.label: row.cells for row in table.rows[start : ends[0] if ends else len(labels)]}


def check_shareable(part: Part, cohort: Cohort) -> None:
    """No identifier and no lane, and no cell with a number of 1 to 4."""
    assert part.lane_sets == ()
    if "patient_id" in cohort.frame:
        assert not [name for name in cohort.frame["patient_id"].unique() if str(name) in repr(part)]
    for table in part.tables:
        cells = [(row.label, cell) for row in table.rows for cell in row.cells]
        assert not [
            cell for cell in cells if re.fullmatch(r"[1-4]( \(.*\))?", cell[1]) or re.search(r"\[n [1-4]\]", cell[1])
        ]
