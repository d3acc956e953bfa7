"""CDS Hooks 2.0 without HTTP: a hook's request -> cards.

Two services answer with one card a model: ``patient-view`` when a chart is opened, ``order-select`` when blinatumomab
is about to be ordered. Cards only inform: no suggestion, no system action, no indicator but ``info``. The FHIR server
of a request is never called: what is needed comes as prefetch or not at all.

References
----------
HL7. CDS Hooks 2.0, 2022. https://cds-hooks.hl7.org/2.0/
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping

from riskml.errors import DataError, Fault, RiskmlError
from riskml.runtime.bundle import Bundle
from riskml.serving.cds_cards import card
from riskml.serving.cds_feedback import body_of, need_uuid, refuse
from riskml.serving.cds_services import SERVICES, fitting
from riskml.serving.fhir_codes import FhirCodes, load_codes
from riskml.serving.fhir_drug import is_drug, start_of_order
from riskml.serving.fhir_in import FhirPatient, read_fhir
from riskml.serving.fhir_shape import Resource, Shape

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

_NEEDED = ("patient", "observations")
_WITH_ENTRIES = ("observations", "conditions", "administrations")


class UnavailableError(RiskmlError):
    """The FHIR data that the answer needs did not come with the request (HTTP 412)."""


def answer(
    service: str, request: Any, bundles: Iterable[Bundle], *, today: dt.date, codes: FhirCodes | None = None
) -> dict[str, Any]:
    """The answer of ``POST /cds-services/{service}``.

    Parameters
    ----------
    service : str
        A key of ``SERVICES``.
    request : object
        The parsed JSON of the body.
    bundles : iterable of Bundle
    today : date
        Stands for the first dose where neither an order nor a given dose says it.
    codes : FhirCodes, optional

    Returns
    -------
    dict
        ``{"cards": [...]}``; empty where the question does not arise.

    Raises
    ------
    DataError
        If the request is not what CDS Hooks says, or its FHIR data are refused: every fault.
    UnavailableError
        If a prefetch that is needed is missing.
    """
    codes, shape = codes or load_codes(), Shape()
    body = _checked_request(shape, request, SERVICES[service].hook)
    ordered, when = True, None
    if SERVICES[service].hook == "order-select":
        ordered, when = _ordered(shape, body["context"], codes)
    refuse("the request was refused", shape)
    if not ordered:
        return {"cards": []}
    chart = _chart(body)
    cards = []
    for bundle in fitting(bundles):
        found = read_fhir(chart, bundle.dictionary, first_dose=when, as_of=today.isoformat(), codes=codes)
        if when is not None:
            found = found.with_(assumed=("the first dose is the start of the selected order", *found.assumed))
        if SERVICES[service].hook == "patient-view" and not _concerned(found, bundle, codes, today):
            continue
        prediction = bundle.predict(found.patient)
        if prediction.readings:  # without any input there is only the average of a cohort to show
            cards.append(card(prediction, found, _card_id(body["hookInstance"], bundle)))
    return {"cards": cards}


def _checked_request(shape: Shape, request: Any, hook: str) -> Resource:
    """The request with ``context``, ``prefetch`` and ``hookInstance``, or every fault of its frame at once."""
    body = body_of(shape, request)
    if shape.text(body, "hook", "body") != hook:
        shape.wrong("body.hook", f"must be {hook}", "call the service of the hook")
    need_uuid(shape, body, "hookInstance", "body")
    context = shape.child(body, "context", "body")
    if context is None:
        shape.wrong("body.context", "must be an object", "send the context of the hook")
        context = {}
    for name in ("userId", "patientId"):
        if not shape.text(context, name, "body.context"):
            shape.wrong(f"body.context.{name}", "must be given", "send the context of the hook")
    if shape.child(body, "fhirAuthorization", "body") is not None and not shape.text(body, "fhirServer", "body"):
        shape.wrong("body.fhirServer", "must be given with fhirAuthorization", "send both or none")
    shape.child(body, "prefetch", "body")
    refuse("the request was refused", shape)
    return body


def _ordered(shape: Shape, context: Resource, codes: FhirCodes) -> tuple[bool, str | None]:
    """Whether a selected draft order is of blinatumomab, and the day on which it shall start if it says so."""
    place, selections = "body.context", context.get("selections")
    if not isinstance(selections, list) or not all(isinstance(item, str) for item in selections):
        shape.wrong(f"{place}.selections", "must be an array of text", "send the context of order-select")
        return False, None
    drafts = shape.child(context, "draftOrders", place)
    if drafts is None:
        shape.wrong(f"{place}.draftOrders", "must be a FHIR Bundle", "send the context of order-select")
        return False, None
    inside = f"{place}.draftOrders"
    orders = [
        (order, f"{where}.resource")
        for entry, where in shape.items(drafts, "entry", inside)
        if (order := shape.child(entry, "resource", where)) is not None
    ]
    pool = [order for order, _ in orders]
    for order, where in orders:
        name = f"{order.get('resourceType')}/{order.get('id')}"
        if name in selections and name.startswith("MedicationRequest/") and is_drug(shape, order, where, codes, pool):
            return True, start_of_order(shape, order, where)
    return False, None


def _chart(body: Resource) -> Resource:
    """What was prefetched, as one Bundle.

    Raises
    ------
    UnavailableError
        Where the patient or the observations are missing, null or an OperationOutcome.
    DataError
        Where the patient is another one than that of the context.
    """
    prefetch = body.get("prefetch") or {}
    kinds = {"patient": "Patient"} | dict.fromkeys(_WITH_ENTRIES, "Bundle")
    found = {name: prefetch.get(name) for name in kinds}
    have = {
        name: item
        for name, item in found.items()
        if isinstance(item, Mapping) and item.get("resourceType") == kinds[name]
    }
    missing = [name for name in _NEEDED if name not in have]
    if missing:
        raise UnavailableError(
            f"the prefetch of {' and '.join(missing)} is missing, and this service calls no FHIR server"
        )
    if have["patient"].get("id") != body["context"]["patientId"]:
        fault = Fault(None, "body.prefetch.patient.id", "must be the patient of the context", None, "prefetch anew")
        raise DataError("the request was refused", [fault])
    merged: dict[str, Any] = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": have["patient"]}]}
    links: list[Any] = []
    for name in _WITH_ENTRIES:
        for key, into in (("entry", merged["entry"]), ("link", links)):
            part = have.get(name, {}).get(key)
            # What is no list goes in as it is: it is then refused with its place.
            into.extend(part if isinstance(part, list) else [] if part is None else [part])
    return merged | ({"link": links} if links else {})


def _concerned(found: FhirPatient, bundle: Bundle, codes: FhirCodes, today: dt.date) -> bool:
    """Whether the chart speaks of leukaemia and the course is not long over: see ``[cards]`` in features/fhir.toml."""
    if found.first_dose is not None and (today - found.first_dose).days > codes.until_day:
        return False
    dictionary = bundle.dictionary
    return any(
        name in codes.evidence or dictionary[name].lesion or dictionary[name].family == "mrd" for name in found.patient
    )


def _card_id(hook_instance: str, bundle: Bundle) -> str:
    """The same call and model give the same card, so that feedback can be matched by the client."""
    return str(uuid.uuid5(uuid.UUID(hook_instance), bundle.digest))
