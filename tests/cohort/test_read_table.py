"""The content says what a file is; options that do not fit it are said."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.cohort.read_table import read_table
from riskml.errors import DataError, UsageError
from tests.cohort.workbooks import of_rows, sheet_xml, workbook

ROWS = [["1", "6.4"], ["2", ""]]


def parquet():
    stream = io.BytesIO()
    pq.write_table(pa.table({"id": ["1", "2"], "age": [6.4, None]}), stream)
    return stream.getvalue()


CONTENT = {
    "csv": b"id,age\n1,6.4\n2,\n",
    "tsv": b"id\tage\n1\t6.4\n2\t\n",
    "unicode.txt": "id\tage\n1\t6.4\n2\t\n".encode("utf-16"),
    "commas.txt": b"id,age\n1,6.4\n2,\n",
    "xlsx": of_rows(["id", "age"], ["1", 6.4], ["2", None]),
    "parquet": parquet(),
}


@pytest.mark.parametrize("kind", CONTENT)
def test_the_same_table_in_every_form(tmp_path, kind):
    path = tmp_path / f"cohort.{kind}"
    path.write_bytes(CONTENT[kind])
    table = read_table(path)
    assert (table.columns, table.cells.to_numpy().tolist()) == (("id", "age"), ROWS)
    assert table.row_numbers.tolist() == [2, 3]


@pytest.mark.parametrize("kind", ["xlsx", "parquet"])
def test_the_suffix_does_not_matter(tmp_path, kind):
    path = tmp_path / "cohort.csv"
    path.write_bytes(CONTENT[kind])
    assert read_table(path).columns == ("id", "age")


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("csv", {"sheet": "A"}, "has no sheets: leave out --sheet"),
        ("xlsx", {"encoding": "gb18030"}, "says its encoding itself"),
        ("parquet", {"encoding": "gb18030"}, "says its encoding itself"),
    ],
)
def test_options_that_do_not_fit(tmp_path, kind, options, says):
    path = tmp_path / f"cohort.{kind}"
    path.write_bytes(CONTENT[kind])
    with pytest.raises(UsageError, match=says):
        read_table(path, **options)


def test_one_patient_s_json_is_no_cohort(tmp_path):
    path = tmp_path / "patient.json"
    path.write_text('{"age": "6 a"}', encoding="utf-8")
    with pytest.raises(DataError, match="for one patient there is riskml predict"):
        read_table(path)


def test_sheets_that_nobody_chose_are_a_note(tmp_path):
    path = tmp_path / "cohort.xlsx"
    path.write_bytes(workbook({"Old": sheet_xml([["age"], ["6"]]), "New": sheet_xml([["age"], ["7"]])}))
    assert "the workbook also has New: --sheet chooses" in " ".join(read_cohort(path).describe())
    assert "--sheet" not in " ".join(read_cohort(path, sheet="New").describe())
