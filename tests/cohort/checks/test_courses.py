"""Times, events and courses that cannot be true together, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.cohort.checks.courses import check_courses
from tests.cohort.checks.cohorts import DICTIONARY, cohort, told


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"efs_time": [0, 0, 3], "efs_event": ["relapse", "none", "death"]}, [("event_at_start", "error", (2,))]),
        ({"efs_time": [9, 5.05, 5], "os_time": [8, 5, 5]}, [("event_after_death", "error", (2,))]),
        ({"relapse_time": [9, np.nan], "os_time": [8, 8]}, [("event_after_death", "error", (2,))]),
        ({"icans_grade": [5, 5, 4], "os_event": [0, 1, 0]}, [("death_not_recorded", "error", (2,))]),
        (
            {"efs_event": ["death", "death", "relapse"], "os_event": [0, 1, 0]},
            [("death_not_recorded", "error", (2,))],
        ),
        (
            {"efs_event": ["none"] * 3, "efs_time": [6.0] * 3, "os_time": [6, 9, 9], "os_event": [1, 1, 0]},
            [("event_against_survival", "error", (2,)), ("event_against_survival", "warning", (3,))],
        ),
        (
            {"efs_event": ["death"] * 2, "efs_time": [6.0] * 2, "os_time": [9, 6], "os_event": [1, 1]},
            [("event_against_survival", "error", (2,))],
        ),
        (
            {"response": ["response", "no_response", "no_response"], "efs_event": ["no_response", "none", "relapse"]},
            [("event_against_response", "warning", (2,)), ("event_against_response", "note", (3,))],
        ),
        (
            {"response": ["no_response", "response", "not_evaluable"], "disease_status_at_start": ["CR-MRDneg"] * 3},
            [("response_when_negative", "warning", (2,)), ("response_when_negative", "note", (3,))],
        ),
        # Course 3 begins on day 56 at the earliest: 1.5 months (46 days) are too short, 2 (61 days) are not.
        ({"cycle_index": [3, 3, 1], "os_time": [1.5, 2, 0.1]}, [("course_after_end", "error", (2,))]),
        ({"delivered_infusion_days": [28, 14], "os_time": [0.5, 0.5]}, [("infusion_after_end", "error", (2,))]),
        (
            {"delivered_infusion_days": [29, 28], "planned_infusion_days": [28, 28]},
            [("longer_than_planned", "warning", (2,))],
        ),
        (
            {"patient_id": ["a", "a", "b", "c"], "cycle_index": [1, 3, 2, 1]},
            [("skipped_cycle", "note", (3, 4))],
        ),
        (
            {"patient_id": ["a", "a", "b", "b"], "sex": ["female", "male", "male", None]},
            [("patient_differs", "warning", (2, 3))],
        ),
        (
            {"patient_id": ["a", "a", "b", "b"], "bcr_abl1": [1, 0, 1, np.nan]},
            [("patient_differs", "warning", (2, 3))],
        ),
        (
            {"patient_id": ["a", "a", "b", "b"], "cycle_index": [2, 1, 1, 2], "age": [5, 7, 7, 7.2]},
            [("younger_later", "warning", (2,))],
        ),
    ],
)
def test_contradictions(columns, found):
    assert told(check_courses(cohort(**columns), DICTIONARY)) == found


def test_only_the_first_course_is_held_against_the_first_event():
    table = cohort(
        patient_id=["a", "a"],
        cycle_index=[1, 2],
        response=["no_response", "response"],
        efs_event=["no_response", "no_response"],
    )
    assert list(check_courses(table, DICTIONARY)) == []
