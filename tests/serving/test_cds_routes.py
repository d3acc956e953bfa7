"""CDS Hooks over HTTP: what the functions give, 412 for missing data, feedback that is counted."""

from __future__ import annotations

import json

import pytest

from riskml.serving.cds_routes import router
from riskml.serving.models import Models
from riskml.serving.settings import Settings
from tests.serving.asking import Asking
from tests.serving.examples import TODAY
from tests.serving.fhir import example

VIEW, ORDER = "/cds-services/riskml-patient-view", "/cds-services/riskml-order-select"


@pytest.fixture(scope="module")
def asking(served_folder):
    models = Models(served_folder)
    found = Asking(models, Settings(rate=0.0), more=[router(models, today=lambda: TODAY)])
    yield found
    found.close()


def test_discovery_lists_both_services(asking):
    answer = asking("GET", "/cds-services")
    assert answer.status_code == 200
    assert [service["id"] for service in answer.json()["services"]] == [VIEW[14:], ORDER[14:]]


@pytest.mark.parametrize(("path", "name"), [(VIEW, "cds_patient_view"), (ORDER, "cds_order_select")])
def test_the_examples_are_answered_with_the_cards_shown(asking, path, name):
    answer = asking("POST", path, json=example(name))
    assert answer.status_code == 200
    shown = {card["source"]["label"]: card["summary"] for card in example("cds_cards")["cards"]}
    got = {card["source"]["label"]: card["summary"] for card in answer.json()["cards"]}
    assert len(got) == 2
    assert got.items() <= shown.items()


def test_missing_prefetch_is_412(asking):
    request = example("cds_patient_view") | {"prefetch": {}}
    answer = asking("POST", VIEW, json=request)
    assert (answer.status_code, answer.json()["type"]) == (412, "/v1/problems/data-unavailable")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (VIEW, "{", 400),
        (VIEW, "[]", 422),
        (VIEW + "/feedback", "{}", 422),
        (ORDER, json.dumps(example("cds_patient_view")), 422),
        ("/cds-services/other", "{}", 404),
        ("/cds-services/other/feedback", "{}", 404),
        ("/cds-services/..%2f..%2fetc", "{}", 404),
    ],
)
def test_refusals_have_the_shape_of_all_others(asking, path, body, status):
    answer = asking("POST", path, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_feedback_is_counted(asking):
    request = example("cds_feedback")
    assert asking("POST", ORDER + "/feedback", json=request).status_code == 200
    counts = asking("GET", "/metrics").text
    assert 'riskml_cds_feedback_total{outcome="overridden"} 1.0' in counts
    assert "not relevant" not in counts
