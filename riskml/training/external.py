"""Bundle + new Cohort -> external validation: how a finished model does on patients it has never seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import with_inputs
from riskml.cohort.outcomes import Target, build_target
from riskml.errors import DataError, Fault, NotEstimableError
from riskml.runtime.bundle import Bundle
from riskml.runtime.model import PortableModel
from riskml.runtime.score import score_table
from riskml.runtime.small_cells import SMALLEST_CELL, without_small_counts
from riskml.training.calibration import CalibrationCurve, RiskDistribution, calibration_curve, risk_distribution
from riskml.training.differences import AGAINST_COMPARATOR, as_rows, differences, of_comparator
from riskml.training.fit import LEAST_AT_RISK, LEAST_EVENTS, check_single_cause
from riskml.training.follow_up import check_horizon
from riskml.training.judge.calibration_curves import calibration_at, d_calibration_of, smooth_curve
from riskml.training.judge.subgroups import subgroup_columns, subgroups
from riskml.training.judge.utility import decision
from riskml.training.links import link_of, reference_hazard
from riskml.training.manifest import left_out
from riskml.training.measures import FloatArray, Sample, comparator, verdict, with_intervals
from riskml.training.metrics.competing import aalen_johansen
from riskml.training.metrics.intervals import Interval
from riskml.training.metrics.survival import kaplan_meier
from riskml.training.transfer.agreement import check_content, check_outcome, content_warnings, outcome_of
from riskml.training.transfer.case_mix import compare
from riskml.training.transfer.membership import membership, membership_of_rows
from riskml.training.transfer.transport import transport

# Months between 0 and the horizon at which the survival of models without a baseline is asked for.
_STEPS = 40


@dataclass(frozen=True, slots=True)
class ExternalValidation:
    """A finished model on a new cohort.

    Attributes
    ----------
    metrics : mapping of name to Interval
        The measures of an evaluation; the comparator is the new cohort's own prevalence or Kaplan-Meier.
    differences : tuple of mappings
        Errors of the model less those of the comparator in the same patients, with paired intervals.
    case_mix : mapping
        Development against validation (:func:`riskml.training.transfer.case_mix.compare`).
    membership : mapping
        How alike the patients are (:func:`riskml.training.transfer.membership.membership`).
    transport : mapping
        The conclusion with its reasons (:func:`riskml.training.transfer.transport.transport`).
    notes : tuple of str
        What a reader should know about the outcome and the inputs of this cohort.
    verdict : str
        Discrimination against the comparator, then the conclusion, in words.
    parts : mapping of name to plain data
        Smoothed calibration, calibration by month, decision curve and subgroups, as in an evaluation.
    """

    model: str
    digest: str
    cohort_sha256: str
    synthetic: bool
    kind: str
    horizon_months: float | None
    n_rows: int
    n_patients: int
    n_events: int
    left_out: tuple[tuple[str, int], ...]
    metrics: Mapping[str, Interval]
    comparator: Mapping[str, Any]
    differences: tuple[Mapping[str, Any], ...]
    calibration: CalibrationCurve
    distribution: RiskDistribution
    case_mix: Mapping[str, Any]
    membership: Mapping[str, Any]
    transport: Mapping[str, Any]
    notes: tuple[str, ...]
    verdict: str
    parts: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data; holds no patient."""
        plain = ("model", "digest", "cohort_sha256", "synthetic", "kind", "horizon_months")
        counts = ("n_rows", "n_patients", "n_events")
        return {
            **{name: getattr(self, name) for name in (*plain, *counts)},
            "left_out": left_out(self.left_out),
            "metrics": {name: interval.as_dict() for name, interval in self.metrics.items()},
            "comparator": dict(self.comparator),
            "differences": [dict(row) for row in self.differences],
            "calibration": self.calibration.as_dict(),
            "distribution": _without_small(self.distribution.as_dict()),
            "case_mix": dict(self.case_mix),
            "membership": dict(self.membership),
            "transport": dict(self.transport),
            "notes": [without_small_counts(note) for note in self.notes],
            "verdict": self.verdict,
            **self.parts,
        }


