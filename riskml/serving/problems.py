"""Every refusal of the service in one shape: ``application/problem+json``.

A problem may hold what the caller typed. It goes back to the caller and nowhere else: never into a log or a metric.

References
----------
Nottingham M, Wilde E, Dalal S. Problem Details for HTTP APIs. RFC 9457, 2023.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from riskml.errors import VALUE_WIDTH, DataError, Fault, NotEstimableError, RiskmlError, UsageError, printable
from riskml.record import Record

MEDIA_TYPE = "application/problem+json"


class Kind(Record):
    """A kind of problem: its HTTP status, its title, and what it means for the caller."""

    status: int
    title: str
    meaning: str


KINDS: Mapping[str, Kind] = {
    "malformed": Kind(400, "Malformed request", "The body is not strict JSON, or the request is not what it says."),
    "key-required": Kind(401, "API key required", "Send 'Authorization: Bearer KEY' with a key of this service."),
    "not-found": Kind(404, "Not found", "There is nothing at this address; /openapi.json lists what there is."),
    "model-unknown": Kind(404, "Model unknown", "No model of that name is served; /v1/models lists those that are."),
    "method-not-allowed": Kind(405, "Method not allowed", "The Allow header names the methods of this address."),
    "data-unavailable": Kind(412, "Data unavailable", "FHIR data that the answer needs did not come with the request."),
    "too-slow": Kind(408, "Request too slow", "The body did not arrive in time; send it again."),
    "too-large": Kind(413, "Request too large", "Send a smaller body, or the patients in several requests."),
    "wrong-type": Kind(415, "Unsupported media type", "Send UTF-8 JSON as 'Content-Type: application/json'."),
    "wrong-host": Kind(421, "Misdirected request", "The service does not answer under this host name."),
    "data-refused": Kind(422, "Data refused", "Values break rules; 'faults' lists every one with its remedy."),
    "question-refused": Kind(422, "Question refused", "What was asked does not fit the model."),
    "not-estimable": Kind(422, "Not estimable", "The model's cohort is too small or was followed too shortly for it."),
    "too-many": Kind(429, "Too many requests", "Wait as long as Retry-After says."),
    "internal": Kind(500, "Internal error", "A defect of the service; report it with the request id."),
    "busy": Kind(503, "Busy", "Too many requests are in work, or no model is ready; try again."),
    "timeout": Kind(504, "Prediction took too long", "Ask for fewer patients or months in one request."),
}


class Problem(Exception):  # noqa: N818 - the name that RFC 9457 gives it
    """A refusal on its way to the caller.

    Parameters
    ----------
    kind : str
        A key of ``KINDS``.
    detail : str
        What is wrong with this request, in one line.
    faults : iterable of Fault
        Every broken rule.
    headers : mapping of str to str
        Headers that go with it, such as ``Retry-After``.
    """

    def __init__(
        self, kind: str, detail: str, faults: Iterable[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(kind)  # the detail may hold what a patient's file says: str() of it must be safe to log
        self.kind = kind
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """The HTTP status."""
        return KINDS[self.kind].status

    def as_dict(self, request_id: str | None = None) -> dict[str, Any]:
        """The problem's JSON object."""
        return {
            "type": f"/v1/problems/{self.kind}",
            "title": KINDS[self.kind].title,
            "status": self.status,
            "detail": printable(self.detail),
            **({"request_id": request_id} if request_id else {}),
            "faults": [_fault(fault) for fault in self.faults],
        }

    def response(self, request_id: str | None = None) -> Response:
        """The problem as an answer."""
        text = json.dumps(self.as_dict(request_id), indent=2, allow_nan=False) + "\n"
        return Response(text, self.status, self.headers, MEDIA_TYPE)


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "row": fault.row,
        "column": None if fault.column is None else printable(fault.column),
        "rule": printable(fault.rule),
        "value": None if fault.value is None else printable(fault.value, VALUE_WIDTH),
        "remedy": printable(fault.remedy),
    }


def problem_of(error: RiskmlError) -> Problem:
    """What the caller is told of an error of riskml."""
    if isinstance(error, DataError):
        return Problem("data-refused", error.message, error.faults)
    if isinstance(error, NotEstimableError):
        return Problem("not-estimable", str(error))
    if isinstance(error, UsageError):
        return Problem("question-refused", str(error))
    return Problem("internal", "the service met a defect")
