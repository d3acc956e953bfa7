"""Workbooks: text stays text, errors and merged cells are named, bombs are refused before they are unpacked."""

from __future__ import annotations

import contextlib
import datetime as dt
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.cohort.raw_table import Source
from riskml.cohort.read_excel import read_excel
from riskml.errors import DataError, UsageError
from tests.cohort.workbooks import Error, of_rows, sheet_xml, workbook


def read(content, sheet=None):
    return read_excel(Source(content, "cohort.xlsx", ".xlsx"), sheet)


def refusal(content) -> str:
    with pytest.raises(DataError) as refused:
        read(content)
    return str(refused.value)


def test_every_cell_is_the_text_of_its_value():
    table = read(
        of_rows(
            ["id", " age ", "n", "day", "ok", "note"],
            ["00123", 6.4, 7.0, dt.date(2020, 2, 29), True, None],
            ["2", 1e-5, -3, None, False, " x "],
        )
    )
    assert table.columns == ("id", "age", "n", "day", "ok", "note")
    assert table.cells.to_numpy().tolist() == [
        ["00123", "6.4", "7", "2020-02-29", "true", ""],
        ["2", "1e-05", "-3", "", "false", " x "],
    ]
    assert table.row_numbers.tolist() == [2, 3]


def test_empty_rows_keep_their_numbers_and_empty_columns_are_left_out():
    table = read(of_rows(["a", "b", None, ""], [None], ["1", "2", None, " "], [""], ["3", "4"]))
    assert table.columns == ("a", "b")
    assert table.row_numbers.tolist() == [3, 5]


def test_the_first_sheet_or_the_one_asked_for():
    book = workbook({"A": sheet_xml([["a"], ["1"]]), "B & C": sheet_xml([["b"], ["2"]])})
    assert read(book).columns == ("a",)
    assert read(book, "B & C").columns == ("b",)
    assert (read(book).unread, read(book, "A").unread) == (("B & C",), ())
    with pytest.raises(UsageError, match="has no sheet 'D'; it has A, B & C"):
        read(book, "D")


def test_a_legend_in_front_names_the_sheets_behind_it():
    book = workbook({"Legend": sheet_xml([["About this file"]]), "Data": sheet_xml([["a"], ["1"]])})
    assert "choose another with --sheet: Data" in refusal(book)


def test_error_values_are_faults_by_row_and_column():
    message = refusal(of_rows(["id", "age"], ["1", Error("#N/A")], ["2", 6], ["3", Error("#VALUE!")], [Error("#REF!")]))
    assert "column age: must not hold an Excel error value; 2 times (rows 2, 4); for example '#N/A'" in message
    assert "row 5, column id: must not hold an Excel error value; got '#REF!'; correct the formula" in message


def test_merged_cells_are_refused_with_a_remedy():
    message = refusal(of_rows(["Blood", None, "x"], ["a", "b", "c"], ["1", "2", "3"], merged=["A1:B1", "C2:C3"]))
    assert "row 1, column Blood: the header must not be merged cells; got '1 x 2 cells'; unmerge" in message
    assert "row 2, column x: cells must not be merged; got '2 x 1 cells'; unmerge them and fill in every row" in message


def test_numbers_that_excel_took_for_dates_are_named():
    message = refusal(of_rows(["mrd"], [0.5], [dt.date(2024, 4, 6)], [0.1]))
    assert "row 3, column mrd: must hold all dates or all numbers; Excel made this a date" in message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (of_rows(["a", "a"], ["1", "2"]), "column names must differ"),
        (of_rows(["a", None, "c"], ["1", "2", "3"]), "every column must have a name"),
        (of_rows(["a"]), "there must be rows below the header"),
        (of_rows([None], ["a"], ["1"]), "the first row must hold the column names"),
        (of_rows(), "the first row must hold the column names"),
        (of_rows(["a"], ["x" * 100_001]), "a cell must be shorter than 100,000 characters"),
        (of_rows(["a"], ["1"])[:-30], "an Excel workbook or a zip archive that cannot be opened"),
        (b"PK\x03\x04rest", "an Excel workbook or a zip archive that cannot be opened"),
    ],
)  # fmt: skip
def test_what_is_not_a_table_is_named(content, says):
    assert says in refusal(content)


def test_a_zip_of_something_else_is_no_workbook():
    book = of_rows(["a"], ["1"]).replace(b"xl/workbook.xml", b"xl/workbook.bin")
    assert "not an .xlsx workbook" in refusal(book)


def test_a_bomb_is_refused_by_what_it_declares():
    book = workbook({"S": sheet_xml([["a"], ["1"]])}, [("xl/zeros.xml", b"\0" * (60 << 20))])
    started = time.process_time()
    assert "it unpacks to far more than a table holds" in refusal(book)
    assert time.process_time() - started < 0.5


def test_a_bomb_that_declares_too_little_is_refused():
    zeros = b"\0" * 1_000_000
    book = workbook({"S": sheet_xml([["a"], ["1"]])}, [("xl/zeros.xml", zeros)])
    lying = book.replace(len(zeros).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert "more than the 1,000 bytes it declares" in refusal(lying)


def test_cells_in_far_corners_are_refused():
    xml = sheet_xml([["a"], ["1"]]).replace(
        "</sheetData>", '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    )
    assert "its cells lie too far apart" in refusal(workbook({"S": xml}))


def test_entities_do_not_explode():
    bomb = '<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + k)} "{("&" + chr(97 + k) + ";") * 10}">' for k in range(9)
    )
    book = workbook({"S": sheet_xml([["a"], ["1"]])}, [("xl/_rels/workbook.xml.rels", bomb + "]><w>&j;</w>")])
    assert "cannot be opened" in refusal(book)


def test_five_thousand_rows_take_less_than_two_seconds():
    rows = [[f"c{k}" for k in range(40)]] + [["x1", *(0.5 + k for k in range(39))] for _ in range(5000)]
    content = of_rows(*rows)
    started = time.process_time()
    assert read(content).cells.shape == (5000, 40)
    assert time.process_time() - started < 2


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_a_damaged_workbook_is_read_or_refused(data):
    content = bytearray(of_rows(["id", "age"], ["1", 6.4]))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DataError):
        read(bytes(content))