def validate(
    bundle: Bundle,
    cohort: Cohort,
    *,
    outcome: str | Mapping[str, Any] | None = None,
    development: Cohort | None = None,
    force_horizon: bool = False,
    seed: int = 0,
) -> ExternalValidation:
    """Judge a bundle on a cohort it was not trained on.

    The outcome is the bundle's own definition, and derived inputs are made by its own definitions where the cohort does
    not store them. Inputs the cohort lacks are averaged over the background, as for a patient of whom they are not
    known, and the case mix says so.

    Parameters
    ----------
    bundle : Bundle
    cohort : Cohort
    outcome : str or mapping, optional
        How the new cohort recorded its outcome: a name of the dictionary, the path of a recipe, or settings.
    development : Cohort
        The cohort the bundle was made from, where it is at hand: the membership model then has its rows.
    force_horizon : bool
        Whether to judge survival past the 10th percentile of potential follow-up.
    seed : int
        Seed of the patient bootstrap.

    Raises
    ------
    DataError
        If the cohort has none of the model's inputs, is the very file the model was trained on, has another outcome or
        other units; or ``development`` is not that file.
    NotEstimableError
        If fewer than five patients have, or lack, the outcome, or follow-up ends before the model's horizon.

    References
    ----------
    Riley RD et al. Evaluation of clinical prediction models (part 2): external validation. BMJ 2024;384:e074820.
    """
    known_before, cohort = len(cohort.notes), with_inputs(cohort, bundle.model.inputs, bundle.dictionary)
    target = checked_target(bundle, cohort, outcome)
    sample = predictions(bundle, cohort, target, force_horizon=force_horizon)
    frame = cohort.frame.iloc[target.rows].reset_index(drop=True)
    usual = comparator(sample)
    gains = differences(sample, of_comparator(sample), AGAINST_COMPARATOR, seed=seed)
    metrics = with_intervals(sample, seed=seed)
    mix = compare(bundle, frame, sample)
    member = membership(bundle, frame, sample)
    if development is not None:
        theirs = _development_rows(bundle, development)
        member = {**membership_of_rows(bundle, (frame, sample), theirs, seed=seed), "from_aggregates": member}
    moved = transport(bundle, frame, sample, metrics, mix, member)
    derived = (note.message for note in cohort.notes[known_before:])
    horizon = None if sample.time is None else sample.horizon
    arrays = (sample.risk, sample.event, sample.time, horizon)
    return ExternalValidation(
        model=bundle.manifest["name"],
        digest=bundle.digest,
        cohort_sha256=cohort.sha256,
        synthetic=bool(bundle.manifest["synthetic"] or cohort.synthetic),
        kind=bundle.model.kind,
        horizon_months=horizon,
        n_rows=len(target.rows),
        n_patients=target.n_patients,
        n_events=target.n_events,
        left_out=target.flow,
        metrics=metrics,
        comparator=usual,
        differences=tuple(as_rows(gains, usual["name"])),
        calibration=calibration_curve(*arrays, sample.cause, sample.entry),
        distribution=risk_distribution(*arrays, sample.entry),
        case_mix=mix,
        membership=member,
        transport=moved,
        notes=(*content_warnings(bundle, cohort), *target.notes, *derived),
        verdict=f"{verdict(metrics, target.n_events)[1]}; {moved['words']}",
        parts=_parts(bundle, cohort, target, sample, seed),
    )


def _parts(bundle: Bundle, cohort: Cohort, target: Target, sample: Sample, seed: int) -> dict[str, Any]:
    """The blocks of an evaluation that new patients can fill; see :func:`riskml.training.judge.parts.parts_of`."""
    low, high = bundle.manifest["thresholds"]
    return {
        "smooth_calibration": smooth_curve(sample, seed=seed),
        "calibration_at": calibration_at(sample, bundle.manifest["horizons_months"], seed=seed),
        "d_calibration": d_calibration_of(sample),
        "decision_curve": decision(sample, (low, high), seed=seed),
        "subgroups": subgroups(sample, subgroup_columns(cohort, target), seed=seed, thresholds=(low, high)),
    }


def checked_target(bundle: Bundle, cohort: Cohort, outcome: str | Mapping[str, Any] | None = None) -> Target:
    """The bundle's own outcome in a new cohort, once the cohort is known to allow a judgement; see :func:`validate`."""
    if cohort.sha256 == bundle.manifest["training"]["cohort_sha256"]:
        remedy = "give another cohort; the evaluation in the bundle is the honest estimate for this one"
        rule = "must not be the cohort the model was trained on"
        raise DataError("external validation was refused", [Fault(None, None, rule, cohort.name, remedy)])
    if not set(bundle.model.inputs) & set(cohort.frame.columns):
        remedy = f"add at least one of {', '.join(bundle.model.inputs)}, or map it with --columns"
        rule = "must have an input of the model"
        raise DataError("external validation was refused", [Fault(None, None, rule, cohort.name, remedy)])
    if outcome is not None:
        check_outcome(bundle, outcome_of(outcome) if isinstance(outcome, str) else outcome)
    check_content(bundle, cohort)
    target = build_target(cohort, bundle.manifest["outcome"], bundle.dictionary)
    if bundle.model.kind != "incidence":
        check_single_cause(bundle.manifest["name"], target)
    for which, mask in (("with", target.event), ("without", ~target.event)):
        count = len(np.unique(target.patient[mask]))
        if count < LEAST_EVENTS:
            raise NotEstimableError(
                f"{bundle.manifest['name']}: validation needs at least {LEAST_EVENTS} patients {which} the outcome, "
                f"the cohort has {count} of {target.n_patients} evaluable"
            )
    return target


