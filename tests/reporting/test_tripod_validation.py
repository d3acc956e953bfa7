"""What a validation says in its sheet: of these patients, beside those of development, with labels for names."""

from __future__ import annotations

import pytest

from riskml.reporting.tripod_validation import facts_of_validation
from riskml.training.tripod_items import VALIDATION, facts_in, items
from tests.reporting import results
from tests.reporting.conftest import interval
from tests.runtime.models import shipped_bundle

CENTRE = {"name": "centre", "label": "Centre", "level": "centre 2", "metrics": {"auc": interval(0.91, 0.79, 0.96)}}


def facts(**changes):
    result = results.validation(**{"subgroups": [], "decision_curve": None, **changes})
    return facts_of_validation(result, shipped_bundle("non_response"))


def test_every_fact_that_a_template_names_is_there():
    assert frozenset().union(*(facts_in(item.get(VALIDATION, "")) for item in items())) <= set(facts())


def test_the_patients_beside_those_of_development():
    said = facts()
    assert said["judged_on"] == "Judged on 60 patients, 9 with the event (15 %)."
    assert said["missing"] == "CD19+ B cells all (at development 25 %)"
    assert said["not_recorded"] == "Not recorded here: CD19+ B cells."
    assert "60 rows here, 105 at development." in said["comparison"]
    assert "beyond chance Marrow MRD before first dose +0.50 (all: validation.html)" in said["comparison"]
    assert "With the event: 15 % here, 20 % at development." in said["comparison"]
    assert "BCR::ABL1 (Ph+): absent 90 %, present 10 %" in said["case_mix"]
    assert "Marrow MRD before first dose: geometric mean 1 %" in said["case_mix"]
    assert "Age: mean 6.91 years" in said["case_mix"]
    assert said["case_mix"].endswith("CD19+ B cells: not known")


def test_inputs_alike_are_said_to_be():
    inputs = [item | {"standardised_difference": 0.1} for item in results.MIX["inputs"]]
    said = facts(case_mix=results.MIX | {"inputs": inputs})["comparison"]
    assert "Standardised differences of the inputs: none beyond chance" in said
    rate = {"here": 0.15, "there": None, "horizon_months": 12.0}
    assert (
        "With the event by 12 months: 15 % here, not known at development."
        in facts(case_mix=results.MIX | {"event_rate": rate})["comparison"]
    )


def test_reasons_are_those_against_and_none_is_said_twice():
    said = facts()
    assert said["conclusion"] == "Needs recalibration of the level."
    assert said["reasons"] == "9 events; needed are about 80. Risks are too low."
    words = "needs recalibration of the level: risks are too low"
    assert facts(transport=results.TRANSPORT | {"words": words})["reasons"] == "9 events; needed are about 80."
    assert said["size_needed"] == "9 events; needed are about 80."
    assert facts(transport=results.TRANSPORT | {"reasons": []})["size_needed"] is None
    assert said["notes"] == "Marrow MRD before first dose in <5 rows."


def test_centres_are_the_subgroups_of_that_name():
    assert facts()["centres"] is facts()["n_centres"] is None
    groups = [CENTRE, CENTRE | {"level": "centre 1", "metrics": {}}, CENTRE | {"name": "sex", "label": "Sex"}]
    said = facts(subgroups=groups)
    assert said["n_centres"] == "2 centres."
    assert said["centres"] == "Centre 2 0.91 (0.79 to 0.96); not estimable in 1 of 2 groups."


@pytest.mark.parametrize(
    ("kind", "months", "said"),
    [("binary", None, "The outcome is judged"), ("survival", 20.0, "Median potential follow-up 20.0 months.")],
)
def test_follow_up_is_that_of_these_patients(kind, months, said):
    mix = results.MIX | {"follow_up_months": {"here": months, "there": 3.0}}
    result = results.validation(**results.judged(kind)) | {"case_mix": mix, "subgroups": [], "decision_curve": None}
    assert facts_of_validation(result, shipped_bundle("efs"))["follow_up"].startswith(said)
