"""The OpenAPI document: exact for every model, true in its examples, and held to by the service (schemathesis)."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from riskml.serving.asked import FIELDS
from riskml.serving.openapi import document
from riskml.serving.settings import Settings
from tests.cli.processes import golden
from tests.serving.asking import SMALL, TIMED, Asking, folder_of

schemathesis = pytest.importorskip("schemathesis")


@pytest.fixture(scope="module")
def found(ask):
    return ask("GET", "/openapi.json").json()


def test_every_model_has_its_addresses_and_no_other_has_any(found):
    of_models = {path for path in found["paths"] if path.startswith("/v1/models/")}
    ends = ("", "/card", "/schema", "/predict", "/predict-many")
    assert of_models == {f"/v1/models/{name}{end}" for name in (SMALL, TIMED) for end in ends}
    ids = [operation["operationId"] for methods in found["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


def test_each_address_is_served(ask, found):
    for path, methods in found["paths"].items():
        if "get" in methods:
            assert ask("GET", path).status_code == 200, path


def test_every_reference_leads_somewhere(found):
    def references(part):
        if isinstance(part, dict):
            yield from [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            for inner in part.values():
                yield from references(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from references(inner)

    for reference in set(references(found)):
        part = found
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


def test_the_examples_are_the_invented_patients_and_true(ask, found):
    for name in (SMALL, TIMED):
        request = found["paths"][f"/v1/models/{name}/predict"]["post"]["requestBody"]["content"]["application/json"]
        assert list(request["schema"]["properties"]) != []
        assert set(request["schema"]["properties"]) == set(FIELDS["patient"])
        examples = [example["value"] for example in request["examples"].values()]
        assert [one["patient"] for one in examples] == [entry["patient"] for entry in golden(name)]
        assert all(ask("POST", f"/v1/models/{name}/predict", json=one).status_code == 200 for one in examples)


def test_keys_are_in_the_document_where_they_are_asked_for(ask):
    open_to_all = document(ask.models.current, Settings(), "1")
    keyed = document(ask.models.current, Settings(key_digests=(b"",)), "1")
    assert "security" not in open_to_all
    assert keyed["security"] == [{"key": []}]
    assert keyed["paths"]["/health"]["get"]["security"] == []
    assert json.dumps(keyed, allow_nan=False)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    """The document of one model as schemathesis reads it; 422 and 412 are answers to allowed data, too.

    JSON Schema cannot say that two values may not be true together, nor a range of texts: see benchmarks/serve_fuzz.py.
    """
    asking = Asking(folder_of(tmp_path_factory.mktemp("fuzzed"), SMALL), Settings(rate=0.0, max_patients=5))
    config = schemathesis.Config.from_dict(
        {"checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "412", "422"]}}}
    )
    yield schemathesis.openapi.from_asgi("/openapi.json", asking.app, config=config)
    asking.close()


FUZZED = {
    f"/v1/models/{SMALL}/predict": 15,
    f"/v1/models/{SMALL}/predict-many": 15,
    f"/fhir/{SMALL}/$risk-assessment": 15,
    "/cds-services/riskml-order-select": 10,
    "/cds-services/riskml-order-select/feedback": 10,
}


@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize("path", FUZZED)
def test_the_service_does_what_the_document_says(fuzzed, path, mode):
    modes = {one.value: one for one in schemathesis.GenerationMode}
    strategy = fuzzed[path]["POST"].as_strategy(generation_mode=modes[mode])
    checked = settings(
        max_examples=FUZZED[path], phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
    )

    @given(case=strategy)
    @checked
    def holds(case):
        case.call_and_validate()

    holds()
