"""Random and hand-made portable models for the tests of the runtime wing, and bundles that wrap them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy.stats import gumbel_l, norm
from scipy.stats import logistic as scipy_logistic

from riskml.runtime.bundle import FILES, MANIFEST, Bundle, golden_entry, open_bundle, seal, shipped
from riskml.runtime.card import card
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.members import Causes, Linear, Member, Tree, Trees
from riskml.runtime.model import Feature, PortableModel, Value
from riskml.runtime.responses import LOGISTIC, PROBABILITY, Calibrated
from riskml.runtime.score import value
from riskml.runtime.time_responses import Accelerated, Baseline, Curve, Incidence

SHIPPED = ("non_response", "icans", "efs", "induction_efs")
GRIDS = ((0.0, 12.0), (0.0, 1.0, 6.0, 24.0), (0.0, 0.5, 2.5, 3.0, 9.0, 24.0))
LEVELS = ("A", "B", "C")
SCALES = {"binary": "probability", "survival": "survival", "incidence": "cumulative_incidence"}
HAZARD = Baseline((0.0, 6.0, 12.0), (0.0, 0.2, 0.7))
CURVE = Curve((6.0, 12.0))
# Every kind of predictor with every response that it goes with.
MEMBERS = [
    ("linear", LOGISTIC),
    ("linear", Calibrated(LOGISTIC, 0.2, 0.7)),
    ("trees", LOGISTIC),
    ("trees", PROBABILITY),
    ("trees", Calibrated(PROBABILITY, 0.2, 0.7)),
    ("linear", HAZARD),
    ("trees", HAZARD),
    ("linear", Accelerated("weibull", 0.8, 12.0)),
    ("trees", Accelerated("lognormal", 0.8, 12.0)),
    ("trees", CURVE),
    ("trees", Calibrated(CURVE, -0.3, 1.2)),
    ("causes", Incidence((HAZARD, HAZARD))),
    ("trees", Incidence((HAZARD, HAZARD))),
]
NO_DIGEST = "0" * 64

numbers = st.sampled_from([0.0, 1.0, 0.4, -2.0]) | st.floats(-10, 10, allow_subnormal=False)
coefficients = st.sampled_from([0.0, 1.0, -1.0]) | st.floats(-2, 2, allow_subnormal=False)


@st.composite
def portable_models(
    draw: st.DrawFn, kind: str | None = None, max_inputs: int = 7, *, linear: bool = False
) -> PortableModel:
    """Any valid model: every transform and member, features of several inputs, unused numbers, equal prototypes."""
    kind = kind or draw(st.sampled_from(["binary", "survival"] if linear else ["binary", "survival", "incidence"]))
    make = _linear_members if linear else _members
    text = draw(st.lists(st.booleans(), min_size=1, max_size=max_inputs))
    inputs = tuple(f"level_{i}" if is_text else f"number_{i}" for i, is_text in enumerate(text))
    features = tuple(draw(_features(inputs, j)) for j in range(draw(st.integers(1, 7))))
    unread = [name for name in inputs if name.startswith("level") and not any(name in f.inputs for f in features)]
    features += tuple(Feature(f"only_{name}", "level", (name,), ("A",)) for name in unread)
    size = draw(st.integers(1, 12))
    row = st.tuples(*(st.sampled_from(LEVELS) if is_text else numbers for is_text in text))
    background = tuple(draw(st.lists(row, min_size=size, max_size=size)))
    grid = draw(st.sampled_from(GRIDS))
    weights = draw(shares(draw(st.integers(1, 3))))
    return PortableModel(
        kind=kind,
        inputs=inputs,
        features=features,
        members=tuple(draw(make(kind, len(features), grid, weight)) for weight in weights),
        weights=draw(shares(size)),
        background=background,
        bootstrap=tuple(
            tuple(draw(make(kind, len(features), grid, weight)) for weight in draw(shares(draw(st.integers(1, 2)))))
            for _ in range(draw(st.integers(0, 3)))
        ),
        level=draw(st.sampled_from([0.5, 0.9, 0.95])),
        limits={name: (-10.0, 10.0) for name in inputs if name.startswith("number")},
        usual=draw(st.sampled_from([{}, {name: (-3.0, 5.0) for name in inputs if name.startswith("number")}])),
    )


@st.composite
def shares(draw: st.DrawFn, size: int) -> tuple[float, ...]:
    """Positive weights that sum to 1."""
    counts = draw(st.lists(st.integers(1, 9), min_size=size, max_size=size))
    return tuple(count / sum(counts) for count in counts)


@st.composite
def _features(draw: st.DrawFn, inputs: Sequence[str], number: int) -> Feature:
    text = draw(st.sampled_from(inputs)).startswith("level")
    pool = [name for name in inputs if name.startswith("level") == text]
    names = tuple(draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3, unique=True)))
    op = "level" if text else draw(st.sampled_from(["value", "log10", "hinge", "at_least"]))
    parameter = {
        "level": st.lists(st.sampled_from(LEVELS), min_size=1, max_size=2, unique=True).map(tuple),
        "value": st.none(),
        "log10": st.sampled_from([1e-6, 1e-3, 0.5]),
        "hinge": numbers,
        "at_least": numbers,
    }[op]
    return Feature(f"feature_{number}", op, names, draw(parameter))


@st.composite
def _linear_members(draw: st.DrawFn, kind: str, n_features: int, grid: tuple[float, ...], weight: float) -> Member:
    response = LOGISTIC if kind == "binary" else draw(_baselines(grid))
    return Member(weight, draw(_linears(n_features)), response)


@st.composite
def _members(draw: st.DrawFn, kind: str, n_features: int, grid: tuple[float, ...], weight: float) -> Member:
    if kind == "incidence":
        linears = tuple(draw(_linears(n_features)) for _ in range(draw(st.integers(2, 3))))
        return Member(weight, Causes(linears), Incidence(tuple(draw(_baselines(grid)) for _ in linears)))
    if kind == "binary":
        response: Any = draw(st.sampled_from([LOGISTIC, PROBABILITY]))
    else:
        aft = st.sampled_from(["weibull", "loglogistic", "lognormal"]).map(lambda d: Accelerated(d, 0.7, grid[-1]))
        response = draw(st.one_of(_baselines(grid), st.just(Curve(grid[1:])), aft))
    leaves = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
    shares = response is PROBABILITY or isinstance(response, Curve)
    if shares or draw(st.booleans()):
        grown = tuple(draw(trees(n_features, response.outputs, leaves)) for _ in range(draw(st.integers(1, 4))))
        predictor: Linear | Trees = Trees((0.0,) * response.outputs, 1 / len(grown), grown)
    else:
        predictor = draw(_linears(n_features))
    if draw(st.booleans()):
        response = Calibrated(response, draw(st.floats(-1, 1)), draw(st.sampled_from([0.0, 0.5, 1.0, 1.5])))
    return Member(weight, predictor, response)


@st.composite
def _linears(draw: st.DrawFn, n_features: int) -> Linear:
    slopes = draw(st.lists(coefficients, min_size=n_features, max_size=n_features))
    return Linear(draw(coefficients), tuple(slopes))


@st.composite
def _baselines(draw: st.DrawFn, grid: tuple[float, ...]) -> Baseline:
    steps = draw(st.lists(st.floats(0, 0.5), min_size=len(grid) - 1, max_size=len(grid) - 1))
    return Baseline(grid, (0.0, *accumulate(steps)))


@st.composite
def trees(draw: st.DrawFn, n_features: int, outputs: int, leaves: st.SearchStrategy[float]) -> Tree:
    """A random tree of up to four splits: each new split takes the place of a leaf."""
    size = draw(st.integers(0, 4))
    feature = tuple(draw(st.integers(0, n_features - 1)) for _ in range(size))
    threshold = tuple(draw(numbers) for _ in range(size))
    children: list[list[int]] = []
    for node in range(size):
        if node:
            parent, side = draw(st.sampled_from([(k, s) for k in range(node) for s in (0, 1) if children[k][s] < 0]))
            children[parent][side] = node
        children.append([-1, -1])
    leaf = 0
    for pair in children:
        for side in (0, 1):
            if pair[side] < 0:
                pair[side], leaf = ~leaf, leaf + 1
    values = [x for _ in range(size + 1) for x in sorted((draw(leaves) for _ in range(outputs)), reverse=True)]
    return Tree(feature, threshold, tuple(c[0] for c in children), tuple(c[1] for c in children), tuple(values))


def linears_of(model: PortableModel) -> list[Linear]:
    """Every linear predictor in the model's members."""
    found: list[Linear] = []
    for member in model.members:
        if isinstance(member.predictor, Linear):
            found.append(member.predictor)
        elif isinstance(member.predictor, Causes):
            found += member.predictor.linears
    return found


