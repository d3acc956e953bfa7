"""Random survival forest that keeps survival at a grid of months instead of at every event time."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sksurv.tree import SurvivalTree

from riskml.runtime.members import Tree, Trees
from riskml.runtime.time_responses import Curve
from riskml.training.learners.cox_likelihood import FloatArray
from riskml.training.learners.smooth_baseline import checked_grid
from riskml.training.learners.tree_base import SurvivalRows, TreeSurvival
from riskml.training.learners.tree_export import settle, sklearn_tree

# Survival of exactly 0 or 1 all along has no log hazard.
_NEARLY_CERTAIN = 1e-9


class SurvivalForest(TreeSurvival):
    """Log-rank survival trees on bootstrap samples, event times binned, leaves holding S at ``time_grid``.

    A node of scikit-survival's trees holds two numbers for every distinct time in the data: 1.8 GB for 2,000 patients.
    With times in at most ``max_times`` bins, and each tree reduced to its leaves' survival at the grid once it is
    grown, a forest needs 5 MB and a fifth of the time or less (``python -m benchmarks.survival_forest``).

    Event times are rounded up to the end of their bin and censoring times down, so nobody is at risk for longer than
    observed, and as the months of the grid are ends of bins, an event is on the right side of every one of them. With
    no more distinct event times than ``max_times`` the binning changes nothing.

    Parameters
    ----------
    time_grid : array of shape (n_months,)
        Positive, increasing months at which S is known; it is linear in between.
    n_estimators : int, default 100
        Number of trees.
    min_samples_leaf : int, default 15
        Patients each leaf must hold.
    max_features : {"sqrt", "log2"}, int, float or None, default "sqrt"
        Inputs tried at each split.
    max_times : int, default 100
        Bins of the event times (more if the grid has more months), at their quantiles.
    random_state : int, default 0
        Seed of the bootstrap samples and of the inputs tried.

    Attributes
    ----------
    predictor_ : Trees
        Mean of the trees' S at the months.
    unique_times_ : float array of shape (1 + n_months,)
        0 and the months.
    n_features_in_ : int
        Number of inputs; ``feature_names_in_`` holds their names where they have any.

    References
    ----------
    Ishwaran H, Kogalur UB, Blackstone EH, Lauer MS. Random survival forests. Ann Appl Stat 2008;2:841-860.
    """

    def __init__(
        self,
        *,
        time_grid: ArrayLike,
        n_estimators: int = 100,
        min_samples_leaf: int = 15,
        max_features: str | float | None = "sqrt",
        max_times: int = 100,
        random_state: int = 0,
    ) -> None:
        self.time_grid = time_grid
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.max_times = max_times
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: NDArray[np.void], sample_weight: ArrayLike | None = None) -> Self:
        """Grow the forest, one tree at a time.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Finite inputs.
        y : structured array of shape (n_samples,)
            Event (bool) and time (float), as `sksurv.util.Surv` makes them.
        sample_weight : array of shape (n_samples,), optional
            Rows are drawn into bootstrap samples in proportion to it.

        Returns
        -------
        SurvivalForest
            Itself.

        Raises
        ------
        ValueError
            If there is no event, ``y`` has entry times, inputs are not finite, or a parameter is out of range.
        """
        months = checked_grid(self.time_grid)
        if self.n_estimators < 1 or self.max_times < 1:
            raise ValueError(
                f"n_estimators and max_times must be at least 1, got {self.n_estimators!r} and {self.max_times!r}"
            )
        rows = self._rows(X, y, sample_weight)
        outcome = np.empty(len(rows.time), dtype=[("event", bool), ("time", float)])
        outcome["event"], outcome["time"] = rows.event, _binned(rows, months, self.max_times)
        seeds = check_random_state(self.random_state).randint(np.iinfo(np.int32).max, size=self.n_estimators)
        with np.errstate(invalid="ignore"):  # scikit-learn adds all inputs up to look for missing ones
            grown = [self._grow(rows, outcome, months, int(seed)) for seed in seeds]
        self.predictor_ = Trees((0.0,) * months.size, 1 / len(grown), settle(grown, rows.X))
        self.response_ = Curve(tuple(months.tolist()))
        self.unique_times_ = np.concatenate([[0.0], months])
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Log risk, of shape (n_samples,): log(-log m), m the mean of S(t) from 0 to the last month of the grid."""
        survival = np.column_stack([np.ones(len(outputs := self._outputs(X))), outputs])
        mean = np.trapezoid(survival, self.unique_times_) / self.unique_times_[-1]
        log_risk: FloatArray = np.log(-np.log(np.clip(mean, _NEARLY_CERTAIN, 1 - _NEARLY_CERTAIN)))
        return log_risk

    def _grow(self, rows: SurvivalRows, outcome: NDArray[np.void], months: FloatArray, seed: int) -> Tree:
        """One tree, reduced to its leaves' survival at the months."""
        n = len(outcome)
        random = np.random.RandomState(seed)
        # Seeds and draws are scikit-learn's, so that with equal weights the trees are those of its forests.
        equal = np.ptp(rows.weight) == 0
        drawn = random.randint(0, n, n) if equal else random.choice(n, n, p=rows.weight / rows.weight.sum())
        fitted = SurvivalTree(
            min_samples_leaf=self.min_samples_leaf,
            min_samples_split=2 * self.min_samples_leaf,
            max_features=self.max_features,
            random_state=seed,
        ).fit(rows.X, outcome, sample_weight=np.bincount(drawn, minlength=n))
        survival = fitted.tree_.value[:, :, 1]
        column = fitted.unique_times_.searchsorted(months, side="right") - 1
        # Before the first time everybody is event-free.
        return sklearn_tree(fitted.tree_, np.where(column < 0, 1.0, survival[:, np.maximum(column, 0)]))


def _binned(rows: SurvivalRows, months: FloatArray, max_times: int) -> FloatArray:
    """Event times rounded up to the end of their bin, censoring times down (to 0 before the first)."""
    events = rows.time[rows.event]
    ends = np.unique(events)
    if ends.size > max_times:
        share = np.linspace(0, 1, max(max_times - months.size, 1) + 1)[1:]
        quantiles = np.quantile(events, share, method="inverted_cdf")
        ends = np.union1d(quantiles, months[months < events.max()])
    down = np.concatenate([[0.0], ends])[ends.searchsorted(rows.time, side="right")]
    up = ends[np.minimum(ends.searchsorted(rows.time), ends.size - 1)]
    return np.where(rows.event, up, down)
