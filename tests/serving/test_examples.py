"""The examples of the docs are these files: what they show is what riskml answers, and it has the published shapes."""

from __future__ import annotations

import json
import re

import pytest

from riskml.serving.fhir_in import read_fhir
from tests.repository import ROOT
from tests.serving.browser import same
from tests.serving.examples import answers, as_text
from tests.serving.fhir import EXAMPLES, example, model


@pytest.fixture(scope="module")
def found():
    return answers()


@pytest.mark.parametrize("name", ["fhir_risk_assessment", "cds_services", "cds_cards"])
def test_the_shown_answers_are_the_answers(found, name):
    # Sums of other versions of Python differ in the last digit.
    same(example(name), json.loads(as_text(found[name])), "run python -m tests.serving.examples: ")


def test_every_example_is_spoken_of_and_every_name_is_an_example():
    pages = "".join((ROOT / "docs" / page).read_text(encoding="utf-8") for page in ("fhir.md", "cds_hooks.md"))
    named = set(re.findall(r"examples/(\w+)\.json", pages))
    assert named == {path.stem for path in EXAMPLES.glob("*.json")}


def test_the_page_shows_what_the_command_says_of_the_example():
    page = (ROOT / "docs" / "fhir.md").read_text(encoding="utf-8")
    said = read_fhir(example("fhir_bundle"), model("non_response").dictionary).lines()
    assert "\n".join(f"riskml: {line}" for line in said) in page


def test_the_fhir_examples_are_fhir():
    shapes = pytest.importorskip("fhir.resources.R4B.bundle")
    from fhir.resources.R4B.riskassessment import RiskAssessment

    shapes.Bundle.model_validate(example("fhir_bundle"))
    RiskAssessment.model_validate(example("fhir_risk_assessment"))
    for name in ("cds_patient_view", "cds_order_select"):
        for part in example(name)["prefetch"].values():
            if part["resourceType"] == "Bundle":
                shapes.Bundle.model_validate(part)
    shapes.Bundle.model_validate(example("cds_order_select")["context"]["draftOrders"])