def known_inputs(model: PortableModel, *, complete: bool = False) -> st.SearchStrategy[dict[str, Value]]:
    """Patients of whom some inputs (or all) are known; a level may be one that no prototype has."""
    options: dict[str, Any] = {
        name: st.sampled_from((*LEVELS, "other")) if name.startswith("level") else numbers for name in model.inputs
    }
    return st.fixed_dictionaries(options) if complete else st.fixed_dictionaries({}, optional=options)


def times_for(model: PortableModel) -> tuple[float, ...]:
    """The start, a month between grid points and the last month of a survival model; none for a binary one."""
    return () if model.kind == "binary" else (0.0, 0.37 * model.horizon, model.horizon)


def substituted(model: PortableModel, known: Mapping[str, Value], times: Sequence[float]) -> list[float]:
    """v(known) as it is defined: the patient's values put into each prototype, the answers averaged."""
    answers = []
    for row in model.background:
        patient = {**dict(zip(model.inputs, row, strict=True)), **known}
        answers.append(
            [sum(m.weight * member_answer(model, m, patient, t) for m in model.members) for t in times or (0.0,)]
        )
    pairs = [list(zip(model.weights, column, strict=True)) for column in zip(*answers, strict=True)]
    return [math.fsum(w * a for w, a in pair) for pair in pairs]


