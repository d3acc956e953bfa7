"""Findings as lines for a person, exit codes, and what is said before training."""

from __future__ import annotations

import pytest

from riskml.cli.findings import exit_code, finding_lines, warn
from riskml.cohort.checks.finding import Finding
from riskml.cohort.cohort import read_cohort
from tests.cli.processes import COHORT
from tests.repository import ROOT

NOTE, WARNING, ERROR = (
    Finding(level, level, ("mrd",), "is odd in 2 rows", "look", (2, 9), 2) for level in ("note", "warning", "error")
)


def test_lines_name_level_code_column_and_rows():
    assert list(finding_lines([NOTE, ERROR])) == [
        "Cannot be true (1 error):",
        "  - mrd [error]: is odd in 2 rows (rows 2, 9); look",
        "Worth knowing (1 note):",
        "  - mrd [note]: is odd in 2 rows (rows 2, 9); look",
    ]
    assert list(finding_lines([])) == []


def test_lines_fit_a_terminal_and_long_lists_are_cut():
    many = Finding("c", "note", tuple(f"column_{k}" for k in range(30)), "word " * 40, "look")
    lines = list(finding_lines([many]))
    assert max(map(len, lines)) <= 80
    assert "column_7 and 22 more [c]" in " ".join(line.strip() for line in lines)


@pytest.mark.parametrize(
    ("findings", "strict", "code"),
    [([], True, 0), ([NOTE], True, 0), ([WARNING], False, 0), ([WARNING], True, 3), ([NOTE, ERROR], False, 3)],
)
def test_exit_codes(findings, strict, code):
    assert exit_code(findings, strict=strict) == code


def test_before_training_only_what_matters_is_said_once(capsys):
    broken = read_cohort(ROOT / "tests" / "data" / "broken_cohort.csv")
    warn([(broken, "first_dose", "efs"), (broken, "first_dose", "icans")])
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("[age_in_months]") == 1
    assert "Worth knowing" not in err
    warn([(read_cohort(COHORT), "first_dose", "efs")])
    assert capsys.readouterr().err == ""
