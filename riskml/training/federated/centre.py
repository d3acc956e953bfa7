"""What a hospital answers: the sums that were asked for, once they are such that they may leave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from riskml.cohort.cohort import Cohort
from riskml.errors import DataError, Fault, NotEstimableError, UsageError
from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.federated.group import group_of
from riskml.training.federated.masks import check_of, masked
from riskml.training.federated.messages import ANSWER, read_ask, with_digest
from riskml.training.federated.plan import Study, sealed
from riskml.training.federated.rows import components, design, rows_of
from riskml.training.federated.statistics import (
    COUNTS,
    FINISH,
    NEWTON,
    Sums,
    counts,
    hazards,
    is_small,
    known_patients,
    newton,
)
from riskml.training.fit import TrainingSet

# A hospital whose own sums can be read must be this large.
LEAST_PATIENTS = 20
LEAST_EVENTS = SMALLEST_CELL
# A point that moves somebody's log odds or log hazard further than this from the mean patient's is no step of a fit:
# sums there would be about single patients.
FARTHEST = 15.0


def answer(ask: Mapping[str, Any], cohort: Cohort, centre: str, secret: bytes | None = None) -> dict[str, Any]:
    """A hospital's answer to an ask: aggregates, and nothing of a row.

    Parameters
    ----------
    ask : mapping
        As the coordinator sent it.
    cohort : Cohort
        The hospital's own.
    centre : str
        Its name in the plan.
    secret : bytes, optional
        What the hospitals share, where sums are masked.

    Returns
    -------
    dict
        ``riskml.federated-answer/1``, ready for JSON.

    Raises
    ------
    UsageError
        If the plan has no hospital of this name, or needs a secret.
    DataError
        If the ask is not sound, or the cohort lacks a column.
    NotEstimableError
        If the hospital is too small for sums that can be read, or they would tell more than the plan allows.
    """
    study = read_ask(ask)
    if centre not in study.centres:
        raise UsageError(f"the plan has no hospital {centre!r}: it names {', '.join(study.centres)}")
    if study.masked and secret is None:
        raise UsageError("the sums of this study are masked: give --secret FILE, which all its hospitals share")
    rows = rows_of(study, cohort)
    if ask["step"] != COUNTS:
        _check_points(study, ask, rows)
    withheld: list[str] = []
    blanked: list[str] = []
    if study.masked:
        sums = _sums(study, ask, rows)
    else:
        sums, withheld, blanked = _readable(study, ask, rows)
    hidden: Mapping[str, Any] = sums
    if study.masked and secret is not None:
        hidden = masked(sums, secret, ask["digest"], study.centres.index(centre), len(study.centres))
    return with_digest(
        {
            "schema": ANSWER,
            "plan": study.digest,
            "ask": ask["digest"],
            "round": ask["round"],
            "step": ask["step"],
            "centre": centre,
            # Bound to the plan, so that it tells nobody whether the hospital took part in another study with this file;
            # not to the hospital, so that one file for two of them is seen.
            "data": sealed([study.digest, cohort.sha256]),
            "secret": check_of(secret, study.digest) if study.masked and secret is not None else "",
            "synthetic": cohort.synthetic,
            "withheld": withheld,
            "blanked": blanked,
            "sums": hidden,
            "group": group_of(study, ask, rows) if ask["step"] == FINISH else None,
        }
    )


def _check_points(study: Study, ask: Mapping[str, Any], rows: TrainingSet) -> None:
    X = design(study, ask["features"], ask["fill"], rows.frame)
    points = np.array(ask["points"], dtype=float)[:, -X.shape[1] :]
    if np.abs(X @ points.T).max(initial=0.0) > FARTHEST:
        rule = "must not ask for sums at coefficients that single out patients"
        raise DataError("the ask was refused", [Fault(None, None, rule, None, "talk to the coordinator")])


def _sums(study: Study, ask: Mapping[str, Any], rows: TrainingSet) -> Sums:
    if ask["step"] == COUNTS:
        return counts(study, rows)
    return newton(study, ask, rows) if ask["step"] == NEWTON else hazards(study, ask, rows)


def _readable(study: Study, ask: Mapping[str, Any], rows: TrainingSet) -> tuple[Sums, list[str], list[str]]:
    """Sums that the coordinator can read: nothing in them is a count of one to four patients."""
    _check_size(rows)
    rows, blanked = _blanked(study, rows)
    withheld = small_features(study, counts(study, rows))
    if ask["step"] == COUNTS:
        return _without(study, counts(study, rows), withheld), withheld, blanked
    if told := sorted(set(ask["features"]) & set(withheld)):
        rule = f"must not ask for {', '.join(told)}, which this hospital withholds"
        raise DataError("the ask was refused", [Fault(None, None, rule, None, "answer round 0 first")])
    sums = _sums(study, ask, rows)
    if any(map(is_small, sums.get("events", []))):
        rule = "must not ask for intervals with one to four events in this hospital"
        raise DataError("the ask was refused", [Fault(None, None, rule, None, "take coarser months")])
    numbers = ask["numbers_before"] + sum(map(len, sums.values()))
    values = len(rows.event) * len(ask["features"])
    if numbers > study.plan["most_numbers"] * values:
        raise NotEstimableError(
            f"with this round {numbers} numbers would have left a hospital that has {values} values (rows x features): "
            f"more than the {study.plan['most_numbers']:g} a value that the plan allows. Plan fewer features, a fixed "
            "--tau or masked sums"
        )
    return sums, withheld, blanked


def _check_size(rows: TrainingSet) -> None:
    with_event = len(np.unique(rows.patient[rows.event]))
    floors = (
        (rows.n_patients, LEAST_PATIENTS, "patients"),
        (with_event, LEAST_EVENTS, "patients with the event"),
        (rows.n_patients - with_event, LEAST_EVENTS, "patients without the event"),
    )
    for number, least, what in floors:
        if number < least:
            raise NotEstimableError(
                f"sums that can be read leave a hospital with {least} {what} or more, this one has fewer: plan masked "
                "sums, or join the rows of two hospitals that may share them"
            )


def _blanked(study: Study, rows: TrainingSet) -> tuple[TrainingSet, list[str]]:
    """An input that one to four patients have counts as unknown here: its sum would be theirs."""
    few = [name for name in study.recipe.inputs if is_small(known_patients(rows, name))]
    return replace(rows, frame=rows.frame.assign(**dict.fromkeys(few, np.nan))), few


def small_features(study: Study, sums: Sums) -> list[str]:
    """Features with a component that one to four rows have, or lack, among those with or without the event.

    An input that fewer than five patients have takes no part, and tells nothing.
    """
    unknown = {name for name, n in zip(study.recipe.inputs, sums["patients_known"], strict=True) if n < SMALLEST_CELL}
    found: dict[str, None] = {}
    cells = zip(sums["known_with_event"], sums["present_with_event"], strict=True)
    for component, known, total in zip(components(study.recipe.features), sums["known"], sums["total"], strict=True):
        if not component.two_valued:
            continue
        seen, present = next(cells)
        counted = (present, seen - present, total - present, (known - seen) - (total - present))
        if component.input not in unknown and any(map(is_small, counted)):
            found[component.feature] = None
    return list(found)


def _without(study: Study, sums: Sums, withheld: list[str]) -> Sums:
    """Round 0 without what is withheld, and without small numbers of patients at risk: zeros in their place."""
    two = 0
    for place, component in enumerate(components(study.recipe.features)):
        if component.feature in withheld:
            sums["known"][place] = sums["total"][place] = 0.0
            if component.two_valued:
                sums["known_with_event"][two] = sums["present_with_event"][two] = 0.0
        two += component.two_valued
    for name in ("at_risk", "patients_with_event_by_horizon"):
        if name in sums:
            sums[name] = [0.0 if is_small(value) else value for value in sums[name]]
    return sums