def member_answer(model: PortableModel, member: Member, patient: Mapping[str, Value], months: float) -> float:
    """The textbook answer of one complete patient, every response written a second time."""
    row = [sum(transformed(feature, patient[name]) for name in feature.inputs) for feature in model.features]
    response, predictor = member.response, member.predictor
    if isinstance(predictor, Linear):
        outputs = [predictor_sum(predictor, row)]
    elif isinstance(predictor, Causes):
        outputs = [predictor_sum(linear, row) for linear in predictor.linears]
    else:
        parts = [_leaf(tree, row, predictor.outputs) for tree in predictor.trees]
        outputs = [b + predictor.scale * sum(p[k] for p in parts) for k, b in enumerate(predictor.base)]
    return answer_of(response, outputs, months)


def answer_of(response: Any, outputs: Sequence[float], months: float) -> float:
    if isinstance(response, Calibrated):
        inner = answer_of(response.response, outputs, months)
        if response.outcome == "binary":
            odds = np.clip(inner, 1e-9, 1 - 1e-9) / (1 - np.clip(inner, 1e-9, 1 - 1e-9))
            return float(1 / (1 + math.exp(-response.intercept) * odds**-response.slope))
        hazard = -math.log(max(inner, 1e-9))
        if hazard < 1e-9:  # in proportion to what 1e-9 becomes
            return math.exp(-math.exp(response.intercept) * 1e-9**response.slope * hazard / 1e-9)
        return math.exp(-math.exp(response.intercept) * hazard**response.slope)
    if isinstance(response, Baseline):
        return math.exp(-response.at(months) * math.exp(outputs[0]))
    if isinstance(response, Curve):
        return float(np.interp(months, (0.0, *response.times), (1.0, *outputs)))
    if isinstance(response, Accelerated):
        if months == 0:
            return 1.0
        return _DISTRIBUTIONS[response.distribution].sf((math.log(months) - outputs[0]) / response.scale)
    if isinstance(response, Incidence):
        return _incidence(response, outputs, months)
    return 1 / (1 + math.exp(-outputs[0])) if response is LOGISTIC else outputs[0]


_DISTRIBUTIONS = {"weibull": gumbel_l, "loglogistic": scipy_logistic, "lognormal": norm}


def _incidence(response: Incidence, outputs: Sequence[float], months: float) -> float:
    """In each interval the survival that is lost, shared out by hazard: no expm1, no product of steps."""
    relative, total = [math.exp(x) for x in outputs], 0.0

    def survival(t: float) -> float:
        return math.exp(-sum(b.at(t) * r for b, r in zip(response.baselines, relative, strict=True)))

    for low, high in pairwise([t for t in response.baselines[0].times if t < months] + [months]):
        hazards = [(b.at(high) - b.at(low)) * r for b, r in zip(response.baselines, relative, strict=True)]
        total += hazards[0] / sum(hazards) * (survival(low) - survival(high)) if sum(hazards) else 0.0
    return total


def _leaf(tree: Tree, row: Sequence[float], outputs: int) -> Sequence[float]:
    """The leaf that a row falls into, compared in single precision, written as a recursion."""

    def down(node: int) -> int:
        if node < 0:
            return ~node
        goes_left = float(np.float32(row[tree.feature[node]])) <= tree.threshold[node]
        return down(tree.left[node] if goes_left else tree.right[node])

    leaf = down(0 if tree.feature else -1)
    return tree.leaf[leaf * outputs : (leaf + 1) * outputs]


def predictor_sum(linear: Linear, row: Sequence[float]) -> float:
    return linear.intercept + math.fsum(c * x for c, x in zip(linear.coefficients, row, strict=True))


