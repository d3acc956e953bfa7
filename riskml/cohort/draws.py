"""Seeded draws for synthetic cohorts: named streams, quotas, events with a given total, truncated log-normals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from riskml.cohort.truth import FloatArray


class Streams:
    """One independent random generator a name, all from one seed.

    A name, not the order of the calls, picks the child of the seed: a column added later leaves the others alone.

    Parameters
    ----------
    seed : int
        0 or more.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, name: str) -> np.random.Generator:
        """A fresh generator for ``name``; asking twice gives the same numbers again."""
        return np.random.Generator(
            np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=(crc32(name.encode()),)))
        )

    def of_patients(self, name: str) -> np.random.Generator:
        """A generator for one number a patient where the table has one row a course."""
        return self(name)


@dataclass(frozen=True, slots=True)
class Part:
    """Rows ``start`` to ``stop`` of a table of ``size`` rows."""

    start: int
    stop: int
    size: int


class PartialStreams:
    """The streams of a long table, for some of its rows: each row gets the numbers it would get in the whole table.

    Whole columns are drawn and the part is cut out of them, so the cells do not depend on how the table was cut.

    Parameters
    ----------
    streams : Streams
    rows, patients : Part
        The rows wanted, and their patients; no patient may be cut in two.
    drawn : dict
        Whole columns drawn so far, to be shared by all parts of one table.
    """

    def __init__(self, streams: Streams, rows: Part, patients: Part, drawn: dict[tuple[str, int], Any]) -> None:
        self._streams, self._rows, self._patients, self._drawn = streams, rows, patients, drawn

    def __call__(self, name: str) -> PartialGenerator:
        """The numbers of these rows in the stream ``name``."""
        return PartialGenerator(self._streams(name), name, self._rows, self._drawn)

    def of_patients(self, name: str) -> PartialGenerator:
        """The numbers of these patients in the stream ``name``."""
        return PartialGenerator(self._streams(name), name, self._patients, self._drawn)


class PartialGenerator:
    """The two draws that the text of a cohort needs, of a part of the rows."""

    def __init__(self, rng: np.random.Generator, name: str, part: Part, drawn: dict[tuple[str, int], Any]) -> None:
        self._rng, self._name, self._part, self._drawn, self._calls = rng, name, part, drawn, 0

    def integers(self, low: int, high: int, size: int) -> NDArray[Any]:
        """As ``Generator.integers``, at most 256 different ones: kept as bytes, a word is chosen in every cell."""
        return self._cut(size, lambda whole: self._rng.integers(low, high, whole).astype(np.uint8))

    def random(self, size: int) -> NDArray[Any]:
        """As ``Generator.random``."""
        return self._cut(size, self._rng.random)

    def _cut(self, size: int, draw: Callable[[int], NDArray[Any]]) -> NDArray[Any]:
        key, part = (self._name, self._calls), self._part
        self._calls += 1
        if key not in self._drawn:
            # The first part makes every draw, in order and with one generator a name; later parts find them all.
            self._drawn[key] = draw(part.size)
        assert size == part.stop - part.start, "a part draws one number for each of its rows"
        cut: NDArray[Any] = self._drawn[key][part.start : part.stop]
        return cut


def largest_remainder(expected: FloatArray) -> NDArray[np.int64]:
    """Whole numbers near ``expected`` whose sum is its rounded sum: whole parts first, then the largest remainders.

    Hamilton's method (Balinski ML, Young HP. Fair Representation. Yale University Press 1982). Of equal remainders the
    earlier entry wins.

    Examples
    --------
    >>> largest_remainder(np.array([3.9, 2.4, 1.7])).tolist()
    [4, 2, 2]
    """
    # Rounded first: 2.9999999999999996 is three units and no remainder.
    exact = np.round(np.asarray(expected, dtype=float), 9)
    counts = np.floor(exact).astype(np.int64)
    left = math.floor(round(float(exact.sum()), 6) + 0.5) - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:left]] += 1
    return counts


def quota(shares: Mapping[str, float] | Sequence[float], size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions in ``shares``, in quota by largest remainder and in random order; shape (size,)."""
    weights = np.array(list(shares.values() if isinstance(shares, Mapping) else shares), dtype=float)
    return rng.permutation(np.repeat(np.arange(len(weights)), largest_remainder(weights / weights.sum() * size)))


def events(probability: FloatArray, rng: np.random.Generator, groups: NDArray[np.int64] | None) -> NDArray[np.bool_]:
    """Which rows have the event.

    With ``groups``, the number of events is fixed: in all at the rounded sum of the probabilities, in each group by
    largest remainder. Given these numbers the rows come from the exact conditional distribution, that of independent
    events which happen to have these totals, so odds ratios within a group stay those of the model. It is found by
    rejection (Hajek J. Ann Math Statist 1964;35:1491-1523), whose chance is of order 1 / sqrt(number of events).

    Parameters
    ----------
    probability : float array of shape (n_rows,)
        True probability of each row.
    rng : Generator
    groups : int array of shape (n_rows,), or None
        None draws every row independently, so the totals vary as in life.

    Returns
    -------
    bool array of shape (n_rows,)
    """
    if groups is None:
        return np.asarray(rng.random(len(probability)) < probability)
    labels, index = np.unique(groups, return_inverse=True)
    expected = np.bincount(index, weights=probability, minlength=len(labels)).astype(float)
    totals = largest_remainder(expected)
    happened = np.zeros(len(probability), dtype=bool)
    for group, total in enumerate(totals):
        rows = np.flatnonzero((index == group) & (probability > 0))
        drawn = np.zeros(len(rows), dtype=bool)
        while drawn.sum() != total:
            drawn = rng.random(len(rows)) < probability[rows]
        happened[rows] = drawn
    return happened


def lognormal(
    z: FloatArray,
    median: FloatArray | float,
    sd_log10: FloatArray | float,
    low: FloatArray | float,
    high: FloatArray | float,
) -> FloatArray:
    """Standard normal ``z`` as log-normal values cut to [low, high] by inverting the truncated distribution function.

    Parameters
    ----------
    z : float array of shape (n,)
        Standard normal draws.
    median : float or array of shape (n,)
        Median before the cut, in the unit of the result.
    sd_log10 : float or array of shape (n,)
        Standard deviation of log10 before the cut.
    low, high : float or arrays of shape (n,)
        Limits, in the unit of the result.
    """
    centre = np.log10(median)
    below, above = ndtr((np.log10(low) - centre) / sd_log10), ndtr((np.log10(high) - centre) / sd_log10)
    return np.asarray(10 ** (centre + sd_log10 * ndtri(below + ndtr(z) * (above - below))))
