"""A recipe.toml as a Recipe; refuses any input that is learned after the landmark."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from riskml.errors import DataError, Fault, UsageError
from riskml.resources import folder
from riskml.runtime.dictionary import Dictionary, load_dictionary
from riskml.runtime.explain import MAX_INPUTS
from riskml.runtime.model import OPS, Feature
from riskml.training.learners.table import LEARNERS

_KEYS = {
    "name", "version", "label", "outcome", "landmark", "horizons_months", "column_maps", "intended_use", "not_for",
    "applies_to", "feature", "learner", "evaluation", "uncertainty", "golden",
}  # fmt: skip
_REQUIRED = {"name", "version", "label", "outcome", "landmark", "intended_use", "not_for", "feature", "learner"}
_SETTINGS = {"evaluation": {"folds", "repeats", "horizon_months"}, "uncertainty": {"bootstrap", "level"}}
_PARAMETER: Mapping[str, type | tuple[type, ...]] = {
    "log10": (int, float),
    "hinge": (int, float),
    "at_least": (int, float),
    "level": list,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """One model's plan, complete before any data are read.

    Attributes
    ----------
    name, version, label : str
    outcome : str
        A name in ``features/outcomes.toml``.
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
    dictionary = dictionary or load_dictionary()
    path = _recipe_path(str(source))
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} is not TOML: {error}") from None
    faults = list(_faults(raw, dictionary))
    if faults:
        raise DataError(f"the recipe {path.parent.name}/{path.name} was refused", faults)
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
    return Recipe(
        name=raw["name"],
        version=raw["version"],
        label=raw["label"],
        outcome=raw["outcome"],
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
        golden=tuple(raw.get("golden", ({},))),
        column_maps=tuple(path.parent / name for name in raw.get("column_maps", ())),
        kind=dictionary.outcomes[raw["outcome"]]["kind"],
    )


def _feature(raw: Mapping[str, Any]) -> Feature:
    parameter = raw.get("parameter")
    return Feature(
        raw["name"], raw["op"], tuple(raw["inputs"]), tuple(parameter) if isinstance(parameter, list) else parameter
    )


def _faults(raw: Mapping[str, Any], dictionary: Dictionary) -> Iterator[Fault]:
    """Everything wrong with a recipe."""
    for key in sorted(set(raw) - _KEYS):
        yield Fault(None, key, "is not a key of a recipe", None, f"use one of {', '.join(sorted(_KEYS))}")
    missing = sorted(_REQUIRED - set(raw))
    for key in missing:
        yield Fault(None, key, "must be given", None, "see models/non_response/recipe.toml")
    if missing:
        return
    outcome = dictionary.outcomes.get(raw["outcome"])
    if outcome is None:
        yield Fault(
            None,
            "outcome",
            "must be one of " + ", ".join(dictionary.outcomes),
            str(raw["outcome"]),
            "use a listed outcome",
        )
    if raw["landmark"] not in dictionary.landmarks:
        yield Fault(
            None,
            "landmark",
            "must be one of " + ", ".join(dictionary.landmarks),
            str(raw["landmark"]),
            "use a listed landmark",
        )
        return
    for section, allowed in _SETTINGS.items():
        for key in sorted(set(raw.get(section, {})) - allowed):
            yield Fault(None, f"{section}.{key}", "is not a setting", None, f"use one of {', '.join(sorted(allowed))}")
    yield from _learner_faults(raw["learner"], outcome)
    yield from _input_faults(raw, dictionary)
    if outcome and outcome["kind"] == "survival" and not raw.get("horizons_months"):
        yield Fault(
            None, "horizons_months", "must be given for a survival outcome", None, "write for example [6, 12, 24]"
        )


def _input_faults(raw: Mapping[str, Any], dictionary: Dictionary) -> Iterator[Fault]:
    for item in raw["feature"]:
        yield from _feature_faults(item, raw["landmark"], dictionary)
    inputs = {name for item in raw["feature"] for name in item.get("inputs", ())}
    if len(inputs) > MAX_INPUTS:
        yield Fault(None, "feature", f"may use at most {MAX_INPUTS} inputs", str(len(inputs)), "leave out the weakest")
    for name in raw.get("applies_to", {}):
        if name not in dictionary.variables:
            yield Fault(
                None,
                f"applies_to.{name}",
                "is not in the dictionary",
                None,
                f"the nearest name is '{dictionary.nearest(name)}'",
            )


def _learner_faults(learner: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> Iterator[Fault]:
    kind = str(learner.get("kind"))
    if kind not in LEARNERS:
        yield Fault(None, "learner.kind", "must be one of " + ", ".join(LEARNERS), str(kind), "use a listed learner")
        return
    spec = LEARNERS[kind]
    if outcome and spec.outcome != outcome["kind"]:
        yield Fault(
            None, "learner.kind", f"{kind} is for {spec.outcome} outcomes", outcome["kind"], "choose another learner"
        )
    for key in sorted(set(learner) - {"kind"} - spec.settings):
        yield Fault(
            None,
            f"learner.{key}",
            f"is not a setting of {kind}",
            None,
            f"use one of {', '.join(sorted(spec.settings))}",
        )


def _feature_faults(item: Mapping[str, Any], landmark: str, dictionary: Dictionary) -> Iterator[Fault]:
    place = f"feature {item.get('name', '?')}"
    absent = sorted({"name", "op", "inputs", "why"} - set(item))
    if absent:
        yield Fault(
            None,
            place,
            "must have name, op, inputs and why",
            ", ".join(absent),
            "a predictor without a reason is not pre-specified",
        )
        return
    if item["op"] not in OPS:
        yield Fault(None, place, "op must be one of " + ", ".join(OPS), str(item["op"]), "use a listed transform")
    elif not isinstance(item.get("parameter"), _PARAMETER.get(item["op"], type(None))):
        yield Fault(
            None, place, f"has the wrong parameter for {item['op']}", str(item.get("parameter")), "see docs/recipes.md"
        )
    for name in item["inputs"]:
        variable = dictionary.variables.get(name)
        if variable is None:
            yield Fault(
                None,
                place,
                f"{name} is not in the dictionary",
                None,
                f"the nearest name is '{dictionary.nearest(name)}'",
            )
        elif not dictionary.usable_at(variable, landmark):
            rule = f"{name} is known only from {variable.known}, after the landmark {landmark}"
            yield Fault(None, place, rule, None, "leave it out: it would leak the outcome")
        elif variable.kind == "identifier":
            yield Fault(None, place, f"{name} identifies rows and cannot be a predictor", None, "leave it out")
        elif (variable.kind == "category") != (item["op"] == "level"):
            yield Fault(
                None,
                place,
                f"{name} is a {variable.kind} and cannot go through {item['op']}",
                None,
                "use 'level' for categories only",
            )
