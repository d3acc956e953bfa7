"""A FHIR Bundle -> what it says of one patient: values by variable, doses, birth date; nothing is chosen here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from riskml.record import Record
from riskml.runtime.dictionary import Dictionary, Variable
from riskml.runtime.parsing import CellError, Reading
from riskml.serving.fhir_codes import FhirCodes
from riskml.serving.fhir_drug import is_drug
from riskml.serving.fhir_shape import MAX_ENTRIES, Resource, Shape
from riskml.serving.fhir_time import UNDATED, Moment
from riskml.serving.fhir_values import NotUsedError, raw_value

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

BUNDLE_TYPES = ("searchset", "collection", "document")
# Codes of status and verificationStatus that a report may repeat; anything else is free text.
_STATUSES = frozenset(
    {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"}
    | {"in-progress", "not-done", "on-hold", "completed", "stopped"}
    | {"unconfirmed", "provisional", "differential", "confirmed", "refuted"}
)
_OVER = frozenset({"inactive", "remission", "resolved"})
# A Patient that nobody can refer to.
_NAMELESS = "Patient"
_PRESENT = {"confirmed": "present", "refuted": "absent"}


class Found(Record):
    """One value of one variable as a resource gives it.

    Attributes
    ----------
    name : str
        The variable.
    raw : str, number or mapping
        As ``bundle.predict`` takes it.
    reading : Reading
        What the dictionary makes of it, to compare values written differently.
    when : Moment
    place : str
        Where it stands in the Bundle, as a FHIRPath.
    reference : str or None
        How others refer to the resource; None where it has neither id nor fullUrl.
    window : (first, last)
        Days from the first dose on which it counts.
    owner : str or None
        For a companion (the method of an MRD) inside another result: the variable of that result.
    """

    name: str
    raw: Any
    reading: Reading
    when: Moment
    place: str
    reference: str | None
    window: tuple[float, float]
    owner: str | None = None


class Aside(Record):
    """A value that is not used: a stable code, variable, place, words, and whether somebody should look at it."""

    code: str
    input: str
    place: str
    message: str
    quarantined: bool


class Chart:
    """Reads a Bundle once.

    Attributes
    ----------
    found : list of Found
    asides : list of Aside
    not_read : dict of resource type to count
        Resources whose codes mean nothing to the dictionary.
    doses : list of Moment
        Doses of blinatumomab that were given.
    birth : (Moment, place) or None
    subject : str or None
        The reference to the patient; never part of a report.
    assumed : list of str
    """

    def __init__(self, bundle: Resource, dictionary: Dictionary, codes: FhirCodes) -> None:
        self.dictionary, self.codes, self.shape = dictionary, codes, Shape()
        self.found: list[Found] = []
        self.asides: list[Aside] = []
        self.not_read: dict[str, int] = {}
        self.doses: list[Moment] = []
        self.birth: tuple[Moment, str] | None = None
        self.assumed: list[str] = []
        self._subjects: dict[str, str] = {}
        self._patients: dict[str, str] = {}
        self._entries = list(self._read_entries(bundle))
        readers = {
            "Patient": self._patient,
            "Observation": self._observation,
            "Condition": self._condition,
            "MedicationAdministration": self._administration,
        }
        for resource, place, full_url in self._entries:
            kind = self.shape.text(resource, "resourceType", place) or "resource"
            if kind in readers:
                readers[kind](resource, place, full_url)
            else:
                self._pass(kind)
        self._check_one_patient()
        self.shape.check()

    @property
    def subject(self) -> str | None:
        """The reference to the patient, if the Bundle has one."""
        named = (name for name in (*self._subjects, *self._patients) if name != _NAMELESS)
        return next(named, None)

    def _read_entries(self, bundle: Resource) -> Iterator[tuple[Resource, str, str | None]]:
        shape = self.shape
        if not isinstance(bundle, Mapping) or bundle.get("resourceType") != "Bundle":
            shape.wrong("Bundle.resourceType", "must be Bundle", "send a FHIR R4 Bundle of the patient's results")
            return
        if shape.text(bundle, "type", "Bundle") not in BUNDLE_TYPES:
            rule = f"must be one of {', '.join(BUNDLE_TYPES)}"
            shape.wrong("Bundle.type", rule, "other Bundles hold actions or old versions")
        if any(shape.text(link, "relation", place) == "next" for link, place in shape.items(bundle, "link", "Bundle")):
            self.assumed.append("the Bundle is one page of several: what stands on the others is not known here")
        for entry, place in shape.items(bundle, "entry", "Bundle", MAX_ENTRIES):
            resource = shape.child(entry, "resource", place)
            search = shape.child(entry, "search", place) or {}
            if resource is not None and search.get("mode") != "outcome":
                yield resource, f"{place}.resource", shape.text(entry, "fullUrl", place)

    def _patient(self, resource: Resource, place: str, full_url: str | None) -> None:
        identity = self.shape.text(resource, "id", place)
        name = f"Patient/{identity}" if identity else full_url or _NAMELESS
        if self._patients:
            self.shape.wrong(place, "must be the only Patient", "send one patient at a time")
        self._patients[name] = full_url or ""
        if self._unread_rules(resource, "Patient", "", place):
            return
        born = self.shape.moment(resource, "birthDate", place)
        self.birth = (born, f"{place}.birthDate") if born else None
        gender = self.shape.text(resource, "gender", place)
        if gender in {"female", "male"} and "sex" in self.dictionary.variables:
            self._keep(self.dictionary["sex"], gender, UNDATED, f"{place}.gender", None)

    def _observation(self, resource: Resource, place: str, full_url: str | None) -> None:
        shape = self.shape
        names = self._names(resource, place)
        parts = [(part, where, self._names(part, where)) for part, where in shape.items(resource, "component", place)]
        parts = [part for part in parts if part[2]]
        if not names and not parts:
            self._pass("Observation")
            return
        about = (names or parts[0][2])[0]
        if self._refused_status(resource, "observation", about, place) or not self._is_about(resource, about, place):
            return
        when, reference = self._effective(resource, place), _reference(resource, "Observation", full_url)
        owner = names[0] if len(names) == 1 else None
        if names and not (parts and not _has_value(resource)):
            self._value(resource, place, names, when, reference)
        if owner is not None:
            self._method(resource, place, owner, when, reference)
        for part, where, named in parts:
            companion = owner is not None and named[0] in self.dictionary[owner].companions
            self._value(part, where, named, when, reference, owner if companion else None)

    def _method(self, resource: Resource, place: str, owner: str, when: Moment, reference: str | None) -> None:
        """How a result was measured, where that is a companion of it: the method of an MRD."""
        codings, _ = self.shape.codings(resource, "method", place)
        methods = {code for system, code in codings if system == self.codes.systems["value"]}
        for name in self.dictionary[owner].companions:
            for method in sorted(methods & self.dictionary[name].levels.keys()):
                self._keep(self.dictionary[name], method, when, f"{place}.method", reference, owner=owner)

    def _condition(self, resource: Resource, place: str, full_url: str | None) -> None:
        """A diagnosis: present where it is confirmed, absent where it is refuted, else nothing."""
        shape, names = self.shape, self._names(resource, place)
        if not names:
            self._pass("Condition")
            return
        name, variable = names[0], self.dictionary[names[0]]
        if self._unread_rules(resource, "Condition", name, place) or not self._is_about(resource, name, place):
            return
        verified, _ = shape.codings(resource, "verificationStatus", place)
        clinical, _ = shape.codings(resource, "clinicalStatus", place)
        status = next((code for _, code in verified), "confirmed")
        window = self.codes.window(variable)
        if status not in _PRESENT:
            self._aside("status", name, place, f"its verification status is {_safe(status)}")
        elif variable.kind != "tristate" or len(names) > 1 or window is None:
            self._aside("value_type", name, place, f"{name} is not a yes or no", quarantined=True)
        elif window[0] > float("-inf") and any(code in _OVER for _, code in clinical):
            self._aside("over", name, place, "it is no longer active")
        else:
            start = shape.moment(resource, "onsetDateTime", place) or shape.moment(resource, "recordedDate", place)
            reference = _reference(resource, "Condition", full_url)
            # A diagnosis stands until it is resolved: only one that is made after the first dose is too late.
            self._keep(variable, _PRESENT[status], start or UNDATED, place, reference, (float("-inf"), window[1]))

    def _administration(self, resource: Resource, place: str, _full_url: str | None) -> None:
        if not is_drug(self.shape, resource, place, self.codes, [entry[0] for entry in self._entries]):
            self._pass("MedicationAdministration")
            return
        if self._refused_status(resource, "administration", "first dose", place):
            return
        if not self._is_about(resource, "first dose", place):
            return
        # An infusion of weeks counts from its start.
        period = self.shape.child(resource, "effectivePeriod", place)
        start = None if period is None else self.shape.moment(period, "start", f"{place}.effectivePeriod")
        self.doses.append(start or self._effective(resource, place))

    def _names(self, resource: Resource, place: str) -> tuple[str, ...]:
        codings, _ = self.shape.codings(resource, "code", place)
        return self.codes.variables(self.dictionary, codings)

    def _refused_status(self, resource: Resource, kind: str, name: str, place: str) -> bool:
        status = self.shape.text(resource, "status", place)
        if status in self.codes.statuses[kind]:
            return self._unread_rules(resource, kind.capitalize(), name, place)
        self._aside("status", name, place, f"its status is {_safe(status)}, not {' or '.join(_ordered(self, kind))}")
        return True

    def _unread_rules(self, resource: Resource, kind: str, name: str, place: str) -> bool:
        """Whether a resource says that it must not be read without understanding something riskml does not."""
        for modifier in ("modifierExtension", "implicitRules"):
            if resource.get(modifier):
                text = f"the {kind} has a {modifier}, which changes its meaning in a way riskml does not know"
                self._aside("modifier", name, place, text, quarantined=True)
                return True
        return False

    def _is_about(self, resource: Resource, name: str, place: str) -> bool:
        """Whether a resource is about a patient; keeps whose it is."""
        subject = self.shape.reference(resource, "subject", place)
        if subject is None or subject.startswith("#"):
            return True
        if not subject.startswith("urn:") and "Patient/" not in subject:
            self._aside("subject", name, place, "it is not about a patient")
            return False
        self._subjects.setdefault(subject.partition("/_history/")[0], place)
        return True

    def _effective(self, resource: Resource, place: str) -> Moment:
        shape = self.shape
        when = shape.moment(resource, "effectiveDateTime", place) or shape.moment(resource, "effectiveInstant", place)
        if when is not None:
            return when
        period = shape.child(resource, "effectivePeriod", place)
        if period is None:
            return UNDATED
        start = shape.moment(period, "start", f"{place}.effectivePeriod")
        end = shape.moment(period, "end", f"{place}.effectivePeriod")
        return Moment((start or UNDATED).first, (end or UNDATED).last) if start or end else UNDATED

    def _value(
        self,
        holder: Resource,
        place: str,
        names: Sequence[str],
        when: Moment,
        reference: str | None,
        owner: str | None = None,
    ) -> None:
        if len(names) > 1:
            text = f"its codes mean different things ({', '.join(names[:5])})"
            self._aside("two_codes", names[0], place, text, quarantined=True)
            return
        variable = self.dictionary[names[0]]
        try:
            raw = raw_value(self.shape, holder, place, variable, self.codes)
        except NotUsedError as error:
            self._aside(error.code, variable.name, place, error.message, quarantined=error.quarantined)
            return
        self._keep(variable, raw, when, place, reference, owner=owner)

    def _keep(
        self,
        variable: Variable,
        raw: Any,
        when: Moment,
        place: str,
        reference: str | None,
        window: tuple[float, float] | None = None,
        owner: str | None = None,
    ) -> None:
        """A value that the dictionary can read; what it says of a refused one repeats no text."""
        span = window or self.codes.window(variable)
        if span is None:
            self._aside("never", variable.name, place, f"{variable.name} is known only after what is to be predicted")
            return
        try:
            reading = self.dictionary.read(variable, raw)
        except CellError as error:
            self._aside("refused_value", variable.name, place, f"{error.rule}; {error.remedy}", quarantined=True)
            return
        if reading.value is None:
            self._aside("no_value", variable.name, place, "it says that the value is unknown")
            return
        self.found.append(Found(variable.name, raw, reading, when, place, reference, span, owner))

    def _aside(self, code: str, name: str, place: str, message: str, *, quarantined: bool = False) -> None:
        self.asides.append(Aside(code, name, place, message, quarantined))

    def _pass(self, kind: str) -> None:
        shown = kind if kind.isalpha() and kind.isascii() and len(kind) < 40 else "resource"
        self.not_read[shown] = self.not_read.get(shown, 0) + 1

    def _check_one_patient(self) -> None:
        """Two patients in one Bundle must never become one estimate."""
        of_url = {url: name for name, url in self._patients.items() if url}
        named = [(of_url.get(subject, subject), place) for subject, place in self._subjects.items()]
        own = [(name, "Bundle") for name in self._patients if name != _NAMELESS]
        _, _, expected = [*own, *named, ("", "")][0][0].rpartition("Patient/")
        bases = dict.fromkeys(base for name, _ in named if (base := name.rpartition("Patient/")[0]))
        for name, place in named:
            base, _, end = name.rpartition("Patient/")
            if end != expected or (base and base != next(iter(bases))):
                rule, remedy = "must be the same patient everywhere", "send one patient at a time"
                self.shape.wrong(f"{place}.subject", rule, remedy)


def _reference(resource: Resource, kind: str, full_url: str | None) -> str | None:
    identity = resource.get("id")
    return f"{kind}/{identity}" if isinstance(identity, str) and 0 < len(identity) <= 64 else full_url


def _has_value(resource: Resource) -> bool:
    return any(isinstance(name, str) and name.startswith("value") for name in resource)


def _safe(status: str | None) -> str:
    return f"'{status}'" if status in _STATUSES else "missing or unknown"


def _ordered(chart: Chart, kind: str) -> list[str]:
    return sorted(chart.codes.statuses[kind])
