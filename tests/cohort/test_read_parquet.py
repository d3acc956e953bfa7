"""Parquet: numbers as the shortest text that reads back, nulls as empty cells, no nested values."""

from __future__ import annotations

import datetime as dt
import decimal
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.cohort.raw_table import Source
from riskml.cohort.read_parquet import read_parquet
from riskml.errors import DataError


def parquet(**columns):
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def read(content):
    return read_parquet(Source(content, "cohort.parquet", ".parquet"))


def refusal(content) -> str:
    with pytest.raises(DataError) as refused:
        read(content)
    return str(refused.value)


def test_every_cell_is_text():
    table = read(
        parquet(
            id=["00123", None],
            age=[6.4, 7.0],
            single=pa.array([0.1, None], pa.float32()),
            n=pa.array([3, None], pa.int64()),
            ok=[True, None],
            day=[dt.date(2020, 2, 29), None],
            midnight=pa.array([dt.date(2020, 2, 29), None]).cast(pa.timestamp("ns")),
            centre=pa.array(["A", None]).dictionary_encode(),
            exact=[decimal.Decimal("1.50"), None],
            empty=pa.nulls(2),
        )
    )
    first, second = table.cells.to_numpy().tolist()
    assert first == ["00123", "6.4", "0.1", "3", "true", "2020-02-29", "2020-02-29", "A", "1.50", ""]
    assert second == ["", "7", "", "", "", "", "", "", "", ""]
    assert table.row_numbers.tolist() == [2, 3]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
@settings(deadline=None)
def test_numbers_read_back_the_same(values):
    assert [float(text) for text in read(parquet(x=values)).cells["x"]] == values


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (parquet(a=[[1]]), "column a: must hold single values; got 'list<"),
        (parquet(a=[b"x"]), "column a: must hold single values; got 'binary'"),
        (parquet(a=pa.array([], pa.string())), "there must be rows below the header"),
        (parquet(**{"": ["x"]}), "every column must have a name"),
        (parquet(**{"a": ["x"], " a": ["y"]}), "column names must differ"),
        (parquet(a=["x" * 100_001]), "a cell must be shorter than 100,000 characters"),
        (b"PAR1rest", "a Parquet file that cannot be read"),
        (parquet(a=["x"])[:-6], "a Parquet file that cannot be read"),
    ],
)
def test_what_is_not_a_table_is_named(content, says):
    assert says in refusal(content)
