"""Bundle + new Cohort -> child Bundle: the first rungs of the updating ladder, chosen by closed testing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit
from scipy.stats import chi2

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import with_inputs
from riskml.cohort.outcomes import Target
from riskml.errors import NotEstimableError
from riskml.runtime.bundle import Bundle, golden_entry, seal
from riskml.runtime.card import card
from riskml.runtime.members import Linear, Member
from riskml.runtime.responses import Logistic
from riskml.runtime.time_responses import Baseline
from riskml.training.external import checked_target, predictions, scores_of, validate
from riskml.training.links import reference_hazard
from riskml.training.measures import FloatArray, Sample
from riskml.training.metrics.binary import Objective, maximise
from riskml.training.recalibrate import recalibrated

# Events from which a rung can be carried (design: level 1 about 10, level 2 about 30).
EVENTS_FOR = {"intercept": 10, "intercept_and_slope": 30}
ALPHA = 0.05
# Fields of a parent's manifest that a child makes anew.
_OWN = {"format", "digest", "files"}


@dataclass(frozen=True, slots=True)
class Recalibration:
    """lp -> ``intercept + slope * lp``, with the rung of the ladder it stands on and the tests that led there."""

    rung: str
    intercept: float
    slope: float
    p_values: dict[str, float]


def update(bundle: Bundle, cohort: Cohort, *, seed: int = 0) -> Bundle:
    """A child of ``bundle`` recalibrated to ``cohort`` as far as its events can carry.

    Rungs: none, intercept (or level of the baseline hazard), intercept and slope. The full recalibration is tested
    against the parent; only where it is better, a smaller rung is tried, and the smallest that is not significantly
    worse is taken.

    Parameters
    ----------
    bundle : Bundle
    cohort : Cohort
    seed : int
        Seed of the bootstrap of the before and after figures.

    Raises
    ------
    DataError, NotEstimableError
        As :func:`riskml.training.external.validate`; also with fewer than ten events.

    References
    ----------
    Vergouwe Y et al. A closed testing procedure to select an appropriate method for updating prediction models.
    Stat Med 2017;36:4529-4539.
    van Houwelingen HC. Validation, calibration, revision and combination of prognostic survival models. Stat Med
    2000;19:3401-3415 (the Poisson form used for survival).
    """
    if bundle.model.kind == "incidence":
        raise NotEstimableError(
            f"{bundle.manifest['name']}: a model of competing causes cannot be recalibrated here yet"
        )
    before = validate(bundle, cohort, seed=seed)
    if before.n_events < EVENTS_FOR["intercept"]:
        raise NotEstimableError(
            f"updating {before.model} needs at least {EVENTS_FOR['intercept']} events, the cohort has {before.n_events}"
        )
    chosen = recalibrate(bundle, cohort)
    model = bundle.model.with_(
        members=tuple(_recalibrated(m, chosen) for m in bundle.model.members),
        bootstrap=tuple(tuple(_recalibrated(m, chosen) for m in draw) for draw in bundle.model.bootstrap),
    )
    manifest = _child_manifest(bundle, cohort, before.as_dict(), chosen)
    golden = [golden_entry(manifest, model, bundle.dictionary, entry["patient"]) for entry in bundle.golden]
    return seal(manifest, model, golden, card(manifest))


def recalibrate(bundle: Bundle, cohort: Cohort) -> Recalibration:
    """Choose the rung and its numbers for ``bundle`` on ``cohort``; arguments and errors as for :func:`update`."""
    cohort = with_inputs(cohort, bundle.model.inputs, bundle.dictionary)
    target = checked_target(bundle, cohort)
    sample = predictions(bundle, cohort, target)
    events, offset, likelihood = _problem(bundle, cohort, target, sample)
    constant = np.ones_like(offset)
    designs = {
        "none": np.empty((len(constant), 0)),
        "intercept": constant[:, None],
        "intercept_and_slope": np.column_stack([constant, sample.link]),
    }
    # With a slope of its own the link is a regressor; without, it is part of the offset.
    offsets = {"none": offset + sample.link, "intercept": offset + sample.link, "intercept_and_slope": offset}
    fits = {rung: _fit(likelihood(designs[rung], offsets[rung], events), designs[rung].shape[1]) for rung in designs}
    # A slope of the log hazard against a baseline has no counterpart in members that have no baseline.
    sloped = bundle.model.kind == "binary" or bundle.model.is_linear
    top = "intercept_and_slope" if sloped and events.sum() >= EVENTS_FOR["intercept_and_slope"] else "intercept"
    tests = {rung: _p_value(fits[top], fits[rung]) for rung in designs if len(fits[rung][1]) < len(fits[top][1])}
    rung = next((rung for rung, p in tests.items() if p >= ALPHA), top)
    estimate = [float(x) for x in fits[rung][1]]
    return Recalibration(rung, estimate[0] if estimate else 0.0, estimate[1] if len(estimate) > 1 else 1.0, tests)


Likelihood = Callable[[FloatArray, FloatArray, FloatArray], Objective]


def _problem(
    bundle: Bundle, cohort: Cohort, target: Target, sample: Sample
) -> tuple[FloatArray, FloatArray, Likelihood]:
    """Events, log exposure and likelihood: logistic, or Poisson with the cumulative hazard as exposure."""
    if sample.time is None:
        return sample.event.astype(float), np.zeros(len(sample.event)), _logistic
    end = bundle.model.horizon
    time = np.minimum(sample.time, end)
    if bundle.model.is_linear:
        hazard = reference_hazard(bundle.model, time.tolist())
    else:  # hazards of trees and of log-times are not proportional: each patient's own, without the link
        hazard = _hazard_met(bundle, cohort, target, time) * np.exp(-sample.link)
    # Before the first step of the baseline nobody is exposed; a hair of exposure keeps the logarithm finite.
    return (sample.event & (sample.time <= end)).astype(float), np.log(np.maximum(hazard, 1e-12)), _poisson


def _hazard_met(bundle: Bundle, cohort: Cohort, target: Target, time: FloatArray) -> FloatArray:
    """Cumulative hazard that the bundle gives each row of ``target`` until its ``time``; linear between 40 months."""
    months = np.linspace(0, bundle.model.horizon, 41)
    survival = scores_of(bundle.model, cohort, target, months.tolist())
    hazards = -np.log(np.maximum(survival, 1e-12))
    return np.array([np.interp(t, months, row) for t, row in zip(time, hazards, strict=True)])


def _logistic(design: FloatArray, offset: FloatArray, events: FloatArray) -> Objective:
    def objective(coefficients: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        linear = offset + design @ coefficients
        fitted = expit(linear)
        value = float(np.sum(events * linear - np.logaddexp(0, linear)))
        return value, design.T @ (events - fitted), (design.T * (fitted * expit(-linear))) @ design

    return objective


def _poisson(design: FloatArray, offset: FloatArray, events: FloatArray) -> Objective:
    def objective(coefficients: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        linear = np.minimum(offset + design @ coefficients, 700.0)
        expected = np.exp(linear)
        return float(np.sum(events * linear - expected)), design.T @ (events - expected), (design.T * expected) @ design

    return objective


def _fit(objective: Objective, n_free: int) -> tuple[float, FloatArray]:
    start = np.zeros(n_free)
    best = maximise(objective, start) if n_free else start
    if not np.isfinite(best).all():
        raise NotEstimableError(
            "the recalibration has no maximum: predictions separate those with and without the event"
        )
    return objective(best)[0], best


def _p_value(larger: tuple[float, FloatArray], smaller: tuple[float, FloatArray]) -> float:
    """Likelihood-ratio test of nested fits."""
    return float(chi2.sf(max(0.0, 2 * (larger[0] - smaller[0])), len(larger[1]) - len(smaller[1])))


def _recalibrated(member: Member, change: Recalibration) -> Member:
    """The member with ``intercept + slope * lp``; the level of survival goes into a baseline where there is one."""
    if not isinstance(member.predictor, Linear) or not isinstance(member.response, (Logistic, Baseline)):
        return recalibrated(member, (change.intercept, change.slope))
    scaled = Linear(change.slope * member.linear.intercept, tuple(change.slope * c for c in member.linear.coefficients))
    if isinstance(member.response, Logistic):
        moved = scaled.with_(intercept=change.intercept + scaled.intercept)
        return Member(member.weight, moved, member.response)
    hazard = tuple(math.exp(change.intercept) * h for h in member.response.cumulative_hazard)
    return Member(member.weight, scaled, Baseline(member.response.times, hazard))


def _child_manifest(bundle: Bundle, cohort: Cohort, before: dict[str, Any], chosen: Recalibration) -> dict[str, Any]:
    parent = bundle.manifest
    kept = chosen.rung == "none"
    step = {
        "parent": bundle.digest,
        "rung": chosen.rung,
        "intercept": chosen.intercept,
        "slope": chosen.slope,
        "p_values": chosen.p_values,
        "cohort_sha256": cohort.sha256,
        "before": before,
    }
    size = f"{before['n_patients']} patients and {before['n_events']} events"
    words = (
        f"recalibration to {size} was not needed; the figures are the parent's"
        if kept
        else f"recalibrated ({chosen.rung.replace('_', ' ')}) to {size}; not judged on other patients since"
    )
    return {
        **{key: value for key, value in parent.items() if key not in _OWN},
        "version": f"{parent['version']}.{len(parent.get('lineage', [])) + 1}",
        "synthetic": bool(parent["synthetic"] or cohort.synthetic),
        "usable_signal": bool(parent["usable_signal"] and kept),
        "verdict": f"{parent['verdict']}; {words}" if kept else words,
        "evaluation": parent["evaluation"] if kept else None,
        "lineage": [*parent.get("lineage", []), step],
    }
