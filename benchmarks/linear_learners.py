"""The linear learners beside what a user of scikit-learn would run: ``python -m benchmarks.linear_learners``.

Four comparisons in one run, each pair in turn, in processor time (which neighbours on a shared machine disturb least):

1. the ridge logistic regression with integrated prior scale, beside ``LogisticRegressionCV`` (10 values, 5 folds) in a
   pipeline, 105 patients and 20 inputs; target: at most 1/20 of the time;
2. the ridge Cox regression beside ``CoxnetSurvivalAnalysis`` tuned by ``GridSearchCV`` on the 686 patients of GBSG2;
   at most 1/5;
3. nested 5 x 5 cross-validation of the elastic-net logistic regression with 30 penalties, beside ``cross_validate`` of
   ``GridSearchCV`` of a pipeline on the same folds and penalties; at most 1/50, the same AUC to three decimals;
4. 1,000 bootstrap refits of the ridge logistic regression, prior scale integrated in each; under 1 s, and the same
   coefficients as the estimator to 1e-8.

Set OMP_NUM_THREADS=1: threads of the linear algebra that wait for each other count as work.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sksurv.datasets import load_gbsg2
from sksurv.linear_model import CoxnetSurvivalAnalysis

from benchmarks.row import Row
from riskml.training.learners.elastic_net import ElasticNetLogistic, nested_auc
from riskml.training.learners.ridge_batch import ridge_logistic_batch
from riskml.training.learners.ridge_cox import RidgeCox
from riskml.training.learners.ridge_logistic import RidgeLogistic

FloatArray = NDArray[np.float64]
PATIENTS, INPUTS = 105, 20
L1_RATIOS = [0.1, 0.5, 1.0]
PENALTIES = np.geomspace(0.5, 50, 10)[::-1]
GRID_MONTHS = [3.0, 6, 12, 18, 24, 36, 48, 60]


def cohort(seed: int = 0) -> tuple[FloatArray, NDArray[np.intp]]:
    """105 patients, 20 correlated inputs of which four matter, about a fifth with the event."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(PATIENTS, INPUTS)) @ (np.eye(INPUTS) + 0.2 * rng.normal(size=(INPUTS, INPUTS)))
    log_odds = X[:, :4] @ [0.8, -0.6, 0.5, 0.4] - 1.9
    return X, (rng.random(PATIENTS) < 1 / (1 + np.exp(-log_odds))).astype(np.intp)


def gbsg2() -> tuple[FloatArray, Any]:
    """The 686 patients of the German breast cancer study, times in months."""
    frame, y = load_gbsg2()
    y = y.copy()
    y["time"] /= 365.25 / 12
    return pd.get_dummies(frame, drop_first=True).to_numpy(dtype=np.float64), y


