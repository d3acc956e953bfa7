"""A table in blocks of any size is the table: values, row numbers, faults; what no block can settle is read whole."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.cohort.cohort import read_cohort
from riskml.cohort.stream import NeedsWholeFileError, stream_cohort, table_blocks
from riskml.errors import DataError
from riskml.resources import folder
from riskml.runtime.dictionary import load_dictionary
from tests.runtime.models import SHIPPED, shipped_bundle

COHORT = folder("features") / "synthetic" / "cohort.csv"
NAMES = ("patient_id", "cycle_index", "data_origin", "age", "sex", "mrd", "cd3", "cd19", "cd4", "bcr_abl1", "kmt2a_r")
ROWS = [{name: row[name] for name in NAMES} for row in csv.DictReader(io.StringIO(COHORT.read_text(encoding="utf-8")))]


def streamed(path, size):
    return list(stream_cohort(table_blocks(path, size), None, load_dictionary()))


def refusal(read):
    with pytest.raises(DataError) as caught:
        read()
    return str(caught.value)


def written(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def as_csv(tmp_path_factory):
    return written(tmp_path_factory.mktemp("csv") / "cohort.csv", ROWS)


@pytest.fixture(scope="module")
def as_parquet(tmp_path_factory):
    path = tmp_path_factory.mktemp("parquet") / "cohort.parquet"
    pyarrow.parquet.write_table(pa.Table.from_pandas(pd.DataFrame(ROWS)), path, row_group_size=50)
    return path


@pytest.mark.parametrize("name", SHIPPED)
@settings(max_examples=4)
@given(size=st.integers(400, 12_000))
def test_scores_are_those_of_the_whole_file_to_the_last_bit(as_csv, name, size):
    bundle = shipped_bundle(name)
    parts = pd.concat([bundle.score(cohort) for cohort in streamed(as_csv, size)], ignore_index=True)
    pd.testing.assert_frame_equal(parts, bundle.score(read_cohort(as_csv)), check_exact=True)


@pytest.mark.parametrize("size", [1_000, 3_500, 10**6])
def test_the_cells_are_those_of_the_whole_file(as_csv, as_parquet, size):
    whole = read_cohort(as_csv)
    for path in (as_csv, as_parquet):
        parts = streamed(path, size)
        joined = pd.concat([part.frame for part in parts], ignore_index=True)
        pd.testing.assert_frame_equal(joined, whole.frame, check_exact=True)
        np.testing.assert_array_equal(np.concatenate([part.row_numbers for part in parts]), whole.row_numbers)
        np.testing.assert_array_equal(np.concatenate([part.below for part in parts]), whole.below)
        assert all(part.synthetic for part in parts)
    assert len(streamed(as_csv, 1_000)) > 3


def test_blank_rows_count_wherever_a_block_ends(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("mrd,cd3\n1 %,1\n,\n2 %,2\n3 %,3", encoding="utf-8")
    for size in (1, 14, 1000):
        if size == 1:  # a block of blank rows alone is for who reads the whole
            with pytest.raises(NeedsWholeFileError):
                streamed(path, size)
            continue
        assert [n for part in streamed(path, size) for n in part.row_numbers] == [2, 4, 5]


@settings(max_examples=6)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(ROWS) - 1),
            st.sampled_from([("mrd", "520 %"), ("mrd", "abc"), ("age", "400 a"), ("sex", "?!"), ("cd3", ">5")]),
        ),
        min_size=1,
        max_size=20,
    ),
    st.lists(st.integers(1, len(ROWS) - 1), max_size=3),
    st.integers(700, 8_000),
)
def test_every_fault_of_every_row_is_reported_as_for_the_whole_file(faults, repeated, size):
    rows = [dict(row) for row in ROWS]
    for place, (name, text) in faults:
        rows[place][name] = text
    for place in repeated:
        rows[place] |= {"patient_id": rows[0]["patient_id"], "cycle_index": "1"}
    with tempfile.TemporaryDirectory() as home:
        path = written(Path(home) / "c.csv", rows)
        assert refusal(lambda: streamed(path, size)) == refusal(lambda: read_cohort(path))


def test_a_course_that_stands_twice_far_apart_is_found(tmp_path):
    rows = [dict(row) for row in ROWS]
    rows[-1] |= {key: rows[3][key] for key in ("patient_id", "cycle_index")}
    path = written(tmp_path / "c.csv", rows)
    said = refusal(lambda: streamed(path, 1_500))
    assert said == refusal(lambda: read_cohort(path))
    assert "a patient has each cycle once; got 'the course of row 5'" in said


def test_an_unknown_column_is_said_once(tmp_path):
    path = written(tmp_path / "c.csv", [row | {"shoe_size": "40"} for row in ROWS])
    assert refusal(lambda: streamed(path, 1_500)) == refusal(lambda: read_cohort(path))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("decimal commas", b'mrd,cd3\n1 %,"0,71"\n2 %,"0,8"\n'),
        ("ragged", b"mrd,cd3\n1 %,1\n2 %\n"),
        ("a line break in a cell", b'mrd,centre\n1 %,"a\nb"\n'),
        ("empty line", b"mrd,cd3\n1 %,1\n\n2 %,2\n"),
        ("latin-1", b"mrd,centre\n1 %,K\xf6ln\n"),
        ("utf-16", "mrd,cd3\n1 %,1\n".encode("utf-16")),
        ("header alone", b"mrd,cd3\n"),
        ("no line break", b"mrd,cd3"),
        ("empty", b""),
        ("workbook", b"PK\x03\x04rest\n,\n"),
        ("half a Parquet file", b"PAR1half"),
    ],
)
def test_what_blocks_cannot_settle_is_for_the_whole_file(tmp_path, name, content):
    path = tmp_path / "c.csv"
    path.write_bytes(content)
    with pytest.raises(NeedsWholeFileError):
        list(streamed(path, 8))


def test_what_is_not_there_is_for_who_says_so(tmp_path):
    with pytest.raises(NeedsWholeFileError):
        list(table_blocks(tmp_path / "nothing.csv"))
