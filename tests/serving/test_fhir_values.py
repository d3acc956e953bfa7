"""value[x]: every type, unit, comparator and code, and what is refused of them."""

from __future__ import annotations

import pytest

from riskml.runtime.dictionary import load_dictionary
from riskml.serving.fhir_codes import load_codes
from riskml.serving.fhir_shape import Shape
from riskml.serving.fhir_values import NotUsedError, raw_value
from tests.serving.fhir import LOINC, SNOMED, UCUM, VALUE, coded, observation, quantity, read, why

DICTIONARY, CODES = load_dictionary(), load_codes()
POSITIVE, ABSENT = {"system": SNOMED, "code": "10828004"}, {"system": LOINC, "code": "LA9634-2"}


def raw(name, **elements):
    shape = Shape()
    found = raw_value(shape, elements, "X", DICTIONARY[name], CODES)
    shape.check()
    return found


def code_of_refusal(name, **elements):
    with pytest.raises(NotUsedError) as refused:
        raw(name, **elements)
    return refused.value.code


@pytest.mark.parametrize(
    ("name", "elements", "canonical"),
    [
        ("cd19", {"valueQuantity": quantity(30, "/uL")}, 0.03),
        ("cd19", {"valueQuantity": quantity(30, "{cells}/uL", unit="cells/µL")}, 0.03),
        ("cd19", {"valueQuantity": quantity(0.03, "10*9/L")}, 0.03),
        ("cd19", {"valueQuantity": quantity(0.03, "10*3/uL")}, 0.03),
        ("cd19", {"valueQuantity": quantity(30, "10*6/L")}, 0.03),
        ("cd19", {"valueQuantity": {"value": 30, "unit": "cells/µL"}}, 0.03),
        ("mrd", {"valueQuantity": quantity(0.52, "%")}, 0.0052),
        ("mrd", {"valueQuantity": quantity(52, "10*-4")}, 0.0052),
        ("mrd", {"valueQuantity": quantity(0.0052, "1")}, 0.0052),
        ("mrd", {"valueString": "0.52 %"}, 0.0052),
        ("cd3_pct", {"valueQuantity": quantity(45, "%")}, 0.45),
        ("igg", {"valueQuantity": quantity(920, "mg/dL")}, 9.2),
        ("igg", {"valueQuantity": quantity(9.2, "g/L")}, 9.2),
        ("il6", {"valueQuantity": quantity(4.2, "pg/mL")}, 4.2),
        ("il6", {"valueQuantity": quantity(0.0042, "ng/mL")}, 4.2),
        ("age", {"valueQuantity": quantity(77, "mo")}, 77 / 12),
        ("cycle_index", {"valueInteger": 1}, 1.0),
        ("cycle_index", {"valueQuantity": {"value": 1}}, 1.0),
        ("cycle_index", {"valueQuantity": quantity(1, "{cycle}")}, 1.0),
        ("planned_infusion_days", {"valueQuantity": quantity(4, "wk")}, 28.0),
        ("bcr_abl1", {"valueBoolean": False}, 0.0),
        ("bcr_abl1", {"valueCodeableConcept": coded(LOINC, "LA9633-4")}, 1.0),
        ("bcr_abl1", {"valueCodeableConcept": coded(SNOMED, "260385009")}, 0.0),
        ("bcr_abl1", {"valueCodeableConcept": coded(VALUE, "present")}, 1.0),
        ("bcr_abl1", {"valueCodeableConcept": {"text": "Ph+"}}, 1.0),
        ("bcr_abl1", {"valueString": "not detected"}, 0.0),
        ("disease_class_initial", {"valueCodeableConcept": coded(VALUE, "R/R")}, "R/R"),
    ],
)  # fmt: skip
def test_one_value_is_read_however_it_is_written(name, elements, canonical):
    reading = DICTIONARY.read(DICTIONARY[name], raw(name, **elements))
    assert reading.value == (pytest.approx(canonical, rel=1e-12) if isinstance(canonical, float) else canonical)


@pytest.mark.parametrize(
    ("comparator", "value", "unit", "limit"), [("<", 0.01, "%", 1e-4), ("<=", 1, "10*-4", 1e-4), ("<", 1e-5, "1", 1e-5)]
)
def test_less_than_is_below_the_limit(comparator, value, unit, limit):
    reading = DICTIONARY.read(DICTIONARY["mrd"], raw("mrd", valueQuantity=quantity(value, unit, comparator=comparator)))
    assert reading.below == pytest.approx(limit)
    assert reading.value == pytest.approx(limit / 2**0.5)


