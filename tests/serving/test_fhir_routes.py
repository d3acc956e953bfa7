"""FHIR over HTTP: the same numbers, its own media type, OperationOutcome for every refusal."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from riskml.serving.fhir_routes import FHIR_TYPE, router
from riskml.serving.models import Models
from riskml.serving.settings import Settings
from tests.serving.asking import Asking
from tests.serving.browser import same
from tests.serving.fhir import EXAMPLES, LOINC, example, observation, quantity

NOW = dt.datetime(2026, 3, 1, 8, tzinfo=dt.timezone(dt.timedelta(hours=1)))
PATH = "/fhir/efs/$risk-assessment"


@pytest.fixture(scope="module")
def asking(served_folder):
    models = Models(served_folder)
    found = Asking(models, Settings(rate=0.0), more=[router(models, clock=lambda: NOW)])
    yield found
    found.close()


def post(asking, content, path=PATH, kind=FHIR_TYPE):
    body = content if isinstance(content, str | bytes) else json.dumps(content)
    return asking("POST", path, content=body, headers={"Content-Type": kind})


@pytest.mark.parametrize("kind", [FHIR_TYPE, "application/json", "application/fhir+json; charset=utf-8"])
def test_the_example_of_the_docs_is_answered_as_shown(asking, kind):
    answer = post(asking, (EXAMPLES / "fhir_bundle.json").read_bytes(), kind=kind)
    assert (answer.status_code, answer.headers["content-type"]) == (200, FHIR_TYPE)
    same(answer.json(), example("fhir_risk_assessment"))


@pytest.mark.parametrize(
    ("content", "path", "kind", "status", "code"),
    [
        ({"resourceType": "Patient"}, PATH, FHIR_TYPE, 422, "invalid"),
        ({"resourceType": "Parameters"}, PATH, FHIR_TYPE, 422, "invalid"),
        ("[]", PATH, FHIR_TYPE, 422, "invalid"),
        ("{", PATH, FHIR_TYPE, 400, "structure"),
        ('{"resourceType": "Bundle", "resourceType": "Bundle"}', PATH, FHIR_TYPE, 400, "structure"),
        ('{"a":' * 100_000, PATH, FHIR_TYPE, 400, "structure"),
        ('{"a": 1e999}', PATH, FHIR_TYPE, 400, "structure"),
        ("{}", PATH + "?scale=fraction", FHIR_TYPE, 400, "structure"),
        ("{}", PATH, "application/fhir+xml", 415, "not-supported"),
        ("{}", "/fhir/efz/$risk-assessment", FHIR_TYPE, 404, "not-found"),
        (" " * 4_000_001, PATH, FHIR_TYPE, 413, "too-long"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_every_refusal_is_an_operation_outcome(asking, content, path, kind, status, code):
    answer = post(asking, content, path, kind)
    assert answer.status_code == status
    assert answer.headers["content-type"] == FHIR_TYPE
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert {issue["code"] for issue in outcome["issue"]} == {code}


def test_values_that_exclude_each_other_are_refused_as_everywhere(asking):
    bundle = example("fhir_bundle")
    bundle["entry"].append({"resource": observation("46434-7", LOINC, valueQuantity=quantity(5, "%"))})
    answer = post(asking, bundle)
    (issue,) = answer.json()["issue"]
    assert answer.status_code == 422
    assert issue["diagnostics"].startswith("bcr_abl1 and bcr_abl1_ratio: cannot be true together")
    assert "expression" not in issue


def test_the_endpoint_says_what_it_is_and_what_its_operation_takes(asking):
    statement = asking("GET", "/fhir/efs/metadata")
    definition = asking("GET", "/fhir/efs/OperationDefinition/risk-assessment")
    for answer in (statement, definition):
        assert (answer.status_code, answer.headers["content-type"]) == (200, FHIR_TYPE)
    assert statement.json()["rest"][0]["operation"][0]["definition"] == definition.json()["url"]
    for path in ("/fhir/efz/metadata", "/fhir/efz/OperationDefinition/risk-assessment"):
        refused = asking("GET", path)
        assert (refused.status_code, refused.headers["content-type"]) == (404, FHIR_TYPE)
        assert "the nearest is 'efs'" in refused.json()["issue"][0]["diagnostics"]
