"""Who is in which fold, and which patients a bootstrap draws: grouped by patient, stratified by outcome, seeded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

IntArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Plan:
    """Repeated cross-validation as data: ``test_rows[repeat][fold]``; all rows of a patient stay together."""

    folds: int
    repeats: int
    seed: int
    test_rows: tuple[tuple[IntArray, ...], ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the assignment, so that two evaluations can be shown to have used the same folds."""
        text = json.dumps([[rows.tolist() for rows in repeat] for repeat in self.test_rows])
        return hashlib.sha256(text.encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """The plan in words, for manifest and report."""
        method = "repeated cross-validation, stratified by outcome, grouped by patient"
        return {
            "method": method,
            "folds": self.folds,
            "repeats": self.repeats,
            "seed": self.seed,
            "digest": self.digest,
        }


def cross_validation(patient: IntArray, event: NDArray[np.bool_], *, folds: int, repeats: int, seed: int) -> Plan:
    """Deal patients (not rows) into folds, with patients who had an event spread evenly.

    Parameters
    ----------
    patient, event : arrays of shape (n_rows,)
    folds : int
        Lowered to the number of patients with an event (or without one) where those are fewer.
    repeats, seed : int
    """
    codes, which = np.unique(patient, return_inverse=True)
    had_event = np.zeros(len(codes), dtype=bool)
    np.logical_or.at(had_event, which, event)
    folds = int(min(folds, had_event.sum(), (~had_event).sum()))
    deals = []
    for repeat in range(repeats):
        # The children of one seed: repeat 3 is the same whether 5 or 10 repeats are asked for.
        state = int(np.random.SeedSequence([seed, repeat]).generate_state(1)[0])
        splitter = StratifiedKFold(folds, shuffle=True, random_state=state)
        deals.append(tuple(np.flatnonzero(np.isin(which, test)) for _, test in splitter.split(codes, had_event)))
    return Plan(folds, repeats, seed, tuple(deals))


def bootstrap_rows(patient: IntArray, event: NDArray[np.bool_], *, index: int, seed: int) -> IntArray:
    """Rows of one bootstrap sample of patients, drawn within those with and without an event.

    Stratifying keeps the number of events: with 9 of them, one plain resample in a hundred would hold 3 or fewer.
    The sample depends on ``seed`` and ``index`` only, so results do not depend on how the work is spread.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
    codes, which = np.unique(patient, return_inverse=True)
    had_event = np.zeros(len(codes), dtype=bool)
    np.logical_or.at(had_event, which, event)
    rows_of = np.split(np.argsort(which, kind="stable"), np.cumsum(np.bincount(which))[:-1])
    drawn = [
        rng.choice(group, size=len(group))
        for group in (np.flatnonzero(had_event), np.flatnonzero(~had_event))
        if len(group)
    ]
    return np.concatenate([rows_of[code] for part in drawn for code in part])
