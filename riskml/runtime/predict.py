"""predict(bundle, patient) -> Prediction: the one call every door uses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from riskml.errors import NotEstimableError, RiskmlError, UsageError
from riskml.runtime.card_words import doubt
from riskml.runtime.contradictions import contradictions
from riskml.runtime.could_change import could_change
from riskml.runtime.domain import Concern, concerns
from riskml.runtime.explain import Effects, TooManyInputsError, explain_link
from riskml.runtime.explain_question import explain_question
from riskml.runtime.inputs import derived_names, known_values, patient_readings
from riskml.runtime.model import PortableModel, Value
from riskml.runtime.parsing import Reading
from riskml.runtime.prediction import Estimate, ExpectedMonths, Prediction, Remark, WhatIf
from riskml.runtime.questions import Question, ask, at_months, difference, given_event_free, interval, restricted_mean
from riskml.runtime.review import is_overdue

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    from riskml.runtime.bundle import Bundle


# Additivity of the explanation is checked on every prediction; a larger gap would be a defect, not rounding.
TOLERANCE = 1e-8
# Points of the curve that goes with an estimate, at most.
_CURVE_POINTS = 60


def checked_times(bundle: Bundle, at: Sequence[float] | None, since: float | None = None) -> tuple[float, ...]:
    """The months asked for, or the bundle's own horizons, as far as they are after ``since``.

    Raises
    ------
    NotEstimableError
        If a time is negative, not finite, not after ``since``, or beyond the follow-up that the model can speak for.
    """
    if bundle.model.kind == "binary":
        return ()
    reach = bundle.model.horizon
    if since is not None and not (math.isfinite(since) and 0 <= since < reach):
        raise NotEstimableError(
            f"nothing can be said of a patient who is event-free at {since:g} months: the model's cohort supports 0 to "
            f"{reach:g} months"
        )
    own = [t for t in bundle.manifest["horizons_months"] if t > (since or 0)] or [reach]
    times = tuple(float(t) for t in (at if at is not None and len(at) else own))
    wrong = [t for t in times if not (math.isfinite(t) and (since or 0) <= t <= reach)]
    if wrong:
        raise NotEstimableError(
            f"survival at {', '.join(f'{t:g}' for t in wrong)} months cannot be estimated from this model: "
            f"its cohort supports {since or 0:g} to {reach:g} months"
            + (" for a patient who is event-free by then" if since else "")
        )
    return times


def predict(
    bundle: Bundle,
    patient: Mapping[str, Any],
    *,
    at: Sequence[float] | None = None,
    explain: bool = True,
    event_free_at: float | None = None,
    expected_months: float | None = None,
    as_given: Mapping[str, Any] | None = None,
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
    event_free_at : float, optional
        Month at which the patient is known to be event-free; all answers are then conditional on that.
    expected_months : float, optional
        Give the expected event-free months up to this one, too (months lost to the event for an incidence).
    as_given : mapping of name to raw value, optional
        The patient without the changes that ``patient`` has; the prediction then says what they change.

    Raises
    ------
    DataError
        If a name or value is refused.
    NotEstimableError
        If a time lies beyond the model's follow-up.
    UsageError
        If months are asked of a model that has no time.
    """
    manifest, model, dictionary = bundle.manifest, bundle.model, bundle.dictionary
    _check_has_time(bundle, event_free_at, expected_months)
    readings = patient_readings(bundle, patient)
    times = checked_times(bundle, at, event_free_at)
    known = known_values(bundle, readings)
    question = _question(model, times, event_free_at)
    missing = tuple(name for name in model.inputs if name not in known)
    found = concerns(model, dictionary, manifest, readings)
    prediction = Prediction(
        model={
            "name": manifest["name"],
            "outcome": manifest["label"],
            "version": manifest["version"],
            "digest": bundle.digest,
            "synthetic": manifest["synthetic"],
        },
        kind=model.scale,
        times=times,
        **_estimate(question, known).to_fields(),
        level=model.level,
        on_value=_explained(question, known) if explain else None,
        on_link=_checked(explain_link(model, known)) if explain and model.has_link else None,
        readings={name: readings[name] for name in known},
        shown={name: _shown(bundle, readings, name) for name in known},
        labels={name: dictionary[name].label for name in model.inputs},
        missing=missing,
        could_change=tuple(could_change(question, dictionary, known)),
        reasons=tuple(concern.message for concern in found if concern.outside),
        warnings=tuple(_warnings(bundle, readings, missing, found)),
        not_for=tuple(manifest["not_for"]),
        curve=_curve(model, known, event_free_at),
        event_free_at=event_free_at,
        expected=_expected(bundle, known, expected_months, event_free_at, explain=explain),
        what_if=None if as_given is None else _what_if(bundle, question, readings, as_given),
    )
    remarks = _remarks(prediction, explain=explain)
    return prediction.with_(warnings=(*prediction.warnings, *remarks)) if remarks else prediction


def _check_has_time(bundle: Bundle, *months: float | None) -> None:
    if bundle.model.kind == "binary" and any(month is not None for month in months):
        raise UsageError("months are for survival models; this one gives a single probability")


def _question(model: PortableModel, times: Sequence[float], since: float | None) -> Question:
    return at_months(model, times) if since is None else given_event_free(model, times, since)


