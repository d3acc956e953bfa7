"""Hazard ratios in tables: R's coefficients, Firth where a group has no event, what they rest on, what is hidden."""

from __future__ import annotations

import math

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.resources import folder
from riskml.training.describe.hazards import COLUMNS, DESCRIBES, hazards
from riskml.training.describe.table import NOT_SHOWN
from riskml.training.learners.cox_effects import cox_effects
from tests.training.describe.follow_up_cases import cell, cohort_of, patients, table_of, value
from tests.training.metrics.cases import read_columns

RATIO, ADJUSTED = "Hazard ratio (95 % CI)", "Adjusted hazard ratio (95 % CI)"
PROPORTIONAL = "P, proportional hazards, adjusted"
CLASS = "Class at study entry"


@pytest.fixture(scope="module")
def expected(data_file):
    table = read_columns(data_file("reference_stats/expected_values_R.csv"))
    rows = table["dataset"] == "kmsurv_bmt DFS(t2,d3)"
    return {
        name: tuple(float(table[column][k] or "nan") for column in ("value", "se"))
        for k, name in enumerate(table["quantity"])
        if rows[k]
    }


@pytest.fixture(scope="module")
def textbook(data_file):
    """R's model factor(group) + z1 + z2 + z8 in columns that the dictionary has."""
    raw = read_columns(data_file("leukaemia_hsct/kmsurv_bmt.csv"))
    return cohort_of(
        disease_class_initial=np.array(["R/R", "CR-MRDpos", "CR-MRDneg"])[raw["group"].astype(int) - 1],
        age=raw["z1"].astype(float),
        prior_lines=raw["z2"].astype(float),
        bridging_chemo=raw["z8"].astype(float),
        efs_time=raw["t2"].astype(float) / 30.4375,
        efs_event=np.where(raw["d3"] == "1", "any", "none"),
    )


MODEL = ("disease_class_initial", "age", "prior_lines", "bridging_chemo")


@pytest.mark.data
def test_the_multivariable_model_is_rs_coxph(textbook, expected):
    table = table_of(hazards(textbook, factors=MODEL, model=MODEL), "efs_hazards")
    for name, term in (("age", "z1"), ("prior_lines", "z2"), ("bridging_chemo", "z8")):
        found = value(table, variable=name, model="multivariable")
        coefficient, error = expected[f"cox_efron_coef:{term}"]
        assert (found["log_hazard_ratio"], found["se"]) == pytest.approx((coefficient, error), abs=1e-7)
        assert found["high"] == pytest.approx(math.exp(coefficient + 1.959963984540054 * error))
        assert (found["patients"], found["events"], found["firth"]) == (137, 83, False)
    # R's reference is group 1, ours the most frequent, group 2 (CR-MRDpos)
    first, third = (expected[f"cox_efron_coef:{term}"][0] for term in ("g2", "g3"))
    for level, coefficient in (("R/R", -first), ("CR-MRDneg", third - first)):
        found = value(table, variable="disease_class_initial", level=level, model="multivariable")
        assert found["log_hazard_ratio"] == pytest.approx(coefficient, abs=1e-7)
    z8 = expected["cox_efron_coef:z8"]
    text = cell(table, "present", ADJUSTED, "Bridging chemotherapy before first dose")
    ends = [math.exp(z8[0] + side * 1.959963984540054 * z8[1]) for side in (0, -1, 1)]
    assert text == f"{ends[0]:.2f} ({ends[1]:.2f} to {ends[2]:.2f})"
    assert any("83 events, 5 parameters: 16.6 events a parameter." in note for note in table.notes)
    assert DESCRIBES in table.notes


@pytest.mark.data
def test_proportional_hazards_are_rs_cox_zph(textbook, expected):
    from scipy.special import chdtrc

    table = table_of(hazards(textbook, factors=MODEL, model=MODEL), "efs_hazards")
    for name, term, freedom in (("disease_class_initial", "g", 2), ("age", "z1", 1), ("bridging_chemo", "z8", 1)):
        chi_squared = expected[f"coxzph_chisq(KM transform):{term}"][0]
        found = [entry for entry in list(table.values) if entry["variable"] == name][-1]
        assert found["proportional_hazards_p"] == pytest.approx(chdtrc(freedom, chi_squared), abs=1e-6)
    assert cell(table, CLASS, PROPORTIONAL) == f"{chdtrc(2, expected['coxzph_chisq(KM transform):g'][0]):.3f}"
    assert cell(table, "R/R", PROPORTIONAL, CLASS) == ""


