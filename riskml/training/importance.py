"""How much each input moves the estimates of a cohort, how sure that is, and how stable the order of the inputs is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from riskml.runtime.explain_table import explain_table
from riskml.runtime.members import Trees
from riskml.runtime.model import PortableModel
from riskml.runtime.score import score_table
from riskml.training.resample import bootstrap_rows

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]

# Refits explained, evenly spaced over those of the bundle: enough for the 5th and the 95th percentile, and fewer where
# each has hundreds of trees.
FEWEST_DRAWS, MOST_DRAWS = 40, 100
# A refit is explained on rows that stand for all; below the first number they are too few, above the second more do
# not help: what they lack of the cohort's spread comes in through the model's own effects on every row.
FEWEST_ROWS, MOST_ROWS = 20, 60
# Coalitions times prototypes times rows times refits: about a second.
_WORK = 40_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows over which a model is explained.

    Attributes
    ----------
    columns : mapping of input name to array of shape (n_rows,)
        As for :func:`riskml.runtime.score.score_table`.
    patient : int array of shape (n_rows,)
        Code of each row's patient: patients are resampled, not their courses.
    event : bool array of shape (n_rows,)
        Patients with and without are resampled apart, as in training; all False where nothing is known of them.
    """

    columns: Mapping[str, Any]
    patient: IntArray
    event: BoolArray

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.patient)

    @property
    def n_patients(self) -> int:
        """Number of different patients."""
        return len(np.unique(self.patient))

    def take(self, places: IntArray) -> Rows:
        """Some of the rows."""
        columns = {name: np.asarray(column)[places] for name, column in self.columns.items()}
        return Rows(columns, self.patient[places], self.event[places])


@dataclass(frozen=True, slots=True, eq=False)
class Importance:
    """Mean absolute effect of each input at one month, with its bootstrap.

    Attributes
    ----------
    mean : float array of shape (n_inputs,)
    draws : float array of shape (n_draws, n_inputs)
        The same in bootstrap samples of patients and refits; no rows where the model has no refits.
    level : float
        Of the intervals.
    """

    mean: FloatArray
    draws: FloatArray
    level: float

    @property
    def ends(self) -> tuple[FloatArray, FloatArray] | None:
        """Percentile interval, stretched to hold the mean; absolute values never fall below 0, so it does neither."""
        if not len(self.draws):
            return None
        tail = (1 - self.level) / 2
        low, high = np.quantile(self.draws, [tail, 1 - tail], axis=0)
        return np.minimum(low, self.mean), np.maximum(high, self.mean)

    @property
    def ranks(self) -> IntArray:
        """Rank of each input in each draw, 1 the most important, ties sharing the better one; (n_draws, n_inputs)."""
        return np.asarray(1 + (self.draws[:, None, :] > self.draws[:, :, None]).sum(axis=2), dtype=np.intp)

    @property
    def rank_shares(self) -> FloatArray:
        """Share of draws in which each input has rank 1, 2, ...; (n_inputs, n_inputs), by input and rank."""
        places = np.arange(1, len(self.mean) + 1)
        return np.asarray((self.ranks[:, :, None] == places).mean(axis=0)) if len(self.draws) else np.empty((0, 0))


def importance(model: PortableModel, rows: Rows, effects: FloatArray, *, month: float | None, seed: int) -> Importance:
    r"""Mean absolute Shapley value of each input, with a bootstrap of patients and refits.

    Parameters
    ----------
    model : PortableModel
    rows : Rows
    effects : float array of shape (n_rows, n_inputs)
        Of the model, on the scale of its answer, at ``month``; 0 where an input is missing, which counts.
    month : float or None
        None for a binary outcome.
    seed : int
        Seed of the samples: that of the training draws the samples the refits were fitted to.

    Notes
    -----
    Draw b is :math:`\bar r_{bj} \sum_i w_{bi} |\phi_{ij}| / \bar r_j`, where :math:`w_{bi}` is the share of row i in
    sample b, and :math:`\bar r_{bj}` and :math:`\bar r_j` are the means of :math:`|\phi^{(b)}_{ij}|` (of refit b) and
    of :math:`|\phi_{ij}|` over rows that stand for all, evenly spaced in the order of the predictions (a ratio
    estimator). The sum is how the mean varies with the patients, the ratio how it does with the model.

    References
    ----------
    Efron B, Tibshirani R. Bootstrap methods for standard errors, confidence intervals, and other measures of
    statistical accuracy. Stat Sci 1986;1:54-75. Cochran WG. Sampling techniques, 3rd ed. Wiley 1977, chapters 6 and 8.
    """
    mine, n_rows = np.abs(effects), rows.n_rows
    if not model.bootstrap:
        return Importance(mine.mean(axis=0), np.empty((0, len(model.inputs))), model.level)
    times, (n_draws, n_some) = () if month is None else (month,), _affordable(model)
    chosen = np.unique(np.linspace(0, len(model.bootstrap) - 1, n_draws).astype(int))
    places = standing_for_all(model, rows, times, n_some)
    some, draws = rows.take(places), np.empty((len(chosen), len(model.inputs)))
    usual = mine[places].mean(axis=0)
    for k, index in enumerate(chosen):
        sample = bootstrap_rows(rows.patient, rows.event, index=int(index), seed=seed)
        weights = np.bincount(sample, minlength=n_rows) / len(sample)
        refit = model.with_(members=model.bootstrap[index])
        theirs = np.abs(explain_table(refit, some.columns, some.n_rows, times).effects[:, :, 0]).mean(axis=0)
        drawn = np.divide(weights @ mine, usual, out=np.ones_like(usual), where=usual > 0)
        draws[k] = theirs * drawn
    return Importance(mine.mean(axis=0), draws, model.level)


def _affordable(model: PortableModel) -> tuple[int, int]:
    """How many refits are explained, and on how many rows each."""
    parts = [len(m.predictor.trees) if isinstance(m.predictor, Trees) else 1 for m in model.bootstrap[0]]
    each = 2 ** min(len(model.inputs), 12) * len(model.weights) * sum(parts)
    draws = int(np.clip(_WORK // (each * FEWEST_ROWS), FEWEST_DRAWS, MOST_DRAWS))
    return min(draws, len(model.bootstrap)), int(np.clip(_WORK // (each * draws), FEWEST_ROWS, MOST_ROWS))


def standing_for_all(model: PortableModel, rows: Rows, times: Sequence[float], size: int) -> IntArray:
    """Rows evenly spaced in the order of the predictions (systematic sampling)."""
    if size >= rows.n_rows:
        return np.arange(rows.n_rows, dtype=np.intp)
    order = np.argsort(score_table(model, rows.columns, rows.n_rows, times)[:, 0], kind="stable")
    return np.asarray(order[((np.arange(size) + 0.5) * rows.n_rows / size).astype(int)], dtype=np.intp)