def horizon_of(bundle: Bundle, target: Target, *, forced: bool = False) -> float:
    """The month at which a survival model is judged: that of its evaluation, if follow-up reaches it.

    Raises
    ------
    NotEstimableError
        If fewer than ten patients are followed that long, forced or not, or the horizon is past the 10th percentile
        of potential follow-up and is not forced.
    """
    if target.time is None:
        return 0.0
    horizon = float(bundle.manifest["horizon_months"])
    reached = int((target.time >= horizon).sum())
    if reached < LEAST_AT_RISK:
        raise NotEstimableError(
            f"{bundle.manifest['name']} is judged at {horizon:g} months, but {reached} patients are followed that "
            f"long; at least {LEAST_AT_RISK} are needed"
        )
    check_horizon(bundle.manifest["name"], horizon, target.time, target.cause > 0, target.entry, forced=forced)
    return horizon


def predictions(bundle: Bundle, cohort: Cohort, target: Target, *, force_horizon: bool = False) -> Sample:
    """The bundle's predictions for the rows of ``target``, set against what happened.

    Derived inputs must be columns already (:func:`riskml.cohort.derive.with_inputs`); inputs that are not count as
    unknown.
    """
    horizon, model = horizon_of(bundle, target, forced=force_horizon), bundle.model
    if target.time is None:
        risk = scores_of(model, cohort, target, ())[:, 0]
        reference = np.full(len(risk), target.event.mean())
        return Sample(target.event, None, risk, link_of(model, risk, horizon), reference, target.patient, horizon)
    months = (*(month for month in bundle.manifest["horizons_months"] if month < horizon), horizon)
    curve = scores_of(model, cohort, target, months)
    link, cause = link_of(model, curve[:, -1], horizon), None
    if model.kind == "incidence":
        risk, cause = curve[:, -1], target.cause
        usual = aalen_johansen(target.time, target.cause, horizon, target.entry)
    else:
        risk = 1 - curve[:, -1]
        usual = 1 - float(kaplan_meier(target.time, target.event, target.entry).at(horizon))
    reference = np.full(len(risk), usual)
    arrays = (target.event, target.time, risk, link, reference, target.patient)
    return Sample(*arrays, horizon, cause, target.entry, tuple(map(float, months)), curve)


def cumulative_hazard(
    model: PortableModel, cohort: Cohort, target: Target, times: FloatArray, link: FloatArray
) -> FloatArray:
    """What a survival model expects of each row of ``target`` by its own time, shape (n_rows,).

    That of the subdistribution, -ln(1 - incidence), where there are several causes.

    Parameters
    ----------
    model : PortableModel
    cohort, target
        As for :func:`predictions`.
    times : float array of shape (n_rows,)
        Months; beyond the model's last month its last cumulative hazard stays.
    link : float array of shape (n_rows,)
        Log hazard ratio against the reference patient, as in the sample; models without a baseline do not need it,
        their own curves are taken, linear between 40 months.
    """
    times = np.clip(times, 0.0, model.horizon)
    if model.is_linear:
        return np.asarray(reference_hazard(model, times.tolist()) * np.exp(link))
    months = np.linspace(0.0, float(times.max(initial=0.0)) or 1.0, _STEPS + 1)
    scores = scores_of(model, cohort, target, months.tolist())
    hazards = -np.log(np.clip(1 - scores if model.kind == "incidence" else scores, 1e-12, 1.0))
    return np.array([np.interp(t, months, row) for t, row in zip(times, hazards, strict=True)])


def scores_of(model: PortableModel, cohort: Cohort, target: Target, times: Sequence[float]) -> FloatArray:
    """The model's answers for the rows of ``target``; shape (n_rows, 1), or (n_rows, n_times)."""
    frame = cohort.frame.iloc[target.rows]
    columns = {name: frame[name].to_numpy() for name in model.inputs if name in frame}
    return score_table(model, columns, len(frame), times)


def _development_rows(bundle: Bundle, development: Cohort) -> tuple[Any, Sample]:
    """The patients the bundle was made from, with its predictions for them."""
    if development.sha256 != bundle.manifest["training"]["cohort_sha256"]:
        rule, remedy = "must be the very cohort the model was trained on", "give that file, or leave out --development"
        raise DataError("the development cohort was refused", [Fault(None, None, rule, development.name, remedy)])
    development = with_inputs(development, bundle.model.inputs, bundle.dictionary)
    target = build_target(development, bundle.manifest["outcome"], bundle.dictionary)
    sample = predictions(bundle, development, target, force_horizon=True)
    return development.frame.iloc[target.rows].reset_index(drop=True), sample


def _without_small(distribution: Mapping[str, Any]) -> dict[str, Any]:
    """A risk distribution whose counts of 1 to 4 (events by the horizon, say) are None."""
    small = [name for name in ("n_with", "n_without") if 0 < distribution[name] < SMALLEST_CELL]
    return {**distribution, **dict.fromkeys(small)}
