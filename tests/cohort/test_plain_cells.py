"""The fast path says what the one parser says, for every text it takes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.cohort import plain_cells
from riskml.cohort.plain_cells import plain_identifiers, plain_numbers
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.parsing import CellError
from tests.cohort.test_columns import parse

DICTIONARY = load_dictionary()
MEASURED = [v for v in DICTIONARY.variables.values() if v.kind in {"number", "integer"}]
UNITS = [(variable, unit) for variable in MEASURED for unit in (None, *variable.quantity.spellings)]
NUMBERS = st.one_of(
    st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,9})?", fullmatch=True),
    st.decimals(0, 3, places=5).map(str),
    st.integers(0, 2000).map(str),
    st.text(max_size=6),
    st.sampled_from(["", "0", "0.0", "<1", "neg", "ND", "1e3", "-1", " 3", "3 %", "٣"]),
)


@pytest.fixture(autouse=True)
def always_worthwhile(monkeypatch):
    monkeypatch.setattr(plain_cells, "WORTHWHILE", 0)


@given(st.sampled_from(UNITS), st.lists(NUMBERS, min_size=1, unique=True))
@settings(deadline=None, max_examples=400)
def test_plain_numbers_are_what_the_parser_reads(which, texts):
    variable, unit = which
    plain_cells.WORTHWHILE = 0
    mask, values = plain_numbers(texts, variable, DICTIONARY, unit)
    notes = set()
    for text, taken, value in zip(texts, mask, values, strict=True):
        if not taken:
            assert math.isnan(value)
            continue
        reading = DICTIONARY.read(variable, text, unit)
        assert (reading.value, reading.below) == (value, None)
        notes.add(tuple(note.code for note in reading.notes))
    assert notes <= {()} or notes <= {("unit_assumed",)}, "one representative must be able to speak for all"


def test_most_plain_numbers_are_taken():
    mask, _ = plain_numbers([f"{k / 100:.2f}" for k in range(100, 1700)], DICTIONARY["age"], DICTIONARY, None)
    assert mask.all()


@given(st.lists(st.text(max_size=10), min_size=1, unique=True))
@settings(deadline=None)
def test_plain_identifiers_are_what_the_parser_reads(texts):
    variable = DICTIONARY["patient_id"]
    plain_cells.WORTHWHILE = 0
    for text, taken in zip(texts, plain_identifiers(texts, variable, DICTIONARY), strict=True):
        if taken:
            assert DICTIONARY.read(variable, text).value == text


@given(st.lists(NUMBERS, min_size=1), st.sampled_from(["age", "mrd", "cd19", "icans_grade", "wbc"]))
@settings(deadline=None, max_examples=200)
def test_a_column_is_the_same_either_way(cells, header):
    columns = []
    for threshold in (0, 10**9):
        plain_cells.WORTHWHILE = threshold
        columns.append(parse(header, cells))
    fast, slow = columns
    np.testing.assert_array_equal(fast.series, slow.series)
    np.testing.assert_array_equal(fast.below, slow.below)
    assert (fast.faults, fast.notes) == (slow.faults, slow.notes)


def test_a_column_agrees_with_the_parser_cell_by_cell():
    cells = [f"{k / 7:.3f}" for k in range(300)] + ["neg", "x", "< 3"]
    column = parse("mrd (%)", cells)
    refused = {fault.row for fault in column.faults}
    for row, (cell, value) in enumerate(zip(cells, column.series, strict=True), start=2):
        try:
            assert DICTIONARY.read(DICTIONARY["mrd"], cell, "%").value == value
        except CellError:
            assert row in refused
