"""Where a prediction stands on the scale of the linear predictor, for models of any kind of member.

Folds and hospitals have baselines of their own. Ranking and slopes are judged on log-odds, or on the log hazard without
the baseline.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from riskml.runtime.model import PortableModel
from riskml.runtime.score import score_table, value

FloatArray = NDArray[np.float64]
# Survival and risk are kept this far from certainty before their logarithm is taken.
_EDGE = 1e-12


def reference_hazard(model: PortableModel, times: Sequence[float]) -> FloatArray:
    """Cumulative hazard of the reference patient of a survival model at each of ``times``, shape (n_times,).

    The baseline of proportional hazards members (weighted over them); for others the patient of whom nothing is known.
    """
    baselines = [(member.weight, member.baseline) for member in model.members]
    if model.is_linear and all(baseline is not None for _, baseline in baselines):
        return np.array([math.fsum(w * b.at(t) for w, b in baselines if b is not None) for t in times])
    return -np.log(np.maximum(value(model, {}, times), _EDGE))


def link_of(model: PortableModel, scores: FloatArray, horizon_months: float) -> FloatArray:
    """Log-odds of probabilities, or log hazard against the reference patient of S(horizon); shape (n_rows,).

    Parameters
    ----------
    model : PortableModel
        The model that gave ``scores``.
    scores : float array of shape (n_rows,)
        Probabilities, survival or cumulative incidence at the horizon.
    horizon_months : float
        Ignored for a binary outcome.
    """
    scores = np.clip(scores, _EDGE, 1 - _EDGE)
    if model.kind == "binary":
        return np.asarray(np.log(scores / (1 - scores)))
    if model.kind == "incidence":  # the subdistribution hazard of the cause plays the part of the hazard
        base = score_table(model, {}, 1, (horizon_months,))[:, 0]
        return np.asarray(_log_hazard(1 - scores) - _log_hazard(1 - np.clip(base, _EDGE, 1 - _EDGE)))
    hazard = float(reference_hazard(model, (horizon_months,))[0])
    if hazard == 0:  # all early events are in this test fold: the model says S = 1 for everybody and ranks nobody
        return np.zeros(len(scores))
    return np.asarray(_log_hazard(scores) - math.log(hazard))


def _log_hazard(survival: FloatArray) -> FloatArray:
    return np.asarray(np.log(-np.log(survival)))
