"""What was typed into the page's form: read under limits, put as a question, and each fault beside its field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from riskml.errors import DataError, Fault, RiskmlError, printable
from riskml.record import Record
from riskml.reporting.words import printed as in_units
from riskml.runtime.bundle import Bundle
from riskml.runtime.inputs import patient_readings
from riskml.runtime.patient import with_value
from riskml.serving.asked import Asked, checked_one, predicted
from riskml.serving.problems import Problem
from riskml.serving.settings import Settings

FORM_TYPES = ("application/x-www-form-urlencoded",)
# A form has a few dozen short fields.
MAX_BYTES = 65_536
_MAX_FIELDS = 500
SIDES = ("given", "instead")
MONTHS: Mapping[str, str] = {
    "at": "Months to estimate",
    "event_free_at": "Known to be event-free at month",
    "expected_months": "Expected months up to month",
}
_BETWEEN = re.compile(r"[\s,;]+")
# What only the question as a whole can be wrong about stands at the top alone.
WHOLE = ""


class Refused(Exception):  # noqa: N818 - a refusal, as Problem is
    """The form was refused; what was typed is not in ``str()`` of it, so that it can be logged.

    Parameters
    ----------
    faults : mapping of field id to list of str
        What is wrong with each field, in words.
    """

    def __init__(self, faults: Mapping[str, list[str]]) -> None:
        super().__init__("the form was refused")
        self.faults = faults


class Question(Record):
    """A checked form: the question as the other doors put it, and the other values (none: nothing to compare)."""

    asked: Asked
    changes: Mapping[str, Any]

    @property
    def given(self) -> dict[str, Any]:
        """The patient as given."""
        return dict(self.asked.patients[0])


def read_form(body: bytes, fields: Iterable[str]) -> dict[str, str]:
    """The form's texts by field, blanks left out.

    Parameters
    ----------
    body : bytes
        ``application/x-www-form-urlencoded``.
    fields : iterable of str
        Fields that the form has.

    Raises
    ------
    Problem
        ``malformed`` for what no browser sends: other fields, one of them twice, text that is not UTF-8.
    """
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise Problem("malformed", "the form was not sent as a browser sends it") from None
    known, found = frozenset(fields), dict[str, str]()
    for name, text in pairs:
        if name not in known or name in found:
            twice = "is there twice" if name in found else "is not a field of this form"
            raise Problem("malformed", f"{printable(name, 80)} {twice}: fill in the form anew")
        found[name] = text
    return {name: text.strip() for name, text in found.items() if text.strip()}


def form_fields(groups: Iterable[Mapping[str, Any]], *, has_time: bool) -> list[str]:
    """Every field that the form of these groups has."""
    items = [item for group in groups for item in group["fields"]]
    names = [f"{side}-{item['name']}" for side in SIDES for item in items]
    units = [f"{side}-{item['name']}-unit" for side in SIDES for item in items if item["units"]]
    return [*names, *units, *(MONTHS if has_time else ())]


def side_of(typed: Mapping[str, str], side: str) -> dict[str, Any]:
    """The values of one side as the other doors take them; a unit without a value says nothing."""
    found: dict[str, Any] = {}
    for field, text in typed.items():
        start, _, name = field.partition("-")
        if start == side and not name.endswith("-unit"):
            unit = typed.get(f"{field}-unit")
            found[name] = text if unit is None else {"value": text, "unit": unit}
    return found


def read_question(bundle: Bundle, typed: Mapping[str, str], settings: Settings) -> Question:
    """The question that a form puts.

    Raises
    ------
    Refused
        With every fault of every field.
    """
    given, changes = side_of(typed, "given"), side_of(typed, "instead")
    months, faults = _months(typed)
    changed = given
    for name, value in changes.items():
        changed = with_value(changed, name, value, bundle.dictionary)
    first = _refusals(bundle, given)
    second = [fault for fault in _refusals(bundle, changed) if fault not in first]
    found = [*_placed(bundle, typed, "given", first), *_placed(bundle, typed, "instead", second), *faults]
    try:
        asked = checked_one(bundle, {"patient": given, **months}, settings)
    except Problem as problem:
        found += [(fault.column or WHOLE, _in_words(fault, MONTHS)) for fault in problem.faults]
    else:
        found += _beyond(bundle, asked)
    if found:
        faulty: dict[str, list[str]] = {}
        for field, text in found:
            faulty.setdefault(field, []).append(text)
        raise Refused(faulty)
    return Question(asked, changes)


def _months(typed: Mapping[str, str]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The months as numbers, and what is wrong with those that are none."""
    found: dict[str, Any] = {}
    faults = []
    for name in MONTHS:
        if name not in typed:
            continue
        try:
            numbers = [float(text) for text in _BETWEEN.split(typed[name]) if text] if name == "at" else None
            found[name] = float(typed[name]) if numbers is None else numbers
        except ValueError:
            such = "months with blanks between, such as 6 12 24" if name == "at" else "one number, such as 6"
            faults.append((name, f"{MONTHS[name]}: write {such}."))
    return found, faults


def _beyond(bundle: Bundle, asked: Asked) -> list[tuple[str, str]]:
    """Months that the model cannot speak of, each at its own field; what they are only together at the second."""
    given = {name: asked.months[name] for name in MONTHS if asked.months.get(name) is not None}
    for part in (*({name: month} for name, month in given.items()), given):
        try:
            predicted(bundle, Asked(({},), {}, {**part, "explain": False}), {})
        except Problem as problem:
            field = next(iter(part)) if len(part) == 1 else "event_free_at"
            return [(field, _sentence(problem.detail))]
    return []


def _refusals(bundle: Bundle, patient: Mapping[str, Any]) -> tuple[Fault, ...]:
    try:
        patient_readings(bundle, patient)
    except DataError as error:
        return error.faults
    except RiskmlError as error:
        return (Fault(None, None, printable(str(error)), None, "change the values"),)
    return ()


def _placed(bundle: Bundle, typed: Mapping[str, str], side: str, faults: Iterable[Fault]) -> Iterable[tuple[str, str]]:
    """Each fault at its field; a fault of a changed patient about a value that was not changed, at that value."""
    labels = {name: variable.label for name, variable in bundle.dictionary.variables.items()}
    for fault in faults:
        name = fault.column or WHOLE
        field = f"{side}-{name}" if f"{side}-{name}" in typed else f"given-{name}"
        yield (field if field in typed else WHOLE, _in_words(fault, labels))


def _in_words(fault: Fault, labels: Mapping[str, str]) -> str:
    """What is wrong and what to do, with the label in place of a leading name."""
    name, rule = fault.column or "", printable(fault.rule)
    rule = rule.removeprefix(name).lstrip() if name and rule.startswith(name) else rule
    return in_units(f"{labels.get(name, name)} {rule}: {printable(fault.remedy)}.".lstrip())


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."
