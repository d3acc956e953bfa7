"""Members of the portable model: a predictor (linear, trees, or one linear predictor a cause) and what it means.

A predictor turns a row of features into outputs; a response (:mod:`riskml.runtime.responses`) turns outputs into a
probability, S(t) or a cumulative incidence. Any predictor goes with any response that takes its number of outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import ge, mul
from struct import Struct

from riskml.record import Record
from riskml.runtime.model_error import ModelError, need, numbers
from riskml.runtime.responses import inner_of, response_from_dict
from riskml.runtime.time_responses import Baseline

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    from riskml.runtime.responses import Response

LARGEST_SINGLE = 3.4028234663852886e38


class Linear(Record):
    """A linear predictor: ``intercept + sum(coefficients * features)``, one output."""

    intercept: float
    coefficients: tuple[float, ...]

    outputs = 1

    def at(self, row: Sequence[float]) -> float:
        """The output for one row of features."""
        return sum(map(mul, self.coefficients, row), self.intercept)

    def table(self, rows: Any) -> Any:
        """Outputs for an array of features, shape (..., n_features) -> (..., 1)."""
        import numpy as np

        # In the order of ``at``: a matrix product would let a row's last digit depend on which rows stand around it.
        total = np.full(rows.shape[:-1], self.intercept, dtype=np.float64)
        for j, coefficient in enumerate(self.coefficients):
            total += coefficient * rows[..., j]
        return total[..., None]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"kind": "linear", "intercept": self.intercept, "coefficients": list(self.coefficients)}


class Tree(Record):
    """A binary tree. Inner node k sends a row left if ``row[feature[k]] <= threshold[k]``, else right.

    Attributes
    ----------
    feature : tuple of int
        Feature that each inner node looks at; empty for a tree of one leaf.
    threshold : tuple of float
    left, right : tuple of int
        Child of each inner node: ``k >= 0`` is inner node k (always a later one), ``k < 0`` is leaf ``~k``.
    leaf : tuple of float
        Outputs of the leaves, one after another (``n_leaves * outputs`` numbers).
    """

    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    leaf: tuple[float, ...]

    def find(self, row: Sequence[float]) -> int:
        """Index of the leaf that a row of (single-precision) features falls into."""
        node = 0 if self.feature else -1
        while node >= 0:
            node = self.left[node] if row[self.feature[node]] <= self.threshold[node] else self.right[node]
        return ~node


class Trees(Record):
    """A sum of trees: ``base + scale * sum(leaf outputs)``; a forest's mean has scale 1 / n_trees.

    The libraries that grow trees compare in single precision, so features are rounded to it before they are compared:
    otherwise a patient exactly on a threshold could fall on the other side.

    Attributes
    ----------
    base : tuple of float
        One number an output.
    scale : float
    trees : tuple of Tree
    """

    base: tuple[float, ...]
    scale: float
    trees: tuple[Tree, ...]

    @property
    def outputs(self) -> int:
        """How many numbers a row gives."""
        return len(self.base)

    def at(self, row: Sequence[float]) -> float | list[float]:
        """The output for one row of features; a list where there are several."""
        return self.at_single(single(row))

    def at_single(self, row: Sequence[float]) -> float | list[float]:
        """As ``at``, for a row that is in single precision already."""
        width = len(self.base)
        if width == 1:
            return self.base[0] + self.scale * sum(tree.leaf[tree.find(row)] for tree in self.trees)
        totals = [0.0] * width
        for tree in self.trees:
            start = tree.find(row) * width
            for k in range(width):
                totals[k] += tree.leaf[start + k]
        return [base + self.scale * total for base, total in zip(self.base, totals, strict=True)]

    def table(self, rows: Any) -> Any:
        """Outputs for an array of features, shape (n_rows, n_features) -> (n_rows, outputs)."""
        import numpy as np

        from riskml.runtime.tree_tables import Forest

        return Forest(self).mean(rows, np.zeros((1, rows.shape[1])), np.ones(1))

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        trees = [{name: list(part) for name, part in tree.to_fields().items()} for tree in self.trees]
        return {"kind": "trees", "base": list(self.base), "scale": self.scale, "trees": trees}


_PACKERS: dict[int, Struct] = {}


def single(row: Sequence[float]) -> Sequence[float]:
    """The row rounded to single precision; what is beyond its range becomes its largest number."""
    packer = _PACKERS.get(len(row)) or _PACKERS.setdefault(len(row), Struct(f"<{len(row)}f"))
    try:
        return packer.unpack(packer.pack(*row))
    except OverflowError:
        return packer.unpack(packer.pack(*[min(max(x, -LARGEST_SINGLE), LARGEST_SINGLE) for x in row]))


class Causes(Record):
    """One linear predictor a cause, the cause of interest first; one output a cause."""

    linears: tuple[Linear, ...]

    @property
    def outputs(self) -> int:
        """Number of causes."""
        return len(self.linears)

    def at(self, row: Sequence[float]) -> list[float]:
        """The output for one row of features."""
        return [linear.at(row) for linear in self.linears]

    def table(self, rows: Any) -> Any:
        """Outputs for an array of features, shape (..., n_features) -> (..., n_causes)."""
        import numpy as np

        return np.concatenate([linear.table(rows) for linear in self.linears], axis=-1)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"kind": "causes", "linears": [linear.to_dict() for linear in self.linears]}


class Member(Record):
    """A fitted model: its weight in the average, its predictor, and what the predictor's outputs mean."""

    weight: float
    predictor: Linear | Trees | Causes
    response: Response

    @property
    def linear(self) -> Linear:
        """The linear predictor.

        Raises
        ------
        TypeError
            If the member has none.
        """
        if not isinstance(self.predictor, Linear):
            raise TypeError(f"a member of {type(self.predictor).__name__.lower()} has no single linear predictor")
        return self.predictor

    @property
    def baseline(self) -> Baseline | None:
        """The baseline of a proportional hazards member (before any calibration); None for other responses."""
        response = inner_of(self.response)
        return response if isinstance(response, Baseline) else None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"weight": self.weight, "predictor": self.predictor.to_dict(), "response": self.response.to_dict()}


