"""What a cell says beside its value: unit and decimals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.cohort import cohort_from_table
from riskml.cohort.raw_table import Source
from riskml.cohort.read import read_text
from riskml.cohort.written import BARE, FRACTION, OTHER, PERCENT, as_written
from riskml.runtime.dictionary import load_dictionary

MRD = load_dictionary()["mrd"]


@pytest.mark.parametrize(
    ("text", "declared", "decimals", "unit"),
    [
        ("0.52 %", None, 2, PERCENT),
        ("0.52pct", None, 2, PERCENT),
        (" .5%", None, 1, PERCENT),
        ("0.0052", None, 4, BARE),
        ("0.0052 fraction", None, 4, FRACTION),
        ("52 x10^-4", None, 0, OTHER),
        ("0.52", "%", 2, PERCENT),
        ("0.0052", "1", 4, FRACTION),
        ("12", None, 0, BARE),
        ("12.", None, 0, BARE),
        ("+0.5", None, 1, BARE),
    ],
)
def test_numbers(text, declared, decimals, unit):
    written = as_written([text], MRD, declared)
    assert (written.decimals.tolist(), written.unit.tolist()) == ([decimals], [unit])


@pytest.mark.parametrize("text", ["<0.01 %", "neg", "", "ND", "0", "0.00 %", "2e-3 fraction", "not done"])
def test_limits_words_and_exponents_have_no_decimals(text):
    assert as_written([text], MRD, "%").decimals.tolist() == [-1]


@given(st.lists(st.text(max_size=30)))
def test_any_text_has_a_form(texts):
    written = as_written(texts, MRD, None)
    assert len(written.decimals) == len(written.unit) == len(texts)


@given(st.integers(1, 9999), st.integers(0, 6))
def test_decimals_are_those_printed(number, digits):
    assert as_written([f"{number:.{digits}f} %"], MRD, None).decimals.tolist() == [digits]


def test_a_cohort_keeps_the_form_of_its_fractions_row_by_row():
    text = "patient_id,cycle_index,mrd,age\na,1,0.52 %,3\na,2,0.3,3\nb,1,<0.01 %,4\n"
    cohort = cohort_from_table(read_text(Source(text.encode(), "c.csv", ".csv")))
    assert set(cohort.written) == {"mrd"}
    assert cohort.written["mrd"].decimals.tolist() == [2, 1, -1]
    assert cohort.written["mrd"].unit.tolist()[:2] == [PERCENT, BARE]
    assert cohort.patients().written["mrd"].decimals.tolist() == [2, -1]


def test_decimal_commas_are_read_as_the_reader_reads_them():
    text = 'mrd (%)\n"0,52"\n"12,5"\n'
    cohort = cohort_from_table(read_text(Source(text.encode(), "c.csv", ".csv")))
    assert cohort.written["mrd"].decimals.tolist() == [2, 1]
