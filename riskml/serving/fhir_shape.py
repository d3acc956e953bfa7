"""Plain JSON as FHIR R4 resources: every wrong type is written down with its place, nothing is followed or guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from riskml.errors import DataError, Fault
from riskml.serving.fhir_codes import Coding
from riskml.serving.fhir_time import Moment, moment

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

# A patient's chart before one treatment; more is an export of a ward.
MAX_ENTRIES = 2_000
MAX_ITEMS = 100
# A list of thousands of faults helps nobody, and its groups are shown one a line.
MAX_FAULTS = 200
LARGEST = 10**300
_JSON_NAMES = {dict: "object", list: "array", str: "text", bool: "true or false", int: "number", float: "number"}

Resource = Mapping[str, "Any"]


class Shape:
    """Reads elements of resources and collects what is wrong, so that all of it is reported at once.

    No element is looked at but by its name: nested, cyclic and unknown content costs nothing.

    Attributes
    ----------
    faults : list of Fault
        ``column`` is the place as a FHIRPath: ``Bundle.entry[3].resource.valueQuantity.value``.
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def wrong(self, place: str, rule: str, remedy: str) -> None:
        """Write down one fault; what stood there is not shown, as it may identify a patient."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(None, place, rule, None, remedy))

    def check(self) -> None:
        """Refuse the Bundle where anything was wrong.

        Raises
        ------
        DataError
            With every fault.
        """
        if self.faults:
            raise DataError("the FHIR Bundle was refused", self.faults)

    def child(self, holder: Resource, name: str, place: str) -> Resource | None:
        """An element that is a JSON object; None where it is absent or wrong."""
        found = holder.get(name)
        if found is None or isinstance(found, Mapping):
            return found
        self._not(place, name, "an object", found)
        return None

    def text(self, holder: Resource, name: str, place: str) -> str | None:
        """An element that is text."""
        found = holder.get(name)
        if found is None or isinstance(found, str):
            return found
        self._not(place, name, "text", found)
        return None

    def number(self, holder: Resource, name: str, place: str) -> int | float | None:
        """An element that is a JSON number; text and true are none, nor is an integer that Python would not print."""
        found = holder.get(name)
        if found is None or (isinstance(found, float) or (type(found) is int and abs(found) < LARGEST)):
            return found
        self._not(place, name, "a number", found)
        return None

    def items(self, holder: Resource, name: str, place: str, most: int = MAX_ITEMS) -> Iterator[tuple[Resource, str]]:
        """The objects of a list, each with its place."""
        found = holder.get(name)
        if found is None:
            return
        if not isinstance(found, list):
            self._not(place, name, "an array", found)
            return
        if len(found) > most:
            self.wrong(
                f"{place}.{name}", f"must have at most {most:,} items", "send what concerns one patient's course"
            )
            return
        for k, item in enumerate(found):
            if isinstance(item, Mapping):
                yield item, f"{place}.{name}[{k}]"
            else:
                self._not(place, f"{name}[{k}]", "an object", item)

    def codings(self, holder: Resource, name: str, place: str) -> tuple[list[Coding], str]:
        """System and code of every coding of a CodeableConcept, and its text."""
        concept = self.child(holder, name, place)
        if concept is None:
            return [], ""
        inside, found = f"{place}.{name}", []
        for coding, where in self.items(concept, "coding", inside):
            system, code = self.text(coding, "system", where), self.text(coding, "code", where)
            if code:
                found.append((system or "", code))
        return found, self.text(concept, "text", inside) or ""

    def reference(self, holder: Resource, name: str, place: str) -> str | None:
        """What a Reference refers to; one that has only a display or an identifier refers to nothing we can tell."""
        found = self.child(holder, name, place)
        return None if found is None else self.text(found, "reference", f"{place}.{name}")

    def moment(self, holder: Resource, name: str, place: str) -> Moment | None:
        """An element that is a date, dateTime or instant."""
        written = self.text(holder, name, place)
        if written is None:
            return None
        found = moment(written)
        if found is None:
            remedy = "write YYYY-MM-DD, or a time with its zone: 2026-03-01T08:00:00+01:00"
            self.wrong(f"{place}.{name}", "must be a FHIR date or dateTime from 1900 to 2099", remedy)
        return found

    def _not(self, place: str, name: str, wanted: str, found: object) -> None:
        got = _JSON_NAMES.get(type(found), "null" if found is None else "something else")
        self.wrong(f"{place}.{name}", f"must be {wanted}, not {got}", "send FHIR R4 as JSON")
