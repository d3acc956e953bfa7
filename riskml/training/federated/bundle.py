"""A finished federated study as a result to publish and as a bundle that predicts like any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from riskml.cohort.outcomes.words import definition
from riskml.runtime.bundle import Bundle, golden_entry, seal
from riskml.runtime.card import card
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.digest import digest_of
from riskml.runtime.members import Member
from riskml.runtime.model import PortableModel
from riskml.runtime.score import score_table
from riskml.runtime.small_cells import SMALLEST_CELL, counts_of_a_whole
from riskml.training.federated.coordinator import Finished
from riskml.training.federated.group import joined, kept_features
from riskml.training.federated.plan import canonical
from riskml.training.federated.rows import components
from riskml.training.learners.smooth_baseline import smooth_rates
from riskml.training.manifest import versions
from riskml.training.planning import Study as Size
from riskml.training.planning import plan as size_plan
from riskml.training.precision import rounded
from riskml.training.train import BOOTSTRAP_DIGITS, DIGITS
from riskml.training.tripod_items import completion

RESULT = "riskml.federated-result/1"
VERDICT = "performance was not evaluated: let hospitals judge it with riskml federate plan --bundle"


def result_of(finished: Finished) -> dict[str, Any]:
    """The fit as plain data, schema ``riskml.federated-result/1``.

    ``coefficients`` hold per feature the log odds or log hazard ratio of one unit, its standard error and the mean of
    the feature; ``intercept`` is null for a Cox model. Counts of 1 to 4 are not in it.
    """
    study, counted, learner = finished.study, finished.counted, finished.fit.learner
    errors = np.sqrt(np.diag(learner.covariance_))[0 if study.survival else 1 :]
    numbers = zip(counted.features, finished.fit.coefficients, errors, counted.mean, strict=True)
    return {
        "schema": RESULT,
        "plan": study.digest,
        "model": study.recipe.name,
        "kind": study.recipe.kind,
        "centres": list(study.centres),
        "sums": study.plan["sums"],
        "synthetic": synthetic(finished),
        "n_rows": int(counted.sums["rows"][0]),
        "n_patients": int(counted.sums["patients"][0]),
        "n_events": int(counted.sums["events"][0]),
        "rounds": max(finished.answers) + 1,
        "numbers": finished.numbers,
        "tau": study.tau,
        "tau_mean": float(learner.tau_weights_ @ learner.tau_grid_),
        "intercept": None if study.survival else float(learner.intercept_[0]),
        "coefficients": [
            {"feature": name, "value": float(value), "error": float(error), "mean": float(mean)}
            for name, value, error, mean in numbers
        ],
        "covariance": learner.covariance_.tolist(),
        "log_likelihood": finished.fit.log_likelihood,
        "dropped": dict(counted.dropped),
        "blanked": _blanked(finished),
        "baseline_months": list(finished.edges),
    }


def synthetic(finished: Finished) -> bool:
    """Whether any hospital's rows are simulated; then everything made from them is."""
    return any(answer["synthetic"] for of_round in finished.answers.values() for answer in of_round.values())


def _blanked(finished: Finished) -> dict[str, list[str]]:
    """Inputs that counted as unknown in a hospital because one to four of its patients have them."""
    first = finished.answers[0]
    return {centre: answer["blanked"] for centre, answer in sorted(first.items()) if answer["blanked"]}


def bundle_of(finished: Finished, *, seed: int = 0) -> Bundle:
    """The shared model as a bundle, with draws from the normal approximation of its posterior for the interval.

    A Cox model has one baseline for all hospitals: events and time at risk x relative risk of all of them between
    months that leave five events or more in each interval.

    Parameters
    ----------
    finished : Finished
    seed : int
        Of the draws.
    """
    study, counted, learner = finished.study, finished.counted, finished.fit.learner
    recipe = study.recipe
    if study.survival:
        knots = np.array(finished.edges)
        events, exposure = (np.array(finished.hazards[name]) for name in ("events", "exposure"))
        learner.smooth_baseline_ = smooth_rates(events, exposure, np.concatenate([[0.0], knots]), knots)
        learner.baseline_times_ = learner.smooth_baseline_.times
    features, inputs = kept_features(study, counted.features)
    background, limits, usual = joined([answer["group"] for answer in _last(finished).values()], inputs)
    model = PortableModel(
        kind=recipe.kind,
        inputs=inputs,
        features=features,
        members=(rounded(learner.to_portable(), DIGITS),),
        weights=background.weights,
        background=background.rows,
        bootstrap=tuple((draw,) for draw in _draws(finished, seed)),
        level=recipe.level,
        limits=limits,
        usual=usual,
    )
    manifest = _manifest(finished, model, background.smallest_group, seed)
    manifest["tripod_ai"] = completion(manifest)
    dictionary = load_dictionary()
    golden = [golden_entry(manifest, model, dictionary, patient) for patient in recipe.golden]
    return seal(manifest, model, golden, card(manifest))


def _draws(finished: Finished, seed: int) -> list[Member]:
    counted, recipe = finished.counted, finished.study.recipe
    size = len(counted.features) + 1 + len(finished.edges)
    draws = []
    for index in range(recipe.bootstrap):
        normal = np.random.default_rng(np.random.SeedSequence([seed, index, 1])).standard_normal(size)
        draws.append(rounded(finished.fit.learner.draw(counted.mean, normal), BOOTSTRAP_DIGITS))
    return draws


