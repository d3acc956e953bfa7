"""Does this cohort carry this recipe: criteria of sample size, what to expect below them, and when to refuse.

The criteria are for unpenalised models. A learner whose prior or penalty shrinks it can be trained honestly on fewer
events (docs/planning.md), but then manifest, card and report say so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from riskml.errors import NotEstimableError
from riskml.training.ensemble import parts_of
from riskml.training.learners.outside import is_outside
from riskml.training.sample_size import (
    Kind,
    c_from_r2,
    expected_error,
    expected_shrinkage,
    largest_r2,
    r2_from_auc,
    r2_from_c_index,
    size_for_incidence,
    size_for_optimism,
    size_for_risk,
    size_for_shrinkage,
)
from riskml.training.validation_size import c_interval, validation_sizes

if TYPE_CHECKING:
    from riskml.training.evaluate import Evaluation
    from riskml.training.recipe import Recipe

# What predictors may be expected to explain of all that could be where nothing is known (Riley, BMJ 2020;368:m441). Of
# a rare outcome that would be more than models reach, and than the formulas are right for: hence the second limit.
USUAL_SHARE, USUAL_C = 0.15, 0.8
# What the criteria ask for: the expected shrinkage, and the most of the largest R2 that may be optimism.
SHRINKAGE, OPTIMISM = 0.9, 0.05
# Nothing can be told of patients who all have the event.
LARGEST_RISK = 0.99
# Events a parameter needs, by simulation (docs/planning.md): below, the comparator predicts new patients better.
LEAST_PER_PARAMETER = 1.0
LEAST_UNSHRUNK = 3.0
UNSHRUNK = frozenset({"firth_logistic"})


class Rows(Protocol):
    """What is read of a `TrainingSet` or a `Target`."""

    @property
    def event(self) -> NDArray[np.bool_]: ...  # noqa: D102
    @property
    def time(self) -> NDArray[np.float64] | None: ...  # noqa: D102
    @property
    def entry(self) -> NDArray[np.float64] | None: ...  # noqa: D102
    @property
    def patient(self) -> NDArray[np.intp]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Study:
    """The size of a study.

    Attributes
    ----------
    kind : {"binary", "survival"}
        Survival also for one of several causes.
    patients, events : int
        Patients, and those of them with the event: courses of one patient do not count as so many patients.
    parameters : int
        Coefficients of the recipe.
    follow_up_months, horizon_months : float or None
        Mean follow-up and the month that is judged; None for a binary outcome.

    Raises
    ------
    NotEstimableError
        If there is no event, or (nearly) nothing else.
    """

    kind: Kind
    patients: int
    events: int
    parameters: int
    follow_up_months: float | None = None
    horizon_months: float | None = None

    def __post_init__(self) -> None:
        if self.events < 1:
            raise NotEstimableError(
                f"none of {self.patients} patients has the event: nothing can be planned from that; give the "
                "--patients and --events you expect instead of a cohort"
            )
        if self.events >= self.patients:
            raise NotEstimableError(
                f"{self.events} of {self.patients} patients have the event: nobody is left to tell them from"
            )
        if self.kind == "survival" and self.overall_risk > LARGEST_RISK:
            raise NotEstimableError(
                f"at this rate all but {100 * (1 - LARGEST_RISK):.0f} % would have the event by "
                f"{self.horizon_months:g} months: plan for an earlier month, or check events and follow-up"
            )

    @property
    def share(self) -> float:
        """Events per patient."""
        return self.events / self.patients

    @property
    def overall_risk(self) -> float:
        """Of a patient, for survival by the horizon at a constant rate."""
        if self.follow_up_months is None or self.horizon_months is None:
            return self.share
        return -math.expm1(-self.share / self.follow_up_months * self.horizon_months)

    def r2(self, c_statistic: float | None = None) -> float:
        """Cox-Snell R2 for a C statistic, or what is usual where nothing is known."""
        r2_of = r2_from_auc if self.kind == "binary" else r2_from_c_index
        if c_statistic is None:
            return min(USUAL_SHARE * largest_r2(self.kind, self.share), r2_of(USUAL_C, self.share))
        return r2_of(c_statistic, self.share)


def study_of(recipe: Recipe, rows: Rows) -> Study:
    """The size of what ``recipe`` learns from."""
    patients, events = (len(np.unique(codes)) for codes in (rows.patient, rows.patient[rows.event]))
    parameters = len(recipe.features)
    if rows.time is None:
        return Study("binary", patients, events, parameters)
    observed = rows.time if rows.entry is None else rows.time - rows.entry
    return Study("survival", patients, events, parameters, float(observed.sum()) / patients, recipe.horizon_months)


def plan(study: Study, c_statistic: float | None = None) -> dict[str, Any]:
    """What the criteria ask of a study, and what to expect of this one.

    Parameters
    ----------
    study : Study
    c_statistic : float, optional
        Of the model to be; without it, predictors explain 15 % of what could be explained, and reach 0.8 at most.

    Returns
    -------
    dict
        Plain data: counts, ``assumed`` (C statistic, ``r2``, ``largest_r2``), ``criteria`` (each with ``patients``,
        ``events`` and whether it is ``met``), ``patients_needed``, ``events_needed``, ``met``,
        ``parameters_carried``, ``expected_shrinkage``, ``expected_c_interval``, ``expected_error`` (binary) and
        ``risk_margin``.

    Raises
    ------
    ValueError
        If the C statistic is not between 0.5 and 1.
    """
    r2 = study.r2(c_statistic)
    c = c_from_r2(study.kind, r2, study.share) if c_statistic is None else c_statistic
    sizes = _sizes(study, r2)
    needed = max(sizes.values())
    binary = study.kind == "binary"
    error = expected_error(study.parameters, study.patients, study.share) if binary else None
    return {
        "kind": study.kind,
        "patients": study.patients,
        "events": study.events,
        "parameters": study.parameters,
        "events_per_parameter": _figures(study.events / study.parameters),
        "overall_risk": _figures(study.overall_risk),
        "follow_up_months": None if study.follow_up_months is None else _figures(study.follow_up_months),
        "horizon_months": study.horizon_months,
        "assumed": {
            "given": c_statistic is not None,
            "c_statistic": _figures(c),
            "r2": _figures(r2),
            "largest_r2": _figures(largest_r2(study.kind, study.share)),
        },
        "criteria": [
            {"name": name, "patients": n, "events": math.ceil(n * study.share), "met": study.patients >= n}
            for name, n in sizes.items()
        ],
        "patients_needed": needed,
        "events_needed": math.ceil(needed * study.share),
        "met": study.patients >= needed,
        "parameters_carried": _parameters_carried(study, r2),
        "expected_shrinkage": _figures(expected_shrinkage(study.parameters, study.patients, r2)),
        "expected_c_interval": [_figures(end) for end in c_interval(c, study.share, study.patients)],
        "expected_error": None if error is None else _figures(error),
        "risk_margin": _figures(_risk_margin(study)),
    }


def external_validation(
    study: Study, c_statistic: float | None = None, threshold: float | None = None
) -> dict[str, Any]:
    """Patients with a known outcome that an external validation needs, by measure.

    For survival, patients followed to the horizon or the event; those censored before come on top.
    """
    c = c_from_r2(study.kind, study.r2(), study.share) if c_statistic is None else c_statistic
    risk = study.overall_risk
    sizes = validation_sizes(c, risk, threshold)
    return {
        "c_statistic": _figures(c),
        "overall_risk": _figures(risk),
        "threshold": _figures(risk if threshold is None else threshold),
        "measures": [{"name": name, "patients": n, "events": math.ceil(n * risk)} for name, n in sizes.items()],
        "patients_needed": max(sizes.values()),
        "events_needed": math.ceil(max(sizes.values()) * risk),
    }


def planning_summary(recipe: Recipe, rows: Rows, evaluation: Evaluation | None = None) -> dict[str, Any]:
    """The plan of a training as it stands in a manifest.

    The verdict rests on what could be assumed beforehand, not on what this cohort happened to show; with an
    ``evaluation``, ``at_estimate`` says what its cross-validated C statistic would ask for.
    """
    study = study_of(recipe, rows)
    summary = plan(study)
    summary["shrunk"] = shrinks(recipe)
    estimate = None if evaluation is None else next(iter(evaluation.metrics.values())).value
    # Beyond 0.99 the formulas have no use: they would ask for next to nobody.
    if estimate is not None and 0.5 < estimate <= 0.99:
        other = plan(study, estimate)
        kept = ("met", "patients_needed", "events_needed", "expected_shrinkage")
        summary["at_estimate"] = {"c_statistic": _figures(estimate), **{name: other[name] for name in kept}}
    return summary


@dataclass(frozen=True, slots=True)
class Carried:
    """Whether a cohort's events can carry a recipe; ``why`` says, where they cannot, what would do."""

    carried: bool
    why: str = ""

    def __bool__(self) -> bool:
        return self.carried