def lesion(events_with, events_without, n=30, unknown=0, seed=0):
    """``n`` patients with and ``n`` without a lesion, with so many events each."""
    rng = np.random.default_rng(seed)
    event = np.r_[np.arange(n) < events_with, np.arange(n) < events_without, np.zeros(unknown, dtype=bool)]
    columns = patients({"R/R": [(float(t), "relapse" if e else "none") for t, e in
                                zip(rng.permutation(2 * n + unknown) + 1, event, strict=True)]})  # fmt: skip
    return columns | {
        "bcr_abl1": np.r_[np.ones(n), np.zeros(n), np.full(unknown, np.nan)],
        "age": rng.uniform(1, 18, 2 * n + unknown),
    }


def test_a_group_without_an_event_is_fitted_with_firths_penalty_and_marked():
    columns = lesion(0, 10)
    table = table_of(hazards(cohort_of(**columns)), "efs_hazards")
    text = cell(table, "present", RATIO, "BCR::ABL1 (Ph+)")
    assert text.endswith("†")
    found = value(table, variable="bcr_abl1")
    event = np.array(columns["efs_event"]) == "relapse"
    own = cox_effects(columns["bcr_abl1"][:, None], np.array(columns["efs_time"]), event, firth=True)
    assert found["log_hazard_ratio"] == pytest.approx(own.coef[0])
    assert (found["firth"], 0 < found["low"] < found["high"] < math.inf) == (True, True)
    assert any(note.startswith("† A group without an event") and "Firth" in note for note in table.notes)
    assert not value(table, variable="age")["firth"]


def test_firth_can_be_asked_for():
    cohort = cohort_of(**lesion(6, 8))
    plain, penalised = (
        value(table_of(hazards(cohort, firth=on), "efs_hazards"), variable="bcr_abl1") for on in (False, True)
    )
    assert (plain["firth"], penalised["firth"]) == (False, True)
    assert abs(penalised["log_hazard_ratio"]) < abs(plain["log_hazard_ratio"]) + 0.1
    assert penalised["log_hazard_ratio"] != plain["log_hazard_ratio"]


def test_few_events_a_parameter_are_said():
    columns = lesion(6, 7)
    table = table_of(hazards(cohort_of(**columns), model=("bcr_abl1", "age")), "efs_hazards")
    assert any("13 events, 2 parameters: 6.5 events a parameter; below 10" in note for note in table.notes)
    assert value(table, variable="age", model="multivariable")["events"] == 13


def test_unknown_values_leave_patients_out_of_their_row_and_of_the_model():
    columns = lesion(6, 8, unknown=7)
    table = table_of(hazards(cohort_of(**columns), internal=True, model=("bcr_abl1", "age")), "efs_hazards")
    assert cell(table, "Age, per year", "Patients") == "67"
    assert value(table, variable="age", model="univariable")["patients"] == 67
    assert value(table, variable="age", model="multivariable")["patients"] == 60


def test_ratios_that_tell_small_counts_are_hidden():
    cohort = cohort_of(**lesion(3, 9))
    shared = table_of(hazards(cohort), "efs_hazards")
    heading = "BCR::ABL1 (Ph+)"
    assert heading not in {row.label for row in shared.rows}
    assert any("Not shown" in note and heading in note for note in shared.notes)
    assert not [entry for entry in list(shared.values) if entry["variable"] == "bcr_abl1"]
    assert cell(shared, "Age, per year", RATIO) != NOT_SHOWN
    team = table_of(hazards(cohort, internal=True), "efs_hazards")
    assert cell(team, "present", "Events", heading) == "3"
    assert value(team, variable="bcr_abl1")["log_hazard_ratio"] is not None


def test_events_of_the_patients_left_out_do_not_follow_from_the_model():
    columns = lesion(6, 8, unknown=20)
    columns["efs_event"][-2:] = ["relapse", "relapse"]
    table = table_of(hazards(cohort_of(**columns), model=("bcr_abl1", "age")), "efs_hazards")
    assert any("5 or more events, 2 parameters; below 10" in note for note in table.notes)
    assert value(table, variable="age", model="multivariable")["events"] is None
    assert value(table, variable="age", model="univariable")["events"] == 16


