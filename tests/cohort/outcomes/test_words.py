"""Every choice shows in the words."""

from __future__ import annotations

import pytest

from riskml.cohort.outcomes.words import definition, warnings
from riskml.runtime.dictionary import load_dictionary

GRADE = {"kind": "binary", "rows": "course", "column": "icans_grade", "min_grade": 1}
RULE = {"kind": "binary", "rows": "patient", "rule": "cytological_or_mrd"}
DATES = {"kind": "survival", "rows": "patient", "events": ["relapse", "no_response"]}
SAID = [
    (GRADE, {}, "Every course is a row. The event is icans_grade of 1 or more."),
    (GRADE, {"unit": "patient"}, "with the worst of all courses as its outcome"),
    (GRADE, {"scale": "astct"}, "on ASTCT 2019 (no column names the scale)"),
    (GRADE, {"window_days": [0, 28]}, "It begins within days 0 to 28 from the first dose of the course."),
    (GRADE, {"min_exposure_days": 7}, "Patients had 7 days of the drug or more, and are at risk from then on."),
    (RULE, {}, "marrow blasts of 5 % or more; else MRD at or above 0.01 % by any method."),
    (RULE, {"mrd_inclusive": True, "mrd_threshold": 1e-3}, "MRD above 0.1 % by any method"),
    (RULE, {"mrd_methods": ["flow", "rq_pcr"]}, "by flow or rq_pcr"),
    (RULE, {"eligible": {"disease_status_at_start": ["R/R"]}}, "Disease_status_at_start is R/R."),
    (DATES, {}, "Non-response is dated at its assessment. The clock starts at the first dose."),
    (DATES, {"no_response_date": "first_dose"}, "Non-response is dated at the first dose."),
    (DATES, {"competing": ["death"]}, "Competing with it: death."),
    (DATES, {"origin": "diagnosis"}, "starts at diagnosis, and patients come under risk at the first dose (delayed"),
    (DATES, {"clock_starts": "diagnosis"}, "starts at the first dose; the file counts from diagnosis"),
    (DATES, {"origin": "end_of_cycle_1", "landmark_days": 28}, "at day 28 after the first dose (the end of cycle 1)"),
    (DATES, {}, "HSCT is ignored (treatment-policy estimand). CAR-T treatment is ignored"),
    (DATES, {"hsct": "censor", "cart": "competing"}, "HSCT ends the follow-up"),
    (DATES, {"cart": "competing"}, "CAR-T treatment is a competing event."),
    (DATES, {"horizon_months": 24}, "Follow-up ends at 24 months."),
]


@pytest.mark.parametrize(("base", "setting", "says"), SAID)
def test_definition(base, setting, says):
    assert says in definition({**base, **setting})


def test_a_scale_that_a_column_names_is_not_doubted():
    assert definition({**GRADE, "scale": "astct"}, ["icans_scale"]).endswith("1 or more on ASTCT 2019.")


@pytest.mark.parametrize("name", load_dictionary().outcomes)
def test_the_shipped_outcomes_can_be_said(name):
    assert definition(load_dictionary().outcomes[name]).endswith(".")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (
            {**GRADE, "min_exposure_days": 7},
            ["the model applies to those who complete", "risk of toxicity is underest"],
        ),
        ({**RULE, "min_exposure_days": 7}, ["the model applies to those who complete"]),
        ({**DATES, "hsct": "censor"}, ["follow-up ends at HSCT, which is given because of response or failure"]),
        ({**DATES, "origin": "diagnosis"}, ["early risk sets are small"]),
        (GRADE, []),
    ],
)
def test_warnings(table, says):
    found = list(warnings(table))
    assert len(found) == len(says)
    assert all(part in text for part, text in zip(says, found, strict=True))