def shrinks(recipe: Recipe) -> bool | None:
    """Whether a recipe's learners have priors, penalties or leaves that hold them back; None where nobody can know."""
    if is_outside(recipe.learner):
        return None
    return not any(part.kind in UNSHRUNK for part in parts_of(recipe.learner))


def carries(recipe: Recipe, rows: Rows) -> Carried:
    """Whether there are enough events for each parameter that the model can be expected to beat its comparator."""
    return carried_by(study_of(recipe, rows), shrunk=shrinks(recipe) is not False)


def carried_by(study: Study, *, shrunk: bool = True, least_events: int = 0) -> Carried:
    """`carries` for a study that is only planned.

    One event a parameter for learners that shrink, three for those that do not, and ``least_events`` in any case; of a
    binary outcome the rarer side counts.
    """
    least, count = LEAST_PER_PARAMETER if shrunk else LEAST_UNSHRUNK, study.parameters
    told = min(study.events, study.patients - study.events) if study.kind == "binary" else study.events
    needed = max(least_events, math.ceil(least * count))
    if told >= needed:
        return Carried(carried=True)
    size = math.ceil(needed * study.patients / told)
    ways = [f"{needed} such patients would do (at this rate about {size:,} in all)"]
    most = int(told / least) if told >= least_events else 0
    ways += [f"so would a recipe of at most {_counted(most, 'predictor')}"] if most else []
    ways += [] if shrunk else ["a learner with a prior, such as ridge_logistic, needs fewer"]
    side = "without" if told < study.events else "with"
    have = f"{told} of {study.patients} patients {side} the event cannot carry {_counted(count, 'predictor')}"
    return Carried(
        carried=False, why="; ".join([f"{have}{'' if shrunk else ' of a learner that does not shrink'}", *ways])
    )


