"""Prediction instability: how far a patient's risk would move had another sample of the same size been learned from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.runtime.small_cells import count

FloatArray = NDArray[np.float64]
# Patients in a group of the instability curve, and groups at most.
LEAST_GROUP = 10
MOST_GROUPS = 10
_ENDS = (0.025, 0.975)
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def _figure(value: float) -> float:
    """Few enough digits that a manifest has the same bytes on another machine."""
    return float(f"{value:.6g}")


def stability(risk: FloatArray, refits: FloatArray, *, thresholds: Sequence[float]) -> dict[str, Any]:
    r"""Spread of the risks that refits to other samples give, around those of the model itself.

    The mean absolute difference is :math:`\frac{1}{nB} \sum_i \sum_b |\hat p_{bi} - \hat p_i|` over patients i and
    refits b; Riley and Collins call it the mean absolute prediction error (MAPE).

    Parameters
    ----------
    risk : float array of shape (n_rows,)
        Risk of each row by the model.
    refits : float array of shape (n_refits, n_rows)
        Risks of the same rows by models that learned from bootstrap samples.
    thresholds : sequence of float
        Risks from which one might act, each strictly between 0 and 1.

    Returns
    -------
    dict
        ``risk``, ``low``, ``high``, ``differences``, ``patients``: for groups of ten or more rows of like risk the mean
        risk, the means of each row's 2.5 and 97.5 percentiles over refits, the mean absolute difference, and the number
        of rows as text; all empty with fewer than ten rows. ``mean_absolute_difference``; ``quantiles`` of the absolute
        difference over rows and refits; ``moved_5_points`` and ``moved_10_points``: the share that moves by more;
        ``classification``: for each threshold the share that changes sides; ``refits``; ``words``. No value belongs to
        one row.

    Raises
    ------
    ValueError
        If shapes differ, there are fewer than two refits or no row, a risk is not in [0, 1], or a threshold is not
        strictly between 0 and 1.

    References
    ----------
    Riley RD, Collins GS. Stability of clinical prediction models developed using statistical or machine learning
    methods. Biom J 2023;65:2200302.
    """
    _check(risk, refits, thresholds)
    moved = np.abs(refits - risk)
    typical = dict(zip(_QUANTILES, np.quantile(moved, _QUANTILES), strict=True))
    half = 100 * typical[0.5]
    shown = "less than a point" if half < 0.5 else f"{half:.0f} point{'' if round(half) == 1 else 's'} or more"
    return {
        **_curve(risk, refits, moved),
        "mean_absolute_difference": _figure(moved.mean()),
        "quantiles": {f"{share:g}": _figure(value) for share, value in typical.items()},
        "moved_5_points": _figure((moved > 0.05).mean()),
        "moved_10_points": _figure((moved > 0.1).mean()),
        "classification": [
            {"threshold": float(t), "changed": _figure(((refits >= t) != (risk >= t)).mean())} for t in thresholds
        ],
        "refits": len(refits),
        "words": f"in another sample of the same size the risk of half of the patients would move by {shown}",
    }


def _check(risk: FloatArray, refits: FloatArray, thresholds: Sequence[float]) -> None:
    if risk.ndim != 1 or not risk.size:
        raise ValueError(f"risk must hold one value for each row, at least one, got shape {risk.shape}")
    if refits.ndim != 2 or refits.shape[1] != risk.size or len(refits) < 2:
        wanted = f"(2 or more, {risk.size})"
        raise ValueError(f"refits must be of shape {wanted}, refits by rows, got {refits.shape}")
    for name, values in (("risk", risk), ("refits", refits)):
        if not ((values >= 0) & (values <= 1)).all():
            raise ValueError(f"{name} must hold probabilities in [0, 1], got a value outside or nan")
    for threshold in thresholds:
        if not 0 < threshold < 1:
            raise ValueError(f"threshold must be strictly between 0 and 1, got {threshold!r}")


def _curve(risk: FloatArray, refits: FloatArray, moved: FloatArray) -> dict[str, list[Any]]:
    """The instability curve: means over groups, because the range of one row would be that of a patient."""
    number = min(MOST_GROUPS, risk.size // LEAST_GROUP)
    groups = np.array_split(np.argsort(risk, kind="stable"), number) if number else []
    low, high = np.quantile(refits, _ENDS, axis=0)
    rows = {"risk": risk, "low": low, "high": high, "differences": moved.mean(axis=0)}
    means: dict[str, list[Any]] = {name: [_figure(v[group].mean()) for group in groups] for name, v in rows.items()}
    return means | {"patients": [count(len(group)) for group in groups]}
