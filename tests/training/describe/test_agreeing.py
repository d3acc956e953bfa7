"""What print leaves possible: the truth always agrees, and nothing that is said follows from more than the print."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from riskml.training.describe import agreeing as module
from riskml.training.describe.agreeing import agreeing, counts_text, difference_text, p_bound, span_text
from riskml.training.describe.disclosure import protected
from riskml.training.describe.table import NOT_SHOWN

ROWS = [("5 or more", "<5", "11"), ("5 or more", "5 or more", "40")]
COUNTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=3)


def printed(counts):
    """A table of two columns with its margins, as the house writes it; the sums of the columns are known."""
    table = np.array(counts)
    full = np.vstack([np.column_stack([table, table.sum(axis=1)]), [*table.sum(axis=0), table.sum()]])
    height, width = full.shape
    relations = [((row * width, row * width + 1), row * width + 2) for row in range(height)]
    relations += [(tuple(row * width + k for row in range(height - 1)), (height - 1) * width + k) for k in range(3)]
    last = (height - 1) * width
    texts = protected(full.ravel().tolist(), relations, {last, last + 1, last + 2}, internal=False)
    return [texts[row * width : row * width + 3] for row in range(height - 1)], texts[last : last + 2]


def test_the_published_response_by_hand():
    # 42 of 51 responded; of 11 one to four did not, so of 40 five to eight did not.
    found = agreeing(ROWS, ("42", "9"))
    assert found[:, :, 1].tolist() == [[4, 5], [3, 6], [2, 7], [1, 8]]
    assert counts_text(found, 0)[:2] == ("11", "7 to 10 (64 to 91 %)")
    low, high = (stats.binomtest(k, 11).proportion_ci(method="wilson") for k in (7, 10))
    assert counts_text(found, 0)[2] == f"{100 * low.low:.0f} to {100 * high.high:.0f}"
    assert span_text(found, 0, 0, "5 or more") == "7 to 10"
    assert span_text(found, 0, 1, "<5") == "<5"


def test_p_is_placed_only_where_every_table_agrees():
    found = agreeing(ROWS, ("42", "9"))
    each = [stats.fisher_exact(one).pvalue for one in found]
    assert min(each) >= 0.05
    assert p_bound(found, (0, 1)) == "≥0.05"
    sure = agreeing([("5 or more", "<5", "60"), ("<5", "5 or more", "60")], ("60", "60"))
    assert p_bound(sure, (0, 1)) == "<0.05"
    open_ = agreeing([("5 or more", "<5", "11"), ("5 or more", "5 or more", "94")], ("51", "54"))
    assert {stats.fisher_exact(one).pvalue < 0.05 for one in open_} == {True, False}
    assert p_bound(open_, (0, 1)) == NOT_SHOWN


def test_the_difference_spans_all_intervals():
    low, high = difference_text(agreeing(ROWS, ("42", "9")), 0).split(" to ")
    shares = [(k / 42, (11 - k) / 9) for k in range(7, 11)]
    assert int(low) / 100 < min(a - b for a, b in shares)
    assert int(high) / 100 > max(a - b for a, b in shares)


def test_without_sums_or_with_too_many_tables_nothing_is_said():
    assert agreeing(ROWS, ("5 or more", "9")) is None
    assert agreeing(ROWS, ("42", "<5")) is None
    assert agreeing([], ("1", "1")) is None
    assert agreeing([(NOT_SHOWN, NOT_SHOWN, NOT_SHOWN)] * 3, ("400", "400")) is None
    assert agreeing([("7", "4", "11")], ("9", "4")) is None, "no table agrees with a print that contradicts itself"


@settings(max_examples=60)
@given(COUNTS)
def test_the_truth_agrees_and_no_small_count_is_pinned(counts):
    assume(all(n == 0 or n >= 5 for n in np.array(counts).sum(axis=0)))
    rows, whole = printed(counts)
    found = agreeing(rows, whole)
    if found is None:
        return
    truth = np.array(counts)
    assert (found == truth).all(axis=(1, 2)).any()
    for row, column in zip(*np.nonzero((truth > 0) & (truth < 5)), strict=True):
        assert len(set(found[:, row, column].tolist())) > 1
    bound = p_bound(found, range(len(counts)))
    if bound != NOT_SHOWN:
        p_value = stats.fisher_exact(truth).pvalue if len(counts) == 2 else None
        assert p_value is None or (p_value >= 0.05) == (bound == "≥0.05")


@pytest.mark.parametrize("function", ["agreeing", "counts_text", "difference_text", "p_bound", "span_text"])
def test_nothing_but_print_and_what_agrees_with_it_goes_in(function):
    names = set(inspect.signature(getattr(module, function)).parameters)
    assert names <= {"rows", "whole", "tables", "row", "column", "printed"}
