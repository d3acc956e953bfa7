"""Cohort: typed, in canonical units, every fault of a file at once and never a patient in a message."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest

from riskml.cohort.cohort import Cohort, read_cohort
from riskml.cohort.column_map import ColumnMap
from riskml.errors import DataError
from riskml.resources import folder
from riskml.runtime.dictionary import load_dictionary

GOOD = """patient_id,Centre,cycle_index,age (months),sex,mrd,cd3,cd4,cd8,BCR::ABL1,data_origin
SECRET-1,A,1,78,F,0.52 %,1.0,0.5,0.4,Ph+,real
SECRET-1,A,2,79,F,<0.01 %,0.5,0.5,0.4,Ph+,real
SECRET-2,B,1,24,boy,neg,1.0,,0.4,ND,real
"""


@pytest.fixture
def write(tmp_path):
    def to_file(content, name="cohort.csv"):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return to_file


DOUBT = "'6,500' may mean 6.500 or 6500: write the numbers of this column with a decimal point and no other mark"
NEAREST = load_dictionary().nearest("protocol")
UNKNOWN_PROTOCOL = (
    f"must be a variable of the dictionary; rename it (the nearest known name is {NEAREST}), "
    "map it or list it under [ignore] in a --columns file"
)


def faults(path, columns=None) -> list[str]:
    with pytest.raises(DataError, match=r"cohort\.csv was refused") as refused:
        read_cohort(path, columns)
    return str(refused.value).splitlines()[1:]


def test_a_cohort_as_read(write):
    cohort = read_cohort(write(GOOD))
    assert list(cohort.frame.columns) == (
        ["patient_id", "centre", "cycle_index", "age", "sex", "mrd", "cd3", "cd4", "cd8", "bcr_abl1", "data_origin"]
    )
    assert cohort.frame["age"].tolist() == pytest.approx([6.5, 79 / 12, 2.0])
    assert cohort.frame["sex"].tolist() == ["female", "female", "male"]
    assert cohort.frame["bcr_abl1"].tolist() == pytest.approx([1.0, 1.0, np.nan], nan_ok=True)
    assert cohort.frame.dtypes[["age", "bcr_abl1", "cycle_index"]].eq(np.float64).all()
    assert cohort.frame.dtypes[["patient_id", "centre", "sex", "data_origin"]].eq(object).all()
    assert list(cohort.below.columns) == ["mrd", "cd3", "cd4", "cd8"]
    assert cohort.below["mrd"].tolist() == [False, True, True]
    assert cohort.below.dtypes.eq(bool).all()
    assert (cohort.n_courses, cohort.n_patients) == (3, 2)
    assert cohort.patient.tolist() == [0, 0, 1]
    assert cohort.row_numbers.tolist() == [2, 3, 4]
    assert cohort.frame.index.tolist() == [0, 1, 2]
    assert not cohort.synthetic


def test_notes_and_description(write):
    cohort = read_cohort(write(GOOD))
    assert [note.code for note in cohort.notes] == ["below_detection"]
    lines = cohort.describe()
    assert lines[0].endswith("3 courses, 2 patients, 2 centres")
    assert "  mrd          missing   0.0%  below a detection limit 66.7%" in lines
    assert "  bcr_abl1     missing  33.3%" in lines
    assert "SECRET" not in "\n".join(lines)


def test_all_faults_come_at_once_and_name_no_patient(write):
    content = """patient_id,cycle_index,age,mrd,mrd_pct,protocol,sex
