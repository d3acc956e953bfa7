"""Recipe + Cohort -> Bundle: fit, bootstrap the whole pipeline, seal with evaluation and golden patients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.errors import UsageError
from riskml.runtime.bundle import Bundle, golden_entry, seal
from riskml.runtime.card import card
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.members import Member, member_from_dict
from riskml.runtime.model import PortableModel
from riskml.runtime.score import score_table
from riskml.training.aggregates import importance_of, training_explanation
from riskml.training.evaluate import Evaluation, evaluate
from riskml.training.fit import TrainingSet, fit_pipeline, portable, training_set
from riskml.training.importance import Rows
from riskml.training.judge.stability import stability
from riskml.training.learners.outside import is_outside
from riskml.training.manifest import manifest_of
from riskml.training.precision import rounded
from riskml.training.recipe import Recipe
from riskml.training.resample import bootstrap_rows
from riskml.training.tasks import Steps, Store, run_tasks, steps
from riskml.training.tripod_items import completion

# Digits kept: more than any use needs, few enough that the same run gives the same bytes on another machine.
DIGITS = 12
BOOTSTRAP_DIGITS = 7
# Leaves of the refits: a refit differs from the next in the second digit.
LEAF_DIGITS = 4


def train(
    recipe: Recipe,
    cohort: Cohort,
    *,
    evaluation: Evaluation | Literal[False] | None = None,
    seed: int = 0,
    jobs: int = 1,
    progress: Callable[[str], None] | None = None,
    store: Store | None = None,
) -> Bundle:
    """Train a recipe on a cohort.

    Parameters
    ----------
    recipe : Recipe
    cohort : Cohort
    evaluation : Evaluation, False or None
        An evaluation made before; None evaluates now; False leaves it out, and the bundle says that nothing is known
        of its performance.
    seed, jobs : int
        Results depend on ``seed`` only.
    progress : callable, optional
        Told in words what is being done; see :func:`riskml.training.tasks.steps`.
    store : Store, optional
        Keeps folds and refits as they finish; those it has are not done again.

    Returns
    -------
    Bundle
        Ready to predict; holds no patient row.

    Raises
    ------
    DataError, NotEstimableError
        As :func:`riskml.training.fit.training_set`.
    """
    if is_outside(recipe.learner):
        raise UsageError(
            f"{recipe.name} names an estimator of another package, which gives no portable bundle: "
            "see riskml.training.foreign.train_foreign"
        )
    say = progress or (lambda _: None)
    rows = training_set(recipe, cohort)
    judged = evaluation
    if judged is None:
        judged = evaluate(recipe, cohort, seed=seed, jobs=jobs, progress=progress, store=store, curve=True)
    say(f"{recipe.name}: {rows.definition}")
    say(f"{recipe.name}: fitting all {rows.n_patients} patients and {recipe.bootstrap} bootstrap samples of them")
    ensemble = fit_pipeline(recipe, rows)[-1]
    members = tuple(rounded(member, DIGITS) for member in ensemble.members())
    counted = steps(progress, f"{recipe.name}: bootstrap")
    model = portable(recipe, rows, members)
    refits, risks = bootstrap_refits(recipe, rows, model, seed=seed, jobs=jobs, store=store, progress=counted)
    model = model.with_(bootstrap=refits)
    dictionary = load_dictionary()
    shares = ensemble.shares([part.kind for part in rows.parts])
    manifest = manifest_of(recipe, cohort, rows, model, shares, judged or None, seed, dictionary.raw)
    own = _risk(recipe, rows, model)
    manifest["stability"] = stability(own, risks, thresholds=recipe.thresholds) if len(risks) > 1 else None
    columns = {name: rows.frame[name].to_numpy() for name in model.inputs}
    explained = training_explanation(manifest, model, Rows(columns, rows.patient, rows.event), dictionary, seed=seed)
    manifest["importance"] = importance_of(explained)
    manifest["tripod_ai"] = completion(manifest)
    golden = [golden_entry(manifest, model, dictionary, patient) for patient in recipe.golden]
    return seal(manifest, model, golden, card(manifest), explained)


def bootstrap_members(
    recipe: Recipe,
    rows: TrainingSet,
    *,
    seed: int,
    jobs: int = 1,
    store: Store | None = None,
    progress: Steps | None = None,
) -> tuple[tuple[Member, ...], ...]:
    """Members that give the interval of a prediction: the whole pipeline refitted to resampled patients.

    Each refit contributes one draw from its posterior instead of its mean. The bootstrap of a shrunken estimate knows
    how the data vary but not how far shrinkage may have pulled it; the posterior knows the second and not the first.
    Together they came closest to the nominal coverage (docs/methods.md).
    """
    return bootstrap_refits(recipe, rows, None, seed=seed, jobs=jobs, store=store, progress=progress)[0]


def bootstrap_refits(
    recipe: Recipe,
    rows: TrainingSet,
    model: PortableModel | None,
    *,
    seed: int,
    jobs: int = 1,
    store: Store | None = None,
    progress: Steps | None = None,
) -> tuple[tuple[tuple[Member, ...], ...], NDArray[np.float64]]:
    """The same members, and the risk of each row by the mean of each refit: how unstable predictions are.

    Parameters
    ----------
    model : PortableModel, optional
        The model whose refits these are: incomplete rows are scored over its background. Without it no risk is.

    Returns
    -------
    members : tuple of tuple of Member
    risk : float array of shape (n_refits, n_rows), or (n_refits, 0) without a model
        At the recipe's horizon for survival.
    """
    tasks = {f"refit-{index}": (recipe, rows, index, seed, model) for index in range(recipe.bootstrap)}
    refits = run_tasks(_refit, tasks, jobs=jobs, store=store, progress=progress)
    width = len(recipe.features)
    members = tuple(tuple(member_from_dict(m, width, recipe.kind) for m in refit["members"]) for refit in refits)
    return members, np.array([refit["risk"] for refit in refits], dtype=float)


def _refit(
    recipe: Recipe, rows: TrainingSet, index: int, seed: int, model: PortableModel | None = None
) -> dict[str, list[Any]]:
    """The members of one refit in their JSON form, and the risk of each row by its mean where there is a model."""
    sample = rows.take(bootstrap_rows(rows.patient, rows.event, index=index, seed=seed))
    pipeline = fit_pipeline(recipe, sample, seed=index, light=True)
    # A stream of its own: the patients drawn stay the same whatever is drawn from the posterior.
    stream = np.random.default_rng(np.random.SeedSequence([seed, index, 1]))
    # Enough for the coefficients and the baselines of two causes; a learner takes what it needs from the front.
    normal = stream.standard_normal(2 * (len(recipe.features) + 1 + len(rows.grid)))
    members = pipeline[-1].draw(pipeline[:-1].transform(sample.frame).mean(axis=0), normal)
    mean = None if model is None else model.with_(members=pipeline[-1].members())
    return {
        "members": [rounded(member, BOOTSTRAP_DIGITS, LEAF_DIGITS).to_dict() for member in members],
        "risk": [] if mean is None else _risk(recipe, rows, mean).tolist(),
    }


def _risk(recipe: Recipe, rows: TrainingSet, model: PortableModel) -> NDArray[np.float64]:
    """The risk of each row, by the horizon for survival."""
    columns = {name: rows.frame[name].to_numpy() for name in model.inputs}
    scores = score_table(model, columns, len(rows.event), (recipe.horizon_months,))[:, 0]
    return np.asarray(1 - scores if recipe.kind == "survival" else scores)
