"""What a bundle keeps to tell later that a patient is unlike those it learned from, in aggregates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.runtime.dictionary import Dictionary
from riskml.runtime.domain import distance
from riskml.runtime.model import PortableModel, Value
from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.background import prototypes

# Patients like those of training who are not to be called far from them.
SHARE = 0.975
FOLDS = 10
# Enough for a quantile; more patients would only cost time.
MOST_PATIENTS = 1000

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


def applicability(
    frame: Any, patient: IntArray, model: PortableModel, mix: Mapping[str, Any], dictionary: Dictionary
) -> dict[str, Any]:
    """How far apart patients lie, and which lesions were seen.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_inputs)
        The training rows.
    patient : int array of shape (n_rows,)
    model : PortableModel
        Its members shape the prototypes.
    mix : mapping
        :func:`riskml.training.transfer.case_mix.summarise` of these rows.
    dictionary : Dictionary
        Says which inputs are lesions.

    Returns
    -------
    dict
        ``distance``: the ``share`` of patients like those of training that lie within ``thresholds``, one for each
        number of known inputs from one (None where too few patients tell); ``lesions`` present in five or more
        patients, ``lesion_pairs`` present together in five or more. Counts are not told.

    Notes
    -----
    Patients are dealt into ten groups. The distance of each is that to prototypes made without its group: prototypes
    lie nearer to those they are the means of. For each number of inputs that many are drawn from those known. A
    threshold is the mean over five patients about the quantile, rounded up, so that it is no patient's own distance;
    with fewer than 100 patients these five are the farthest, and ``share`` is less than 97.5 %.
    """
    rng = np.random.default_rng(0)
    chosen = rng.permutation(np.unique(patient))[:MOST_PATIENTS]
    held_out = list(_held_out(frame, patient, chosen, model, mix["inputs"], rng))
    share = min(SHARE, 1 - SMALLEST_CELL / 2 / len(chosen))
    thresholds: list[float | None] = []
    for count in range(1, len(model.inputs) + 1):
        apart = np.array([found[count] for _, found in held_out if count in found])
        who = np.array([person for person, found in held_out if count in found], dtype=np.intp)
        enough = len(np.unique(who)) >= 2 * SMALLEST_CELL
        # Where hardly anybody has so many, what holds for one fewer is the best that is known.
        thresholds.append(_blurred_quantile(apart, who, share) if enough else (thresholds or [None])[-1])
    seen = {name: set(patient[np.asarray(frame[name] == 1)]) for name in model.inputs if dictionary[name].lesion}
    return {
        "distance": {"share": round(share, 3), "thresholds": thresholds},
        "lesions": [name for name, people in seen.items() if len(people) >= SMALLEST_CELL],
        "lesion_pairs": [
            [first, second]
            for first, second in combinations(seen, 2)
            if len(seen[first] & seen[second]) >= SMALLEST_CELL
        ],
    }


def _held_out(
    frame: Any,
    patient: IntArray,
    chosen: IntArray,
    model: PortableModel,
    mix: Mapping[str, Any],
    rng: np.random.Generator,
) -> Iterator[tuple[int, dict[int, float]]]:
    """For each row of the chosen patients its patient, and by the number of inputs taken its distance."""
    for fold in np.array_split(chosen, min(FOLDS, len(chosen))):
        rest = np.isin(patient, np.setdiff1d(chosen, fold))
        if not rest.any():
            continue
        made = prototypes(frame[rest], model.inputs, model.features, model.members, patient[rest])
        apart_from = model.with_(weights=made.weights, background=made.rows)
        for row in np.flatnonzero(np.isin(patient, fold)):
            known = _known(frame.iloc[row])
            counted = [name for _, name in distance(apart_from, mix, known)[1]]
            order = rng.permutation(len(counted))
            found = {}
            for count in range(1, len(counted) + 1):
                taken = {counted[place]: known[counted[place]] for place in order[:count]}
                found[count] = distance(apart_from, mix, taken)[0]
            yield int(patient[row]), found


def _known(row: Any) -> dict[str, Value]:
    return {name: value if isinstance(value, str) else float(value) for name, value in row.dropna().items()}


def _blurred_quantile(values: FloatArray, who: IntArray, share: float) -> float:
    """The mean of the distances of five patients about the quantile, rounded up to two digits."""
    order = np.argsort(-values, kind="stable")
    start = max(0, int(np.ceil((1 - share) * len(values))) - (SMALLEST_CELL + 1) // 2)
    people = who[order[start:]]
    first = np.sort(np.unique(people, return_index=True)[1])
    rows = order[start : start + first[min(SMALLEST_CELL, len(first)) - 1] + 1]
    mean = float(values[rows].mean())
    digits = 10.0 ** (np.floor(np.log10(mean)) - 1) if mean > 0 else 1.0
    return float(f"{np.ceil(mean / digits) * digits:.6g}")
