"""The same patient or course twice under different names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskml.cohort.checks.finding import Finding, in_rows
from riskml.cohort.cohort import Cohort
from riskml.cohort.raw_table import RawTable
from riskml.runtime.dictionary import Dictionary

BoolArray = npt.NDArray[np.bool_]

# Chance pairs that one would accept among all pairs of the file, in bits: one pair in a thousand files.
_SURPRISE = 10.0
# Two patients who share only a few exact measurements may be two patients; identical twins share lesions, not counts.
_MIN_MEASURED = 3
_DISTINCT_SHARE = 0.2


def check_duplicates(cohort: Cohort, dictionary: Dictionary) -> Iterator[Finding]:
    """Patients whose whole baseline is that of another patient, and courses copied from an earlier course.

    Parameters
    ----------
    cohort : Cohort
        The checked cohort.
    dictionary : Dictionary
        Says what is known by the first dose.

    Yields
    ------
    Finding
        ``duplicate_patient`` or ``copied_course``.
    """
    frame = cohort.frame
    baseline = [
        name
        for name in frame.columns
        if name in dictionary.variables
        and dictionary[name].kind != "identifier"
        and name not in ("data_origin", "cycle_index")
        and dictionary.usable_at(dictionary[name], "first_dose")
    ]
    patient = pd.Series(cohort.patient)
    first = ~patient.duplicated().to_numpy()
    again = np.zeros(cohort.n_courses, dtype=np.bool_)
    again[first] = improbable_copies(frame.loc[first, baseline])
    if again.any():
        yield in_rows(
            "duplicate_patient",
            "warning",
            baseline[:1] if "patient_id" not in frame else ["patient_id"],
            "{count} (both of each pair) with another patient_id and the same baseline in every column",
            "if they are one patient give the rows one patient_id, or delete the copy",
            mask=again,
            row_numbers=cohort.row_numbers,
        )
    measured = [name for name in baseline if dictionary[name].quantity.name in ("count", "fraction")]
    copied = _copied_courses(cohort, patient, measured)
    if copied.any():
        yield in_rows(
            "copied_course",
            "warning",
            measured,
            "{count} repeat every measurement of an earlier course of the patient",
            "confirm that the counts were measured anew, or leave them empty in later courses",
            mask=copied,
            row_numbers=cohort.row_numbers,
        )


def duplicate_rows(table: RawTable) -> Iterator[Finding]:
    """Rows of a foreign table that are equal in everything but their identifier.

    Parameters
    ----------
    table : RawTable
        A file as it stands; columns of texts that are all different are taken for identifiers.
    """
    compared = [name for name in table.columns if not _identifies(table.cells[name])]
    again = improbable_copies(table.cells[compared].replace("", None))
    if again.any():
        yield in_rows(
            "duplicate_row",
            "warning",
            compared[:1],
            "{count} (both of each pair) equal in every column but the identifier",
            "if they are one patient delete the copy",
            mask=again,
            row_numbers=table.row_numbers,
        )


def _identifies(column: pd.Series) -> bool:
    """Every cell another text, and not a measurement with decimals."""
    return bool(column.is_unique) and not bool(column.astype(str).str.fullmatch(r"-?\d*\.\d+").mean() > 0.5)


def improbable_copies(table: pd.DataFrame) -> BoolArray:
    """Mark rows equal to another row in every column, where chance would hardly make one such pair in the table.

    The surprise of a pair is the sum of -log2 of its values' frequencies over the columns, less log2 of the number of
    pairs; rows must share at least three values of columns in which most values differ.
    """
    n, columns = len(table), list(table.columns)
    marked = np.zeros(n, dtype=np.bool_)
    if n < 2 or not columns:
        return marked
    equal = _equal_rows(table)
    if not len(equal):
        return marked
    bits = np.zeros(len(equal))
    measured = np.zeros(len(equal), dtype=np.intp)
    for name in columns:
        codes = pd.factorize(table[name])[0]
        known = codes >= 0
        if not known.any():
            continue
        counts = np.bincount(codes[known])
        here = codes[equal]
        # The row itself is no evidence of how common its value is.
        others = np.maximum(counts[np.maximum(here, 0)] - 1, 1)
        bits -= np.where(here >= 0, np.log2(others / known.sum()), 0.0)
        measured += (here >= 0) & (len(counts) >= _DISTINCT_SHARE * known.sum())
    marked[equal] = (bits >= 2 * np.log2(n) - 1 + _SURPRISE) & (measured >= _MIN_MEASURED)
    return marked


def _equal_rows(table: pd.DataFrame) -> npt.NDArray[np.intp]:
    """Positions of rows equal to another row; numbers, which are quick to compare, say who needs a second look."""
    rows = np.arange(len(table), dtype=np.intp)
    numbers = [name for name in table.columns if table[name].dtype.kind == "f"]
    for columns in (numbers, list(table.columns)):
        if columns and len(rows):
            hashes = pd.util.hash_pandas_object(table[columns].iloc[rows], index=False)
            rows = rows[hashes.duplicated(keep=False).to_numpy()]
    return rows


def _copied_courses(cohort: Cohort, patient: pd.Series, measured: Sequence[str]) -> BoolArray:
    """Later courses whose measurements, three or more, all stood in an earlier course of the same patient."""
    copied = np.zeros(cohort.n_courses, dtype=np.bool_)
    rows = np.flatnonzero(patient.duplicated(keep=False).to_numpy())
    if not len(rows):
        return copied
    frame = cohort.frame[list(measured)].iloc[rows]
    told = frame.notna().to_numpy(copy=True)
    for position, name in enumerate(frame.columns):
        if name in cohort.below:
            told[:, position] &= ~cohort.below[name].to_numpy()[rows]
    same = frame.assign(patient=patient.to_numpy()[rows]).duplicated().to_numpy()
    copied[rows] = same & (told.sum(axis=1) >= _MIN_MEASURED)
    return copied
