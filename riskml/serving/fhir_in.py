"""A FHIR R4 Bundle -> a patient as ``bundle.predict`` takes it, with a report of what was not used and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from riskml.errors import UsageError
from riskml.record import Record
from riskml.runtime.dictionary import Dictionary
from riskml.runtime.parsing import CellError
from riskml.serving.fhir_chart import Aside, Chart, Found
from riskml.serving.fhir_choice import aside_of, chosen_values, day_of
from riskml.serving.fhir_codes import FhirCodes, load_codes
from riskml.serving.fhir_shape import Resource
from riskml.serving.fhir_time import UNDATED, Moment, moment

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

SCHEMA = "riskml.fhir/1"
_NO_END = float("-inf")
# A birth date without its day is at most half a month off in the middle; without its month it is too far off.
_COARSEST_BIRTH_DAYS = 31


class Used(Record):
    """A value that went into the patient: the variable, where it stood, and its day from the first dose."""

    input: str
    place: str
    day: int | None


class FhirPatient(Record):
    """What a Bundle says of one patient before the first dose.

    Attributes
    ----------
    patient : mapping of variable to raw value
        For ``bundle.predict``.
    used : tuple of Used
    asides : tuple of Aside
        Values that were not used.
    not_read : mapping of resource type to count
    anchor : str
        Where the first dose comes from: ``given``, ``administration``, ``as_of``, ``latest_value`` or ``none``.
    assumed : tuple of str
        What had to be assumed, in words.
    first_dose : date or None
        Identifies, with others, a patient: it is in no report.
    subject : str or None
        Reference to the patient; in no report.
    references : mapping of variable to str
        References to the resources used; in no report.
    """

    patient: Mapping[str, Any]
    used: tuple[Used, ...]
    asides: tuple[Aside, ...]
    not_read: Mapping[str, int]
    anchor: str
    assumed: tuple[str, ...]
    first_dose: dt.date | None
    subject: str | None
    references: Mapping[str, str]

    @property
    def quarantined(self) -> tuple[Aside, ...]:
        """The values somebody should look at: something about them cannot be right."""
        return tuple(aside for aside in self.asides if aside.quarantined)

    def report(self) -> dict[str, Any]:
        """The report as plain data, without any identifier, date or value."""
        return {
            "schema": SCHEMA,
            "first_dose": self.anchor,
            "assumed": list(self.assumed),
            "used": [used.to_fields() for used in self.used],
            "quarantined": [_plain(aside) for aside in self.quarantined],
            "dropped": [_plain(aside) for aside in self.asides if not aside.quarantined],
            "not_read": dict(self.not_read),
        }

    def lines(self) -> list[str]:
        """The report for a person: what was assumed, then what was not used and why."""
        found = [f"assumed: {text}" for text in self.assumed]
        found += [f"quarantined: {text}" for text in self.to_check()]
        return found + [f"not used: {text}" for text in _merged(a for a in self.asides if not a.quarantined)]

    def to_check(self) -> list[str]:
        """The quarantined values for a person: one line for all of one variable with the same reason."""
        return _merged(self.quarantined)


def read_fhir(
    bundle: Resource,
    dictionary: Dictionary,
    *,
    first_dose: str | None = None,
    as_of: str | None = None,
    codes: FhirCodes | None = None,
) -> FhirPatient:
    """Read one patient out of a FHIR R4 Bundle (``searchset``, ``collection`` or ``document``).

    Parameters
    ----------
    bundle : mapping
        The Bundle as ``json.loads`` gives it.
    dictionary : Dictionary
        Of the model that will be asked.
    first_dose : str, optional
        FHIR date or dateTime of the first dose; else the first MedicationAdministration of blinatumomab counts.
    as_of : str, optional
        Used where the Bundle has no dose either: the day on which the question is put.
    codes : FhirCodes, optional
        Instead of ``features/fhir.toml``.

    Raises
    ------
    DataError
        If it is no such Bundle, of several patients, or has elements of wrong types: every fault with its place.
    UsageError
        If ``first_dose`` or ``as_of`` is no date with a day.
    """
    codes = codes or load_codes()
    given, asked = _day_given("the first dose", first_dose), _day_given("the day of the question", as_of)
    chart = Chart(bundle, dictionary, codes)
    anchor, when = _anchor(chart, given, asked)
    found, asides = list(chart.found), list(chart.asides)
    born = _age(chart, when, asides)
    if born is not None:
        asides += [aside_of("computed", f, "age is computed from the date of birth") for f in found if f.name == "age"]
        found = [*(f for f in found if f.name != "age"), born]
    chosen = chosen_values(found, when, asides)
    assumed = [*_assumptions(anchor), *chart.assumed, *_assumed_of(chosen, when)]
    if given is not None and any(dose.last < given.first for dose in chart.doses):
        assumed.append("the course is the first, although blinatumomab was given before the first dose that is stated")
    return FhirPatient(
        patient={f.name: f.raw for f in chosen},
        used=tuple(Used(f.name, f.place, day_of(f, when)) for f in chosen),
        asides=tuple(asides),
        not_read=chart.not_read,
        anchor=anchor,
        assumed=tuple(assumed),
        first_dose=when.first if when is not None and anchor in {"given", "administration"} else None,
        subject=chart.subject,
        references={f.name: f.reference for f in chosen if f.reference},
    )


def is_bundle(patient: Mapping[str, Any]) -> bool:
    """Whether a patient's JSON object is a FHIR resource instead; anything but a Bundle is refused when it is read."""
    return "resourceType" in patient


