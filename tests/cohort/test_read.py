"""Reading: everything is text, rows are numbered as a spreadsheet shows them, rubbish is refused fast and by name."""

from __future__ import annotations

import csv
import hashlib
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.cohort.raw_table import Source
from riskml.cohort.read import _plain, _read_carefully, read_csv
from riskml.errors import DataError, UsageError


@pytest.fixture
def write(tmp_path):
    def to_file(content, name="cohort.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to_file


def refusal(path) -> DataError:
    with pytest.raises(DataError) as refused:
        read_csv(path)
    return refused.value


def test_every_cell_is_text(write):
    content = 'id,age,note\n1,6.40,None\n2,NA,"a, b"\n3,,"two\nlines"\n'
    table = read_csv(write(content))
    assert table.columns == ("id", "age", "note")
    assert table.cells.to_numpy().tolist() == [["1", "6.40", "None"], ["2", "NA", "a, b"], ["3", "", "two\nlines"]]
    assert table.name == "cohort.csv"
    assert table.sha256 == hashlib.sha256(content.encode()).hexdigest()


def test_rows_are_numbered_as_a_spreadsheet_shows_them(write):
    # A quoted line break is one row of the spreadsheet; an empty row keeps its number.
    table = read_csv(write('a,b\n1,"x\ny"\n\n , \n2,z\n,\n'))
    assert table.row_numbers.tolist() == [2, 5]
    assert table.cells["a"].tolist() == ["1", "2"]


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfa,b\r\n1,2\r\n", b"a,b\r1,2", b" a , b \n1,2\n", b"a,b\n1,2"])
def test_byte_order_marks_and_line_ends(write, content):
    table = read_csv(write(content))
    assert table.columns == ("a", "b")
    assert table.cells.to_numpy().tolist() == [["1", "2"]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n \n\n", "is empty"),
        (b"a,b\n", "there must be rows below the header"),
        (b"a,b\n,\n", "there must be rows below the header"),
        (b"a;b\n1,5;2\n3,5;4\n", "separated by semicolons"),
        (b"a\tb\n1\t2\n", "separated by tabs"),
        (b"a|b\n1|2\n", "separated by vertical bars"),
        (b"cohort\n1;2\n", "separated by semicolons"),
        (b"PK\x03\x04rest", "an Excel workbook or a zip archive"),
        (b"\xd0\xcf\x11\xe0rest", "an old Excel workbook"),
        (b"\x1f\x8brest", "a gzip archive"),
        (b"PAR1rest", "a Parquet file"),
        ("a,b\n1,2\n".encode("utf-32"), "text in UTF-32"),
        (b"a,b\n1,\0\n", "a binary file"),
        ("a,b\n1,ä\n".encode("latin-1"), "row 2: the file must be UTF-8 text; got 'byte 0xe4'"),
        (b",\n1,2\n3,4,5\n", "row 1: the first row must hold the column names"),
        (b'a,b\n1,"2\n3,4\n', "close every quotation mark"),
        (b'a,b\n1,"2"x\n', "row 2: the cells must be valid CSV"),
    ],
)
def test_what_is_not_a_table_is_named(write, content, says):
    message = str(refusal(write(content)))
    assert says in message
    assert message.startswith("cohort.csv was refused")


@pytest.mark.parametrize("content", [b"a;b\n1;2\n", b"PK\x03\x04", "ä,b\n".encode("latin-1")])
def test_the_remedy_says_how_to_save_the_file(write, content):
    assert "save the table as 'CSV UTF-8 (comma delimited)'" in str(refusal(write(content)))


def test_all_faults_of_the_shape_come_at_once(write):
    long = "x" * 100_001
    error = refusal(write(f"a,b,a,\n1,2,3,4\n1,2,3\n1,2,3,4,5\n{long},2,3,4\n"))
    assert str(error).splitlines() == [
        "cohort.csv was refused: it is not a table in CSV form",
        "  - row 1: every column must have a name; got 'nothing in cell 4'; name it or delete it",
        "  - row 1, column a: column names must differ; got '2 columns'; rename or delete all but one",
        (
            "  - must have 4 cells like the header; 2 times (rows 3, 4); for example '3 cells'; "
            "put cells that hold a comma in quotation marks"
        ),
        "  - row 5: a cell must be shorter than 100,000 characters; look for a quotation mark without its partner",
    ]
    assert [fault.row for fault in error.faults] == [1, 1, 3, 4, 5]


