"""A Bundle becomes a patient: what is assumed, what the report says, and that FHIR changes no estimate."""

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
    FIRST_DOSE,
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


def random_patient(bundle, random_):
    """Any values of a model's inputs, in any unit, below limits or not known."""
    patient = {}
    for name in bundle.model.inputs:
        variable = bundle.dictionary[name]
        if random_.random() < 0.25:
            continue
        if variable.kind == "tristate":
            patient[name] = random_.choice(["present", "absent"])
        elif variable.kind == "category":
            patient[name] = random_.choice(list(variable.levels))
        elif variable.kind == "integer":
            patient[name] = random_.randint(1, 5)
        else:
            low, high = max(variable.soft[0], variable.soft[1] * 1e-4), variable.soft[1]
            unit = random_.choice([unit for unit in ("%", "1", "10*-4", "10*9/L", "/uL", "a", "mo")
                                   if variable.quantity.factor(unit)])  # fmt: skip
            number = low * (high / low) ** random_.random() / variable.quantity.factor(unit)
            if variable.left_censored and random_.random() < 0.2:
                patient[name] = f"<{number!r} {unit}"
            else:
                patient[name] = random_.choice(
                    [{"value": number, "unit": unit}, number * variable.quantity.factor(unit)]
                )
    return patient


@pytest.mark.parametrize("name", ["non_response", "icans", "efs", "induction_efs"])
def test_patients_get_the_same_estimate_through_fhir(name):
    bundle, random_ = model(name), random.Random(7)
    for _ in range(50):
        patient = random_patient(bundle, random_)
        found = read_fhir(as_fhir(patient, bundle.dictionary, random_.choice), bundle.dictionary, first_dose=FIRST_DOSE)
        assert found.asides == ()
        plain, through = (bundle.predict(p, explain=False) for p in (patient, found.patient))
        assert (through.value, through.low, through.high) == (plain.value, plain.low, plain.high)
        assert through.missing == plain.missing


def test_the_bundles_of_this_file_are_fhir():
    shapes = pytest.importorskip("fhir.resources.R4B.bundle")
    random_, bundle = random.Random(1), model("non_response")
    shapes.Bundle.model_validate(example("fhir_bundle"))
    shapes.Bundle.model_validate(as_fhir(random_patient(bundle, random_), bundle.dictionary, random_.choice))
    shapes.Bundle.model_validate(collection(cd19(30, "2026-03-01")))


def test_reading_a_bundle_needs_the_standard_library_alone():
    code = "import sys, riskml.serving.fhir_in; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded & {"numpy", "fastapi", "pydantic", "starlette", "pandas", "jinja2"} == set()
    assert "tomllib" not in loaded  # only a Bundle that is read pays for it
