"""Unknown inputs take values that somebody of the same outcome has, and what is known stays as it is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.cohort import read_cohort
from riskml.cohort.simulate import write_simulated
from riskml.runtime.score import score_table
from riskml.training.fit import fit_pipeline, portable, training_set
from riskml.training.impute import outcome_strata, with_donors
from riskml.training.recipe import load_recipe


def survival(*rows):
    return np.array(list(rows), dtype=[("event", bool), ("time", float)])


def test_strata_of_a_binary_outcome_are_its_values():
    np.testing.assert_array_equal(outcome_strata(np.array([0, 1, 1, 0])), [0, 1, 1, 0])


def test_strata_of_survival_part_early_from_late_within_events_and_within_censored():
    y = survival((True, 1), (True, 5), (True, 9), (False, 2), (False, 20), (False, 21))
    codes = outcome_strata(y)
    assert codes[0] == codes[1] != codes[2]  # 5 is the median of the events
    assert codes[3] == codes[4] != codes[5]
    assert len(set(codes)) == 4


def test_several_causes_are_kept_apart():
    y = np.array([(0, 3.0), (1, 3.0), (2, 3.0), (1, 4.0)], dtype=[("cause", int), ("time", float)])
    assert len(set(outcome_strata(y))) == 4


def test_donors_are_of_the_same_stratum():
    frame = pd.DataFrame({"a": [1.0] * 6 + [np.nan] * 4 + [0.0] * 6 + [np.nan] * 4})
    strata = np.repeat([1, 0], 10)
    filled = with_donors(frame, strata, np.random.default_rng(0))["a"].to_numpy()
    np.testing.assert_array_equal(filled, np.repeat([1.0, 0.0], 10))


def test_fewer_than_five_donors_open_the_search_to_everybody():
    frame = pd.DataFrame({"a": [1.0] * 4 + [np.nan] * 200 + [0.0] * 396})
    filled = with_donors(frame, np.repeat([1, 0], [204, 396]), np.random.default_rng(0))["a"].to_numpy()
    assert 0 < filled[4:204].mean() < 0.1  # 4 of the 400 who have it, not 4 of 4


def test_an_input_nobody_has_stays_unknown_and_text_stays_text():
    frame = pd.DataFrame({"none": [np.nan] * 3, "sex": ["male", None, "male"]})
    filled = with_donors(frame, np.zeros(3, dtype=int), np.random.default_rng(0))
    assert filled["none"].isna().all()
    assert filled["sex"].tolist() == ["male"] * 3


@given(st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.sampled_from([np.nan, 0.0, 1.0, 7.5])), min_size=1))
def test_what_is_known_stays_and_what_is_drawn_was_there(rows):
    strata, values = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    known = ~np.isnan(values)
    filled = with_donors(pd.DataFrame({"a": values}), strata, np.random.default_rng(1))["a"].to_numpy()
    np.testing.assert_array_equal(filled[known], values[known])
    if known.any():
        assert set(filled) == set(values[known])
    same = with_donors(pd.DataFrame({"a": values}), strata, np.random.default_rng(1))["a"].to_numpy()
    np.testing.assert_array_equal(filled, same)


@pytest.mark.slow
def test_a_forest_stays_calibrated_where_an_input_is_unknown_in_half_of_the_patients(tmp_path):
    """Unknown mostly in those without the event, which is what a forest would otherwise split off and never use."""
    cohort = read_cohort(write_simulated(tmp_path / "cohort.csv", 1500, seed=5))
    recipe = dataclasses.replace(
        load_recipe("non_response"), learner={"kind": "forest", "trees": 60}, bootstrap=0, applies_to={}
    )
    rows = training_set(recipe, cohort)
    rng = np.random.default_rng(0)
    frame = rows.frame.copy()
    for name in ("mrd", "cd19"):
        frame.loc[rng.random(len(frame)) < np.where(rows.event, 0.1, 0.6), name] = np.nan
    rows = dataclasses.replace(rows, frame=frame)
    model = portable(recipe, rows, fit_pipeline(recipe, rows)[-1].members())
    risk = score_table(model, {name: frame[name].to_numpy() for name in recipe.inputs}, len(frame))[:, 0]
    assert rows.event.mean() / risk.mean() == pytest.approx(1, abs=0.1)
