"""Tests between groups against printed P values, R, the papers of the methods, brute force and cases by hand."""

from __future__ import annotations

import math
from collections import Counter
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from riskml.training.describe.group_tests import (
    FISHER,
    FISHER_LARGER,
    PEARSON,
    Comparison,
    conditional_odds_ratio,
    explained,
    firth_odds_ratio,
    fisher,
    interval_text,
    kruskal_wallis,
    likelihood_ratio,
    mann_whitney,
    marked,
    p_text,
    pearson,
    risk_difference,
    superiority,
    wilson,
)
from riskml.training.metrics.intervals import Interval
from tests.training.describe.published import COMPARISONS, GOLDEN, TESTS, as_printed, counts_of

REPRODUCED = [case for case in COMPARISONS if "by" in case]
OTHERS = [case for case in COMPARISONS if "by" not in case]
tables = arrays(np.int64, st.tuples(st.integers(2, 3), st.integers(2, 4)), elements=st.integers(0, 6))
two_by_two = st.tuples(*[st.integers(0, 30)] * 4)


def identity(case):
    return case["id"]


@pytest.mark.parametrize("case", REPRODUCED, ids=identity)
def test_a_printed_p_value_comes_back_to_its_digits_from_the_test_named(case):
    assert as_printed(TESTS[case["by"]](counts_of(case)).p_value, case["printed"]) == case["printed"]


@pytest.mark.parametrize("case", OTHERS, ids=identity)
def test_what_the_paper_cannot_have_computed_from_its_counts_is_given_by_no_test(case):
    found = {as_printed(test(counts_of(case)).p_value, case["printed"]) for test in TESTS.values()}
    assert case["printed"] not in found
    assert case["reading"]


@pytest.mark.parametrize("case", COMPARISONS, ids=identity)
def test_every_test_agrees_with_the_value_computed_apart(case):
    found = {name: TESTS[name](counts_of(case)).p_value for name in case["p"]}
    assert found == pytest.approx(case["p"], rel=2e-3, abs=6e-7)


@pytest.mark.parametrize("case", [case for case in COMPARISONS if "odds_ratio" in case], ids=identity)
def test_odds_ratios_beside_the_p_values(case):
    expected, counts = case["odds_ratio"], counts_of(case)
    firth = firth_odds_ratio(counts)
    assert firth.value == pytest.approx(expected["firth"], abs=0.006)
    (a, b), (c, d) = counts + 0.5  # Firth's estimate of one binary factor adds a half to each cell
    assert firth.value == pytest.approx(a * d / (b * c), rel=1e-6)
    assert firth.low < firth.value < firth.high
    if "conditional" in expected:
        exact = conditional_odds_ratio(counts)
        found = {"conditional": exact.value, "low": exact.low, "high": exact.high}
        assert found == pytest.approx({name: expected[name] for name in found}, rel=1e-3)


@pytest.mark.parametrize("case", GOLDEN["share"], ids=identity)
def test_published_shares_with_wilsons_limits(case):
    share = wilson(case["k"], case["n"])
    assert [share.low, share.high] == pytest.approx(case["wilson"], abs=6e-5)
    assert share.value == case["k"] / case["n"]


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [  # Newcombe 1998, table II, method 10
        ((56, 14), (48, 32), 0.0524, 0.3339),
        ((9, 1), (3, 7), 0.1705, 0.8090),
        ((6, 1), (2, 5), 0.0582, 0.8062),
        ((5, 51), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 0), (0, 10), 0.6075, 1.0000),
    ],
)
def test_newcombes_own_cases(first, second, low, high):
    found = risk_difference(first, second)
    assert [found.low, found.high] == pytest.approx([low, high], abs=6e-5)


def test_the_exact_test_of_a_larger_table_is_the_share_of_all_permutations():
    # Freeman and Halton's P is that over all ways to hand out the labels, here 5040 of seven patients.
    table = np.array([[2, 0, 1], [0, 2, 2]])
    row = np.array([0, 0, 0, 1, 1, 1, 1])
    label = np.repeat([0, 2, 1, 2], [2, 1, 2, 2])
    frequency: Counter[tuple[int, ...]] = Counter()
    for order in permutations(range(7)):
        mixed = np.zeros((2, 3), dtype=int)
        np.add.at(mixed, (row, label[list(order)]), 1)
        frequency[tuple(mixed.ravel())] += 1
    own = frequency[tuple(table.ravel())]
    expected = sum(count for count in frequency.values() if count <= own) / math.factorial(7)
    assert fisher(table).p_value == pytest.approx(expected, rel=1e-9)
    assert fisher(table).test == FISHER_LARGER


