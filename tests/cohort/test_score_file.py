"""Scores written in parts are one file, whole or not at all (killed without warning: tests/cli/test_score.py)."""

from __future__ import annotations

import pandas as pd
import pytest

from riskml.cohort.score_file import score_writer
from riskml.errors import UsageError

PARTS = [pd.DataFrame({"row": [2, 3], "risk": [0.1, 1 / 3]}), pd.DataFrame({"row": [4], "risk": [1e-9]})]


@pytest.mark.parametrize(
    ("name", "read"), [("s.csv", pd.read_csv), ("S.PARQUET", pd.read_parquet), ("s.pq", pd.read_parquet)]
)
def test_parts_come_back_as_one_table(tmp_path, name, read):
    with score_writer(tmp_path / "new" / name) as write:
        for part in PARTS:
            write(part)
    want = pd.concat(PARTS, ignore_index=True)
    pd.testing.assert_frame_equal(read(tmp_path / "new" / name), want, check_exact=True)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


def test_csv_is_plain_and_numbers_are_the_shortest_that_come_back(tmp_path):
    with score_writer(tmp_path / "s.csv") as write:
        write(PARTS[0])
    assert (tmp_path / "s.csv").read_bytes() == b"row,risk\n2,0.1\n3,0.3333333333333333\n"


@pytest.mark.parametrize("name", ["s.csv", "s.parquet"])
def test_an_error_on_the_way_leaves_what_was_there(tmp_path, name):
    (tmp_path / name).write_text("old", encoding="utf-8")

    def fail():
        with score_writer(tmp_path / name) as write:
            write(PARTS[0])
            raise ValueError("on the way")

    with pytest.raises(ValueError, match="on the way"):
        fail()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "old")]


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(UsageError, match="it is a folder"), score_writer(tmp_path) as write:
        write(PARTS[0])
