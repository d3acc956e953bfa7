"""Trees of scikit-learn, scikit-survival and XGBoost as portable trees.

scikit-learn and scikit-survival send a row left if float32(x) <= threshold, XGBoost if float32(x) < threshold. A
portable tree has the first rule, so XGBoost's thresholds become the next smaller single-precision number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from riskml.runtime.members import Tree

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

# What each objective's base_score is on the scale on which trees are added.
_LINKS: Mapping[str, Callable[[float], float]] = {
    "binary:logistic": lambda p: math.log(p) - math.log1p(-p),
    "survival:cox": math.log,
    "survival:aft": math.log,
}


def singles(X: ArrayLike) -> SingleArray:
    """``X`` in single precision, as all tree libraries compare; what is beyond its range becomes its largest number."""
    largest = float(np.finfo(np.float32).max)
    return np.clip(np.asarray(X, dtype=np.float64), -largest, largest).astype(np.float32)


def sklearn_tree(tree: Any, outputs: FloatArray) -> Tree:
    """Portable form of a fitted ``tree_`` of scikit-learn or scikit-survival.

    Parameters
    ----------
    tree : sklearn.tree._tree.Tree
        With ``feature``, ``threshold``, ``children_left`` and ``children_right``.
    outputs : float array of shape (n_nodes, n_outputs)
        What each node says; only that of leaves is used.

    Returns
    -------
    Tree
        Sibling leaves that say the same are one leaf.
    """
    return _tree(tree.feature, tree.threshold, tree.children_left, tree.children_right, outputs)


def xgboost_trees(model: str | bytes) -> tuple[float, tuple[Tree, ...]]:
    """Base margin and trees of an XGBoost model saved as JSON.

    Parameters
    ----------
    model : str or bytes
        What ``Booster.save_raw("json")`` gives, objective binary:logistic, survival:cox or survival:aft.

    Returns
    -------
    base : float
        Log-odds, log relative hazard or log time before any tree.
    trees : tuple of Tree
        One output each; the margin is ``base`` plus their sum.

    Raises
    ------
    ValueError
        If the objective is another one.
    """
    learner = json.loads(model)["learner"]
    objective = learner["objective"]["name"]
    if objective not in _LINKS:
        raise ValueError(f"objective must be one of {', '.join(_LINKS)}, got {objective!r}")
    base = _LINKS[objective](float(learner["learner_model_param"]["base_score"].strip("[]")))
    grown = learner["gradient_booster"]["model"]["trees"]
    return base, tuple(_xgboost_tree(part) for part in grown)


def _xgboost_tree(part: Mapping[str, Any]) -> Tree:
    # A leaf keeps its value where an inner node keeps its threshold.
    split = np.array(part["split_conditions"], dtype=np.float32)
    below = np.nextafter(split, np.float32(-np.inf)).astype(np.float64)
    outputs = np.array(part["split_conditions"], dtype=np.float64)[:, None]
    return _tree(part["split_indices"], below, part["left_children"], part["right_children"], outputs)


def settle(trees: Sequence[Tree], X: SingleArray) -> tuple[Tree, ...]:
    """The trees with short thresholds between training values; every training row still goes where it went.

    A threshold of XGBoost is a patient's own value, which may not leave the training site, and one of scikit-learn is
    the middle of two. Each becomes the shortest decimal near the middle of the two training values around it.

    Parameters
    ----------
    trees : sequence of Tree
    X : float32 array of shape (n_samples, n_features)
        The training rows, at least two distinct values in every column a tree looks at.

    Returns
    -------
    tuple of Tree
    """
    values = {j: np.unique(X[:, j]).astype(np.float64) for j in set(chain.from_iterable(t.feature for t in trees))}
    return tuple(
        tree.with_(threshold=tuple(_moved(t, values[j]) for j, t in zip(tree.feature, tree.threshold, strict=True)))
        for tree in trees
    )


def _moved(threshold: float, values: FloatArray) -> float:
    k = int(values.searchsorted(threshold, side="right"))
    return _between(float(values[k - 1]), float(values[k])) if 0 < k < values.size else threshold


@lru_cache(maxsize=65_536)
def _between(low: float, high: float) -> float:
    """The shortest decimal near the middle of two different numbers that is neither of them."""
    middle = low / 2 + high / 2
    rounded = (float(f"{middle:.{digits}g}") for digits in range(1, 18))
    between = [number for number in rounded if low < number < high]
    # 0.3 lies above its own single-precision form, but it is what the patient's file says.
    return next((number for number in between if low < float(np.float32(number)) < high), between[0])


def _tree(feature: ArrayLike, threshold: ArrayLike, left: ArrayLike, right: ArrayLike, outputs: FloatArray) -> Tree:
    """Nodes as a library numbers them, children of a leaf being -1, as a portable tree."""
    features, thresholds, lefts, rights = (np.asarray(part).tolist() for part in (feature, threshold, left, right))
    # Seven digits are what single precision holds, and half the size of the file.
    leaves = [tuple(float(f"{x:.7g}") for x in row) for row in outputs.tolist()]
    inner: dict[str, list[Any]] = {"feature": [], "threshold": [], "left": [], "right": []}
    said: list[float] = []
    places = 0

    def merged(node: int) -> tuple[Any, ...]:
        """A leaf as its outputs; an inner node as (node, left part, right part)."""
        if lefts[node] < 0:
            return leaves[node]
        low, high = merged(lefts[node]), merged(rights[node])
        return low if low == high and not isinstance(low[-1], tuple) else (node, low, high)

    def place(part: tuple[Any, ...]) -> int:
        nonlocal places
        if not isinstance(part[-1], tuple):
            said.extend(part)
            places += 1
            return -places
        here = len(inner["feature"])
        node, low, high = part
        for name, value in (("feature", features[node]), ("threshold", thresholds[node]), ("left", 0), ("right", 0)):
            inner[name].append(value)
        inner["left"][here] = place(low)
        inner["right"][here] = place(high)
        return here

    place(merged(0))
    return Tree(**{name: tuple(part) for name, part in inner.items()}, leaf=tuple(said))
