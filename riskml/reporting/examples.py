"""Worked examples: what a bundle says about its golden patients, who are invented, and how to get there by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from riskml.reporting import figures, words
from riskml.runtime.bundle import Bundle
from riskml.runtime.inputs import known_values, patient_readings
from riskml.runtime.model import Feature, PortableModel
from riskml.runtime.prediction import Prediction
from riskml.runtime.responses import Calibrated
from riskml.runtime.score import value
from riskml.runtime.shares import frequency, percent
from riskml.runtime.time_responses import Baseline, Curve

EXAMPLES = 2


def examples(bundle: Bundle, key: str) -> list[dict[str, Any]]:
    """What the template shows of two golden patients; ``key`` prefixes their ids."""
    return [_example(bundle, f"{key}-patient-{number}", entry) for number, entry in enumerate(_chosen(bundle), start=1)]


def predictor_label(bundle: Bundle, feature: Feature) -> str:
    """The labels of a predictor's inputs."""
    return " or ".join(bundle.dictionary[name].label for name in feature.inputs)


def drawn(svg: str) -> Markup:
    """A drawing of ours as markup; every text in it was escaped when it was drawn."""
    return Markup(svg)  # noqa: S704


def _known(bundle: Bundle, entry: Mapping[str, Any]) -> dict[str, Any]:
    return known_values(bundle, patient_readings(bundle, entry["patient"]))


def _complete(bundle: Bundle, entry: Mapping[str, Any]) -> bool:
    return len(_known(bundle, entry)) == len(bundle.model.inputs)


def _chosen(bundle: Bundle) -> list[Mapping[str, Any]]:
    """A golden patient of whom all is known and one with something missing, where there are such."""
    known = [entry for entry in bundle.golden if _known(bundle, entry)]
    whole = [entry for entry in known if _complete(bundle, entry)]
    partial = [entry for entry in known if not _complete(bundle, entry)]
    return [*whole[: EXAMPLES - bool(partial)], *partial][:EXAMPLES]


def by_hand(bundle: Bundle) -> dict[str, Any] | None:
    """The first complete golden patient, computed the way a reader could with a pocket calculator."""
    whole = next((entry for entry in bundle.golden if _complete(bundle, entry)), None)
    if whole is None or len(bundle.model.members) > 1 or not bundle.model.is_linear:
        return None  # no pocket calculator walks a hundred trees
    member, readings = bundle.model.members[0], patient_readings(bundle, whole["patient"])
    known, rows, total = _known(bundle, whole), [], member.linear.intercept
    for feature, coefficient in zip(bundle.model.features, member.linear.coefficients, strict=True):
        x = sum(feature.component(known[name]) for name in feature.inputs)
        total += coefficient * x
        shown = [bundle.dictionary[n].show(readings[n].value, readings[n].below) for n in feature.inputs]
        given = words.printed(", ".join(dict.fromkeys(shown)))
        numbers = [words.significant(n) for n in (x, coefficient, coefficient * x)]
        rows.append([predictor_label(bundle, feature), given, *numbers])
    horizon = _horizon(bundle)
    answer = value(bundle.model, known, (horizon,) if member.baseline else ())[0]
    lp = words.significant(total)
    if member.baseline is None:
        formula = f"1 / (1 + exp({words.significant(-total)})) = {answer:.4f}"
    else:
        hazard = words.significant(member.baseline.at(horizon))
        formula = f"S({horizon:g}) = exp({words.MINUS}{hazard} × exp({lp})) = {answer:.4f}"
    return {
        "intercept": words.significant(member.linear.intercept),
        "rows": rows,
        "sum": lp,
        "formula": formula,
        "answer": percent(answer),
        "horizon": f"{horizon:g}",
    }


def _horizon(bundle: Bundle) -> float:
    """The month at which survival is explained: the one it was judged at, else the last that is reported."""
    evaluation, horizons = bundle.manifest["evaluation"], bundle.manifest["horizons_months"]
    if not horizons:
        return math.nan
    judged = evaluation["horizon_months"] if evaluation else horizons[-1]
    return float(judged if judged in horizons else horizons[-1])


