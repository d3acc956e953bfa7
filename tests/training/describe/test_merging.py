"""Levels joined before anything is hidden: cases by hand, and what holds for every table of counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.training.describe.grouping import Grouping
from riskml.training.describe.merging import is_ordered, joined, merged, name_of

TABLES = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 12), min_size=2, max_size=2), min_size=n, max_size=n)
)


def small(cells):
    return bool(((cells > 0) & (cells < 5)).any())


def test_a_small_level_goes_to_the_neighbour_that_leaves_most_to_compare():
    # Events of 30, 30 and 45 patients as published: 8, 4 and 1. The last two are 5 of 75 together.
    assert joined([[8, 22], [4, 26], [1, 44]], ordered=True) == [(0,), (1, 2)]
    assert joined([[40], [3], [20]], ordered=True) == [(0,), (1, 2)]


def test_levels_without_an_order_become_other():
    assert joined([[3], [40], [60], [1]], ordered=False) == [(0, 1, 3), (2,)], "4 are still few"
    assert joined([[3], [40], [60], [2]], ordered=False) == [(0, 3), (1,), (2,)]


def test_where_joining_cannot_help_only_small_levels_are_joined():
    # 2 of 11 and 7 of 40: two levels are the fewest.
    assert joined([[2, 9], [7, 33]], ordered=True) == [(0,), (1,)]
    assert joined([[1, 1], [4, 36], [4, 5]], ordered=True) == [(0, 1), (2,)]


@given(TABLES, st.booleans())
def test_every_level_stays_in_one_group_and_joining_never_makes_more_small_cells(counts, ordered):
    table = np.array(counts)
    groups = joined(table, ordered=ordered)
    assert sorted(place for group in groups for place in group) == list(range(len(table)))
    assert groups == sorted(groups)
    assert len(groups) >= min(2, len(table))
    if ordered:
        assert all(group == tuple(range(group[0], group[-1] + 1)) for group in groups)
    if not small(table):
        assert groups == [(place,) for place in range(len(table))]
    sums = np.array([table[list(group)].sum(axis=0) for group in groups])
    assert np.count_nonzero((sums > 0) & (sums < 5)) <= np.count_nonzero((table > 0) & (table < 5))


@pytest.mark.parametrize("counts", [[1, 2, 3], [[1, -1]]])
def test_what_is_no_table_of_counts_is_refused(counts):
    with pytest.raises(ValueError, match="two dimensions and no negative"):
        joined(counts, ordered=True)


def test_groups_keep_their_rows_and_the_unknown_stay_apart():
    group = Grouping("Class", ("a", "b", "c", "not known"), np.array([0, 0, 1, 2, 3, 2]))
    found = merged(group, [[20], [3], [40]], ordered=True)
    assert found.levels == ("a or b", "c", "not known")
    assert found.code.tolist() == [0, 0, 0, 1, 2, 1]
    assert merged(group, [[20], [30], [40]], ordered=True) is group
    alone = Grouping("Sex", ("male",), np.zeros(3, dtype=int))
    assert merged(alone, [[3]], ordered=False) is alone


def test_many_levels_are_called_other_unless_that_would_name_two_groups():
    assert name_of(["a", "b", "c"]) == "other"
    group = Grouping("Cut", tuple("abcdef"), np.arange(6))
    found = merged(group, [[2], [2], [2], [2], [2], [2]], ordered=True)
    assert found.levels == ("a or b or c", "d or e or f")


def test_what_lies_in_a_row():
    assert is_ordered("age_group")
    assert is_ordered("disease_class_initial")
    assert not is_ordered("sex")
    assert not is_ordered("status_group"), "groups of levels have no order"