def check_carried(recipe: Recipe, rows: Rows) -> None:
    """Refuse a training whose result would be worse than saying the same of everybody.

    Raises
    ------
    NotEstimableError
        With what would do.
    """
    verdict = carries(recipe, rows)
    if not verdict:
        raise NotEstimableError(f"{recipe.name}: {verdict.why}")


def _sizes(study: Study, r2: float) -> dict[str, int]:
    return {
        "shrinkage": size_for_shrinkage(study.parameters, r2, SHRINKAGE),
        "optimism": size_for_optimism(study.parameters, r2, largest_r2(study.kind, study.share), OPTIMISM),
        "overall_risk": _size_for_overall_risk(study),
    }


def _size_for_overall_risk(study: Study) -> int:
    if study.follow_up_months is None or study.horizon_months is None:
        return size_for_risk(study.share)
    return size_for_incidence(study.share / study.follow_up_months, study.horizon_months, study.follow_up_months)


def _parameters_carried(study: Study, r2: float) -> int:
    """The most parameters with which overfitting stays within both criteria."""
    optimism = r2 / (r2 + OPTIMISM * largest_r2(study.kind, study.share))
    return int(min(study.patients * (s - 1) * math.log1p(-r2 / s) for s in (SHRINKAGE, optimism)))


def _risk_margin(study: Study) -> float:
    """Half the width of the 95 % interval of the overall risk: normal, or at a constant rate."""
    if study.follow_up_months is None or study.horizon_months is None:
        return 1.96 * math.sqrt(study.share * (1 - study.share) / study.patients)
    step = 1.96 * study.horizon_months / study.follow_up_months * math.sqrt(study.events) / study.patients
    return (1 - study.overall_risk) * math.sinh(step)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _figures(number: float) -> float:
    """Four digits: more would claim too much, and differ between machines."""
    return float(f"{number:.4g}")
