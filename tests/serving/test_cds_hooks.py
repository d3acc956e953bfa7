"""CDS Hooks 2.0: two services on the examples of the docs, and on everything that is wrong."""

from __future__ import annotations

import copy
import datetime as dt
import json

import pytest

from riskml.errors import DataError
from riskml.serving.cds_hooks import UnavailableError, answer
from tests.serving.examples import CARDS, TODAY
from tests.serving.fhir import example, model
from tests.serving.test_cds_cards import check_shape

VIEW, ORDER = "riskml-patient-view", "riskml-order-select"


def ask(service, request, today=TODAY, names=CARDS):
    return answer(service, request, [model(name) for name in names], today=today)["cards"]


def changed(name, *changes):
    """An example with some values put in: (value, key, key, ...)."""
    request = copy.deepcopy(example(name))
    for value, *keys in changes:
        holder = request
        for key in keys[:-1]:
            holder = holder[key]
        holder[keys[-1]] = value
    return request


@pytest.mark.parametrize(("service", "name"), [(VIEW, "cds_patient_view"), (ORDER, "cds_order_select")])
def test_the_examples_get_one_card_a_model(service, name):
    request = example(name)
    cards = ask(service, request)
    assert [card["source"]["label"].split()[1] for card in cards] == list(CARDS)
    for card in cards:
        check_shape(card)
    assert ask(service, request) == cards
    assert len({card["uuid"] for card in cards}) == len(cards)
    other = changed(name, ("0f8a4d4c-31a5-4a30-9f1f-000000000000", "hookInstance"))
    assert {card["uuid"] for card in ask(service, other)}.isdisjoint(card["uuid"] for card in cards)
    text = json.dumps(cards)
    assert not any(word in text for word in ("example", "2019", "2026-", "Practitioner"))


def test_cards_are_what_predict_says():
    (card,) = ask(VIEW, example("cds_patient_view"), names=("non_response",))
    patient = {"mrd": "0.52 %", "bcr_abl1": "absent", "tcf3_hlf": "absent", "kmt2a_r": "present", "cd19": "<5 /uL"}
    prediction = model("non_response").predict(patient | {"cd3": "0.9 10*9/L"})
    assert f"{100 * prediction.value[0]:.0f} % (" in card["summary"]


def test_an_opened_chart_without_leukaemia_gets_no_card():
    request = changed("cds_patient_view", ([], "prefetch", "conditions", "entry"))
    del request["prefetch"]["administrations"]
    blood = [entry for entry in request["prefetch"]["observations"]["entry"] if "cd" in entry["resource"]["id"]]
    request["prefetch"]["observations"]["entry"] = blood
    assert ask(VIEW, request) == []
    request["prefetch"]["observations"]["entry"] = []
    assert ask(VIEW, request) == []


def test_an_opened_chart_gets_no_card_when_the_course_is_over():
    request = example("cds_patient_view")
    assert ask(VIEW, request, today=dt.date(2026, 3, 30)) != []
    assert ask(VIEW, request, today=dt.date(2026, 3, 31)) == []


def test_a_model_without_any_known_input_gives_no_card():
    request = changed("cds_patient_view", (None, "prefetch", "patient", "birthDate"))
    labels = [card["source"]["label"].split()[1] for card in ask(VIEW, request)]
    assert labels == ["non_response", "efs"]


@pytest.mark.parametrize(
    "changes",
    [
        [(["MedicationRequest/other"], "context", "selections")],
        [([], "context", "selections")],
        [({"text": "dexamethasone"}, *("context", "draftOrders", "entry", 0, "resource", "medicationCodeableConcept"))],
        [("ServiceRequest", "context", "draftOrders", "entry", 0, "resource", "resourceType")],
    ],
)
def test_only_a_selected_order_of_blinatumomab_is_answered(changes):
    assert ask(ORDER, changed("cds_order_select", *changes)) == []


def test_the_order_says_the_first_dose_or_today_stands_for_it():
    path = ("context", "draftOrders", "entry", 0, "resource", "dosageInstruction")
    event = changed("cds_order_select", ([{"timing": {"event": ["2026-03-02T08:00:00Z"]}}], *path))
    assert ask(ORDER, event) == ask(ORDER, example("cds_order_select"))
    silent = changed("cds_order_select", ([], *path))
    assert "the day of the question stands for it" in ask(ORDER, silent)[0]["detail"]
    later = ask(ORDER, silent, today=dt.date(2026, 5, 1))
    assert "4 of 7 inputs known" in later[-1]["summary"]  # blood and marrow are too old by then


@pytest.mark.parametrize(
    "changes",
    [
        [(None, "prefetch")],
        [({}, "prefetch")],
        [(None, "prefetch", "patient")],
        [(None, "prefetch", "observations")],
        [({"resourceType": "OperationOutcome", "issue": []}, "prefetch", "observations")],
        [([], "prefetch", "observations")],
    ],
)
def test_data_that_are_not_there_are_said_to_be_unavailable(changes):
    with pytest.raises(UnavailableError, match="missing"):
        ask(VIEW, changed("cds_patient_view", *changes))


def test_conditions_and_doses_may_be_missing():
    request = changed("cds_patient_view", (None, "prefetch", "conditions"), (None, "prefetch", "administrations"))
    assert len(ask(VIEW, request)) == 3


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ([("order-select", "hook")], ["body.hook"]),
        ([(5, "hook"), ("x", "hookInstance")], ["body.hook", "body.hook", "body.hookInstance"]),
        ([({}, "context")], ["body.context.userId", "body.context.patientId"]),
        ([([], "context")], ["body.context", "body.context", "body.context.userId", "body.context.patientId"]),
        ([({"access_token": "x"}, "fhirAuthorization")], ["body.fhirServer"]),
        ([([], "prefetch")], ["body.prefetch"]),
        ([("other", "context", "patientId")], ["body.prefetch.patient.id"]),
        ([({"reference": "Patient/b"}, *("prefetch", "observations", "entry", 0, "resource", "subject"))],
         ["Bundle.entry[1].resource.subject"]),
        ([("x", "prefetch", "observations", "entry")], ["Bundle.entry[1]"]),
        ([(3, "prefetch", "conditions", "entry", 0)], ["Bundle.entry[10]"]),
    ],
)  # fmt: skip
def test_a_request_that_is_wrong_is_refused_with_every_place(changes, places):
    with pytest.raises(DataError) as refused:
        ask(VIEW, changed("cds_patient_view", *changes))
    assert sorted(fault.column for fault in refused.value.faults) == sorted(places)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ([(None, "context", "selections")], "body.context.selections"),
        ([([1], "context", "selections")], "body.context.selections"),
        ([(None, "context", "draftOrders")], "body.context.draftOrders"),
        ([(5, "context", "draftOrders", "entry")], "body.context.draftOrders.entry"),
        ([(5, *("context", "draftOrders", "entry", 0, "resource", "dosageInstruction"))],
         "body.context.draftOrders.entry[0].resource.dosageInstruction"),
    ],
)  # fmt: skip
def test_an_order_that_is_wrong_is_refused(changes, place):
    with pytest.raises(DataError) as refused:
        ask(ORDER, changed("cds_order_select", *changes))
    assert [fault.column for fault in refused.value.faults] == [place]


@pytest.mark.parametrize("request_", [None, [], "x", 5])
def test_what_is_no_object_is_refused(request_):
    with pytest.raises(DataError):
        ask(VIEW, request_)
