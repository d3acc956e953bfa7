"""The two schemas against an independent validator: who may stand in them, and who is refused."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.errors import DataError, RiskmlError
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.inputs import patient_readings
from riskml.runtime.schema import ROLES, patient_schema, prediction_schema
from tests.runtime.models import SHIPPED, bundle_of, portable_models, shipped_bundle, times_for

DICTIONARY = load_dictionary()
BUNDLE = bundle_of(shipped_bundle("non_response").model)  # with the dictionary of this riskml
SCHEMA = patient_schema(BUNDLE)
PATIENT = jsonschema_rs.Draft202012Validator(SCHEMA)
PREDICTION = jsonschema_rs.Draft202012Validator(prediction_schema())
NAMES = list(DICTIONARY.variables)
# What no schema of single values can see.
ONLY_KNOWN_WHEN_READ = (
    "must lie in",
    "must lie within",
    "needs the limit it lies below",
    "must be a date from",
    "must be a whole number",
    "cannot be true together",
)


@pytest.mark.parametrize("name", SHIPPED)
def test_both_schemas_are_sound_and_take_every_golden_patient_and_prediction(name):
    bundle = shipped_bundle(name)
    schema = patient_schema(bundle)
    jsonschema_rs.meta.validate(schema)
    jsonschema_rs.meta.validate(prediction_schema())
    for entry in bundle.golden:
        jsonschema_rs.validate(schema, entry["patient"])
        PREDICTION.validate(bundle.predict(entry["patient"]).as_dict())
    assert list(schema["properties"])[: len(bundle.model.inputs)] == list(bundle.model.inputs)
    assert set(schema["properties"]) == set(bundle.dictionary.variables)
    assert {item["x-role"] for item in schema["properties"].values()} <= set(ROLES)


def test_a_form_can_be_built_of_it():
    mrd = SCHEMA["properties"]["mrd"]
    assert mrd["title"] == "Marrow MRD before first dose"
    assert (mrd["x-role"], mrd["x-kind"], mrd["x-unit"], mrd["x-display-unit"]) == ("input", "number", "1", "%")
    assert mrd["anyOf"][0] == {"type": "number", "minimum": 0, "maximum": 1}
    assert "mrd_pct" in mrd["x-spellings"]
    status = SCHEMA["properties"]["disease_status_at_start"]
    assert status["anyOf"][0] == {"enum": list(DICTIONARY["disease_status_at_start"].levels)}
    assert SCHEMA["properties"]["bm_blasts"]["x-codes"][0]["system"] == "loinc"
    assert SCHEMA["properties"]["age"]["x-role"] == "population", "an adult is outside, whatever the model takes"


def test_references_hold_where_the_schema_stands_in_a_larger_document():
    place = "#/components/schemas/Patient"
    document = {"components": {"schemas": {"Patient": patient_schema(BUNDLE, at=place)}}, "$ref": place}
    larger = jsonschema_rs.Draft202012Validator(document)
    assert larger.is_valid({"mrd": "0.5 %", "bcr_abl1": "absent"})
    assert not larger.is_valid({"mrd": "0.5 parsec"})


@pytest.mark.parametrize(
    "patient",
    [
        {"mrd": "0.52 %", "age": "6.4 a", "cd19": {"value": 30, "unit": "/uL"}, "bcr_abl1": "absent"},
        {"mrd": "<0.01 %", "wbc": "60 10*9/L", "cd3": " 120 /UL ", "kmt2a_r": "Not tested", "tcf3_hlf": None},
        {"mrd": "ND", "disease_status_at_start": "R/R", "bcr_abl1": 1, "kmt2a_r": False, "cycle_index": 2},
        {"mrd": {"value": "<0.01", "unit": "%"}, "cd19": {"value": None}, "patient_id": "A-7"},
        {},
    ],
)
def test_the_documented_ways_to_write_a_patient_are_all_there(patient):
    PATIENT.validate(patient)
    patient_readings(BUNDLE, patient)


@pytest.mark.parametrize(
    "patient",
    [
        {"mdr": 0.1},
        {"mrd": True},
        {"mrd": [0.1]},
        {"mrd": 1.5},
        {"mrd": "0,5 %"},
        {"mrd": "0.5 parsec"},
        {"mrd": ">5 %"},
        {"mrd": {"value": 1, "unit": "parsec"}},
        {"mrd": {"value": 1, "units": "%"}},
        {"mrd": {"unit": "%"}},
        {"age": "<5 a"},
        {"cycle_index": 1.5},
        {"bcr_abl1": "perhaps"},
        {"bcr_abl1": 2},
        {"disease_status_at_start": "R-R-R"},
        [],
    ],
)
def test_what_predict_refuses_for_its_form_the_schema_refuses(patient):
    assert not PATIENT.is_valid(patient)
    with pytest.raises((RiskmlError, AttributeError)):
        patient_readings(BUNDLE, patient)


def _written(name):
    """Values of one variable in all the ways the dictionary allows, and in many that it does not."""
    variable = DICTIONARY[name]
    units = st.sampled_from(["", "parsec", *variable.quantity.spellings])
    words = [*variable.levels, *variable.below_words, *variable.present_words, *variable.absent_words]
    words += [*DICTIONARY.words.missing, *DICTIONARY.words.present, *DICTIONARY.words.absent, "nd", "perhaps"]
    number = (
        st.integers(-3, 400) | st.floats(-1, 120, allow_nan=False) | st.floats(allow_nan=False, allow_infinity=False)
    )
    digits = st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "<", "<= ", "≤", ">", "~", "+", "-", " "]),
        number,
        st.sampled_from(["", " "]),
    )
    text = st.builds("{}{}".format, digits, units) | st.sampled_from(words).flatmap(
        lambda word: st.sampled_from([word, word.upper(), word.title(), f" {word} ", f"{word}x"])
    )
    days = st.sampled_from(["2021-04-30", "2021-02-30", "2021-13-01", "30.04.2021"])
    plain = st.none() | st.booleans() | number | text | days | st.text(max_size=4)
    apart = st.dictionaries(st.sampled_from(["value", "unit", "units"]), plain | units, max_size=2)
    return plain | apart | st.lists(plain, max_size=2)


@settings(max_examples=300)
@given(st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), _written(name))))
def test_what_is_written_by_the_schema_predict_reads_unless_it_is_out_of_range(case):
    name, raw = case
    if not PATIENT.is_valid({name: raw}):
        return
    assert [
        fault for fault in _faults({name: raw}) if not any(rule in fault.rule for rule in ONLY_KNOWN_WHEN_READ)
    ] == []


def _faults(patient):
    try:
        patient_readings(BUNDLE, patient)
    except DataError as error:
        return error.faults
    return ()


@settings(max_examples=40)
@given(portable_models(max_inputs=3), st.data())
def test_every_prediction_of_every_kind_of_model_stands_in_the_schema(model, data):
    names = ["age", "mrd", "cd19"][: len(model.inputs)]
    if any(name.startswith("level") for name in model.inputs):
        return
    renamed = dict(zip(model.inputs, names, strict=True))
    features = tuple(f.with_(inputs=tuple(renamed[n] for n in f.inputs)) for f in model.features)
    bundle = bundle_of(model.with_(inputs=tuple(names), features=features, limits={}, usual={}))
    known = data.draw(st.dictionaries(st.sampled_from(names), st.floats(0.01, 0.9), max_size=3))
    times, asked = times_for(model), {}
    if model.kind != "binary" and data.draw(st.booleans()):
        asked = {"event_free_at": 0.25, "expected_months": model.horizon}
        times = tuple(month for month in times if month > 0.25)
    explain = data.draw(st.booleans())
    as_given = data.draw(st.none() | st.just({"age": 0.3}))
    prediction = bundle.predict(known, at=times, explain=explain, as_given=as_given, **asked)
    found = json.loads(json.dumps(prediction.as_dict(), allow_nan=False))
    PREDICTION.validate(found)
    assert ("what_if" in found) == (prediction.what_if is not None)
    assert not PREDICTION.is_valid({**found, "extra": 1})
    assert all(not PREDICTION.is_valid({k: v for k, v in found.items() if k != gone}) for gone in ("domain", "not_for"))


def test_a_single_number_where_one_a_month_belongs_is_refused():
    found = shipped_bundle("efs").predict({}).as_dict()
    assert not PREDICTION.is_valid({**found, "estimate": {**found["estimate"], "value": 0.5}})
    assert not PREDICTION.is_valid({**found, "estimate": {**found["estimate"], "kind": "probability"}})
