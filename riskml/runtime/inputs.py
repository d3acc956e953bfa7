"""A patient's raw values -> readings by the dictionary -> the inputs of a model that are known."""

from __future__ import annotations

from collections.abc import Mapping

from riskml.errors import DataError, Fault
from riskml.runtime.contradictions import contradictions
from riskml.runtime.dictionary import Dictionary
from riskml.runtime.model import Value
from riskml.runtime.parsing import CellError, Reading

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    from riskml.runtime.bundle import Bundle

# The dictionary has a few dozen names; looking for the nearest of each of 100,000 strange ones would take minutes.
MAX_NAMES = 300
# So many strange names get the nearest known one, which takes milliseconds each; who has more uses another dictionary.
MAX_HINTS = 10


def read_inputs(dictionary: Dictionary, patient: Mapping[str, Any]) -> dict[str, Reading]:
    """Parse every value of a patient; all faults are reported at once.

    Raises
    ------
    DataError
        For unknown names (the nearest known one is suggested), names given twice, refused values, and values that
        cannot be true together.
    """
    readings: dict[str, Reading] = {}
    faults: list[Fault] = []
    if len(patient) > MAX_NAMES:
        fault = Fault(None, None, f"must have at most {MAX_NAMES} values", f"{len(patient):,}", "give one patient only")
        raise DataError("the patient was refused", [fault])
    for key, raw in patient.items():
        found = dictionary.find(key) if isinstance(key, str) and len(key) <= 200 else None
        if found is None:
            faults.append(_unknown(dictionary, str(key)[:200], hinted=len(faults) < MAX_HINTS))
            continue
        variable, unit = found
        if variable.name in readings:
            faults.append(Fault(None, variable.name, "must be given once", None, f"'{key}' is another name for it"))
            continue
        try:
            readings[variable.name] = dictionary.read(variable, raw, unit)
        except CellError as error:
            readings[variable.name] = Reading(None)
            written = None if variable.kind == "identifier" else error.value
            faults.append(Fault(None, variable.name, error.rule, written, error.remedy))
    if faults:
        raise DataError("the patient was refused", faults)
    for name in [name for name in readings if dictionary[name].kind == "lesion_text"]:
        text = readings[name].value
        if isinstance(text, str):
            from riskml.runtime.lesions import lesions_of_patient  # only a patient with such a text pays for it

            readings |= lesions_of_patient(dictionary, name, text, readings)
    if impossible := [found.fault for found in contradictions(dictionary, readings) if found.impossible]:
        raise DataError("the patient was refused", impossible)
    return readings


def _unknown(dictionary: Dictionary, name: str, *, hinted: bool) -> Fault:
    hint = f"the nearest known name is '{dictionary.nearest(name)}'" if hinted else "see riskml features for the names"
    return Fault(None, name, "is not a name of the dictionary", None, hint)


def derived_names(bundle: Bundle) -> tuple[str, ...]:
    """What the model takes, or its population is described by, and other variables can make."""
    return bundle.dictionary.derivable((*bundle.model.inputs, *bundle.manifest["applies_to"]))


def patient_readings(bundle: Bundle, patient: Mapping[str, Any]) -> dict[str, Reading]:
    """A patient's values, and what the model takes that follows from them; errors as in :func:`read_inputs`."""
    readings, wanted = read_inputs(bundle.dictionary, patient), derived_names(bundle)
    if not wanted:
        return readings
    from riskml.runtime.derived import with_derived  # only a model with such inputs pays for it

    return with_derived(bundle.dictionary, readings, wanted)


def known_values(bundle: Bundle, readings: Mapping[str, Reading]) -> dict[str, Value]:
    """The model's inputs that are known, in the model's order."""
    pairs = ((name, readings[name].value) for name in bundle.model.inputs if name in readings)
    return {name: number for name, number in pairs if number is not None}
