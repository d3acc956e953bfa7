"""Bundle + new Cohort -> external validation: how a finished model does on patients it has never seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import with_inputs
from riskml.cohort.outcomes import Target, build_target
from riskml.errors import DataError, Fault, NotEstimableError
from riskml.runtime.bundle import Bundle
from riskml.runtime.model import PortableModel
from riskml.runtime.score import score_table
from riskml.training.calibration import CalibrationCurve, calibration_curve
from riskml.training.fit import LEAST_AT_RISK, LEAST_EVENTS, check_judged, check_single_cause
from riskml.training.links import link_of
from riskml.training.measures import FloatArray, Sample, comparator, verdict, with_intervals
from riskml.training.metrics.competing import aalen_johansen
from riskml.training.metrics.intervals import Interval
from riskml.training.metrics.survival import kaplan_meier
from riskml.training.train import left_out


@dataclass(frozen=True, slots=True)
class ExternalValidation:
    """A finished model on a new cohort.

    Attributes
    ----------
    metrics : mapping of name to Interval
        The measures of an evaluation; the comparator is the new cohort's own prevalence or Kaplan-Meier.
    case_mix : tuple of mappings
        For each input: share missing here, mean here and mean of the model's prototypes (numbers and lesions only).
    verdict : str
        Discrimination, then calibration, in words.
    """

    model: str
    digest: str
    cohort_sha256: str
    synthetic: bool
    horizon_months: float | None
    n_rows: int
    n_patients: int
    n_events: int
    left_out: tuple[tuple[str, int], ...]
    metrics: Mapping[str, Interval]
    comparator: Mapping[str, Any]
    calibration: CalibrationCurve
    case_mix: tuple[Mapping[str, Any], ...]
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data; holds no patient."""
        plain = ("model", "digest", "cohort_sha256", "synthetic", "horizon_months", "n_rows", "n_patients", "n_events")
        return {
            **{name: getattr(self, name) for name in plain},
            "left_out": left_out(self.left_out),
            "metrics": {name: interval.as_dict() for name, interval in self.metrics.items()},
            "comparator": dict(self.comparator),
            "calibration": self.calibration.as_dict(),
            "case_mix": [dict(item) for item in self.case_mix],
            "verdict": self.verdict,
        }


def validate(bundle: Bundle, cohort: Cohort, *, seed: int = 0) -> ExternalValidation:
    """Judge a bundle on a cohort it was not trained on.

    The outcome is the bundle's own definition, and derived inputs are made by its own definitions where the cohort does
    not store them. Inputs the cohort lacks are averaged over the background, as for a patient of whom they are not
    known, and the case mix says so.

    Parameters
    ----------
    bundle : Bundle
    cohort : Cohort
    seed : int
        Seed of the patient bootstrap.

    Raises
    ------
    DataError
        If the cohort has none of the model's inputs, or is the very file the model was trained on.
    NotEstimableError
        If fewer than five patients have, or lack, the outcome, or follow-up ends before the model's horizon.

    References
    ----------
    Riley RD et al. Evaluation of clinical prediction models (part 2): external validation. BMJ 2024;384:e074820.
    """
    cohort = with_inputs(cohort, bundle.model.inputs, bundle.dictionary)
    target = checked_target(bundle, cohort)
    sample = predictions(bundle, cohort, target)
    metrics = with_intervals(sample, seed=seed)
    survival = sample.time is not None
    return ExternalValidation(
        model=bundle.manifest["name"],
        digest=bundle.digest,
        cohort_sha256=cohort.sha256,
        synthetic=bool(bundle.manifest["synthetic"] or cohort.synthetic),
        horizon_months=sample.horizon if survival else None,
        n_rows=len(target.rows),
        n_patients=target.n_patients,
        n_events=target.n_events,
        left_out=target.flow,
        metrics=metrics,
        comparator=comparator(sample),
        calibration=calibration_curve(
            sample.risk, sample.event, sample.time, sample.horizon if survival else None, sample.cause, sample.entry
        ),
        case_mix=tuple(_case_mix(bundle, cohort, target)),
        verdict=f"{verdict(metrics, target.n_events)[1]}; {_calibration_words(metrics)}",
    )


