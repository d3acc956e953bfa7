"""A RiskAssessment says what the Prediction says: valid R4, in percent, interval and origin beside each number."""

from __future__ import annotations

import json
import random

import pytest

from riskml.errors import UsageError
from riskml.serving.fhir_in import read_fhir
from riskml.serving.fhir_out import risk_assessment, shifted
from tests.serving.fhir import FIRST_DOSE, UCUM, as_fhir, collection, example, model, observation, quantity

NOW = "2026-03-01T08:00:00+01:00"


def assessed(name, bundle=None, first_dose=None, **settings):
    found = read_fhir(
        example("fhir_bundle") if bundle is None else bundle, model(name).dictionary, first_dose=first_dose
    )
    prediction = model(name).predict(found.patient)
    return prediction, risk_assessment(prediction, found, occurred=NOW, **settings)


@pytest.mark.parametrize("name", ["non_response", "efs"])
def test_every_number_comes_back_in_percent_with_its_interval(name):
    prediction, resource = assessed(name)
    parts = resource["prediction"]
    assert [part["probabilityDecimal"] for part in parts[::2]] == [shifted(value) for value in prediction.value]
    for k, part in enumerate(parts[1::2]):
        ends = part["probabilityRange"]
        assert (ends["low"]["value"], ends["high"]["value"]) == (
            shifted(prediction.low[k]),
            shifted(prediction.high[k]),
        )
        assert {(end["code"], end["system"]) for end in ends.values()} == {("%", UCUM)}  # the constraint ras-1
        assert part["outcome"] == parts[2 * k]["outcome"]
        assert part.get("whenPeriod") == parts[2 * k].get("whenPeriod")


def test_a_fraction_is_an_option_and_the_range_stays_percent():
    prediction, resource = assessed("non_response", scale="fraction")
    assert resource["prediction"][0]["probabilityDecimal"] == prediction.value[0]
    assert resource["prediction"][1]["probabilityRange"]["high"]["value"] == shifted(prediction.high[0])
    with pytest.raises(UsageError):
        assessed("non_response", scale="permille")


@pytest.mark.parametrize(
    ("share", "percent"), [(0.07, 7.0), (0.29, 29.0), (0.57, 57.0), (1.0, 100.0), (0.0, 0.0), (1e-7, 1e-5)]
)
def test_percent_is_the_fraction_with_its_point_moved(share, percent):
    assert shifted(share) == pytest.approx(percent, rel=1e-15)
    assert "e" in repr(share) or shifted(share) == percent


def test_time_is_told_as_dates_where_the_first_dose_is_known_and_as_months_elsewhere():
    _, dated = assessed("efs", first_dose=FIRST_DOSE)
    assert dated["prediction"][2]["whenPeriod"] == {"start": "2026-03-02", "end": "2027-03-02"}
    undated = collection(observation("mrd", effectiveDateTime=None, valueQuantity=quantity(1, "%")))
    prediction, resource = assessed("efs", undated)
    ends = [part["whenRange"] for part in resource["prediction"][::2]]
    assert [(end["low"]["value"], end["high"]["value"]) for end in ends] == [(0.0, t) for t in prediction.times]
    assert {end["high"]["code"] for end in ends} == {"mo"}
    assert "whenPeriod" not in assessed("non_response")[1]["prediction"][0]


def test_the_basis_is_what_counted_and_nothing_else():
    basis = [item["reference"] for item in assessed("non_response")[1]["basis"]]
    assert basis == [
        *("Observation/mrd", "Observation/bcr-abl1", "Observation/tcf3-hlf", "Condition/kmt2a"),
        *("Observation/cd19", "Observation/cd3-new"),
    ]
    assert "basis" not in assessed("icans")[1]  # age alone, from the date of birth


def test_it_says_which_model_and_how_complete_it_is():
    prediction, resource = assessed("non_response")
    assert prediction.model["digest"] in resource["method"]["text"]
    assert resource["method"]["coding"][0]["code"] == "non_response"
    assert resource["contained"][0]["identifier"][0]["value"] == prediction.model["digest"]
    assert resource["performer"]["reference"] == f"#{resource['contained'][0]['id']}"
    assert resource["subject"] == {"reference": "Patient/example"}
    assert resource["occurrenceDateTime"] == NOW
    assert resource["status"] == "preliminary"  # something was quarantined
    bundle = model("non_response")
    whole = {"bcr_abl1": "absent", "kmt2a_r": "absent", "tcf3_hlf": "absent", "mrd": 0.01, "cd19": 0.1, "cd3": 0.5}
    _, complete = assessed("non_response", as_fhir(whole, bundle.dictionary, random.Random(1).choice), FIRST_DOSE)
    assert complete["status"] == "final"
    assert complete["subject"] == {"display": "the patient of the request"}


def test_notes_hold_what_must_be_read_beside_it():
    prediction, resource = assessed("icans")
    notes = [note["text"] for note in resource["note"]]
    assert any(note.startswith("For research.") for note in notes)
    assert any(note.startswith("SYNTHETIC") for note in notes)
    assert any(note.startswith("Quarantined: cd4_pct (Bundle.entry[9].resource)") for note in notes)
    assert any(prediction.labels[name] in note for note in notes for name in prediction.missing)
    assert all(json.dumps(note, ensure_ascii=False) for note in notes)
    assert "<script" not in resource["text"]["div"]


@pytest.mark.parametrize("when", ["", "now", "2026-03-01T08:00"])
def test_the_time_of_the_assessment_must_be_one(when):
    found = read_fhir(example("fhir_bundle"), model("efs").dictionary)
    with pytest.raises(UsageError):
        risk_assessment(model("efs").predict(found.patient), found, occurred=when)


@pytest.mark.parametrize("name", ["non_response", "efs"])
def test_it_is_fhir(name):
    shapes = pytest.importorskip("fhir.resources.R4B.riskassessment")
    _, resource = assessed(name)
    again = json.loads(shapes.RiskAssessment.model_validate(resource).model_dump_json())
    assert again["prediction"][0]["probabilityDecimal"] == pytest.approx(
        resource["prediction"][0]["probabilityDecimal"]
    )
    assert set(again) >= set(resource) - {"resourceType"}


def test_every_decimal_is_at_most_a_hundred_and_no_value_is_empty():
    """The constraint ras-2, and the rule of FHIR's JSON that nothing is null or empty."""
    bundle, random_ = model("non_response"), random.Random(3)
    for mrd in (1e-6, 1e-3, 0.9):
        patient = {"mrd": mrd, "kmt2a_r": random_.choice(["present", "absent"])}
        _, resource = assessed("non_response", as_fhir(patient, bundle.dictionary, random_.choice), FIRST_DOSE)
        assert 0 <= resource["prediction"][0]["probabilityDecimal"] <= 100
        assert not list(empty(resource))


def empty(value, place=""):
    if value is None or value in ("", [], {}):
        yield place
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from empty(item, f"{place}.{key}")
