"""The sums a hospital computes from its rows at each step: pure functions of arrays, named lists of numbers out.

The log-likelihood of the ridge logistic regression is a sum over patients, and that of a Cox model stratified by
hospital a sum over hospitals. So are their first and second derivatives: added up they are those of the pooled fit, to
the last digits of a sum.

References
----------
Wu Y et al. Grid Binary LOgistic REgression (GLORE): building shared models without sharing data. J Am Med Inform Assoc
2012;19:758-764.
Lu CL et al. WebDISCO: a web service for distributed Cox model learning without patient-level data sharing. J Am Med
Inform Assoc 2015;22:1212-1219. With strata the risk sets stay within a hospital and no event time leaves it.
Kalbfleisch JD, Prentice RL. The statistical analysis of failure time data. 2nd ed. Wiley 2002, section 4.4 (strata).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.federated.plan import Study
from riskml.training.federated.rows import component_column, components, design
from riskml.training.fit import TrainingSet
from riskml.training.learners.cox_likelihood import CoxDesign, efron
from riskml.training.learners.ridge_logistic import BernoulliLikelihood

FloatArray = NDArray[np.float64]
Sums = dict[str, list[float]]
COUNTS, NEWTON, FINISH = "counts", "newton", "finish"


def layout(study: Study, ask: Mapping[str, Any]) -> dict[str, int]:
    """The names of the sums that answer an ask, and how many numbers each holds: nothing else is in an answer."""
    if ask["step"] == COUNTS:
        parts = components(study.recipe.features)
        two = sum(part.two_valued for part in parts)
        single = ("rows", "patients", "events", "patients_with_event", "patients_without_event")
        return {
            **dict.fromkeys(single, 1),
            **(
                {"patients_with_event_by_horizon": 1, "months": 1, "at_risk": len(months(study))}
                if study.survival
                else {}
            ),
            "patients_known": len(study.recipe.inputs),
            **dict.fromkeys(("known", "total"), len(parts)),
            **dict.fromkeys(("known_with_event", "present_with_event"), two),
        }
    if ask["step"] == FINISH:
        return {"events": len(ask["months"]), "exposure": len(ask["months"])} if study.survival else {}
    p, points = len(ask["features"]), len(ask["points"])
    q = p if study.survival else p + 1
    sums = {"loglik": points, "gradient": points * q, "information": points * _upper(q)}
    leveled = {"level": 1} if study.survival and not study.masked else {}
    return {**sums, **({"spread": _upper(p), **leveled} if ask["spread"] else {})}


def _upper(size: int) -> int:
    return size * (size + 1) // 2


def months(study: Study) -> tuple[float, ...]:
    """Months between which a baseline hazard may be kept; empty for a binary outcome."""
    wanted = study.recipe.learner.get("grid_months", study.recipe.horizons_months)
    return tuple(float(month) for month in wanted) if study.survival else ()


def counts(study: Study, rows: TrainingSet) -> Sums:
    """How many rows, events and known values there are, and the sum of each component."""
    had = np.unique(rows.patient[rows.event])
    found: dict[str, list[float]] = {
        "rows": [len(rows.event)],
        "patients": [rows.n_patients],
        "events": [rows.n_events],
        "patients_with_event": [len(had)],
        "patients_without_event": [rows.n_patients - len(had)],
    }
    if rows.time is not None:
        early = rows.event & (rows.time <= study.recipe.horizon_months)
        entry = np.zeros(len(rows.time)) if rows.entry is None else rows.entry
        found["patients_with_event_by_horizon"] = [len(np.unique(rows.patient[early]))]
        found["months"] = [float((rows.time - entry).sum())]
        found["at_risk"] = [int(((rows.time >= month) & (entry < month)).sum()) for month in months(study)]
    found["patients_known"] = [known_patients(rows, name) for name in study.recipe.inputs]
    found |= {"known": [], "total": [], "known_with_event": [], "present_with_event": []}
    for component in components(study.recipe.features):
        part = component_column(study, component, rows.frame)
        known = ~np.isnan(part)
        found["known"].append(int(known.sum()))
        found["total"].append(float(part[known].sum()))
        if component.two_valued:
            found["known_with_event"].append(int((known & rows.event).sum()))
            found["present_with_event"].append(float(part[known & rows.event].sum()))
    return {name: list(map(float, values)) for name, values in found.items()}


def known_patients(rows: TrainingSet, name: str) -> int:
    """Number of different patients who have an input."""
    return len(np.unique(rows.patient[rows.frame[name].notna().to_numpy()]))


def newton(study: Study, ask: Mapping[str, Any], rows: TrainingSet) -> Sums:
    """Log-likelihood, gradient and information of the hospital's rows at each point of the ask.

    The inputs are centred at the mean row of all hospitals; a point is (intercept, coefficients) of a logistic
    regression or the coefficients of a Cox model. Of the symmetric information the upper triangle is given, row by row;
    so it is of ``spread``, the products of the centred inputs.
    """
    X = design(study, ask["features"], ask["fill"], rows.frame)
    evaluated = [_at(study, np.array(point, dtype=float), X, rows) for point in ask["points"]]
    upper = np.triu_indices(evaluated[0][1].size)
    sums = {
        "loglik": [value for value, _, _ in evaluated],
        "gradient": [x for _, gradient, _ in evaluated for x in gradient.tolist()],
        "information": [x for _, _, information in evaluated for x in information[upper].tolist()],
    }
    if ask["spread"]:
        sums["spread"] = (X.T @ X)[np.triu_indices(X.shape[1])].tolist()
        if study.survival and not study.masked:
            sums["level"] = [float(level_of(ask, rows))]
    return sums


def _at(study: Study, point: FloatArray, X: FloatArray, rows: TrainingSet) -> tuple[float, FloatArray, FloatArray]:
    if not study.survival:
        return BernoulliLikelihood(X, rows.event.astype(np.intp), np.ones(len(X)))(point)
    if not rows.event.any():  # a stratum without events says nothing about the coefficients
        return 0.0, np.zeros(point.size), np.zeros((point.size, point.size))
    assert rows.time is not None
    return efron(point, CoxDesign.build(X, rows.time, rows.event, rows.entry))


def hazards(study: Study, ask: Mapping[str, Any], rows: TrainingSet) -> Sums:
    """Events, and months under observation times relative risk, between the months of the ask.

    The relative risk is that against the mean row of all hospitals. What comes after the last month is not used.
    """
    if rows.time is None:
        return {}
    X = design(study, ask["features"], ask["fill"], rows.frame)
    risk = np.exp(X @ np.array(ask["points"][0], dtype=float))
    edges = np.concatenate([[0.0], ask["months"]])
    start = np.zeros(len(risk)) if rows.entry is None else np.maximum(rows.entry, 0.0)
    spent = np.maximum(np.minimum(rows.time[:, None], edges[1:]) - np.maximum(start[:, None], edges[:-1]), 0.0)
    interval = np.searchsorted(edges[1:], rows.time)
    within = rows.event & (interval < len(ask["months"]))
    events = np.bincount(interval[within], minlength=len(ask["months"]))
    return {"events": events.astype(float).tolist(), "exposure": (risk @ spent).tolist()}


def nested(full: Sequence[float]) -> list[tuple[float, ...]]:
    """Ever coarser lists of months, each part of the one before; the last month stands in all of them.

    Examples
    --------
    >>> nested([3, 6, 12, 24])
    [(3, 6, 12, 24), (6, 24), (24,)]
    """
    lists = [tuple(full)]
    while len(lists[-1]) > 1:
        lists.append(lists[-1][::-1][::2][::-1])
    return lists


def level_of(ask: Mapping[str, Any], rows: TrainingSet) -> int:
    """The first of the nested lists of months without an interval of one to four events; their number if none is."""
    lists = nested(ask["months"])
    for level, edges in enumerate(lists):
        interval = np.searchsorted(edges, [] if rows.time is None else rows.time[rows.event])
        if not any(map(is_small, np.bincount(interval, minlength=len(edges))[: len(edges)])):
            return level
    return len(lists)


def is_small(count: float) -> bool:
    """Whether a count is one that may not be shown."""
    return 0 < count < SMALLEST_CELL
