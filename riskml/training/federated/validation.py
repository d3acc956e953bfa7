"""A finished model judged in several hospitals: each sends its own estimates and one table, the coordinator pools them.

What a hospital sends is what it would print in a paper: measures with their standard errors, and how many patients had
the event in groups of predicted risk, where no group holds one to four with, or without, it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import with_inputs
from riskml.errors import DataError, Fault, NotEstimableError, UsageError
from riskml.runtime.bundle import Bundle
from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.external import checked_target, predictions
from riskml.training.federated.centre import LEAST_PATIENTS
from riskml.training.federated.messages import from_one_file, intact, with_digest
from riskml.training.federated.plan import are_names, here, is_finite, sealed
from riskml.training.judge.centres import SCALES, Estimate, brought_back, measured, pooled_over
from riskml.training.judge.floor import not_judged
from riskml.training.judge.shown import had_event, known_free
from riskml.training.measures import Sample
from riskml.training.metrics.intervals import Interval
from riskml.training.metrics.survival import kaplan_meier

PLAN, ANSWER, RESULT = (f"riskml.federated-validation{part}/1" for part in ("-plan", "-answer", ""))
# Where groups of predicted risk may begin: finer below, where most predictions are.
CUTS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7)
_MODEL_KEYS = ("name", "digest")
_PLAN_KEYS = frozenset({"schema", "riskml", "dictionary", "task", "model", "centres", "cuts", "seed", "digest"})
# No measure, and no number of patients, comes near it.
_LARGEST = 1e6
_ANSWER_KEYS = frozenset(
    {"schema", "plan", "centre", "data", "synthetic", "n_patients", "n_events", "observed", "expected", "estimates"}
    | {"table", "digest"}
)
_ROW_KEYS = frozenset({"low", "high", "with_event", "without_event", "expected"})
_ESTIMATE_KEYS = frozenset({"value", "low", "high", "scaled", "error"})
BoolArray = NDArray[np.bool_]


def validation_plan(bundle: Bundle, centres: Sequence[str], *, seed: int = 0) -> dict[str, Any]:
    """The plan of a federated validation, schema ``riskml.federated-validation-plan/1``.

    Raises
    ------
    UsageError
        With fewer than two different hospitals.
    """
    names = sorted(centres)
    if len(names) < 2 or not are_names(names):
        raise UsageError("name two different hospitals or more, each once")
    model = {key: bundle.manifest[key] for key in (*_MODEL_KEYS, "horizon_months")}
    return with_digest(
        {
            "schema": PLAN,
            **here(),
            "task": "validate",
            "model": model,
            "centres": names,
            "cuts": list(CUTS),
            "seed": seed,
        }
    )


def check_validation_plan(plan: Any) -> None:
    """Refuse what is no sound plan of this riskml with ``DataError``."""
    if not isinstance(plan, dict) or plan.get("schema") != PLAN or not intact(plan):
        raise _refused("the plan", [_fault(None, "must be an unchanged plan of a validation", "fetch it again")])
    model, centres, cuts = (plan.get(key) for key in ("model", "centres", "cuts"))
    named = are_names(centres) and _is_model(model)
    cut = (
        isinstance(cuts, list) and all(is_finite(risk) and 0 < risk < 1 for risk in cuts) and cuts == sorted(set(cuts))
    )
    if plan.keys() != _PLAN_KEYS or not named or not cut or type(plan["seed"]) is not int:
        raise _refused("the plan", [_fault(None, "must be one that this riskml can follow", "plan anew")])
    for what, own in here().items():
        if plan[what] != own:
            rule = f"{what} must be that of this riskml ({own[:19]})"
            raise _refused("the plan", [_fault(None, rule, "install the same riskml everywhere")])


def _is_model(model: Any) -> bool:
    if not isinstance(model, dict) or model.keys() != {*_MODEL_KEYS, "horizon_months"}:
        return False
    months = model["horizon_months"]
    return all(type(model[key]) is str for key in _MODEL_KEYS) and (months is None or is_finite(months))


def validation_answer(
    plan: Mapping[str, Any], bundle: Bundle, cohort: Cohort, centre: str, *, force_horizon: bool = False
) -> dict[str, Any]:
    """What a hospital says of the model in its own patients, schema ``riskml.federated-validation-answer/1``.

    Raises
    ------
    UsageError
        If the plan does not name the hospital.
    DataError
        If the plan is of another bundle, or the cohort cannot judge it.
    NotEstimableError
        If the hospital has fewer than twenty patients, or five with or without the event.
    """
    check_validation_plan(plan)
    if centre not in plan["centres"]:
        raise UsageError(f"the plan has no hospital {centre!r}: it names {', '.join(plan['centres'])}")
    if bundle.digest != plan["model"]["digest"]:
        rule = f"must be the plan's model, {plan['model']['name']} {plan['model']['digest'][:19]}"
        raise _refused("the bundle", [Fault(None, None, rule, bundle.digest[:19], "fetch the bundle of the study")])
    _check_new(bundle, cohort)
    cohort = with_inputs(cohort, bundle.model.inputs, bundle.dictionary)
    target = checked_target(bundle, cohort)
    sample = predictions(bundle, cohort, target, force_horizon=force_horizon)
    reason = not_judged(sample)
    if target.n_patients < LEAST_PATIENTS:
        reason = f"a hospital that is judged by itself has {LEAST_PATIENTS} patients or more, this one has fewer"
    if reason:
        raise NotEstimableError(f"{bundle.manifest['name']}: {reason}")
    estimates = {
        name: {**_ends(item.interval), "scaled": _number(item.value), "error": _number(item.error)}
        for name, item in measured(sample, plan["seed"]).items()
    }
    return with_digest(
        {
            "schema": ANSWER,
            "plan": plan["digest"],
            "centre": centre,
            "data": sealed([plan["digest"], cohort.sha256]),
            "synthetic": bool(cohort.synthetic or bundle.manifest["synthetic"]),
            "n_patients": target.n_patients,
            "n_events": target.n_events,
            "observed": _number(_observed(sample)),
            "expected": _number(float(sample.risk.sum())),
            "estimates": estimates,
            "table": table_of(sample, plan["cuts"]),
        }
    )


def _check_new(bundle: Bundle, cohort: Cohort) -> None:
    """Refuse a file that a federated training learned from; that of another training is known by its own digest."""
    training, plan = bundle.manifest["training"], bundle.manifest.get("federated", {}).get("plan")
    if any(row.get("data") == sealed([plan, cohort.sha256]) for row in training.get("centres", ())):
        rule = "must not be a file the model was trained on"
        raise _refused("the cohort", [Fault(None, None, rule, cohort.name, "give patients it has not seen")])


def _observed(sample: Sample) -> float:
    """Events, or patients times the Kaplan-Meier risk at the horizon."""
    if sample.time is None:
        return float(sample.event.sum())
    survival = float(kaplan_meier(sample.time, sample.event, sample.entry).at(sample.horizon))
    return len(sample.event) * (1 - survival)


def table_of(sample: Sample, cuts: Sequence[float]) -> list[dict[str, Any]]:
    """Rows known to have had the event, and known not to (by the horizon), in groups of predicted risk.

    Neighbours are joined from below until each group has five of both or more; what is left over at the top joins the
    last group. A hospital without two such groups has one, and with fewer than five of either kind none.
    """
    had, free = had_event(sample), known_free(sample)
    if min(had.sum(), free.sum()) < SMALLEST_CELL:
        return []
    group = np.searchsorted(cuts, sample.risk, side="right")
    edges, table = [0.0, *cuts, 1.0], list[dict[str, Any]]()
    start, pending = 0, np.zeros(len(sample.risk), dtype=np.bool_)
    for place in range(len(edges) - 1):
        pending |= group == place
        if (had & pending).sum() >= SMALLEST_CELL and (free & pending).sum() >= SMALLEST_CELL:
            table.append(_row(edges[start], edges[place + 1], (had & pending, free & pending), sample))
            start, pending = place + 1, np.zeros_like(pending)
    if pending.any() or not table:
        if table:
            last = table.pop()
            pending |= (sample.risk >= last["low"]) & (group < start)
            start = edges.index(last["low"])
        table.append(_row(edges[start], 1.0, (had & pending, free & pending), sample))
    table[-1]["high"] = 1.0
    return table


def _row(low: float, high: float, sides: tuple[BoolArray, BoolArray], sample: Sample) -> dict[str, Any]:
    had, free = sides
    expected = _number(float(sample.risk[had | free].sum()))
    counts = {"with_event": int(had.sum()), "without_event": int(free.sum())}
    return {"low": low, "high": high, **counts, "expected": expected}


def validation_result(plan: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """What the hospitals together say of the model, schema ``riskml.federated-validation/1``.

    Returns
    -------
    dict
        ``centres``, the estimates of each; ``summary``, each measure pooled over hospitals by random effects with its
        heterogeneity; ``observed_expected``, the events of all hospitals against those expected; ``auc_bounds``, for a
        binary outcome, between which the AUC of all patients together lies; ``table``, the hospitals' tables joined.

    Raises
    ------
    DataError
        With every fault of every answer at once, a hospital that has not answered among them.
    """
    check_validation_plan(plan)
    found = _checked(plan, answers)
    estimates = {
        name: {
            measure: Estimate(Interval(*_back(item)), *_floats(item, "scaled", "error"))
            for measure, item in answer["estimates"].items()
            if measure in SCALES
        }
        for name, answer in found.items()
    }
    pooled = pooled_over(estimates)
    table = _joined([answer["table"] for answer in found.values()])
    observed, expected = (math.fsum(answer[key] for answer in found.values()) for key in ("observed", "expected"))
    shown = ("centre", "n_patients", "n_events", "observed", "expected", "estimates", "table")
    return {
        "schema": RESULT,
        "plan": plan["digest"],
        "model": dict(plan["model"]),
        "synthetic": any(answer["synthetic"] for answer in found.values()),
        "n_patients": sum(answer["n_patients"] for answer in found.values()),
        "n_events": sum(answer["n_events"] for answer in found.values()),
        "centres": [{key: answer[key] for key in shown} for answer in found.values()],
        "summary": {name: brought_back(item, SCALES[name]) for name, item in pooled.items()},
        "observed_expected": {
            "observed": _number(observed),
            "expected": _number(expected),
            "ratio": _number(observed / expected),
        },
        "auc_bounds": auc_bounds(table) if table and any("auc" in item for item in estimates.values()) else None,
        "table": table,
    }


def auc_bounds(table: Sequence[Mapping[str, Any]]) -> list[float]:
    """The lowest and highest AUC that groups of risk allow: pairs of different groups are ranked, pairs of one are not.

    Examples
    --------
    >>> auc_bounds([{"with_event": 5, "without_event": 15}, {"with_event": 15, "without_event": 5}])
    [0.5625, 0.9375]
    """
    had, free = (np.array([row[key] for row in table], dtype=float) for key in ("with_event", "without_event"))
    pairs = had.sum() * free.sum()
    ranked = float(had @ (np.cumsum(free) - free))
    return [_number(ranked / pairs), _number((ranked + float(had @ free)) / pairs)]


def _joined(tables: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """One table, of the groups whose ends all hospitals have; none where a hospital has none."""
    if not all(tables):
        return []
    shared = sorted(set.intersection(*({float(row["high"]) for row in table} for table in tables)))
    joined = []
    for low, high in zip([0.0, *shared[:-1]], shared, strict=True):
        rows = [row for table in tables for row in table if low <= row["low"] and row["high"] <= high]
        counts = {key: sum(row[key] for row in rows) for key in ("with_event", "without_event")}
        joined.append({"low": low, "high": high, **counts, "expected": _number(sum(row["expected"] for row in rows))})
    return joined


def _checked(plan: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Answers by hospital."""
    found, faults = dict[str, dict[str, Any]](), list[Fault]()
    for file, answer in answers.items():
        own = list(_faults_of(file, answer, plan))
        faults += own
        if not own and found.setdefault(answer["centre"], answer) != answer:
            faults.append(_fault(file, f"{answer['centre']} must answer once", "keep the answer that was given first"))
    for centre in sorted(set(plan["centres"]) - set(found)):
        faults.append(_fault(None, f"no answer of {centre}", "wait for it, or plan anew without it"))
    faults += from_one_file({centre: [answer["data"]] for centre, answer in found.items()}, "answer again from its own")
    if faults:
        raise _refused("the answers", faults)
    return dict(sorted(found.items()))


