"""The table from which a recipe picks its learners, and how a learner from elsewhere comes into it.

A learner is an estimator class with ``fit``, ``predict_proba`` or ``predict``, and ``to_portable``. One that is
installed beside riskml joins by an entry point of the group ``riskml.learners`` whose object is a `Learner`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from riskml.errors import UsageError

if TYPE_CHECKING:
    from riskml.training.recipe import Recipe

GROUP = "riskml.learners"
# Trees are left out of an average below this many events unless a recipe says otherwise (docs/methods.md).
LEAST_EVENTS_TREES = 25


@dataclass(frozen=True, slots=True)
class Context:
    """What a learner is built for, beyond its own settings.

    Attributes
    ----------
    recipe : Recipe
    grid : tuple of float
        Months on which survival is kept; empty for a binary outcome.
    seed : int
        For ``random_state``.
    """

    recipe: Recipe
    grid: tuple[float, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Learner:
    """A family of estimators.

    Attributes
    ----------
    outcome : {"binary", "survival", "incidence"}
    estimator : str or type
        The class, or ``"module:Class"``, imported when first used: some libraries take seconds to import.
    settings : mapping of str to str
        What a recipe may set, and the name of the parameter it sets.
    least_events : int
        Events below which an average leaves the learner out, unless the recipe gives its own ``least_events``.
    more : callable, optional
        Context -> further parameters, such as what the literature says of the recipe's features.
    lighter : mapping
        Parameters of the refits that give the interval, where a full fit would be too large to store 200 times.
    random : bool
        Whether the estimator takes ``random_state``.
    splits : bool
        Whether it splits inputs, so that unknown ones are drawn from those who have them and not set to the mean.
    late_entry : bool
        Whether it takes patients who came under risk after the origin; an average of such patients goes without it
        where it does not.
    any_inputs : bool
        Whether its predictions are explained exactly with any number of inputs; others are with a dozen.
    """

    outcome: str
    estimator: str | type
    settings: Mapping[str, str] = field(default_factory=dict)
    least_events: int = 0
    more: Callable[[Context], Mapping[str, Any]] | None = None
    lighter: Mapping[str, Any] = field(default_factory=dict)
    random: bool = False
    splits: bool = False
    late_entry: bool = True
    any_inputs: bool = True

    def build(self, settings: Mapping[str, Any], context: Context, *, light: bool = False) -> Any:
        """An unfitted estimator for ``settings`` (the keys of a recipe's table beside ``kind``)."""
        chosen = {name: settings[key] for key, name in self.settings.items() if key in settings}
        if self.outcome != "binary":
            chosen["time_grid"] = np.array(context.grid)
        if self.random:
            chosen["random_state"] = context.seed
        if self.more is not None:
            chosen |= self.more(context)
        if light:
            chosen |= self.lighter
        return self.load()(**chosen)

    def load(self) -> Any:
        """The estimator class."""
        if not isinstance(self.estimator, str):
            return self.estimator
        module, _, name = self.estimator.partition(":")
        return getattr(importlib.import_module(module), name)


def _own(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _directions(context: Context) -> Mapping[str, Any]:
    from riskml.training.evidence import directions  # noqa: PLC0415 - evidence needs the recipe, which needs this table

    return {"monotone": directions(context.recipe)}


def _literature(context: Context) -> Mapping[str, Any]:
    from riskml.training.evidence import prior_of  # noqa: PLC0415

    mean, sd = prior_of(context.recipe)
    return {"prior_mean": mean, "prior_sd": sd}


_HERE = "riskml.training.learners"
_PRIOR, _LITERATURE = _own("prior_scale"), _own("prior_scale", "prior_weight")
_FOREST = {"trees": "n_estimators", "leaf": "min_samples_leaf"}
_BOOSTING = {"rounds": "n_estimators", "depth": "max_depth", "learning_rate": "learning_rate"}
# Over the rows of several machines; a partial likelihood is no sum over rows, so Cox has no such form.
_PARTS = _own("partition_rows")
# Refits with 10 trees cover the truth as often as with 20, at half the size and time (docs/methods.md).
_FEW_TREES = {"n_estimators": 10}
# The answer is not linear in the leaves: coalitions have to be enumerated.
_BOOSTED: Mapping[str, Any] = {"any_inputs": False}


def _trees(outcome: str, path: str, settings: Mapping[str, str], **more: Any) -> Learner:
    return Learner(
        outcome, f"{_HERE}.{path}", settings, LEAST_EVENTS_TREES, random=True, splits=True, late_entry=False, **more
    )


LEARNERS: Mapping[str, Learner] = {
    "ridge_logistic": Learner("binary", f"{_HERE}.ridge_logistic:RidgeLogistic", _PRIOR),
    "literature_logistic": Learner("binary", f"{_HERE}.literature:LiteratureLogistic", _LITERATURE, more=_literature),
    "elastic_net_logistic": Learner("binary", f"{_HERE}.elastic_net:ElasticNetLogistic", random=True),
    "firth_logistic": Learner("binary", f"{_HERE}.firth:FirthLogistic"),
    "forest": _trees("binary", "forest:RandomForest", _FOREST, lighter=_FEW_TREES),
    "boosting": _trees("binary", "boosting:Boosting", _BOOSTING | _PARTS, more=_directions, **_BOOSTED),
    "ridge_cox": Learner("survival", f"{_HERE}.ridge_cox:RidgeCox", _PRIOR),
    "literature_cox": Learner("survival", f"{_HERE}.literature:LiteratureCox", _LITERATURE, more=_literature),
    "elastic_net_cox": Learner("survival", f"{_HERE}.coxnet:ElasticNetCox", random=True, late_entry=False),
    "survival_forest": _trees("survival", "survival_forest:SurvivalForest", _FOREST, lighter=_FEW_TREES),
    "survival_boosting": _trees("survival", "survival_boosting:SurvivalBoosting", _BOOSTING, **_BOOSTED),
    "boosting_cox": _trees("survival", "boosting:BoostingCox", _BOOSTING, more=_directions, **_BOOSTED),
    "boosting_aft": _trees(
        "survival", "boosting:BoostingAFT", _BOOSTING | _PARTS | _own("distribution"), more=_directions, **_BOOSTED
    ),
    "parametric": Learner("survival", f"{_HERE}.parametric:Parametric", {**_PRIOR, **_own("distribution")}),
    "cause_specific_cox": Learner("incidence", f"{_HERE}.competing:CauseSpecificRidgeCox", _PRIOR, any_inputs=False),
}


def find_learner(kind: str) -> Learner | None:
    """The learner of that name: one of riskml's own, or one that an installed package offers; None where neither is."""
    if kind in LEARNERS:
        return LEARNERS[kind]
    for point in importlib.metadata.entry_points(group=GROUP, name=kind):
        return _loaded(point)
    return None


def _loaded(point: importlib.metadata.EntryPoint) -> Learner:
    """The object behind an entry point.

    Raises
    ------
    UsageError
        If it cannot be imported or is no `Learner`: the package that offers it has to be mended or taken away.
    """
    package = point.dist.name if point.dist else "a package"
    try:
        found = point.load()
    except Exception as error:  # noqa: BLE001 - importing runs the package's code, which may raise anything
        raise UsageError(
            f"the learner {point.name!r} of {package} cannot be loaded: {type(error).__name__}: {error}"
        ) from None
    if not isinstance(found, Learner):
        raise UsageError(f"the learner {point.name!r} of {package} is a {type(found).__name__}, not a Learner")
    return found


def known_learners() -> list[str]:
    """Names a recipe may use, those of installed packages included."""
    return sorted({*LEARNERS, *(point.name for point in importlib.metadata.entry_points(group=GROUP))})
