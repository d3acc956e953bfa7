"""Ways to predict for a patient of whom some inputs are unknown, by one fitted model.

Each way completes the patient: it puts M values in the place of each unknown input, with weights that add up to 1, and
the prediction is the weighted mean of the model's own for the M completed patients. They differ in where the values
come from:

* v(known): the weighted prototypes of the bundle (what ships), or the training rows themselves;
* the same, with those who are like the patient in what is known counting more;
* chained equations learned on the training rows without the outcome, which nobody knows when predicting (van Buuren S,
  Groothuis-Oudshoorn K. J Stat Softw 2011;45(3):1-67): draws, whose predictions are averaged, or one mean;
* the mean, or the commonest level, of the training rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes the next import possible
from sklearn.impute import IterativeImputer

from benchmarks.background_fidelity import filled, from_rows
from riskml.runtime.model import PortableModel
from riskml.runtime.score import score_table
from riskml.training.fit import TrainingSet, background_of
from riskml.training.recipe import Recipe

FloatArray = NDArray[np.float64]
DRAWS = 20
ROUNDS = 10
# In standard deviations, root mean square over the known inputs; infinite is v(known).
BANDWIDTHS = (0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Coding:
    """Inputs as standardised numbers, logarithms where the model takes them, and back.

    Attributes
    ----------
    floors : mapping of input name to floor, for those the model takes the logarithm of
    levels : mapping of input name to levels, each of which is a number of its own
    names : tuple of str
        All inputs; ``width`` gives the numbers each has.
    mean, spread : float arrays of shape (n_numbers,)
    """

    names: tuple[str, ...]
    floors: Mapping[str, float]
    levels: Mapping[str, tuple[str, ...]]
    mean: FloatArray
    spread: FloatArray

    @classmethod
    def of(cls, model: PortableModel, frame: pd.DataFrame) -> Coding:
        """Learned from the training rows."""
        floors = {n: f.parameter for f in model.features if f.op == "log10" for n in f.inputs}
        text = {n for f in model.features if f.op == "level" for n in f.inputs}
        levels = {n: tuple(sorted(frame[n].dropna().unique())) for n in text}
        raw = cls(model.inputs, floors, levels, np.zeros(1), np.ones(1)).encode(frame)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # an input nobody has: mean 0, spread 1
            mean, spread = np.nan_to_num(np.nanmean(raw, axis=0)), np.nan_to_num(np.nanstd(raw, axis=0))
        return cls(model.inputs, floors, levels, mean, np.where(spread > 0, spread, 1.0))

    def encode(self, frame: pd.DataFrame) -> FloatArray:
        """Shape (n_rows, n_numbers); nan where unknown."""
        columns = []
        for name in self.names:
            if name in self.levels:
                known = frame[name].notna()
                columns += [np.where(known, frame[name] == level, np.nan) for level in self.levels[name]]
            else:
                x = frame[name].to_numpy(float)
                columns.append(np.log10(np.maximum(x, self.floors[name])) if name in self.floors else x)
        return np.asarray((np.column_stack(columns).astype(float) - self.mean) / self.spread)

    def decode(self, numbers: FloatArray) -> pd.DataFrame:
        """The inputs; of a level's numbers the largest wins, those of lesions are not rounded.

        Rounding a drawn share moves its mean (Horton NJ et al. Am Stat 2003;57:229-232).
        """
        raw, found, at = numbers * self.spread + self.mean, {}, 0
        for name in self.names:
            if name in self.levels:
                width = len(self.levels[name])
                best = raw[:, at : at + width].argmax(axis=1)
                found[name] = np.array(self.levels[name], dtype=object)[best]
            else:
                width, found[name] = 1, 10 ** raw[:, at] if name in self.floors else raw[:, at]
            at += width
        return pd.DataFrame(found)


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """A fitted model, and what its training rows can teach about inputs; never an outcome."""

    recipe: Recipe
    learned: TrainingSet
    model: PortableModel
    times: tuple[float, ...]
    seed: int

    @property
    def coding(self) -> Coding:
        """The training rows' coding of the inputs."""
        return Coding.of(self.model, self.learned.frame)


