"""Survival outcomes taken apart: what is kept, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.training.learners.survival_rows import CheckedRows, survival_arrays


def outcome(**fields):
    kinds = {"event": bool, "time": float, "entry": float}
    y = np.empty(len(fields["time"]), dtype=[(name, kinds[name]) for name in fields])
    for name, values in fields.items():
        y[name] = values
    return y


def test_fields_are_found_by_type_and_entry_by_name():
    time, event, entry = survival_arrays(outcome(time=[3, 1], entry=[1, 0], event=[True, False]))
    assert (time.tolist(), event.tolist(), entry.tolist()) == ([3.0, 1.0], [True, False], [1.0, 0.0])
    assert survival_arrays(outcome(event=[True], time=[2]))[2] is None


def test_rows_without_weight_are_left_out_and_strata_numbered():
    y = outcome(event=[True, False, True, True], time=[1, 2, 3, 4], entry=[0, 1, 0, 2])
    data = CheckedRows.of(np.zeros((4, 1)), y, [1.0, 2.0, 0.0, 0.5], ["B", "A", "C", "B"])
    assert data.kept.tolist() == [True, True, False, True]
    assert data.strata.tolist() == ["A", "B"]  # nobody of C has weight
    assert data.share.tolist() == [2.0, 1.5]
    own = data.of_stratum(1)
    assert (own.time.tolist(), own.entry.tolist(), own.weight.tolist()) == ([1, 4], [0, 2], [1, 0.5])
    assert own.kept.tolist() == [True, False, False, True]
    assert CheckedRows.of(np.zeros((4, 1)), y, None).strata.tolist() == [0]


@pytest.mark.parametrize(
    ("weight", "strata", "message"),
    [
        ([0, 0], None, "at least one non-zero"),
        ([1, -1], None, "[Nn]egative"),
        ([1, np.nan], None, "NaN"),
        ([1], None, "shape"),
        (None, ["A"], "inconsistent"),
        (None, [["A", "B"], ["A", "B"]], "1d array"),
    ],
)
def test_bad_weights_and_strata_are_refused(weight, strata, message):
    with pytest.raises(ValueError, match=message):
        CheckedRows.of(np.zeros((2, 1)), outcome(event=[True, True], time=[1, 2]), weight, strata)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(2), "structured array"),
        (outcome(event=[True], time=[-1.0]), "not negative, got -1"),
        (outcome(event=[True], time=[np.inf]), "finite"),
        (outcome(event=[True, True], time=[1, 2], entry=[1, 0]), "got 1 rows"),
    ],
)
def test_bad_outcomes_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        survival_arrays(y)
