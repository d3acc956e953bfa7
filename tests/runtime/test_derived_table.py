"""Derived columns of a table: by hand; ``test_derived`` holds them to the same operations on one patient."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from riskml.cohort.cohort import Cohort
from riskml.runtime.derived_table import DerivedColumn, compute, disagreeing, filled, merged
from riskml.runtime.dictionary import Dictionary, load_dictionary

DICTIONARY = load_dictionary()
NAN = np.nan


def column(values, below=None):
    data = np.array(values, dtype=object if any(isinstance(v, str) for v in values) else float)
    return DerivedColumn(data, np.array(below or [False] * len(values)))


def cohort(below=None, **columns):
    frame = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    flags = pd.DataFrame(below or {}, index=frame.index, dtype=bool)
    return Cohort(frame, flags, np.arange(len(frame)) + 2, synthetic=False, name="x.csv", sha256="0" * 64)


def test_gaps_are_filled_and_nothing_else():
    both = merged(column([1.0, NAN, NAN], [True, False, False]), column([9.0, 2.0, NAN], [False, True, False]))
    assert np.array_equal(both.data, [1.0, 2.0, NAN], equal_nan=True)
    assert both.below.tolist() == [True, True, False]
    texts = merged(column(["a", None, NAN]), column(["b", "c", None]))
    assert texts.data.tolist() == ["a", "c", None]


def test_only_what_was_measured_on_both_sides_can_disagree():
    stored = column([1.0, 1.0, 1.0, NAN, 1.0], [False, False, False, False, True])
    made = column([1.1, 2.0, 2.0, 1.0, 2.0], [False, False, True, False, False])
    both, differ = disagreeing(stored, made)
    assert both.tolist() == [True, True, False, False, False]
    assert differ.tolist() == [False, True, False, False, False]
    both, differ = disagreeing(column(["a", "a", None]), column(["a", "b", "b"]))
    assert (both.tolist(), differ.tolist()) == ([True, True, False], [False, True, False])


def test_a_quotient_too_large_for_a_number_is_unknown():
    made = compute(
        {"cd4": np.array([50.0]), "cd8": np.array([5e-324])}, {}, 1, ["cd4_cd8_ratio"], DICTIONARY.definitions
    )["cd4_cd8_ratio"]
    assert np.isnan(made.data[0])
    assert [note.code for note in made.notes] == ["ratio_unknown"]


def test_an_empty_table_has_empty_columns():
    for name in DICTIONARY.definitions:
        assert compute({}, {}, 0, [name], DICTIONARY.definitions)[name].data.shape == (0,)


def test_columns_for_scoring_take_what_is_stored_and_fill_the_rest():
    table = cohort(
        {"cd4": [False, True, False], "cd8": [False, False, True]},
        cd4=[0.6, 0.1, 0.6],
        cd8=[0.4, 0.4, 0.4],
        cd4_cd8_ratio=[2.0, NAN, NAN],
    )
    made = filled(("cd4_cd8_ratio", "age_group"), table, DICTIONARY)
    assert np.allclose(made["cd4_cd8_ratio"], [2.0, 0.25, NAN], equal_nan=True), "a limit below the line tells nothing"
    assert made["age_group"].tolist() == [None] * 3
    assert list(table.frame.columns) == ["cd4", "cd8", "cd4_cd8_ratio"]


@pytest.mark.parametrize("stored", [None, [NAN, 5.0]])
def test_one_on_the_way_is_made_where_it_is_not_stored(stored):
    steps = {
        "fold": {"label": "x", "why": "y", "op": "ratio", "inputs": ["cd8_d15", "cd8"]},
        "log_fold": {"label": "x", "why": "y", "op": "log10", "inputs": ["fold"], "floor": 0.01},
    }
    dictionary = Dictionary.from_dict({**DICTIONARY.raw, "derived": steps})
    columns = {} if stored is None else {"fold": stored}
    made = filled(("log_fold",), cohort(cd8=[0.1, 0.1], cd8_d15=[1.0, 10.0], **columns), dictionary)["log_fold"]
    assert made == pytest.approx([1.0, 2.0 if stored is None else np.log10(5.0)])
