"""Percent or fraction: caught where the cells, the limit or the remission speak, and silent where nothing does."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from riskml.cohort.checks.fractions import check_fractions
from riskml.cohort.cohort import cohort_from_table, read_cohort
from riskml.cohort.column_map import ColumnMap
from riskml.cohort.raw_table import Source
from riskml.cohort.read import read_text
from riskml.cohort.simulate import simulate
from riskml.errors import DataError
from tests.cohort.checks.cohorts import DICTIONARY
from tests.repository import ROOT

# MRD of ten children as a laboratory printed them, in percent.
PERCENT = [0.52, 0.031, 12.4, 0.9, 3.3, 0.085, 45.0, 0.24, 1.6, 0.012]
FRACTIONS = [f"{value / 100:.6f}".rstrip("0") for value in PERCENT]


def read(header, cells, unit=None, **others):
    columns = {header: cells, **others}
    rows = zip(*columns.values(), strict=True)
    text = "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)])
    mapped = ColumnMap.from_dict({"columns": {header: {"name": "mrd", "unit": unit}}}) if unit else None
    return cohort_from_table(read_text(Source(text.encode(), "c.csv", ".csv")), mapped)


def found(*arguments, **others):
    return list(check_fractions(read(*arguments, **others), DICTIONARY))


def test_fractions_declared_as_percent():
    (finding,) = found("x", FRACTIONS, "%")
    assert (finding.code, finding.level, finding.columns) == ("percent_or_fraction", "warning", ("mrd",))
    # Finer than 0.01 in the file: 0.0052, 0.00031, 0.009, 0.00085, 0.0024, 0.00012 of the ten.
    assert (finding.rows, finding.count) == ((2, 3, 5, 7, 9), 6)
    assert "fractions declared as percent" in finding.message
    assert "'1'" in finding.remedy


@pytest.mark.parametrize("unit", ["%", "1"])
def test_a_column_in_its_declared_unit_is_sound(unit):
    assert found("x", PERCENT if unit == "%" else FRACTIONS, unit) == []


def test_percent_without_a_unit():
    (finding,) = found("mrd", [0.52, 0.31, 0.05, 0.9, 0.33, 0.08])
    assert finding.count == 6
    assert "mrd (%)" in finding.remedy
    assert found("mrd", FRACTIONS) == [], "four and more decimals are a fraction's"
    assert found("mrd", [0.52, 0.31, 0.05, 0.9]) == [], "four values say nothing"


def test_percent_above_one_in_a_column_of_fractions_is_refused_by_row():
    with pytest.raises(DataError) as refused:
        read("x", [0.52, 12.4, 0.9, 45.0], "fraction")
    assert "2 times (rows 3, 5)" in str(refused.value)
    assert "is it in %?" in str(refused.value)


def test_numbers_without_a_unit_among_percent():
    (finding,) = found("mrd", ["0.52 %", "0.31", "12 %", "0.0031", "<0.01 %", "neg", "0"])
    assert (finding.rows, finding.count) == ((3, 5), 2)
    assert "0.31 % to 31 %" in finding.message
    assert found("mrd", ["0.52 %", "51 x10^-4", "0.003 fraction", "neg"]) == []


def test_remission_cannot_hold_that_much():
    status = ["CR-MRDpos", "CR-MRDpos", "R/R", "", "CR-MRDneg"]
    (finding,) = found("mrd", ["52 %", "0.52 %", "52 %", "52 %", "neg"], disease_status_at_start=status)
    assert (finding.rows, finding.count) == ((2,), 1)
    assert "52 %" in finding.message


def test_a_hundredth_of_the_blasts():
    blasts = ["45 %", "45 %", "45 %", "4.5 %", ""]
    (finding,) = found("mrd", ["0.45 %", "41 %", "4 %", "0.045 %", "0.45 %"], bm_blasts=blasts)
    assert (finding.rows, finding.count) == ((2,), 1)


def test_sequencing_sees_what_flow_does_not():
    low = ["0.0005 %", "0.0021 %", "0.0008 %", "0.004 %", "0.0012 %", "0.0007 %"]
    assert found("mrd", low, mrd_method=["ngs"] * 6) == []
    (finding,) = found("mrd", low, mrd_method=["flow"] * 6)
    assert finding.count == 6


def test_shares_counted_under_the_microscope():
    cells = ["0.31", "0.95", "0.02", "0.45", "0.0110", "0.6125"]
    assert [f.count for f in found("pb_blasts (%)", cells)] == []
    cells = ["0.3125", "0.9510", "0.0210", "0.4500", "0.0110", "0.6125"]
    assert [f.count for f in found("pb_blasts (%)", cells)] == [6]
    assert found("pb_blasts (%)", ["0.5", "1", "0.5", "0.2", "1", "0"]) == []


def test_limits_of_assays_are_no_measurements():
    assert found("mrd_lod (%)", ["0.001", "0.0001", "0.01", "0.001", "0.0001", "0.0001"]) == []


@pytest.mark.parametrize(("n", "seeds"), [(60, 20), (400, 4)])
def test_simulated_cohorts_are_sound(n, seeds):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.csv"
        for seed in range(seeds):
            simulate(n, seed).table.to_csv(path, index=False)
            assert list(check_fractions(read_cohort(path), DICTIONARY)) == []


def test_the_embedded_cohort_is_sound_and_a_slip_in_it_is_found():
    path = ROOT / "features" / "synthetic" / "cohort.csv"
    cohort = read_cohort(path)
    assert list(check_fractions(cohort, DICTIONARY)) == []
    row = int(
        np.flatnonzero((cohort.frame["disease_status_at_start"] == "CR-MRDpos") & (cohort.frame["mrd"] > 2e-3))[0]
    )
    cohort.frame.loc[row, "mrd"] *= 100
    (finding,) = check_fractions(cohort, DICTIONARY)
    assert finding.rows == (row + 2,)
