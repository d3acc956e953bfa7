"""One column: every cell through the dictionary's parser, faults by row, notes by column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from riskml.cohort.column_map import ColumnMap
from riskml.cohort.columns import constant_column, find_sources, parse_column
from riskml.cohort.read import RawTable
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.parsing import CellError

DICTIONARY = load_dictionary()


def table(header: str, cells: list[str]) -> RawTable:
    rows = np.arange(2, 2 + len(cells))
    return RawTable((header,), pd.DataFrame({header: cells}, dtype=str), rows, "", "cohort.csv")


def parse(header: str, cells: list[str], columns: ColumnMap | None = None):
    raw = table(header, cells)
    (source,), faults = find_sources(raw.columns, columns or ColumnMap({}), DICTIONARY)
    assert not faults
    return parse_column(raw, source, DICTIONARY)


def test_numbers_in_the_canonical_unit():
    column = parse("mrd (%)", ["0.52", "", "<0.01", "0.52", "0"])
    assert column.series.dtype == np.float64
    assert column.series.tolist() == pytest.approx([0.0052, np.nan, 1e-4 / 2**0.5, 0.0052, 1e-4 / 2**0.5], nan_ok=True)
    assert column.below.tolist() == [False, False, True, False, True]


def test_a_known_name_with_an_unknown_unit_is_told_the_units():
    (fault,) = find_sources(("age", "cd19 (mg)"), ColumnMap({}), DICTIONARY)[1]
    assert fault.rule == "what stands in brackets must be a unit of cd19"
    assert fault.remedy.startswith("if one was meant, write 10*9/L")
    (later,) = find_sources(("age", "mrd (day 29)"), ColumnMap({}), DICTIONARY)[1]
    assert "if a day or a method, map it" in later.remedy
    (other,) = find_sources(("age", "colour (mg)"), ColumnMap({}), DICTIONARY)[1]
    assert other.rule == "must be a variable of the dictionary"


def test_texts_stay_objects_with_none_for_unknown():
    column = parse("sex", ["F", "NA", "m"])
    assert column.series.dtype == object
    assert column.series.tolist() == ["female", None, "male"]


def test_each_bad_cell_is_a_fault_with_its_row():
    column = parse("age", ["6", "six", "7", "six", "-1"])
    assert [(fault.row, fault.column, fault.value) for fault in column.faults] == [
        (3, "age", "six"),
        (5, "age", "six"),
        (6, "age", "-1"),
    ]


def test_identifiers_are_never_echoed():
    column = parse("patient_id", ["A", "B" * 500])
    assert [(fault.row, fault.value) for fault in column.faults] == [(3, None)]
    assert "BB" not in str(column.faults)


def test_notes_count_cells_not_distinct_texts():
    column = parse("mrd", ["<0.01 %", "<0.01 %", "neg", "0.3 %", "90 %"])
    assert [(note.code, note.message.partition(":")[0]) for note in column.notes] == [
        ("below_detection", "column mrd, 3 cells, for example"),
        ("unusual_value", "column mrd, 1 cell"),
    ]


def test_bare_fractions_are_counted():
    (note,) = parse("mrd", ["0.52", "0.01", "0.3 %"]).notes
    assert note.code == "unit_assumed"
    assert note.message.startswith("column mrd, 2 cells, for example: mrd 0.52 without a unit was read as a fraction")


def test_codes_are_compared_without_case_and_blanks():
    columns = ColumnMap.from_dict(
        {"columns": {"x": {"name": "efs_event", "codes": {"Relapse ": "relapse", "9": "death"}}}}
    )
    assert parse("x", [" RELAPSE", "9", "none", "SMN"], columns).series.tolist() == [
        "relapse",
        "death",
        "none",
        "second_cancer",
    ]


def test_the_column_agrees_with_the_parser_cell_by_cell():
    cells = ["30 /uL", "0.03", "ND", "<5 /uL", "0.00", "30 /uL"]
    column = parse("cd19", cells)
    for cell, value, below in zip(cells, column.series, column.below, strict=True):
        reading = DICTIONARY.read(DICTIONARY["cd19"], cell)
        assert value == reading.value if reading.value is not None else np.isnan(value)
        assert below == (reading.below is not None)


def test_constants_fill_the_column():
    column = constant_column(DICTIONARY, "data_origin", "real", 3)
    assert column.series.tolist() == ["real"] * 3
    assert not column.below.any()
    with pytest.raises(CellError):
        constant_column(DICTIONARY, "data_origin", "invented", 3)
