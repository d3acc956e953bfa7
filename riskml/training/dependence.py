"""How the effect of an input goes with its value, in bins of five patients or more: no point of it is one patient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from riskml.runtime.dictionary import Variable
from riskml.runtime.model import Feature
from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.explanation import in_display_units

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

BINS = 8
DIGITS = 3


def dependence(
    variable: Variable, features: Sequence[Feature], column: Any, effects: FloatArray, patient: IntArray
) -> dict[str, Any]:
    """Mean effect of one input by its value.

    Parameters
    ----------
    variable : Variable
    features : sequence of Feature
        Of the model; an input that enters as a logarithm is averaged as one.
    column : array of shape (n_rows,)
        Canonical values, or levels.
    effects : float array of shape (n_rows, n_answers)
    patient : int array of shape (n_rows,)

    Returns
    -------
    dict
        ``log`` says whether values belong on a logarithmic axis; ``values`` are the mean of each bin in the unit of
        display, or a level as people read it; ``effects`` one list a bin, with one mean effect an answer. Levels and
        rests of fewer than five patients are not in it.
    """
    pairs = list(
        _levels(variable, column, patient)
        if variable.kind in {"category", "tristate"}
        else _bins(in_display_units(variable, column), patient, log=_is_log(variable, features))
    )
    return {
        "log": _is_log(variable, features),
        "values": [value for value, _ in pairs],
        "effects": [[short(x) for x in effects[rows].mean(axis=0)] for _, rows in pairs],
    }


def short(number: float, digits: int = DIGITS) -> float:
    """A number with a few significant digits; what is lost in rounding errors of the effects is 0."""
    return float(f"{number:.{digits}g}") if abs(number) > 1e-12 else 0.0


def _is_log(variable: Variable, features: Sequence[Feature]) -> bool:
    return any(feature.op == "log10" and variable.name in feature.inputs for feature in features)


def _levels(variable: Variable, column: Any, patient: IntArray) -> Iterator[tuple[str, IntArray]]:
    levels: Sequence[Any] = tuple(variable.levels) if variable.kind == "category" else (0.0, 1.0)
    for level in levels:
        rows = np.flatnonzero(np.asarray(column) == level)
        if _patients(patient[rows]) >= SMALLEST_CELL:
            yield variable.show(level), rows


def _bins(values: FloatArray, patient: IntArray, *, log: bool) -> Iterator[tuple[float, IntArray]]:
    """Neighbouring values, as many patients in each bin as in the next; equal values are never parted.

    Where many have one value, such as the limit of detection, the others share the bins that are left.
    """
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    groups: list[IntArray] = []
    start, enough = 0, _share_of(patient[known], BINS)
    for stop in (np.flatnonzero(np.diff(values[order])) + 1).tolist():
        if _patients(patient[order[start:stop]]) >= enough:
            groups.append(order[start:stop])
            start, enough = stop, _share_of(patient[order[stop:]], max(1, BINS - len(groups)))
    rest = order[start:]
    if groups and _patients(patient[rest]) < SMALLEST_CELL:
        rest = np.concatenate([groups.pop(), rest])
    if _patients(patient[rest]) >= SMALLEST_CELL:
        groups.append(rest)
    for rows in groups:
        mean = np.exp(np.log(values[rows]).mean()) if log and (values[rows] > 0).all() else values[rows].mean()
        yield short(float(mean)), rows


def _share_of(codes: IntArray, n_bins: int) -> int:
    return max(SMALLEST_CELL, int(np.ceil(_patients(codes) / n_bins)))


def _patients(codes: IntArray) -> int:
    return len(np.unique(codes))
