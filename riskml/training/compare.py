"""Several recipes on one cohort: each judged, and those of one outcome set against each other on the same folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from riskml.cohort.cohort import Cohort
from riskml.training.differences import AGAINST_MODEL, as_rows, differences
from riskml.training.evaluate import Evaluation, Judged, bench_of, judge
from riskml.training.judge.choice import chosen_best
from riskml.training.measures import measures_of
from riskml.training.recipe import Recipe
from riskml.training.tasks import Say


@dataclass(frozen=True, slots=True)
class Comparison:
    """Evaluations in the order of the recipes, and what can be said of their differences.

    Attributes
    ----------
    evaluations : tuple of Evaluation
    comparison : mapping
        ``pairs``: for two models of one outcome each measure's paired difference; ``chosen``: an honest estimate for
        whoever takes the best of them; ``words``. Empty for a single recipe.
    """

    evaluations: tuple[Evaluation, ...]
    comparison: Mapping[str, Any] = field(default_factory=dict)


def compare(
    planned: Sequence[tuple[Recipe, Cohort]],
    *,
    seed: int = 0,
    jobs: int = 1,
    by: str | None = None,
    thorough: bool = False,
    progress: Say | None = None,
) -> Comparison:
    """Evaluate recipes and set those of the same outcome against each other.

    Parameters
    ----------
    planned : sequence of (Recipe, Cohort)
        The cohort as each recipe reads it.
    seed, jobs, by, thorough, progress
        As for :func:`riskml.training.evaluate.evaluate`.

    Raises
    ------
    DataError, NotEstimableError
        As :func:`riskml.training.evaluate.evaluate`.
    """
    found = []
    for recipe, cohort in planned:
        bench = bench_of(recipe, cohort, seed, jobs, progress)
        found.append(judge(bench, cohort, by=by, thorough=thorough))
    return Comparison(tuple(one.evaluation for one in found), _comparison(found, seed) if len(found) > 1 else {})


def _comparison(found: Sequence[Judged], seed: int) -> dict[str, Any]:
    pairs, apart = [], []
    for first, second in combinations(found, 2):
        names = (first.evaluation.model, second.evaluation.model)
        if not _same(first, second):
            apart.append(f"{names[0]} and {names[1]}")
            continue
        points, spread = (first.points, second.points), first.inflation
        both = differences(first.sample, second.sample, AGAINST_MODEL, seed=seed, points=points, inflation=spread)
        pairs.append({"models": list(names), "differences": as_rows(both, names[1])})
    chosen = [_best_of(group, seed) for group in _groups(found) if len(group) > 1]
    return {"pairs": pairs, "chosen": chosen, "words": _words(pairs, chosen, apart)}


def _best_of(group: Sequence[Judged], seed: int) -> dict[str, Any]:
    """What whoever takes the best of a group can expect, by the measure of discrimination."""
    samples = {one.evaluation.model: one.sample for one in group}
    measure = next(iter(measures_of(group[0].sample)))
    points = {one.evaluation.model: one.points[measure] for one in group}
    return chosen_best(samples, measure=measure, points=points, seed=seed)


def _same(first: Judged, second: Judged) -> bool:
    """Whether both are about the same outcome of the same rows, on the same folds."""
    a, b = first.sample, second.sample
    rows = np.array_equal(a.patient, b.patient) and np.array_equal(a.event, b.event) and a.horizon == b.horizon
    times = np.array_equal(np.asarray(a.time), np.asarray(b.time))  # None for a binary outcome
    return bool(rows and times and (a.cause is None) == (b.cause is None))


def _groups(found: Sequence[Judged]) -> list[list[Judged]]:
    groups: list[list[Judged]] = []
    for one in found:
        group = next((group for group in groups if _same(group[0], one)), None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return groups


def _words(pairs: Sequence[Mapping[str, Any]], chosen: Sequence[Mapping[str, Any]], apart: Sequence[str]) -> str:
    lines = []
    for pair in pairs:
        for row in pair["differences"]:
            if row["low"] is None:
                shown, word = "not estimable", ""
            else:
                shown = f"{row['value']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
                word = "" if row["low"] > 0 or row["high"] < 0 else ": no difference shown"
            lines.append(f"{pair['models'][0]} less {pair['models'][1]}, {row['measure']}: {shown}{word}")
    lines += [str(one["words"]) for one in chosen]
    lines += [f"{names} are not compared: they are about different outcomes, rows or horizons" for names in apart]
    return "\n".join(lines)
