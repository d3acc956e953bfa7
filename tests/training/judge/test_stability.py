"""Instability is what it says it is: solved by hand, bounded, blind to the order of rows, and about nobody alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.training.judge.stability import stability


def test_two_patients_two_refits_by_hand():
    # Moves: .1, 0 (first refit), .02, .3 (second): mean .105, median .06; three of four over... .1 is not more than .1.
    found = stability(np.array([0.2, 0.5]), np.array([[0.3, 0.5], [0.18, 0.8]]), thresholds=(0.25, 0.6))
    assert found["mean_absolute_difference"] == pytest.approx(0.105)
    assert found["quantiles"]["0.5"] == pytest.approx(0.06)
    assert found["moved_5_points"] == 0.5
    assert found["moved_10_points"] == 0.25
    # Over .25: the first patient, in the first refit. Over .6: the second, in the second.
    assert found["classification"] == [{"threshold": 0.25, "changed": 0.25}, {"threshold": 0.6, "changed": 0.25}]
    assert found["words"].endswith("half of the patients would move by 6 points or more")
    assert found["refits"] == 2
    assert [found[name] for name in ("risk", "low", "high", "differences", "patients")] == [[]] * 5, "nobody is shown"


def test_the_curve_holds_means_of_ten_or_more():
    risk = np.linspace(0.1, 0.5, 25)[::-1]
    refits = risk + np.array([-0.1, 0.0, 0.1])[:, None]
    found = stability(risk, refits, thresholds=())
    assert found["patients"] == ["13", "12"]
    rising = np.sort(risk)
    assert found["risk"] == pytest.approx([rising[:13].mean(), rising[13:].mean()], rel=1e-5)
    # The 2.5 percentile of -.1, 0, .1 lies a twentieth of the way from the first to the second.
    assert found["low"] == pytest.approx([value - 0.095 for value in found["risk"]], rel=1e-4)
    assert found["high"] == pytest.approx([value + 0.095 for value in found["risk"]], rel=1e-4)
    assert found["differences"] == pytest.approx([0.2 / 3, 0.2 / 3], rel=1e-5)


@given(st.integers(2, 60), st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_it_is_bounded_symmetric_and_blind_to_order(n_rows, n_refits, seed):
    rng = np.random.default_rng(seed)
    risk, refits = rng.random(n_rows), rng.random((n_refits, n_rows))
    found = stability(risk, refits, thresholds=(0.3,))
    assert found["moved_10_points"] <= found["moved_5_points"] <= 1
    assert 0 <= found["mean_absolute_difference"] <= 1
    ends = list(found["quantiles"].values())
    assert ends == sorted(ends)
    assert all(low <= high for low, high in zip(found["low"], found["high"], strict=True))
    order = rng.permutation(n_rows)
    again = stability(risk[order], refits[rng.permutation(n_refits)][:, order], thresholds=(0.3,))
    for name in ("mean_absolute_difference", "moved_5_points", "risk", "low", "high"):
        assert again[name] == pytest.approx(found[name], rel=1e-5)
    assert json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("step", "words"), [(0.0, "less than a point"), (0.011, "1 point or more"), (0.04, "4 points or more")]
)
def test_words_follow_the_median_move(step, words):
    risk = np.full(12, 0.3)
    found = stability(risk, np.tile(risk + step, (3, 1)), thresholds=())
    assert (
        found["words"] == f"in another sample of the same size the risk of half of the patients would move by {words}"
    )
    assert found["mean_absolute_difference"] == pytest.approx(step)


@pytest.mark.parametrize(
    ("risk", "refits", "thresholds", "message"),
    [
        ([0.1, 0.2], [[0.1, 0.2]], (), "2 or more, 2"),
        ([0.1, 0.2], [[0.1], [0.2]], (), "2 or more, 2"),
        ([], np.empty((3, 0)), (), "at least one"),
        ([[0.1]], [[0.1], [0.1]], (), "at least one"),
        ([1.1], [[0.1], [0.1]], (), "risk must hold probabilities"),
        ([0.1], [[0.1], [np.nan]], (), "refits must hold probabilities"),
        ([0.1], [[0.1], [-0.1]], (), "refits must hold probabilities"),
        ([0.1], [[0.1], [0.1]], (1.0,), "threshold must be strictly between"),
        ([0.1], [[0.1], [0.1]], (np.nan,), "threshold must be strictly between"),
    ],
)
def test_bad_input_is_named(risk, refits, thresholds, message):
    with pytest.raises(ValueError, match=message):
        stability(np.array(risk, dtype=float), np.array(refits, dtype=float), thresholds=thresholds)