def _months(model: PortableModel) -> list[float]:
    """Where to draw S(t): the months on which the members keep it; thirty even steps where it is smooth."""
    responses = [m.response.response if isinstance(m.response, Calibrated) else m.response for m in model.members]
    kept = [response.times for response in responses if isinstance(response, (Baseline, Curve))]
    steps = {time for times in kept for time in times if time <= model.horizon}
    return sorted(steps) if len(kept) == len(responses) else [model.horizon * k / 30 for k in range(31)]


def _example(bundle: Bundle, key: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """One invented patient's prediction."""
    p = bundle.predict(entry["patient"])
    place = p.times.index(_horizon(bundle)) if p.times else 0
    shown = [(p.labels[n], words.printed(p.shown[n]) if n in p.shown else "not known") for n in bundle.model.inputs]
    remarks = [p.in_words(remark) for remark in p.remarks]
    return {
        "key": key,
        "inputs": shown,
        "survival": bool(p.times),
        "chance_of": _event(p).capitalize(),
        "estimates": _estimates(p),
        "figures": list(_example_figures(bundle, key, entry, p, place)),
        "could_change": [[p.labels[c["input"]], _range(c, place)] for c in p.could_change],
        "at": f" at {p.times[place]:g} months" if p.times else "",
        "remarks": [words.printed(text) for text in (*remarks, *p.reasons)],
    }


def _estimates(p: Prediction) -> list[list[str]]:
    """When (for survival), estimate, interval, natural frequency."""
    rows = []
    for place, (middle, low, high) in enumerate(zip(p.value, p.low, p.high, strict=True)):
        when = [f"{p.times[place]:g} months"] if p.times else []
        rows.append([*when, percent(middle), words.span(low, high), frequency(middle)])
    return rows


def _range(change: Mapping[str, Any], place: int) -> str:
    low, high = change["low"], change["high"]
    return words.span(low[place], high[place]) if isinstance(low, list) else words.span(low, high)


def _example_figures(
    bundle: Bundle, key: str, entry: Mapping[str, Any], p: Prediction, place: int
) -> Iterator[tuple[Markup, str]]:
    assert p.on_value is not None, "predictions are explained unless told otherwise"
    what = "risk" if not p.times else f"{_event(p)} {'at' if p.kind == 'survival' else 'by'} {p.times[place]:g} months"
    ordered = sorted(p.on_value.effects[place].items(), key=lambda item: (-abs(item[1]), item[0]))
    effects = [(f"{p.labels[name]}: {words.printed(p.shown[name])}", effect) for name, effect in ordered]
    ends = " to ".join(percent(share) for share in (p.on_value.base[place], p.value[place]))
    title = f"How the known inputs move the {what} from {ends}"
    drawing = figures.waterfall(
        f"{key}-effects", p.on_value.base[place], effects, p.value[place],
        start="average of the cohort", end="this patient", scale=what, title=title,
    )  # fmt: skip
    yield (
        drawn(drawing),
        (
            "From the cohort's average to this patient, in points of a hundred: solid bars lower the "
            f"{what}, hatched bars raise it. These are parts of a prediction, not effects of treatment or causes."
        ),
    )
    if p.times:
        grid = sorted({*_months(bundle.model), *p.times})
        curve = bundle.predict(entry["patient"], at=grid, explain=False)
        average = bundle.predict({}, at=grid, explain=False)
        title = f"Estimated {_event(p)} of this invented patient over {grid[-1]:g} months"
        drawing = figures.survival_curve(
            f"{key}-curve",
            grid,
            curve.value,
            curve.low,
            curve.high,
            average.value,
            marks=p.times,
            title=title,
            scale="event-free" if p.kind == "survival" else "had the event",
        )
        yield drawn(drawing), f"Estimated {_event(p)}; the band is the {100 * p.level:.0f} % interval."


def _event(p: Prediction) -> str:
    """What an estimate in time is the chance of."""
    return "chance of being event-free" if p.kind == "survival" else "risk of the event"
