"""Decimal commas and thousands separators: a whole column or nothing, and never a lone 1,234."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.number_marks import settle
from tests.cohort.test_columns import parse


@pytest.mark.parametrize(
    ("texts", "meant"),
    [
        (["6,4", "7", "12,25"], {"6,4": "6.4", "12,25": "12.25"}),
        (["0,001", "0,52 %", "neg"], {"0,001": "0.001", "0,52 %": "0.52 %"}),
        (["< 0,01", "3,14159"], {"< 0,01": "< 0.01", "3,14159": "3.14159"}),
        (["1.234,5", "2,5"], {"1.234,5": "1234.5", "2,5": "2.5"}),
        (["1,234.5", "2.5", "300"], {"1,234.5": "1234.5"}),
        (["1,234,567"], {"1,234,567": "1234567"}),
        (["6.4", "neg", ""], {}),
        (["text, with a comma", "6.4"], {}),
    ],
)
def test_unambiguous_columns_are_read(texts, meant):
    marks = settle(texts)
    assert (marks.meant, marks.doubt) == (meant, "")


@pytest.mark.parametrize(
    "texts",
    [["1,234"], ["6,4", "1,234"], ["6,4", "6.4"], ["1,234.5", "1,234"], ["1,23.4"], ["1,2,3"], ["1.234,5", "1,234.5"]],
)
def test_ambiguous_columns_are_not(texts):
    marks = settle(texts)
    assert not marks.meant
    assert marks.doubtful == {text for text in texts if "," in text}
    assert " may mean " in marks.doubt


def test_the_fault_says_both_readings():
    (fault, other) = parse("wbc", ["1,234", "5", "6,4"]).faults
    assert "'1,234' may mean 1.234 or 1234" in fault.remedy
    assert (fault.row, other.row, fault.remedy) == (2, 4, other.remedy)


def test_a_column_with_decimal_commas_is_read_and_noted():
    column = parse("age", ["6,4 a", "7", "6,4 a"])
    assert column.series.tolist() == [6.4, 7, 6.4]
    assert [note.message for note in column.notes] == ["column age, 2 cells: '6,4 a' was read as 6.4 a"]


@given(st.lists(st.decimals(0, 10_000, places=2), min_size=1))
def test_decimal_commas_lose_nothing(numbers):
    written = [str(number).replace(".", ",") for number in numbers]
    meant = settle(written).meant
    assert [meant[text] for text in written] == [str(number) for number in numbers]


@given(st.lists(st.text(st.sampled_from("0123456789,.<% -e"), max_size=8)))
def test_no_text_is_both_read_and_doubted(texts):
    marks = settle(texts)
    assert not marks.meant or not marks.doubtful
    assert set(marks.meant) | marks.doubtful <= set(texts)
