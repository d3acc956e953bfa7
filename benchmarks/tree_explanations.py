"""SHAP values of a survival forest: riskml beside shap, ``python -m benchmarks.tree_explanations``.

100 trees, 12 inputs, 5 horizons, 100 rows of background; times are those of the processor, on one thread.

For one patient riskml explains the portable forest in pure Python, exactly. shap's KernelExplainer samples coalitions,
its default number of 2,072 (all would be 4,096), and scores a table of 100 rows for each: with scikit-survival's own
forest, as a user of shap would, and with riskml's numpy scoring of the same trees, which shows how much of the
difference is the method alone. TreeExplainer of shap says whether the numbers are right.

For 1,000 patients riskml goes in numpy from the portable model to the effects. The recursion in C of shap's
TreeExplainer is given the trees in advance: one call a horizon, and one call for leaves that hold all five answers.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sksurv.ensemble import RandomSurvivalForest

from benchmarks.row import Row
from riskml.runtime.explain import explain_value
from riskml.runtime.explain_table import explain_table
from riskml.runtime.members import Member
from riskml.runtime.model import Feature, PortableModel
from riskml.runtime.score import score_table
from riskml.training.learners.survival_forest import SurvivalForest

FloatArray = NDArray[np.float64]
N_INPUTS, N_ROWS, N_BACKGROUND, N_TREES = 12, 500, 100, 100
HORIZONS = (3.0, 6.0, 12.0, 18.0, 24.0)
N_PATIENTS = 1_000
RUNS = 15
NAMES = tuple(f"x{k}" for k in range(N_INPUTS))


def forests(seed: int) -> tuple[PortableModel, RandomSurvivalForest, FloatArray, FloatArray]:
    """One survival forest of simulated patients as a portable model and as scikit-survival's; background; a patient."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(N_ROWS + 1, N_INPUTS))
    hazard = np.exp(0.8 * X[:, 0] - 0.6 * X[:, 1] + 0.5 * X[:, 2] * (X[:, 3] > 0) - 3.0)
    months, end = random.exponential(1 / hazard), random.uniform(6, 48, len(X))
    y = np.array(
        list(zip(months <= end, np.minimum(months, end), strict=True)), dtype=[("event", bool), ("time", float)]
    )
    settings = {"n_estimators": N_TREES, "min_samples_leaf": 15, "random_state": 0}
    forest = SurvivalForest(time_grid=np.arange(1.0, 25.0), **settings).fit(X[1:], y[1:])
    theirs = RandomSurvivalForest(min_samples_split=30, n_jobs=1, **settings).fit(X[1:], y[1:])
    background = X[1 : 1 + N_BACKGROUND]
    model = PortableModel(
        kind="survival",
        inputs=NAMES,
        features=tuple(Feature(name, "value", (name,)) for name in NAMES),
        members=(Member(1.0, forest.predictor_, forest.response_),),
        weights=(1 / N_BACKGROUND,) * N_BACKGROUND,
        background=tuple(map(tuple, background.tolist())),
        bootstrap=(),
        level=0.9,
        limits={},
    )
    return model, theirs, background, X[0]


def timed(call: Callable[[], Any], runs: int) -> tuple[Any, float]:
    """What the call gives, and its median time in seconds."""
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        found = call()
        seconds.append(time.process_time() - start)
    return found, statistics.median(seconds)


def tree_explainer(model: PortableModel, background: FloatArray, horizons: Sequence[float]) -> Any:
    """TreeExplainer of shap for S at some months of the forest's grid."""
    import shap  # noqa: PLC0415 - it warns when imported

    predictor: Any = model.members[0].predictor
    columns = [model.members[0].response.times.index(months) for months in horizons]  # type: ignore[attr-defined]
    trees = []
    for tree in predictor.trees:
        size, n_leaves = len(tree.feature), len(tree.feature) + 1
        outputs = np.array(tree.leaf).reshape(n_leaves, -1)[:, columns] * predictor.scale
        children = [[k if k >= 0 else size + ~k for k in side] + [-1] * n_leaves for side in (tree.left, tree.right)]
        trees.append(
            {
                "children_left": np.array(children[0]),
                "children_right": np.array(children[1]),
                "children_default": np.array(children[0]),
                "features": np.array([*tree.feature, *[-2] * n_leaves]),
                "thresholds": np.array([*tree.threshold, *[-2.0] * n_leaves]),
                "values": np.concatenate([np.zeros((size, len(columns))), outputs]),
                "node_sample_weight": np.ones(size + n_leaves),
            }
        )
    masker = shap.maskers.Independent(background, max_samples=len(background))
    return shap.TreeExplainer({"trees": trees}, masker, feature_perturbation="interventional")


