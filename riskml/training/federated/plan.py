"""The plan of a federated study: one JSON object that every file of the study names by its digest."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from riskml.errors import DataError, Fault, UsageError
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.digest import digest_of
from riskml.training.ensemble import COMBINED, parts_of
from riskml.training.manifest import versions
from riskml.training.recipe import Recipe, recipe_of_raw

PLAN = "riskml.federated-plan/1"
# Learners whose likelihood is a sum over patients, or over centres as strata, given a few aggregates.
FEDERABLE = {"ridge_logistic": "binary", "ridge_cox": "survival"}
# Of a total over two hospitals each knows the other's part.
LEAST_MASKED = 3
LEAST_OPEN = 2
# The median of the half-normal prior on tau at the default prior_scale of 0.5.
DEFAULT_TAU = 0.34


@dataclass(frozen=True, eq=False)
class Study:
    """A plan that was checked.

    Attributes
    ----------
    plan : mapping
        The object itself, as it stands in every ask.
    recipe : Recipe
        With the one learner that is federated.
    """

    plan: Mapping[str, Any]
    recipe: Recipe

    @cached_property
    def digest(self) -> str:
        """``sha256:...`` of the plan."""
        return sealed(self.plan)

    @property
    def centres(self) -> tuple[str, ...]:
        """Names of the hospitals, sorted."""
        return tuple(self.plan["centres"])

    @property
    def masked(self) -> bool:
        """Whether a hospital's sums leave it under a mask, so that only totals can be read."""
        return bool(self.plan["sums"] == "masked")

    @property
    def tau(self) -> float | None:
        """Standard deviation of the prior on standardised coefficients; None where it is integrated out."""
        return None if self.plan["tau"] is None else float(self.plan["tau"])

    @property
    def prior_scale(self) -> float:
        """Scale of the half-normal prior on tau, where that is integrated out."""
        return float(self.recipe.learner.get("prior_scale", 0.5))

    @property
    def survival(self) -> bool:
        """Whether the model is in time."""
        return self.recipe.kind == "survival"


