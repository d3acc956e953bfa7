"""What ``benchmarks.public_cohorts`` sets side by side: our models, and what a user of each library would write."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sksurv.ensemble import GradientBoostingSurvivalAnalysis, RandomSurvivalForest
from sksurv.linear_model import CoxnetSurvivalAnalysis, CoxPHSurvivalAnalysis
from sksurv.util import Surv
from xgboost import XGBClassifier, XGBRegressor

from riskml.training.ensemble import Ensemble, predict_rows
from riskml.training.learners.boosting import Boosting, BoostingCox
from riskml.training.learners.cox_likelihood import CoxDesign, efron_baseline
from riskml.training.learners.elastic_net import ElasticNetLogistic
from riskml.training.learners.forest import RandomForest
from riskml.training.learners.parametric import Parametric
from riskml.training.learners.ridge_cox import RidgeCox
from riskml.training.learners.ridge_logistic import RidgeLogistic
from riskml.training.learners.survival_forest import SurvivalForest
from riskml.training.metrics.survival import kaplan_meier

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Binary = Callable[[FloatArray, BoolArray, FloatArray], FloatArray]
Survival = Callable[[FloatArray, BoolArray, FloatArray, FloatArray, FloatArray], FloatArray]


def _surv(event: BoolArray, time: FloatArray) -> Any:
    return Surv.from_arrays(event, time)


# --- ours -------------------------------------------------------------------------------------------------------------


def _own_binary(*kinds: str, stack: bool = False, calibrate: bool = False) -> Binary:
    def model(X: FloatArray, event: BoolArray, new: FloatArray) -> FloatArray:
        made = {
            "ridge": RidgeLogistic,
            "forest": RandomForest,
            "boosting": Boosting,
            "elastic net": ElasticNetLogistic,
        }
        parts = [made[kind]() for kind in kinds]
        ensemble = Ensemble(parts, [1.0] * len(parts), [calibrate] * len(parts), stack=stack)
        return _averaged(ensemble.fit(X, event.astype(int)).members(), new, ())

    return model


def _with_logarithms(model: Binary) -> Binary:
    """As a recipe writes sizes and counts: what is never below 0 enters as a logarithm, floored at its least value."""

    def changed(X: FloatArray, event: BoolArray, new: FloatArray) -> FloatArray:
        floor = np.where(X > 0, X, np.inf).min(axis=0)
        sizes = (X.min(axis=0) >= 0) & np.isfinite(floor) & (np.array([len(np.unique(x)) for x in X.T]) > 2)
        floor = np.where(sizes, floor, 1.0)
        logs = (np.where(sizes, np.log(np.maximum(rows, floor)), rows) for rows in (X, new))
        return model(next(logs), event, next(logs))

    return changed


def _own_survival(*kinds: str, stack: bool = False) -> Survival:
    def model(X: FloatArray, event: BoolArray, time: FloatArray, new: FloatArray, times: FloatArray) -> FloatArray:
        made = {"ridge": RidgeCox, "forest": SurvivalForest, "boosting": BoostingCox, "weibull": Parametric}
        grid = tuple(np.unique(times).tolist())
        parts = [made[kind](time_grid=np.array(grid)) for kind in kinds]
        ensemble = Ensemble(parts, [1.0] * len(parts), [False] * len(parts), stack=stack, grid=grid)
        return _averaged(ensemble.fit(X, _surv(event, time)).members(), new, times.tolist())

    return model


def _averaged(members: Any, new: FloatArray, times: Any) -> FloatArray:
    return np.asarray(sum(member.weight * predict_rows(member, new, times) for member in members))


# --- what a user would write ------------------------------------------------------------------------------------------


def _sklearn(make: Callable[[], Any]) -> Binary:
    def model(X: FloatArray, event: BoolArray, new: FloatArray) -> FloatArray:
        return np.asarray(make().fit(X, event.astype(int)).predict_proba(new)[:, 1:])

    return model


def _prevalence(X: FloatArray, event: BoolArray, new: FloatArray) -> FloatArray:  # noqa: ARG001
    return np.full((len(new), 1), event.mean())


def _scaled(estimator: Any) -> Any:
    return make_pipeline(StandardScaler(), estimator)


def _logistic(*, penalised: bool) -> Any:
    return _scaled(LogisticRegression(max_iter=5000) if penalised else LogisticRegression(C=np.inf, max_iter=5000))


def _logistic_cv() -> Any:
    options: dict[str, Any] = {"l1_ratios": (0,), "use_legacy_attributes": False}
    return _scaled(LogisticRegressionCV(Cs=10, cv=5, scoring="neg_log_loss", max_iter=5000, **options))


def _forest() -> Any:
    return RandomForestClassifier(random_state=0)


def _xgb() -> Any:
    return XGBClassifier(random_state=0, nthread=1)


def _xgb_tuned() -> Any:
    grid = {"max_depth": [1, 2, 3], "n_estimators": [25, 50, 100, 200], "learning_rate": [0.05, 0.1]}
    return GridSearchCV(XGBClassifier(random_state=0, nthread=1), grid, scoring="neg_log_loss", cv=5)


BINARY: dict[str, Binary] = {
    "riskml ridge": _own_binary("ridge"),
    "riskml ridge, logarithms": _with_logarithms(_own_binary("ridge")),
    "riskml ridge + forest": _own_binary("ridge", "forest"),
    "riskml ridge + forest, stacked": _own_binary("ridge", "forest", stack=True),
    "riskml ridge + forest + boosting": _own_binary("ridge", "forest", "boosting"),
    "riskml elastic net": _own_binary("elastic net"),
    "riskml forest": _own_binary("forest"),
    "riskml boosting": _own_binary("boosting"),
    "prevalence": _prevalence,
    "sklearn logistic, defaults": _sklearn(lambda: _logistic(penalised=True)),
    "sklearn logistic, ML": _sklearn(lambda: _logistic(penalised=False)),
    "sklearn LogisticRegressionCV": _sklearn(_logistic_cv),
    "sklearn random forest, defaults": _sklearn(_forest),
    "xgboost, defaults": _sklearn(_xgb),
    "xgboost, tuned": _sklearn(_xgb_tuned),
}


def _at(functions: Any, times: FloatArray) -> FloatArray:
    """Survival functions at ``times``; beyond a function's domain its last value holds."""
    return np.array([f(np.clip(times, f.domain[0], f.domain[1])) for f in functions])


