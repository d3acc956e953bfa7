"""Recipe + rows -> fitted pipeline -> portable model: the step that evaluation, bootstrap and training share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import with_inputs
from riskml.cohort.outcomes import Target, build_target
from riskml.errors import DataError, Fault, NotEstimableError, RiskmlError, UsageError
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.members import Member
from riskml.runtime.model import PortableModel
from riskml.training.background import SMALLEST_GROUP, Background, numeric_limits, prototypes, usual_ranges
from riskml.training.ensemble import Part, build_ensemble, gate
from riskml.training.impute import outcome_strata, with_donors
from riskml.training.learners.outside import is_outside
from riskml.training.learners.table import Context
from riskml.training.metrics.competing import aalen_johansen
from riskml.training.metrics.survival import kaplan_meier
from riskml.training.planning import check_carried
from riskml.training.recipe import Recipe
from riskml.training.transform import DesignMatrix

# Fewer patients with (or without) the outcome cannot even be dealt into five folds.
LEAST_EVENTS = 5
# Survival is reported as far as this share of the cohort, and this many patients, are still under observation.
LEAST_AT_RISK_SHARE = 0.1
LEAST_AT_RISK = 10


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The rows of a cohort that a recipe learns from.

    Attributes
    ----------
    frame : DataFrame
        One column per input of the recipe.
    event : bool array
    time : float array of months, or None for a binary outcome
    patient : int array
        Code of the patient of each row.
    flow : tuple of (reason, count)
        Every row that was left out, by reason.
    grid : tuple of float
        Months on which a survival baseline is kept; empty for a binary outcome.
    entry : float array of months, or None
        When each patient came under risk, where that is later than the origin.
    definition : str
        Every choice behind the outcome, in plain words.
    notes : tuple of str
        What a reader of results should know about the outcome and the derived inputs.
    parts : tuple of Part
        The learners of the recipe that this cohort's events can carry.
    parts_left_out : tuple of str
        The others, with the reason.
    cause : int array, or None
        0 censored, 1 the event, 2 a competing event, where there are several causes.
    rows : int array
        Positions in ``Cohort.frame``, for what is not an input: centres, dates, subgroups.
    """

    frame: Any
    event: NDArray[np.bool_]
    time: NDArray[np.float64] | None
    patient: NDArray[np.intp]
    flow: tuple[tuple[str, int], ...]
    grid: tuple[float, ...]
    entry: NDArray[np.float64] | None = None
    definition: str = ""
    notes: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    parts_left_out: tuple[str, ...] = ()
    cause: NDArray[np.intp] | None = None
    rows: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))

    @property
    def n_patients(self) -> int:
        """Number of different patients."""
        return len(np.unique(self.patient))

    @property
    def n_events(self) -> int:
        """Number of rows with the outcome."""
        return int(self.event.sum())

    def take(self, rows: NDArray[np.intp]) -> TrainingSet:
        """The same set restricted to (or resampled to) ``rows``."""
        time, entry = (None if a is None else a[rows] for a in (self.time, self.entry))
        frame, event, patient = self.frame.iloc[rows], self.event[rows], self.patient[rows]
        cause = None if self.cause is None else self.cause[rows]
        places = self.rows[rows] if self.rows.size else self.rows
        of_row = replace(self, frame=frame, event=event, time=time, patient=patient)
        return replace(of_row, entry=entry, cause=cause, rows=places)