@dataclass(frozen=True, slots=True, eq=False)
class Completed:
    """Each patient M times over: ``columns`` and ``weights`` of shape (n_patients, M), weights summing to 1 a row."""

    columns: Mapping[str, NDArray[Any]]
    weights: FloatArray

    def predict(self, model: PortableModel, times: tuple[float, ...]) -> FloatArray:
        """Weighted mean prediction, shape (n_patients, 1 or n_times)."""
        columns: dict[str, Any] = {name: column.ravel() for name, column in self.columns.items()}
        answers = score_table(model, columns, self.weights.size, times).reshape(*self.weights.shape, -1)
        return np.asarray(np.einsum("nm,nmt->nt", self.weights, answers))


Way = Callable[[pd.DataFrame], Completed]


def over(model: PortableModel, frame: pd.DataFrame, weights: FloatArray) -> Completed:
    """Unknown inputs from each row of the model's background; ``weights`` of shape (n_rows, n_prototypes)."""
    columns = {}
    for name, values in zip(model.inputs, zip(*model.background, strict=True), strict=True):
        own = frame[name].to_numpy()[:, None]
        columns[name] = np.where(pd.isna(own), np.array(values, dtype=own.dtype)[None, :], own)
    return Completed(columns, weights)


def similarity(coding: Coding, model: PortableModel, frame: pd.DataFrame, bandwidth: float) -> FloatArray:
    """Weight of each prototype times exp(-d^2 / (2 bandwidth^2)), d^2 the mean squared distance in what is known."""
    own, rows = coding.encode(frame), coding.encode(_background(model))
    known = ~np.isnan(own)
    squares = np.where(known[:, None, :], (np.nan_to_num(own)[:, None, :] - rows[None, :, :]) ** 2, 0.0).sum(axis=2)
    squares /= np.maximum(1, known.sum(axis=1))[:, None]
    nearest = squares.min(axis=1, keepdims=True)  # taken off, so that somebody always counts
    weights = np.array(model.weights) * np.exp(-(squares - nearest) / (2 * bandwidth**2))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _background(model: PortableModel) -> pd.DataFrame:
    return pd.DataFrame(dict(zip(model.inputs, zip(*model.background, strict=True), strict=True)))


