"""Published effects (``features/evidence.toml``) -> prior means, prior widths and directions for a recipe's columns."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from riskml.errors import DataError, UsageError
from riskml.resources import folder
from riskml.runtime.dictionary import Dictionary, load_dictionary
from riskml.runtime.model import Feature
from riskml.training.evidence_rules import evidence_faults

if TYPE_CHECKING:
    from riskml.training.recipe import Recipe

# How far an effect in a new cohort may lie from the published one, as a standard deviation between studies on the log
# scale. 0.5 is "fairly high" among log odds ratios (Friede T et al. Res Synth Methods 2017;8:79-91); that adults count
# as twice as far from children is our choice.
BETWEEN = {"paediatric": 0.5, "mixed": 0.5, "adult": 1.0}
SIGNS = {"raises": 1, "lowers": -1, "unknown": 0}


@dataclass(frozen=True, slots=True)
class Study:
    """Who was treated with what; ``n`` is None where it was not read."""

    name: str
    citation: str
    doi: str
    population: str
    treatment: str
    n: int | None


@dataclass(frozen=True, slots=True)
class Effect:
    """One contrast of one study, as the head of ``features/evidence.toml`` describes it.

    ``log_effect`` and ``standard_error`` are None where the source allows a sign only.
    """

    id: str
    study: str
    outcome: str
    variables: tuple[str, ...]
    contrast: Mapping[str, Any]
    derivation: Mapping[str, Any]
    source: str
    n: int | None
    log_effect: float | None
    standard_error: float | None


@dataclass(frozen=True, slots=True)
class Direction:
    """What is declared of a variable, or of one level of a category: ``sign`` +1 raises, -1 lowers, 0 unknown."""

    outcome: str
    variable: str
    level: str | None
    sign: int
    studies: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """The checked file. ``same_question`` maps an outcome to the one whose evidence it shares."""

    studies: Mapping[str, Study]
    effects: tuple[Effect, ...]
    directions: tuple[Direction, ...]
    same_question: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ScaledEffect:
    """A published effect per unit of a recipe's column; ``between`` is the spread between studies it must allow for."""

    id: str
    study: str
    mean: float
    standard_error: float
    between: float


@dataclass(frozen=True, slots=True)
class LiteraturePrior:
    """What the literature says of each column of a design matrix.

    Attributes
    ----------
    mean, sd : float array of shape (n_features,)
        Per unit of the column, for a new study; nan where it says nothing.
    effects : mapping of feature name to tuple of str
        The entries behind each number.
    """

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    effects: Mapping[str, tuple[str, ...]]


def load_evidence(path: str | Path | None = None, dictionary: Dictionary | None = None) -> Evidence:
    """Read and check an evidence file; riskml's own by default.

    Raises
    ------
    UsageError
        If the file is not TOML.
    DataError
        With everything that is wrong in it: unknown names, sizes that their derivation does not give, signs that
        contradict the effects, one study counted twice.
    """
    if path is None and dictionary is None:
        return _shipped()
    return _load(Path(path or folder("features") / "evidence.toml"), dictionary or load_dictionary())


@lru_cache(maxsize=1)
def _shipped() -> Evidence:
    return _load(folder("features") / "evidence.toml", load_dictionary())


def _load(path: Path, dictionary: Dictionary) -> Evidence:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} is not TOML: {error}") from None
    faults = list(evidence_faults(raw, dictionary))
    if faults:
        raise DataError(f"{path.name} was refused", faults)
    return Evidence(
        studies={name: _study(name, table) for name, table in raw["study"].items()},
        effects=tuple(_effect(table) for table in raw.get("effect", ())),
        directions=tuple(_direction(table) for table in raw.get("direction", ())),
        same_question=raw.get("same_question", {}),
    )


def _study(name: str, raw: Mapping[str, Any]) -> Study:
    return Study(name, raw["citation"], raw["doi"], raw["population"], raw["treatment"], raw.get("n"))


def _effect(raw: Mapping[str, Any]) -> Effect:
    return Effect(
        id=raw["id"],
        study=raw["study"],
        outcome=raw["outcome"],
        variables=tuple(raw["variables"]),
        contrast=raw["contrast"],
        derivation=raw["derivation"],
        source=raw["source"],
        n=raw.get("n"),
        log_effect=raw.get("log_effect"),
        standard_error=raw.get("standard_error"),
    )


def _direction(raw: Mapping[str, Any]) -> Direction:
    sign = SIGNS[raw["direction"]]
    return Direction(raw["outcome"], raw["variable"], raw.get("level"), sign, tuple(raw["studies"]), raw["why"])