def _day_given(name: str, text: str | None) -> Moment | None:
    found = None if text is None else moment(text)
    if text is not None and (found is None or found.first != found.last):
        raise UsageError(f"{name} must be a date such as 2026-03-01, or a time with its zone")
    return found


def _anchor(chart: Chart, given: Moment | None, asked: Moment | None) -> tuple[str, Moment | None]:
    """The first dose, or what stands for it."""
    doses = [dose for dose in chart.doses if dose.first == dose.last]
    if given is not None:
        return "given", given
    if doses:
        return "administration", min(doses, key=lambda dose: dose.order)
    if asked is not None:
        return "as_of", asked
    baseline = [f.when for f in chart.found if f.window[1] == 0 and f.when.first == f.when.last]
    if baseline:
        last = max(baseline, key=lambda when: when.order)
        return "latest_value", Moment(last.first, last.last)
    return "none", None


def _assumptions(anchor: str) -> list[str]:
    return {
        "given": [],
        "administration": ["the first dose is the earliest administration of blinatumomab in the Bundle"],
        "as_of": ["no first dose is known: the day of the question stands for it"],
        "latest_value": ["no first dose is known: the day of the latest value stands for it"],
        "none": ["no first dose and no dated value is known: no date was checked"],
    }[anchor]


def _assumed_of(chosen: Iterable[Found], when: Moment | None) -> list[str]:
    """What the dates of the values themselves leave open."""
    texts, measured = [], [one for one in chosen if not one.place.endswith((".gender", ".birthDate"))]
    if when is not None and any(one.when == UNDATED for one in measured):
        texts.append("findings without a date are from before the first dose")
    same_day = [one for one in measured if when is not None and day_of(one, when) == 0]
    if when is not None and any(one.when.instant is None or when.instant is None for one in same_day):
        texts.append("values of the day of the first dose are from before it")
    return texts


def _age(chart: Chart, when: Moment | None, asides: list[Aside]) -> Found | None:
    """The age on the day of the first dose; both dates stay inside."""
    if chart.birth is None or "age" not in chart.dictionary.variables:
        return None
    born, place = chart.birth
    if when is None:
        asides.append(Aside("undated", "age", place, "no first dose is known at which to give an age", False))
        return None
    if (born.last - born.first).days > _COARSEST_BIRTH_DAYS:
        asides.append(Aside("too_coarse", "age", place, "the date of birth has no month", True))
        return None
    middle = born.first + (born.last - born.first) / 2
    raw = {"value": (when.first - middle).days, "unit": "d"}
    try:
        reading = chart.dictionary.read(chart.dictionary["age"], raw)
    except CellError:
        asides.append(Aside("refused_value", "age", place, "the date of birth does not fit the first dose", True))
        return None
    if born.first != born.last:
        chart.assumed.append("the date of birth has no day: the middle of its month was taken")
    # The day of birth is a fact of all time; what is computed for the first dose is of that day.
    return Found("age", raw, reading, when, place, None, (_NO_END, 0))


def _merged(asides: Iterable[Aside]) -> list[str]:
    """One line for each variable and reason, with the first place: a hostile Bundle may hold thousands of a kind."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for aside in asides:
        kinds.setdefault((aside.input, aside.message), []).append(aside.place)
    more = {kind: f" and {len(places) - 1:,} more" if len(places) > 1 else "" for kind, places in kinds.items()}
    return [f"{kind[0]} ({places[0]}{more[kind]}): {kind[1]}" for kind, places in kinds.items()]


def _plain(aside: Aside) -> dict[str, str]:
    return {"code": aside.code, "input": aside.input, "place": aside.place, "message": aside.message}
