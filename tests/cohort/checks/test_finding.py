"""Findings: what they show and how they are ranked."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.cohort.checks.finding import Finding, in_rows, worst


def test_a_finding_reads_as_one_sentence():
    finding = Finding("c", "note", ("mrd", "centre"), "differs in 7 rows", "ask", (2, 3, 4, 5, 6), 7)
    assert str(finding) == "mrd, centre: differs in 7 rows (rows 2, 3, 4, 5, 6, ...); ask"
    assert str(Finding("c", "note", ("mrd",), "is constant", "ask")) == "mrd: is constant; ask"


@pytest.mark.parametrize(
    ("marked", "text", "rows"),
    [
        ([3], "1 row is odd", (13,)),
        ([0, 2], "2 rows is odd", (10, 12)),
        (range(7), "7 rows is odd", (10, 11, 12, 13, 14)),
    ],
)
def test_rows_are_those_of_the_file_and_at_most_five(marked, text, rows):
    mask = np.isin(np.arange(9), list(marked))
    finding = in_rows("c", "warning", ["age"], "{count} is odd", "look", mask=mask, row_numbers=np.arange(10, 19))
    assert (finding.message, finding.rows, finding.count) == (text, rows, len(marked))


def test_the_worst_level():
    notes = [Finding("c", level, ("a",), "m", "r") for level in ("note", "error", "warning")]
    assert (worst(notes), worst(notes[::2]), worst([])) == ("error", "warning", None)


def test_fields_are_plain_json():
    fields = Finding("c", "note", ("a",), "m", "r", (2,), 1).to_fields()
    assert fields == {
        "code": "c",
        "level": "note",
        "columns": ["a"],
        "message": "m",
        "remedy": "r",
        "rows": [2],
        "count": 1,
    }
