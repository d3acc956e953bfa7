"""A recipe.toml as a Recipe; refuses any input that is learned after the landmark."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from riskml.errors import DataError, UsageError
from riskml.resources import folder
from riskml.runtime.dictionary import Dictionary, load_dictionary
from riskml.runtime.model import Feature
from riskml.training.ensemble import parts_of
from riskml.training.recipe_rules import faults_of


@dataclass(frozen=True, slots=True)
class Recipe:
    """One model's plan, complete before any data are read.

    Attributes
    ----------
    name, version, label : str
    outcome : str
        A name in ``features/outcomes.toml``, or that of the recipe's own outcome.
    outcome_table : mapping
        How that outcome is made of columns.
    landmark : str
        Time of prediction; every input is known by then.
    features : tuple of Feature
        The design matrix, pre-specified: nothing is selected on the data.
    why : mapping of feature name to reason
    learner : mapping
        ``kind`` (a key of ``LEARNERS``) and its settings.
    horizons_months : tuple of float
        Months at which survival is reported by default; empty for a binary outcome.
    folds, repeats : int
        Repeated, stratified cross-validation grouped by patient.
    horizon_months : float
        Month at which survival is judged.
    bootstrap : int
        Refits of the whole pipeline that give the intervals, of ``level``.
    column_maps : tuple of Path
        Shipped column maps that may apply to a file.
    kind : {"binary", "survival", "incidence"}
        What is estimated; incidence where a learner of several causes was chosen.
    optional : frozenset of str
        Inputs a cohort need not have: missing throughout, they have no effect.
    force_horizon : bool
        Whether survival is judged at ``horizon_months`` also past the 10th percentile of follow-up.
    thresholds : pair of float
        The range of risks from which one might act: where net benefit is looked at.
    without_studies : tuple of str
        Studies of ``features/evidence.toml`` that literature priors and directions must not use: those the cohort comes
        from, or was simulated from.
    date, review_by : str or None
        When this version was fixed, and when somebody has to look at it again, as YYYY-MM-DD. Written by hand: a bundle
        made twice is the same to the last byte.
    owner, contact : str or None
        Who answers for the model, and how they are reached.
    """

    name: str
    version: str
    label: str
    outcome: str
    landmark: str
    intended_use: str
    not_for: tuple[str, ...]
    applies_to: Mapping[str, list[Any]]
    features: tuple[Feature, ...]
    why: Mapping[str, str]
    learner: Mapping[str, Any]
    horizons_months: tuple[float, ...]
    folds: int
    repeats: int
    horizon_months: float
    bootstrap: int
    level: float
    golden: tuple[Mapping[str, Any], ...]
    column_maps: tuple[Path, ...]
    kind: str
    outcome_table: Mapping[str, Any]
    optional: frozenset[str]
    without_studies: tuple[str, ...] = ()
    force_horizon: bool = False
    thresholds: tuple[float, float] = (0.05, 0.5)
    date: str | None = None
    review_by: str | None = None
    owner: str | None = None
    contact: str | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Dictionary names of the inputs, in order of first use."""
        return tuple(dict.fromkeys(name for feature in self.features for name in feature.inputs))


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that ship with riskml."""
    return tuple(sorted(path.parent.name for path in folder("models").glob("*/recipe.toml")))


def load_recipe(source: str | Path, dictionary: Dictionary | None = None) -> Recipe:
    """Load a recipe by its name in ``models/``, or from a ``recipe.toml`` or the folder that holds one.

    Raises
    ------
    UsageError
        If there is no such recipe, or the file is not TOML.
    DataError
        If the recipe breaks rules: all of them are listed.
    """
    raw, path = read_raw(source)
    return recipe_of_raw(raw, path, dictionary)


def read_raw(source: str | Path) -> tuple[dict[str, Any], Path]:
    """What a recipe's file says, unchecked, and where it stands; ``UsageError`` as for :func:`load_recipe`."""
    path = _recipe_path(str(source))
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), path
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} is not TOML: {error}") from None


def recipe_of_raw(raw: Mapping[str, Any], path: Path, dictionary: Dictionary | None = None) -> Recipe:
    """The recipe of a file that was read before; ``DataError`` as for :func:`load_recipe`."""
    dictionary = dictionary or load_dictionary()
    faults = list(faults_of(raw, dictionary))
    if faults:
        raise DataError(f"the recipe {Path(path.parent.name, path.name)} was refused", faults)
    return _recipe(raw, path, dictionary)


def _recipe_path(source: str) -> Path:
    shipped = folder("models") / source / "recipe.toml"
    given = Path(source)
    if given.is_dir():
        given = given / "recipe.toml"
    if source in recipe_names():
        return shipped
    if given.is_file():
        return given
    raise UsageError(f"there is no recipe {source!r}: name one of {', '.join(recipe_names())}, or give a recipe.toml")


def _recipe(raw: Mapping[str, Any], path: Path, dictionary: Dictionary) -> Recipe:
    evaluation, uncertainty = raw.get("evaluation", {}), raw.get("uncertainty", {})
    horizons = tuple(float(h) for h in raw.get("horizons_months", ()))
    outcome = raw["outcome"]
    own = isinstance(outcome, Mapping)
    table = outcome if own else dictionary.outcomes[outcome]
    of_learner = {part.learner.outcome for part in parts_of(raw["learner"])}
    optional = {name for item in raw["feature"] if item.get("optional") for name in item["inputs"]}
    needed = {name for item in raw["feature"] if not item.get("optional") for name in item["inputs"]}
    return Recipe(
        name=raw["name"],
        version=raw["version"],
        label=raw["label"],
        outcome=str(outcome.get("name", raw["name"])) if own else outcome,
        landmark=raw["landmark"],
        intended_use=raw["intended_use"],
        not_for=tuple(raw["not_for"]),
        applies_to=raw.get("applies_to", {}),
        features=tuple(_feature(item) for item in raw["feature"]),
        why={item["name"]: item["why"] for item in raw["feature"]},
        learner=raw["learner"],
        horizons_months=horizons,
        folds=evaluation.get("folds", 5),
        repeats=evaluation.get("repeats", 10),
        horizon_months=float(evaluation.get("horizon_months", horizons[0] if horizons else 0.0)),
        bootstrap=uncertainty.get("bootstrap", 200),
        level=uncertainty.get("level", 0.9),
        golden=tuple(raw.get("golden") or ({},)),
        column_maps=tuple(path.parent / name for name in raw.get("column_maps", ())),
        kind="incidence" if of_learner == {"incidence"} else table["kind"],
        outcome_table=table,
        optional=frozenset(optional - needed),
        without_studies=tuple(raw.get("evidence", {}).get("without_studies", ())),
        force_horizon=evaluation.get("force_horizon", False),
        thresholds=tuple(evaluation.get("thresholds", (0.05, 0.5))),
        date=raw.get("date"),
        review_by=raw.get("review_by"),
        owner=raw.get("owner"),
        contact=raw.get("contact"),
    )


def _feature(raw: Mapping[str, Any]) -> Feature:
    parameter = raw.get("parameter")
    return Feature(
        raw["name"], raw["op"], tuple(raw["inputs"]), tuple(parameter) if isinstance(parameter, list) else parameter
    )