def canonical(content: Any) -> bytes:
    """A JSON value as the one text of which digests are taken."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sealed(content: Any) -> str:
    """``sha256:...`` of a JSON value."""
    return f"sha256:{digest_of(canonical(content))}"


def here() -> dict[str, str]:
    """What two hospitals must have in common for their numbers to mean the same."""
    return {"riskml": versions()["riskml"], "dictionary": sealed(load_dictionary().raw)}


def plan_of(
    raw: Mapping[str, Any],
    centres: Sequence[str],
    *,
    only: str | None = None,
    tau: float | None = DEFAULT_TAU,
    masked: bool = True,
    most_numbers: float = 1.0,
) -> dict[str, Any]:
    """The plan of a federated training.

    Parameters
    ----------
    raw : mapping
        A recipe as its file has it (:func:`riskml.training.recipe.read_raw`).
    centres : sequence of str
        Names of the hospitals.
    only : str, optional
        The one learner of an average or a stack that is to be federated.
    tau : float or None
        Prior standard deviation of standardised coefficients, fixed for the whole study; None integrates over it as a
        pooled training does, at about fifteen times the numbers.
    masked : bool
        Whether hospitals hide their sums under masks that cancel in the total.
    most_numbers : float
        The study ends rather than release more numbers than this multiple of the patients' values (patients x
        features; of the smallest hospital where sums are open).

    Raises
    ------
    DataError
        With everything that cannot be federated, by name.
    UsageError
        If a setting is out of range.
    """
    learner = _learner(raw["learner"], only) if "learner" in raw else None
    chosen = {**raw, **({} if learner is None else {"learner": learner})}
    plan = {
        "schema": PLAN,
        **here(),
        "task": "fit",
        "recipe": {key: value for key, value in chosen.items() if key != "column_maps"},
        "centres": sorted(centres),
        "sums": "masked" if masked else "open",
        "tau": tau,
        "most_numbers": most_numbers,
    }
    study_of(plan)
    return plan


def _learner(table: Mapping[str, Any], only: str | None) -> dict[str, Any]:
    """The learner to federate, with the months of an average it comes from."""
    if only is None or table.get("kind") not in COMBINED:
        if only is not None and table.get("kind") != only:
            raise UsageError(f"--only {only}: the recipe's learner is {table.get('kind')}")
        return dict(table)
    found = [member for member in table.get("member", ()) if member.get("kind") == only]
    if not found:
        kinds = ", ".join(str(member.get("kind")) for member in table.get("member", ()))
        raise UsageError(f"--only {only}: the recipe has {kinds}")
    months = {key: table[key] for key in ("grid_months",) if key in table}
    kept = {key: value for key, value in found[0].items() if key not in {"weight", "least_events"}}
    return {**kept, **months}


def study_of(plan: Any) -> Study:
    """A plan once it is known to be one that this riskml can follow.

    Raises
    ------
    DataError
        With every fault.
    """
    if not isinstance(plan, dict) or plan.get("schema") != PLAN or not isinstance(plan.get("recipe"), dict):
        raise _refused([_fault("must be a plan of a federated study", "make it with riskml federate plan")])
    faults = [*_versions(plan), *_settings(plan)]
    path = Path(str(plan["recipe"].get("name")), "recipe.toml")
    recipe = recipe_of_raw(plan["recipe"], path)
    faults += _learners(recipe)
    if faults:
        raise _refused(faults)
    # The file's own maps stay where the file is: each hospital names its own.
    return Study(plan, replace(recipe, column_maps=()))


def _versions(plan: Mapping[str, Any]) -> list[Fault]:
    own = here()
    remedy = "all hospitals and the coordinator install the same riskml: numbers made by different ones do not add up"
    return [
        Fault(None, None, f"{what} must be that of this riskml ({own[what][:19]})", str(plan.get(what))[:19], remedy)
        for what in own
        if plan.get(what) != own[what]
    ]


def _settings(plan: Mapping[str, Any]) -> list[Fault]:
    centres, sums, faults = plan.get("centres"), plan.get("sums"), list[Fault]()
    if not are_names(centres):
        remedy = "name each hospital once; capitals and spaces do not tell two apart"
        faults.append(_fault("centres must be different names", f"{remedy} (riskml federate plan sorts them)"))
    elif len(plan["centres"]) < (least := LEAST_MASKED if sums == "masked" else LEAST_OPEN):
        remedy = "of a total over two, each knows the other's part" if sums == "masked" else "train on its rows instead"
        faults.append(_fault(f"{sums} sums need {least} hospitals or more", remedy))
    if sums not in ("masked", "open"):
        faults.append(_fault('sums must be "masked" or "open"', "make the plan anew"))
    if plan.get("tau") is not None and not _positive(plan["tau"]):
        faults.append(_fault("tau must be a positive number", "give --tau 0.34, or --integrate"))
    if not _positive(plan.get("most_numbers")):
        faults.append(_fault("most_numbers must be a positive number", "give --most-numbers 1"))
    if plan.get("task") != "fit":
        faults.append(_fault('task must be "fit"', "make the plan anew"))
    return faults


def _learners(recipe: Recipe) -> list[Fault]:
    """The parts of a recipe that no sum over hospitals can fit."""
    faults, ways = [], " or ".join(FEDERABLE)
    parts = parts_of(recipe.learner)
    offered = [part.kind for part in parts if part.kind in FEDERABLE]
    for part in parts:
        if part.kind not in FEDERABLE:
            remedy = f"plan with --only {offered[0]}" if offered else f"write a recipe whose learner is {ways}"
            faults.append(_fault(f"{part.kind} cannot be fitted from sums", remedy))
        elif part.settings.get("calibrate"):
            faults.append(_fault(f"{part.kind} with calibrate = true needs predictions within folds", "leave it out"))
    if not faults and len(parts) > 1:
        faults.append(_fault("an average of several learners is not federated", f"plan with --only {offered[0]}"))
    return faults


def are_names(value: Any) -> bool:
    """Whether a JSON value is a sorted list of names that differ by more than capitals and spaces around them."""
    named = isinstance(value, list) and all(isinstance(name, str) and name.strip() for name in value)
    return bool(named and value == sorted(value) and len({name.strip().casefold() for name in value}) == len(value))


def is_finite(value: Any) -> bool:
    """Whether a JSON value is a number that a double can hold."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of hundreds of digits
        return False


def _positive(value: Any) -> bool:
    return is_finite(value) and bool(value > 0)


def _fault(rule: str, remedy: str) -> Fault:
    return Fault(None, None, rule, None, remedy)


def _refused(faults: list[Fault]) -> DataError:
    return DataError("the federated plan was refused", faults)
