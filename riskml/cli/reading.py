"""From a cohort file to a cohort: by ``--columns``, or by a column map that ships where it describes the file."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from riskml.cli.options import reading
from riskml.cli.progress import say

if TYPE_CHECKING:
    from riskml.cohort.cohort import Cohort
    from riskml.cohort.column_map import ColumnMap
    from riskml.runtime.bundle import Bundle
    from riskml.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Job:
    """One recipe with the cohort as its column map reads it."""

    recipe: Recipe
    cohort: Cohort


def read_jobs(
    path: str, models: Sequence[str], columns: str | None, *, sheet: str | None = None, encoding: str | None = None
) -> list[Job]:
    """Load every recipe, and the cohort as each reads it.

    Without ``--columns`` a recipe's shipped map is used where the file has all the columns it maps and not the
    dictionary's own names. A .toml file holds published counts (see ``riskml.cohort.published``).
    """
    from riskml.cohort.cohort import cohort_from_table
    from riskml.cohort.column_map import ColumnMap
    from riskml.cohort.published import read_published
    from riskml.cohort.read_table import read_table
    from riskml.errors import UsageError
    from riskml.runtime.dictionary import load_dictionary
    from riskml.training.recipe import load_recipe

    dictionary = load_dictionary()
    recipes = [load_recipe(model, dictionary) for model in models]
    names = [recipe.name for recipe in recipes]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two recipes are called {', '.join(twice)}: one would overwrite the other")
    if path.endswith(".toml"):
        if columns:
            raise UsageError("published counts go by the dictionary's own names: leave --columns out")
        counts = read_published(path, dictionary)
        return [Job(recipe, counts) for recipe in recipes]
    given = ColumnMap.load(columns, dictionary) if columns else None
    table = read_table(path, sheet=sheet, encoding=encoding)
    jobs = []
    for recipe in recipes:
        chosen = given or matching_map(recipe.column_maps, table.columns)
        if chosen is not None and given is None:
            say(f"{recipe.name}: reading the file with the shipped column map ({chosen.source})")
        jobs.append(Job(recipe, cohort_from_table(table, chosen, dictionary)))
    return jobs


def matching_map(paths: Iterable[Path], header: Collection[str]) -> ColumnMap | None:
    """The first of these maps whose columns are all in a file with this header."""
    from riskml.cohort.column_map import ColumnMap

    return next((found for found in map(ColumnMap.load, paths) if found.matches(header)), None)


def shipped_map(header: Collection[str]) -> ColumnMap | None:
    """The map of a known file that ships with some recipe, where it describes a file with this header."""
    from riskml.resources import folder

    return matching_map(sorted(folder("models").glob("*/columns/*.toml")), header)


def cohort_of(options: argparse.Namespace) -> Cohort:
    """The cohort that a command was given, as every command reads it."""
    return read_known(options.cohort, options.columns, **reading(options))


def cohort_for(bundle: Bundle, options: argparse.Namespace) -> Cohort:
    """The cohort with every input of a model that can be had from it; what was derived, and what is absent, is said."""
    from riskml.cohort.derive import with_inputs

    read = cohort_of(options)
    cohort = with_inputs(read, bundle.model.inputs, bundle.dictionary)
    for note in cohort.notes[len(read.notes) :]:
        say(note.message)
    if absent := [name for name in bundle.model.inputs if name not in cohort.frame]:
        say(f"not columns of the cohort, so averaged over: {', '.join(absent)}")
    return cohort


def read_known(path: str, columns: str | None, *, sheet: str | None = None, encoding: str | None = None) -> Cohort:
    """The cohort by ``columns``, or by the shipped map where it is a file that one describes, which is said."""
    from riskml.cohort.cohort import cohort_from_table
    from riskml.cohort.read_table import read_table

    table = read_table(path, sheet=sheet, encoding=encoding)
    chosen, remark = map_for(columns, table.columns)
    if remark:
        say(remark)
    return cohort_from_table(table, chosen)


def map_for(columns: str | None, header: Collection[str]) -> tuple[ColumnMap | None, str]:
    """The column map of a file with this header, and what is to be said of it where nobody named it."""
    from riskml.cohort.column_map import ColumnMap

    if columns:
        return ColumnMap.load(columns), ""
    chosen = shipped_map(header)
    return chosen, "" if chosen is None else f"reading the file with the shipped column map ({chosen.source})"
