"""The updating ladder: which rungs the events can carry, and which of these closed testing takes.

References
----------
Vergouwe Y et al. A closed testing procedure to select an appropriate method for updating prediction models. Stat Med
2017;36:4529-4539.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import chi2

from riskml.cohort.cohort import Cohort
from riskml.cohort.outcomes import Target
from riskml.errors import NotEstimableError
from riskml.runtime.bundle import Bundle
from riskml.runtime.model import PortableModel
from riskml.training.planning import plan, study_of
from riskml.training.transfer.problem import Problem
from riskml.training.transfer.refit import Refit, recipe_of, refit_of
from riskml.training.transfer.revision import can_deviate
from riskml.training.transfer.rungs import RUNGS, Update, fit_rung, unrestricted

ALPHA = 0.05
# Events a rung asks for, and why. Of a binary outcome the rarer side counts.
EVENTS_FOR: Mapping[str, tuple[int, str]] = {
    "intercept": (10, "the standard error of a level is 1 / sqrt(events) or more, 0.3 on the log scale with 10"),
    "intercept_and_slope": (30, "the standard error of a slope is about 0.25 with 30 events and a C of 0.7"),
    "revision": (30, "deviations shrunk to 0 cost little where nothing changed (docs/updating.md)"),
}
# Shrunken coefficients need half of the usual ten events each (Pavlou M et al. Stat Med 2016;35:1159-1177).
EVENTS_PER_COEFFICIENT = 5
_MODEL_OF_ITS_OWN = "the sample size for a model of its own (Riley RD et al. Stat Med 2019;38:1276-1296)"


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a rung may be tried.

    Attributes
    ----------
    rung : str
    needed : int or None
        Patients with the event (of a binary outcome the rarer side) it asks for; None where nobody can say.
    events : int
        How many there are.
    because : str
        Why it asks for so many.
    closed : str
        What else keeps it shut; empty where nothing does.
    """

    rung: str
    needed: int | None
    events: int
    because: str
    closed: str = ""

    @property
    def open(self) -> bool:
        """Whether the rung may be tried."""
        return not self.closed and self.needed is not None and self.events >= self.needed

    @property
    def reason(self) -> str:
        """Why it is open or not, and what would open it."""
        if self.closed:
            return self.closed
        if self.open:
            return f"{self.events} events; it asks for {self.needed}: {self.because}"
        return f"{self.events} events, {self.needed} would open it: {self.because}"

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "rung": self.rung,
            "open": self.open,
            "events": self.events,
            "events_needed": self.needed,
            "reason": self.reason,
        }


def gates_of(
    bundle: Bundle, cohort: Cohort, target: Target, *, force_horizon: bool = False
) -> tuple[tuple[Gate, ...], Refit | None]:
    """The gates of all rungs above none, and what a refit is trained from where its gate is open.

    Parameters
    ----------
    bundle : Bundle
    cohort : Cohort
    target : Target
        The bundle's outcome in the cohort.
    force_horizon : bool
        Whether a refit may be judged past the 10th percentile of follow-up.
    """
    gate, refit = _refit_gate(bundle, cohort, target, force_horizon=force_horizon)
    return (*gates_below_refit(bundle.model, target), gate), refit


def gates_below_refit(model: PortableModel, target: Target) -> tuple[Gate, ...]:
    """The gates of the rungs that start from the parent's own coefficients."""
    events, coefficients, found = events_of(target), len(model.features), []
    for rung, (needed, because) in EVENTS_FOR.items():
        if rung != "revision":
            found.append(Gate(rung, needed, events, because))
            continue
        asked = max(needed, EVENTS_PER_COEFFICIENT * coefficients)
        both = f"{because}, and {EVENTS_PER_COEFFICIENT} events for each of {coefficients} coefficients"
        closed = "" if can_deviate(model) else "no member of the model is linear: trees have no coefficients to move"
        found.append(Gate(rung, asked, events, both, closed))
    return tuple(found)


def events_of(target: Target) -> int:
    """Patients with the event; of a binary outcome those without where they are fewer."""
    events = len(set(target.patient[target.event].tolist()))
    return min(events, target.n_patients - events) if target.time is None else events


