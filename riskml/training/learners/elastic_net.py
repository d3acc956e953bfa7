"""Elastic-net logistic regression whose penalty is chosen by cross-validation, and its nested cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from riskml.training.learners.elastic_net_path import Path, Points, Search, penalty_points, search_paths
from riskml.training.learners.linear_logistic import BoolArray, FloatArray, LinearLogistic
from riskml.training.learners.ridge_logistic import intercept_for_rate
from riskml.training.metrics.binary import auc
from riskml.training.resample import cross_validation

IntArray = NDArray[np.intp]


class ElasticNetLogistic(LinearLogistic):
    r"""Binary logistic regression with an elastic-net penalty on the coefficients of standardised inputs.

    All penalties on all folds are solved as one batch (see `elastic_net_path`). The point with the least
    cross-validated log-loss is fitted to all rows, with an intercept that makes the mean prediction the event rate.

    With few events the choice is mostly noise: `ridge_logistic.RidgeLogistic` averages over penalties instead and is
    the default. This learner is for those who want a short list of inputs. Coefficients of 0 are not evidence of no
    effect, and which of several correlated inputs is kept changes from sample to sample.

    Parameters
    ----------
    l1_ratios : sequence of float, default (0.1, 0.5, 1.0)
        Share of the lasso in the penalty: 0 is ridge, 1 the lasso.
    n_penalties : int, default 10
        Penalties tried for each ratio, from the one that makes every coefficient 0 downwards.
    span : float, default 1e-3
        Smallest penalty as a share of the largest.
    penalties : sequence of float, optional
        Try these instead, for each ratio; 1 / C in scikit-learn's terms.
    rule : {"min", "one_se"}, default "min"
        "one_se": of the best ratio, the largest penalty within one standard error of the best log-loss. Sparser, and
        too timid for prediction (its predictions vary too little).
    folds : int, default 5
        Lowered to the number of patients with (or without) the event. Where that is 1, nothing can be compared, and
        the largest penalty is taken.
    random_state : int, default 0
        Seed of the folds.
    tol : float, default 1e-7
        A fit is done when no coefficient would move by more than this many standard errors.

    Attributes
    ----------
    classes_ : array of shape (2,)
        The two labels; probabilities and coefficients are about the second.
    coef_ : float array of shape (1, n_features)
        Log odds ratio of each input per unit of that input.
    intercept_ : float array of shape (1,)
    l1_ratio_, penalty_ : float
        The point chosen.
    points_ : Points
        All points tried.
    log_loss_ : float array of shape (n_folds, n_points)
        Mean log-loss of the rows each fold left out.
    n_features_in_ : int
        Number of inputs; ``feature_names_in_`` holds their names where they have any.

    References
    ----------
    Zou H, Hastie T. Regularization and variable selection via the elastic net. J R Stat Soc B 2005;67:301-320.
    Friedman J, Hastie T, Tibshirani R. Regularization paths for generalized linear models via coordinate descent. J
    Stat Softw 2010;33(1):1-22.
    Breiman L, Friedman JH, Olshen RA, Stone CJ. Classification and regression trees. Wadsworth 1984 (one-SE rule).
    """

    def __init__(
        self,
        *,
        l1_ratios: Sequence[float] = (0.1, 0.5, 1.0),
        n_penalties: int = 10,
        span: float = 1e-3,
        penalties: Sequence[float] | None = None,
        rule: str = "min",
        folds: int = 5,
        random_state: int = 0,
        tol: float = 1e-7,
    ) -> None:
        self.l1_ratios = l1_ratios
        self.n_penalties = n_penalties
        self.span = span
        self.penalties = penalties
        self.rule = rule
        self.folds = folds
        self.random_state = random_state
        self.tol = tol

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Choose the penalty and fit.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Finite inputs.
        y : array of shape (n_samples,)
            Labels of exactly two classes; the larger one is the event.
        sample_weight : array of shape (n_samples,), optional
            Frequencies. A row of weight 2 stays in one fold, where the row twice would be dealt twice.
        groups : array of shape (n_samples,), optional
            Patient of each row; the rows of a patient stay in one fold.

        Returns
        -------
        ElasticNetLogistic
            Itself.

        Raises
        ------
        ValueError
            If ``y`` has not exactly two classes or a parameter is out of range.
        """
        self._check_parameters()
        rows, event, weight, kept = self._training_rows(X, y, sample_weight)
        patient = _codes(groups, len(kept))[kept]
        search = Search(weight, self._points(rows, event, weight), self._folds(patient, event > 0))
        path = search_paths(rows, event, [search], tol=self.tol)[0]
        best = self._choose(path, search.points)
        self.coef_ = path.coef[[best]]
        rate = float(np.average(event, weights=weight))
        self.intercept_ = np.array([intercept_for_rate(rows @ self.coef_[0], weight, rate)])
        self.l1_ratio_, self.penalty_ = float(search.points.l1_ratio[best]), float(search.points.penalty[best])
        self.points_, self.log_loss_ = search.points, path.log_loss
        return self

    def _check_parameters(self) -> None:
        ratios = np.asarray(self.l1_ratios, dtype=np.float64)
        if ratios.ndim != 1 or not ratios.size or not ((ratios >= 0) & (ratios <= 1)).all():
            raise ValueError(f"l1_ratios must be numbers from 0 to 1, got {self.l1_ratios!r}")
        if self.penalties is not None:
            penalties = np.asarray(self.penalties, dtype=np.float64)
            if penalties.ndim != 1 or not penalties.size or not ((penalties > 0) & np.isfinite(penalties)).all():
                raise ValueError(f"penalties must be positive numbers, got {self.penalties!r}")
        if not self.n_penalties >= 1:
            raise ValueError(f"n_penalties must be 1 or more, got {self.n_penalties!r}")
        if not 0 < self.span < 1:
            raise ValueError(f"span must be strictly between 0 and 1, got {self.span!r}")
        if self.rule not in {"min", "one_se"}:
            raise ValueError(f'rule must be "min" or "one_se", got {self.rule!r}')
        if not self.folds >= 2:
            raise ValueError(f"folds must be 2 or more, got {self.folds!r}")

    def _points(self, X: FloatArray, event: FloatArray, weight: FloatArray) -> Points:
        """The penalties to try: as given, or relative to the largest that these rows call for."""
        if self.penalties is None:
            return penalty_points(X, event, weight, self.l1_ratios, self.n_penalties, self.span)
        falling = np.sort(np.asarray(self.penalties, dtype=np.float64))[::-1]
        ratios = np.asarray(self.l1_ratios, dtype=np.float64)
        return Points(np.repeat(ratios, falling.size), np.tile(falling, ratios.size))

    def _folds(self, patient: IntArray, event: BoolArray) -> Sequence[IntArray]:
        """Rows left out by each inner fold; none where two folds cannot both hold both outcomes."""
        had_event = np.bincount(np.unique(patient, return_inverse=True)[1], event) > 0
        if min(had_event.sum(), (~had_event).sum()) < 2:
            return ()
        return cross_validation(patient, event, folds=self.folds, repeats=1, seed=self.random_state).test_rows[0]

    def _choose(self, path: Path, points: Points) -> int:
        """Index of the point to use."""
        folds = len(path.log_loss)
        if not folds:
            return int(np.argmax(points.penalty * np.maximum(points.l1_ratio, 0.01)))
        mean = path.log_loss.mean(axis=0)
        best = int(np.argmin(mean))
        if self.rule == "min":
            return best
        error = path.log_loss[:, best].std(ddof=1) / np.sqrt(folds)
        close = (points.l1_ratio == points.l1_ratio[best]) & (mean <= mean[best] + error)
        return int(np.argmax(np.where(close, points.penalty, -np.inf)))


