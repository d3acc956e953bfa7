"""A folder of parts is scored as one table is: the same numbers, the same refusals, whole or not at all."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.cohort.score_parts import check_parts, find_parts, header_of, new_folder, score_part
from riskml.errors import DataError, UsageError
from riskml.runtime.bundle import open_bundle
from tests.cli.processes import BUNDLES, COHORT, contents, rows


@pytest.fixture(scope="module")
def bundle():
    return open_bundle(BUNDLES["efs"])


@pytest.fixture
def table():
    return pd.DataFrame(rows())


def parts_of(folder, **tables):
    folder.mkdir(exist_ok=True)
    for name, part in tables.items():
        part.to_parquet(folder / f"{name}.parquet", index=False)
    return find_parts(folder)


def scored(bundle, parts, out):
    return {name: score_part(bundle, None, None, part, out / name) for name, part in parts.items()}


def test_the_numbers_are_those_of_the_whole_table(bundle, table, tmp_path):
    parts = parts_of(tmp_path / "in", a=table[:50], b=table[50:51], c=table[51:])
    check_parts("in", scored(bundle, parts, tmp_path / "out"))
    pieces = [pd.read_parquet(tmp_path / "out" / name) for name in parts]
    assert [len(piece) for piece in pieces] == [50, 1, len(table) - 51]
    assert pieces[2]["row"].tolist() == list(range(2, len(table) - 49)), "rows are counted part by part"
    whole = bundle.score(read_cohort(COHORT)).drop(columns="row").reset_index(drop=True)
    found = pd.concat(pieces, ignore_index=True).drop(columns="row")
    pd.testing.assert_frame_equal(found, whole, check_exact=False, rtol=1e-14)


def test_only_parquet_files_with_rows_are_parts(table, tmp_path):
    parts_of(tmp_path, b=table[:1], a=table[1:2], empty=table[:0])
    for name in ("_SUCCESS", ".a.parquet.crc", "notes.txt", "_metadata.parquet"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    assert list(find_parts(tmp_path)) == ["a.parquet", "b.parquet"]
    assert header_of(tmp_path / "a.parquet") == tuple(table.columns)


def test_a_folder_without_parts_is_refused(table, tmp_path):
    with pytest.raises(UsageError, match="no Parquet file with rows"):
        find_parts(tmp_path)
    with pytest.raises(UsageError, match="no Parquet file with rows"):
        parts_of(tmp_path, empty=table[:0])


def test_parts_have_the_same_columns(table, tmp_path):
    with pytest.raises(DataError, match=r"1 of 3 parts have other columns than a.parquet: c.parquet"):
        parts_of(tmp_path, a=table[:5], b=table[5:9][table.columns[::-1]], c=table[9:].drop(columns="mrd"))


def test_the_same_course_in_two_parts_is_refused_with_both_places(bundle, table, tmp_path):
    parts = parts_of(tmp_path / "in", a=table[:10], b=table[10:20], c=table[[False] * 19 + [True] + [False] * 105])
    with pytest.raises(DataError) as refusal:
        check_parts("in", scored(bundle, parts, tmp_path / "out"))
    text = str(refusal.value)
    assert (
        "row 2: (part c.parquet, and part b.parquet) a patient has each cycle once; got 'the course of row 11'" in text
    )
    assert table["patient_id"][19] not in text


def test_every_refused_part_is_named_and_writes_nothing(bundle, table, tmp_path):
    wrong = table[10:20].assign(mrd=["520 %", *table["mrd"][11:20]])
    twice = pd.concat([table[20:23], table[22:23]])
    commas = table[30:33].assign(cd3=["0,71", "1,5", "2"])
    parts = parts_of(tmp_path / "in", good=table[:10], wrong=wrong, twice=twice, commas=commas)
    (tmp_path / "in" / "torn.parquet").write_bytes((tmp_path / "in" / "good.parquet").read_bytes()[:900])
    parts = find_parts(tmp_path / "in")
    with pytest.raises(DataError) as refusal:
        check_parts("in", scored(bundle, parts, tmp_path / "out"))
    text = str(refusal.value)
    assert text.startswith("4 of 5 parts of in were refused\n")
    assert "row 2, column mrd: (part wrong.parquet) " in text
    assert "row 5: (part twice.parquet) a patient has each cycle once" in text
    assert "(part commas.parquet) numbers of a part must not hold commas" in text
    assert "(part torn.parquet) the Parquet file must be whole" in text
    assert set(contents(tmp_path / "out")) == {"good.parquet"}


def test_what_was_derived_and_what_is_there_is_said_of_each_part(bundle, table, tmp_path):
    parts = parts_of(tmp_path / "in", a=table[["patient_id", "mrd"]][:5])
    found = scored(bundle, parts, tmp_path / "out")["a.parquet"]
    assert found.faults == ()
    assert found.columns == {"mrd"} & {*bundle.model.inputs}
    assert len(found.courses.table()[1]) == 0, "without cycles no course is known to stand twice"


# -------------------------------------------------------------------------------------------------- the folder written


def test_the_folder_is_there_when_all_went_well(tmp_path):
    (tmp_path / "new").mkdir()
    with new_folder(tmp_path / "new") as place:
        (place / "a").write_text("x", encoding="utf-8")
        assert contents(tmp_path / "new") == {}
    assert contents(tmp_path) == {"new/a": b"x"}


def test_an_error_on_the_way_leaves_nothing(tmp_path):
    def fail():
        with new_folder(tmp_path / "new") as place:
            (place / "a").write_text("x", encoding="utf-8")
            raise ValueError("on the way")

    with pytest.raises(ValueError, match="on the way"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_already_is_never_mixed_with_new_scores(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a").write_text("x", encoding="utf-8")
    for path in (tmp_path / "old", tmp_path / "old" / "a"):
        with pytest.raises(UsageError, match="is there already"), new_folder(path):
            pytest.fail("began")
    assert contents(tmp_path) == {"old/a": b"x"}


def test_a_part_with_lists_is_refused(bundle, tmp_path):
    column = pa.array([[1.0], [2.0]])
    pyarrow.parquet.write_table(pa.table({"mrd": column}), tmp_path / "a.parquet")
    found = scored(bundle, find_parts(tmp_path), tmp_path / "out")["a.parquet"]
    assert [fault.rule for fault in found.faults] == ["must hold single values"]
