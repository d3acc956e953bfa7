"""Random forest for a binary outcome."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.ensemble import RandomForestClassifier

from riskml.runtime.members import Trees
from riskml.runtime.responses import PROBABILITY
from riskml.training.learners.tree_base import TreeClassifier
from riskml.training.learners.tree_export import settle, sklearn_tree


class RandomForest(TreeClassifier):
    """scikit-learn's random forest with large leaves, kept as portable trees.

    Small leaves overfit where events are few: with at least five patients a leaf, the equal average of this forest and
    the ridge had a lower log-loss than the ridge alone in six of six public cohorts (docs/methods.md).

    Parameters
    ----------
    n_estimators : int, default 100
        Number of trees.
    min_samples_leaf : int, default 5
        Patients each leaf must hold.
    max_features : {"sqrt", "log2"}, int, float or None, default "sqrt"
        Inputs tried at each split.
    random_state : int, default 0
        Seed of the bootstrap samples and of the inputs tried.

    Attributes
    ----------
    classes_ : array of shape (2,)
        The two labels; probabilities are about the second.
    predictor_ : Trees
        Mean of the trees' leaves, the probability.
    n_features_in_ : int
        Number of inputs; ``feature_names_in_`` holds their names where they have any.

    References
    ----------
    Breiman L. Random forests. Mach Learn 2001;45:5-32.
    """

    def __init__(
        self,
        *,
        n_estimators: int = 100,
        min_samples_leaf: int = 5,
        max_features: str | float | None = "sqrt",
        random_state: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Grow the forest.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Finite inputs.
        y : array of shape (n_samples,)
            Labels of exactly two classes; the larger one is the event.
        sample_weight : array of shape (n_samples,), optional
            Rows are drawn into bootstrap samples in proportion to it.

        Returns
        -------
        RandomForest
            Itself.

        Raises
        ------
        ValueError
            If ``y`` has not exactly two classes, or inputs are not finite.
        """
        rows = self._rows(X, y, sample_weight)
        forest = RandomForestClassifier(
            n_estimators=self.n_estimators,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            random_state=self.random_state,
            n_jobs=1,
        )
        weight = None if np.ptp(rows.weight) == 0 else rows.weight
        with np.errstate(invalid="ignore"):  # scikit-learn adds all inputs up to look for missing ones
            forest.fit(rows.X, rows.code, sample_weight=weight)
        grown = [sklearn_tree(tree.tree_, tree.tree_.value[:, 0, 1:]) for tree in forest.estimators_]
        self.predictor_ = Trees((0.0,), 1 / len(grown), settle(grown, rows.X))
        self.response_ = PROBABILITY
        return self
