"""What any richer model has to beat: cytogenetics alone, learned and judged on the same folds."""

from __future__ import annotations

from dataclasses import replace

from riskml.runtime.dictionary import Dictionary
from riskml.training.ensemble import gate
from riskml.training.out_of_sample import Bench
from riskml.training.recipe import Recipe

CYTOGENETICS = "cytogenetics alone"
# One shrunken linear learner for each kind of outcome: a comparator is to be simple, not to win.
_LEARNER = {"binary": "ridge_logistic", "survival": "ridge_cox", "incidence": "cause_specific_cox"}


def cytogenetics_alone(recipe: Recipe, dictionary: Dictionary) -> Recipe | None:
    """The recipe with its lesions as the only inputs and one linear learner; None where that leaves nothing, or all.

    In the published cohort the cytogenetic group alone had an AUC of 0.83 for non-response: a model with MRD, counts
    and age that cannot beat it out of sample has learned nothing from them.
    """
    kept = tuple(f for f in recipe.features if all(dictionary[name].lesion for name in f.inputs))
    if not kept or len(kept) == len(recipe.features):
        return None
    learner = {"kind": _LEARNER[recipe.kind]}
    if "grid_months" in recipe.learner:
        learner["grid_months"] = recipe.learner["grid_months"]
    return replace(recipe, features=kept, learner=learner)


def simpler(bench: Bench, dictionary: Dictionary) -> Bench | None:
    """The same rows with the simpler recipe; None where there is none."""
    recipe = cytogenetics_alone(bench.recipe, dictionary)
    if recipe is None:
        return None
    rows = bench.rows
    parts, out = gate(recipe.learner, rows.n_events, late_entry=rows.entry is not None)
    return replace(bench, recipe=recipe, rows=replace(rows, parts=parts, parts_left_out=out))
