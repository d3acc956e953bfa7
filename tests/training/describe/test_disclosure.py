"""Suppression: no small count follows from what is shown, whoever tries all tables that agree with it; and no more."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.training.describe.disclosure import BLURRED, exact, protected, settled, with_share
from riskml.training.describe.table import NOT_SHOWN

# A two by two table with its margins: cells 0 to 3, rows 4 and 5, columns 6 and 7, all 8.
TWO_WAY = [((0, 1), 4), ((2, 3), 5), ((0, 2), 6), ((1, 3), 7), ((4, 5), 8), ((6, 7), 8)]


def ranges(text: str, most: int) -> tuple[int, int]:
    """What a reader knows of a count by itself."""
    known = {"<5": (1, 4), BLURRED: (5, most), NOT_SHOWN: (0, most)}
    return known[text] if text in known else (int(text.replace(",", "")),) * 2


def two_way(cells) -> list[int]:
    a, b, c, d = cells
    return [a, b, c, d, a + b, c + d, a + c, b + d, a + b + c + d]


def possible(shown, most):
    """Every table that agrees with what is shown, as columns of all nine counts."""
    spans = [np.arange(low, high + 1) for low, high in (ranges(text, most) for text in shown[:4])]
    grid = np.array([axis.ravel() for axis in np.meshgrid(*spans, indexing="ij")])
    tables = np.array(two_way(grid))
    for k, text in enumerate(shown):
        low, high = ranges(text, most)
        tables = tables[:, (tables[k] >= low) & (tables[k] <= high)]
    return tables


@settings(max_examples=80)
@given(st.lists(st.integers(0, 7), min_size=4, max_size=4), st.booleans())
def test_no_small_count_of_a_two_way_table_can_be_worked_out(cells, margins_are_public):
    counts = two_way(cells)
    public = {8} | ({4, 5, 6, 7} if margins_are_public and min(counts[4:8]) >= 5 else set())
    shown = protected(counts, TWO_WAY, public, internal=False)
    tables = possible(shown, counts[8])
    assert (tables == np.array(counts)[:, None]).all(axis=0).any()  # what is shown is true
    for k, number in enumerate(counts):
        if 1 <= number <= 4 and counts[8] >= 5:
            assert len(np.unique(tables[k])) > 1, (counts, shown)
    assert all(shown[k] == f"{counts[k]}" for k in public if counts[k] >= 5)


@settings(max_examples=80)
@given(st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_no_small_count_of_a_flow_can_be_worked_out(numbers):
    """All = two reasons + in; in = event + none: every flow that agrees is tried."""

    def flow(first, second, event, none):
        return [first + second + event + none, first, second, event + none, event, none]

    counts = flow(*numbers)
    shown = protected(counts, [((1, 2, 3), 0), ((4, 5), 3)], {0}, internal=False)
    spans = [np.arange(low, high + 1) for low, high in (ranges(shown[k], counts[0]) for k in (1, 2, 4, 5))]
    flows = np.array(flow(*(axis.ravel() for axis in np.meshgrid(*spans, indexing="ij"))))
    for k, text in enumerate(shown):
        low, high = ranges(text, counts[0])
        flows = flows[:, (flows[k] >= low) & (flows[k] <= high)]
    assert (flows == np.array(counts)[:, None]).all(axis=0).any()
    for k, number in enumerate(counts):
        if 1 <= number <= 4 and counts[0] >= 5:
            assert len(np.unique(flows[k])) > 1, (counts, shown)


@given(st.lists(st.integers(5, 400), min_size=4, max_size=4))
def test_without_small_counts_everything_is_shown(cells):
    counts = two_way(cells)
    assert protected(counts, TWO_WAY, internal=False) == [f"{n:,}" for n in counts]


@given(st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_inside_everything_is_shown(cells):
    counts = two_way(cells)
    assert protected(counts, TWO_WAY, {8}, internal=True) == [f"{n:,}" for n in counts]


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ([42, 40, 2], ["42", "5 or more", "<5"]),
        ([42, 42, 0], ["42", "42", "0"]),
        ([2, 1, 1], ["<5", "<5", "<5"]),
        # "5 or more" of 6 would tell the one that is left, and two of at most 4 make 8 in one way alone.
        ([6, 5, 1], ["6", NOT_SHOWN, "<5"]),
        ([8, 4, 4], ["8", "<5", NOT_SHOWN]),
    ],
)
def test_of_a_whole_and_two_parts_by_hand(counts, shown):
    assert protected(counts, [((1, 2), 0)], {0}, internal=False) == shown


def test_nested_sums_do_not_tell():
    # any grade = grade 1 + grade 2 + grade 3; severe = grade 3. With 7 of any grade, 6 and 1 are both in danger.
    shown = protected([7, 6, 0, 1, 1], [((1, 2, 3), 0), ((3,), 4)], {0}, internal=False)
    assert not exact(shown[3])
    assert not exact(shown[4])
    assert not exact(shown[1])


def test_what_is_public_is_never_blurred_even_if_it_tells():
    assert protected([43, 40, 3], [((1, 2), 0)], {0, 1}, internal=False)[:2] == ["43", "40"]


def test_counts_without_sums_are_hidden_by_themselves():
    assert protected([3, 0, 12, 1234], [], internal=False) == ["<5", "0", "12", "1,234"]


def test_settled_are_those_of_which_no_small_one_follows():
    assert settled([0, 1, 2], [0, 119, 6]) == {0, 1, 2}
    assert settled([0, 1, 2], [0, 119, 2]) == {0}
    assert settled([5, 6, 7], [50, 20, 2]) == {5}


def test_shares_only_where_the_whole_is_shown():
    assert with_share("12", "42") == "12 (29 %)"
    assert with_share("1,200", "2,400") == "1,200 (50 %)"
    assert with_share("12", BLURRED) == "12"
    assert with_share("<5", "42") == "<5"
    assert with_share("0", "0") == "0"
    assert [exact(text) for text in ("0", "1,200", "<5", BLURRED, NOT_SHOWN, "–")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]


def test_larger_tables_stay_safe_and_quick():
    rng = np.random.default_rng(4)
    cells = rng.poisson(4, (6, 4))
    full = np.vstack([np.column_stack([cells, cells.sum(axis=1)]), [*cells.sum(axis=0), cells.sum()]])
    at = np.arange(full.size).reshape(full.shape)
    sums = [(line[:-1].tolist(), int(line[-1])) for line in itertools.chain(at, at.T)]
    shown = protected(full.ravel().tolist(), sums, {int(at[-1, -1])}, internal=False)
    # The sharp test without an oracle: subtracting along any line must not leave one hidden cell alone.
    for parts, whole in sums:
        hidden = [place for place in (*parts, whole) if not exact(shown[place])]
        assert len(hidden) != 1, shown
