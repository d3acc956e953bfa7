"""Unknown inputs filled in for learners that split: with values of patients who have them.

A linear predictor is neutral to a mean. A tree is not: it can split the mean off, learn the risk of patients whose
input is unknown, and never use it, because a prediction averages over known values. On a cohort with 40 % of some
lesions unknown this alone moved observed / expected from 1.0 to 0.81 (docs/methods.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

IntArray = NDArray[np.intp]
# With fewer donors of the same outcome, everybody who has the input is one.
LEAST_DONORS = 5


def outcome_strata(y: NDArray[Any]) -> IntArray:
    """Rows of like outcome: what happened, and whether it was seen in the earlier half of the times of its kind.

    Parameters
    ----------
    y : array of shape (n_rows,)
        Integers, or the structured array of a survival outcome (``event`` or ``cause``, ``time``).

    Returns
    -------
    int array of shape (n_rows,)
    """
    if not y.dtype.names:
        return np.asarray(y, dtype=np.intp)
    kind = y["cause" if "cause" in y.dtype.names else "event"].astype(np.intp)
    late = np.zeros(len(y), dtype=np.intp)
    for code in np.unique(kind):
        of_kind = kind == code
        late[of_kind] = y["time"][of_kind] > np.median(y["time"][of_kind])
    return np.asarray(2 * kind + late)


def with_donors(frame: pd.DataFrame, strata: IntArray, rng: np.random.Generator) -> pd.DataFrame:
    """The table with every unknown cell replaced by that of a random row of the same stratum.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_inputs)
    strata : int array of shape (n_rows,)
        `outcome_strata`, so that an input keeps its association with the outcome among those where it is drawn; zeros
        where the outcome must stay unknown.
    rng : numpy Generator

    Returns
    -------
    DataFrame
        Of the same shape. An input that nobody has stays unknown.

    References
    ----------
    Moons KGM et al. Using the outcome for imputation of missing predictor values was preferred. J Clin Epidemiol
    2006;59:1092-1101.
    """
    drawn = {}
    for name in frame:
        unknown, source = frame[name].isna().to_numpy(), np.arange(len(frame))
        if unknown.any() and not unknown.all():
            for stratum in np.unique(strata[unknown]):
                wanted, donors = unknown & (strata == stratum), np.flatnonzero(~unknown & (strata == stratum))
                if len(donors) < LEAST_DONORS:
                    donors = np.flatnonzero(~unknown)
                source[wanted] = rng.choice(donors, wanted.sum())
        drawn[name] = frame[name].array.take(source)
    return pd.DataFrame(drawn)
