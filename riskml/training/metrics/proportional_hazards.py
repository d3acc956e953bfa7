r"""Whether effects on the hazard change with time: Grambsch and Therneau's score test.

A term with effect :math:`\beta + \theta g(t)` has proportional hazards if :math:`\theta = 0`. The score test of that at
the maximum of Cox's likelihood needs no second fit. Here g(t) = 1 - S(t-), the Kaplan-Meier curve of all patients, so
that a few late events do not decide. It only spreads the events over [0, 1], so late entries do not count in it: with
them a curve can reach 0 in an early, small risk set, and g would say nothing any more. Applied to a model's own linear
predictor the test asks whether what the model says of the first months it also says of later ones.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtrc

from riskml.training.learners.cox_likelihood import CoxDesign, efron
from riskml.training.metrics.binary import BoolArray, FloatArray, maximise
from riskml.training.metrics.risk_sets import cox_design
from riskml.training.metrics.survival import checked, kaplan_meier

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class ScoreTest:
    """A chi-squared statistic with its degrees of freedom; statistic and p-value nan where there is none."""

    statistic: float
    freedom: int
    p_value: float


@dataclass(frozen=True, slots=True)
class ProportionalHazards:
    """The test of each term by itself and of all at once."""

    terms: Mapping[str, ScoreTest]
    overall: ScoreTest

    def as_dict(self) -> dict[str, dict[str, dict[str, float | int | None]] | dict[str, float | int | None]]:
        """Give the tests for JSON, which knows no nan: {"terms": {name: test}, "overall": test}."""
        return {"terms": {name: _fields(test) for name, test in self.terms.items()}, "overall": _fields(self.overall)}


def proportional_hazards(
    X: FloatArray,
    time: FloatArray,
    event: BoolArray,
    entry: FloatArray | None = None,
    *,
    terms: Mapping[str, Sequence[int]] | None = None,
) -> ProportionalHazards:
    """Test proportional hazards in a Cox model (Efron's ties) of the columns of ``X``.

    Parameters
    ----------
    X : float array of shape (n_patients, n_features)
    time : float array of shape (n_patients,)
    event : bool array of shape (n_patients,)
        False = censored.
    entry : float array of shape (n_patients,), optional
        When observation began, before ``time``.
    terms : mapping of name to column numbers, optional
        Columns tested together, such as the indicators of a factor; each column by its number if not given.

    Returns
    -------
    ProportionalHazards
        nan without a finite maximum of the likelihood (no event, constant or separating columns) and with fewer
        distinct event times than there are parameters, effects and their changes.

    Raises
    ------
    ValueError
        If shapes differ, a number is not finite, an entry is not before its exit or a term names no column of ``X``.

    References
    ----------
    Grambsch PM, Therneau TM. Proportional hazards tests and diagnostics based on weighted residuals. Biometrika
    1994;81:515-526.
    """
    time, event, entry = checked(time, event, entry)
    X = np.asarray(X, dtype=float)
    if X.ndim != 2 or len(X) != time.size or not np.isfinite(X).all():
        raise ValueError(f"X must hold finite numbers in {time.size} rows, got shape {X.shape}")
    named = {str(k): [k] for k in range(X.shape[1])} if terms is None else {k: list(v) for k, v in terms.items()}
    if any(not columns or not set(columns) <= set(range(X.shape[1])) for columns in named.values()):
        raise ValueError(f"terms must name columns 0 to {X.shape[1] - 1}, got {named}")
    score, information = _score(X, time, event, entry)
    tests = {name: _test(score, information, columns) for name, columns in named.items()}
    return ProportionalHazards(tests, _test(score, information, list(range(X.shape[1]))))


def _score(
    X: FloatArray, time: FloatArray, event: BoolArray, entry: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """The score of theta at the maximum, and the information of beta and theta; nan where there is no maximum."""
    p = X.shape[1]
    scale = X.std(axis=0) if X.size else np.zeros(p)
    none = np.full(p, NAN), np.full((2 * p, 2 * p), NAN)
    if not (scale > 0).all() or np.unique(time[event]).size < 2 * p:
        return none
    design = cox_design(X / scale, time, event, entry)
    beta = maximise(lambda at: efron(at, design), np.zeros(p))
    if np.isnan(beta).any():
        return none
    curve = kaplan_meier(time, event)
    weight = 1 - np.append(1.0, curve.survival)[np.searchsorted(curve.times, design.event_times)]
    weight -= weight.mean()  # which changes nothing at the maximum but keeps digits
    blocks = [_weighted(beta, design, weight**power) for power in (0, 1, 2)]
    information = np.block([[blocks[0][1], blocks[1][1]], [blocks[1][1], blocks[2][1]]])
    return blocks[1][0], information


def _weighted(beta: FloatArray, design: CoxDesign, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Score and information of Cox's likelihood with each event time counted ``weight`` times."""
    of_events = weight[design.tie]
    _, gradient, information = efron(beta, replace(design, tie_weight=design.tie_weight * of_events))
    # The likelihood takes these weights for what the events expect alone: here the events count as often, too.
    return gradient + (of_events - 1) @ design.X[design.deaths], information


def _test(score: FloatArray, information: FloatArray, columns: list[int]) -> ScoreTest:
    """Chi-squared of theta in ``columns``, with every beta free."""
    p = score.size
    kept = [*range(p), *(p + column for column in columns)]
    full, statistic = np.append(np.zeros(p), score[columns]), NAN
    with contextlib.suppress(np.linalg.LinAlgError):
        statistic = float(full @ np.linalg.solve(information[np.ix_(kept, kept)], full))
    return ScoreTest(statistic, len(columns), float(chdtrc(len(columns), statistic)))


def _fields(test: ScoreTest) -> dict[str, float | int | None]:
    finite = np.isfinite(test.statistic)
    return {
        "statistic": test.statistic if finite else None,
        "freedom": test.freedom,
        "p_value": test.p_value if finite else None,
    }
