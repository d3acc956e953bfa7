"""The statement and the definition are R4, and true: what they say is taken is what is taken."""

from __future__ import annotations

import re

import pytest

from riskml import __version__
from riskml.errors import DataError
from riskml.runtime.card_words import RESEARCH, SYNTHETIC
from riskml.serving.fhir_capability import OPERATION, capability_statement, operation_definition
from riskml.serving.fhir_operation import asked
from tests.serving.fhir import example, model
from tests.serving.test_fhir_out import empty

TODAY = "2026-03-01"


@pytest.mark.parametrize("name", ["non_response", "efs", "efs_published"])
@pytest.mark.parametrize("keyed", [False, True])
def test_the_statement_is_fhir(name, keyed):
    shapes = pytest.importorskip("fhir.resources.R4B.capabilitystatement")
    found = capability_statement(model(name), today=TODAY, keyed=keyed)
    # That package is of R4B, whose numbers start with 4.3; the elements used here are those of R4.
    shapes.CapabilityStatement.model_validate({**found, "fhirVersion": "4.3.0"})
    assert not list(empty(found))
    assert ("security" in found["rest"][0]) is keyed


def test_the_definition_is_fhir():
    shapes = pytest.importorskip("fhir.resources.R4B.operationdefinition")
    found = operation_definition(model("efs"))
    shapes.OperationDefinition.model_validate(found)
    assert not list(empty(found))
    assert re.fullmatch(r"[A-Z][A-Za-z0-9_]{0,254}", found["name"]), "the constraint opd-0"


def test_they_say_which_model_it_is_and_what_it_is_not():
    for name, synthetic in (("non_response", True), ("efs_published", False)):
        bundle = model(name)
        statement = capability_statement(bundle, today=TODAY)
        for found in (statement, operation_definition(bundle)):
            assert RESEARCH in found["description"]
            assert (SYNTHETIC in found["description"]) is synthetic
            assert found["experimental"] is True
        assert bundle.digest in statement["implementation"]["description"]
        assert statement["software"] == {"name": "riskml", "version": __version__}
        assert statement["date"] == bundle.manifest.get("date", TODAY)
        assert (statement["kind"], statement["fhirVersion"]) == ("instance", "4.0.1")
    undated = bundle.with_(manifest={**bundle.manifest, "date": None})
    assert capability_statement(undated, today=TODAY)["date"] == TODAY


def test_the_parameters_are_those_that_the_operation_takes():
    definition = operation_definition(model("efs"))
    taken = {one["name"]: one for one in definition["parameter"] if one["use"] == "in"}
    values = {"Bundle": ("resource", example("fhir_bundle")), "date": ("valueDate", TODAY)}
    values |= {"dateTime": ("valueDateTime", TODAY), "code": ("valueCode", "percent")}
    parts = [{"name": name, **dict([values[one["type"]]])} for name, one in taken.items()]
    question = asked({"resourceType": "Parameters", "parameter": parts})
    assert (question.first_dose, question.occurrence, question.scale) == (TODAY, TODAY, "percent")
    for left_out in taken:
        some = {"resourceType": "Parameters", "parameter": [part for part in parts if part["name"] != left_out]}
        if taken[left_out]["min"]:
            with pytest.raises(DataError):
                asked(some)
        else:
            asked(some)
    assert definition["code"] == OPERATION
