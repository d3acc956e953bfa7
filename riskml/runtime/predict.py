"""predict(bundle, patient) -> Prediction: the one call every door uses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from riskml.errors import DataError, Fault, NotEstimableError, RiskmlError
from riskml.record import Record
from riskml.runtime.dictionary import Dictionary
from riskml.runtime.domain import could_change, reasons_outside
from riskml.runtime.explain import Effects, explain_link, explain_value
from riskml.runtime.model import Value
from riskml.runtime.parsing import CellError, Reading
from riskml.runtime.score import interval, value

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    from riskml.runtime.bundle import Bundle


# What an estimate is called, by the kind of the model's outcome.
KINDS = {"binary": "probability", "survival": "survival", "incidence": "cumulative_incidence"}
SCHEMA = "riskml.prediction/1"
# Additivity of the explanation is checked on every prediction; a larger gap would be a defect, not rounding.
TOLERANCE = 1e-8
# The dictionary has a few dozen names; looking for the nearest of each of 100,000 strange ones would take minutes.
MAX_NAMES = 300


class Remark(Record):
    """A remark beside a prediction: a stable code, the input it is about (if any), words for a person."""

    code: str
    message: str
    input: str | None = None


class Prediction(Record):
    """One patient's estimate with everything that must be read beside it.

    Attributes
    ----------
    model : mapping
        Name, outcome, version, digest and whether the training data were synthetic.
    kind : {"probability", "survival"}
    times : tuple of float
        Months of the survival estimates; empty for a probability.
    value, low, high : tuples of float
        The estimate and its interval of ``level``: one number, or one per time.
    on_value, on_link : Effects or None
        Exact explanation on the probability / S(t) scale and in closed form on the log-odds / log-hazard scale.
    readings : mapping of name to Reading
        The inputs the model used, in canonical units.
    missing, could_change : the missing inputs, and how far measuring each could move the estimate
    reasons : tuple of str
        Why the patient lies outside the model's domain; empty inside.
    warnings : tuple of Remark
    not_for : tuple of str
    """

    model: Mapping[str, Any]
    kind: str
    times: tuple[float, ...]
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    level: float
    on_value: Effects | None
    on_link: Effects | None
    readings: Mapping[str, Reading]
    shown: Mapping[str, str]
    labels: Mapping[str, str]
    missing: tuple[str, ...]
    could_change: tuple[Mapping[str, Any], ...]
    reasons: tuple[str, ...]
    warnings: tuple[Remark, ...]
    not_for: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The object of schema ``riskml.prediction/1`` that every door gives."""
        return {
            "schema": SCHEMA,
            "model": dict(self.model),
            "estimate": self._estimate(),
            "explanation": self._explanation(),
            "inputs": {
                "used": {name: reading.value for name, reading in self.readings.items()},
                "missing": list(self.missing),
                "could_change": [dict(item) for item in self.could_change],
            },
            "domain": {"inside": not self.reasons, "reasons": list(self.reasons)},
            "warnings": [
                {"code": w.code, **({"input": w.input} if w.input else {}), "message": w.message} for w in self.warnings
            ],
            "not_for": list(self.not_for),
        }

    def _estimate(self) -> dict[str, Any]:
        if self.kind == "probability":
            numbers: dict[str, Any] = {"value": self.value[0], "low": self.low[0], "high": self.high[0]}
            return {"kind": self.kind, **numbers, "level": self.level}
        lists = {"times": list(self.times), "value": list(self.value), "low": list(self.low), "high": list(self.high)}
        return {"kind": self.kind, "unit": "mo", **lists, "level": self.level}

    def _explanation(self) -> dict[str, Any] | None:
        if self.on_value is None:
            return None
        lists = [self._effects(effects) for effects in self.on_value.effects]
        single = self.kind == "probability"
        found: dict[str, Any] = {
            "scale": self.on_value.scale,
            **({} if single else {"times": list(self.times)}),
            "base": self.on_value.base[0] if single else list(self.on_value.base),
            "effects": lists[0] if single else lists,
            "sum_error": self.on_value.sum_error,
        }
        if self.on_link is not None:
            link = {"scale": self.on_link.scale, "base": self.on_link.base[0], "value": self.on_link.value[0]}
            effects = self._effects(self.on_link.effects[0])
            found["link"] = {**link, "effects": effects, "sum_error": self.on_link.sum_error}
        return found

    def _effects(self, effects: Mapping[str, float]) -> list[dict[str, Any]]:
        ordered = sorted(effects.items(), key=lambda item: (-abs(item[1]), item[0]))
        return [{"input": n, "label": self.labels[n], "value": self.shown[n], "effect": e} for n, e in ordered]


def read_inputs(dictionary: Dictionary, patient: Mapping[str, Any]) -> dict[str, Reading]:
    """Parse every value of a patient; all faults are reported at once.

    Raises
    ------
    DataError
        For unknown names (the nearest known one is suggested), names given twice, and refused values.
    """
    readings: dict[str, Reading] = {}
    faults: list[Fault] = []
    if len(patient) > MAX_NAMES:
        fault = Fault(None, None, f"must have at most {MAX_NAMES} values", f"{len(patient):,}", "give one patient only")
        raise DataError("the patient was refused", [fault])
    for key, raw in patient.items():
        found = dictionary.find(key) if isinstance(key, str) and len(key) <= 200 else None
        if found is None:
            near = dictionary.nearest(str(key)[:200])
            faults.append(
                Fault(
                    None, str(key)[:200], "is not a name of the dictionary", None, f"the nearest known name is '{near}'"
                )
            )
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
    return readings


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


