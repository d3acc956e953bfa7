"""Whether "measuring this could move the estimate to between a and b" is true of inputs removed and put back."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from riskml.runtime.could_change import could_change
from riskml.runtime.dictionary import Dictionary
from riskml.runtime.model import PortableModel, Value
from riskml.runtime.questions import at_months
from riskml.runtime.score import score_table, value

SHIPS, PROTOTYPES = "as it ships", "prototypes, 5 to 95 %"
ROWS, LIMITS = "training rows, 5 to 95 %", "limits of the bundle"
_SHARES = (0.05, 0.275, 0.5, 0.725, 0.95)
_SERIAL = itertools.count()


@dataclass(frozen=True, slots=True)
class Told:
    """One removed input of one patient.

    Attributes
    ----------
    patient : int
        A number of its own for each patient of each fold.
    kind : str
        Of the variable: number, tristate or category.
    bounds : mapping of name to (low, high)
        Those told, under `SHIPS`, and for a number those by other percentiles.
    before, now : float
        The estimate without the input, and with it put back.
    expected : float
        Standard deviation of the estimates that the background's values of the input would lead to.
    """

    patient: int
    kind: str
    bounds: Mapping[str, tuple[float, float]]
    before: float
    now: float
    expected: float

    @property
    def moved(self) -> float:
        """How far the estimate moved."""
        return abs(self.now - self.before)

    def spread(self, source: str = SHIPS) -> float:
        """How far the bounds lie apart: what the shipped order goes by."""
        low, high = self.bounds.get(source, self.bounds[SHIPS])
        return high - low

    def bounds_deviation(self, source: str) -> float:
        """`expected`, but of a number as if normal between its bounds: 90 % of a normal are 3.29 deviations wide."""
        return self.spread(source) / 3.29 if self.kind == "number" else self.expected


def told(
    model: PortableModel,
    variables: Any,
    learned: pd.DataFrame,
    tables: tuple[pd.DataFrame, pd.DataFrame],
    times: Sequence[float],
) -> list[Told]:
    """What is told for the inputs that the second of two ``tables`` lacks and the first has; ``learned`` trained."""
    found, (whole, masked) = [], tables
    gone = (whole.notna() & masked.isna()).to_numpy()
    options = options_of(model, learned)
    for row in range(len(whole)):
        known = {str(name): v for name, v in masked.iloc[row].items() if pd.notna(v)}
        before, number = value(model, known, times)[0], next(_SERIAL)
        narrow = {item["input"]: item for item in asked(model.with_(usual={}), variables, known, times)}
        for item in asked(model, variables, known, times):
            name = item["input"]
            if gone[row, whole.columns.get_loc(name)]:
                bounds = {SHIPS: _ends(item)}
                if variables[name].kind in ("number", "integer"):
                    bounds[PROTOTYPES] = _ends(narrow[name])
                    for source, values in options.get(name, {}).items():
                        answers = [value(model, {**known, name: v}, times)[0] for v in values]
                        bounds[source] = (min(answers), max(answers))
                now = value(model, {**known, name: whole.iloc[row][name]}, times)[0]
                spread = expected(model, variables[name], known, name, times)
                found.append(Told(number, variables[name].kind, bounds, before, now, spread))
    return found


def asked(
    model: PortableModel, variables: Any, known: Mapping[str, Value], times: Sequence[float]
) -> list[dict[str, Any]]:
    """What is told of every missing input."""
    return could_change(at_months(model, times), cast("Dictionary", variables), known)


def _ends(item: Mapping[str, Any]) -> tuple[float, float]:
    """Both bounds, at the first month."""
    low, high = (x[0] if isinstance(x, list) else x for x in (item["low"], item["high"]))
    return float(low), float(high)


def options_of(model: PortableModel, learned: pd.DataFrame) -> dict[str, dict[str, list[float]]]:
    """Values of each number between which a measurement may lie: percentiles of the training rows, and the limits."""
    found = {}
    for name in model.limits:
        ordered = np.sort(learned[name].dropna().to_numpy(float))
        rows = np.quantile(ordered, _SHARES, method="nearest")
        limits = np.linspace(*model.limits[name], len(_SHARES))
        found[name] = {ROWS: rows.tolist(), LIMITS: limits.tolist()}
    return found


def expected(model: PortableModel, variable: Any, known: dict[str, Value], name: str, times: Sequence[float]) -> float:
    """Standard deviation of v(known and this) over the background's values of this input."""
    values = [row[model.inputs.index(name)] for row in model.background]
    weights = np.array(model.weights)
    if variable.kind == "tristate":  # prototypes hold shares: a patient has it or not
        share = float(weights @ np.array(values, dtype=float))
        values, weights = [0.0, 1.0], np.array([1 - share, share])
    columns = {key: [v] * len(values) for key, v in known.items()}
    answers = score_table(model, {**columns, name: values}, len(values), times)[:, 0]
    return float(np.sqrt(weights @ (answers - weights @ answers) ** 2))
