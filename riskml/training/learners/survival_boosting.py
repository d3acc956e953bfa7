"""Gradient boosting of Cox's partial likelihood, as scikit-survival has it."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sksurv.ensemble import GradientBoostingSurvivalAnalysis

from riskml.runtime.members import Trees
from riskml.training.learners.smooth_baseline import checked_grid
from riskml.training.learners.tree_base import TreeSurvival, cox_baseline
from riskml.training.learners.tree_export import settle, sklearn_tree


class SurvivalBoosting(TreeSurvival):
    """Shallow regression trees that descend the negative log partial likelihood, with a baseline on ``time_grid``.

    Parameters
    ----------
    time_grid : array of shape (n_months,)
        Positive, increasing months at which the cumulative baseline hazard is kept; it is linear in between.
    n_estimators : int, default 100
        Number of trees.
    learning_rate : float, default 0.05
        What each tree adds is multiplied by it.
    max_depth : int, default 2
        Inputs that may interact.
    min_samples_leaf : int, default 10
        Patients each leaf must hold.
    subsample : float, default 1.0
        Share of the patients each tree sees.
    random_state : int, default 0
        Seed of the subsamples and of the choice among equally good splits.

    Attributes
    ----------
    predictor_ : Trees
        Log risk, 0 for the mean training patient.
    unique_times_ : float array of shape (1 + n_months,)
        0 and the months.
    n_features_in_ : int
        Number of inputs; ``feature_names_in_`` holds their names where they have any.

    References
    ----------
    Friedman JH. Greedy function approximation: a gradient boosting machine. Ann Stat 2001;29:1189-1232.
    Ridgeway G. The state of boosting. Comput Sci Stat 1999;31:172-181.
    """

    def __init__(
        self,
        *,
        time_grid: ArrayLike,
        n_estimators: int = 100,
        learning_rate: float = 0.05,
        max_depth: int = 2,
        min_samples_leaf: int = 10,
        subsample: float = 1.0,
        random_state: int = 0,
    ) -> None:
        self.time_grid = time_grid
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.subsample = subsample
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: NDArray[np.void], sample_weight: ArrayLike | None = None) -> Self:
        """Boost the trees, then find the baseline hazard.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Finite inputs.
        y : structured array of shape (n_samples,)
            Event (bool) and time (float), as `sksurv.util.Surv` makes them.
        sample_weight : array of shape (n_samples,), optional
            Case weights of the trees and of the baseline; scikit-survival's gradient does not know them.

        Returns
        -------
        SurvivalBoosting
            Itself.

        Raises
        ------
        ValueError
            If there is no event, ``y`` has entry times, inputs are not finite, or a parameter is out of range.
        """
        months = checked_grid(self.time_grid)
        rows = self._rows(X, y, sample_weight)
        outcome = np.empty(len(rows.time), dtype=[("event", bool), ("time", float)])
        outcome["event"], outcome["time"] = rows.event, rows.time
        boosted = GradientBoostingSurvivalAnalysis(
            n_estimators=self.n_estimators,
            learning_rate=self.learning_rate,
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            subsample=self.subsample,
            random_state=self.random_state,
        )
        with np.errstate(invalid="ignore"):  # scikit-learn adds all inputs up to look for missing ones
            boosted.fit(rows.X, outcome, sample_weight=rows.weight)
            log_risk = boosted.predict(rows.X)
        grown = [sklearn_tree(tree.tree_, tree.tree_.value[:, 0, :]) for tree in boosted.estimators_[:, 0]]
        centre, self.response_ = cox_baseline(log_risk, rows, months)
        self.predictor_ = Trees((-centre,), float(self.learning_rate), settle(grown, rows.X))
        self.unique_times_ = np.concatenate([[0.0], months])
        return self
