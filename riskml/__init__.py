"""riskml: honest risk estimates before blinatumomab in B-ALL, for research.

The front door. Names load when first used, so that ``import riskml`` costs no more than the standard library.

Examples
--------
>>> import riskml
>>> bundle = riskml.open_bundle(riskml.shipped("non_response"))
>>> prediction = bundle.predict({"bcr_abl1": "absent", "mrd": "0.52 %"})
>>> 0 < prediction.value[0] < 1
True
"""

from __future__ import annotations

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    from riskml.cohort.cohort import Cohort, read_cohort
    from riskml.errors import RiskmlError
    from riskml.runtime.bundle import Bundle, open_bundle, shipped
    from riskml.runtime.dictionary import load_dictionary
    from riskml.runtime.prediction import Prediction
    from riskml.training.evaluate import Evaluation, evaluate
    from riskml.training.explanation import explain
    from riskml.training.external import validate
    from riskml.training.recipe import Recipe, load_recipe
    from riskml.training.train import train
    from riskml.training.updating import update

_WHERE = {
    "Bundle": "riskml.runtime.bundle",
    "Cohort": "riskml.cohort.cohort",
    "Evaluation": "riskml.training.evaluate",
    "Prediction": "riskml.runtime.prediction",
    "Recipe": "riskml.training.recipe",
    "RiskmlError": "riskml.errors",
    "evaluate": "riskml.training.evaluate",
    "explain": "riskml.training.explanation",
    "load_dictionary": "riskml.runtime.dictionary",
    "load_recipe": "riskml.training.recipe",
    "open_bundle": "riskml.runtime.bundle",
    "read_cohort": "riskml.cohort.cohort",
    "shipped": "riskml.runtime.bundle",
    "train": "riskml.training.train",
    "update": "riskml.training.updating",
    "validate": "riskml.training.external",
}

__all__ = [
    "Bundle",
    "Cohort",
    "Evaluation",
    "Prediction",
    "Recipe",
    "RiskmlError",
    "evaluate",
    "explain",
    "load_dictionary",
    "load_recipe",
    "open_bundle",
    "read_cohort",
    "shipped",
    "train",
    "update",
    "validate",
]


def __getattr__(name: str) -> Any:  # module-level imports would make every `import riskml` pay
    from importlib import import_module  # noqa: PLC0415

    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("riskml")
    if name not in _WHERE:
        raise AttributeError(f"module 'riskml' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