def _last(finished: Finished) -> dict[str, Mapping[str, Any]]:
    return dict(sorted(finished.answers[max(finished.answers)].items()))


def _manifest(finished: Finished, model: PortableModel, smallest_group: int, seed: int) -> dict[str, Any]:
    recipe, counted = finished.study.recipe, finished.counted
    months = [h for h in recipe.horizons_months if finished.edges and h <= finished.edges[-1]]
    timed = finished.study.survival
    base = float(score_table(model, {}, 1, (model.horizon,) if timed else ())[0, 0])
    return {
        **{key: getattr(recipe, key) for key in ("name", "version", "label", "date", "review_by", "owner", "contact")},
        "kind": recipe.kind,
        "outcome": {
            **recipe.outcome_table,
            "name": recipe.outcome,
            "settings": definition(recipe.outcome_table, tuple(load_dictionary().variables)),
        },
        "landmark": recipe.landmark,
        "horizons_months": (months or [recipe.horizon_months]) if timed else [],
        "horizon_months": recipe.horizon_months if timed else None,
        "thresholds": list(recipe.thresholds),
        "synthetic": synthetic(finished),
        "intended_use": recipe.intended_use,
        "not_for": list(recipe.not_for),
        "applies_to": dict(recipe.applies_to),
        "usable_signal": False,
        "verdict": VERDICT,
        "predictors": [
            {"name": f.name, "op": f.op, "inputs": list(f.inputs), "why": recipe.why[f.name]} for f in model.features
        ],
        "training": _training(finished, model, seed),
        "federated": {key: value for key, value in result_of(finished).items() if key not in _ELSEWHERE},
        "planning": _planning(finished),
        "background": {
            "method": "microaggregates (MDAV) of five or more patients, within hospitals",
            "prototypes": len(model.weights),
            "smallest_group": smallest_group,
            "base": float(f"{base:.6g}"),
            # A logistic regression meets the event rate; of a Cox model the mean would take the rows.
            "mean_prediction": None if timed else float(f"{counted.sums['events'][0] / counted.sums['rows'][0]:.6g}"),
        },
        "importance": [],
        "evaluation": None,
        "stability": None,
        "versions": versions(),
        "dictionary": dict(load_dictionary().raw),
    }


_LEFT_OUT = "whom the outcome's definition excludes, by the hospitals themselves; their number is"
_ELSEWHERE = {"schema", "model", "kind", "n_rows", "n_patients", "n_events", "covariance", "synthetic"}


def _training(finished: Finished, model: PortableModel, seed: int) -> dict[str, Any]:
    study, sums, answers = finished.study, finished.counted.sums, _last(finished)
    rows = int(sums["rows"][0])
    shown = counts_of_a_whole([answer["group"]["rows"] or 1 for answer in answers.values()])
    return {
        "cohort_sha256": digest_of(canonical([answer["data"] for answer in answers.values()])),
        "n_rows": rows,
        "n_patients": int(sums["patients"][0]),
        "n_events": int(sums["events"][0]),
        "n_file_rows": rows,
        "left_out": [{"reason": _LEFT_OUT, "count": "not told"}],
        "notes": ["each hospital applied the outcome's definition to its own rows and kept to itself who was left out"],
        "missing_share": _missing(finished, model),
        "optional": sorted(study.recipe.optional & set(model.inputs)),
        "without_studies": list(study.recipe.without_studies),
        "learner": dict(study.recipe.learner) | ({} if study.tau is None else {"tau": study.tau}),
        "members": [{"kind": study.recipe.learner["kind"], "weight": 1.0, "line": None}],
        # The card says these after the learner.
        "members_left_out": [
            f"fitted to sums of {len(answers)} hospitals that share no rows",
            *(f"{name} was left out: {why}" for name, why in finished.counted.dropped.items()),
        ],
        "centres": [
            {"centre": name, "rows": n, "data": answer["data"]}
            for (name, answer), n in zip(answers.items(), shown, strict=True)
        ],
        "bootstrap": len(model.bootstrap),
        "seed": seed,
    }


def _missing(finished: Finished, model: PortableModel) -> dict[str, float]:
    """Share of rows without each input; one that stands for one to four of them is blurred."""
    study, sums = finished.study, finished.counted.sums
    known = dict(zip((c.input for c in components(study.recipe.features)), sums["known"], strict=True))
    rows, shares = sums["rows"][0], {}
    for name in model.inputs:
        gone = rows - known[name]
        shares[name] = round((gone if gone == 0 or gone >= SMALLEST_CELL else SMALLEST_CELL / 2) / rows, 3)
    return shares


def _planning(finished: Finished) -> dict[str, Any]:
    study, sums = finished.study, finished.counted.sums
    counts = (int(sums["patients"][0]), int(sums["patients_with_event"][0]), len(finished.counted.features))
    if study.survival:
        follow_up = (sums["months"][0] / counts[0], study.recipe.horizon_months)
        return size_plan(Size("survival", *counts, *follow_up)) | {"shrunk": True}
    return size_plan(Size("binary", *counts)) | {"shrunk": True}
