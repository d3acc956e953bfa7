"""Importance: the mean of absolute effects, a bootstrap that can be done by hand, and ranks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from riskml.runtime.explain_table import explain_table
from riskml.training import importance as module
from riskml.training.importance import Importance, Rows, importance
from riskml.training.resample import bootstrap_rows
from tests.runtime.models import cox, logistic, plain_model

INPUTS = ("x", "y", "z")


def model_of(bootstrap=(), member=None):
    member = member or logistic(-0.5, 1.0, -0.5, 0.0)
    rng = np.random.default_rng(1)
    background = {tuple(row): 0.25 for row in rng.normal(size=(4, 3)).tolist()}
    return plain_model([member], background, inputs=INPUTS, bootstrap=bootstrap)


def rows_of(n=30, seed=0, patient=None):
    rng = np.random.default_rng(seed)
    columns = dict(zip(INPUTS, rng.normal(size=(3, n)), strict=True))
    columns["y"][::4] = np.nan
    patient = np.arange(n) if patient is None else patient
    return Rows(columns, patient, patient % 3 == 0)


def effects_of(model, rows, times=()):
    return explain_table(model, rows.columns, rows.n_rows, times).effects[:, :, 0]


def test_the_mean_counts_rows_without_the_input():
    model, rows = model_of(), rows_of()
    effects = effects_of(model, rows)
    found = importance(model, rows, effects, month=None, seed=0)
    assert (effects[::4, 1] == 0).all()
    assert found.mean == pytest.approx(np.abs(effects).mean(axis=0), abs=1e-15)
    assert found.mean[2] == 0
    assert found.ends is None, "a model without refits has no interval"
    assert found.rank_shares.shape == (0, 0)


def test_a_draw_by_hand_where_every_row_is_explained():
    """All rows stand for all: the mean of the refit, times how the sample of patients changes the model's own mean."""
    refits = [logistic(-0.5, 1.5, -0.1, 0.3), logistic(0.5, 0.2, -0.9, 0.0)]
    model, rows = model_of(refits), rows_of()
    mine = np.abs(effects_of(model, rows))
    found = importance(model, rows, effects_of(model, rows), month=None, seed=7)
    for k, refit in enumerate(refits):
        sample = bootstrap_rows(rows.patient, rows.event, index=k, seed=7)
        theirs = np.abs(effects_of(model.with_(members=(refit,)), rows)).mean(axis=0)
        moved = mine[sample].mean(axis=0)[:2] / mine.mean(axis=0)[:2]
        assert found.draws[k, :2] == pytest.approx(theirs[:2] * moved, rel=1e-12)
        assert found.draws[k, 2] == pytest.approx(theirs[2], rel=1e-12), "the model itself has no effect to compare"


def test_refits_like_the_model_leave_the_bootstrap_of_the_patients():
    model = model_of([logistic(-0.5, 1.0, -0.5, 0.0)] * 40)
    rows = rows_of(12)
    mine = np.abs(effects_of(model, rows))
    found = importance(model, rows, effects_of(model, rows), month=None, seed=3)
    samples = [bootstrap_rows(rows.patient, rows.event, index=k, seed=3) for k in range(40)]
    assert found.draws == pytest.approx(np.array([mine[s].mean(axis=0) for s in samples]), rel=1e-12)
    assert (found.ranks[:, 0] == 1).all()


def test_courses_of_a_patient_are_drawn_together():
    """One patient has all courses with an effect: samples hold all of them k times, or none."""
    model = model_of([logistic(-0.5, 1.0, -0.5, 0.0)] * 30)
    patient = np.array([0, 0, 0, 0, 1, 2, 3, 4])
    columns = {"x": np.where(patient == 0, 3.0, np.nan)}
    rows = Rows(columns, patient, np.zeros(8, dtype=bool))
    draws = importance(model, rows, effects_of(model, rows), month=None, seed=0).draws[:, 0]
    single = abs(effects_of(model, rows)[0, 0])
    counts = [np.bincount(bootstrap_rows(patient, rows.event, index=k, seed=0), minlength=8) for k in range(30)]
    assert draws == pytest.approx([single * 4 * c[0] / c.sum() for c in counts], rel=1e-12)
    assert 0 < (draws == 0).sum() < 30


@pytest.mark.parametrize("month", [3.0, 12.0])
def test_a_sample_of_rows_stands_for_all_of_them(monkeypatch, month):
    rng = np.random.default_rng(5)
    refits = [cox(0.03, *rng.normal([1.0, -0.5, 0.2], 0.2)) for _ in range(40)]
    model, rows = model_of(refits, cox(0.03, 1.0, -0.5, 0.2)), rows_of(400)
    effects = effects_of(model, rows, (month,))
    short = importance(model, rows, effects, month=month, seed=0)
    monkeypatch.setattr(module, "MOST_ROWS", 400)
    monkeypatch.setattr(module, "_WORK", 10**12)
    whole = importance(model, rows, effects, month=month, seed=0)
    assert (short.mean == whole.mean).all()
    assert short.draws == pytest.approx(whole.draws, rel=0.1, abs=3e-3)
    assert np.array(short.ends) == pytest.approx(np.array(whole.ends), rel=0.1)


def test_many_refits_are_thinned_evenly(monkeypatch):
    monkeypatch.setattr(module, "MOST_DRAWS", 5)
    monkeypatch.setattr(module, "FEWEST_DRAWS", 5)
    refits = [logistic(0.0, k / 10, 0.0, 0.0) for k in range(21)]
    model, rows = model_of(refits), rows_of(20)
    found = importance(model, rows, effects_of(model, rows), month=None, seed=0)
    assert len(found.draws) == 5
    assert found.draws[0, 0] == 0
    assert (np.diff(found.draws[:, 0]) > 0).sum() >= 3


def test_ranks_and_their_shares_by_hand():
    draws = np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 5.0], [0.0, 0.0, 0.0], [2.0, 3.0, 1.0]])
    found = Importance(np.array([2.0, 1.0, 1.5]), draws, 0.9)
    assert found.ranks.tolist() == [[1, 3, 2], [2, 2, 1], [1, 1, 1], [2, 1, 3]]
    assert found.rank_shares.tolist() == [[0.5, 0.5, 0.0], [0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]


@given(arrays(float, (6, 3), elements=st.floats(0, 10)), arrays(float, 3, elements=st.floats(0, 10)))
def test_intervals_hold_the_mean_and_shares_add_up(draws, mean):
    found = Importance(mean, draws, 0.8)
    low, high = found.ends
    assert ((low <= mean) & (mean <= high) & (low >= 0)).all()
    assert found.rank_shares.sum(axis=1) == pytest.approx(1)
