"""Recipe with an estimator of another package + Cohort -> evaluation and a pickle for research; never a bundle."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import joblib
from sklearn.pipeline import Pipeline

from riskml.cohort.cohort import Cohort
from riskml.runtime.bundle import Bundle
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.model import PortableModel
from riskml.training.evaluate import Evaluation, evaluate
from riskml.training.fit import fit_pipeline, training_set
from riskml.training.manifest import manifest_of
from riskml.training.recipe import Recipe
from riskml.training.tasks import Store

_WARNING = """# {label}: an estimator for research, NOT a bundle

**DO NOT OPEN `estimator.joblib` UNLESS YOU MADE IT YOURSELF, ON THIS MACHINE.** It is a pickle: opening it runs
whatever code is in it. `riskml predict`, `score` and `serve` never load it, and refuse this folder.

- Class: `{estimator}` (recipe `{name}`, version {version}), fitted to {n_patients} patients with {n_events} events.
- It holds what was learned from these patients, and some estimators (nearest neighbours, kernel machines) hold the
  patients themselves: treat it as patient data.
- It opens only with the versions it was made with: {versions}.
- It has no interval, no explanation, no check of who the patient is, and no golden predictions.
- Missing inputs are filled with the mean of the training patients who have them.

{verdict}

To open it: `joblib.load("estimator.joblib")` is a scikit-learn Pipeline; give it a DataFrame with the columns
{inputs} in the dictionary's units.
"""


@dataclass(frozen=True, slots=True)
class Foreign:
    """An estimator that cannot be made portable.

    Attributes
    ----------
    shown : Bundle
        What the report shows of it. It has no members, predicts nobody and cannot be saved.
    pipeline : Pipeline
        Design matrix and estimator, fitted to all rows.
    """

    shown: Bundle
    pipeline: Pipeline

    @property
    def files(self) -> dict[str, bytes]:
        """The estimator and the warning beside it, by file name."""
        content = io.BytesIO()
        joblib.dump(self.pipeline, content, compress=3)
        manifest = self.shown.manifest
        training = manifest["training"]
        text = _WARNING.format(
            label=manifest["label"],
            name=manifest["name"],
            version=manifest["version"],
            estimator=training["learner"]["estimator"],
            n_patients=training["n_patients"],
            n_events=training["n_events"],
            versions=", ".join(f"{name} {version}" for name, version in manifest["versions"].items()),
            verdict=f"Cross-validation: {manifest['verdict']}.",
            inputs=", ".join(f"`{name}`" for name in training["missing_share"]),
        )
        return {"estimator.joblib": content.getvalue(), "ESTIMATOR.md": text.encode()}


def train_foreign(
    recipe: Recipe,
    cohort: Cohort,
    *,
    evaluation: Evaluation | Literal[False] | None = None,
    seed: int = 0,
    jobs: int = 1,
    progress: Callable[[str], None] | None = None,
    store: Store | None = None,
) -> Foreign:
    """Judge and fit a recipe of ``kind = "sklearn"``; arguments as for :func:`riskml.training.train.train`.

    Raises
    ------
    UsageError
        If the estimator cannot be imported, does not take the recipe's settings, or fails on these rows.
    DataError, NotEstimableError
        As :func:`riskml.training.fit.training_set`.
    """
    say = progress or (lambda _: None)
    rows = training_set(recipe, cohort)
    judged = evaluation
    if judged is None:
        judged = evaluate(recipe, cohort, seed=seed, jobs=jobs, progress=progress, store=store)
    say(f"{recipe.name}: fitting all {rows.n_patients} patients; there is no portable bundle of this estimator")
    fitted = fit_pipeline(recipe, rows, seed=seed)
    shares: list[dict[str, Any]] = [{"kind": recipe.learner["estimator"], "weight": 1.0, "line": None}]
    raw = load_dictionary()
    manifest = manifest_of(recipe, cohort, rows, None, shares, judged or None, seed, raw.raw)
    model = PortableModel(recipe.kind, recipe.inputs, recipe.features, (), (), (), (), recipe.level, {})
    pipeline = Pipeline([("design", fitted[0]), ("estimator", fitted[-1].estimators_[0])])
    return Foreign(Bundle({**manifest, "digest": "–"}, model, (), "", raw), pipeline)