def test_entry_times_are_used():
    rng = np.random.default_rng(6)
    entry, follow = rng.uniform(0, 20, 80), rng.exponential(10, 80) + 0.1
    columns = {
        "entry_time": entry, "efs_time": follow, "efs_event": np.where(rng.random(80) < 0.6, "relapse", "none"),
        "age": rng.uniform(1, 18, 80),
    }  # fmt: skip
    declared = {
        "name": "efs", "kind": "survival", "rows": "patient", "time": "efs_time", "column": "efs_event",
        "event_levels": ["relapse"], "origin": "diagnosis",
    }  # fmt: skip
    table = table_of(hazards(cohort_of(**columns), outcomes={"efs": declared}), "efs_hazards")
    event = columns["efs_event"] == "relapse"
    own = cox_effects(columns["age"][:, None], entry + follow, event, entry)
    late = cox_effects(columns["age"][:, None], entry + follow, event)
    found = value(table, variable="age")["log_hazard_ratio"]
    assert found == pytest.approx(own.coef[0])
    assert abs(found - late.coef[0]) > 1e-3
    assert any("delayed entry" in note for note in table.notes)


def test_a_factor_learned_later_is_refused():
    columns = lesion(6, 8) | {"mrd_response": ["mrd_negative"] * 30 + ["mrd_positive"] * 30}
    part = hazards(cohort_of(**columns), factors=("mrd_response", "age"))
    assert any(why.startswith("factor mrd_response: learned after the first dose") for why in part.missing)
    assert [row.label for row in table_of(part, "efs_hazards").rows] == ["Age, per year"]


def test_a_model_with_too_few_events_or_factors_is_explained():
    few = hazards(cohort_of(**lesion(1, 1)), internal=True, model=("bcr_abl1", "age"))
    assert any("multivariable model: too few events for its 2 parameters" in why for why in few.missing)
    one = hazards(cohort_of(**lesion(6, 8)), model=("age", "sex"))
    assert any("multivariable model: fewer than two of its factors" in why for why in one.missing)
    columns = lesion(6, 8)
    copied = hazards(cohort_of(**columns, kmt2a_r=columns["bcr_abl1"]), model=("bcr_abl1", "kmt2a_r"))
    assert any("determine one another" in why for why in copied.missing)


def test_a_factor_with_one_level_among_those_judged_is_a_dash():
    columns = lesion(6, 8)
    columns["sex"] = ["male"] * 59 + ["female"]
    columns["bcr_abl1"][:] = np.nan
    columns["bcr_abl1"][:20] = 1.0
    part = hazards(cohort_of(**columns), internal=True)
    assert "factor bcr_abl1: all are present" in part.missing
    assert "–" in cell(table_of(part, "efs_hazards"), "female", RATIO, "Sex") or cell(
        table_of(part, "efs_hazards"), "female", RATIO, "Sex"
    ).endswith("†")


def test_nothing_but_ages_is_explained_and_not_an_error():
    part = hazards(cohort_of(age=[1.0, 2, 3, 4, 5, 6]))
    assert part.tables == ()
    assert any("Hazard ratios of event-free survival: needs the columns" in why for why in part.missing)
    assert hazards(cohort_of(age=[1.0, 2])).missing == ("hazard ratios: fewer than 5 patients",)


def test_the_embedded_cohort():
    cohort = read_cohort(folder("features") / "synthetic" / "cohort.csv")
    for internal in (False, True):
        part = hazards(cohort, internal=internal)
        # Three deaths: ratios of them are for the team alone.
        assert [table.name for table in part.tables] == ["efs_hazards", "os_hazards"][: 1 + internal]
        assert internal or any("fewer than 5 events" in reason for reason in part.missing)
        for table in part.tables:
            assert all(len(row.cells) == len(table.columns) for row in table.rows)
    assert cell(table_of(part, "efs_hazards"), "R/R", "Events", CLASS) == "8"
    assert cell(table_of(hazards(cohort), "efs_hazards"), "CR-MRDpos or CR-MRDneg", "Events", CLASS) == "6"


def test_a_cohort_without_the_published_factors_has_the_next_model():
    columns = {
        name: column for name, column in lesion(8, 12).items() if name not in {"bcr_abl1", "disease_class_initial"}
    }
    cohort = cohort_of(**columns, sex=["female", "male"] * (len(columns["age"]) // 2))
    table = table_of(hazards(cohort, internal=True), "efs_hazards")
    assert {entry["variable"] for entry in table.values if entry["model"] == "multivariable"} == {"age", "sex"}
    alone = table_of(hazards(cohort, internal=True, model=("age",)), "efs_hazards")
    assert alone.columns == COLUMNS[:5], "no empty columns of a model there is not"
    assert {len(row.cells) for row in alone.rows} == {5}
