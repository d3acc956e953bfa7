"""What a request asks, checked field by field, and the answer: the very text of ``riskml predict --json``."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping
from typing import Any

from riskml.errors import DataError, Fault, RiskmlError, UsageError
from riskml.record import Record
from riskml.runtime.bundle import Bundle
from riskml.runtime.inputs import MAX_NAMES
from riskml.runtime.patient import with_value
from riskml.runtime.prediction import Prediction
from riskml.serving.bodies import parsed
from riskml.serving.problems import Problem, problem_of
from riskml.serving.settings import Settings

MANY_SCHEMA = "riskml.predictions/1"
MAX_CHANGES = 50
_SHARED = ("at", "event_free_at", "expected_months", "explain")
FIELDS: Mapping[str, tuple[str, ...]] = {"patient": ("patient", "set", *_SHARED), "patients": ("patients", *_SHARED)}


class Asked(Record):
    """A checked question.

    Attributes
    ----------
    patients : tuple
        Raw patients; one for the door of one.
    changes : mapping of name to raw value
        Put into the patient, who is then compared with the patient as given.
    months : mapping
        ``at``, ``event_free_at``, ``expected_months`` and ``explain``, as ``Bundle.predict`` takes them.
    """

    patients: tuple[Any, ...]
    changes: Mapping[str, Any]
    months: Mapping[str, Any]


def read_one(bundle: Bundle, body: bytes, settings: Settings) -> Asked:
    """The question about one patient.

    Raises
    ------
    Problem
        ``malformed`` for a body that is not strict JSON; ``data-refused`` with every fault of the fields.
    """
    return checked_one(bundle, parsed(body, settings.max_bytes), settings)


def checked_one(bundle: Bundle, question: Any, settings: Settings) -> Asked:
    """The same from plain data.

    Raises
    ------
    Problem
        ``data-refused`` with every fault of the fields.
    """
    content, faults = _content(question, "patient")
    patient, changes = content.get("patient"), content.get("set")
    if not isinstance(patient, dict):
        faults.append(_fault("patient", "must be an object of names and values", patient, "write {'patient': {...}}"))
    if changes is not None and not (isinstance(changes, dict) and 1 <= len(changes) <= MAX_CHANGES):
        rule = f"must be an object of 1 to {MAX_CHANGES} names and values"
        faults.append(_fault("set", rule, changes, "write {'mrd': '0.01 %'}"))
    months = _months(bundle, content, settings, faults)
    _refuse(faults)
    return Asked((patient,), changes or {}, months)


def read_many(bundle: Bundle, body: bytes, settings: Settings) -> Asked:
    """The question about many patients; what is wrong with one of them is told beside the others' answers.

    Raises
    ------
    Problem
        As :func:`read_one`.
    """
    content, faults = _content(parsed(body, settings.max_many_bytes), "patients")
    patients = content.get("patients")
    if not isinstance(patients, list) or not patients or not all(isinstance(one, dict) for one in patients):
        rule = "must be a list of one or more objects of names and values"
        faults.append(_fault("patients", rule, None, "write {'patients': [{...}, {...}]}"))
    elif len(patients) > settings.max_patients:
        rule = f"must be at most {settings.max_patients:,} patients"
        faults.append(Fault(None, "patients", rule, f"{len(patients):,}", "send several requests, or use riskml score"))
    months = _months(bundle, content, settings, faults)
    _refuse(faults)
    # What is wrong with the months is wrong for everybody: asked of a patient of whom nothing is known.
    predicted(bundle, Asked(({},), {}, {**months, "explain": False}), {})
    return Asked(tuple(patients or ()), {}, months)


def answer_one(bundle: Bundle, asked: Asked) -> str:
    """The answer's text, as ``riskml predict --json`` prints it.

    Raises
    ------
    Problem
        Whatever the patient or the months are refused for.
    """
    return json.dumps(predicted(bundle, asked, asked.patients[0]).as_dict(), indent=2, allow_nan=False) + "\n"


def answer_row(bundle: Bundle, asked: Asked, row: int) -> str:
    """One entry of the answer about many: the prediction of patient ``row`` (from 1), or the problem with it."""
    try:
        found = {"prediction": predicted(bundle, asked, asked.patients[row - 1]).as_dict()}
    except Problem as problem:
        found = {"problem": problem.as_dict()}
    return json.dumps({"row": row, **found}, allow_nan=False)


def join_rows(bundle: Bundle, rows: list[str]) -> str:
    """The answer about many, from its entries."""
    head = json.dumps({"schema": MANY_SCHEMA, "model": {"name": bundle.manifest["name"], "digest": bundle.digest}})
    return head[:-1] + ', "results": [\n' + ",\n".join(rows) + "\n]}\n"


def predicted(bundle: Bundle, asked: Asked, given: dict[str, Any]) -> Prediction:
    """The prediction for one of the patients, changes put in.

    Raises
    ------
    Problem
        Whatever the patient or the months are refused for.
    """
    patient = given
    try:
        if len(given) <= MAX_NAMES:  # more are refused by predict, before they cost anything
            for name, value in asked.changes.items():
                patient = with_value(patient, name, value, bundle.dictionary)
        as_given = given if asked.changes else None
        return bundle.predict(patient, as_given=as_given, **asked.months)
    except RiskmlError as error:
        raise problem_of(error) from None


def _content(content: Any, main: str) -> tuple[dict[str, Any], list[Fault]]:
    """The body as an object, with a fault for each field that nobody knows."""
    if not isinstance(content, dict):
        raise _refused([Fault(None, None, "must be one JSON object", None, f"write {{'{main}': ...}}")])
    known = FIELDS[main]
    unknown = [name for name in content if name not in known]
    return content, [
        Fault(None, name[:200], "is not a field of this request", None, f"the nearest is '{_nearest(name, known)}'")
        for name in unknown[:MAX_CHANGES]
    ]


def _nearest(name: str, known: tuple[str, ...]) -> str:
    return difflib.get_close_matches(name[:100], known, n=1, cutoff=0.0)[0]


def _months(bundle: Bundle, content: Mapping[str, Any], settings: Settings, faults: list[Fault]) -> dict[str, Any]:
    at, explain = content.get("at"), content.get("explain", True)
    if at is not None and not (
        isinstance(at, list) and 1 <= len(at) <= settings.max_months and all(map(_is_month, at))
    ):
        rule = f"must be a list of 1 to {settings.max_months} numbers, 0 or more"
        faults.append(_fault("at", rule, at, "write months, such as [6, 12]"))
    numbers = {name: content.get(name) for name in ("event_free_at", "expected_months")}
    faults += [
        _fault(name, "must be a number, 0 or more", value, "write months, such as 6")
        for name, value in numbers.items()
        if value is not None and not _is_month(value)
    ]
    if not isinstance(explain, bool):
        faults.append(_fault("explain", "must be true or false", explain, "leave it out for true"))
    if at is not None and bundle.model.kind == "binary" and not faults:
        raise problem_of(UsageError("at is for survival models; this one gives a single probability"))
    # 6 and 6.0 are one month, and one answer.
    given = {name: None if value is None or faults else float(value) for name, value in numbers.items()}
    return {"at": at, "explain": explain, **given}


def _is_month(value: Any) -> bool:
    """A number that is a number: neither a boolean nor an integer too long for a double."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and math.isfinite(value)
    except OverflowError:
        return False


def _fault(field: str, rule: str, value: Any, remedy: str) -> Fault:
    return Fault(
        None, field, rule, None if value is None or isinstance(value, dict | list) else str(value)[:200], remedy
    )


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise _refused(faults)


def _refused(faults: list[Fault]) -> Problem:
    return problem_of(DataError("the request was refused", faults))
