"""Recipe + Cohort -> Bundle: fit, bootstrap the whole pipeline, seal with evaluation and golden patients."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from riskml.cohort.cohort import Cohort
from riskml.errors import RiskmlError, UsageError
from riskml.runtime.bundle import Bundle, golden_entry, seal
from riskml.runtime.card import card
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.explain import explain_value
from riskml.runtime.members import Member, member_from_dict
from riskml.runtime.model import PortableModel
from riskml.runtime.score import feature_column, score_table
from riskml.runtime.small_cells import counts_of_a_whole, without_small_counts
from riskml.training.evaluate import Evaluation, evaluate
from riskml.training.fit import TrainingSet, fit_pipeline, portable, training_set
from riskml.training.learners.outside import is_outside
from riskml.training.planning import planning_summary
from riskml.training.precision import rounded
from riskml.training.recipe import Recipe
from riskml.training.resample import bootstrap_rows
from riskml.training.tasks import Steps, Store, run_tasks, steps

# Digits kept: more than any use needs, few enough that the same run gives the same bytes on another machine.
DIGITS = 12
BOOTSTRAP_DIGITS = 7
# Leaves of the refits: a refit differs from the next in the second digit.
LEAF_DIGITS = 4
_LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn")


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
        judged = evaluate(recipe, cohort, seed=seed, jobs=jobs, progress=progress, store=store)
    say(f"{recipe.name}: {rows.definition}")
    say(f"{recipe.name}: fitting all {rows.n_patients} patients and {recipe.bootstrap} bootstrap samples of them")
    ensemble = fit_pipeline(recipe, rows)[-1]
    members = tuple(rounded(member, DIGITS) for member in ensemble.members())
    counted = steps(progress, f"{recipe.name}: bootstrap")
    refits = bootstrap_members(recipe, rows, seed=seed, jobs=jobs, store=store, progress=counted)
    model = portable(recipe, rows, members, refits)
    dictionary = load_dictionary()
    shares = ensemble.shares([part.kind for part in rows.parts])
    manifest = manifest_of(recipe, cohort, rows, model, shares, judged or None, seed, dictionary.raw)
    golden = [golden_entry(manifest, model, dictionary, patient) for patient in recipe.golden]
    return seal(manifest, model, golden, card(manifest))


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
    tasks = {f"refit-{index}": (recipe, rows, index, seed) for index in range(recipe.bootstrap)}
    refits = run_tasks(_refit, tasks, jobs=jobs, store=store, progress=progress)
    width = len(recipe.features)
    return tuple(tuple(member_from_dict(member, width, recipe.kind) for member in refit) for refit in refits)


def _refit(recipe: Recipe, rows: TrainingSet, index: int, seed: int) -> list[dict[str, Any]]:
    """The members of one refit in their JSON form."""
    sample = rows.take(bootstrap_rows(rows.patient, rows.event, index=index, seed=seed))
    pipeline = fit_pipeline(recipe, sample, seed=index, light=True)
    # A stream of its own: the patients drawn stay the same whatever is drawn from the posterior.
    stream = np.random.default_rng(np.random.SeedSequence([seed, index, 1]))
    # Enough for the coefficients and the baselines of two causes; a learner takes what it needs from the front.
    normal = stream.standard_normal(2 * (len(recipe.features) + 1 + len(rows.grid)))
    members = pipeline[-1].draw(pipeline[:-1].transform(sample.frame).mean(axis=0), normal)
    return [rounded(member, BOOTSTRAP_DIGITS, LEAF_DIGITS).to_dict() for member in members]


def manifest_of(
    recipe: Recipe,
    cohort: Cohort,
    rows: TrainingSet,
    model: PortableModel | None,
    shares: Sequence[Mapping[str, Any]],
    evaluation: Evaluation | None,
    seed: int,
    dictionary: Mapping[str, Any],
) -> dict[str, Any]:
    """What a bundle says of itself; ``model`` is None for an estimator that has no portable form."""
    # Follow-up reaches the month that is judged, if no month that is reported.
    horizons = [h for h in recipe.horizons_months if rows.grid and h <= rows.grid[-1]] or [recipe.horizon_months]
    return {
        "name": recipe.name,
        "version": recipe.version,
        "label": recipe.label,
        "kind": recipe.kind,
        "outcome": {**recipe.outcome_table, "name": recipe.outcome, "settings": rows.definition},
        "landmark": recipe.landmark,
        "horizons_months": horizons if rows.grid else [],
        "synthetic": cohort.synthetic,
        **({"published": cohort.published} if cohort.published else {}),
        "intended_use": recipe.intended_use,
        "not_for": list(recipe.not_for),
        "applies_to": dict(recipe.applies_to),
        "usable_signal": bool(evaluation and evaluation.usable_signal),
        "verdict": evaluation.verdict
        if evaluation
        else "performance was not evaluated (trained with evaluation left out)",
        "predictors": [
            {"name": f.name, "op": f.op, "inputs": list(f.inputs), "why": recipe.why[f.name]} for f in recipe.features
        ],
        "training": {
            "cohort_sha256": cohort.sha256,
            "n_rows": len(rows.event),
            "n_patients": rows.n_patients,
            "n_events": rows.n_events,
            "n_file_rows": cohort.n_courses,
            "left_out": left_out(rows.flow),
            "notes": [without_small_counts(note) for note in rows.notes],
            "missing_share": {name: round(float(rows.frame[name].isna().mean()), 3) for name in recipe.inputs},
            "learner": dict(recipe.learner),
            "members": list(shares),
            "members_left_out": list(rows.parts_left_out),
            "bootstrap": recipe.bootstrap,
            "seed": seed,
        },
        "planning": planning_summary(recipe, rows, evaluation),
        "background": background_fidelity(rows, model) if model else None,
        "importance": importance(rows, model) if model else [],
        "evaluation": evaluation.as_dict() if evaluation else None,
        "versions": _versions(),
        "dictionary": dict(dictionary),
    }


def left_out(flow: Sequence[tuple[str, int]]) -> list[dict[str, str]]:
    """Exclusions by reason, as text: a bundle is shared, so counts of 1 to 4 are not in it."""
    shown = iter(counts_of_a_whole([count for _, count in flow if count]))
    return [{"reason": reason, "count": next(shown) if count else "0"} for reason, count in flow]


def background_fidelity(rows: TrainingSet, model: PortableModel) -> dict[str, Any]:
    """How well the prototypes stand in for the patients: the base of every explanation against the patients' mean.

    ``base`` is the mean prediction over the prototypes, ``mean_prediction`` over the training rows.
    """
    horizon = (rows.grid[-1],) if rows.grid else ()
    columns = {name: rows.frame[name].to_numpy() for name in model.inputs}
    mean = float(score_table(model, columns, len(rows.event), horizon)[:, 0].mean())
    base = float(score_table(model, {}, 1, horizon)[0, 0])
    smallest = round(min(model.weights) * len(rows.event))
    return {
        "method": "microaggregates (MDAV) of five or more patients",
        "prototypes": len(model.weights),
        "smallest_group": smallest,
        "base": float(f"{base:.6g}"),
        "mean_prediction": float(f"{mean:.6g}"),
    }


def importance(rows: TrainingSet, model: PortableModel) -> list[dict[str, Any]]:
    """Mean absolute Shapley value of each input.

    On the log-odds or log-hazard scale over the training rows where the model is linear (a missing input has effect
    zero and counts as such, so an input that is rarely known is rarely important); otherwise on the scale of the
    answer, at the last month, over the prototypes.
    """
    means = _linear_importance(rows, model) if model.is_linear else _answer_importance(rows, model)
    return [
        {"input": name, "mean_absolute_effect": float(f"{mean:.6g}")}
        for name, mean in sorted(means.items(), key=lambda item: -item[1])
    ]


def _linear_importance(rows: TrainingSet, model: PortableModel) -> dict[str, float]:
    means: dict[str, float] = {}
    for where, name in enumerate(model.inputs):
        effects = np.zeros(len(rows.event))
        for member in model.members:
            pairs = [
                (f, c) for f, c in zip(model.features, member.linear.coefficients, strict=True) if name in f.inputs
            ]
            own = sum(c * feature_column(f, rows.frame[name]) for f, c in pairs)
            base = sum(
                w * c * f.component(row[where])
                for w, row in zip(model.weights, model.background, strict=True)
                for f, c in pairs
            )
            effects += member.weight * np.nan_to_num(own - base)
        means[name] = float(np.abs(effects).mean())
    return means


def _answer_importance(rows: TrainingSet, model: PortableModel) -> dict[str, float]:
    means = dict.fromkeys(model.inputs, 0.0)
    for row, weight in zip(model.background, model.weights, strict=True):
        known = dict(zip(model.inputs, row, strict=True))
        for name, effect in explain_value(model, known, rows.grid[-1:]).effects[0].items():
            means[name] += weight * abs(effect)
    return means


def _versions() -> dict[str, str]:
    installed = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    try:
        own = importlib.metadata.version("riskml")
    except importlib.metadata.PackageNotFoundError:
        raise RiskmlError(
            "riskml is not installed: run 'make' or 'pip install -e .', so that bundles can name their version"
        ) from None
    return {"riskml": own, "python": ".".join(platform.python_version_tuple()[:2]), **installed}
