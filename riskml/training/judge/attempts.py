"""Splits that may fail: what cannot be fitted or judged becomes a counted answer of the comparator, never a crash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logit

from riskml.errors import NotEstimableError
from riskml.runtime.small_cells import without_small_counts
from riskml.training.fit import TrainingSet, comparator_risk
from riskml.training.out_of_sample import Bench, Guess, guess_of, months_judged, score_split
from riskml.training.recipe import Recipe
from riskml.training.resample import IntArray, Split

# What small or one-sided samples make of a sound recipe; anything else is a mistake of ours and should be seen.
CANNOT = (NotEstimableError, ValueError)
_EDGE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """Predictions for the test rows of a split.

    Attributes
    ----------
    guess : Guess
        The model's; the comparator's (one risk for everybody) where the model could not be fitted.
    reason : str
        Why it could not; empty where it could.
    """

    guess: Guess
    reason: str

    @property
    def why_not(self) -> str | None:
        """The reason as it may be shown, without small counts; None where there is none."""
        return without_small_counts(f"not estimable: {self.reason}") if self.reason else None


def attempts(bench: Bench, splits: Mapping[str, Split], label: str) -> list[Attempt]:
    """As :meth:`Bench.score`, but a split that cannot be fitted is answered by its comparator and says why.

    Parameters
    ----------
    bench : Bench
    splits : mapping of name to Split
    label : str
        One word, different for each plan: it names the tasks in the store.
    """
    found = bench.run(attempt_split, splits, label)
    return [Attempt(guess_of(s.test, f), f["reason"]) for s, f in zip(splits.values(), found, strict=True)]


def attempt_split(recipe: Recipe, rows: TrainingSet, train: IntArray, test: IntArray) -> dict[str, Any]:
    """What :func:`score_split` gives, as JSON data, with ``reason``: empty, or why the comparator answers instead."""
    try:
        return {**score_split(recipe, rows, train, test), "reason": ""}
    except CANNOT as error:
        return {
            **_without_model(recipe, rows.take(train), rows, len(test)),
            "reason": str(error) or type(error).__name__,
        }


def _without_model(recipe: Recipe, learned: TrainingSet, rows: TrainingSet, size: int) -> dict[str, Any]:
    """One answer for ``size`` rows: prevalence, Kaplan-Meier or Aalen-Johansen of the training rows."""
    months, survival = months_judged(recipe, rows), recipe.kind == "survival"
    answer = comparator_risk(learned, recipe.horizon_months)
    risk = 1 - answer if survival else answer
    link = 0.0 if months else float(logit(np.clip(risk, _EDGE, 1 - _EDGE)))
    curve = [[comparator_risk(learned, month) for month in months]] * size if months else None
    return {"risk": [risk] * size, "link": [link] * size, "reference": risk, "curve": curve}
