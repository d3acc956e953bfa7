"""The log-rank test against hand counts, scikit-survival, Cox's score test and R's number (in test_golden.py)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.stats import kstest
from sksurv.compare import compare_survival
from sksurv.util import Surv

from riskml.training.learners.cox_likelihood import efron
from riskml.training.metrics.log_rank import log_rank
from riskml.training.metrics.risk_sets import cox_design
from tests.training.metrics.cases import cohorts


def by_definition(time, event, group, entry):
    """Observed, expected and covariance, one event time after another."""
    names = sorted(set(group))
    observed, expected, covariance = np.zeros(len(names)), np.zeros(len(names)), np.zeros((len(names), len(names)))
    for t in sorted(set(time[event])):
        at_risk = np.array([np.sum((entry < t) & (time >= t) & (group == name)) for name in names])
        died = np.array([np.sum((time == t) & event & (group == name)) for name in names])
        n, d = at_risk.sum(), died.sum()
        observed += died
        expected += d * at_risk / n
        if n > 1:
            share = at_risk / n
            covariance += d * (n - d) / (n - 1) * (np.diag(share) - np.outer(share, share))
    return observed, expected, covariance


def test_four_patients_by_hand():
    # a dies at 1 (2 of 4 at risk) and 2 (1 of 3), b at 3: O - E = 2 - 1/2 - 1/3, V = 1/4 + 2/9
    found = log_rank(np.array([1.0, 2, 3, 4]), np.array([True, True, True, False]), np.array(list("aabb")))
    assert found.observed.tolist() == [2, 1]
    assert found.expected == pytest.approx([5 / 6, 13 / 6])
    assert found.statistic == pytest.approx((7 / 6) ** 2 / (1 / 4 + 2 / 9))
    assert (found.freedom, found.poor) == (1, True)
    assert found.p_value == pytest.approx(math.erfc(math.sqrt(found.statistic / 2)))


def test_late_entries_by_hand():
    # the second of group b comes under observation at 1.5: at 1 the risk set is two of a and one of b
    time, event = np.array([1.0, 2, 3, 4]), np.array([True, True, True, False])
    found = log_rank(time, event, np.array(list("aabb")), np.array([0.0, 0.0, 0.0, 1.5]))
    assert found.expected == pytest.approx([2 / 3 + 1 / 3, 1 / 3 + 2 / 3 + 1])
    assert found.statistic == pytest.approx((2 - 1) ** 2 / (2 / 9 + 2 / 9))


@settings(max_examples=60)
@given(cohorts())
def test_any_groups_with_ties_and_late_entries_as_defined(sample):
    time, cause, risk, entry = sample
    event, group = cause > 0, np.floor(risk * 3)
    found = log_rank(time, event, group, entry)
    observed, expected, covariance = by_definition(time, event, group, entry)
    assert found.observed == pytest.approx(observed)
    assert found.expected == pytest.approx(expected if event.any() else np.zeros(len(expected)))
    assert observed.sum() == pytest.approx(found.expected.sum())
    rank = np.linalg.matrix_rank(covariance, tol=1e-8)
    if rank == 0:
        assert math.isnan(found.statistic)
        assert math.isnan(found.p_value)
    else:
        assert found.freedom == rank
        excess = observed - expected
        assert found.statistic == pytest.approx(excess @ np.linalg.pinv(covariance, rcond=1e-8) @ excess, abs=1e-9)


@pytest.mark.parametrize("n_groups", [2, 3, 6])
def test_as_scikit_survival(n_groups):
    rng = np.random.default_rng(n_groups)
    time, event, group = rng.integers(1, 40, 300).astype(float), rng.random(300) < 0.5, rng.integers(0, n_groups, 300)
    found = log_rank(time, event, group)
    chi_squared, p_value = compare_survival(Surv.from_arrays(event, time), group)
    assert (found.statistic, found.p_value) == pytest.approx((chi_squared, p_value), abs=1e-10)


def test_without_ties_it_is_the_score_test_of_coxs_model():
    rng = np.random.default_rng(4)
    time, event = rng.permutation(80).astype(float) + 2, rng.random(80) < 0.6
    group, entry = rng.random(80) < 0.4, rng.random(80)
    _, score, information = efron(np.zeros(1), cox_design(group[:, None].astype(float), time, event, entry))
    assert log_rank(time, event, group, entry).statistic == pytest.approx(float(score[0] ** 2 / information[0, 0]))


def test_p_values_are_uniform_where_groups_do_not_differ():
    rng = np.random.default_rng(8)
    found = []
    for _ in range(300):
        entry = rng.uniform(0, 0.5, 200)
        time = entry + rng.exponential(1, 200)
        found.append(log_rank(np.minimum(time, 2), time < 2, rng.integers(0, 3, 200), entry).p_value)
    assert kstest(found, "uniform").pvalue > 0.01


def test_a_group_never_at_risk_with_an_event_counts_for_nothing():
    time, event = np.array([1.0, 2, 3, 9, 9]), np.array([True, True, False, False, False])
    group, entry = np.array(list("aabcc")), np.array([0.0, 0, 0, 5, 5])
    with_late, without = log_rank(time, event, group, entry), log_rank(time[:3], event[:3], group[:3])
    assert (with_late.statistic, with_late.freedom) == pytest.approx((without.statistic, 1))


@pytest.mark.parametrize(
    ("event", "group"), [([False] * 4, [0, 0, 1, 1]), ([True] * 4, [1, 1, 1, 1]), ([False] * 4, [2] * 4)]
)
def test_nothing_to_compare(event, group):
    found = log_rank(np.arange(1.0, 5.0), np.array(event), np.array(group))
    assert math.isnan(found.statistic)
    assert math.isnan(found.p_value)


def test_an_empty_table_has_no_test():
    found = log_rank(np.array([]), np.array([], dtype=bool), np.array([]))
    assert (math.isnan(found.statistic), found.observed.size) == (True, 0)


@pytest.mark.parametrize(
    ("time", "entry", "group", "message"),
    [
        ([1.0, np.nan], None, [0, 1], "finite"),
        ([1.0, 2.0], [0.0, 2.0], [0, 1], "entry must be before"),
        ([1.0, 2.0], None, [0], "group must hold one value for each of 2 patients"),
        ([1.0], None, [0], "time must hold 2"),
    ],
)
def test_slips_are_refused(time, entry, group, message):
    entry = None if entry is None else np.array(entry)
    with pytest.raises(ValueError, match=message):
        log_rank(np.array(time), np.array([True, True]), np.array(group), entry)
