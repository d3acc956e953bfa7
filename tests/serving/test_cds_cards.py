"""Cards inform and ask for nothing; their shape is that of CDS Hooks 2.0."""

from __future__ import annotations

import uuid

import pytest

from riskml.serving.cds_cards import MAX_SUMMARY, card, summary
from riskml.serving.fhir_in import read_fhir
from tests.serving.fhir import example, model, observation, quantity, read
from tests.serving.test_fhir_out import empty

IDENTITY = "6bc883b2-b795-4dcb-b661-34884a31d472"
# CDS Hooks 2.0, "Card Attributes": those that are required and those that may be there.
REQUIRED, ALLOWED = {"summary", "indicator", "source"}, {"uuid", "detail", "suggestions", "links", "overrideReasons"}


def check_shape(one):
    assert REQUIRED <= set(one) <= REQUIRED | ALLOWED
    assert 0 < len(one["summary"]) < 140
    assert one["indicator"] == "info"
    assert set(one["source"]) == {"label"}
    assert "suggestions" not in one
    assert uuid.UUID(one["uuid"])
    assert not list(empty(one))


@pytest.mark.parametrize("name", ["non_response", "icans", "efs", "induction_efs"])
def test_a_card_has_the_published_shape_and_says_what_must_be_said(name):
    found = read_fhir(example("fhir_bundle"), model(name).dictionary)
    prediction = model(name).predict(found.patient)
    one = card(prediction, found, IDENTITY)
    check_shape(one)
    assert ("SYNTHETIC" in one["summary"]) is ("SYNTHETIC" in one["detail"]) is prediction.model["synthetic"]
    for text in ("For research.", "**Estimate**", "% interval", "Quarantined", prediction.model["digest"]):
        assert text in one["detail"]
    assert all(prediction.labels[missing] in one["detail"] for missing in prediction.missing)
    known = len(prediction.readings)
    inputs = f"{known} of {known + len(prediction.missing)} inputs known"
    assert (inputs in one["summary"]) is bool(prediction.missing)


def test_a_long_outcome_is_cut_and_the_number_never():
    prediction = model("efs").predict({"mrd": "1 %"})
    long = prediction.with_(model={**prediction.model, "outcome": "Event-free survival " * 20})
    text = summary(long)
    assert len(text) == MAX_SUMMARY
    assert text.partition("...")[2] == summary(prediction).partition(" months")[2]


def test_marks_of_markdown_are_escaped():
    found = read(observation("mrd", valueQuantity=quantity(0.01, "%", comparator="<")))
    prediction = model("non_response").predict(found.patient)
    hostile = prediction.with_(not_for=("<b>[x](javascript:alert(1))</b> *now*",))
    detail = card(hostile, found, IDENTITY)["detail"]
    assert r"\<b\>\[x\](javascript:alert(1))\</b\> \*now\*" in detail
    assert r"\< 0.01 %" in detail