def linear_predictor(model: PortableModel, member: Member, patient: Mapping[str, Value]) -> float:
    row = [sum(transformed(feature, patient[name]) for name in feature.inputs) for feature in model.features]
    return predictor_sum(member.linear, row)


def transformed(feature: Feature, raw: Value) -> float:
    """The five transforms, written a second time."""
    if feature.op == "level":
        return float(raw in feature.parameter)
    x, parameter = float(raw), feature.parameter
    if feature.op == "log10":
        return math.log10(max(x, parameter))
    if feature.op == "hinge":
        return x - parameter if x > parameter else 0.0
    if feature.op == "at_least":
        return 0.0 if x < parameter else 1.0
    return x


def plain_model(
    members: Sequence[Member],
    background: Mapping[tuple[float, ...], float],
    *,
    inputs: tuple[str, ...] = ("age",),
    bootstrap: Sequence[Member] = (),
) -> PortableModel:
    """A model whose features are its inputs; ``background`` maps prototypes to weights."""
    return PortableModel(
        kind="survival" if members[0].baseline else "binary",
        inputs=inputs,
        features=tuple(Feature(f"f_{name}", "value", (name,)) for name in inputs),
        members=tuple(members),
        weights=tuple(background.values()),
        background=tuple(background),
        bootstrap=tuple((member,) for member in bootstrap),
        level=0.9,
        limits={},
    )


def logistic(intercept: float, *slopes: float, weight: float = 1.0) -> Member:
    return Member(weight, Linear(intercept, slopes), LOGISTIC)


def cox(hazard_per_month: float, *slopes: float, months: float = 12.0, weight: float = 1.0) -> Member:
    """Constant baseline hazard, known at the two ends of the grid only."""
    return Member(weight, Linear(0.0, slopes), Baseline((0.0, months), (0.0, hazard_per_month * months)))


@cache
def shipped_bundle(name: str) -> Bundle:
    return open_bundle(shipped(name))


def bundle_of(model: PortableModel, patients: Sequence[Mapping[str, Any]] = ({},), **changes: Any) -> Bundle:
    """A sealed bundle around ``model`` with the manifest of a shipped one; ``changes`` go into the manifest."""
    manifest = {k: v for k, v in shipped_bundle("non_response").manifest.items() if k not in {"files", "digest"}}
    horizons = [] if model.kind == "binary" else [model.horizon]
    # What patients are compared with is of the shipped model's inputs.
    manifest["training"] = {k: v for k, v in manifest["training"].items() if k != "applicability"}
    manifest = {**manifest, "kind": model.kind, "horizons_months": horizons, "applies_to": {}, **changes}
    golden = [golden_entry(manifest, model, load_dictionary(), patient) for patient in patients]
    return seal(manifest, model, golden, card(manifest))


def read_bundle(folder: Path) -> dict[str, Any]:
    """The files of a bundle, JSON parsed."""
    contents = {name: (folder / name).read_text(encoding="utf-8") for name in (MANIFEST, *FILES)}
    return {name: json.loads(text) if name.endswith(".json") else text for name, text in contents.items()}


def reseal(folder: Path, contents: Mapping[str, Any]) -> None:
    """Write a bundle whose digests agree with whatever it holds, as someone would who wants it to be believed."""
    raw = {name: _written(content) for name, content in contents.items()}
    manifest = contents[MANIFEST]
    if isinstance(manifest, dict):
        files = {name: hashlib.sha256(raw[name]).hexdigest() for name in FILES}
        blank = {**manifest, "files": files, "digest": f"sha256:{NO_DIGEST}"}
        digest = hashlib.sha256(_written(blank)).hexdigest()
        raw[MANIFEST] = _written({**blank, "digest": f"sha256:{digest}"})
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in raw.items():
        (folder / name).write_bytes(data)


def _written(content: Any) -> bytes:
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)).encode()


def complete_values(bundle: Bundle) -> dict[str, Value]:
    """Canonical values of a complete patient: the bundle's heaviest prototype, whole where the variable is."""
    model = bundle.model
    row = model.background[max(range(len(model.weights)), key=model.weights.__getitem__)]
    whole = {name for name in model.inputs if bundle.dictionary[name].kind in ("tristate", "integer")}
    return {
        name: float(round(float(item))) if name in whole else item for name, item in zip(model.inputs, row, strict=True)
    }


def v(model: PortableModel, known: Mapping[str, Value], times: Sequence[float] = ()) -> float:
    """The last number of ``value``."""
    return value(model, known, times)[-1]
