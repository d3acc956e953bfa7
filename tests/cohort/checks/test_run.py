"""Every check at once: a broken cohort in which each plant is named, and sound ones in which nothing is."""

from __future__ import annotations

import json
import re

import pytest

from riskml.cohort.checks.finding import LEVELS
from riskml.cohort.checks.run import run_checks
from riskml.cohort.cohort import read_cohort
from riskml.errors import UsageError
from tests.cohort.checks.cohorts import cohort
from tests.repository import ROOT

BROKEN = ROOT / "tests" / "data" / "broken_cohort.csv"
EMBEDDED = ROOT / "features" / "synthetic" / "cohort.csv"
# What was planted in the invented cohort: code of the finding, one of its columns, row (None: the whole column).
PLANTS = [
    ("unit_mixture", "wbc", 2),
    ("unit_mixture", "wbc", 4),
    ("unit_mixture", "wbc", 5),
    ("unit_mixture", "wbc", 8),
    ("unit_mixture", "iga", 3),
    ("unit_mixture", "iga", 6),
    ("unit_mixture", "iga", 7),
    ("column_scale", "il10", None),
    ("age_in_months", "age", 12),
    ("age_in_months", "age", 14),
    ("parts_exceed_whole", "cd3", 9),
    ("parts_exceed_whole", "lymphocytes", 10),
    ("ratio_differs", "cd4_cd8_ratio", 11),
    ("ratio_differs", "cd4_cd8_ratio", 13),
    ("percent_differs", "cd3_pct", 15),
    ("transcript_without_lesion", "bcr_abl1_ratio", 16),
    ("ph_without_tki", "tki", 17),
    ("status_against_marrow", "bm_blasts", 18),
    ("status_against_marrow", "mrd", 38),
    ("event_at_start", "efs_time", 21),
    ("event_after_death", "os_time", 37),
    ("death_not_recorded", "os_event", 27),
    ("death_not_recorded", "icans_grade", 19),
    ("event_against_survival", "os_event", 20),
    ("event_against_survival", "efs_time", 22),
    ("event_against_response", "response", 23),
    ("event_against_response", "efs_event", 24),
    ("response_when_negative", "response", 39),
    ("longer_than_planned", "delivered_infusion_days", 25),
    ("infusion_after_end", "delivered_infusion_days", 26),
    ("skipped_cycle", "cycle_index", 90),
    ("younger_later", "age", 91),
    ("patient_differs", "sex", 92),
    ("patient_differs", "efs_time", 93),
    ("copied_course", "lymphocytes", 94),
    ("course_after_end", "os_time", 102),
    ("constant_column", "dexamethasone_prophylaxis", None),
    ("copied_column", "lymphocytes_pct", None),
    ("centre_scale", "igm", None),
    ("centre_limit", "mrd", None),
    ("centre_missingness", "cns_disease", None),
    ("centre_outcome", "efs", None),
    ("separates_outcome", "il6", None),
    ("missingness_gives_outcome", "igg", None),
    ("level_gives_outcome", "cns_status", None),
    ("known_later", "response", None),
    ("duplicate_patient", "patient_id", 103),
    ("percent_or_fraction", "mrd", 37),
    ("percent_or_fraction", "mrd", 84),
    ("percent_or_fraction", "mrd", 85),
    ("percent_or_fraction", "mrd_end_of_induction", None),
    ("percent_or_fraction", "pb_blasts", None),
    ("dates_out_of_order", "birth_date", 40),
    ("dates_out_of_order", "relapse_date", 54),
    ("outcome_before_exposure", "hsct_date", 42),
    ("outcome_before_exposure", "relapse_date", 46),
    ("outcome_before_exposure", "response_date", 47),
    ("date_in_future", "last_contact_date", 43),
    ("date_without_event", "death_date", 44),
    ("age_against_dates", "birth_date", 41),
    ("time_against_dates", "os_time", 45),
    ("time_against_dates", "efs_time", 46),
]


@pytest.fixture(scope="module")
def broken():
    return run_checks(read_cohort(BROKEN), landmark="first_dose", outcome="efs")


@pytest.mark.parametrize(("code", "column", "row"), PLANTS)
def test_every_plant_is_named(broken, code, column, row):
    named = [f for f in broken if f.code == code and column in f.columns and (row is None or row in f.rows)]
    assert len(named) == 1
    assert named[0].message
    assert named[0].remedy


def test_the_plants_are_many_and_of_many_kinds():
    assert len(PLANTS) >= 30
    assert len({code for code, _, _ in PLANTS}) >= 20


def test_nothing_else_is_called_a_mistake(broken):
    planted = {code for code, _, _ in PLANTS}
    # What refuses the outcome itself is the planted event at time 0 once more.
    assert {f.code for f in broken if f.level != "note"} - planted == {"outcome_refused"}


def test_errors_come_first_and_nobody_is_named(broken):
    order = [LEVELS.index(f.level) for f in broken]
    assert order == sorted(order, reverse=True)
    text = json.dumps([f.to_fields() for f in broken])
    patients = {line.split(",")[0] for line in BROKEN.read_text(encoding="utf-8").splitlines()[1:]}
    centres = {line.split(",")[1] for line in BROKEN.read_text(encoding="utf-8").splitlines()[1:]}
    assert [name for name in patients | centres if name in text] == []
    assert re.search(r"\d{4}-\d\d-\d\d", text) is None, "dates identify"


@pytest.mark.parametrize("outcome", [None, "non_response", "icans", "efs"])
def test_the_embedded_cohort_is_sound(outcome):
    found = run_checks(read_cohort(EMBEDDED), landmark="first_dose", outcome=outcome)
    assert [str(f) for f in found if f.level != "note"] == []


def test_checks_change_nothing():
    table = read_cohort(BROKEN)
    frame, below = table.frame.copy(), table.below.copy()
    run_checks(table, landmark="first_dose", outcome="efs")
    assert table.frame.equals(frame)
    assert table.below.equals(below)


def test_an_outcome_that_cannot_be_made_is_a_finding():
    (finding,) = run_checks(cohort(age=[1.0, 2.0]), outcome="icans")
    assert (finding.code, finding.level, finding.columns) == ("outcome_refused", "error", ("icans_grade",))
    found = run_checks(cohort(icans_grade=[0.0, 0.0]), outcome="icans")
    assert [(f.code, f.level) for f in found if f.code != "known_later"] == [("outcome_not_estimable", "note")]


def test_unknown_landmarks_and_outcomes_are_refused():
    for words in ({"landmark": "dawn"}, {"outcome": "luck"}):
        with pytest.raises(UsageError):
            run_checks(cohort(age=[1.0]), **words)


@pytest.mark.data
@pytest.mark.parametrize("outcome", [None, "efs_from_end_of_induction"])
def test_the_published_cohort_is_sound(data_file, outcome):
    path = data_file("target_aall0232/aall0232.csv")
    table = read_cohort(path, ROOT / "models" / "induction_efs" / "columns" / "aall0232.toml")
    found = run_checks(table, landmark="end_of_induction", outcome=outcome)
    assert [str(f) for f in found if f.level != "note"] == []


@pytest.mark.data
def test_the_transplant_cohort_is_sound(data_file):
    table = read_cohort(data_file("bmt_children/bmt_children.csv"), ROOT / "tests" / "data" / "bmt_children.toml")
    assert (table.n_patients, int(table.frame["os_event"].sum())) == (187, 85)
    assert [str(f) for f in run_checks(table, landmark="first_dose") if f.level != "note"] == []
