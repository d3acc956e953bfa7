"""A hospital's own rows as the plan's recipe reads them: the step of a training that stays behind its walls."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import with_inputs
from riskml.cohort.outcomes import build_target
from riskml.errors import DataError
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.model import Feature
from riskml.runtime.score import feature_column
from riskml.training.federated.plan import Study
from riskml.training.fit import TrainingSet, absent_input, check_single_cause

FloatArray = NDArray[np.float64]
SEPARATOR = "/"


@dataclass(frozen=True, slots=True)
class Component:
    """What one input adds to one feature; ``two_valued`` where that is 0 or 1, so that a sum is a count of patients."""

    feature: str
    input: str
    two_valued: bool

    @property
    def name(self) -> str:
        """As files name it: ``feature/input``."""
        return f"{self.feature}{SEPARATOR}{self.input}"


def components(features: Collection[Feature]) -> tuple[Component, ...]:
    """The components of features, in order."""
    variables = load_dictionary().variables
    return tuple(
        Component(
            feature.name,
            name,
            feature.op in ("level", "at_least") or (feature.op == "value" and variables[name].kind == "tristate"),
        )
        for feature in features
        for name in feature.inputs
    )


def rows_of(study: Study, cohort: Cohort) -> TrainingSet:
    """The rows a hospital adds to the study; there may be none, and none with the event.

    Raises
    ------
    DataError
        If the cohort lacks a column.
    NotEstimableError
        If there are competing events, which no learner here models.
    """
    recipe, cohort = study.recipe, with_inputs(cohort, study.recipe.inputs)
    absent = [name for name in recipe.inputs if name not in cohort.frame and name not in recipe.optional]
    if absent:
        raise DataError(f"the cohort cannot take part in {recipe.name}", [absent_input(name) for name in absent])
    target = build_target(cohort, {"name": recipe.outcome, **recipe.outcome_table}, part=True)
    check_single_cause(recipe.name, target)
    frame = cohort.frame.iloc[target.rows].reindex(columns=list(recipe.inputs)).reset_index(drop=True)
    return TrainingSet(
        frame,
        target.event,
        target.time,
        target.patient,
        target.flow,
        (),
        target.entry,
        target.definition,
        target.notes,
        rows=target.rows,
    )


def component_column(study: Study, component: Component, frame: Any) -> FloatArray:
    """One component of every row, shape (n_rows,); nan where the input is unknown."""
    feature = next(feature for feature in study.recipe.features if feature.name == component.feature)
    column: FloatArray = feature_column(feature, frame[component.input])
    return column


def design(study: Study, features: Collection[str], fill: Mapping[str, float | None], frame: Any) -> FloatArray:
    """The design matrix less the mean row of all hospitals together, shape (n_rows, n_features).

    Parameters
    ----------
    features : collection of str
        Names of the features that are kept, in order.
    fill : mapping of component name to float or None
        Mean of each component over all hospitals; an unknown one counts as it. None where fewer than five patients of
        all have the input: it then counts as unknown in everybody, as in a pooled training.
    frame : DataFrame
    """
    columns = np.zeros((len(frame), len(features)))
    place = {name: j for j, name in enumerate(features)}
    for component in components(study.recipe.features):
        mean = fill.get(component.name)
        if component.feature in place and mean is not None:
            part = component_column(study, component, frame)
            columns[:, place[component.feature]] += np.where(np.isnan(part), 0.0, part - mean)
    return columns