def nested_auc(
    model: ElasticNetLogistic,
    X: ArrayLike,
    y: ArrayLike,
    outer: Sequence[tuple[IntArray, IntArray]],
    *,
    inner: Sequence[Sequence[IntArray]] | None = None,
    groups: ArrayLike | None = None,
) -> FloatArray:
    """AUC of each outer fold, with the penalty chosen anew inside each: nested cross-validation as one batch.

    Equals fitting a clone of ``model`` to each outer training set and scoring it on the test set, in a fraction of the
    time. Choosing the penalty outside instead would flatter the AUC (Varma S, Simon R. Bias in error estimation when
    using cross-validation for model selection. BMC Bioinformatics 2006;7:91).

    Parameters
    ----------
    model : ElasticNetLogistic
        Its settings are used; it is not fitted.
    X, y
        As for `ElasticNetLogistic.fit`.
    outer : sequence of (training rows, test rows)
        As `split` of a scikit-learn splitter gives them.
    inner : sequence of sequences of int arrays, optional
        For each outer fold the rows of ``X`` that each inner fold leaves out; None: as ``model`` deals them.
    groups : array of shape (n_samples,), optional
        Patient of each row.

    Returns
    -------
    float array of shape (n_outer_folds,)
        NaN where the test rows hold one class only.

    Raises
    ------
    ValueError
        If a training set has not exactly two classes or a parameter is out of range.
    """
    model._check_parameters()  # noqa: SLF001
    checked = ElasticNetLogistic()
    rows, event, weight, _ = checked._training_rows(X, y, None)  # noqa: SLF001
    patient = _codes(groups, len(rows))
    searches = []
    for number, (train, _) in enumerate(outer):
        if np.unique(event[train]).size < 2:
            raise ValueError(f"outer fold {number} trains on one class only: use stratified folds, or fewer")
        seen = np.zeros_like(weight)
        seen[train] = 1.0
        own_folds = model._folds(patient[train], event[train] > 0)  # noqa: SLF001
        test_rows = inner[number] if inner else [train[rows] for rows in own_folds]
        points = model._points(rows[train], event[train], np.ones(len(train)))  # noqa: SLF001
        searches.append(Search(seen, points, test_rows))
    found = search_paths(rows, event, searches, tol=model.tol)
    aucs = []
    for path, search, (_, test) in zip(found, searches, outer, strict=True):
        log_odds = rows[test] @ path.coef[model._choose(path, search.points)]  # noqa: SLF001
        aucs.append(auc(event[test] > 0, log_odds))
    return np.array(aucs)


def _codes(groups: ArrayLike | None, n_rows: int) -> IntArray:
    """Patients numbered from 0; each row its own where there are no groups."""
    if groups is None:
        return np.arange(n_rows)
    labels: NDArray[Any] = np.asarray(groups)
    if labels.shape != (n_rows,):
        raise ValueError(f"groups must hold one patient a row, shape ({n_rows},), got shape {labels.shape}")
    codes: IntArray = np.unique(labels, return_inverse=True)[1]
    return codes