def _estimate(question: Question, known: Mapping[str, Value]) -> Estimate:
    centre = ask(question, known)
    low, high = interval(question, known, centre)
    return Estimate(tuple(centre), tuple(low), tuple(high))


def _explained(question: Question, known: Mapping[str, Value]) -> Effects | None:
    """The effects, or None where too many inputs count for an exact explanation."""
    try:
        return _checked(explain_question(question, known))
    except TooManyInputsError:
        return None


def _checked(effects: Effects) -> Effects:
    if not effects.sum_error < TOLERANCE:
        raise RiskmlError(f"the explanation misses the estimate by {effects.sum_error:.1e}: please report this")
    return effects


def _curve(model: PortableModel, known: Mapping[str, Value], since: float | None) -> tuple[tuple[float, float], ...]:
    """The answer at whole months, or at as many as can be drawn."""
    if model.kind == "binary":
        return ()
    start, reach = since or 0.0, model.horizon
    step = max(1, math.ceil((reach - start) / _CURVE_POINTS))
    times = [start + step * k for k in range(math.ceil((reach - start) / step))]
    times.append(reach)
    return tuple(zip(times, ask(_question(model, times, since), known), strict=True))


def _expected(
    bundle: Bundle, known: Mapping[str, Value], until: float | None, since: float | None, *, explain: bool
) -> ExpectedMonths | None:
    if until is None:
        return None
    (until,) = checked_times(bundle, (until,), since)
    if until <= (since or 0.0):
        raise UsageError(f"no months lie between {since or 0:g} and {until:g}: expected months take a later end")
    question = restricted_mean(bundle.model, until, since or 0.0)
    effects = _explained(question, known) if explain else None
    return ExpectedMonths(until, _estimate(question, known), effects)


def _what_if(
    bundle: Bundle, question: Question, readings: Mapping[str, Reading], as_given: Mapping[str, Any]
) -> WhatIf | None:
    """What the changes do; None where nothing was known before or nothing changed: there is nothing to compare."""
    earlier = patient_readings(bundle, as_given)
    before, after = known_values(bundle, earlier), known_values(bundle, readings)
    pairs = {name: (_given(bundle, earlier, name), _given(bundle, readings, name)) for name in bundle.model.inputs}
    changed = {name: (old, new) for name, (old, new) in pairs.items() if old != new}
    if not before or not changed:
        return None
    moved = Estimate(*map(tuple, difference(question, before, after)))
    return WhatIf(changed, _estimate(question, before), moved)


def _given(bundle: Bundle, readings: Mapping[str, Reading], name: str) -> str | None:
    return _shown(bundle, readings, name) if name in readings and readings[name].value is not None else None


def _shown(bundle: Bundle, readings: Mapping[str, Reading], name: str) -> str:
    return bundle.dictionary[name].show(readings[name].value, readings[name].below)


def _remarks(prediction: Prediction, *, explain: bool) -> list[Remark]:
    """What follows from how the question was put."""
    found = []
    if explain and prediction.on_value is None:
        text = "more inputs count for this patient than can be explained exactly: no effects are given"
        found.append(Remark("not_explained", text))
    if prediction.event_free_at is not None:
        text = (
            f"all that is known of the time since the start is that the patient is event-free at "
            f"{prediction.event_free_at:g} months: whatever was measured since is not in the estimate"
        )
        found.append(Remark("given_event_free", text))
    if prediction.what_if is not None:
        text = "a what-if is what the model says of another patient, not what changing this one would do"
        found.append(Remark("what_if", text))
    return found


def _of_the_model(manifest: Mapping[str, Any]) -> list[Remark]:
    """What is said of every patient: where the model comes from, how old and of what use it is."""
    found = []
    if manifest["synthetic"]:
        found.append(
            Remark(
                "synthetic",
                "trained on SYNTHETIC data: this demonstrates the software and says nothing about any patient",
            )
        )
    if "published" in manifest:
        found.append(Remark("published_counts", manifest["published"]))
    if is_overdue(manifest):
        found.append(Remark("review_due", f"this model was due for review on {manifest['review_by']}"))
    if doubtful := doubt(manifest):
        found.append(Remark("no_usable_signal", doubtful))
    return found


def _warnings(
    bundle: Bundle, readings: Mapping[str, Reading], missing: Sequence[str], concerned: Sequence[Concern]
) -> list[Remark]:
    found = _of_the_model(bundle.manifest)
    if any(concern.outside for concern in concerned):
        found.append(Remark("outside_domain", "this patient is unlike those the model learned from; see the reasons"))
    found += [Remark(concern.code, concern.message, concern.input) for concern in concerned]
    found += [Remark(c.code, c.message, c.inputs[0]) for c in contradictions(bundle.dictionary, readings)]
    if len(missing) == len(bundle.model.inputs):
        found.append(Remark("no_inputs", "no input of this model is known: the estimate is the average of its cohort"))
    used = {*bundle.model.inputs, *_made_of(bundle)}
    # These are told with the reason why they are of no use.
    told = {concern.input for concern in concerned if concern.code in ("post_baseline", "other_mrd_method")}
    for name, reading in readings.items():
        given = not any(note.code == "read_from_text" for note in reading.notes)
        if bundle.dictionary[name].kind == "lesion_text":
            found.extend(Remark(note.code, note.message, name) for note in reading.notes)
        elif name not in used and name not in told and given:
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
