"""Curves of effect by value: means of five patients or more, equal values together, small levels left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.model import Feature
from riskml.training.dependence import BINS, dependence, short

DICTIONARY = load_dictionary()
LOG = (Feature("mrd_log10", "log10", ("mrd",), 1e-4),)


def curve(name, column, effects=None, patient=None, features=()):
    column = np.asarray(column, dtype=object if isinstance(next(iter(column), 0.0), str) else float)
    effects = np.zeros(len(column)) if effects is None else np.asarray(effects, dtype=float)
    patient = np.arange(len(column)) if patient is None else np.asarray(patient)
    return dependence(DICTIONARY[name], features, column, effects.reshape(len(column), -1), patient)


def test_levels_of_fewer_than_five_patients_are_left_out():
    found = curve("bcr_abl1", [0.0] * 20 + [1.0] * 4, [0.1] * 20 + [0.9] * 4)
    assert found == {"log": False, "values": ["absent"], "effects": [[0.1]]}
    found = curve("disease_class_initial", ["R/R"] * 5 + ["CR-MRDpos"] * 6, range(11))
    assert sorted(zip(found["values"], found["effects"], strict=True)) == [("CR-MRDpos", [7.5]), ("R/R", [2.0])]


def test_five_courses_of_one_patient_are_not_five_patients():
    assert curve("bcr_abl1", [1.0] * 5, patient=[3] * 5)["values"] == []
    assert curve("age", np.arange(5.0), patient=[3] * 5)["values"] == []
    assert curve("age", np.arange(8.0), patient=[0, 0, 1, 1, 2, 2, 3, 4])["values"] == [3.5]


def test_numbers_are_in_the_unit_of_display_and_averaged_as_the_model_sees_them():
    mrd = [0.001] * 5 + [0.1] * 5
    assert curve("mrd", mrd, features=LOG)["values"] == [0.1, 10.0]
    apart = [0.001, 0.1, 0.001, 0.1, 0.001, 0.1]
    assert curve("mrd", apart, features=LOG) == {"log": True, "values": [1.0], "effects": [[0.0]]}
    assert curve("mrd", apart)["values"] == [pytest.approx(5.05)]


def test_many_at_the_detection_limit_leave_the_other_bins_to_the_others():
    column = [1e-4] * 60 + list(np.geomspace(1e-3, 0.5, 40))
    found = curve("mrd", column, features=LOG)
    assert len(found["values"]) >= BINS - 1
    assert found["values"][0] == 0.01
    assert found["values"] == sorted(found["values"])


def test_one_effect_an_answer_and_nothing_for_what_is_missing():
    column = np.r_[np.arange(10.0), [np.nan] * 10]
    effects = np.column_stack([column, 2 * column])
    effects[10:] = 0.0
    found = curve("age", column, effects)
    assert found["effects"] == [[2.0, 4.0], [7.0, 14.0]]
    assert curve("age", [np.nan] * 10) == {"log": False, "values": [], "effects": []}


@given(st.lists(st.integers(0, 30), min_size=1, max_size=80), st.integers(1, 30))
def test_every_bin_holds_five_patients(values, n_patients):
    """Effects that count: each row adds 1 to the column of its patient, so that a mean above 0 shows who is in."""
    patient = np.arange(len(values)) % n_patients
    effects = (patient[:, None] == np.arange(n_patients)).astype(float)
    found = curve("age", [float(v) / 2 for v in values], effects, patient)
    assert all(sum(share > 0 for share in row) >= 5 for row in found["effects"])
    assert len(found["values"]) <= BINS
    assert (len(found["values"]) > 0) == (len(set(patient)) >= 5)


def test_numbers_are_short_and_rounding_errors_are_zero():
    assert [short(x) for x in (0.0123456, 1e-17, -123456.0)] == [0.0123, 0.0, -123000.0]
