"""Who learns and who is judged: plans of resampling as data, grouped by patient, stratified by outcome, seeded.

A patient is never on both sides of a split, whatever courses, centres or dates the rows have.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedKFold

IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows to learn from (with repetition, for a bootstrap) and rows to judge."""

    train: IntArray
    test: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A resampling plan as data.

    Attributes
    ----------
    method : str
        In words.
    splits : mapping of name to Split
    settings : mapping
        What made it: seed, numbers, the variable of a split by centre or by date.
    """

    method: str
    splits: Mapping[str, Split]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of who is where, so that two evaluations can be shown to have used the same splits."""
        return _digest([[s.train.tolist(), s.test.tolist()] for s in self.splits.values()])

    def as_dict(self) -> dict[str, Any]:
        """The plan in words, for evaluation.json and report."""
        return {"method": self.method, **self.settings, "splits": len(self.splits), "digest": self.digest}


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """Repeated cross-validation: ``test_rows[repeat][fold]``; all rows of a patient stay together."""

    folds: int
    repeats: int
    seed: int
    test_rows: tuple[tuple[IntArray, ...], ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the assignment, so that two evaluations can be shown to have used the same folds."""
        return _digest([[rows.tolist() for rows in repeat] for repeat in self.test_rows])

    @property
    def splits(self) -> dict[str, Split]:
        """Each fold as a split; ``"fold-2-4"`` is the fifth of the third repeat."""
        every = np.sort(np.concatenate(self.test_rows[0]))
        return {
            f"fold-{repeat}-{fold}": Split(np.setdiff1d(every, test), test)
            for repeat, deal in enumerate(self.test_rows)
            for fold, test in enumerate(deal)
        }

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


def _digest(rows: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def cross_validation(patient: IntArray, event: BoolArray, *, folds: int, repeats: int, seed: int) -> Folds:
    """Deal patients (not rows) into folds, with patients who had an event spread evenly.

    Parameters
    ----------
    patient, event : arrays of shape (n_rows,)
    folds : int
        Lowered to the number of patients with an event (or without one) where those are fewer.
    repeats, seed : int
    """
    codes, which, had_event = _patients(patient, event)
    folds = int(min(folds, had_event.sum(), (~had_event).sum()))
    deals = []
    for repeat in range(repeats):
        # The children of one seed: repeat 3 is the same whether 5 or 10 repeats are asked for.
        state = int(np.random.SeedSequence([seed, repeat]).generate_state(1)[0])
        splitter = StratifiedKFold(folds, shuffle=True, random_state=state)
        deals.append(tuple(np.flatnonzero(np.isin(which, test)) for _, test in splitter.split(codes, had_event)))
    return Folds(folds, repeats, seed, tuple(deals))


def bootstrap_rows(patient: IntArray, event: BoolArray, *, index: int, seed: int) -> IntArray:
    """Rows of one bootstrap sample of patients, drawn within those with and without an event.

    Stratifying keeps the number of events: with 9 of them, one plain resample in a hundred would hold 3 or fewer.
    The sample depends on ``seed`` and ``index`` only, so results do not depend on how the work is spread.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
    _, which, had_event = _patients(patient, event)
    rows_of = np.split(np.argsort(which, kind="stable"), np.cumsum(np.bincount(which))[:-1])
    drawn = [
        rng.choice(group, size=len(group))
        for group in (np.flatnonzero(had_event), np.flatnonzero(~had_event))
        if len(group)
    ]
    return np.concatenate([rows_of[code] for part in drawn for code in part])


def bootstrap(patient: IntArray, event: BoolArray, *, samples: int, seed: int) -> Plan:
    """Learn from bootstrap samples of patients, judge on everybody; those not drawn are outside the sample."""
    every = np.arange(len(patient))
    splits = {
        f"boot-{index}": Split(bootstrap_rows(patient, event, index=index, seed=seed), every)
        for index in range(samples)
    }
    return Plan("bootstrap of patients, stratified by outcome", splits, {"samples": samples, "seed": seed})


def leave_one_out(patient: IntArray, label: ArrayLike, *, by: str) -> Plan:
    """Internal-external validation: learn without one centre (or trial, or era), judge on it.

    Parameters
    ----------
    patient : int array of shape (n_rows,)
    label : array of shape (n_rows,)
        The centre of each row; rows without one (None, nan) are in no split.
    by : str
        What the labels are, for the plan in words.

    Notes
    -----
    A patient seen in two centres is judged in both and learned from in neither.

    References
    ----------
    Steyerberg EW, Harrell FE. Prediction models need appropriate internal, internal-external, and external validation.
    J Clin Epidemiol 2016;69:245-247.
    """
    labels = np.asarray(label, dtype=object)
    known = ~pd.isna(labels)
    splits = {}
    for name in sorted({str(value) for value in labels[known]}):
        test = np.flatnonzero(known & (labels.astype(str) == name))
        splits[name] = Split(np.flatnonzero(known & ~np.isin(patient, patient[test])), test)
    return Plan(f"leave one {by} out, grouped by patient", splits, {"by": by})


def temporal(patient: IntArray, when: NDArray[np.float64], *, share: float = 1 / 3, by: str = "date") -> Plan:
    """Learn from the earlier patients, judge on the later ones.

    Parameters
    ----------
    patient : int array of shape (n_rows,)
    when : float array of shape (n_rows,)
        Days or years on any scale; nan where it is not known (in neither part).
    share : float
        Of the patients with a date, the share that is judged; patients of one date stay together, on the later side.
    by : str
        What ``when`` is, for the plan in words.
    """
    codes, which = np.unique(patient, return_inverse=True)
    first = np.full(len(codes), np.inf)
    np.fmin.at(first, which, when)
    dated = np.isfinite(first)
    cut = np.quantile(first[dated], 1 - share, method="higher") if dated.any() else np.inf
    late = first >= cut
    splits = {"later": Split(np.flatnonzero((dated & ~late)[which]), np.flatnonzero((dated & late)[which]))}
    words = "learned from earlier patients, judged on later ones"
    return Plan(words, splits, {"by": by, "share": round(float((dated & late).sum() / max(1, dated.sum())), 3)})


def subsets(folds: Folds, patient: IntArray, event: BoolArray, shares: Sequence[float]) -> Plan:
    """For a learning curve: each test fold judged by models that learned from a share of the others.

    Subsets of one fold are nested, and keep the share of patients with the event.
    """
    splits = {}
    for number, (name, split) in enumerate(folds.splits.items()):
        codes, which, had_event = _patients(patient[split.train], event[split.train])
        rng = np.random.default_rng(np.random.SeedSequence([folds.seed, number]))
        place = np.empty(len(codes))  # a patient's place in a random order of those alike, in (0, 1]
        for group in (np.flatnonzero(had_event), np.flatnonzero(~had_event)):
            place[rng.permutation(group)] = np.arange(1, len(group) + 1) / max(1, len(group))
        for share in shares:
            kept = split.train[(place <= share + 1e-9)[which]]
            splits[f"share-{share:g}-{name}"] = Split(kept, split.test)
    words = "nested subsets of the training folds of a cross-validation"
    settings = {"shares": list(shares), "folds": folds.folds, "repeats": folds.repeats, "seed": folds.seed}
    return Plan(words, splits, settings)


def _patients(patient: IntArray, event: BoolArray) -> tuple[IntArray, IntArray, BoolArray]:
    """Codes of the patients, which of them each row is, and whether each had the event in any row."""
    codes, which = np.unique(patient, return_inverse=True)
    had_event = np.zeros(len(codes), dtype=bool)
    np.logical_or.at(had_event, which, event)
    return codes, which, had_event
