"""A model over batches of new patients: control chart, cumulative sum, table of batches, and whose inputs moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from riskml.reporting import figures, measures, words
from riskml.reporting.mix import labelled
from riskml.reporting.parts import Figure, Part, Table, part, sentence, size
from riskml.runtime.dictionary import Dictionary
from riskml.runtime.shares import percent

Batches = Sequence[Mapping[str, Any]]
_RATIO = "observed_expected"


def watched_by(watched: Mapping[str, Any]) -> str:
    """What a section on batches is called: only those in order tell of time."""
    return "Over time" if watched["ordered"] else f"By {words.spoken(watched['by'])}"


def monitoring(watched: Mapping[str, Any] | None, key: str, dictionary: Dictionary) -> Iterator[Part]:
    """Level over the batches, then their numbers, then drift; nothing without monitoring.

    Parameters
    ----------
    watched : mapping, or None
        ``monitoring`` of a validation.
    key : str
        Prefixes the ids of the figures.
    dictionary : Dictionary
    """
    if not watched:
        return
    batches = watched["batches"]
    inputs = [item["input"] for item in batches[0]["inputs"]] if batches else []
    yield _level(watched, key, labelled(watched["words"], inputs, dictionary))
    yield _table(watched, inputs, dictionary)
    yield _drift(batches, dictionary)


def _level(watched: Mapping[str, Any], key: str, said: str) -> Part:
    drawings, sum_of = [_chart(watched["batches"], key)], watched["cusum"]
    sentences = [sentence(said)]
    if sum_of:
        drawings.append(_cusum(sum_of, key))
    else:
        sentences.append("These batches have no order in time, so there is no cumulative sum.")
    return part("Does the level hold?", sentences=sentences, figures=drawings)


def _chart(batches: Batches, key: str) -> Figure:
    """Observed / expected with the limits of chance in the same unit: events divided by those expected."""
    judged = [batch if batch["status"] != "not_estimable" else None for batch in batches]
    ends = {k: [None if batch is None else batch[_RATIO][k] for batch in judged] for k in ("value", "low", "high")}
    limits = [(None, None, None, None) if batch is None else _limits(batch) for batch in judged]
    labels = [_short(batch["label"]) for batch in batches]
    title = "Observed / expected in each batch, with limits of chance"
    drawing = figures.control_chart(
        f"{key}-control", labels, ends["value"], ends["low"], ends["high"], limits, title=title
    )
    caption = (
        "Control chart. Events divided by those the model expected, batch by batch, with exact 95 % intervals. Shaded: "
        "two standard deviations around 1, dashed: three. Beyond two look again; beyond three the level is off."
    )
    return drawing, caption


def _short(label: str) -> str:
    """A label that fits below a mark."""
    return label.removeprefix("patients ")


def _limits(batch: Mapping[str, Any]) -> tuple[float | None, float | None, float | None, float | None]:
    warning, action = (batch[k] / batch["expected"] for k in ("warning_limit", "action_limit"))
    return 1 - action, 1 - warning, 1 + warning, 1 + action


def _cusum(sums: Mapping[str, Any], key: str) -> Figure:
    points = sums["points"]
    up, down = ([point[k] for point in points] for k in ("up", "down"))
    labels = [_short(point["batch"]) for point in points]
    title = "Cumulative sums of events that were not expected, with alarm limits"
    drawing = figures.cusum(f"{key}-cusum", labels, up, down, tuple(sums["limits"]), title=title)
    rising, falling = (f"{ratio:g}" for ratio in sums["ratios"])
    caption = (
        f"Risk-adjusted cumulative sum, at the end of each batch. Upwards it looks for odds (hazards) {rising} times "
        f"those predicted, downwards for {falling} times. A right model would raise an alarm in "
        f"{percent(sums['false_alarm_probability'])} of such series."
    )
    return drawing, caption


def _table(watched: Mapping[str, Any], inputs: Sequence[str], dictionary: Dictionary) -> Part:
    batches = watched["batches"]
    found = dict.fromkeys(
        name for batch in batches for name, metric in batch["measures"].items() if metric["value"] is not None
    )
    rows = [
        [
            batch["label"],
            *(size(batch[k]) for k in ("patients", "events")),
            words.decimal(batch["expected"], 1),
            measures.shown(_RATIO, batch[_RATIO]),
            sentence(labelled(batch["verdict"], inputs, dictionary)),
        ]
        for batch in batches
    ]
    columns = ["Batch", "Patients", "Events", "Expected", "Observed / expected", "Finding"]
    tables: list[Table] = [("Level, batch by batch (95 % intervals)", columns, rows)]
    if found:
        own = [
            [batch["label"], *(measures.shown(name, batch["measures"].get(name)) for name in found)]
            for batch in batches
        ]
        tables.append(("Ranking and spread where there are events enough", ["Batch", *map(measures.label, found)], own))
    said = [f"Batches by {words.spoken(watched['by'])}."]
    if watched["by"].isdigit():
        said = [f"Batches of {watched['by']} patients in the order of the file."]
    if watched["without_batch"] != "0":
        said.append(f"{watched['without_batch']} rows belong to none.")
    if watched["merged"]:
        said.append(f"Too small alone, so put together: {'; '.join(watched['merged'])}.")
    if not found:
        said.append("No batch has the events for ranking and slope of its own.")
    return part("The batches", sentences=[" ".join(said)], tables=tables)


def _drift(batches: Batches, dictionary: Dictionary) -> Part:
    """Inputs whose values or gaps are others than at development, beyond chance."""
    rows = [
        [
            batch["label"],
            dictionary[item["input"]].label,
            _difference(item["standardised_difference"], item["limit"]),
            words.share_of(item["missing"]),
            _difference(item["missing_difference"], item["missing_limit"]),
        ]
        for batch in batches
        for item in batch["inputs"]
        if item["drifted"]
    ]
    text = (
        "An input has drifted where its values, or its gaps, differ from development by more than chance would make "
        "them in any of these batches and inputs together (5 %)."
    )
    if not rows:
        return part("What drifted", sentences=[f"No input differs from development beyond chance. {text}"])
    columns = ["Batch", "Input", "Difference of values, in SD (limit)", "Missing", "Difference of gaps, in SD (limit)"]
    tables: list[Table] = [("Inputs beyond chance", columns, rows)]
    return part("What drifted", sentences=[text], tables=tables)


def _difference(value: float | None, limit: float | None) -> str:
    if value is None:
        return words.NOT_ESTIMABLE
    return words.signed(value, 2) + ("" if limit is None else f" ({words.decimal(limit)})")