def test_a_table_too_large_to_enumerate_is_tested_by_pearson_and_says_so():
    # Job satisfaction and income, R's example of fisher.test; chisq.test gives X-squared = 5.9655, df = 9, P = 0.7434.
    jobs = [[1, 2, 1, 0], [3, 3, 6, 1], [10, 10, 14, 9], [6, 7, 12, 11]]
    found = fisher(np.array(jobs) * 3)
    assert found.test == PEARSON
    assert found == pearson(np.array(jobs) * 3)
    assert [pearson(jobs).statistic, pearson(jobs).p_value] == pytest.approx([5.9655, 0.7434], abs=6e-5)


def test_likelihood_ratio_by_hand():
    # G2 = 2 sum O log(O / E) with every E = 15: 2 (2 * 10 log(2/3) + 2 * 20 log(4/3))
    expected = 2 * (20 * math.log(2 / 3) + 40 * math.log(4 / 3))
    assert likelihood_ratio([[10, 20], [20, 10]]).statistic == pytest.approx(expected)


def test_ranks_against_r():
    # Hollander and Wolfe's permeability data; R: wilcox.test W = 35, P = 0.2544 (one-sided 0.1272).
    x = np.array([0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46])
    y = np.array([1.15, 0.88, 0.90, 0.74, 1.21, np.nan])
    assert mann_whitney(x, y).statistic == 35
    assert mann_whitney(x, y).p_value == pytest.approx(0.2544, abs=5e-5)
    # Their mucociliary data; R: kruskal.test chi-squared = 0.77143, df = 2, P = 0.68.
    normal, obstructed = np.array([2.9, 3.0, 2.5, 2.6, 3.2]), np.array([3.8, 2.7, 4.0, 2.4])
    asbestosis = np.array([2.8, 3.4, 3.7, 2.2, 2.0])
    found = kruskal_wallis([normal, obstructed, asbestosis, np.array([np.nan])])
    assert [found.statistic, found.p_value] == pytest.approx([0.77143, 0.68], abs=6e-5)


def test_ranks_by_hand():
    assert mann_whitney(np.array([1.0, 2.0]), np.array([3.0, 4.0])).p_value == pytest.approx(2 / 6)
    # One of four pairs tied, two won: (2 + 1/2) / 4.
    assert superiority(np.array([2.0, 5.0]), np.array([2.0, 4.0])).value == pytest.approx(0.625)


def test_ties_leave_the_exact_distribution():
    x, y = np.array([0.0, 0.0, 1.0, 3.0]), np.array([0.0, 2.0, 4.0, 4.0])
    expected = stats.mannwhitneyu(x, y, method="asymptotic", use_continuity=True)
    assert mann_whitney(x, y).p_value == expected.pvalue


@pytest.mark.parametrize("table", [[[3, 4], [0, 0]], [[3, 0], [4, 0]], [[0, 0], [0, 0]], [[5, 0, 0], [7, 0, 0]]])
def test_with_an_empty_group_or_outcome_there_is_nothing_to_compare(table):
    for test in (fisher, pearson, likelihood_ratio):
        assert math.isnan(test(table).p_value)
    if np.shape(table) == (2, 2):
        for ratio in (conditional_odds_ratio, firth_odds_ratio):
            assert math.isnan(ratio(table).value)
            assert "not estimable" in ratio(table).method


def test_an_empty_level_changes_nothing():
    assert fisher([[4, 0, 5], [1, 0, 41]]).p_value == pytest.approx(0.002306, abs=6e-7)
    assert fisher([[4, 0, 5], [1, 0, 41]]).test == FISHER


@pytest.mark.parametrize("values", [[], [1.0, 1.0], [np.nan]])
def test_ranks_of_nothing_or_of_equal_values(values):
    other = np.array([1.0, 1.0, 1.0])
    assert math.isnan(mann_whitney(np.array(values), other).p_value)
    assert math.isnan(kruskal_wallis([np.array(values), other]).p_value)
    assert math.isnan(superiority(np.array(values), other).low) or values == [1.0, 1.0]


