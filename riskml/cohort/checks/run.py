"""``run_checks``: every check of a cohort, in one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from riskml.cohort.checks.centres import check_centres
from riskml.cohort.checks.consistency import check_consistency
from riskml.cohort.checks.copies import check_copies
from riskml.cohort.checks.courses import check_courses
from riskml.cohort.checks.dates import check_dates
from riskml.cohort.checks.duplicates import check_duplicates
from riskml.cohort.checks.finding import LEVELS, Finding
from riskml.cohort.checks.fractions import check_fractions
from riskml.cohort.checks.intervals import check_intervals
from riskml.cohort.checks.leaks import cohort_leaks
from riskml.cohort.checks.units import check_units
from riskml.cohort.cohort import Cohort
from riskml.cohort.outcomes.build import build_target
from riskml.cohort.outcomes.target import Target
from riskml.errors import DataError, NotEstimableError, UsageError, group_faults
from riskml.runtime.dictionary import Dictionary, load_dictionary


def run_checks(
    cohort: Cohort,
    *,
    landmark: str | None = None,
    outcome: str | Mapping[str, Any] | None = None,
    dictionary: Dictionary | None = None,
) -> tuple[Finding, ...]:
    """Everything in a cohort that a person should look at before a model learns from it.

    Parameters
    ----------
    cohort : Cohort
        The checked cohort; it is never changed.
    landmark : str, optional
        Time of prediction: columns learned later are named. With an outcome it is the first dose by default.
    outcome : str or mapping, optional
        Outcome, as ``build_target`` takes it, that no baseline column should give away. Without it, rates between
        centres are compared for every outcome the cohort holds.
    dictionary : Dictionary, optional
        This riskml's own by default.

    Returns
    -------
    tuple of Finding
        Errors first, then warnings, then notes; within a level in the order of docs/checks.md.

    Raises
    ------
    UsageError
        If there is no such landmark or outcome. An outcome that this cohort cannot give is a finding.
    """
    dictionary = dictionary or load_dictionary()
    if landmark is not None and landmark not in dictionary.landmarks:
        raise UsageError(f"there is no landmark '{landmark}': known are {', '.join(dictionary.landmarks)}")
    if outcome is None:
        targets, target = list(_targets(cohort, dictionary)), None
        refused: list[Finding] = []
    else:
        target, refused = _target(cohort, outcome, dictionary)
        targets, landmark = [target] if target else [], landmark or "first_dose"
    findings = [
        *refused,
        *check_units(cohort, dictionary),
        *check_fractions(cohort, dictionary),
        *check_consistency(cohort),
        *check_courses(cohort, dictionary),
        *check_dates(cohort),
        *check_intervals(cohort),
        *check_duplicates(cohort, dictionary),
        *check_copies(cohort, dictionary),
        *check_centres(cohort, dictionary, targets),
    ]
    if landmark is not None:
        findings += cohort_leaks(cohort, dictionary, landmark, target)
    return by_level(findings)


def by_level(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors, then warnings, then notes, each in the order in which they came."""
    return tuple(sorted(findings, key=lambda finding: -LEVELS.index(finding.level)))


def _target(
    cohort: Cohort, outcome: str | Mapping[str, Any], dictionary: Dictionary
) -> tuple[Target | None, list[Finding]]:
    """The outcome without the rows that refuse it, and what is wrong with those."""
    try:
        return build_target(cohort, outcome, dictionary), []
    except NotEstimableError as error:
        return None, [
            Finding("outcome_not_estimable", "note", (_name(outcome),), str(error), "add rows with the event")
        ]
    except DataError as error:
        refused = [
            Finding(
                "outcome_refused",
                "error",
                (fault.column or _name(outcome),),
                fault.rule,
                fault.remedy,
                fault.rows or ((fault.row,) if fault.row is not None else ()),
                fault.count if fault.row is not None or fault.rows else 0,
            )
            for fault in group_faults(error.faults)
        ]
        rows = [fault.row for fault in error.faults if fault.row is not None]
        kept = np.flatnonzero(~np.isin(cohort.row_numbers, rows))
        if not rows or len(kept) == cohort.n_courses:
            return None, refused
    try:
        target = build_target(cohort.some(kept), outcome, dictionary)
    except (DataError, NotEstimableError):
        return None, refused
    return replace(target, rows=kept[target.rows], patient=cohort.patient[kept[target.rows]]), refused


def _name(outcome: str | Mapping[str, Any]) -> str:
    return outcome if isinstance(outcome, str) else str(outcome.get("name", "outcome"))


def _targets(cohort: Cohort, dictionary: Dictionary) -> Iterator[Target]:
    """One target for each outcome column that the cohort can fill."""
    seen: set[object] = set()
    for name, table in dictionary.outcomes.items():
        if table.get("column") in seen:
            continue
        try:
            yield build_target(cohort, name, dictionary)
        except (DataError, NotEstimableError, UsageError):
            continue  # what the outcome lacks is said where somebody asks for it
        seen.add(table.get("column"))
