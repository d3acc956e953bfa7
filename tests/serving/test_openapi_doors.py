"""FHIR and CDS Hooks in the document: every address is there, every example is answered and says what Python says."""

from __future__ import annotations

import pytest

from riskml.serving.cds_services import SERVICES
from riskml.serving.fhir_codes import load_codes
from riskml.serving.fhir_in import read_fhir
from riskml.serving.fhir_out import shifted
from riskml.serving.fhir_routes import FHIR_TYPE
from riskml.serving.openapi_doors import door_paths, example_chart
from tests.runtime.models import SHIPPED
from tests.serving.asking import SMALL, TIMED
from tests.serving.fhir import model


@pytest.fixture(scope="module")
def paths(ask):
    return ask("GET", "/openapi.json").json()["paths"]


def examples(paths, path, kind="application/json"):
    content = paths[path]["post"]["requestBody"]["content"][kind]
    return {name: one["value"] for name, one in content["examples"].items()}


def test_every_address_of_both_doors_is_described(paths, ask):
    ends = ("metadata", "OperationDefinition/risk-assessment", "$risk-assessment")
    fhir = {f"/fhir/{name}/{end}" for name in (SMALL, TIMED) for end in ends}
    cds = {"/cds-services"} | {f"/cds-services/{name}{end}" for name in SERVICES for end in ("", "/feedback")}
    assert (
        {path for path in paths if path.startswith(("/fhir", "/cds"))}
        == fhir | cds
        == {*door_paths(ask.models.current)}
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_the_example_is_the_first_invented_patient(name):
    bundle = model(name)
    found = read_fhir(example_chart(bundle, load_codes()), bundle.dictionary)
    assert found.asides == ()
    want = bundle.predict(bundle.golden[0]["patient"])
    got = bundle.predict(found.patient)
    assert (got.value, got.low, got.high) == (want.value, want.low, want.high)


def test_an_example_takes_any_way_to_write_a_patient_and_leaves_out_what_no_result_is():
    bundle = model(SMALL)
    patient = {"mrd %": 0.52, "cd19": {"value": 30, "unit": "/uL"}, "cd3": 0.7, "kmt2a_r": 0, "cycle_index": 1}
    entry = {**bundle.golden[0], "patient": {**patient, "genetics": "46,XX", "tki": None}}
    found = read_fhir(example_chart(bundle.with_(golden=(entry,)), load_codes()), bundle.dictionary)
    assert found.patient == {"mrd": "0.52 %", "cd19": "30 /uL", "cd3": "0.7 10*9/L", "kmt2a_r": "0", "cycle_index": 1}
    assert bundle.predict(found.patient).value == bundle.predict(patient).value


@pytest.mark.parametrize("name", [SMALL, TIMED])
@pytest.mark.parametrize("kind", [FHIR_TYPE, "application/json"])
def test_the_examples_of_fhir_are_answered(paths, ask, name, kind):
    path, want = f"/fhir/{name}/$risk-assessment", model(name).predict(model(name).golden[0]["patient"])
    found = {
        label: ask("POST", path, json=body, headers={"Content-Type": kind}).json()
        for label, body in examples(paths, path, kind).items()
    }
    assert found["bundle"]["prediction"][0]["probabilityDecimal"] == shifted(want.value[0])
    assert found["parameters"]["prediction"][0]["probabilityDecimal"] == want.value[0]


@pytest.mark.parametrize("name", SERVICES)
def test_the_examples_of_cds_hooks_are_answered(paths, ask, name):
    (request,) = examples(paths, f"/cds-services/{name}").values()
    answer = ask("POST", f"/cds-services/{name}", json=request)
    assert answer.status_code == 200
    assert len(answer.json()["cards"]) == 2
    (feedback,) = examples(paths, f"/cds-services/{name}/feedback").values()
    assert ask("POST", f"/cds-services/{name}/feedback", json=feedback).status_code == 200
