"""Random and hand-made portable models for the tests of the runtime wing, and bundles that wrap them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from riskml.runtime.bundle import FILES, MANIFEST, Bundle, golden_entry, open_bundle, seal, shipped
from riskml.runtime.card import card
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.model import Baseline, Feature, Linear, Member, PortableModel, Value
from riskml.runtime.score import value

SHIPPED = ("non_response", "icans", "efs", "induction_efs")
GRIDS = ((0.0, 12.0), (0.0, 1.0, 6.0, 24.0), (0.0, 0.5, 2.5, 3.0, 9.0, 24.0))
LEVELS = ("A", "B", "C")
NO_DIGEST = "0" * 64

numbers = st.sampled_from([0.0, 1.0, 0.4, -2.0]) | st.floats(-10, 10, allow_subnormal=False)
coefficients = st.sampled_from([0.0, 1.0, -1.0]) | st.floats(-2, 2, allow_subnormal=False)


@st.composite
def portable_models(draw: st.DrawFn, kind: str | None = None, max_inputs: int = 7) -> PortableModel:
    """Any valid model: every transform, features of several inputs, numbers nothing uses, equal prototypes."""
    kind = kind or draw(st.sampled_from(["binary", "survival"]))
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
        members=tuple(draw(_members(kind, len(features), grid, weight)) for weight in weights),
        weights=draw(shares(size)),
        background=background,
        bootstrap=tuple(draw(_members(kind, len(features), grid, 1.0)) for _ in range(draw(st.integers(0, 5)))),
        level=draw(st.sampled_from([0.5, 0.9, 0.95])),
        limits={name: (-10.0, 10.0) for name in inputs if name.startswith("number")},
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
def _members(draw: st.DrawFn, kind: str, n_features: int, grid: tuple[float, ...], weight: float) -> Member:
    linear = Linear(draw(coefficients), tuple(draw(st.lists(coefficients, min_size=n_features, max_size=n_features))))
    if kind == "binary":
        return Member(weight, linear, None)
    steps = draw(st.lists(st.floats(0, 0.5), min_size=len(grid) - 1, max_size=len(grid) - 1))
    return Member(weight, linear, Baseline(grid, (0.0, *accumulate(steps))))


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
    """Textbook logistic probability or Cox survival of one complete patient."""
    lp = linear_predictor(model, member, patient)
    if member.baseline is None:
        return 1 / (1 + math.exp(-lp))
    return math.exp(-member.baseline.at(months) * math.exp(lp))


def linear_predictor(model: PortableModel, member: Member, patient: Mapping[str, Value]) -> float:
    total = member.linear.intercept
    for feature, coefficient in zip(model.features, member.linear.coefficients, strict=True):
        total += coefficient * sum(transformed(feature, patient[name]) for name in feature.inputs)
    return total


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
        bootstrap=tuple(bootstrap),
        level=0.9,
        limits={},
    )


def logistic(intercept: float, *slopes: float, weight: float = 1.0) -> Member:
    return Member(weight, Linear(intercept, slopes), None)


def cox(hazard_per_month: float, *slopes: float, months: float = 12.0, weight: float = 1.0) -> Member:
    """Constant baseline hazard, known at the two ends of the grid only."""
    return Member(weight, Linear(0.0, slopes), Baseline((0.0, months), (0.0, hazard_per_month * months)))


@cache
def shipped_bundle(name: str) -> Bundle:
    return open_bundle(shipped(name))


def bundle_of(model: PortableModel, patients: Sequence[Mapping[str, Any]] = ({},), **changes: Any) -> Bundle:
    """A sealed bundle around ``model`` with the manifest of a shipped one; ``changes`` go into the manifest."""
    manifest = {k: v for k, v in shipped_bundle("non_response").manifest.items() if k not in {"files", "digest"}}
    horizons = [model.horizon] if model.kind == "survival" else []
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
