"""The aggregates of ``explanation.json`` as words, tables and drawings, for a report and for a page of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from riskml.reporting import figures, words
from riskml.reporting.parts import Figure, Table
from riskml.runtime.card_words import rank_text
from riskml.runtime.shares import percent

Explanation = Mapping[str, Any]
# Inputs whose dependence is drawn; the others are in explanation.json.
DRAWN = 4
_SCALES = {
    "probability": "points of risk",
    "survival": "points of survival",
    "cumulative_incidence": "points of incidence",
}
MEANING = (
    "An effect says how far the model's estimate moves because this input is known, on average over everything "
    "else that may be known. It belongs to the model and not to biology: of two inputs that go together the "
    "model may use one for both, and changing an input in a patient need not change the outcome."
)


def scale_of(explanation: Explanation) -> str:
    """``"points of survival at 12 months"``."""
    at = explanation["horizon_months"]
    return _SCALES[explanation["scale"]] + (f" at {at:g} months" if at else "")


def label_of(item: Mapping[str, Any]) -> str:
    """An input with the unit of its numbers."""
    unit = words.printed(f"1 {item['unit']}").removeprefix("1 ").removeprefix("× ") if item["unit"] else ""
    return f"{item['label']} ({unit})" if unit else str(item["label"])


def in_words(explanation: Explanation, unit: str) -> list[str]:
    """How large effects are and how stable their order is."""
    items, level = explanation["inputs"], f"{100 * explanation['level']:.0f} %"
    average = f"With nothing known the model says {percent(explanation['base'][_at(explanation)])}"
    mean = f"the {unit}s' estimates are {percent(explanation['mean'][_at(explanation)])} on average"
    labels = [item["label"] for item in items]
    strongest = f"{labels[0]} moves the estimate most, by {_points(items[0])} points on average."
    draws = f" Intervals ({level}) come from {explanation['draws']} refits to resampled patients."
    return [f"{average}; {mean}.", strongest, rank_text(items, labels) + (draws if explanation["draws"] else "")]


def importance_table(explanation: Explanation) -> Table:
    """Importance with interval, rank, and how often the input is known."""
    rows = []
    for place, item in enumerate(explanation["inputs"], start=1):
        ranks = "–" if item["rank_low"] is None else f"{item['rank_low']} to {item['rank_high']}"
        first = words.share_of(item["rank_shares"][0]) if item["rank_shares"] else "–"
        rows.append([item["label"], _points(item), str(place), ranks, first, words.share_of(item["share_known"])])
    level = f"{100 * explanation['level']:.0f} %"
    columns = ["Input", f"Mean effect ({level} interval)", "Rank", f"Rank in {level} of refits", "First in", "Known in"]
    return f"How far each input moves the estimate, {scale_of(explanation)}", columns, rows


def tables(explanation: Explanation) -> list[Table]:
    """Importance, and interactions where there are some."""
    return [importance_table(explanation), *interactions_tables(explanation)]


def interactions_tables(explanation: Explanation) -> list[Table]:
    """The pairs of inputs whose effects depend most on each other; empty where there are none to show."""
    labels = {item["input"]: item["label"] for item in explanation["inputs"]}
    pairs = explanation["interactions"]["pairs"]
    rows = [
        [" and ".join(labels[name] for name in pair["inputs"]), _digits(pair["mean_absolute_interaction"])]
        for pair in pairs
    ]
    heads = ["Inputs", "Mean absolute interaction"]
    return [(f"Effects that depend on another input, {scale_of(explanation)}", heads, rows)] if rows else []


def interactions_words(explanation: Explanation) -> str:
    """What the table of interactions holds, or why there is none."""
    found = explanation["interactions"]
    if found["pairs"]:
        return (
            "An interaction is how far the effect of one input depends on whether the other is known and on its value "
            "(Shapley interaction index; Grabisch and Roubens 1999), averaged over the prototypes."
        )
    linear = "; in points they come in through the curvature of that scale alone" if "additive" in found["why"] else ""
    return f"No interactions are listed: {found['why']}{linear}."


def importance_figure(explanation: Explanation, key: str) -> Figure:
    """Bars of mean absolute effect with their intervals."""
    items = explanation["inputs"]
    labels = [item["label"] for item in items]
    effects = [100 * item["mean_absolute_effect"] for item in items]
    ends = [(100 * item["low"], 100 * item["high"]) for item in items if item["low"] is not None]
    title = f"Importance of the inputs: {', '.join(labels)}, in falling order"
    svg = figures.importance(
        f"{key}-importance", labels, effects, ends, scale=f"mean absolute effect, {scale_of(explanation)}", title=title
    )
    missing = "An unknown input has no effect, so one that is rarely known is rarely important."
    return svg, f"How far each input moves the estimates, on average over all rows. {missing}"


def dependence_figures(explanation: Explanation, key: str) -> Iterator[Figure]:
    """Effect against value of the most important inputs."""
    at, scale = _at(explanation), scale_of(explanation)
    for item in explanation["inputs"][:DRAWN]:
        curve = item["dependence"]
        if curve is None:
            continue
        title = f"Effect of {item['label']} by its value, {scale}"
        svg = figures.dependence(
            f"{key}-dependence-{item['input']}",
            curve["values"],
            [effects[at] for effects in curve["effects"]],
            log=curve["log"],
            label=label_of(item),
            scale=scale,
            title=title,
        )
        what = f"mean effect, {scale}, in groups of five or more patients with like values."
        yield svg, f"{item['label']}: {what}"


def over_time_figure(explanation: Explanation, key: str) -> Figure | None:
    """SHAP(t): mean absolute effect of the most important inputs from month to month."""
    found = explanation["over_time"]
    if found is None:
        return None
    labels = {item["input"]: item["label"] for item in explanation["inputs"]}
    series = {labels[name]: effects for name, effects in found["mean_absolute_effects"].items()}
    scale = _SCALES[explanation["scale"]]
    title = "Importance over time of " + ", ".join(list(series)[:5])
    svg = figures.over_time(f"{key}-time", found["months"], series, scale=f"mean effect, {scale}", title=title)
    return svg, "How far each input moves the estimate for each month (SHAP(t)); the five most important."


def typical_figure(explanation: Explanation, key: str, average: str = "nothing known") -> Figure:
    """Waterfall of the prototype nearest the middle: a mean of patients, and none of them."""
    found, at = explanation["typical"], _at(explanation)
    labels = {item["input"]: item["label"] for item in explanation["inputs"]}
    effects = [
        (f"{labels[effect['input']]}: {words.printed(effect['value'])}", effect["effect"])
        for effect in sorted(found["effects"], key=lambda effect: -abs(effect["effect"]))
    ]
    scale = scale_of(explanation).removeprefix("points of ")
    title = "How the inputs of a typical prototype move its estimate from that with nothing known"
    svg = figures.waterfall(
        f"{key}-typical",
        explanation["base"][at],
        effects,
        found["value"],
        start=average,
        end="the typical prototype",
        scale=scale,
        title=title,
    )
    return (
        svg,
        "The prototype whose estimate is nearest the average: a mean of five or more patients.",
    )


def drawings(explanation: Explanation, key: str) -> Iterator[Figure]:
    """What the report of a training shows: importance, dependence, and importance over time."""
    yield importance_figure(explanation, key)
    yield from dependence_figures(explanation, key)
    timed = over_time_figure(explanation, key)
    if timed is not None:
        yield timed


def _at(explanation: Explanation) -> int:
    """Where the horizon stands among the months."""
    return explanation["times"].index(explanation["horizon_months"]) if explanation["times"] else 0


def _points(item: Mapping[str, Any]) -> str:
    ends = {"value": item["mean_absolute_effect"], "low": item["low"], "high": item["high"]}
    return words.with_interval(ends, 1, scale=100) if item["low"] is not None else _digits(item["mean_absolute_effect"])


def _digits(effect: float) -> str:
    return words.decimal(100 * effect, 1)
