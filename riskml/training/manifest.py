"""What a bundle says of itself: origin, data in aggregates, performance, versions; never a patient's value or name."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from riskml.cohort.cohort import Cohort
from riskml.errors import RiskmlError
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.model import PortableModel
from riskml.runtime.score import score_table
from riskml.runtime.small_cells import SMALLEST_CELL, counts_of_a_whole, without_small_counts
from riskml.training.applicability import applicability
from riskml.training.evaluate import Evaluation
from riskml.training.fit import TrainingSet
from riskml.training.follow_up import potential_follow_up
from riskml.training.links import link_of
from riskml.training.planning import planning_summary
from riskml.training.recipe import Recipe
from riskml.training.transfer.case_mix import summarise

_LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn")


def manifest_of(
    recipe: Recipe,
    cohort: Cohort,
    rows: TrainingSet,
    model: PortableModel | None,
    shares: Sequence[Mapping[str, Any]],
    evaluation: Evaluation | None,
    seed: int,
    dictionary: Mapping[str, Any],
) -> dict[str, Any]:
    """What a bundle says of itself; ``model`` is None for an estimator that has no portable form."""
    # Follow-up reaches the month that is judged, if no month that is reported.
    horizons = [h for h in recipe.horizons_months if rows.grid and h <= rows.grid[-1]] or [recipe.horizon_months]
    return {
        "name": recipe.name,
        "version": recipe.version,
        "label": recipe.label,
        "date": recipe.date,
        "review_by": recipe.review_by,
        "owner": recipe.owner,
        "contact": recipe.contact,
        "kind": recipe.kind,
        "outcome": {**recipe.outcome_table, "name": recipe.outcome, "settings": rows.definition},
        "landmark": recipe.landmark,
        "horizons_months": horizons if rows.grid else [],
        "horizon_months": recipe.horizon_months if rows.grid else None,
        "thresholds": list(recipe.thresholds),
        "synthetic": cohort.synthetic,
        **({"published": cohort.published} if cohort.published else {}),
        "intended_use": recipe.intended_use,
        "not_for": list(recipe.not_for),
        "applies_to": dict(recipe.applies_to),
        "usable_signal": bool(evaluation and evaluation.usable_signal),
        "verdict": evaluation.verdict
        if evaluation
        else "performance was not evaluated (trained with evaluation left out)",
        "predictors": [
            {"name": f.name, "op": f.op, "inputs": list(f.inputs), "why": recipe.why[f.name]} for f in recipe.features
        ],
        "training": _training(recipe, cohort, rows, model, shares, seed),
        "planning": planning_summary(recipe, rows, evaluation),
        "background": background_fidelity(rows, model) if model else None,
        "importance": [],  # training fills it in: it needs the refits
        "evaluation": evaluation.as_dict() if evaluation else None,
        "versions": versions(),
        "dictionary": dict(dictionary),
    }


def _training(
    recipe: Recipe,
    cohort: Cohort,
    rows: TrainingSet,
    model: PortableModel | None,
    shares: Sequence[Mapping[str, Any]],
    seed: int,
) -> dict[str, Any]:
    """What was learned from, in aggregates, and how."""
    mix = _case_mix(recipe, cohort, rows, model) if model else None
    likeness = applicability(rows.frame, rows.patient, model, mix, load_dictionary()) if model and mix else None
    return {
        "cohort_sha256": cohort.sha256,
        "n_rows": len(rows.event),
        "n_patients": rows.n_patients,
        "n_events": rows.n_events,
        "n_file_rows": cohort.n_courses,
        "left_out": left_out(rows.flow),
        "notes": [without_small_counts(note) for note in rows.notes],
        "missing_share": {name: _missing(rows.frame[name]) for name in recipe.inputs},
        "case_mix": mix,
        "applicability": likeness,
        "optional": sorted(recipe.optional),
        "without_studies": list(recipe.without_studies),
        "learner": dict(recipe.learner),
        "members": list(shares),
        "members_left_out": list(rows.parts_left_out),
        "bootstrap": recipe.bootstrap,
        "seed": seed,
    }


def _missing(column: Any) -> float:
    """Share of rows without a value; one that stands for one to four of them is blurred."""
    gone = int(column.isna().sum())
    return round((gone if gone == 0 or gone >= SMALLEST_CELL else SMALLEST_CELL / 2) / len(column), 3)


def _case_mix(recipe: Recipe, cohort: Cohort, rows: TrainingSet, model: PortableModel) -> dict[str, Any]:
    """Aggregates of the patients learned from, for whoever asks whether others are like them."""
    times = () if rows.time is None else (recipe.horizon_months,)
    columns = {name: rows.frame[name].to_numpy() for name in model.inputs}
    scores = score_table(model, columns, len(rows.event), times)[:, 0]
    link, followed = link_of(model, scores, recipe.horizon_months), None
    if rows.time is not None:
        ended = rows.event if rows.cause is None else rows.cause > 0
        followed = potential_follow_up(0.5, rows.time, ended, rows.entry)
    # The methods by which inputs were measured are no inputs.
    others = cohort.frame.iloc[rows.rows].drop(columns=list(recipe.inputs), errors="ignore").reset_index(drop=True)
    frame = pd.concat([rows.frame, others], axis=1)
    months = None if followed is None or not math.isfinite(followed) else followed
    return summarise(frame, recipe.inputs, load_dictionary(), link, features=recipe.features, follow_up_months=months)


def left_out(flow: Sequence[tuple[str, int]]) -> list[dict[str, str]]:
    """Exclusions by reason, as text: a bundle is shared, so counts of 1 to 4 are not in it."""
    shown = iter(counts_of_a_whole([count for _, count in flow if count]))
    return [{"reason": reason, "count": next(shown) if count else "0"} for reason, count in flow]


def background_fidelity(rows: TrainingSet, model: PortableModel) -> dict[str, Any]:
    """How well the prototypes stand in for the patients: the base of every explanation against the patients' mean.

    ``base`` is the mean prediction over the prototypes, ``mean_prediction`` over the training rows.
    """
    horizon = (rows.grid[-1],) if rows.grid else ()
    columns = {name: rows.frame[name].to_numpy() for name in model.inputs}
    mean = float(score_table(model, columns, len(rows.event), horizon)[:, 0].mean())
    base = float(score_table(model, {}, 1, horizon)[0, 0])
    smallest = round(min(model.weights) * len(rows.event))
    return {
        "method": "microaggregates (MDAV) of five or more patients",
        "prototypes": len(model.weights),
        "smallest_group": smallest,
        "base": float(f"{base:.6g}"),
        "mean_prediction": float(f"{mean:.6g}"),
    }


def versions() -> dict[str, str]:
    """Versions of riskml, Python and the libraries that numbers hang on."""
    installed = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    try:
        own = importlib.metadata.version("riskml")
    except importlib.metadata.PackageNotFoundError:
        raise RiskmlError(
            "riskml is not installed: run 'make' or 'pip install -e .', so that bundles can name their version"
        ) from None
    return {"riskml": own, "python": ".".join(platform.python_version_tuple()[:2]), **installed}