def checked_target(bundle: Bundle, cohort: Cohort) -> Target:
    """The bundle's own outcome in a new cohort, once the cohort is known to allow a judgement; see :func:`validate`."""
    if cohort.sha256 == bundle.manifest["training"]["cohort_sha256"]:
        remedy = "give another cohort; the evaluation in the bundle is the honest estimate for this one"
        rule = "must not be the cohort the model was trained on"
        raise DataError("external validation was refused", [Fault(None, None, rule, cohort.name, remedy)])
    if not set(bundle.model.inputs) & set(cohort.frame.columns):
        remedy = f"add at least one of {', '.join(bundle.model.inputs)}, or map it with --columns"
        rule = "must have an input of the model"
        raise DataError("external validation was refused", [Fault(None, None, rule, cohort.name, remedy)])
    target = build_target(cohort, bundle.manifest["outcome"], bundle.dictionary)
    if bundle.model.kind != "incidence":
        check_single_cause(bundle.manifest["name"], target)
    check_judged(bundle.manifest["name"], target.entry, target.cause if bundle.model.kind == "incidence" else None)
    for which, mask in (("with", target.event), ("without", ~target.event)):
        count = len(np.unique(target.patient[mask]))
        if count < LEAST_EVENTS:
            raise NotEstimableError(
                f"{bundle.manifest['name']}: validation needs at least {LEAST_EVENTS} patients {which} the outcome, "
                f"the cohort has {count} of {target.n_patients} evaluable"
            )
    return target


def horizon_of(bundle: Bundle, target: Target) -> float:
    """The month at which a survival model is judged: that of its evaluation, if follow-up reaches it.

    Raises
    ------
    NotEstimableError
        If fewer than ten patients are followed that long.
    """
    if target.time is None:
        return 0.0
    evaluation = bundle.manifest["evaluation"]
    horizon = float(evaluation["horizon_months"] if evaluation else bundle.manifest["horizons_months"][0])
    reached = int((target.time >= horizon).sum())
    if reached < LEAST_AT_RISK:
        raise NotEstimableError(
            f"{bundle.manifest['name']} is judged at {horizon:g} months, but {reached} patients are followed that "
            f"long; at least {LEAST_AT_RISK} are needed"
        )
    return horizon


def predictions(bundle: Bundle, cohort: Cohort, target: Target) -> Sample:
    """The bundle's predictions for the rows of ``target``, set against what happened.

    Derived inputs must be columns already (:func:`riskml.cohort.derive.with_inputs`); inputs that are not count as
    unknown.
    """
    horizon, model = horizon_of(bundle, target), bundle.model
    scores = scores_of(model, cohort, target, (horizon,))[:, 0]
    if target.time is None:
        reference = np.full(len(scores), target.event.mean())
        return Sample(target.event, None, scores, link_of(model, scores, horizon), reference, target.patient, horizon)
    link = link_of(model, scores, horizon)
    if model.kind == "incidence":
        reference = np.full(len(scores), aalen_johansen(target.time, target.cause, horizon))
        return Sample(target.event, target.time, scores, link, reference, target.patient, horizon, target.cause)
    reference = np.full(len(scores), 1 - float(kaplan_meier(target.time, target.event, target.entry).at(horizon)))
    return Sample(target.event, target.time, 1 - scores, link, reference, target.patient, horizon, entry=target.entry)


def scores_of(model: PortableModel, cohort: Cohort, target: Target, times: Sequence[float]) -> FloatArray:
    """The model's answers for the rows of ``target``; shape (n_rows, 1), or (n_rows, n_times)."""
    frame = cohort.frame.iloc[target.rows]
    columns = {name: frame[name].to_numpy() for name in model.inputs if name in frame}
    return score_table(model, columns, len(frame), times)


def _case_mix(bundle: Bundle, cohort: Cohort, target: Target) -> list[dict[str, Any]]:
    frame = cohort.frame.iloc[target.rows]
    rows = []
    for where, name in enumerate(bundle.model.inputs):
        column = frame.get(name)
        item: dict[str, Any] = {"input": name, "missing": 1.0 if column is None else float(column.isna().mean())}
        if bundle.dictionary[name].kind != "category":
            known = [] if column is None else column.dropna()
            pairs = zip(bundle.model.weights, bundle.model.background, strict=True)
            item["mean_here"] = float(np.mean(known)) if len(known) else None
            item["mean_prototypes"] = math.fsum(weight * float(row[where]) for weight, row in pairs)
        rows.append(item)
    return rows


def _calibration_words(metrics: Mapping[str, Interval]) -> str:
    ratio, slope = metrics["observed_expected"], metrics["calibration_slope"]
    parts = []
    if not math.isfinite(ratio.low):
        parts.append("calibration in the large is not estimable")
    elif ratio.low > 1 or ratio.high < 1:
        parts.append(f"risks are too {'low' if ratio.value > 1 else 'high'} (observed / expected {ratio.value:.2f})")
    else:
        parts.append(f"no sign of wrong overall level (observed / expected {ratio.value:.2f})")
    if not math.isfinite(slope.low):
        parts.append("the calibration slope is not estimable")
    elif slope.high < 1:
        parts.append(f"predictions are too extreme (slope {slope.value:.2f})")
    elif slope.low > 1:
        parts.append(f"predictions are too timid (slope {slope.value:.2f})")
    else:
        parts.append(f"no sign of wrong spread (slope {slope.value:.2f})")
    return ", ".join(parts)