def training_set(recipe: Recipe, cohort: Cohort) -> TrainingSet:
    """The rows, inputs and outcome that ``recipe`` needs from ``cohort``.

    Raises
    ------
    DataError
        If the cohort lacks an input column.
    NotEstimableError
        If fewer than five patients have (by the horizon to be judged), or lack, the outcome, there are too few events
        for the recipe's coefficients, follow-up ends before that horizon, or there are competing events and the recipe
        is not about several causes.

    Notes
    -----
    An input that fewer than five patients have counts as missing throughout: its mean in the bundle's background would
    be the value of a few patients. A derived input is computed where the cohort does not store it.
    """
    known_before, cohort = len(cohort.notes), with_inputs(cohort, recipe.inputs)
    absent = [name for name in recipe.inputs if name not in cohort.frame and name not in recipe.optional]
    if absent:
        raise DataError(f"the cohort cannot train {recipe.name}", [absent_input(name) for name in absent])
    target = build_target(cohort, {"name": recipe.outcome, **recipe.outcome_table})
    if recipe.kind != "incidence":
        check_single_cause(recipe.name, target)
    _check_events(recipe, target)
    check_carried(recipe, target)
    frame = cohort.frame.iloc[target.rows].reindex(columns=list(recipe.inputs)).reset_index(drop=True)
    for name in recipe.inputs:
        if len(np.unique(target.patient[frame[name].notna()])) < SMALLEST_GROUP:
            frame[name] = np.nan
    grid = _grid(recipe, target)
    notes = (*target.notes, *(note.message for note in cohort.notes[known_before:]))
    parts, out = gate(recipe.learner, target.n_events, late_entry=target.entry is not None)
    cause = target.cause if recipe.kind == "incidence" else None
    shown = (target.flow, grid, target.entry, target.definition, notes, parts, out, cause, target.rows)
    return TrainingSet(frame, target.event, target.time, target.patient, *shown)


def absent_input(name: str) -> Fault:
    """The fault of a cohort without a column for an input, and where the column could come from."""
    made = load_dictionary().definitions.get(name)
    remedy = "add the column (empty cells are allowed), or map it with --columns"
    if made is not None:
        remedy = f"add the column, or those it is made of ({', '.join(made.inputs)}); empty cells are allowed"
    return Fault(None, name, "must be a column of the cohort", None, remedy)


def check_single_cause(name: str, target: Target) -> None:
    """Refuse competing events: learners and measures would treat them as censored, and say too high a risk.

    Raises
    ------
    NotEstimableError
        If any row ended in a competing event.
    """
    if target.n_competing:
        raise NotEstimableError(
            f"{name}: {target.n_competing} of {len(target.rows)} rows end in a competing event, which no learner here "
            "can model; count it as an event, or choose ignore or censor and say so"
        )


def _check_events(recipe: Recipe, target: Target) -> None:
    # A patient with the outcome in any course counts as one with it: that is how splits deal patients out.
    without = target.n_patients - len(np.unique(target.patient[target.event]))
    seen, when = target.event, ""
    if target.time is not None:
        seen, when = seen & (target.time <= recipe.horizon_months), f" by {recipe.horizon_months:g} months"
    counts = ((len(np.unique(target.patient[seen])), f"with the outcome{when}"), (without, "without the outcome"))
    for count, what in counts:
        if count < LEAST_EVENTS:
            enough = int(np.ceil(LEAST_EVENTS * target.n_patients / max(1, count)))
            more = f"; at this rate about {enough} patients would do" if count else ""
            raise NotEstimableError(
                f"{recipe.name} needs at least {LEAST_EVENTS} patients {what}, the cohort has {count} "
                f"of {target.n_patients} evaluable{more}"
            )


def _grid(recipe: Recipe, target: Target) -> tuple[float, ...]:
    if target.time is None:
        return ()
    floor = max(LEAST_AT_RISK, LEAST_AT_RISK_SHARE * len(target.time))
    wanted = recipe.learner.get("grid_months", recipe.horizons_months)
    entry = np.zeros(len(target.time)) if target.entry is None else target.entry
    grid = tuple(float(t) for t in wanted if ((target.time >= t) & (entry < t)).sum() >= floor)
    if not grid or grid[-1] < recipe.horizon_months:
        reach = f"{grid[-1]:g}" if grid else "0"
        raise NotEstimableError(
            f"{recipe.name} is judged at {recipe.horizon_months:g} months, but fewer than {floor:.0f} patients "
            f"are followed beyond {reach}: longer follow-up is needed, or a recipe with an earlier horizon_months"
        )
    return grid