def _faults_of(file: str, answer: Any, plan: Mapping[str, Any]) -> Iterator[Fault]:
    if not isinstance(answer, dict) or answer.get("schema") != ANSWER or answer.keys() != _ANSWER_KEYS:
        yield _fault(file, f"must be an answer ({ANSWER})", "give the files that riskml federate answer wrote")
        return
    if not intact(answer):
        yield _fault(file, "must match its own digest", "it was changed on the way: ask the hospital for it again")
    if answer["plan"] != plan["digest"]:
        yield _fault(file, "must answer this study's plan", "it belongs to another study")
    if answer["centre"] not in plan["centres"]:
        yield _fault(file, f"must come from {', '.join(plan['centres'])}", "plan anew with all hospitals")
    if not _is_shaped(answer, plan):
        yield _fault(file, "must hold finite numbers of the kind that was asked for", "answer the plan again")


def _is_shaped(answer: Mapping[str, Any], plan: Mapping[str, Any]) -> bool:
    counts, table, estimates = (answer["n_patients"], answer["n_events"]), answer["table"], answer["estimates"]
    edges = {0.0, *map(float, plan["cuts"]), 1.0}
    return (
        all(type(count) is int and SMALLEST_CELL <= count < _LARGEST for count in counts)
        and all(is_finite(answer[key]) and 0 < answer[key] < _LARGEST for key in ("observed", "expected"))
        and isinstance(estimates, dict)
        and all(isinstance(item, dict) and item.keys() == _ESTIMATE_KEYS for item in estimates.values())
        and all(x is None or (is_finite(x) and abs(x) < _LARGEST) for item in estimates.values() for x in item.values())
        and isinstance(table, list)
        and all(isinstance(row, dict) and row.keys() == _ROW_KEYS for row in table)
        and all(is_finite(value) and 0 <= value < _LARGEST for row in table for value in row.values())
        and all(row["low"] in edges and row["high"] in edges and row["low"] < row["high"] for row in table)
        and [0.0, *(row["high"] for row in table)] == [*(row["low"] for row in table), 1.0 if table else 0.0]
        and type(answer["synthetic"]) is bool
        and type(answer["data"]) is str
    )


def _ends(interval: Interval) -> dict[str, float | None]:
    return {key: _number(getattr(interval, key)) for key in ("value", "low", "high")}


def _back(item: Mapping[str, Any]) -> tuple[float, float, float, float, str]:
    value, low, high = _floats(item, "value", "low", "high")
    return value, low, high, 0.95, "as the hospital estimated it"


def _floats(item: Mapping[str, Any], *keys: str) -> list[float]:
    return [math.nan if item[key] is None else float(item[key]) for key in keys]


def _number(value: float) -> Any:
    """Six digits: more than any use needs. None for what is not finite."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _fault(file: str | None, rule: str, remedy: str) -> Fault:
    return Fault(None, None, rule if file is None else f"{file}: {rule}", None, remedy)


def _refused(what: str, faults: list[Fault]) -> DataError:
    return DataError(f"{what} of the federated validation: refused", faults)
