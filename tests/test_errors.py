"""Errors keep the exit codes of the contract, and faults stay readable, bounded and safe to print."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml import errors
from riskml.errors import DataError, Fault, group_faults, printable

MRD = Fault(7, "mrd", "must have a unit among %, 1, 10*-4", "0.52 ppm", "write it as '0.52 %'")
faults = st.builds(
    Fault,
    row=st.none() | st.integers(2, 10_000),
    column=st.none() | st.sampled_from(["mrd", "age"]),
    rule=st.sampled_from(["must be a number", "must lie in [0, 1]"]),
    value=st.none() | st.text(max_size=60),
    remedy=st.sampled_from(["correct it", "leave it empty"]),
)


@pytest.mark.parametrize(
    ("name", "code"),
    [("RiskmlError", 1), ("UsageError", 2), ("DataError", 3), ("BundleError", 4), ("NotEstimableError", 5)],
)
def test_exit_codes_are_those_of_the_contract(name, code):
    error = getattr(errors, name)
    assert issubclass(error, errors.RiskmlError)
    assert error("why").exit_code == code
    assert str(error("why")) == "why"


def test_a_fault_reads_as_one_sentence():
    expected = "row 7, column mrd: must have a unit among %, 1, 10*-4; got '0.52 ppm'; write it as '0.52 %'"
    assert str(MRD) == expected


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (Fault(None, "mrd", "is missing", None, "add it"), "column mrd: is missing; add it"),
        (Fault(3, None, "has 4 cells, the header 5", None, "add one"), "row 3: has 4 cells, the header 5; add one"),
        (Fault(None, None, "the file is empty", None, "export it again"), "the file is empty; export it again"),
        (
            Fault(3, "age", "must be a number", "", "leave it out"),
            "row 3, column age: must be a number; got ''; leave it out",
        ),
    ],
)
def test_absent_parts_leave_no_holes(fault, line):
    assert str(fault) == line


def test_ten_thousand_equal_faults_make_one_line():
    many = [Fault(row, "mrd", MRD.rule, f"{row} ppm", MRD.remedy) for row in range(2, 10_002)]
    text = str(DataError("cohort.csv was refused", many))
    title, line = text.splitlines()
    assert title == "cohort.csv was refused"
    assert line == (
        "  - column mrd: must have a unit among %, 1, 10*-4; 10,000 times (rows 2, 3, 4, 5, 6, ...); "
        "for example '2 ppm'; write it as '0.52 %'"
    )


def test_different_faults_keep_their_lines_and_order():
    other = Fault(2, "age", "must be a number", "six", "write 6")
    assert group_faults([MRD, other]) == [MRD, other]
    assert str(DataError("refused", [MRD, other])) == f"refused\n  - {MRD}\n  - {other}"


def test_two_equal_faults_name_both_rows_without_an_ellipsis():
    assert "2 times (rows 7, 9)" in str(group_faults([MRD, Fault(9, "mrd", MRD.rule, None, MRD.remedy)])[0])


def test_equal_faults_without_rows_are_still_counted():
    line = str(group_faults([Fault(None, "mrd", "is repeated", None, "drop one")] * 3)[0])
    assert line == "column mrd: is repeated; 3 times; drop one"


@given(st.lists(faults))
def test_grouping_loses_no_fault_and_is_idempotent(found):
    grouped = group_faults(found)
    assert sum(fault.count for fault in grouped) == len(found)
    assert len({(fault.column, fault.rule, fault.remedy) for fault in grouped}) == len(grouped)
    assert all(len(fault.rows) <= 5 for fault in grouped)
    assert group_faults(grouped) == grouped


@given(st.lists(faults), st.lists(faults))
def test_grouping_in_parts_equals_grouping_at_once(first, second):
    """A reader may group chunk by chunk, so that memory does not grow with the number of faults."""
    assert group_faults([*group_faults(first), *group_faults(second)]) == group_faults(first + second)


def test_terminal_codes_and_line_breaks_in_a_file_are_escaped():
    line = str(Fault(2, "a\x1b[31m", "must be known", "x\n  - row 1: fine\u202e", "rename it"))
    assert line.isprintable()
    assert r"a\x1b[31m" in line
    assert r"x\n  - row 1: fine\u202e" in line


def test_a_long_value_is_cut_to_forty_characters():
    assert printable("x" * 40, 40) == "x" * 40
    assert printable("x" * 41, 40) == "x" * 37 + "..."


@given(st.text())
def test_anything_becomes_printable_and_short(text):
    assert printable(text).isprintable()
    assert len(printable(text, 40)) <= 40


def test_a_data_error_survives_the_way_back_from_a_worker():
    error = pickle.loads(pickle.dumps(DataError("refused", iter([MRD]))))
    assert (error.faults, error.exit_code) == ((MRD,), 3)
    assert str(error) == f"refused\n  - {MRD}"
