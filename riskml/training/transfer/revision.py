r"""A fitted rung put into the members of a portable model: what moves, and what stays.

========================== =========================================================================================
member                     becomes
========================== =========================================================================================
linear, logistic           :math:`a + b \, lp + (f - centre) \delta`
linear or trees, baseline  the baseline times :math:`e^a`, the predictor times b; linear ones get the deviations, too
causes, incidence          the same for the first cause; the competing causes stay the parent's
any other                  intercept a and slope b on its log-odds or log cumulative hazard (``Calibrated``)
========================== =========================================================================================

Trees and recalibrated members so take no deviations: in an average with them a revision moves the linear part alone.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from riskml.errors import NotEstimableError
from riskml.runtime.members import Causes, Linear, Member, Trees
from riskml.runtime.model import PortableModel
from riskml.runtime.responses import Logistic
from riskml.runtime.time_responses import Baseline, Incidence
from riskml.training.precision import rounded
from riskml.training.recalibrate import recalibrated
from riskml.training.train import BOOTSTRAP_DIGITS, DIGITS, LEAF_DIGITS
from riskml.training.transfer.problem import Cases, has_baselines, pose
from riskml.training.transfer.rungs import LEAST_POWER, Update


@dataclass(frozen=True, slots=True)
class _Change:
    """An update as numbers for a member: a with the centre of the deviations taken off, b, delta."""

    intercept: float
    slope: float
    delta: tuple[float, ...]
    off: float

    @classmethod
    def of(cls, update: Update) -> _Change:
        delta, inputs = update.delta, update.inputs
        if delta is None or inputs is None:
            return cls(update.intercept, update.slope, (), 0.0)
        return cls(update.intercept, update.slope, tuple(delta.tolist()), float(inputs.centre @ delta))

    def deviated(self, linear: Linear) -> Linear:
        """The linear predictor with the deviations added."""
        if not self.delta:
            return linear
        moved = tuple(c + d for c, d in zip(linear.coefficients, self.delta, strict=True))
        return Linear(linear.intercept - self.off, moved)


def can_deviate(model: PortableModel) -> bool:
    """Whether a revision would move anything that a recalibration does not."""
    return any(_deviates(member) for member in model.members)


def _deviates(member: Member) -> bool:
    plain = isinstance(member.predictor, Linear) and isinstance(member.response, (Logistic, Baseline))
    return plain or isinstance(member.response, Incidence)


def revised(member: Member, update: Update, *, baselines: bool) -> Member:
    """The member after the update.

    Parameters
    ----------
    member : Member
    update : Update
    baselines : bool
        Whether all members of the model have baselines, so that a level is a factor of these
        (:func:`riskml.training.transfer.problem.has_baselines`); a power of the cumulative hazard otherwise.
    """
    change = _Change.of(update)
    predictor, response = member.predictor, member.response
    if baselines and isinstance(predictor, Causes) and isinstance(response, Incidence):
        first = change.deviated(_stretched(predictor.linears[0], change.slope))
        hazards = (_raised(response.baselines[0], change.intercept), *response.baselines[1:])
        return Member(member.weight, Causes((first, *predictor.linears[1:])), Incidence(hazards))
    if baselines and isinstance(response, Baseline):
        baseline = _raised(response, change.intercept)
        if isinstance(predictor, Trees):
            base = tuple(change.slope * base for base in predictor.base)
            return Member(member.weight, Trees(base, change.slope * predictor.scale, predictor.trees), baseline)
        return Member(member.weight, change.deviated(_stretched(member.linear, change.slope)), baseline)
    slope = change.slope
    if response.outcome == "survival":
        slope = max(slope, LEAST_POWER)
    elif not _deviates(member):  # the portable form takes no falling calibration
        slope = max(slope, 0.0)
    moved = recalibrated(member, (change.intercept, slope))
    return Member(moved.weight, change.deviated(moved.linear), moved.response) if _deviates(moved) else moved


def _stretched(linear: Linear, slope: float) -> Linear:
    return Linear(slope * linear.intercept, tuple(slope * c for c in linear.coefficients))


def _raised(baseline: Baseline, level: float) -> Baseline:
    return Baseline(baseline.times, tuple(math.exp(level) * hazard for hazard in baseline.cumulative_hazard))


def updated(model: PortableModel, update: Update) -> PortableModel:
    """The model after the update, without draws: they need updates of their own (`updated_draws`)."""
    baselines = has_baselines(model)
    members = tuple(rounded(revised(m, update, baselines=baselines), DIGITS) for m in model.members)
    return model.with_(members=members, bootstrap=())


def updated_draws(model: PortableModel, cases: Cases, update: Update, *, seed: int) -> tuple[tuple[Member, ...], ...]:
    """The refits behind the interval, each with an update of its own (`Update.drawn`), shape as ``model.bootstrap``.

    Parameters
    ----------
    model : PortableModel
        The parent.
    cases : Cases
    update : Update
        The child's; where a refit allows no level of its own it stands in.
    seed : int
        Each draw has a stream of its own.
    """
    found = []
    for index, members in enumerate(model.bootstrap):
        own, moved = model.with_(members=members, bootstrap=()), update
        with suppress(NotEstimableError):
            moved = update.drawn(pose(own, cases), np.random.default_rng(np.random.SeedSequence([seed, index, 2])))
        put = (revised(member, moved, baselines=has_baselines(own)) for member in members)
        found.append(tuple(rounded(member, BOOTSTRAP_DIGITS, LEAF_DIGITS) for member in put))
    return tuple(found)
