"""The discovery document: the published shape, and searches for what the models take and no more."""

from __future__ import annotations

from riskml.serving.cds_services import SERVICES, discovery
from tests.serving.examples import CARDS
from tests.serving.fhir import model
from tests.serving.test_fhir_out import empty

VIEW, ORDER = "riskml-patient-view", "riskml-order-select"


def test_discovery_has_the_published_shape():
    found = discovery([model(name) for name in CARDS])
    assert set(found) == {"services"}
    assert {service["id"]: service["hook"] for service in found["services"]} == {
        VIEW: "patient-view",
        ORDER: "order-select",
    }
    for service in found["services"]:
        assert {"hook", "id", "description"} <= set(service)
        assert set(service) <= {"hook", "id", "description", "title", "prefetch", "usageRequirements"}
        assert all(isinstance(template, str) for template in service["prefetch"].values())
        assert all("{{context.patientId}}" in template for template in service["prefetch"].values())
    assert not list(empty(found))
    assert discovery([]) == {"services": []}
    assert discovery([model("induction_efs")]) == {"services": []}  # for another time than the first dose


def test_prefetch_asks_for_what_the_models_take_by_every_code():
    searched = discovery([model("non_response")])["services"][0]["prefetch"]
    for name in model("non_response").model.inputs:
        assert f"urn:riskml:variable|{name}" in searched["observations"]
    assert "http://loinc.org|8116-6" in searched["observations"]
    assert "8127-3" not in searched["observations"]  # CD4 is not among its inputs
    assert "urn:riskml:variable|kmt2a_r" in searched["conditions"]
    assert "|cd19" not in searched["conditions"]
    assert "rxnorm|1597258" in searched["administrations"]


def test_the_services_promise_nothing_more_than_they_do():
    assert all("Research" in service.description for service in SERVICES.values())
