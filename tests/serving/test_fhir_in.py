"""A Bundle becomes a patient: what is assumed and what the report says."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest

from riskml.errors import UsageError
from riskml.runtime.dictionary import load_dictionary
from riskml.serving.fhir_in import SCHEMA, read_fhir
from tests.serving.fhir import (
    as_fhir,
    cd19,
    collection,
    example,
    model,
    observation,
    quantity,
    read,
    why,
)
from tests.serving.random_patients import random_patient

DICTIONARY = load_dictionary()


@pytest.mark.parametrize(
    ("birth", "age", "code"),
    [
        ("2019-09-14", {"value": 2361, "unit": "d"}, None),
        ("2019-09", {"value": 2360, "unit": "d"}, None),
        ("2019", None, "too_coarse"),
        ("2027-01-01", None, "refused_value"),
        ("1901-01-01", None, "refused_value"),
    ],
)
def test_age_follows_from_the_date_of_birth(birth, age, code):
    found = read({"resourceType": "Patient", "birthDate": birth, "gender": "male"})
    assert found.patient == {"sex": "male"} | ({"age": age} if age else {})
    assert why(found) == ({"age": code} if code else {})
    assert birth not in json.dumps(found.report())


def test_the_date_of_birth_is_better_than_an_age_that_was_written_down():
    patient = {"resourceType": "Patient", "birthDate": "2019-09-14", "gender": "other"}
    found = read(patient, observation("age", valueQuantity=quantity(9, "a")))
    assert found.patient == {"age": {"value": 2361, "unit": "d"}}
    assert why(found) == {"age": "computed"}


def test_the_first_dose_is_given_or_found_or_assumed_and_said():
    dose = {
        "resourceType": "MedicationAdministration",
        "status": "completed",
        "medicationCodeableConcept": {"text": "Blincyto"},
        "effectiveDateTime": "2026-02-25",
    }
    values = [cd19(30, "2026-02-24"), cd19(40, "2026-03-01")]
    cases = {
        "given": (read(dose, *values), 40),
        "administration": (read(dose, *values, first_dose=None), 30),
        "as_of": (read(*values, first_dose=None, as_of="2026-02-28"), 30),
        "latest_value": (read(*values, first_dose=None), 40),
        "none": (read(cd19(50, None), first_dose=None), 50),
    }
    for anchor, (found, value) in cases.items():
        assert found.anchor == anchor
        assert found.patient["cd19"]["value"] == value
        assert bool(found.assumed) or anchor == "given"
        assert (found.first_dose is not None) is (anchor in {"given", "administration"})
    assert "given before" in cases["given"][0].assumed[0]


@pytest.mark.parametrize("wrong", ["2026", "2026-03", "soon", ""])
def test_a_first_dose_without_a_day_is_a_usage_error(wrong):
    with pytest.raises(UsageError):
        read(first_dose=wrong)
    with pytest.raises(UsageError):
        read(as_of=wrong)


def test_a_report_says_everything_and_names_nobody():
    bundle = example("fhir_bundle")
    found = read_fhir(bundle, DICTIONARY)
    report = found.report()
    assert set(report) == {"schema", "first_dose", "assumed", "used", "quarantined", "dropped", "not_read"}
    assert report["schema"] == SCHEMA
    assert {item["input"]: item["code"] for item in report["quarantined"]} == {"cd4_pct": "unit_conflict"}
    assert {item["input"]: item["code"] for item in report["dropped"]} == {"lymphocytes": "status", "cd3": "too_early"}
    text = json.dumps(report) + "\n".join(found.lines())
    assert not any(word in text for word in ("example", "2019", "2025", "2026", "Patient/", "0.52"))
    assert len(found.lines()) == 4


def test_thousands_of_one_kind_are_one_line():
    found = read(*[observation("cd19", valueQuantity=quantity(k, "%")) for k in range(1500)])
    (line,) = found.lines()
    assert line.startswith("quarantined: cd19 (Bundle.entry[0].resource and 1,499 more): the unit is none of")
    same = read(*[cd19(30, None)] * 1999, first_dose=None)  # each may be of the same time as every other
    assert len(same.asides) == 1998


def test_the_bundles_of_this_file_are_fhir():
    shapes = pytest.importorskip("fhir.resources.R4B.bundle")
    random_, bundle = random.Random(1), model("non_response")
    shapes.Bundle.model_validate(example("fhir_bundle"))
    patient = random_patient(bundle.dictionary, bundle.model.inputs, random_)
    shapes.Bundle.model_validate(as_fhir(patient, bundle.dictionary, random_.choice))
    shapes.Bundle.model_validate(collection(cd19(30, "2026-03-01")))


def test_reading_a_bundle_needs_the_standard_library_alone():
    code = "import sys, riskml.serving.fhir_in; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded & {"numpy", "fastapi", "pydantic", "starlette", "pandas", "jinja2"} == set()
    assert "tomllib" not in loaded  # only a Bundle that is read pays for it
