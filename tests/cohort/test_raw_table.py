"""What all readers share: paths that lead nowhere, and headers."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pytest

from riskml.cohort.raw_table import MOST_COLUMNS, Source, header_faults
from riskml.errors import UsageError


def test_a_source_is_opened_whole(tmp_path):
    path = tmp_path / "Cohort.CSV"
    path.write_bytes(b"a\n1\n")
    assert Source.open(path) == Source(b"a\n1\n", "Cohort.CSV", ".csv")


def test_no_source(tmp_path):
    with pytest.raises(UsageError, match="there is no file"):
        Source.open(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="is a folder"):
        Source.open(tmp_path)


def test_a_table_carries_name_and_digest():
    table = Source(b"x", "c.csv", ".csv").table(["a"], [pa.chunked_array([["1", ""]])], np.array([2, 4]))
    assert (table.columns, table.cells["a"].tolist(), table.row_numbers.tolist()) == (("a",), ["1", ""], [2, 4])
    assert (table.name, table.sha256) == ("c.csv", hashlib.sha256(b"x").hexdigest())


def test_header_faults():
    assert [fault.rule for fault in header_faults(["a", "", "a"])] == [
        "every column must have a name",
        "column names must differ",
    ]
    (fault,) = header_faults([""] * (MOST_COLUMNS + 1))
    assert fault.value == "10,001 columns"