def by_horizon(model: PortableModel, background: FloatArray, table: FloatArray, runs: int) -> tuple[FloatArray, float]:
    """TreeExplainer, one call a horizon: values (n_rows, n_inputs, n_horizons), and the seconds of all calls."""
    explainers = [tree_explainer(model, background, [t]) for t in HORIZONS]
    found, seconds = timed(lambda: [explainer.shap_values(table) for explainer in explainers], runs)
    return np.stack([np.reshape(values, table.shape) for values in found], axis=-1), seconds


def one_patient(
    model: PortableModel, forest: RandomSurvivalForest, background: FloatArray, patient: FloatArray, *, quick: bool
) -> list[Row]:
    """Pure Python beside shap's explainers; without the one that takes most of a minute where it has to be quick."""
    import shap  # noqa: PLC0415 - it warns when imported

    def by_forest(table: FloatArray) -> FloatArray:
        curves = forest.predict_survival_function(table, return_array=True)
        return np.asarray(curves[:, forest.unique_times_.searchsorted(HORIZONS, side="right") - 1])

    def by_table(table: FloatArray) -> FloatArray:
        return score_table(model, dict(zip(NAMES, table.T, strict=True)), len(table), HORIZONS)

    def kernel(survival: Callable[[FloatArray], FloatArray]) -> tuple[FloatArray, float]:
        explainer = shap.KernelExplainer(survival, background)
        found, seconds = timed(lambda: explainer.shap_values(patient, silent=True), 1)
        return np.asarray(found), seconds

    known = dict(zip(NAMES, patient.tolist(), strict=True))
    ours, seconds = timed(lambda: explain_value(model, known, HORIZONS), RUNS)
    values = np.array([[effects[name] for effects in ours.effects] for name in NAMES])
    exact, tree_seconds = by_horizon(model, background, patient[None], 3)
    rows = {
        "shap TreeExplainer, all horizons": (exact[0], tree_seconds),
        "shap KernelExplainer, riskml's scoring": kernel(by_table),
    }
    if not quick:
        rows["shap KernelExplainer, scikit-survival's"] = kernel(by_forest)
    return show("one patient", seconds, ours.sum_error, values, rows)


def many_patients(model: PortableModel, background: FloatArray, table: FloatArray) -> list[Row]:
    """Numpy beside shap's recursion in C."""
    columns = dict(zip(NAMES, table.T, strict=True))
    ours, seconds = timed(lambda: explain_table(model, columns, len(table), HORIZONS), 5)
    sum_error = float(np.abs(ours.base + ours.effects.sum(axis=1) - ours.value).max())
    explainer = tree_explainer(model, background, HORIZONS)
    rows = {
        "shap TreeExplainer, one call a horizon": by_horizon(model, background, table, 1),
        "shap TreeExplainer, all in the leaves": timed(lambda: np.asarray(explainer.shap_values(table)), 1),
    }
    return show(f"{len(table):,} patients", seconds, sum_error, ours.effects, rows)


def show(
    title: str, seconds: float, sum_error: float, values: FloatArray, others: Mapping[str, tuple[FloatArray, float]]
) -> list[Row]:
    """One line each: milliseconds, how many times ours, and how far from our values."""
    rows = []
    print(f"{'riskml, ' + title:<40} {1e3 * seconds:>8.1f}          sum error {sum_error:.1e}")
    for name, (theirs, cost) in others.items():
        gap = float(np.abs(theirs - values).max())
        print(f"{name:<40} {1e3 * cost:>8.1f} {cost / seconds:>7.1f}x largest distance to riskml {gap:.1e}")
        rows.append(
            Row("tree_explanations", f"{title}, forest of {N_TREES} trees; {name}", 1e3 * seconds, 1e3 * cost, "ms")
        )
    return rows


def rows(*, quick: bool = False) -> list[Row]:
    """One patient and a table, with what is printed; a tenth of the table where it has to be quick."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what shap's own imports warn of is not ours to mend
        import shap  # noqa: PLC0415 - inside the filter
    model, forest, background, patient = forests(seed=1)
    predictor: Any = model.members[0].predictor
    leaves = sum(len(tree.feature) + 1 for tree in predictor.trees)
    print(f"Python {sys.version.split()[0]}, shap {shap.__version__}; milliseconds of one processor, medians")
    print(f"{N_TREES} trees, {leaves} leaves, {N_INPUTS} inputs, {len(HORIZONS)} horizons, background {N_BACKGROUND}")
    # Single precision, in which riskml compares, holds these numbers.
    background, patient = (x.astype(np.float32).astype(float) for x in (background, patient))
    model = model.with_(background=tuple(map(tuple, background.tolist())))
    found = one_patient(model, forest, background, patient, quick=quick)
    patients = N_PATIENTS // 10 if quick else N_PATIENTS
    table = np.random.default_rng(2).normal(size=(patients, N_INPUTS)).astype(np.float32).astype(float)
    return found + many_patients(model, background, table)


def main() -> None:
    """Measure and print."""
    rows()


if __name__ == "__main__":
    main()
