"""The door: what a target carries beside its numbers. Rules are in test_outcomes.py and test_outcome_cases.py."""

from __future__ import annotations

import pytest

from riskml.cohort.outcomes import Target, build_target
from riskml.errors import DataError
from riskml.runtime.dictionary import load_dictionary


def test_a_target_says_how_it_was_made(cohort):
    table = cohort("icans_grade,infusion_days", "1,28", "0,14", "0,3")
    outcome = {"kind": "binary", "rows": "course", "column": "icans_grade", "min_grade": 1, "min_exposure_days": 7}
    target = build_target(table, outcome)
    assert isinstance(target, Target)
    assert target.definition.startswith("Every course is a row. Patients had 7 days of the drug or more")
    assert (
        target.notes[1] == "those who stopped early for toxicity are left out: the risk of toxicity is underestimated"
    )
    assert target.cause.tolist() == [1, 0]
    assert target.entry is None


def test_exposure_is_asked_before_what_happened(cohort):
    table = cohort("icans_grade,infusion_days", "1,28", "0,14", ",3", ",28")
    outcome = {"kind": "binary", "rows": "course", "column": "icans_grade", "min_grade": 1, "min_exposure_days": 7}
    flow = build_target(table, outcome).flow
    assert flow == (("days of the drug not known", 0), ("fewer than 7 days of the drug", 1), ("outcome not known", 1))


def test_every_missing_column_is_named_at_once(cohort):
    outcome = {"kind": "survival", "rows": "course", "events": ["relapse", "no_response"], "hsct": "censor"}
    with pytest.raises(DataError) as refused:
        build_target(cohort("age", "6"), outcome)
    missing = {"hsct_time", "os_time", "os_event", "relapse_time", "response", "response_day"}
    assert {fault.column for fault in refused.value.faults} == missing


def test_the_copy_in_a_manifest_is_still_an_outcome(cohort):
    table = cohort("icans_grade", "1", "0")
    plain = build_target(table, "icans")
    kept = {"name": "icans", **load_dictionary().outcomes["icans"], "settings": plain.definition}
    again = build_target(table, kept)
    assert (again.name, again.definition, again.flow) == (plain.name, plain.definition, plain.flow)
