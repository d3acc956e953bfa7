"""What the tests of FHIR and CDS Hooks share: examples of the docs, small resources, and a patient written as FHIR."""

from __future__ import annotations

import json
import re
from functools import cache

from riskml.runtime.bundle import open_bundle, shipped
from riskml.runtime.dictionary import load_dictionary
from riskml.serving.fhir_codes import load_codes
from riskml.serving.fhir_in import read_fhir
from tests.repository import ROOT

EXAMPLES = ROOT / "docs" / "examples"
LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
OWN, VALUE = "urn:riskml:variable", "urn:riskml:value"
FIRST_DOSE, DAY_BEFORE = "2026-03-02", "2026-03-01"


def example(name):
    return json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))


@cache
def model(name):
    return open_bundle(shipped(name))


def coded(system, code):
    return {"coding": [{"system": system, "code": code}]}


def quantity(value, code, **more):
    return {"value": value, "system": UCUM, "code": code, **more}


def observation(name, system=OWN, **elements):
    """An Observation of a variable (or of a LOINC code); final and of the day before the first dose."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": coded(system, name),
        "effectiveDateTime": DAY_BEFORE,
        **elements,
    }


def cd19(value, when, **elements):
    """A count of CD19+ cells per microlitre."""
    return observation("cd19", effectiveDateTime=when, valueQuantity=quantity(value, "/uL"), **elements)


def collection(*resources, **elements):
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources], **elements}


def read(*resources, first_dose=FIRST_DOSE, **settings):
    return read_fhir(collection(*resources), load_dictionary(), first_dose=first_dose, **settings)


def why(found):
    """Code of each value that was not used, by variable."""
    return {aside.input: aside.code for aside in found.asides}


def as_fhir(patient, dictionary, choose):
    """A patient as a Bundle; ``choose`` picks among the ways to write the same (``random.Random.choice``)."""
    codes = load_codes()
    resources = []
    for name, raw in patient.items():
        if raw is None:
            continue
        variable = dictionary[name]
        system, code = choose(codes.codings_of(variable))
        if variable.kind == "tristate":
            answers = [coding for coding, present in codes.answers.items() if present == (raw == "present")]
            value = {"valueCodeableConcept": coded(*choose([(VALUE, raw), *answers]))}
        elif variable.kind == "category":
            value = {"valueCodeableConcept": coded(VALUE, raw)}
        elif variable.kind == "integer":
            value = choose([{"valueInteger": raw}, {"valueQuantity": {"value": raw}}])
        else:
            value = {"valueQuantity": _as_quantity(raw, variable, codes, choose)}
        resources.append(observation(code, system, id=name.replace("_", "-"), **value))
    return collection(*resources)


def _as_quantity(raw, variable, codes, choose):
    comparator = {}
    if isinstance(raw, str):
        below, number, unit = re.fullmatch(r"(<?)([0-9.e-]+) (.+)", raw).groups()
        comparator = {"comparator": "<"} if below else {}
    else:
        number, unit = (raw["value"], raw["unit"]) if isinstance(raw, dict) else (raw, variable.quantity.canonical)
    ucum = [code for code, spelling in codes.units[variable.quantity.name].items() if spelling == unit]
    return quantity(float(number), choose(ucum), **comparator)
