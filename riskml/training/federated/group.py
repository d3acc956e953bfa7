"""Groups of a hospital's patients for the background of the shared model: means of five or more, never a patient."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from riskml.runtime.members import Linear, Member
from riskml.runtime.model import Feature, Value
from riskml.runtime.responses import LOGISTIC
from riskml.training.background import (
    MAX_PROTOTYPES,
    SMALLEST_GROUP,
    Background,
    numeric_limits,
    prototypes,
    usual_ranges,
)
from riskml.training.federated.plan import Study, is_finite
from riskml.training.federated.statistics import known_patients
from riskml.training.fit import TrainingSet

Ranges = dict[str, tuple[float, float]]


def kept_features(study: Study, names: Sequence[str]) -> tuple[tuple[Feature, ...], tuple[str, ...]]:
    """The features of these names, and their inputs in the order of first use."""
    features = tuple(feature for feature in study.recipe.features if feature.name in names)
    return features, tuple(dict.fromkeys(name for feature in features for name in feature.inputs))


def group_of(study: Study, ask: Mapping[str, Any], rows: TrainingSet) -> dict[str, Any]:
    """A hospital's part of the background, in the clear: what a bundle shows of its patients anyway.

    Returns
    -------
    dict
        ``rows``, the number of rows behind it (0 and nothing else where there are fewer than five patients);
        ``prototypes``, means of groups of five or more patients, null for an input that fewer than five here have;
        ``weights``, the share of each group; ``limits`` and ``usual``, ranges of measured inputs that ten or more have.
    """
    if rows.n_patients < SMALLEST_GROUP:
        return {"rows": 0, "prototypes": [], "weights": [], "limits": {}, "usual": {}}
    features, inputs = kept_features(study, ask["features"])
    few = {name for name in inputs if known_patients(rows, name) < SMALLEST_GROUP}
    own = [name for name in inputs if name not in few]
    # Only how strongly each feature counts decides who is grouped with whom.
    member = Member(1.0, Linear(0.0, tuple(map(float, ask["points"][0]))), LOGISTIC)
    most = max(1, MAX_PROTOTYPES // len(study.centres))
    found = prototypes(rows.frame, inputs, features, [member], rows.patient, most)
    kept = [[None if name in few else value for name, value in zip(inputs, row, strict=True)] for row in found.rows]
    arrays = (rows.frame, own, features, rows.patient)
    limits, usual = numeric_limits(*arrays), usual_ranges(*arrays)
    return {
        "rows": len(rows.event),
        "prototypes": kept,
        "weights": list(found.weights),
        "limits": {name: list(pair) for name, pair in limits.items()},
        "usual": {name: list(pair) for name, pair in usual.items()},
    }


def is_group(group: Any, inputs: Sequence[str]) -> bool:
    """Whether a JSON value has the shape of what `group_of` gives for a model of these inputs."""
    if not isinstance(group, dict) or group.keys() != _KEYS:
        return False
    rows, weights, prototypes = group["rows"], group["weights"], group["prototypes"]
    if not (isinstance(weights, list) and isinstance(prototypes, list) and len(weights) == len(prototypes)):
        return False
    sized = type(rows) is int and (rows >= SMALLEST_GROUP if weights else rows == 0)
    shares = all(is_finite(share) and share > 0 for share in weights)
    whole = shares and (not weights or abs(math.fsum(weights) - 1) < _WHOLE)
    shaped = all(isinstance(row, list) and len(row) == len(inputs) for row in prototypes)
    valued = shaped and all(x is None or isinstance(x, str) or is_finite(x) for row in prototypes for x in row)
    alike = valued and all(len({type(x) is str for x in column if x is not None}) < 2 for column in zip(*prototypes))  # noqa: B905
    return bool(sized and whole and alike and all(_are_ranges(group[key], inputs) for key in ("limits", "usual")))


_KEYS = frozenset({"rows", "prototypes", "weights", "limits", "usual"})
_WHOLE = 1e-6


def _are_ranges(ranges: Any, inputs: Sequence[str]) -> bool:
    return isinstance(ranges, dict) and all(
        name in inputs
        and isinstance(pair, list)
        and len(pair) == 2
        and all(map(is_finite, pair))
        and pair[0] <= pair[1]
        for name, pair in ranges.items()
    )


def joined(groups: Sequence[Mapping[str, Any]], inputs: Sequence[str]) -> tuple[Background, Ranges, Ranges]:
    """The background of all hospitals together, and the limits and usual ranges of its inputs.

    A hospital counts by its rows. A value that a hospital does not have is that of the others: their mean, or the level
    most of them have. Limits are the widest of the hospitals', usual ranges their mean weighted by rows.
    """
    total = sum(group["rows"] for group in groups)
    rows: list[list[Any]] = [list(row) for group in groups for row in group["prototypes"]]
    weights = [group["rows"] / total * share for group in groups for share in group["weights"]]
    for place, _ in enumerate(inputs):
        usual_value = _typical([row[place] for row in rows], weights)
        for row in rows:
            row[place] = usual_value if row[place] is None else row[place]
    weights[-1] = 1.0 - sum(weights[:-1])
    smallest = min(round(share * group["rows"]) for group in groups for share in group["weights"])
    limits: Ranges = {}
    means: Ranges = {}
    for name in inputs:
        pairs = [group["limits"][name] for group in groups if name in group["limits"]]
        if pairs:
            limits[name] = (min(low for low, _ in pairs), max(high for _, high in pairs))
        inner = [(group["rows"], *group["usual"][name]) for group in groups if name in group["usual"]]
        if inner:
            n = sum(count for count, _, _ in inner)
            low, high = (sum(pair[0] * pair[side] for pair in inner) / n for side in (1, 2))
            means[name] = (float(f"{low:.3g}"), float(f"{high:.3g}"))
    return Background(tuple(tuple(row) for row in rows), tuple(weights), smallest), limits, means


def _typical(values: Sequence[Value | None], weights: Sequence[float]) -> Value:
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
    if not known:
        return 0.0
    if isinstance(known[0][0], str):
        shares: dict[str, float] = {}
        for value, weight in known:
            shares[str(value)] = shares.get(str(value), 0.0) + weight
        return max(sorted(shares), key=shares.__getitem__)
    mean = math.fsum(float(value) * weight for value, weight in known) / math.fsum(weight for _, weight in known)
    return float(f"{mean:.4g}")
