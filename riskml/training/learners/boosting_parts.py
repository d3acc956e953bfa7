"""XGBoost over rows that are spread over the workers of a Dask cluster, for cohorts that one process cannot boost.

Histograms of the parts are added, so the trees are those of one process as long as no input has more different values
than XGBoost has bins (256); with more, the bins of merged sketches differ a little, and so do predictions.
Only losses that are sums over rows can be had so: not Cox's partial likelihood, whose sets at risk cross parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from distributed import Client


def boosted_in_parts(
    client: Client,
    settings: Mapping[str, Any],
    X: NDArray[np.float32],
    data: Mapping[str, NDArray[np.float64]],
    partition_rows: int,
    *,
    rounds: int,
) -> Any:
    """``xgboost.train`` over parts of so many rows.

    Parameters
    ----------
    client : distributed.Client
    settings : mapping
        Parameters of XGBoost, the objective included.
    X : array of shape (n_rows, n_features)
    data : mapping of name to array of shape (n_rows,)
        ``label`` (or ``label_lower_bound`` and ``label_upper_bound``) and ``weight``.
    partition_rows : int
        Rows of a part; each part is sent to one worker.
    rounds : int
        Number of trees.

    Returns
    -------
    xgboost.Booster

    References
    ----------
    Chen T, Guestrin C. XGBoost: a scalable tree boosting system. Proc 22nd ACM SIGKDD 2016:785-794 (section 3.3).
    """
    # Extras, which few have.
    import dask.array as da  # noqa: PLC0415
    from xgboost import dask as distributed_xgboost  # noqa: PLC0415

    parts = -(-len(X) // partition_rows)
    rows = -(-len(X) // parts)  # equal parts: a last one of a few rows would keep a worker waiting for the others
    columns = {name: da.from_array(values, chunks=rows) for name, values in data.items()}
    own = {name: value for name, value in settings.items() if name != "nthread"}  # threads are the worker's
    with client.as_current():  # XGBoost asks Dask for one, too
        matrix = distributed_xgboost.DaskDMatrix(client, da.from_array(X, chunks=(rows, X.shape[1])), **columns)
        return distributed_xgboost.train(client, own, matrix, num_boost_round=rounds)["booster"]
