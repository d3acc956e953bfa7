"""A form is read as strictly as JSON, and every fault stands at the field it is about."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from riskml.serving.fields import field_groups
from riskml.serving.page_form import Refused, form_fields, read_form, read_question, side_of
from riskml.serving.problems import Problem
from riskml.serving.settings import Settings
from tests.runtime.models import shipped_bundle

EFS = shipped_bundle("efs")


def faults(typed, bundle=EFS):
    with pytest.raises(Refused) as refused:
        read_question(bundle, typed, Settings())
    assert str(refused.value) == "the form was refused"
    return refused.value.faults


def test_blanks_are_left_out_and_texts_kept_as_typed():
    body = urlencode({"at": " 6 ", "b": "  ", "c": "µ <b>&="}).encode()
    assert read_form(body, ["at", "b", "c", "d"]) == {"at": "6", "c": "µ <b>&="}


@pytest.mark.parametrize(
    "body", [b"a=1&a=2", b"x=1", b"a=%ff", b"a=\xc3\xa9", b"&".join([b"a=1"] * 600), b"__proto__=1"], ids=repr
)
def test_what_no_browser_sends_is_malformed(body):
    with pytest.raises(Problem) as problem:
        read_form(body, ["a"])
    assert problem.value.kind == "malformed"


def test_a_unit_goes_with_its_value_and_alone_says_nothing():
    typed = {"given-mrd": "0.5", "given-mrd-unit": "%", "given-age-unit": "years", "given-bcr_abl1": "absent"}
    assert side_of(typed, "given") == {"mrd": {"value": "0.5", "unit": "%"}, "bcr_abl1": "absent"}
    assert side_of(typed, "instead") == {}


def test_a_model_without_time_has_no_months():
    bundle = shipped_bundle("icans")
    assert "at" not in form_fields(field_groups(bundle), has_time=False)
    assert {"at", "event_free_at", "given-mrd", "instead-mrd-unit"} <= {*form_fields(field_groups(EFS), has_time=True)}


def test_the_question_is_that_of_the_other_doors():
    typed = {
        "given-mrd": "0.5",
        "given-mrd-unit": "%",
        "instead-mrd": "unknown",
        "at": "6, 12 24",
        "event_free_at": "3",
    }
    question = read_question(EFS, typed, Settings())
    assert question.given == {"mrd": {"value": "0.5", "unit": "%"}}
    assert question.changes == {"mrd": "unknown"}
    assert question.asked.months["at"] == [6.0, 12.0, 24.0]
    assert question.asked.months["event_free_at"] == 3.0
    assert question.asked.months["expected_months"] is None


def test_all_faults_come_at_once_each_at_its_field():
    typed = {"given-mrd": "0,5", "given-age": "x", "instead-cd3": "-4", "instead-cd3-unit": "/uL", "at": "six"}
    found = faults({**typed, "expected_months": "-1"})
    assert set(found) == {"given-mrd", "given-age", "instead-cd3", "at", "expected_months"}
    assert found["given-mrd"] == [
        "Marrow MRD before first dose must be written with a decimal point: replace the comma."
    ]
    assert all(len(texts) == 1 for texts in found.values())


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"at": "6 nan"}, "at"),
        ({"at": ","}, "at"),
        ({"at": "9999"}, "at"),
        ({"at": " ".join(["6"] * 61)}, "at"),
        ({"event_free_at": "1e999"}, "event_free_at"),
        ({"event_free_at": "500"}, "event_free_at"),
        ({"expected_months": "500"}, "expected_months"),
        ({"at": "3", "event_free_at": "6"}, "event_free_at"),
    ],
    ids=str,
)
def test_months_that_the_model_cannot_speak_of(typed, field):
    assert set(faults(typed)) == {field}


def test_values_that_cannot_be_true_together_are_told_of_the_side_that_has_them():
    typed = {"given-mrd": "5", "given-mrd-unit": "%"}
    found = faults({**typed, "instead-mrd_below_lod": "present"})
    assert found
    assert all(not field or "mrd" in field for field in found)
    assert faults({"given-mrd": "5 kg"})["given-mrd"]