def seconds(work: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """Least processor time of ``runs`` runs, and what the last one gave."""
    least, result = np.inf, None
    for _ in range(runs):
        start = time.process_time()
        result = work()
        least = min(least, time.process_time() - start)
    return float(least), result


def ridge_logistic() -> tuple[float, float, str]:
    X, y = cohort()
    theirs = make_pipeline(
        StandardScaler(),
        LogisticRegressionCV(Cs=10, cv=5, scoring="neg_log_loss", l1_ratios=(0.0,), use_legacy_attributes=False),
    )
    ours = RidgeLogistic()
    ours.fit(X, y)
    return seconds(lambda: ours.fit(X, y), 20)[0], seconds(lambda: theirs.fit(X, y), 3)[0], ""


def ridge_cox() -> tuple[float, float, str]:
    X, y = gbsg2()
    standard = StandardScaler().fit_transform(X)
    alphas = CoxnetSurvivalAnalysis(l1_ratio=0.5, n_alphas=30, alpha_min_ratio=0.01).fit(standard, y).alphas_
    pipeline = make_pipeline(StandardScaler(), CoxnetSurvivalAnalysis(l1_ratio=0.5, fit_baseline_model=True))
    grid = {"coxnetsurvivalanalysis__alphas": [[alpha] for alpha in alphas]}
    theirs = GridSearchCV(pipeline, grid, cv=5, error_score=0.5)
    ours = RidgeCox(time_grid=GRID_MONTHS)
    ours.fit(X, y)
    fast, _ = seconds(lambda: ours.fit(X, y), 10)
    slow, _ = seconds(lambda: theirs.fit(X, y), 2)
    return fast, slow, f"C on the training rows {ours.score(X, y):.3f} and {theirs.score(X, y):.3f}"


def nested_elastic_net() -> tuple[float, float, str]:
    X, y = cohort()
    outer = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))
    dealer = StratifiedKFold(5, shuffle=True, random_state=1)
    inner = [[train[test] for _, test in dealer.split(X[train], y[train])] for train, _ in outer]
    model = ElasticNetLogistic(l1_ratios=L1_RATIOS, penalties=list(PENALTIES))
    fast, ours = seconds(lambda: nested_auc(model, X, y, outer, inner=inner), 5)

    def scikit_learn(tol: float, max_iter: int) -> FloatArray:
        logistic = LogisticRegression(solver="saga", tol=tol, max_iter=max_iter, random_state=0)
        grid = {"logisticregression__C": list(1 / PENALTIES), "logisticregression__l1_ratio": L1_RATIOS}
        search = GridSearchCV(make_pipeline(StandardScaler(), logistic), grid, scoring="neg_log_loss", cv=dealer)
        scores: FloatArray = cross_validate(search, X, y, scoring="roc_auc", cv=outer)["test_score"]
        return scores

    slow, _ = seconds(lambda: scikit_learn(1e-4, 100), 1)  # its defaults; many fits stop before they converge
    theirs = scikit_learn(1e-7, 10_000)  # to the optimum, for the comparison of the results only
    return (
        fast,
        slow,
        f"AUC {ours.mean():.5f} and {theirs.mean():.5f}, largest gap of a fold {abs(ours - theirs).max():.5f}",
    )


def bootstrap() -> tuple[float, float, str]:
    X, y = cohort()
    rng = np.random.default_rng(1)
    counts = np.zeros((PATIENTS, 1000))
    for column in counts.T:
        for own in (np.flatnonzero(y == 0), np.flatnonzero(y == 1)):
            np.add.at(column, rng.choice(own, own.size), 1)
    fast, (_, coef) = seconds(lambda: ridge_logistic_batch(X, y.astype(np.float64), counts), 3)
    few = counts.T[:50]
    slow, fits = seconds(lambda: [RidgeLogistic().fit(X, y, weight).coef_[0] for weight in few], 1)
    return fast, slow * 20, f"1,000 refits; largest difference {np.abs(np.array(fits) - coef[:50]).max():.0e}"


COMPARISONS: tuple[tuple[str, Callable[[], tuple[float, float, str]], str], ...] = (
    ("ridge logistic | LogisticRegressionCV", ridge_logistic, "20"),
    ("ridge Cox | Coxnet in GridSearchCV", ridge_cox, "5"),
    ("nested elastic net | cross_validate(GridSearchCV)", nested_elastic_net, "50"),
    ("batched bootstrap | RidgeLogistic one by one", bootstrap, "< 1 s"),
)


def rows(*, quick: bool = False) -> list[Row]:
    """Each pair, with what is printed; the nested search is left out where it has to be quick."""
    found = []
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", message="all coefficients are zero")
    print(f"{'comparison':<48} {'ours':>9} {'theirs':>9} {'ratio':>7}  {'target':<8} notes")
    for name, measure, target in COMPARISONS:
        if quick and measure is nested_elastic_net:
            continue
        ours, theirs, note = measure()
        print(f"{name:<48} {ours:>7.4f} s {theirs:>7.3f} s {theirs / ours:>7.1f}  {target:<8} {note}", flush=True)
        found.append(Row("linear_learners", name.replace(" | ", "; "), ours, theirs, "s"))
    return found


def main() -> None:
    """Measure and print."""
    rows()


if __name__ == "__main__":
    main()