SECRET-1,1,6 y,52,0.5,x,F
SECRET-1,1,abc,0.5 %,0.5,x,F
,2,200,0.5 %,0.5,x,Q
SECRET-2,1,"6,500",>1 %,0.5,x,M
"""
    lines = faults(write(content))
    assert lines == [
        (
            "  - column mrd_pct: one column may mean mrd; got 'also mrd'; "
            "keep one and list the other under [ignore] in a --columns file"
        ),
        f"  - column protocol: {UNKNOWN_PROTOCOL}",
        "  - row 3, column age: age must be a number; got 'abc'; write for example '3 years'",
        "  - row 4, column age: age must lie in 0 years to 110 years; got '200'; check the value and its unit",
        f"  - row 5, column age: age must be written with a decimal point; got '6,500'; {DOUBT}",
        "  - row 2, column mrd: mrd must lie in 0 % to 100 %; got '52'; give the unit (is it in %?)",
        "  - row 5, column mrd: mrd must be a measured value or '<limit'; got '>1 %'; write the value itself",
        "  - row 4, column sex: sex must be one of female, male; got 'Q'; use a listed level",
        (
            "  - row 4, column patient_id: every row needs a patient; "
            "fill it in; without the whole column each row counts as one patient"
        ),
        (
            "  - row 3: a patient has each cycle once; got 'the course of row 2'; "
            "correct cycle_index or delete one of the rows"
        ),
    ]
    assert "SECRET" not in "\n".join(lines)


def test_equal_faults_are_one_line(write):
    (line,) = faults(write("age\n" + "old\n" * 1000))
    assert line.startswith(
        "  - column age: age must be a number; 1,000 times (rows 2, 3, 4, 5, 6, ...); for example 'old'"
    )


def test_control_characters_of_a_file_never_reach_the_screen(write):
    lines = faults(write("age,\x1b[31mred\n\x1b[2Jx,1\n"))
    assert "\x1b" not in "".join(lines)


def test_a_column_map_names_measures_and_leaves_out(write):
    columns = ColumnMap.from_dict(
        {
            "source": "test",
            "columns": {"d29": {"name": "mrd_end_of_induction", "unit": "%"}},
            "constants": {"data_origin": "synthetic", "centre": "A"},
            "ignore": {"columns": ["age_days", "notes", "not there"]},
        }
    )
    cohort = read_cohort(write("d29,age_years,age_days,notes\n0.5,6,2190,x\n"), columns)
    assert list(cohort.frame.columns) == ["mrd_end_of_induction", "age", "data_origin", "centre"]
    assert cohort.frame["mrd_end_of_induction"].tolist() == [0.005]
    assert cohort.synthetic
    assert cohort.map_source == "test"
    assert "SYNTHETIC" in cohort.describe()[1]


def test_a_map_from_a_file_and_its_absent_columns(write):
    path = write('[columns]\nd29 = "mrd_end_of_induction"\nd8 = "mrd"\n', "map.toml")
    lines = faults(write("d29,agee\n2,6\n"), path)
    assert [line.partition(":")[0] for line in lines] == ["  - column d8", "  - column agee", "  - row 2, column d29"]


def test_a_constant_does_not_overrule_the_file(write):
    columns = ColumnMap.from_dict({"constants": {"data_origin": "real"}})
    (line,) = faults(write("age,data_origin\n6,synthetic\n"), columns)
    assert "column data_origin: one column may mean data_origin; got 'also column map [constants]'" in line


def test_simulated_patients_cannot_be_passed_off_as_real(write):
    columns = ColumnMap.from_dict({"constants": {"data_origin": "real"}, "ignore": {"columns": ["data_origin"]}})
    (line,) = faults(write("age,data_origin\n6,synthetic\n"), columns)
    assert "the origin of the rows cannot be ignored" in line


def test_one_synthetic_row_marks_the_cohort(write):
    cohort = read_cohort(write("age,data_origin\n6,real\n7,synthetic\n8,\n"))
    assert cohort.synthetic
    note = next(note for note in cohort.notes if note.code == "mixed_origin")
    assert "(1 synthetic, 1 not said): one synthetic row makes the whole cohort synthetic" in note.message


def test_without_identifiers_each_row_is_a_patient(write):
    cohort = read_cohort(write("age\n6\n7\n"))
    assert cohort.patient.tolist() == [0, 1]
    assert [note.code for note in cohort.notes] == ["rows_are_patients"]


def test_rows_of_one_patient_without_a_cycle_are_noted(write):
    cohort = read_cohort(write("id,age\na,6\na,7\n"))
    assert [note.code for note in cohort.notes] == ["first_row_is_first_course"]
    assert cohort.n_patients == 1


def test_a_file_of_ignored_columns_is_no_cohort(write):
    (line,) = faults(write("x\n1\n"), ColumnMap.from_dict({"ignore": {"columns": ["x"]}}))
    assert "a cohort needs a column of the dictionary" in line


def test_a_cohort_is_frozen(write):
    cohort = read_cohort(write(GOOD))
    with pytest.raises(AttributeError):
        cohort.synthetic = True


def big_file(path: Path, n_rows: int) -> Path:
    """20 columns; most numbers differ from row to row, which is the slow case."""
    draw = random.Random(0).random
    header = (
        "patient_id,centre,data_origin,cycle_index,age,sex,disease_status_at_start,bridging_chemo,bm_blasts (%),mrd"
    )
    header += ",wbc,lymphocytes,cd3,cd4,cd8,cd19,bcr_abl1,kmt2a_r,efs_time,efs_event\n"
    with path.open("w", encoding="utf-8") as file:
        file.write(header)
        for row in range(n_rows):
            counts = ",".join(f"{draw():.6f}" for _ in range(5))
            file.write(f"P{row // 2},C{row % 7},synthetic,{row % 2 + 1},{draw() * 18:.4f},F,R/R,yes,{draw() * 90:.4f},")
            file.write(f"{draw() * 50:.5f} %,{draw() * 99:.4f},{counts},Ph+,unknown,{draw() * 100:.5f},none\n")
    return path


@pytest.mark.slow
def test_a_hundred_thousand_rows_take_seconds(tmp_path):
    path = big_file(tmp_path / "cohort.csv", 100_000)
    started = time.process_time()
    cohort = read_cohort(path)
    assert time.process_time() - started < 30  # 6 seconds on two shared cores
    assert (cohort.n_courses, cohort.n_patients) == (100_000, 50_000)


@pytest.mark.data
class TestAall0232:
    """The real cohort; the numbers are those of the data's own documentation."""

    @pytest.fixture
    def cohort(self, data_file) -> Cohort:
        columns = folder("models") / "induction_efs" / "columns" / "aall0232.toml"
        return read_cohort(data_file("target_aall0232/aall0232.csv"), columns)

    def test_size_and_events(self, cohort):
        assert (cohort.n_courses, cohort.n_patients) == (667, 667)
        assert cohort.frame["efs_event"].eq("any").sum() == 196
        assert cohort.frame["efs_event"].eq("none").sum() == 471
        assert not cohort.synthetic

    def test_day_29_mrd(self, cohort):
        mrd, below = cohort.frame["mrd_end_of_induction"], cohort.below["mrd_end_of_induction"]
        assert mrd.notna().sum() == 659
        assert (mrd.notna() & ~below).sum() == 199  # 0.01 % or more
        assert mrd[~below].min() >= 1e-4
        assert mrd[below].max() < 1e-4

    def test_units_agree_with_the_file(self, cohort, data_file):
        import pandas as pd

        raw = pd.read_csv(data_file("target_aall0232/aall0232.csv"), keep_default_na=False, dtype=str)
        days = pd.to_numeric(raw["age_days"])
        assert cohort.frame["age"].to_numpy() == pytest.approx(days.to_numpy() / 365.25, abs=1e-9)
        assert cohort.frame["efs_time"].to_numpy() == pytest.approx(pd.to_numeric(raw["efs_days"]).to_numpy() / 30.4375)
        assert cohort.frame["wbc"].to_numpy() == pytest.approx(pd.to_numeric(raw["wbc_e9_l"]).to_numpy())
        assert cohort.frame["kmt2a_r"].isna().sum() == raw["kmt2a_mll"].eq("").sum()  # unknown is not absent
        assert cohort.frame["sex"].value_counts().to_dict() == {"male": 367, "female": 300}

    def test_the_map_covers_every_column_by_name(self, data_file):
        header = data_file("target_aall0232/aall0232.csv").read_text(encoding="utf-8").split("\n", 1)[0].split(",")
        columns = ColumnMap.load(folder("models") / "induction_efs" / "columns" / "aall0232.toml")
        assert columns.matches(header)
        assert set(columns.columns) | columns.ignored == set(header)
        selected = data_file("target_aall0232/discovery_selected.csv")
        assert read_cohort(selected, columns).n_courses == 778


def test_the_patient_table_is_each_patients_first_course(write):
    courses = read_cohort(write("patient_id,cycle_index,mrd\na,2,neg\na,1,1 %\nb,,2 %\nb,3,3 %\nc,,4 %\nc,,5 %\n"))
    assert courses.first_courses.tolist() == [False, True, False, True, True, False]
    patients = courses.patients()
    assert (patients.n_courses, patients.n_patients) == (3, 3)
    assert patients.row_numbers.tolist() == [3, 5, 6]
    assert patients.frame["mrd"].tolist() == [0.01, 0.03, 0.04]
    assert patients.frame.index.tolist() == patients.below.index.tolist() == [0, 1, 2]
    assert courses.n_courses == 6
