"""How long patients were followed, and how late a prediction can be judged by them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskml.errors import NotEstimableError
from riskml.training.metrics.survival import kaplan_meier

FloatArray = NDArray[np.float64]
# A horizon is judged where this share of patients would have been followed that long, had nobody had an event.
LEAST_FOLLOWED = 0.9


def potential_follow_up(
    share: float, time: FloatArray, ended: NDArray[np.bool_], entry: FloatArray | None = None
) -> float:
    """A percentile of potential follow-up: the time by which that share of patients is lost (reverse Kaplan-Meier).

    Parameters
    ----------
    share : float
        0.5 for the median follow-up.
    time : float array of shape (n_rows,)
        Months to an event or to last contact.
    ended : bool array of shape (n_rows,)
        Whether an event of any cause was seen then.
    entry : float array of shape (n_rows,), optional
        When observation began.

    Returns
    -------
    float
        inf where fewer than that share are lost by the last time seen.

    References
    ----------
    Schemper M, Smith TL. A note on quantifying follow-up in studies of failure time. Control Clin Trials
    1996;17:343-346.
    """
    curve = kaplan_meier(time, ~ended, entry)
    past = np.flatnonzero(curve.survival <= 1 - share + 1e-12)
    return float(curve.times[past[0]]) if past.size else float("inf")


def check_horizon(
    name: str,
    horizon_months: float,
    time: FloatArray,
    ended: NDArray[np.bool_],
    entry: FloatArray | None = None,
    *,
    forced: bool = False,
) -> None:
    """Refuse to judge predictions at a month that more than a tenth of the patients were not followed to.

    Past it the answer rests on weights for those who were lost more than on patients who were seen.

    Parameters
    ----------
    name : str
        Of the model, for the message.
    horizon_months : float
    time, ended, entry
        As for :func:`potential_follow_up`.
    forced : bool
        Whether to judge all the same.

    Raises
    ------
    NotEstimableError
        If the horizon is past the 10th percentile of potential follow-up and is not forced.
    """
    reached = potential_follow_up(1 - LEAST_FOLLOWED, time, ended, entry)
    if forced or horizon_months <= reached:
        return
    raise NotEstimableError(
        f"{name} is judged at {horizon_months:g} months, but {1 - LEAST_FOLLOWED:.0%} of patients were followed for "
        f"{reached:.1f} months or less (potential follow-up, events aside): choose a horizon_months up to "
        f"{np.floor(reached):g}, wait for longer follow-up, or force it with --force-horizon (force_horizon = true "
        "under [evaluation] of the recipe)"
    )