def remove(frame: pd.DataFrame, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """``count`` of each row's known inputs made unknown, at random; one generator state removes nested sets."""
    known = frame.notna().to_numpy()
    order = np.argsort(np.where(known, rng.random(known.shape), np.inf), axis=1)
    gone = np.zeros_like(known)
    np.put_along_axis(gone, order[:, :count], values=True, axis=1)
    return frame.mask(gone)


def chosen_bandwidth(fold: Fold, model: PortableModel) -> float:
    """The bandwidth that best gives back predictions of complete inputs; infinite where none helps.

    The best weights make v(known) the mean prediction given what is known, and of all functions of what is known that
    is the one nearest to the prediction with everything put back: no outcome is needed. Rows that are judged have no
    part in the prototypes they are judged by.
    """
    rng = np.random.default_rng(fold.seed)
    _, who = np.unique(fold.learned.patient, return_inverse=True)
    half = (rng.permutation(who.max() + 1) % 2 == 0)[who]
    teachers, judged = fold.learned.take(np.flatnonzero(half)), fold.learned.frame[~half]
    if len(model.background) == len(fold.learned.frame):  # training rows stand as themselves
        teaching = from_rows(model, filled(teachers, model))
    else:
        found = background_of(fold.recipe, teachers, model.members)
        teaching = model.with_(background=found.rows, weights=found.weights)
    masked = pd.concat([remove(judged, count, rng) for count in (1, 2, 3)])
    full = np.tile(prototypes(fold)(judged).predict(model, fold.times), (3, 1))
    coding, errors = fold.coding, {}
    for bandwidth in (*BANDWIDTHS, np.inf):
        done = over(teaching, masked, similarity(coding, teaching, masked, bandwidth))
        errors[bandwidth] = float(np.mean((done.predict(model, fold.times) - full) ** 2))
    return min(errors, key=errors.__getitem__)


def prototypes(fold: Fold) -> Way:
    """v(known) as it ships."""
    weights = np.array(fold.model.weights)
    return lambda frame: over(fold.model, frame, np.tile(weights, (len(frame), 1)))


def training_rows(fold: Fold) -> Way:
    """v(known) over the training rows, their own unknown inputs at the mean."""
    model = from_rows(fold.model, filled(fold.learned, fold.model))
    weights = np.array(model.weights)
    return lambda frame: over(model, frame, np.tile(weights, (len(frame), 1)))


def similar(bandwidth: float | None, share: float = 1.0, *, rows: bool = False) -> Callable[[Fold], Way]:
    """Similar prototypes (or training rows) count more; ``share`` less than 1 mixes with v(known).

    ``bandwidth`` None is chosen inside the fold.
    """

    def learn(fold: Fold) -> Way:
        model = from_rows(fold.model, filled(fold.learned, fold.model)) if rows else fold.model
        width, coding = chosen_bandwidth(fold, model) if bandwidth is None else bandwidth, fold.coding

        def complete(frame: pd.DataFrame) -> Completed:
            weights = share * similarity(coding, model, frame, width) + (1 - share) * np.array(model.weights)
            return over(model, frame, weights)

        return complete

    return learn


def chained(draws: int) -> Callable[[Fold], Way]:
    """Chained equations, Bayesian linear regressions: ``draws`` from the posterior, or their mean where it is 1."""

    def learn(fold: Fold) -> Way:
        coding = fold.coding
        imputer = IterativeImputer(
            sample_posterior=draws > 1, max_iter=ROUNDS, random_state=fold.seed, keep_empty_features=True
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # means that still move a little after ten rounds
            imputer.fit(coding.encode(fold.learned.frame))

        def complete(frame: pd.DataFrame) -> Completed:
            numbers = imputer.transform(np.repeat(coding.encode(frame), draws, axis=0))
            values = coding.decode(numbers)
            columns = {}
            for name in coding.names:
                own = frame[name].to_numpy()[:, None]
                columns[name] = np.where(pd.isna(own), values[name].to_numpy().reshape(-1, draws), own)
            return Completed(columns, np.full((len(frame), draws), 1 / draws))

        return complete

    return learn


def mean_or_mode(fold: Fold) -> Way:
    """One value for everybody: the mean on the model's scale, the commonest level, the likelier state of a lesion."""
    coding, frame = fold.coding, fold.learned.frame
    typical: dict[str, Any] = coding.decode(np.zeros((1, len(coding.mean)))).iloc[0].to_dict()
    for name in coding.names:
        if frame[name].nunique() <= 2 and frame[name].notna().any():
            typical[name] = frame[name].mode()[0]
    model = fold.model.with_(background=(tuple(typical[name] for name in coding.names),), weights=(1.0,))
    return lambda table: over(model, table, np.ones((len(table), 1)))


WAYS: Mapping[str, Callable[[Fold], Way]] = {
    "v(known), prototypes (ships)": prototypes,
    "v(known), training rows": training_rows,
    **{f"similar prototypes, h = {h:g}": similar(h) for h in BANDWIDTHS},
    "similar prototypes, h chosen": similar(None),
    "half similar (h = 0.5), half all": similar(0.5, 0.5),
    "similar training rows, h chosen": similar(None, rows=True),
    f"chained equations, {DRAWS} draws": chained(DRAWS),
    "chained equations, mean": chained(1),
    "mean or mode": mean_or_mode,
}
SHIPS = next(iter(WAYS))