def _refit_gate(bundle: Bundle, cohort: Cohort, target: Target, *, force_horizon: bool) -> tuple[Gate, Refit | None]:
    needed, events = None, events_of(target)
    try:
        recipe = recipe_of(bundle, force_horizon=force_horizon)
        size = plan(study_of(recipe, target))
        needed = int(size["events_needed"])
        if not size["met"]:
            return Gate("refit", max(needed, events + 1), events, _MODEL_OF_ITS_OWN), None
        return Gate("refit", min(needed, events), events, _MODEL_OF_ITS_OWN), refit_of(recipe, cohort)
    except NotEstimableError as error:
        return Gate("refit", needed, events, _MODEL_OF_ITS_OWN, f"not possible: {error}"), None


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The rung that closed testing takes.

    Attributes
    ----------
    rung : str
    update : Update or None
        Of that rung; None where the refit was taken, which is no update of the parent's coefficients.
    p_values : mapping of str to float
        Each smaller rung against the largest; those after the first that is not significantly worse, too.
    largest : str
        What they were tested against.
    """

    rung: str
    update: Update | None
    p_values: Mapping[str, float]
    largest: str


def choose(problem: Problem, open_rungs: Collection[str]) -> Choice:
    """Take the smallest rung that is not significantly worse than the largest.

    Revision and refit have the same coefficients, so as the largest both stand for all of these free of any prior.
    A revision is then tested against the refit by the likelihood its shrinkage costs, with as many degrees of freedom
    as it takes away (trace of information times covariance).

    Parameters
    ----------
    problem : Problem
    open_rungs : collection of str
        Those whose gates are open; "none" always is. A rung without an estimate (separation) is passed over.

    Raises
    ------
    NotEstimableError
        If not even a level has an estimate.
    """
    fits = {"none": fit_rung(problem, "none")} | _estimable(problem, [r for r in RUNGS[1:-1] if r in open_rungs])
    largest, best, size = _largest(problem, open_rungs, fits)
    smaller = {rung: fit for rung, fit in fits.items() if rung != largest}
    tests = {rung: _p_value(best - fit.log_likelihood, size - fit.free) for rung, fit in smaller.items()}
    rung = next((rung for rung, p in tests.items() if p >= ALPHA), largest)
    return Choice(rung, fits.get(rung), tests, largest)


def _estimable(problem: Problem, rungs: Sequence[str]) -> dict[str, Update]:
    """Every rung that has an estimate, smallest first; the first must have one."""
    found = {}
    for rung in rungs:
        try:
            found[rung] = fit_rung(problem, rung)
        except NotEstimableError:
            if rung == "intercept":
                raise
    return found


def _largest(problem: Problem, open_rungs: Collection[str], fits: Mapping[str, Update]) -> tuple[str, float, float]:
    """The largest rung with an estimate, its log-likelihood and how many parameters it sets free."""
    full = "refit" if "refit" in open_rungs else "revision"
    if full in open_rungs and (full == "refit" or full in fits):
        try:
            return full, *unrestricted(problem)
        except NotEstimableError:  # no slope, which the other coefficients stand on
            fits = {rung: fit for rung, fit in fits.items() if rung != full}
    last = list(fits)[-1]
    return last, fits[last].log_likelihood, fits[last].free


def _p_value(gain: float, freedom: float) -> float:
    """Likelihood-ratio test; freedom that the data do not tell apart leaves nothing to test."""
    return float(chi2.sf(max(0.0, 2 * gain), freedom)) if freedom > 1e-2 else 1.0


def why(choice: Choice, gates: Sequence[Gate]) -> str:
    """The choice in words, with its p values."""
    names = {rung: words(rung) for rung in RUNGS}
    if not choice.p_values:
        return "nothing but the parent as it is could be tried"
    shown = "; ".join(f"{names[rung]} p {_p(p)}" for rung, p in choice.p_values.items())
    if choice.rung == choice.largest:
        taken = f"every smaller change is significantly worse than the {names[choice.largest]}"
    else:
        taken = f"the smallest change that is not significantly worse than the {names[choice.largest]}"
    most = [gate.rung for gate in gates if gate.open][-1]
    lost = "" if most == choice.largest else f"; the {names[most]} has no finite estimate here (separation)"
    return f"{taken} (likelihood-ratio tests against it: {shown}){lost}"


def words(rung: str) -> str:
    """A rung as it is written for a person."""
    return {"none": "parent as it is", "revision": "shrunken revision"}.get(rung, rung.replace("_", " "))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
