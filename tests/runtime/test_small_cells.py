"""Counts of one to four patients are not shown, and do not follow by subtraction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.runtime.small_cells import SMALLEST_CELL, count, counts_of_a_whole, without_small_counts


@pytest.mark.parametrize(("number", "shown"), [(0, "0"), (1, "<5"), (4, "<5"), (5, "5"), (1234, "1,234")])
def test_small_cells(number, shown):
    assert count(number) == shown


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6))
def test_no_small_cell_follows_from_the_total(numbers):
    shown = counts_of_a_whole(numbers)
    assert not set(shown) & {"1", "2", "3", "4"}
    hidden = sum(number for number, text in zip(numbers, shown, strict=True) if text != f"{number:,}")
    # What the reader can work out is the sum of the hidden cells: it must not itself be small where that can be helped.
    assert hidden == 0 or hidden >= SMALLEST_CELL or max(numbers) < SMALLEST_CELL


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("judged in 3 rows, which count", "judged in <5 rows, which count"),
        ("in 1 row", "in <5 row"),
        ("in 5 rows, 12 rows and 1,234 rows", "in 5 rows, 12 rows and 1,234 rows"),
        ("4 days and 2.3 rows", "4 days and 2.3 rows"),
    ],
)
def test_a_sentence_keeps_everything_but_small_counts_of_rows(sentence, shown):
    assert without_small_counts(sentence) == shown


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ([54, 4, 4], ["5 or more", "<5", "<5"]),  # their total, 8, leaves nothing but 4 and 4
        ([54, 30, 5, 1], ["54", "5 or more", "5 or more", "<5"]),  # a total of 6 leaves nothing but 5 and 1
        ([54, 7, 2], ["54", "5 or more", "<5"]),
        ([54, 2, 3], ["54", "<5", "<5"]),
        ([9, 1, 1, 1, 1, 1], ["5 or more", *["<5"] * 5]),
    ],
)
def test_what_the_total_of_the_hidden_would_tell_is_blurred_further(numbers, shown):
    assert counts_of_a_whole(numbers) == shown
