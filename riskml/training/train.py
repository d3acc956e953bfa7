"""Recipe + Cohort -> Bundle: fit, bootstrap the whole pipeline, seal with evaluation and golden patients."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from joblib import Parallel, delayed

from riskml.cohort.cohort import Cohort
from riskml.errors import RiskmlError
from riskml.runtime.bundle import Bundle, golden_entry, seal
from riskml.runtime.card import card
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.model import Baseline, Linear, Member, PortableModel
from riskml.runtime.score import feature_column, score_table
from riskml.runtime.small_cells import counts_of_a_whole
from riskml.training.evaluate import Evaluation, evaluate
from riskml.training.fit import TrainingSet, fit_pipeline, member_of, portable, training_set
from riskml.training.learners.table import LEARNERS
from riskml.training.recipe import Recipe
from riskml.training.resample import bootstrap_rows

# Digits kept: more than any use needs, few enough that the same run gives the same bytes on another machine.
DIGITS = 12
BOOTSTRAP_DIGITS = 7
_LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn")


def train(
    recipe: Recipe,
    cohort: Cohort,
    *,
    evaluation: Evaluation | Literal[False] | None = None,
    seed: int = 0,
    jobs: int = 1,
    progress: Callable[[str], None] | None = None,
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

    Returns
    -------
    Bundle
        Ready to predict; holds no patient row.

    Raises
    ------
    DataError, NotEstimableError
        As :func:`riskml.training.fit.training_set`.
    """
    say = progress or (lambda _: None)
    rows = training_set(recipe, cohort)
    judged = evaluate(recipe, cohort, seed=seed, jobs=jobs, progress=progress) if evaluation is None else evaluation
    say(f"{recipe.name}: {rows.definition}")
    say(f"{recipe.name}: fitting all {rows.n_patients} patients and {recipe.bootstrap} bootstrap samples of them")
    member = rounded(member_of(recipe, fit_pipeline(recipe, rows)), DIGITS)
    model = portable(recipe, rows, member, bootstrap_members(recipe, rows, seed=seed, jobs=jobs))
    dictionary = load_dictionary()
    manifest = _manifest(recipe, cohort, rows, model, judged or None, seed, dictionary.raw)
    golden = [golden_entry(manifest, model, dictionary, patient) for patient in recipe.golden]
    return seal(manifest, model, golden, card(manifest))


def bootstrap_members(recipe: Recipe, rows: TrainingSet, *, seed: int, jobs: int = 1) -> tuple[Member, ...]:
    """Members that give the interval of a prediction: the whole pipeline refitted to resampled patients.

    Each refit contributes one draw from its posterior instead of its mean. The bootstrap of a shrunken estimate knows
    how the data vary but not how far shrinkage may have pulled it; the posterior knows the second and not the first.
    Together they came closest to the nominal coverage (docs/methods.md).
    """
    fits = Parallel(n_jobs=jobs)(delayed(_refit)(recipe, rows, index, seed) for index in range(recipe.bootstrap))
    return tuple(rounded(member, BOOTSTRAP_DIGITS) for member in fits)


def _refit(recipe: Recipe, rows: TrainingSet, index: int, seed: int) -> Member:
    sample = rows.take(bootstrap_rows(rows.patient, rows.event, index=index, seed=seed))
    pipeline = fit_pipeline(recipe, sample)
    # A stream of its own: the patients drawn stay the same whatever is drawn from the posterior.
    normal = np.random.default_rng(np.random.SeedSequence([seed, index, 1])).standard_normal(len(recipe.features) + 1)
    mean_row = pipeline[:-1].transform(sample.frame).mean(axis=0)
    return LEARNERS[recipe.learner["kind"]].draw(pipeline[-1], mean_row, normal)


def rounded(member: Member, digits: int) -> Member:
    """The member with every number cut to ``digits`` significant digits."""

    def cut(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(float(f"{x:.{digits}g}") for x in values)

    linear = Linear(cut((member.linear.intercept,))[0], cut(member.linear.coefficients))
    baseline = member.baseline and Baseline(member.baseline.times, cut(member.baseline.cumulative_hazard))
    return Member(member.weight, linear, baseline)


def _manifest(
    recipe: Recipe,
    cohort: Cohort,
    rows: TrainingSet,
    model: PortableModel,
    evaluation: Evaluation | None,
    seed: int,
    dictionary: Mapping[str, Any],
) -> dict[str, Any]:
    # Follow-up reaches the month that is judged, if no month that is reported.
    horizons = [h for h in recipe.horizons_months if h <= model.horizon] or [recipe.horizon_months]
    return {
        "name": recipe.name,
        "version": recipe.version,
        "label": recipe.label,
        "kind": recipe.kind,
        "outcome": {"name": recipe.outcome, **dictionary["outcome"][recipe.outcome], "settings": rows.definition},
        "landmark": recipe.landmark,
        "horizons_months": horizons if rows.grid else [],
        "synthetic": cohort.synthetic,
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
            "missing_share": {name: round(float(rows.frame[name].isna().mean()), 3) for name in recipe.inputs},
            "learner": dict(recipe.learner),
            "bootstrap": recipe.bootstrap,
            "seed": seed,
        },
        "background": background_fidelity(rows, model),
        "importance": importance(rows, model),
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
    """Mean absolute Shapley value of each input over the training rows, on the log-odds or log-hazard scale.

    A missing input has effect zero and counts as such, so an input that is rarely known is rarely important.
    """
    means: dict[str, float] = {}
    for name in model.inputs:
        effects = np.zeros(len(rows.event))
        for member in model.members:
            where = model.inputs.index(name)
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
        means[name] = float(f"{np.abs(effects).mean():.6g}")
    return [
        {"input": name, "mean_absolute_effect": mean} for name, mean in sorted(means.items(), key=lambda item: -item[1])
    ]


def _versions() -> dict[str, str]:
    installed = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    try:
        own = importlib.metadata.version("riskml")
    except importlib.metadata.PackageNotFoundError:
        raise RiskmlError(
            "riskml is not installed: run 'make' or 'pip install -e .', so that bundles can name their version"
        ) from None
    return {"riskml": own, "python": ".".join(platform.python_version_tuple()[:2]), **installed}
