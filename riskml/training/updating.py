"""Bundle + new Cohort -> child Bundle: as much of an update as the new cohort's events can carry, and no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import with_inputs
from riskml.cohort.outcomes import Target
from riskml.errors import NotEstimableError
from riskml.runtime.bundle import Bundle, golden_entry, seal
from riskml.runtime.card import card
from riskml.runtime.card_words import interval_text
from riskml.runtime.model import PortableModel
from riskml.training.aggregates import importance_of, training_explanation
from riskml.training.external import checked_target, predictions
from riskml.training.importance import Rows
from riskml.training.manifest import left_out
from riskml.training.measures import Sample, comparator, verdict, with_intervals
from riskml.training.metrics.intervals import Interval
from riskml.training.train import train
from riskml.training.transfer.after import Judged, Updating, change, judge
from riskml.training.transfer.ladder import EVENTS_FOR, Choice, Gate, gates_of, why, words
from riskml.training.transfer.problem import Cases, pose
from riskml.training.transfer.refit import Refit
from riskml.training.transfer.revision import updated, updated_draws
from riskml.training.tripod_items import completion

# Fields of a parent's manifest that a child makes anew.
_OWN = {"format", "digest", "files"}


def update(bundle: Bundle, cohort: Cohort, *, seed: int = 0, force_horizon: bool = False, jobs: int = 1) -> Bundle:
    """A child of ``bundle``, updated to ``cohort`` as far as its events can carry.

    Rungs: none, intercept (or level of the baseline hazard), intercept and slope, shrunken revision of the
    coefficients, refit. Each asks for so many events; the largest that is open is tested against the smaller ones, and
    the smallest that is not significantly worse is taken (:mod:`riskml.training.transfer.ladder`). What the new
    cohort's patients would have got from such an update, made without them, is in the child's manifest beside what the
    parent gave them.

    Parameters
    ----------
    bundle : Bundle
    cohort : Cohort
    seed : int
        Seed of folds, bootstraps and draws.
    force_horizon : bool
        Whether to judge survival past the 10th percentile of potential follow-up.
    jobs : int
        Worker processes of a refit; results do not depend on it.

    Returns
    -------
    Bundle
        Its last step of ``manifest["lineage"]`` says what was done, why, and what came of it.

    Raises
    ------
    DataError
        As :func:`riskml.training.external.validate`.
    NotEstimableError
        As there; also with fewer than ten events (of a binary outcome: or fewer than ten patients without).

    References
    ----------
    Vergouwe Y et al. A closed testing procedure to select an appropriate method for updating prediction models.
    Stat Med 2017;36:4529-4539.
    """
    cohort = with_inputs(cohort, bundle.model.inputs, bundle.dictionary)
    target = checked_target(bundle, cohort)
    sample = predictions(bundle, cohort, target, force_horizon=force_horizon)
    gates, refit = gates_of(bundle, cohort, target, force_horizon=force_horizon)
    if not gates[0].open:
        raise NotEstimableError(
            f"updating {bundle.manifest['name']} needs at least {EVENTS_FOR['intercept'][0]} patients with the event "
            f"(of a binary outcome: and as many without), the cohort has {gates[0].events}"
        )
    before = with_intervals(sample, seed=seed)
    cases = Cases.of(bundle.model, cohort, target, sample.horizon)
    open_rungs = {gate.rung for gate in gates if gate.open}
    updating = Updating(bundle.model, cases, pose(bundle.model, cases), open_rungs, refit)
    choice = updating.choice()
    judged = Judged(before, {}, {}, None) if choice.rung == "none" else judge(updating, sample, seed=seed)
    manifest, model, explained = _made(bundle, cohort, updating, choice, refit, seed=seed, jobs=jobs)
    golden = [golden_entry(manifest, model, bundle.dictionary, entry["patient"]) for entry in bundle.golden]
    step = {
        **_step(bundle, cohort, target, gates, choice),
        "before": _before(before, sample, target),
        "after": judged.as_dict(),
        "golden": _side_by_side(bundle, golden),
        "change": change(sample.risk, _risk(model, cases, sample)),
    }
    usable, said = verdict(judged.metrics, target.n_events)
    manifest = {
        **{key: value for key, value in manifest.items() if key not in _OWN},
        "version": f"{bundle.manifest['version']}.{len(bundle.manifest.get('lineage', [])) + 1}",
        "synthetic": bool(bundle.manifest["synthetic"] or cohort.synthetic),
        "usable_signal": usable,
        "verdict": f"{said}; {_words(step)}",
        "lineage": [*bundle.manifest.get("lineage", []), step],
    }
    manifest["tripod_ai"] = completion(manifest)
    return seal(manifest, model, golden, card(manifest), explained)


def _made(
    bundle: Bundle, cohort: Cohort, updating: Updating, choice: Choice, refit: Refit | None, *, seed: int, jobs: int
) -> tuple[Mapping[str, Any], PortableModel, Mapping[str, Any] | None]:
    """The child's model, the manifest it starts from, and what its inputs do."""
    if choice.rung == "none":
        return bundle.manifest, bundle.model, bundle.explanation
    if choice.update is None:
        assert refit is not None, "a refit is chosen only where there is one"
        judged: Literal[False] | None = None if bundle.manifest["evaluation"] else False
        fresh = train(refit.recipe, cohort, evaluation=judged, seed=seed, jobs=jobs)
        return fresh.manifest, fresh.model, fresh.explanation
    draws = updated_draws(bundle.model, updating.cases, choice.update, seed=seed)
    model, target = updated(bundle.model, choice.update).with_(bootstrap=draws), updating.cases.target
    rows = Rows(updating.cases.columns, target.patient, target.event)
    explained = training_explanation(bundle.manifest, model, rows, bundle.dictionary, seed=seed)
    # The parent's own evaluation was of another model: it stays in the parent's manifest.
    return {**bundle.manifest, "evaluation": None, "importance": importance_of(explained)}, model, explained


