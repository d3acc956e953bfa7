"""Counting pairs of patients: for each query, how many points with a later key have a lower, and a higher, risk.

Concordance is such a count. All pairs at once is O(n^2) and fast for a few hundred patients, the size of a bootstrap
sample; a million patients need the wavelet form, O(n log n). Both give the same counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.training.metrics.binary import FloatArray

IntArray = NDArray[np.int64]
AnyInt = NDArray[np.integer]
# Up to this many pairs all of them at once are faster; a block of pairs also has to fit the processor's cache.
MOST_PAIRS = 2**17


@dataclass(frozen=True, slots=True, eq=False)
class Dominance:
    """Of the points later than each query: the weight of those of lower risk, of higher risk, and of all.

    Each of shape (n_queries,); int64 counts without weights, float64 with them.
    """

    lower: NDArray[Any]
    higher: NDArray[Any]
    total: NDArray[Any]


def dominance(
    key: AnyInt, risk: FloatArray, other_key: AnyInt, other_risk: FloatArray, weight: FloatArray | None = None
) -> Dominance:
    """Count, for each query, the points with ``other_key`` > ``key`` by how their risk compares.

    Parameters
    ----------
    key : int array of shape (n_queries,)
        0 or more.
    risk : float array of shape (n_queries,)
    other_key : int array of shape (n_points,)
        0 or more.
    other_risk : float array of shape (n_points,)
    weight : float array of shape (n_points,), optional
        What a point counts for; 1 if not given.

    Returns
    -------
    Dominance

    References
    ----------
    Grossi R, Gupta A, Vitter JS. High-order entropy-compressed text indexes. SODA 2003:841-850 (the wavelet tree).
    Claude F, Navarro G. The wavelet matrix. SPIRE 2012, LNCS 7608:167-179 (the same with one partition a level).
    """
    if key.size * other_key.size <= MOST_PAIRS:
        return _all_pairs(key, risk, other_key, other_risk, weight)
    return _wavelet(key, risk, other_key, other_risk, weight)


def _all_pairs(
    key: AnyInt, risk: FloatArray, other_key: AnyInt, other_risk: FloatArray, weight: FloatArray | None
) -> Dominance:
    later = other_key > key[:, None]
    lower, higher = later & (other_risk < risk[:, None]), later & (other_risk > risk[:, None])
    if weight is None:
        return Dominance(*(np.count_nonzero(pairs, axis=1) for pairs in (lower, higher, later)))
    return Dominance(lower @ weight, higher @ weight, later @ weight)


def _wavelet(
    key: AnyInt, risk: FloatArray, other_key: AnyInt, other_risk: FloatArray, weight: FloatArray | None
) -> Dominance:
    """Descend the bits of the rank of risk, highest first, the points in order of falling key within each prefix.

    The points later than a query and of its prefix are a run, start to end. Where the query's next bit is 1, the points
    of the run with 0 have a lower risk than it; where it is 0, those with 1 have a higher one.
    """
    n = other_key.size
    order = np.argsort(-other_key, kind="stable")
    end = n - np.searchsorted(other_key[order[::-1]], key, side="right")
    _, rank = np.unique(np.concatenate([other_risk, risk]), return_inverse=True)
    asked, rank = rank[n:], rank[:n][order].astype(np.int32)
    mass = None if weight is None else weight[order]
    total = end if mass is None else np.append(0.0, np.cumsum(mass))[end]
    lower, higher, start = np.zeros_like(total), np.zeros_like(total), np.zeros_like(end)
    for bit in reversed(range(int(max(asked.max(initial=0), rank.max(initial=0))).bit_length())):
        one, asks_one = (rank >> bit & 1).astype(bool), (asked >> bit & 1).astype(bool)
        ones = _sums_before(one, np.int32)
        from_one, to_one = ones[start], ones[end]
        if mass is None:
            passed = np.where(asks_one, (end - start) - (to_one - from_one), to_one - from_one)
        else:
            heavy, all_mass = _sums_before(np.where(one, mass, 0.0), float), _sums_before(mass, float)
            of_ones = heavy[end] - heavy[start]
            passed = np.where(asks_one, all_mass[end] - all_mass[start] - of_ones, of_ones)
            mass = np.concatenate([mass[~one], mass[one]])
        lower += np.where(asks_one, passed, 0)
        higher += np.where(asks_one, 0, passed)
        n_zeros = n - int(ones[-1])
        start = np.where(asks_one, n_zeros + from_one, start - from_one)
        end = np.where(asks_one, n_zeros + to_one, end - to_one)
        rank = np.concatenate([rank[~one], rank[one]])
    return Dominance(lower, higher, total)


def _sums_before(values: NDArray[Any], dtype: type) -> NDArray[Any]:
    """Sum of what stands before each position, the end included."""
    sums: NDArray[Any] = np.zeros(values.size + 1, dtype)
    np.cumsum(values, dtype=dtype, out=sums[1:])
    return sums