def checked_times(bundle: Bundle, at: Sequence[float] | None) -> tuple[float, ...]:
    """The months asked for, or the bundle's own horizons.

    Raises
    ------
    NotEstimableError
        If a time is negative, not finite or beyond the follow-up that the model can speak for.
    """
    if bundle.model.kind == "binary":
        return ()
    asked = at if at is not None and len(at) else bundle.manifest["horizons_months"]
    times = tuple(float(t) for t in asked)
    wrong = [t for t in times if not (math.isfinite(t) and 0 <= t <= bundle.model.horizon)]
    if wrong:
        raise NotEstimableError(
            f"survival at {', '.join(f'{t:g}' for t in wrong)} months cannot be estimated from this model: "
            f"its cohort supports 0 to {bundle.model.horizon:g} months"
        )
    return times


def predict(
    bundle: Bundle, patient: Mapping[str, Any], *, at: Sequence[float] | None = None, explain: bool = True
) -> Prediction:
    """Estimate one patient's risk.

    Parameters
    ----------
    bundle : Bundle
    patient : mapping of name to raw value
        As in the contract: numbers in canonical units, text with units, ``{"value": ..., "unit": ...}``, None.
    at : sequence of float, optional
        Months at which to give survival; the bundle's horizons by default. Ignored for a binary outcome.
    explain : bool
        Whether to compute the explanation.

    Raises
    ------
    DataError
        If a name or value is refused.
    NotEstimableError
        If a time lies beyond the model's follow-up.
    """
    manifest, model, dictionary = bundle.manifest, bundle.model, bundle.dictionary
    readings = patient_readings(bundle, patient)
    times = checked_times(bundle, at)
    known = known_values(bundle, readings)
    centre = value(model, known, times)
    low, high = interval(model, known, times, centre)
    on_value = explain_value(model, known, times) if explain else None
    on_link = explain_link(model, known) if explain and model.is_linear else None
    for effects in (on_value, on_link):
        if effects is not None and not effects.sum_error < TOLERANCE:
            raise RiskmlError(f"the explanation misses the estimate by {effects.sum_error:.1e}: please report this")
    missing = tuple(name for name in model.inputs if name not in known)
    reasons = tuple(reasons_outside(model, dictionary, manifest["applies_to"], readings))
    return Prediction(
        model={
            "name": manifest["name"],
            "outcome": manifest["label"],
            "version": manifest["version"],
            "digest": bundle.digest,
            "synthetic": manifest["synthetic"],
        },
        kind=KINDS[model.kind],
        times=times,
        value=tuple(centre),
        low=tuple(low),
        high=tuple(high),
        level=model.level,
        on_value=on_value,
        on_link=on_link,
        readings={name: readings[name] for name in known},
        shown={name: dictionary[name].show(readings[name].value, readings[name].below) for name in known},
        labels={name: dictionary[name].label for name in model.inputs},
        missing=missing,
        could_change=tuple(could_change(model, dictionary, known, times)),
        reasons=reasons,
        warnings=tuple(_warnings(bundle, readings, missing, reasons)),
        not_for=tuple(manifest["not_for"]),
    )


def _warnings(
    bundle: Bundle, readings: Mapping[str, Reading], missing: Sequence[str], reasons: Sequence[str]
) -> list[Remark]:
    manifest, found = bundle.manifest, []
    if manifest["synthetic"]:
        found.append(
            Remark(
                "synthetic",
                "trained on SYNTHETIC data: this demonstrates the software and says nothing about any patient",
            )
        )
    if "published" in manifest:
        found.append(Remark("published_counts", manifest["published"]))
    if not manifest["usable_signal"]:
        found.append(
            Remark(
                "no_usable_signal",
                f"in honest cross-validation this model was not shown to beat the comparator: {manifest['verdict']}",
            )
        )
    if reasons:
        found.append(Remark("outside_domain", "this patient is unlike those the model learned from; see the reasons"))
    if len(missing) == len(bundle.model.inputs):
        found.append(Remark("no_inputs", "no input of this model is known: the estimate is the average of its cohort"))
    used = {*bundle.model.inputs, *_made_of(bundle)}
    for name, reading in readings.items():
        given = not any(note.code == "read_from_text" for note in reading.notes)
        if bundle.dictionary[name].kind == "lesion_text":
            found.extend(Remark(note.code, note.message, name) for note in reading.notes)
        elif name not in used and given:
            found.append(Remark("not_used", f"{bundle.dictionary[name].label} is not an input of this model", name))
        elif name in used:
            found.extend(Remark(note.code, note.message, name) for note in reading.notes)
    return found


def _made_of(bundle: Bundle) -> frozenset[str]:
    """Derived variables that count, with all that they are made of."""
    names = derived_names(bundle)
    if not names:
        return frozenset()
    from riskml.runtime.derived import components

    return components(bundle.dictionary.definitions, names) | {*names}