def _step(bundle: Bundle, cohort: Cohort, target: Target, gates: Sequence[Gate], choice: Choice) -> dict[str, Any]:
    names = tuple(feature.name for feature in bundle.model.features)
    return {
        "parent": bundle.digest,
        "cohort_sha256": cohort.sha256,
        "n_patients": target.n_patients,
        "n_events": target.n_events,
        "rung": choice.rung,
        "why": why(choice, gates),
        "gates": [gate.as_dict() for gate in gates],
        "tested_against": choice.largest,
        "p_values": {rung: float(f"{p:.4g}") for rung, p in choice.p_values.items()},
        "estimates": [] if choice.update is None else choice.update.estimates(names),
    }


def _before(metrics: Mapping[str, Interval], sample: Sample, target: Target) -> dict[str, Any]:
    """The parent on the new cohort; :func:`riskml.training.external.validate` says more."""
    return {
        "horizon_months": None if sample.time is None else sample.horizon,
        "n_rows": len(target.rows),
        "left_out": left_out(target.flow),
        "metrics": {name: interval.as_dict() for name, interval in metrics.items()},
        "comparator": comparator(sample),
        "verdict": verdict(metrics, target.n_events)[1],
    }


def _side_by_side(bundle: Bundle, golden: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The invented patients as parent and child see them, at the months the child reports."""
    shown = ("value", "low", "high")
    found = []
    for entry in golden:
        parent = golden_entry(bundle.manifest, bundle.model, bundle.dictionary, entry["patient"])
        both = {name: {k: e[k] for k in shown if k in e} for name, e in (("parent", parent), ("child", entry))}
        found.append({"patient": dict(entry["patient"]), "times": list(entry["times"]), **both})
    return found


def _risk(model: PortableModel, cases: Cases, sample: Sample) -> Any:
    scores = cases.scores(model, (sample.horizon,) if sample.time is not None else ())[:, 0]
    return 1 - scores if model.kind == "survival" else scores


def _words(step: Mapping[str, Any]) -> str:
    size = f"{step['n_patients']} new patients with {step['n_events']} events"
    if step["rung"] == "none":
        return f"so the parent as it is in {size}: no update was needed"
    folds = step["after"]["plan"]
    how = f"{folds['repeats']} x {folds['folds']}-fold cross-validation of the update"
    difference = step["after"]["differences"].get("brier")
    gain = "not estimable" if difference is None else interval_text(difference)
    done = f"updated ({words(step['rung'])}) to {size} and judged on these by {how}"
    return f"{done}; Brier score after less before: {gain}"
