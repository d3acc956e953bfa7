"""Columns that give the outcome away: invented ones by hand, and the traps of two real tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.checks.leaks import cohort_leaks, leak_findings, separation
from riskml.cohort.outcomes.build import build_target
from riskml.cohort.read_table import read_table
from riskml.errors import UsageError
from tests.cohort.checks.cohorts import DICTIONARY, cohort

N = 120
EVENT = np.arange(N) % 4 == 0
DRAW = np.random.default_rng(11)


def codes(column, event=EVENT):
    return [finding.code for finding in separation("x", pd.Series(column), event)]


@pytest.mark.parametrize(
    ("column", "found"),
    [
        (np.where(EVENT, 5.0, 1.0) + DRAW.random(N), ["separates_outcome"]),
        (np.where(EVENT, 1.0, 5.0) + DRAW.random(N), ["separates_outcome"]),
        (np.where(EVENT, 1.0, 0.0) + DRAW.normal(0, 1, N), []),
        (np.where(EVENT & (np.arange(N) % 8 == 0), "picked", "random"), ["level_gives_outcome"]),
        (np.where(EVENT & (DRAW.random(N) < 0.7), np.nan, DRAW.random(N)), ["missingness_gives_outcome"]),
        (np.where(np.arange(N) % 5 == 0, "a", "b"), []),
        (np.full(N, "same"), []),
        (np.full(N, np.nan), []),
    ],
)
def test_what_a_column_knows(column, found):
    assert codes(column) == found


def test_a_favourable_level_without_events_is_a_strong_predictor_not_a_leak():
    # 20 rows where 5 events would be expected: it happens.
    assert codes(np.where(~EVENT & (np.arange(N) < 26), "good", "other")) == []


def test_four_events_prove_nothing():
    few = np.arange(N) < 4
    assert codes(few.astype(float), few) == []


@given(st.integers(0, 1000))
def test_noise_leaks_nothing(seed):
    draw = np.random.default_rng(seed)
    event = draw.random(N) < 0.3
    table = pd.DataFrame({"a": draw.normal(size=N), "b": draw.choice(["x", "y", "z"], N), "c": draw.integers(0, 3, N)})
    table.loc[draw.random(N) < 0.3, "a"] = np.nan
    assert leak_findings(table, event) == ()


def test_a_stand_in_for_never():
    days = np.where(np.arange(N) % 3 == 0, 1_000_000.0, DRAW.integers(5, 60, N))
    (finding,) = leak_findings(pd.DataFrame({"platelets": [str(day) for day in days]}), EVENT)
    assert (finding.code, finding.level) == ("never_value", "warning")


def test_names_the_dictionary_knows_are_judged_by_it():
    table = pd.DataFrame({"Relapse": DRAW.choice(["0", "1"], N), "age": DRAW.uniform(1, 17, N)})
    assert [(f.code, f.columns) for f in leak_findings(table, EVENT)] == [("known_later", ("Relapse",))]


def test_unknown_outcomes_are_left_out():
    event = np.where(np.arange(N) < 60, EVENT, np.nan)
    column = np.where(np.arange(N) < 60, np.where(EVENT, 9.0, 1.0), DRAW.random(N) * 10)
    assert [f.code for f in leak_findings(pd.DataFrame({"x": column}), event)] == ["separates_outcome"]


def test_a_cohort_names_what_its_dictionary_dates_later():
    grade = EVENT.astype(float)
    table = cohort(age=DRAW.uniform(1, 17, N), il6=1 + 50 * grade + DRAW.random(N), icans_grade=grade)
    target = build_target(table, "icans", DICTIONARY)
    found = [(f.code, f.level, f.columns) for f in cohort_leaks(table, DICTIONARY, "first_dose", target)]
    assert found == [("known_later", "note", ("icans_grade",)), ("separates_outcome", "warning", ("il6",))]


@pytest.mark.parametrize(
    ("landmark", "event", "words"),
    [("dawn", EVENT, "there is no landmark 'dawn'"), ("first_dose", EVENT[:5], "one value for each of 120 rows")],
)
def test_wrong_calls(landmark, event, words):
    with pytest.raises(UsageError, match=words):
        leak_findings(pd.DataFrame({"x": np.zeros(N)}), event, landmark)


@pytest.mark.data
def test_the_traps_of_the_transplant_table(data_file):
    table = read_table(data_file("bmt_children/bmt_children.csv"))
    event = pd.to_numeric(table.cells["survival_status"])
    found = leak_findings(table.cells.drop(columns="survival_status"), event, "first_dose")
    named = {finding.columns[0] for finding in found if finding.level == "warning"}
    # The seven the table's own description calls known after transplant, and the follow-up time itself.
    traps = {"Relapse", "IIIV", "aGvHDIIIIV", "extcGvHD", "ANCrecovery", "PLTrecovery", "time_to_aGvHD_III_IV"}
    assert named == traps | {"survival_time"}


@pytest.mark.data
def test_the_traps_of_the_selected_table(data_file):
    table = read_table(data_file("target_aall0232/discovery_selected.csv"))
    event = pd.to_numeric(table.cells["efs_event"])
    found = leak_findings(table.cells.drop(columns="efs_event"), event, "end_of_induction")
    named = {finding.columns[0]: finding for finding in found if finding.level == "warning"}
    outcomes = {"first_event", "efs_days", "os_days", "os_event"}
    assert set(named) == {"protocol", "bm_blasts_d43_pct", "mrd_eoc_pct", "mrd_eoc_sens_pct"} | outcomes
    # 90 of the 93 standard-risk patients relapsed: they were chosen for it.
    assert "'AALL0331' (97% of 93 rows)" in named["protocol"].message
    assert "selected by their outcome" in named["protocol"].message
    at_diagnosis = leak_findings(table.cells.drop(columns="efs_event"), event, "diagnosis")
    later = {"mrd_d29_pct", "mrd_d8_pct", "bm_blasts_d8_pct", "bm_blasts_d29_pct"}
    assert later <= {f.columns[0] for f in at_diagnosis if f.level == "warning"}


def test_levels_that_are_dates_are_not_quoted():
    table = pd.DataFrame({"visit": ["2019-02-01"] * 20 + ["2020-02-01"] * 20, "arm": ["a"] * 20 + ["b"] * 20})
    found = [str(f) for f in leak_findings(table, [True] * 20 + [False] * 20) if f.code == "level_gives_outcome"]
    assert len(found) == 2
    assert any("'a'" in said for said in found)
    assert not any("2019" in said for said in found)