def effects_for(
    features: Sequence[Feature],
    outcome: str,
    *,
    without: Collection[str] = (),
    evidence: Evidence | None = None,
    dictionary: Dictionary | None = None,
) -> dict[str, tuple[ScaledEffect, ...]]:
    """The published effects that speak of a recipe's columns in the columns' own unit.

    A contrast is used only where it is exactly what the column codes: presence of the same lesions, the same level
    against the same others (those that no other column of the recipe codes), the same cut, or a number per unit. A
    "high" against a "low" says nothing about a logarithm, and no contrast is stretched to fit.

    Parameters
    ----------
    features : sequence of Feature
        The recipe's columns.
    outcome : str
        The recipe's outcome.
    without : collection of str
        Studies to leave out: those the cohort comes from, or was simulated from.
    evidence, dictionary : optional
        riskml's own by default.

    Returns
    -------
    dict of feature name to tuple of ScaledEffect
        Columns without any are left out.

    Raises
    ------
    UsageError
        If a study to leave out does not exist: a misspelt one would be counted twice.
    """
    evidence, dictionary = evidence or load_evidence(), dictionary or load_dictionary()
    asked = evidence.same_question.get(outcome, outcome)
    _check_studies(evidence, without)
    found: dict[str, tuple[ScaledEffect, ...]] = {}
    for feature in features:
        own = tuple(
            ScaledEffect(e.id, e.study, e.log_effect * factor, e.standard_error * factor, _between(evidence, e))
            for e in evidence.effects
            if e.outcome == asked and e.study not in without and e.log_effect is not None and e.standard_error
            for factor in _factors(e, feature, features, dictionary)
        )
        if own:
            found[feature.name] = own
    return found


def literature_prior(
    features: Sequence[Feature],
    outcome: str,
    *,
    without: Collection[str] = (),
    evidence: Evidence | None = None,
    dictionary: Dictionary | None = None,
) -> LiteraturePrior:
    r"""Prior means and standard deviations of a recipe's columns; parameters and errors as in `effects_for`.

    Several studies are pooled with weights :math:`1 / (se^2 + b^2)`, b their spread between studies; the prior is that
    of a new study, with variance :math:`1 / \sum w + b^2`, b that of the nearest of the studies.

    References
    ----------
    Higgins JPT, Thompson SG, Spiegelhalter DJ. A re-evaluation of random-effects meta-analysis. J R Stat Soc A
    2009;172:137-159 (predictive distribution of a new study).
    """
    found = effects_for(features, outcome, without=without, evidence=evidence, dictionary=dictionary)
    mean, sd = np.full(len(features), np.nan), np.full(len(features), np.nan)
    for j, feature in enumerate(features):
        effects = found.get(feature.name, ())
        if effects:
            weight = np.array([1 / (e.standard_error**2 + e.between**2) for e in effects])
            mean[j] = weight @ np.array([e.mean for e in effects]) / weight.sum()
            sd[j] = math.sqrt(1 / weight.sum() + min(e.between for e in effects) ** 2)
    return LiteraturePrior(mean, sd, {name: tuple(e.id for e in effects) for name, effects in found.items()})


def prior_of(recipe: Recipe) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Prior means and standard deviations of the recipe's columns, without the studies that it leaves out."""
    prior = literature_prior(recipe.features, recipe.outcome, without=recipe.without_studies)
    return prior.mean, prior.sd


def directions(recipe: Recipe, evidence: Evidence | None = None) -> NDArray[np.int8]:
    """Monotone constraint of each column: +1 raises the risk, -1 lowers it, 0 nothing is declared.

    A column of several inputs, or levels, has a direction where all of them have the same. A direction whose studies
    the recipe all leaves out is not used. Every transform but ``level`` rises with its input, so the direction of a
    variable is that of its columns.

    Returns
    -------
    int8 array of shape (n_features,)

    Raises
    ------
    UsageError
        If a study to leave out does not exist.
    """
    evidence = evidence or load_evidence()
    without = set(recipe.without_studies)
    _check_studies(evidence, without)
    asked = evidence.same_question.get(recipe.outcome, recipe.outcome)
    declared = {
        (d.variable, d.level): d.sign
        for d in evidence.directions
        if d.outcome == asked and not set(d.studies) <= without
    }
    signs = []
    for feature in recipe.features:
        levels = feature.parameter if feature.op == "level" else (None,)
        own = {declared.get((name, level), 0) for name in feature.inputs for level in levels}
        signs.append(own.pop() if len(own) == 1 else 0)
    return np.array(signs, dtype=np.int8)


def _check_studies(evidence: Evidence, without: Collection[str]) -> None:
    unknown = sorted(set(without) - evidence.studies.keys())
    if unknown:
        known = ", ".join(evidence.studies)
        raise UsageError(f"there is no study {', '.join(unknown)} to leave out: known are {known}")


def _between(evidence: Evidence, effect: Effect) -> float:
    return BETWEEN[evidence.studies[effect.study].population]


def _factors(effect: Effect, feature: Feature, features: Sequence[Feature], dictionary: Dictionary) -> Iterator[float]:
    """What the effect must be multiplied by to be per unit of the column; nothing where it does not speak of it."""
    contrast, kind = effect.contrast, effect.contrast["kind"]
    if set(feature.inputs) != set(effect.variables):
        return
    if kind == "present" and feature.op == "value":
        yield 1.0
    elif kind == "per_unit" and feature.op == "value":
        yield 1.0 / float(contrast["amount"])
    elif kind == "at_least" and feature.op == "at_least" and math.isclose(contrast["cut"], feature.parameter):
        yield 1.0
    elif kind == "levels" and feature.op == "level" and set(feature.parameter) == set(contrast["levels"]):
        (name,) = effect.variables
        every = set(dictionary[name].levels)
        coded = {level for f in features if f.op == "level" and name in f.inputs for level in f.parameter}
        if set(contrast.get("against", every - set(contrast["levels"]))) == every - coded:
            yield 1.0
