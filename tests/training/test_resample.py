"""Splits that could leak, lose or double-count a patient: they must not, whatever the rows look like."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.training.resample import bootstrap, bootstrap_rows, cross_validation, leave_one_out, subsets, temporal


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


@given(cohorts(), st.integers(1, 6), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_leaving_a_centre_out_never_learns_from_its_patients(cohort, centres, seed):
    patient, _, _ = cohort
    rng = np.random.default_rng(seed)
    label = rng.choice(np.array([*"ABCDEF"[:centres], None], dtype=object), len(patient))  # some change hospital
    plan = leave_one_out(patient, label, by="centre")
    judged = np.concatenate([split.test for split in plan.splits.values()]) if plan.splits else np.empty(0, int)
    np.testing.assert_array_equal(np.sort(judged), np.flatnonzero(label != None))  # noqa: E711
    for name, split in plan.splits.items():
        assert (label[split.test] == name).all()
        assert not set(patient[split.train]) & set(patient[split.test])
        assert (label[split.train] != None).all()  # noqa: E711
        outside = ~np.isin(patient, patient[split.test]) & (label != None)  # noqa: E711
        np.testing.assert_array_equal(split.train, np.flatnonzero(outside))


@given(cohorts(), st.floats(0.1, 0.6), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_split_by_date_learns_from_the_past_only(cohort, share, seed):
    patient, _, _ = cohort
    rng = np.random.default_rng(seed)
    when = rng.integers(2010, 2016, len(patient)).astype(float)
    when[rng.random(len(patient)) < 0.1] = np.nan
    plan = temporal(patient, when, share=share, by="year")
    split = plan.splits["later"]
    assert not set(patient[split.train]) & set(patient[split.test])
    first = {code: np.nanmin(when[patient == code], initial=np.inf) for code in np.unique(patient)}
    if len(split.train) and len(split.test):
        assert max(first[code] for code in patient[split.train]) < min(first[code] for code in patient[split.test])
    dated = sum(np.isfinite(value) for value in first.values())
    late = len(set(patient[split.test].tolist()))
    assert late >= np.floor(share * dated) or dated == 0
    assert plan.as_dict()["by"] == "year"


def test_nobody_has_a_date():
    plan = temporal(np.arange(5), np.full(5, np.nan))
    assert len(plan.splits["later"].train) == len(plan.splits["later"].test) == 0


@given(cohorts(), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_bootstrap_judges_everybody_and_repeats_whole_patients(cohort, seed):
    patient, event, ill = cohort
    plan = bootstrap(patient, event, samples=3, seed=seed)
    assert list(plan.splits) == ["boot-0", "boot-1", "boot-2"]
    for split in plan.splits.values():
        np.testing.assert_array_equal(split.test, np.arange(len(patient)))
        drawn = np.bincount(split.train, minlength=len(patient))
        assert all(len(set(drawn[patient == code])) == 1 for code in np.unique(patient))
        with_event = sum(drawn[np.flatnonzero(patient == code)[0]] for code in ill)
        assert with_event == len(ill), "as many patients with an event as there are"


@given(cohorts(), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_subsets_for_a_learning_curve_are_nested_and_keep_the_share_of_events(cohort, seed):
    patient, event, ill = cohort
    folds = cross_validation(patient, event, folds=4, repeats=1, seed=seed)
    shares = (0.4, 0.7, 1.0)
    plan = subsets(folds, patient, event, shares)
    for name, whole in folds.splits.items():
        small, middle, full = (plan.splits[f"share-{share:g}-{name}"] for share in shares)
        assert set(small.train) <= set(middle.train) <= set(full.train) == set(whole.train)
        for split, share in ((small, 0.4), (middle, 0.7)):
            kept, of = set(patient[split.train].tolist()), set(patient[whole.train].tolist())
            assert abs(len(kept & ill) - share * len(of & ill)) < 1
            assert abs(len(kept - ill) - share * len(of - ill)) < 1
            np.testing.assert_array_equal(split.test, whole.test)
            assert sorted(np.flatnonzero(np.isin(patient, list(kept)))) == sorted(split.train), "patients stay whole"


def test_plans_are_data_with_a_digest():
    patient, event = np.arange(30), np.arange(30) % 3 == 0
    label = np.repeat(["A", "B", "C"], 10)
    one, same, other = (
        leave_one_out(patient, label, by="centre"),
        leave_one_out(patient, label, by="centre"),
        leave_one_out(patient, label[::-1], by="centre"),
    )
    assert one.digest == same.digest != other.digest
    assert one.as_dict() == {
        "method": "leave one centre out, grouped by patient",
        "by": "centre",
        "splits": 3,
        "digest": one.digest,
    }
    assert bootstrap(patient, event, samples=5, seed=1).digest != bootstrap(patient, event, samples=5, seed=2).digest