def _sksurv(make: Callable[[], Any]) -> Survival:
    def model(X: FloatArray, event: BoolArray, time: FloatArray, new: FloatArray, times: FloatArray) -> FloatArray:
        fitted = make().fit(X, _surv(event, time))
        return _at(getattr(fitted, "best_estimator_", fitted).predict_survival_function(new), times)

    return model


def _kaplan_meier(
    X: FloatArray,  # noqa: ARG001
    event: BoolArray,
    time: FloatArray,
    new: FloatArray,
    times: FloatArray,
) -> FloatArray:

    curve = kaplan_meier(time, event)
    return np.tile([float(curve.at(min(t, time.max()))) for t in times], (len(new), 1))


def _cox() -> Any:
    return _scaled(CoxPHSurvivalAnalysis(alpha=1e-9, n_iter=200))


def _coxnet_tuned() -> Any:
    net = CoxnetSurvivalAnalysis(l1_ratio=0.5, fit_baseline_model=True)
    grid = {"coxnetsurvivalanalysis__alphas": [[a] for a in np.geomspace(0.5, 0.001, 10)]}
    return GridSearchCV(_scaled(net), grid, cv=5, error_score=0.5)


def _rsf() -> Any:
    return RandomSurvivalForest(random_state=0)


def _gbsa() -> Any:
    return GradientBoostingSurvivalAnalysis(random_state=0)


def _xgb_cox(X: FloatArray, event: BoolArray, time: FloatArray, new: FloatArray, times: FloatArray) -> FloatArray:
    """XGBoost's Cox objective with its defaults, and Breslow's baseline, which it leaves to the user."""
    model = XGBRegressor(objective="survival:cox", random_state=0, nthread=1).fit(X, np.where(event, time, -time))
    log_risk, new_risk = (np.log(np.maximum(model.predict(rows).astype(float), 1e-12)) for rows in (X, new))
    design = CoxDesign.build(log_risk[:, None], time, event)
    steps = np.concatenate([[0.0], efron_baseline(np.ones(1), design)])
    hazard = steps[np.searchsorted(design.event_times, times, side="right")]
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(-np.exp(new_risk - design.centre[0])[:, None] * hazard))


def lifelines_survival(
    X: FloatArray, event: BoolArray, time: FloatArray, new: FloatArray, times: FloatArray
) -> FloatArray:
    """A penalised Cox model of lifelines, in the environment that LIFELINES_PYTHON names."""
    code = (
        "import json, sys, pandas as pd\n"
        "from lifelines import CoxPHFitter\n"
        "d = json.load(sys.stdin)\n"
        "f = pd.DataFrame(d['X']); f.columns = [f'x{i}' for i in f.columns]\n"
        "n = pd.DataFrame(d['new'], columns=f.columns)\n"
        "f['t'], f['e'] = d['time'], d['event']\n"
        "m = CoxPHFitter(penalizer=0.1).fit(f, 't', 'e')\n"
        "print(json.dumps(m.predict_survival_function(n, times=d['times']).T.values.tolist()))\n"
    )
    content = {"X": X, "event": event.astype(int), "time": time, "new": new, "times": times}
    text = json.dumps({name: np.asarray(values).tolist() for name, values in content.items()})
    python = os.environ["LIFELINES_PYTHON"]
    done = subprocess.run([python, "-c", code], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr.strip().splitlines()[-1])
    return np.array(json.loads(done.stdout))


SURVIVAL: dict[str, Survival] = {
    "riskml ridge": _own_survival("ridge"),
    "riskml ridge + forest": _own_survival("ridge", "forest"),
    "riskml ridge + forest, stacked": _own_survival("ridge", "forest", stack=True),
    "riskml ridge + boosting": _own_survival("ridge", "boosting"),
    "riskml ridge + forest + boosting": _own_survival("ridge", "forest", "boosting"),
    "riskml Weibull": _own_survival("weibull"),
    "riskml forest": _own_survival("forest"),
    "riskml boosting": _own_survival("boosting"),
    "Kaplan-Meier": _kaplan_meier,
    "sksurv Cox, ML": _sksurv(_cox),
    "sksurv Coxnet, tuned": _sksurv(_coxnet_tuned),
    "sksurv RSF, defaults": _sksurv(_rsf),
    "sksurv GBSA, defaults": _sksurv(_gbsa),
    "xgboost Cox, defaults": _xgb_cox,
}