def test_half_a_million_ragged_rows_are_one_fault_for_each_width(write):
    error = refusal(write("a,b\n" + "1\n" * 1000 + "1,2,3\n"))
    assert [(fault.count, fault.rows) for fault in error.faults] == [(1000, (2, 3, 4, 5, 6)), (1, (1002,))]
    assert "must have 2 cells like the header; 1,001 times (rows 2, 3, 4, 5, 6, ...)" in str(error)


def test_a_lost_quotation_mark_that_swallows_the_file_is_named(write):
    message = str(refusal(write('a,b\n1,2\n3,"4\n' + "5,6\n" * 50_000)))
    assert "row 3: a cell must be shorter than 100,000 characters; look for a quotation mark" in message


@pytest.mark.parametrize("path", ["absent.csv", "a\0b.csv", "x" * 400])
def test_a_missing_file_is_a_usage_error(tmp_path, path):
    with pytest.raises(UsageError, match=r"there is no file|cannot be read"):
        read_csv(tmp_path / path)


def test_a_folder_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="is a folder: give the CSV file inside it"):
        read_csv(str(tmp_path))


def rubbish(kind: str) -> bytes:
    noise = random.Random(1).randbytes(10_000_000)
    ascii_only = bytes(range(1, 128)) * 2 + b"ab"
    return {
        "random": noise,
        "random without zeros": noise.replace(b"\0", b"a"),
        "random ascii": noise.translate(ascii_only),
        "commas": b"," * 10_000_000,
        "names": b"a," * 5_000_000,
        "quotes": b'"' * 10_000_000,
        "line breaks": b"\n" * 10_000_000,
        "ragged": b"a,b\n" + b"1\n" * 500_000,
    }[kind]


@pytest.mark.parametrize(
    "kind",
    ["random", "random without zeros", "random ascii", "commas", "names", "quotes", "line breaks", "ragged"],
)
def test_ten_megabytes_of_rubbish_are_refused_quickly(write, kind):
    path = write(rubbish(kind))
    started = time.process_time()
    message = str(refusal(path))
    assert time.process_time() - started < 4  # 2 seconds where the machine has time
    assert len(message) < 2000
    assert message.isprintable() or "\n" in message


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    try:
        table = read_csv(path)
    except DataError:
        return
    assert table.cells.shape == (len(table.row_numbers), len(table.columns))


CELL = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=5)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=5))
@settings(deadline=None, max_examples=200)
def test_what_a_csv_writer_wrote_comes_back(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "round.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["a", "b", "c"], *(["x", *row[1:]] for row in rows)])
    assert read_csv(path).cells.to_numpy().tolist() == [["x", *row[1:]] for row in rows]


@pytest.mark.parametrize("suffix", ["tsv", "tab", "txt"])
def test_tabs_separate_where_the_suffix_says_so(write, suffix):
    table = read_csv(write('a\tb\n1,5\t"x\ty"\n', f"cohort.{suffix}"))
    assert table.cells.to_numpy().tolist() == [["1,5", "x\ty"]]


def test_commas_in_a_tsv_are_refused(write):
    message = str(refusal(write("a,b\n1,2\n", "cohort.tsv")))
    assert "row 1: the cells must be separated by tabs; got 'commas'" in message


PLAIN = st.text(st.sampled_from('ab1",. \n\r\tä'), max_size=60)


@given(PLAIN)
@settings(deadline=None, max_examples=400)
def test_the_fast_way_agrees_with_the_careful_one(body):
    source = Source(f"x,y\n{body}".encode(), "any.csv", ".csv")
    plain = _plain(source.content, ",")
    if plain is None:
        return
    fast, careful = source.table(*plain), _read_carefully(source, source.content, ",")
    assert fast.columns == careful.columns
    assert fast.cells.to_numpy().tolist() == careful.cells.to_numpy().tolist()
    assert fast.row_numbers.tolist() == careful.row_numbers.tolist()


def test_quoted_cells_go_the_fast_way():
    content = b'id,"k,y"\n1,"46,XX"\n,""\n2,"say ""no"""\n'
    header, columns, numbers = _plain(content, ",")
    assert (header, numbers.tolist()) == (("id", "k,y"), [2, 4])
    assert [column.to_pylist() for column in columns] == [["1", "2"], ["46,XX", 'say "no"']]