def member_from_dict(raw: Mapping[str, Any], n_features: int, kind: str) -> Member:
    """Build a member from its JSON form; ``kind`` is that of the model's outcome.

    Raises
    ------
    ModelError
        If it is malformed, or predictor, response and outcome do not go together.
    """
    (weight,) = numbers([raw["weight"]], "weight", length=1)
    need(weight > 0, "member weights must be positive")
    what = raw["predictor"]["kind"]
    need(what in _PREDICTORS, f"unknown predictor {what!r}: a newer riskml is needed")
    predictor = _PREDICTORS[what](raw["predictor"], n_features)
    response = response_from_dict(raw["response"])
    need(response.outcome == kind, f"a {response.kind} response is not for {kind} outcomes")
    need(response.outputs == predictor.outputs, f"{response.kind} takes {response.outputs} outputs of its predictor")
    if inner_of(response).is_mean:
        _check_shares(predictor)
    return Member(weight, predictor, response)


def _check_shares(predictor: Linear | Trees | Causes) -> None:
    """Leaves that are answers already have to be shares, S(t) never rising, and their mean the answer."""
    if (
        not isinstance(predictor, Trees)
        or any(predictor.base)
        or abs(predictor.scale * len(predictor.trees) - 1) > 1e-9
    ):
        raise ModelError("this response takes the mean of trees whose leaves are answers")
    width = predictor.outputs
    for tree in predictor.trees:
        falls = all(all(map(ge, tree.leaf[k::width], tree.leaf[k + 1 :: width])) for k in range(width - 1))
        need(falls and 0 <= min(tree.leaf) <= max(tree.leaf) <= 1, "leaves must be shares in [0, 1] that never rise")


def _linear(raw: Mapping[str, Any], n_features: int) -> Linear:
    need(raw["kind"] == "linear", "a cause must have a linear predictor")
    (intercept,) = numbers([raw["intercept"]], "intercept", length=1)
    return Linear(intercept, numbers(raw["coefficients"], "coefficients", length=n_features))


def _causes(raw: Mapping[str, Any], n_features: int) -> Causes:
    linears = tuple(_linear(item, n_features) for item in raw["linears"])
    need(len(linears) > 1, "there must be two causes or more")
    return Causes(linears)


def _trees(raw: Mapping[str, Any], n_features: int) -> Trees:
    base = numbers(raw["base"], "base of the trees")
    (scale,) = numbers([raw["scale"]], "scale of the trees", length=1)
    need(base and raw["trees"], "trees must have a base and at least one tree")
    return Trees(base, scale, tuple(_tree(item, n_features, len(base)) for item in raw["trees"]))


def _tree(raw: Mapping[str, Any], n_features: int, outputs: int) -> Tree:
    """Every inner node and every leaf must be the child of exactly one earlier node: no walk can go in circles."""
    size = len(raw["feature"])
    feature, left, right = (_indices(raw[name], name, size) for name in ("feature", "left", "right"))
    threshold = numbers(raw["threshold"], "thresholds", length=size)
    leaf = numbers(raw["leaf"], "leaves", length=(size + 1) * outputs)
    need(all(0 <= j < n_features for j in feature), "a tree looks at a feature the model does not have")
    need(all(k < 0 or k > node for part in (left, right) for node, k in enumerate(part)), "a tree must lead downward")
    need(sorted(left + right) == [k for k in range(-size - 1, size) if k] if size else True, "a tree must be a tree")
    return Tree(feature, threshold, left, right, leaf)


def _indices(raw: object, what: str, length: int) -> tuple[int, ...]:
    if not isinstance(raw, list) or not set(map(type, raw)) <= {int} or len(raw) != length:
        raise ModelError(f"{what} of a tree must be {length} whole numbers")
    return tuple(raw)


_PREDICTORS: Mapping[str, Callable[[Mapping[str, Any], int], Linear | Trees | Causes]] = {
    "linear": _linear,
    "trees": _trees,
    "causes": _causes,
}