def test_a_coded_negative_mrd_is_below_the_limit_and_a_positive_one_no_number():
    absent = raw("mrd", valueCodeableConcept=coded(SNOMED, "260415000"))
    assert DICTIONARY.read(DICTIONARY["mrd"], absent).below == 1e-4
    assert code_of_refusal("mrd", valueCodeableConcept=coded(SNOMED, "260373001")) == "value_type"


@pytest.mark.parametrize(
    ("name", "elements", "code"),
    [
        ("cd19", {"valueQuantity": quantity(30, "%")}, "unit_conflict"),
        ("cd3_pct", {"valueQuantity": quantity(420, "/uL")}, "unit_conflict"),
        ("il6", {"valueQuantity": quantity(0.2, "pmol/L")}, "unit_conflict"),
        ("il6", {"valueQuantity": quantity(0.2, "[IU]/mL")}, "unit_conflict"),
        ("cd19", {"valueQuantity": quantity(30, "/uL", unit="10*9/L")}, "unit_conflict"),
        ("cd19", {"valueQuantity": {"value": 30, "unit": "per microlitre"}}, "unit_conflict"),
        ("cd19", {"valueQuantity": {"value": 30, "unit": "g/L"}}, "unit_conflict"),
        ("cd19", {"valueQuantity": {"value": 30}}, "no_unit"),
        ("cd19", {"valueString": "30"}, "no_unit"),
        ("mrd", {"valueString": "< 0.01"}, "no_unit"),
        ("mrd", {"valueCodeableConcept": coded(VALUE, "0.01")}, "no_unit"),
        ("planned_infusion_days", {"valueInteger": 28}, "no_unit"),
        ("cd19", {"valueQuantity": {"value": 30, "code": "/uL"}}, "unit_system"),
        ("cd19", {"valueQuantity": {"value": 30, "code": "/uL", "system": "urn:x"}}, "unit_system"),
        ("mrd", {"valueQuantity": quantity(0.01, "%", comparator=">")}, "comparator"),
        ("mrd", {"valueQuantity": quantity(0.01, "%", comparator=">=")}, "comparator"),
        ("mrd", {"valueQuantity": quantity(0.01, "%", comparator="ad")}, "comparator"),
        ("mrd", {"valueQuantity": {"system": UCUM, "code": "%"}}, "no_value"),
        ("mrd", {"valueString": "  "}, "no_value"),
        ("mrd", {}, "no_value"),
        ("mrd", {"dataAbsentReason": coded("x", "not-performed")}, "no_value"),
        ("mrd", {"valueString": "neg", "dataAbsentReason": coded("x", "error")}, "value_and_absent"),
        ("mrd", {"valueRatio": {}}, "value_type"),
        ("mrd", {"valueInteger": 1}, "value_type"),
        ("mrd", {"valueBoolean": True}, "value_type"),
        ("bcr_abl1", {"valueQuantity": quantity(1, "1")}, "value_type"),
        ("bcr_abl1", {"valueCodeableConcept": coded("urn:x", "yes")}, "unknown_code"),
        ("bcr_abl1", {"valueCodeableConcept": {"coding": [POSITIVE, ABSENT]}}, "value_conflict"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused_by_name(name, elements, code):
    assert code_of_refusal(name, **elements) == code


def test_codes_that_agree_are_one_value():
    both = [*coded(SNOMED, "10828004")["coding"], *coded(VALUE, "present")["coding"], *coded("urn:x", "?")["coding"]]
    assert raw("bcr_abl1", valueCodeableConcept={"coding": both}) == "present"


def test_every_loinc_code_refuses_every_unit_of_another_kind():
    """The known traps at once: counts under percentage codes, percentages under count codes, grams under either."""
    units = {unit: name for name, table in CODES.units.items() for unit in table}
    tried = 0
    for name in DICTIONARY.variables:
        variable = DICTIONARY[name]
        for code in variable.codes:
            for unit in units:
                if code.system == "loinc" and CODES.spelling(variable, unit) is None:
                    tried += 1
                    found = read(observation(code.code, LOINC, valueQuantity=quantity(1, unit)))
                    assert (found.patient, why(found)) == ({}, {name: "unit_conflict"})
    assert tried > 400


def test_two_values_in_one_element_are_a_fault_of_form():
    shape = Shape()
    with pytest.raises(NotUsedError):
        raw_value(shape, {"valueString": "neg", "valueInteger": 1}, "X", DICTIONARY["mrd"], CODES)
    assert [fault.column for fault in shape.faults] == ["X"]
