"""Splits that could leak, lose or double-count a patient: they must not, whatever the rows look like."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.training.resample import bootstrap_rows, cross_validation


@st.composite
def cohorts(draw):
    """Rows of 12 to 60 patients with one to four rows each, in any order, codes with gaps; events by row."""
    n = draw(st.integers(12, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    patient = np.repeat(rng.permutation(10 * n)[:n], rng.integers(1, 5, n))
    rng.shuffle(patient)
    codes = np.unique(patient)
    ill = rng.choice(codes, size=int(rng.integers(5, n - 5)), replace=False)
    event = np.isin(patient, ill) & (rng.random(len(patient)) < 0.5)
    for code in ill:  # every ill patient has an event in at least one row
        event[rng.choice(np.flatnonzero(patient == code))] = True
    return patient, event, set(ill.tolist())


@given(cohorts(), st.integers(2, 8), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_repeat_deals_every_row_once_and_keeps_patients_whole(cohort, folds, seed):
    patient, event, ill = cohort
    plan = cross_validation(patient, event, folds=folds, repeats=2, seed=seed)
    assert plan.folds == min(folds, len(ill), len(set(patient.tolist())) - len(ill))
    for deal in plan.test_rows:
        assert len(deal) == plan.folds
        np.testing.assert_array_equal(np.sort(np.concatenate(deal)), np.arange(len(patient)))
        who = [set(patient[rows].tolist()) for rows in deal]
        assert sum(map(len, who)) == len(set(patient.tolist())), "no patient is in two folds"
        with_event = [len(fold & ill) for fold in who]
        without = [len(fold - ill) for fold in who]
        assert max(with_event) - min(with_event) <= 1
        assert max(without) - min(without) <= 1


def test_the_plan_depends_on_the_seed_alone_and_grows_by_repeats():
    patient, event = np.arange(40), np.arange(40) % 4 == 0
    three = cross_validation(patient, event, folds=5, repeats=3, seed=7)
    again = cross_validation(patient, event, folds=5, repeats=3, seed=7)
    five = cross_validation(patient, event, folds=5, repeats=5, seed=7)
    other = cross_validation(patient, event, folds=5, repeats=3, seed=8)
    assert three.digest == again.digest
    assert len({three.digest, five.digest, other.digest}) == 3
    for mine, longer in zip(three.test_rows, five.test_rows, strict=False):
        for a, b in zip(mine, longer, strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(three.test_rows[0][0], three.test_rows[1][0]), "repeats differ"


def test_the_digest_is_of_the_assignment_and_goes_into_the_plan_in_words():
    patient, event = np.arange(20), np.arange(20) < 6
    plan = cross_validation(patient, event, folds=5, repeats=1, seed=0)
    assert plan.as_dict() == {
        "method": "repeated cross-validation, stratified by outcome, grouped by patient",
        "folds": 5,
        "repeats": 1,
        "seed": 0,
        "digest": plan.digest,
    }
    assert len(plan.digest) == 64


@given(cohorts(), st.integers(0, 50), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_bootstrap_draws_whole_patients_and_keeps_how_many_had_the_event(cohort, index, seed):
    patient, event, ill = cohort
    rows = bootstrap_rows(patient, event, index=index, seed=seed)
    np.testing.assert_array_equal(rows, bootstrap_rows(patient, event, index=index, seed=seed))
    sizes = {code: int((patient == code).sum()) for code in set(patient.tolist())}
    drawn: dict[int, float] = {}
    for code in np.unique(patient[rows]).tolist():
        counts = [int((rows == row).sum()) for row in np.flatnonzero(patient == code)]
        assert len(set(counts)) == 1, "all rows of a patient, equally often"
        drawn[code] = counts[0]
    assert sum(drawn.values()) == len(sizes)
    assert sum(times for code, times in drawn.items() if code in ill) == len(ill)


def test_bootstrap_samples_differ_by_index_and_by_seed():
    patient, event = np.arange(50), np.arange(50) < 10
    samples = [tuple(bootstrap_rows(patient, event, index=i, seed=s)) for i in range(5) for s in range(3)]
    assert len(set(samples)) == 15


def test_a_bootstrap_is_uniform_over_patients():
    """1,000 samples of 20 patients: each is drawn 1,000 times on average, standard error sqrt(1000 * 0.95) = 31."""
    patient, event = np.arange(20), np.arange(20) < 8
    counts = np.zeros(20)
    for index in range(1000):
        counts += np.bincount(bootstrap_rows(patient, event, index=index, seed=1), minlength=20)
    assert counts.sum() == 20_000
    assert np.abs(counts - 1000).max() < 5 * 31


@pytest.mark.parametrize("everybody", [True, False])
def test_a_bootstrap_of_one_class_is_possible(everybody):
    rows = bootstrap_rows(np.arange(6), np.full(6, everybody), index=0, seed=0)
    assert len(rows) == 6
