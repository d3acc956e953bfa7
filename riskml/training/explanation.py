"""Bundle + Cohort -> the exact effects of every input on every row's estimate, and the same as ``shap.Explanation``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskml.cohort.cohort import Cohort
from riskml.errors import UsageError
from riskml.runtime.bundle import Bundle
from riskml.runtime.dictionary import Variable
from riskml.runtime.explain_table import explain_table
from riskml.runtime.predict import checked_times

if TYPE_CHECKING:
    import shap

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CohortExplanation:
    """Exact interventional Shapley values of every row: ``base + effects.sum(axis=1) = value``.

    Attributes
    ----------
    inputs, labels : tuple of str
        Dictionary names, and what people call them with the unit of ``data``, in the order of the model.
    scale : {"probability", "survival", "cumulative_incidence"}
        Of ``base``, ``effects`` and ``value``.
    times : tuple of float
        Months of the answers; empty for a binary outcome, which has one answer.
    base : float array of shape (n_answers,)
        The mean prediction over the bundle's prototypes: that of a patient of whom nothing is known.
    effects : float array of shape (n_rows, n_inputs, n_answers)
        0 where an input is missing.
    value : float array of shape (n_rows, n_answers)
        The model's answers, over the prototypes where an input is missing.
    data : float array of shape (n_rows, n_inputs)
        Values in the unit of the label; a level is the place of its name in the dictionary; nan where missing.
    shown : object array of shape (n_rows, n_inputs)
        The same for a person: numbers as they are, levels and lesions in words, "unknown" for those that are missing.
    row_numbers : int array of shape (n_rows,)
        Row of each course in its file, for whoever may look there; no patient identifier is kept.

    References
    ----------
    Lundberg SM, Lee SI. A unified approach to interpreting model predictions. NeurIPS 2017;30:4765-4774.
    """

    inputs: tuple[str, ...]
    labels: tuple[str, ...]
    scale: str
    times: tuple[float, ...]
    base: FloatArray
    effects: FloatArray
    value: FloatArray
    data: FloatArray
    shown: npt.NDArray[np.object_]
    row_numbers: npt.NDArray[np.int64]

    def table(self) -> pd.DataFrame:
        """One line a row: its number in the file, answer, base and effects, by month where there are months.

        It is about single patients, though it names none: keep it where the cohort is kept.
        """
        names = [f"_{t:g}_months" for t in self.times] or [""]
        columns: dict[str, Any] = {"row": self.row_numbers}
        for k, month in enumerate(names):
            columns[f"{self.scale}{month}"] = self.value[:, k]
            columns[f"base{month}"] = self.base[k]
            columns |= {f"effect_{name}{month}": self.effects[:, i, k] for i, name in enumerate(self.inputs)}
        return pd.DataFrame(columns)

    def shap(self, month: float | None = None) -> shap.Explanation:
        """What shap's plots take (beeswarm, bar, waterfall, scatter).

        Parameters
        ----------
        month : float, optional
            One of ``times``; by default the last. None for a binary outcome.

        Raises
        ------
        UsageError
            If there is no answer for that month.

        Notes
        -----
        Importing shap takes seconds, so it is done here and not before.
        """
        if month is not None and month not in self.times:
            asked = ", ".join(f"{t:g}" for t in self.times) or "none: the outcome has no time"
            raise UsageError(f"no effects at {month:g} months; there are {asked}")
        import shap  # noqa: PLC0415

        k = -1 if month is None else self.times.index(month)
        return shap.Explanation(
            self.effects[:, :, k],
            base_values=np.full(len(self.value), self.base[k]),
            data=self.data,
            display_data=self.shown,
            feature_names=list(self.labels),
        )


def explain(bundle: Bundle, cohort: Cohort, *, at: Sequence[float] | None = None) -> CohortExplanation:
    """Explain the estimate of every course of a cohort.

    Parameters
    ----------
    bundle : Bundle
    cohort : Cohort
        Needs no outcome. An input that it lacks is missing throughout; derived inputs follow from its columns.
    at : sequence of float, optional
        Months for a survival model; by default those the bundle reports.

    Returns
    -------
    CohortExplanation

    Raises
    ------
    UsageError
        If a month lies beyond what the model supports.
    """
    times, model = tuple(checked_times(bundle, at)), bundle.model
    columns, n_rows = bundle.input_columns(cohort), len(cohort.frame)
    found = explain_table(model, columns, n_rows, times)
    variables = [bundle.dictionary[name] for name in model.inputs]
    lacking = np.full(n_rows, np.nan)
    pairs = [(variable, columns.get(name, lacking)) for name, variable in zip(model.inputs, variables, strict=True)]
    return CohortExplanation(
        inputs=model.inputs,
        labels=tuple(label_of(variable) for variable in variables),
        scale=found.scale,
        times=times,
        base=np.asarray(found.base, dtype=float),
        effects=found.effects,
        value=found.value,
        data=np.column_stack([in_display_units(variable, column) for variable, column in pairs]),
        shown=np.column_stack([_as_read(variable, column) for variable, column in pairs]),
        row_numbers=np.asarray(cohort.row_numbers),
    )


def unit_of(variable: Variable) -> str:
    """The unit in which values are shown; empty for levels, lesions and pure numbers."""
    return variable.quantity.display.replace("10*9", "10^9") if variable.kind in {"number", "integer"} else ""


def label_of(variable: Variable) -> str:
    """``"MRD before the first dose (%)"``: what an input is called, and the unit of its numbers."""
    unit = unit_of(variable)
    return f"{variable.label} ({unit})" if unit and f"({unit})" not in variable.label else variable.label


def in_display_units(variable: Variable, column: Any) -> FloatArray:
    """A column in the unit in which people read it; levels by their place in the dictionary; nan where missing."""
    if variable.kind == "category":
        place = {level: float(k) for k, level in enumerate(variable.levels)}
        return np.array([place.get(value, np.nan) for value in column], dtype=float)
    factor = variable.quantity.factor(variable.quantity.display) if unit_of(variable) else None
    return np.asarray(column, dtype=float) / (factor or 1.0)


def _as_read(variable: Variable, column: Any) -> npt.NDArray[np.object_]:
    if variable.kind not in {"category", "tristate"}:
        return in_display_units(variable, column).astype(object)
    shown = np.empty(len(column), dtype=object)
    shown[:] = [variable.show(None if value is None or value != value else value) for value in column]  # noqa: PLR0124
    return shown
