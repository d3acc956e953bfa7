"""Gray's test: what R prints of the reference table, hand-made cases, permutations, and the log-rank test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from riskml.training.metrics.competing import aalen_johansen
from riskml.training.metrics.gray import gray_test
from riskml.training.metrics.log_rank import log_rank
from tests.training.metrics.cases import read_columns

ROWS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=40
)  # months, cause, group


def drawn(seed, n=120, late=1.0):
    """Three groups of one incidence of cause 1, of which the last loses more to the other cause early on."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    first, other, end = rng.exponential(10, n), rng.exponential(15 / late**group, n), rng.uniform(2, 20, n)
    time = np.min([first, other, end], axis=0)
    cause = np.where(time == first, 1, np.where(time == other, 2, 0))
    return time, cause, group


@pytest.mark.data
def test_leukaemia_after_transplantation_as_cmprsk_prints_it(data_file):
    # cmprsk 2.2 on casebase's bmtcrr: cuminc(ftime, Status, D) prints these (Scrucca L, Santucci A, Aversa F. Bone
    # Marrow Transplant 2007;40:381-387 introduced the table).
    table = read_columns(data_file("leukaemia_hsct/casebase_bmtcrr.csv"))
    time, cause = table["ftime"].astype(float), table["Status"].astype(int)
    for causes, statistic, p_value in (
        (cause, 2.8623325, 0.09067592),
        (np.array([0, 2, 1])[cause], 0.4481279, 0.50322531),
    ):
        found = gray_test(time, causes, table["D"])
        assert found.freedom == 1
        assert found.statistic == pytest.approx(statistic, abs=5e-8)
        assert found.p_value == pytest.approx(p_value, abs=5e-9)


def test_scores_by_hand():
    # Group a: other cause at 1, event at 3. Group b: event at 2, censored at 4.
    # At 2 at risk: a 1 of (1 - 0) / (1/2) = 2, b 2, so b is expected 1/2 of the event and has it.
    # At 3: a 2, b 1 * (1 - 1/2) / (1/2) = 1, so b is expected 1/3.
    found = gray_test(np.array([1.0, 3.0, 2.0, 4.0]), np.array([2, 1, 1, 0]), np.array(["a", "a", "b", "b"]))
    assert found.excess == pytest.approx([1 - 1 / 2 - 2 / 3, 1 - 1 / 2 - 1 / 3])


def test_weights_by_hand():
    # The same case: at 3 the incidence of all together is 1/4 (1 event among 2 + 2), so that time weighs 3/4.
    found = gray_test(np.array([1.0, 3.0, 2.0, 4.0]), np.array([2, 1, 1, 0]), np.array(["a", "a", "b", "b"]), rho=1.0)
    assert found.excess == pytest.approx([-1 / 2 + 3 / 4 / 3, 1 / 2 - 3 / 4 / 3])


@settings(max_examples=60)
@given(ROWS)
def test_without_other_causes_the_scores_are_those_of_the_log_rank_test(rows):
    time, cause, group = (np.array(column) for column in zip(*rows, strict=True))
    cause = np.minimum(cause, 1)
    compared, found = log_rank(time.astype(float), cause == 1, group), gray_test(time.astype(float), cause, group)
    assert found.excess == pytest.approx(compared.observed - compared.expected, abs=1e-9)


def test_events_after_the_pooled_incidence_has_reached_one_warn_of_nothing():
    # All have the event: 2 of 4 at time 1, then one of the two whose group is left; the pooled steps add up to 1.
    found = gray_test(np.array([3.0, 4.0, 1.0, 1.0]), np.ones(4, int), np.array(["a", "a", "b", "b"]))
    assert found.excess == pytest.approx([-1, 1]), "as the log-rank test: 1 event expected in b at time 1, 2 seen"
    assert np.isfinite(found.statistic)


def test_without_other_causes_the_statistic_is_near_the_log_rank_tests():
    time, cause, group = drawn(1, 2000)
    cause = np.minimum(cause, 1)
    found, compared = gray_test(time, cause, group), log_rank(time, cause == 1, group)
    assert found.statistic == pytest.approx(compared.statistic, rel=0.03)
    assert found.freedom == compared.freedom == 2


def test_the_variance_is_that_over_permutations():
    # With groups drawn at random the excess varies as the test says: over permutations the statistic is chi-squared.
    time, cause, group = drawn(3, 90)
    rng = np.random.default_rng(4)
    found = [gray_test(time, cause, rng.permutation(group)).statistic for _ in range(600)]
    assert np.mean(found) == pytest.approx(2, abs=0.25)
    assert np.mean(np.array(found) > stats.chi2.isf(0.05, 2)) == pytest.approx(0.05, abs=0.03)


def test_it_compares_incidences_and_not_hazards():
    # The other cause takes group 2 four times as fast as group 0: with equal hazards of cause 1 the incidence is lower.
    time, cause, group = drawn(5, 3000, late=2.0)
    low = [aalen_johansen(time[group == k], cause[group == k], 8.0) for k in range(3)]
    assert low[0] > low[2] + 0.05
    assert log_rank(time, cause == 1, group).p_value > 0.05
    assert gray_test(time, cause, group).p_value < 1e-4


@settings(max_examples=60)
@given(ROWS, st.sampled_from([0.0, 1.0]))
def test_no_table_breaks_it_and_names_and_order_do_not_matter(rows, rho):
    time, cause, group = (np.array(column) for column in zip(*rows, strict=True))
    found = gray_test(time.astype(float), cause, group, rho)
    assert found.excess.sum() == pytest.approx(0, abs=1e-9)
    assert np.isnan(found.statistic) or (found.statistic >= 0 and 0 <= found.p_value <= 1)
    order = np.random.default_rng(0).permutation(len(rows))
    again = gray_test(3.0 * time[order], cause[order], np.array(["c", "a", "b"])[group[order]], rho)
    assert np.isnan(found.statistic) == np.isnan(again.statistic)
    assert np.isnan(found.statistic) or again.statistic == pytest.approx(found.statistic, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("cause", "group"),
    [([1, 1, 2, 0], [0, 0, 0, 0]), ([2, 2, 0, 0], [0, 1, 0, 1]), ([1, 0, 0, 0], [0, 1, 1, 1])],
    ids=["one group", "no event", "nobody else at risk"],
)
def test_what_cannot_be_compared_has_no_statistic(cause, group):
    time = np.array([4.0, 3.0, 2.0, 1.0])
    assert np.isnan(gray_test(time, np.array(cause), np.array(group)).statistic)


def test_slips_are_refused():
    time, cause, group = np.array([1.0, 2.0]), np.array([1, 2]), np.array(["a", "b"])
    with pytest.raises(ValueError, match="group must hold one value for each of 2 patients"):
        gray_test(time, cause, group[:1])
    with pytest.raises(ValueError, match="not be negative"):
        gray_test(-time, cause, group)
    with pytest.raises(ValueError, match="rho finite"):
        gray_test(time, cause, group, rho=np.nan)