def test_no_patients():
    assert math.isnan(wilson(0, 0).value)
    assert math.isnan(risk_difference((0, 0), (1, 2)).low)


@pytest.mark.parametrize("table", [[1, 2], [[1, -1], [2, 3]], [[0.5, 1], [2, 3]], [["a", "b"], ["c", "d"]], [[[1]]]])
def test_what_is_no_table_of_counts_is_refused(table):
    with pytest.raises(ValueError, match="table of counts"):
        fisher(table)


@pytest.mark.parametrize("ratio", [conditional_odds_ratio, firth_odds_ratio])
def test_an_odds_ratio_needs_two_by_two(ratio):
    with pytest.raises(ValueError, match="2x2"):
        ratio([[1, 2, 3], [4, 5, 6]])


@given(tables)
def test_neither_the_order_nor_the_side_of_a_table_matters(table):
    p_value = fisher(table).p_value
    for same in (table.T, table[::-1], table[:, ::-1]):
        assert fisher(same).p_value == pytest.approx(p_value, rel=1e-6, nan_ok=True)
    assert math.isnan(p_value) or 0 < p_value <= 1 + 1e-12


@given(arrays(np.int64, (2, 3), elements=st.integers(0, 7)))
def test_the_exact_test_of_two_by_three_in_whole_numbers(table):
    """Choose each column's share of the first row; binomial coefficients are exact, so ties are."""
    columns, first = table.sum(axis=0).tolist(), int(table[0].sum())
    ways = {}
    for a, b in product(range(columns[0] + 1), range(columns[1] + 1)):
        if 0 <= first - a - b <= columns[2]:
            ways[a, b] = math.prod(map(math.comb, columns, (a, b, first - a - b)))
    own = ways[tuple(table[0, :2].tolist())]
    expected = sum(way for way in ways.values() if way <= own) / sum(ways.values())
    found = fisher(table).p_value
    assert found == pytest.approx(expected, rel=1e-9) or math.isnan(found)


@given(two_by_two)
def test_a_difference_of_shares_is_antisymmetric_and_holds_its_estimate(cells):
    first, second = cells[:2], cells[2:]
    found, turned = risk_difference(first, second), risk_difference(second, first)
    if not math.isnan(found.value):
        assert -1 - 1e-12 <= found.low <= found.value + 1e-12 <= found.high + 2e-12 <= 1 + 1e-9
        assert [found.low, found.high] == pytest.approx([-turned.high, -turned.low])


@given(st.lists(st.integers(0, 9), min_size=2, max_size=12), st.lists(st.integers(0, 9), min_size=2, max_size=12))
def test_superiority_is_us_share_of_all_pairs(first, second):
    x, y = np.array(first, dtype=float), np.array(second, dtype=float)
    found, turned = superiority(x, y), superiority(y, x)
    assert found.value == pytest.approx(stats.mannwhitneyu(x, y, method="asymptotic").statistic / (len(x) * len(y)))
    assert found.value == pytest.approx(1 - turned.value)
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize(
    ("p_value", "text"), [(1.0, "1.000"), (0.00099, "<0.001"), (0.0495, "0.050"), (0.001, "0.001"), (math.nan, "–")]
)
def test_p_values_as_journals_print_them(p_value, text):
    assert p_text(p_value) == text


def test_a_letter_leads_from_p_to_its_test():
    used: list[str] = []
    tests = [Comparison("one", 0.5), Comparison("two", 0.25), Comparison("one", 0.0001), Comparison("three", math.nan)]
    assert [marked(test, used) for test in tests] == ["0.500 a", "0.250 b", "<0.001 a", "–"]
    assert explained(used) == ("a one, two-sided", "b two, two-sided")


def test_intervals_in_words():
    assert interval_text(Interval(0.126, -0.05, 0.3, 0.95, ""), 0, 100) == "13 (-5 to 30)"
    assert interval_text(Interval(2.0, 1.0, math.inf, 0.95, "")) == "–"
    assert interval_text(Interval(30.0, 2.0, 123456.0, 0.95, "")) == "30.00 (2.00 to 1e+05)"
