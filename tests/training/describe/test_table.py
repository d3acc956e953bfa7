"""Counts and spreads as they may be shown: nothing small, nothing from which a small one follows."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.training.describe.table import NOT_SHOWN, shares, spread


@pytest.mark.parametrize(
    ("counts", "shared", "internal"),
    [
        ([12, 30], ["12 (29 %)", "30 (71 %)"], ["12 (29 %)", "30 (71 %)"]),
        ([2, 40], ["<5", "5 or more"], ["2 (5 %)", "40 (95 %)"]),
        ([0, 7], ["0 (0 %)", "7 (100 %)"], ["0 (0 %)", "7 (100 %)"]),
        ([0, 0], ["0", "0"], ["0", "0"]),
        ([], [], []),
    ],
)
def test_counts_of_a_whole(counts, shared, internal):
    assert shares(counts, internal=False) == shared
    assert shares(counts, internal=True) == internal


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6))
def test_no_small_count_is_shown_or_follows_from_the_total(counts):
    shown = shares(counts, internal=False)
    numbers = [int(text.split()[0]) for text in shown if re.fullmatch(r"\d+ \(.*\)|0", text)]
    assert not {n for n in numbers if 0 < n < 5}
    hidden = [n for n, text in zip(counts, shown, strict=True) if text.startswith(("<5", "5 or more"))]
    if any(n >= 5 for n in counts):
        assert len(hidden) != 1, "one hidden cell would be the total less the others"


def test_a_median_with_quartiles_and_for_the_site_itself_the_range():
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, np.nan])
    assert spread(values, 1, internal=False) == "3.0 (2.0 to 4.0)"
    assert spread(values, 1, internal=True) == "3.0 (2.0 to 4.0); 1.0 to 5.0"
    assert spread(values, 0, internal=True, whole=False) == "3 (2 to 4)"


def test_fewer_than_five_values_are_not_summarised_for_others():
    values = np.array([1.0, 2.0, np.nan])
    assert spread(values, 1, internal=False) == NOT_SHOWN
    assert spread(values, 1, internal=True) == "1.5 (1.2 to 1.8); 1.0 to 2.0"
    assert spread(np.array([np.nan]), 1, internal=False) == "–"