def fit_pipeline(recipe: Recipe, rows: TrainingSet, *, seed: int = 0, light: bool = False) -> Pipeline:
    """Pre-processing and learners, fitted to ``rows`` alone.

    Parameters
    ----------
    recipe : Recipe
    rows : TrainingSet
    seed : int
        For learners that draw.
    light : bool
        Whether this is a refit for an interval, for which some learners have a smaller form.
    """
    ensemble = build_ensemble(rows.parts, Context(recipe, rows.grid, seed), light=light)
    pipeline = Pipeline([("design", DesignMatrix(recipe.features)), ("learner", ensemble)])
    try:
        fitting = {"learner__groups": rows.patient, "learner__drawn": _drawn(recipe, rows, seed)}
        return pipeline.fit(rows.frame, outcome_array(rows), **fitting)
    except RiskmlError:
        raise
    except Exception as error:
        if is_outside(recipe.learner):
            raise UsageError(f"{recipe.learner['estimator']} failed: {type(error).__name__}: {error}") from None
        if isinstance(error, ValueError):  # a learner says what it cannot take: late entries, events of one kind only
            raise NotEstimableError(f"{recipe.name} cannot be fitted: {error}") from error
        raise


def _drawn(recipe: Recipe, rows: TrainingSet, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Design matrices for learners that split, with unknown inputs drawn; None where there are no such, or none is."""
    if not (any(part.learner.splits for part in rows.parts) and rows.frame.isna().any(axis=None)):
        return None
    design, rng = DesignMatrix(recipe.features).fit(rows.frame), np.random.default_rng(seed)
    strata = outcome_strata(outcome_array(rows))
    known, blind = (with_donors(rows.frame, codes, rng) for codes in (strata, np.zeros_like(strata)))
    return design.transform(known), design.transform(blind)


def outcome_array(rows: TrainingSet) -> NDArray[Any]:
    """The outcome as scikit-learn (int array) or scikit-survival (structured array) takes it, with any entry times."""
    if rows.time is None:
        return rows.event.astype(int)
    first = {"event": rows.event} if rows.cause is None else {"cause": rows.cause}
    fields = {**first, "time": rows.time, **({} if rows.entry is None else {"entry": rows.entry})}
    outcome = np.empty(len(rows.event), dtype=[(name, values.dtype) for name, values in fields.items()])
    for name, values in fields.items():
        outcome[name] = values
    return outcome


def portable(
    recipe: Recipe, rows: TrainingSet, members: tuple[Member, ...], bootstrap: tuple[tuple[Member, ...], ...] = ()
) -> PortableModel:
    """Put fitted members, their background and the bootstrap together."""
    background = background_of(recipe, rows, members)
    return PortableModel(
        kind=recipe.kind,
        inputs=recipe.inputs,
        features=recipe.features,
        members=members,
        weights=background.weights,
        background=background.rows,
        bootstrap=bootstrap,
        level=recipe.level,
        limits=numeric_limits(rows.frame, recipe.inputs, recipe.features, rows.patient),
        usual=usual_ranges(rows.frame, recipe.inputs, recipe.features, rows.patient),
    )


def background_of(recipe: Recipe, rows: TrainingSet, members: tuple[Member, ...]) -> Background:
    """Prototypes of the training rows for these members."""
    return prototypes(rows.frame, recipe.inputs, recipe.features, members, rows.patient)


def comparator_risk(rows: TrainingSet, horizon_months: float) -> float:
    """What one would say without a model: prevalence, Kaplan-Meier survival or Aalen-Johansen incidence."""
    if rows.time is None:
        return float(rows.event.mean())
    if rows.cause is not None:
        return aalen_johansen(rows.time, rows.cause, horizon_months, rows.entry)
    return float(kaplan_meier(rows.time, rows.event, rows.entry).at(horizon_months))
