"""Cohorts made in memory, and what a table says in one place."""

from __future__ import annotations

import numpy as np
import pandas as pd

from riskml.cohort.cohort import Cohort


def cohort_of(**columns):
    """A cohort of these columns, one patient a row, in canonical units and as the reader types them."""
    frame = pd.DataFrame({name: np.asarray(values) for name, values in columns.items()})
    for name in frame:
        if frame[name].dtype.kind not in "fMO":
            values = frame[name].tolist()
            frame[name] = pd.Series(values, dtype=object) if isinstance(values[0], str) else frame[name].astype(float)
    below = pd.DataFrame({name: False for name in ("mrd", "mrd_after") if name in frame}, index=frame.index, dtype=bool)
    return Cohort(frame, below, np.arange(2, len(frame) + 2), synthetic=False, name="made.csv", sha256="0" * 64)


def patients(groups):
    """Columns of ``{level: [(months, event), ...]}``: class, EFS and OS with the same times."""
    rows = [(level, months, event) for level, people in groups.items() for months, event in people]
    return {
        "disease_class_initial": [row[0] for row in rows],
        "efs_time": [float(row[1]) for row in rows],
        "efs_event": [row[2] for row in rows],
    }


def table_of(part, name):
    return next(table for table in part.tables if table.name == name)


def curves_of(part, name):
    return next(one for one in part.curve_sets if one.name == name)


def cell(table, label, column, heading=""):
    """The text of one cell; ``heading`` is the line above which ``label`` belongs to."""
    within = not heading
    for row in table.rows:
        if row.label == heading and row.indent == 0:
            within = True
        elif row.indent == 0 and heading and row.label != label:
            within = False
        if within and row.label == label:
            return row.cells[table.columns.index(column)]
    raise AssertionError(f"{table.name} has no line {heading} / {label}")


def value(table, **wanted):
    found = [entry for entry in list(table.values) if all(entry.get(k) == v for k, v in wanted.items())]
    assert len(found) == 1, (wanted, len(found))
    return found[0]
