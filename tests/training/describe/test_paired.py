"""Paired changes: scipy's test with ties and zeros, an interval by hand and by its coverage, which rows count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from riskml.runtime.dictionary import load_dictionary
from riskml.training.describe.paired import median_interval, pair_of, pairs, wilcoxon
from tests.training.describe.made import made

NAN = np.nan


def test_pairs_are_found_in_the_dictionary():
    found = {(base, later) for base, later, _ in pairs(load_dictionary())}
    assert {
        ("cd3", "cd3_d15"),
        ("cd19", "cd19_after"),
        ("igg", "igg_after"),
        ("il6", "il6_onset"),
        ("ifng", "ifng_onset"),
    } <= found
    assert {("cd8_effector_pct", "cd8_effector_pct_d15"), ("lymphocytes", "lymphocytes_d15")} <= found
    # Marrow is response, methods are words, changes are derived already.
    assert not {base for base, _ in found} & {"mrd", "bm_blasts", "mrd_method", "mrd_course"}


def test_wilcoxon_of_a_published_example():
    """Hollander and Wolfe's depression scores, as in R's ?wilcox.test: V = 40, one-sided P = 0.01953."""
    before = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    after = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    found = wilcoxon(after - before)
    assert found.statistic == 45 - 40
    assert found.p_value == pytest.approx(2 * 0.01953125)


def test_zeros_and_missing_pairs_say_nothing():
    change = np.array([0.4, -0.1, 0.3, 0.2, 0.5])
    padded = np.concatenate([change, [0, 0, 0, NAN]])
    assert wilcoxon(padded) == wilcoxon(change)
    assert np.isnan(wilcoxon(np.array([0, 0, NAN])).p_value)
    assert np.isnan(wilcoxon(np.array([])).p_value)


@settings(max_examples=15)  # scipy tries all signs of up to 13 pairs, which takes a while
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=40))
def test_ties_are_scipys(values):
    change = np.array(values, dtype=float)
    moved = change[change != 0]
    if len(moved):
        assert wilcoxon(change).p_value == pytest.approx(stats.wilcoxon(moved, zero_method="wilcox").pvalue)
        assert 0 < wilcoxon(change).p_value <= 1


def test_all_signs_of_few_pairs_with_ties_by_hand():
    # Changes 1, 1, 1: all of eight signs; W is 0 or 6 in two of them.
    assert wilcoxon(np.array([1.0, 1.0, 1.0])).p_value == pytest.approx(2 / 8)


@pytest.mark.parametrize(("n", "rank"), [(5, 0), (6, 1), (8, 1), (9, 2), (10, 2), (12, 3), (20, 6), (30, 10), (50, 18)])
def test_ranks_are_those_of_the_printed_table(n, rank):
    """Campbell and Gardner's table of 95 % intervals for a median."""
    interval, found = median_interval(np.append(np.arange(1.0, n + 1), NAN))
    assert found == rank
    assert interval.value == (n + 1) / 2
    expected = (rank, n + 1 - rank) if rank else (NAN, NAN)
    assert (interval.low, interval.high) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("n", range(6, 40))
def test_coverage_is_at_least_what_was_asked_and_no_more_than_needed(n):
    _, rank = median_interval(np.arange(float(n)))
    assert 1 - 2 * stats.binom.cdf(rank - 1, n, 0.5) >= 0.95
    assert 1 - 2 * stats.binom.cdf(rank, n, 0.5) < 0.95


def test_the_median_of_nothing_is_unknown():
    interval, rank = median_interval(np.array([NAN]))
    assert np.isnan(interval.value)
    assert rank == 0


def test_the_first_course_counts():
    cohort = made(patient_id=list("aab"), cycle_index=[2, 1, 1], cd3=[9, 1, 2], cd3_d15=[1, 2, 4])
    pair = pair_of(cohort, "cd3", "cd3_d15", "later")
    assert pair.rows.tolist() == [1, 2]
    assert pair.change.tolist() == [1, 2]


def test_at_an_onset_the_first_course_with_both_counts():
    cohort = made(
        patient_id=list("aaabbc"),
        cycle_index=[3, 1, 2, 1, 2, 1],
        il6=[5, 5, 5, 6, 6, 7],
        il6_onset=[50, "", 20, "", "", 77],
    )
    pair = pair_of(cohort, "il6", "il6_onset", "at onset")
    assert sorted(pair.change.tolist()) == [15, 70]


def test_two_values_under_their_limits_are_no_change():
    cohort = made(patient_id=list("abc"), il6=["<2", "<2", "5"], il6_onset=["<8", "9", "<8"])
    change = pair_of(cohort, "il6", "il6_onset", "at onset").change
    assert change[0] == 0
    assert change[1] == pytest.approx(9 - 2 / np.sqrt(2))
    assert change[2] == pytest.approx(8 / np.sqrt(2) - 5)


def test_without_a_patient_with_both_there_is_no_pair():
    assert pair_of(made(patient_id="ab", cd3=[1, ""], cd3_d15=["", 2]), "cd3", "cd3_d15", "later") is None
    assert pair_of(made(patient_id="ab", cd3=[1, 2]), "cd3", "cd3_d15", "later") is None
