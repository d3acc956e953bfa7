r"""What an update is estimated from: the parent's prediction of each new patient, on the scale that its members have.

With x that prediction and z further columns, :math:`a + b x + z \delta` is the logarithm of

``logistic``
    the odds; x is the parent's log-odds.
``hazard``
    the hazard of members with a baseline, against which x is the log hazard ratio: with the parent's cumulative hazard
    as exposure this is the Poisson form of van Houwelingen. Of several causes it is the hazard of the first, x its own
    linear predictor; the competing hazards stay the parent's.
``power``
    the cumulative hazard of other members (forests, log-times): :math:`H \to e^a H^b`, as their portable form holds it.

References
----------
van Houwelingen HC. Validation, calibration, revision and combination of prognostic survival models. Stat Med
2000;19:3401-3415.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from riskml.cohort.cohort import Cohort
from riskml.cohort.outcomes import Target
from riskml.runtime.members import Causes, Member
from riskml.runtime.model import PortableModel
from riskml.runtime.score import feature_column, score_table
from riskml.runtime.time_responses import Baseline, Incidence
from riskml.training.links import link_of
from riskml.training.metrics.binary import Objective
from riskml.training.recalibrate import hazards_met, power_likelihood

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Hazards below count as this much: their logarithm is a regressor.
_LEAST_HAZARD = 1e-6
_MONTHS = 41


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """The rows of a new cohort: what is known of them, and what happened.

    Attributes
    ----------
    columns : mapping of input name to array of shape (n_rows,)
        Inputs the cohort has.
    target : Target
    horizon : float
        Month at which survival is judged; 0 for a binary outcome.
    features : float array of shape (n_rows, n_features)
        The design matrix; a missing input counts as its weighted mean over the parent's background.
    """

    columns: Mapping[str, Any]
    target: Target
    horizon: float
    features: FloatArray

    @classmethod
    def of(cls, model: PortableModel, cohort: Cohort, target: Target, horizon: float) -> Self:
        """The rows of ``target``; derived inputs must be columns of the cohort already."""
        frame = cohort.frame.iloc[target.rows]
        columns = {name: frame[name].to_numpy() for name in model.inputs if name in frame}
        return cls(columns, target, horizon, _features(model, columns, len(frame)))

    def scores(self, model: PortableModel, months: tuple[float, ...], rows: IntArray | None = None) -> FloatArray:
        """What ``model`` says of all rows, or of some; shape (n, 1) or (n, n_months)."""
        columns = self.columns if rows is None else {name: column[rows] for name, column in self.columns.items()}
        return score_table(model, columns, len(self.features) if rows is None else len(rows), months)


def _features(model: PortableModel, columns: Mapping[str, Any], n_rows: int) -> FloatArray:
    found = np.zeros((n_rows, len(model.features)))
    for j, feature in enumerate(model.features):
        for name in feature.inputs:
            where = model.inputs.index(name)
            pairs = zip(model.weights, model.background, strict=True)
            usual = math.fsum(weight * feature.component(row[where]) for weight, row in pairs)
            part = feature_column(feature, columns[name]) if name in columns else np.full(n_rows, np.nan)
            found[:, j] += np.where(np.isnan(part), usual, part)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What an update is estimated from; arrays of shape (n_rows,), ``features`` (n_rows, n_features).

    Attributes
    ----------
    form : {"logistic", "hazard", "power"}
    event : float array
    link : float array
        The parent's prediction: log-odds, log hazard ratio, or log cumulative hazard when the row left.
    offset : float array
        Added whatever the update: log cumulative baseline hazard that the row met; 0 for the other forms.
    start : float array
        For ``power``: log cumulative hazard when the row came under risk; nan where that was the origin.
    """

    form: str
    event: FloatArray
    link: FloatArray
    offset: FloatArray
    start: FloatArray
    features: FloatArray

    def take(self, rows: IntArray) -> Problem:
        """The same problem restricted to ``rows``."""
        arrays = (self.event, self.link, self.offset, self.start, self.features)
        return Problem(self.form, *(array[rows] for array in arrays))

    def likelihood(self, scores: FloatArray) -> Objective:
        """Log-likelihood of (a, b, delta of ``scores``) with gradient and information."""
        if self.form == "power":
            late = np.isfinite(self.start)
            return power_likelihood(self.event, self.link, np.where(late, self.start, 0.0), late, scores)
        design = np.column_stack([np.ones(len(self.event)), self.link, scores])
        return (_logistic if self.form == "logistic" else _poisson)(design, self.offset, self.event)


def pose(model: PortableModel, cases: Cases) -> Problem:
    """The problem of updating ``model`` to ``cases``."""
    target, nothing = cases.target, np.zeros(len(cases.features))
    none = np.full(len(nothing), np.nan)
    if target.time is None:
        link = link_of(model, cases.scores(model, ())[:, 0], 0.0)
        return Problem("logistic", target.event.astype(float), link, nothing, none, cases.features)
    months = _months(model)
    survival = _first_cause(model, cases, months) if model.kind == "incidence" else cases.scores(model, months)
    met = hazards_met(survival, _outcome(target), months)
    if not has_baselines(model):
        end, start = (np.log(np.maximum(hazard, _LEAST_HAZARD)) for hazard in (met.end, met.start))
        return Problem("power", met.event, end, nothing, np.where(met.start > 0, start, np.nan), cases.features)
    at = int(np.argmin(np.abs(np.array(months) - cases.horizon)))
    base = math.fsum(member.weight * _baseline(member).at(months[at]) for member in model.members)
    hazard = -np.log(np.clip(survival[:, at], 1e-12, 1.0))
    link = np.log(np.maximum(hazard, 1e-12) / base) if base > 0 else nothing
    # Before the first step of the baseline nobody is exposed; a hair of exposure keeps the logarithm finite.
    exposure = np.log(np.maximum(met.end - met.start, 1e-12))
    return Problem("hazard", met.event, link, exposure - link, none, cases.features)


def has_baselines(model: PortableModel) -> bool:
    """Whether every member scales a baseline hazard, so that level and slope stay apart from its shape."""
    return all(isinstance(member.response, (Baseline, Incidence)) for member in model.members)


def _baseline(member: Member) -> Baseline:
    """Of the event, or of the first cause."""
    response = member.response
    return response.baselines[0] if isinstance(response, Incidence) else response  # type: ignore[return-value]


def _months(model: PortableModel) -> tuple[float, ...]:
    """Where the cumulative hazard is looked at: the grids of the baselines, or 40 equal steps."""
    if has_baselines(model):
        return tuple(sorted({t for m in model.members for t in _baseline(m).times if 0 < t <= model.horizon}))
    return tuple(np.linspace(0, model.horizon, _MONTHS)[1:].tolist())


def _first_cause(model: PortableModel, cases: Cases, months: tuple[float, ...]) -> FloatArray:
    """exp(-H) of the first cause alone at ``months``; shape (n_rows, n_months)."""
    hazard = np.zeros((len(cases.features), len(months)))
    for member in model.members:
        assert isinstance(member.predictor, Causes)
        relative = np.exp(np.clip(member.predictor.linears[0].table(cases.features), -300, 300))
        hazard += member.weight * relative * np.array([_baseline(member).at(t) for t in months])
    return np.asarray(np.exp(-hazard))


def _outcome(target: Target) -> NDArray[np.void]:
    assert target.time is not None
    fields = {"event": target.event, "time": target.time} | ({} if target.entry is None else {"entry": target.entry})
    outcome = np.empty(len(target.event), dtype=[(name, values.dtype) for name, values in fields.items()])
    for name, values in fields.items():
        outcome[name] = values
    return outcome


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
