"""The top of the ladder: the parent's recipe, taken out of its bundle, trained anew on the new cohort."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from riskml.cohort.cohort import Cohort
from riskml.errors import NotEstimableError, RiskmlError
from riskml.runtime.bundle import Bundle
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.model import PortableModel
from riskml.training.fit import TrainingSet, fit_pipeline, portable, training_set
from riskml.training.recipe import Recipe
from riskml.training.resample import IntArray

# What an evaluation is where the parent was not evaluated: the defaults of a recipe.
_FOLDS, _REPEATS = 5, 10


@dataclass(frozen=True, slots=True, eq=False)
class Refit:
    """What a refit is trained from; ``rows`` stand in the order of the cohort's target."""

    recipe: Recipe
    rows: TrainingSet

    def learned(self, rows: IntArray) -> PortableModel:
        """The model, without draws, that some of the rows give."""
        part = self.rows.take(rows)
        return portable(self.recipe, part, fit_pipeline(self.recipe, part)[-1].members())


def refit_of(recipe: Recipe, cohort: Cohort) -> Refit:
    """The recipe with the rows of ``cohort`` that it would learn from.

    Raises
    ------
    NotEstimableError
        If the cohort lacks an input, or the recipe cannot be trained on it.
    """
    try:
        rows = training_set(recipe, cohort)
    except RiskmlError as error:
        raise NotEstimableError(" ".join(str(error).split())) from None
    empty = [name for name in recipe.inputs if not np.any(rows.frame[name].notna())]
    if empty:
        raise NotEstimableError(f"fewer than five patients of the cohort have {', '.join(empty)}")
    return Refit(recipe, rows)


def recipe_of(bundle: Bundle, *, force_horizon: bool = False) -> Recipe:
    """The recipe behind a bundle.

    Raises
    ------
    NotEstimableError
        If the bundle's inputs are defined otherwise than in this riskml.
    """
    manifest, model = bundle.manifest, bundle.model
    training, evaluation = manifest["training"], manifest["evaluation"] or {}
    dictionary = load_dictionary()
    other = [name for name in model.inputs if bundle.dictionary.variables[name] != dictionary.variables.get(name)]
    if other:
        raise NotEstimableError(f"this riskml defines {', '.join(other)} otherwise than the bundle: train the recipe")
    horizons = tuple(float(month) for month in manifest["horizons_months"])
    plan = evaluation.get("plan", {})
    outcome = {key: value for key, value in manifest["outcome"].items() if key not in {"name", "settings"}}
    return Recipe(
        name=manifest["name"],
        version=manifest["version"],
        label=manifest["label"],
        outcome=manifest["outcome"]["name"],
        landmark=manifest["landmark"],
        intended_use=manifest["intended_use"],
        not_for=tuple(manifest["not_for"]),
        applies_to=manifest["applies_to"],
        features=model.features,
        why={item["name"]: item["why"] for item in manifest["predictors"]},
        learner=training["learner"],
        horizons_months=horizons,
        folds=int(plan.get("folds", _FOLDS)),
        repeats=int(plan.get("repeats", _REPEATS)),
        horizon_months=float(manifest["horizon_months"] or 0.0),
        bootstrap=int(training["bootstrap"]),
        level=model.level,
        golden=tuple(entry["patient"] for entry in bundle.golden),
        column_maps=(),
        kind=manifest["kind"],
        outcome_table=outcome,
        optional=frozenset(training["optional"]),
        without_studies=tuple(training["without_studies"]),
        force_horizon=force_horizon,
        thresholds=tuple(manifest["thresholds"]),
        **{key: manifest.get(key) for key in ("date", "review_by", "owner", "contact")},
    )
