"""Settings that contradict each other are refused, all at once and in words."""

from __future__ import annotations

import pytest

from riskml.cohort.outcomes.settings import CHOICES, contradictions, find_outcome, needed_columns
from riskml.errors import UsageError
from riskml.runtime.dictionary import load_dictionary

DICTIONARY = load_dictionary()
BINARY = {"kind": "binary", "rows": "course", "column": "icans_grade", "min_grade": 1}
RULE = {"kind": "binary", "rows": "course", "rule": "mrd_negative"}
DATES = {"kind": "survival", "rows": "patient", "events": ["relapse", "death"]}
COLUMN = {
    "kind": "survival",
    "rows": "patient",
    "column": "efs_event",
    "time": "efs_time",
    "event_levels": ["relapse", "no_response"],
}


@pytest.mark.parametrize("name", DICTIONARY.outcomes)
def test_the_shipped_outcomes_are_well_defined(name):
    assert list(contradictions(DICTIONARY.outcomes[name], DICTIONARY)) == []


@pytest.mark.parametrize("table", [BINARY, RULE, DATES, COLUMN])
def test_the_tables_of_this_file_are_well_defined(table):
    assert find_outcome({**table, "name": "mine"}, DICTIONARY)[0] == "mine"


WRONG = [
    (BINARY, {"min_exposure_day": 7}, r"no setting 'min_exposure_day' \(the nearest is min_exposure_days\)"),
    (BINARY, {"unit": "patient"}, "give either rows .* or unit"),
    (BINARY, {"scale": "who"}, "scale must be astct or ctcae_v5"),
    (BINARY, {"min_exposure_days": -1}, "min_exposure_days must be a number of days, 0 or more"),
    (BINARY, {"window_days": 28}, r"window_days must be \[first day, last day\]"),
    (BINARY, {"window_days": [28, 0]}, "window_days ends before it begins"),
    (BINARY, {"hsct": "censor"}, "hsct belongs to a survival outcome"),
    (RULE, {"unit": "patient"}, "unit and scale go with min_grade"),
    (RULE, {"column": "response"}, "the rule mrd_negative reads its own columns"),
    (RULE, {"rule": "blasts"}, "rule must be column, cytological_or_mrd, mrd_negative or cr_composite"),
    (RULE, {"mrd_threshold": 0.01, "mrd_inclusive": "yes"}, "mrd_inclusive must be true"),
    (RULE, {"mrd_threshold": 1}, "mrd_threshold must be a fraction between 0 and 1"),
    (RULE, {"mrd_threshold": True}, "mrd_threshold must be a fraction between 0 and 1"),
    (RULE, {"mrd_methods": ["southern"]}, "mrd_methods holds southern, which mrd_after_method does not have"),
    (DATES, {"hsct": "time_dependent"}, "hsct = time_dependent: no learner here takes a covariate that changes"),
    (DATES, {"cart": "time_dependent"}, "cart = time_dependent"),
    (DATES, {"origin": "randomisation"}, "origin must be first_dose, diagnosis, end_of_induction or end_of_cycle_1"),
    (DATES, {"origin": "end_of_cycle_1"}, "origin = end_of_cycle_1 needs landmark_days"),
    (
        DATES,
        {"origin": "first_dose", "landmark_days": 28},
        "landmark_days moves the origin, which cannot be first_dose",
    ),
    (DATES, {"events": ["cr"]}, "events holds cr; an event that can be dated is one of relapse"),
    (DATES, {"competing": ["death"]}, "death cannot be an event and compete with it"),
    (DATES, {"time": "efs_time"}, "events are found from their dates"),
    (DATES, {"horizon_months": 0}, "horizon_months must be a positive number of months"),
    (DATES, {"no_response_date": "assessment"}, "no_response is not an event"),
    (
        *(DATES, {"events": ["no_response"], "no_response_date": "first_dose", "min_exposure_days": 7}),
        "non-responses dated at the first dose all come before the time at risk",
    ),
    (
        *(DATES, {"events": ["no_response"], "clock_starts": "diagnosis", "origin": "end_of_cycle_1"}),
        "an assessment is dated from the first dose",
    ),
    (COLUMN, {"events": ["relapse"]}, "give either events .* or column and event_levels"),
    (COLUMN, {"competing": ["cured"]}, "competing holds cured, which efs_event does not have"),
]


@pytest.mark.parametrize(("base", "changes", "says"), WRONG)
def test_contradictions(base, changes, says):
    with pytest.raises(UsageError, match=says):
        find_outcome({**base, **changes}, DICTIONARY)


@pytest.mark.parametrize("key", CHOICES)
def test_every_choice_is_closed(key):
    assert any(problem.startswith(f"{key} must be ") for problem in contradictions({**DATES, key: "?"}, DICTIONARY))


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        (BINARY, ("icans_grade",)),
        ({**BINARY, "window_days": [0, 28]}, ("icans_grade", "icans_day")),
        (RULE, ("mrd_after",)),
        ({**RULE, "mrd_methods": ["flow"]}, ("mrd_after", "mrd_after_method")),
        ({**RULE, "rule": "cytological_or_mrd"}, ("disease_status_at_start", "bm_blasts_after", "mrd_after")),
        ({**RULE, "rule": "cr_composite", "window_days": [10, 42]}, ("bm_blasts_after", "response_day")),
        (DATES, ("os_time", "os_event", "relapse_time")),
        ({**DATES, "hsct": "ignore", "cart": "censor"}, ("cart_time", "os_time", "os_event", "relapse_time")),
        ({**DATES, "events": ["no_response"]}, ("os_time", "os_event", "response", "response_day")),
        ({**DATES, "events": ["death"], "origin": "diagnosis"}, ("entry_time", "os_time", "os_event")),
        ({**COLUMN, "min_exposure_days": 7}, ("efs_event", "efs_time", "delivered_infusion_days")),
    ],
)
def test_needed_columns(table, columns):
    assert needed_columns(table) == columns
