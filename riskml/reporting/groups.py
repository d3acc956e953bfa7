"""Performance group by group: the subgroups that were named beforehand, and every centre left out in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from riskml.reporting import figures, measures, words
from riskml.reporting.parts import Figure, Part, Table, part, safe, sentence, size
from riskml.runtime.shares import percent

Rows = Sequence[Mapping[str, Any]]
_LONGEST_REASON = 52  # characters in a line of a forest; the table has it whole
_MOST_WITHOUT = 6  # lines of a forest without a number


def subgroups(rows: Rows | None, key: str) -> Part | None:
    """Performance in each subgroup and differences from the rest; None without subgroups.

    Parameters
    ----------
    rows : sequence of mapping, or None
        ``evaluation["subgroups"]``: ``label``, ``n_patients`` and ``n_events`` as text, ``metrics``, and perhaps
        ``level``, ``differences``, ``threshold``, ``why``, ``words`` and ``why_not``.
    key : str
        Prefixes the ids of the figures.
    """
    if not rows:
        return None
    held = [row for row in rows if row["n_patients"] is not None]
    absent = dict.fromkeys(row["label"] for row in rows if row["n_patients"] is None)
    text = (
        "Subgroups were named before the analysis. Intervals are wide because groups are small: overlapping intervals "
        "do not show that the model works equally well, and one group out of line may be chance."
    )
    sentences = [text]
    if absent:
        sentences.append(f"Not recorded in this cohort: {'; '.join(absent)}.")
    tables: list[Table] = []
    if held:
        tables.append(("Performance in subgroups (95 % intervals)", *_table(held, "Subgroup")))
    tables += _differences(held)
    said: dict[str, list[str]] = {}
    for row in held:
        if row.get("words"):
            said.setdefault(sentence(row["words"]), []).append(_name(row))
    if said:
        found = [["; ".join(names), text] for text, names in said.items()]
        tables.append(("What the differences say", ["Subgroup", "In words"], found))
    looked = dict.fromkeys((row["label"], row["why"]) for row in held if row.get("why"))
    if looked:
        tables.append(("Why they were looked at", ["Subgroup", "Reason"], [[*pair] for pair in looked]))
    drawings = _forests(held, f"{key}-subgroups", "subgroup")
    return part("Does it work for everybody?", sentences=sentences, figures=drawings, tables=tables)


def centres(block: Mapping[str, Any] | None, key: str) -> Part | None:
    """Internal-external validation: each centre predicted by a model that never saw it; None without centres.

    Parameters
    ----------
    block : mapping, or None
        ``evaluation["centres"]``: ``by``, ``rows`` as for :func:`subgroups`, ``summary`` of each measure (``value``,
        ``low``, ``high``, ``prediction_low``, ``prediction_high``, ``tau``, ``k``, ``scale``), ``words``.
    key : str
        Prefixes the ids of the figures.
    """
    if not block or not block.get("rows"):
        return None
    by, rows, summary = words.spoken(block.get("by") or "centre"), block["rows"], _pooled(block)
    tables = [(f"Each {by}, predicted by a model of the others (95 % intervals)", *_table(rows, by.capitalize()))]
    pooled = [
        [
            measures.label(name),
            measures.shown(name, item),
            measures.span(name, item.get("prediction_low"), item.get("prediction_high")),
            _spread(item),
            f"{item['k']}",
        ]
        for name, item in summary.items()
    ]
    pooled += _within(block.get("stratified"), rows, by)
    if pooled:
        columns = ["Measure", "On average", "Expected in a new one", "Spread between them (SD)", "How many"]
        tables.append((f"All of them together (random effects; one {by} is one observation)", columns, pooled))
    drawings = _forests(rows, f"{key}-centres", by, summary)
    return part(f"Does it travel? Leaving out one {by} at a time", block, figures=drawings, tables=tables)


def _pooled(block: Mapping[str, Any]) -> dict[str, Any]:
    """What is pooled over two centres or more: over one there is no average."""
    return {name: item for name, item in (block.get("summary") or {}).items() if item["k"] > 1}


def _within(metric: Mapping[str, Any] | None, rows: Rows, by: str) -> list[list[str]]:
    """Ranking by pairs of patients of one centre, over all centres: those of two were scored by different models."""
    if not metric or metric["value"] is None:
        return []
    name = next((n for row in rows for n in row.get("metrics") or {} if n in measures.RANKING), None)
    label = measures.label(name) if name else "Ranking (AUC or C)"
    return [[f"{label}, among patients of one {by}", words.with_interval(metric), "–", "–", "–"]]


def _name(row: Mapping[str, Any]) -> str:
    """A row's label, and its level where it is one of several."""
    level = row.get("level")
    return row["label"] if level in (None, "present", row["label"]) else f"{row['label']}: {words.spoken(level)}"


def _why_not(row: Mapping[str, Any]) -> str:
    """Why a row has no numbers; "" where it has."""
    why = row.get("why_not")
    return f"{words.NOT_ESTIMABLE}: {safe(why.removeprefix(f'{words.NOT_ESTIMABLE}: '))}" if why else ""


def _spread(item: Mapping[str, Any]) -> str:
    scale = item.get("scale", "identity")
    tau = words.decimal(item.get("tau"))
    return tau if scale == "identity" or tau == words.NOT_ESTIMABLE else f"{tau} ({scale} scale)"


def _differences(rows: Rows) -> list[Table]:
    """Each subgroup against all others, a measure a column."""
    apart = [row for row in rows if row.get("differences")]
    names = {name: row.get("threshold") for row in apart for name in row["differences"]}
    if not apart:
        return []
    heads = [
        measures.label(name) + (f" (treating from {percent(at)})" if at and name.startswith("net_benefit") else "")
        for name, at in names.items()
    ]
    body = [
        [_name(row), *(measures.shown(n, row["differences"][n]) if n in row["differences"] else "–" for n in names)]
        for row in apart
    ]
    return [("Subgroup against all other patients: differences (95 % intervals)", ["Subgroup", *heads], body)]


def _table(rows: Rows, what: str) -> tuple[list[str], list[list[str]]]:
    """Columns and rows: label, size, the measures they share, or why there are none."""
    names = list(dict.fromkeys(name for row in rows for name in row.get("metrics") or {}))
    body = []
    for row in rows:
        found = row.get("metrics") or {}
        cells = [measures.shown(name, found.get(name)) for name in names]
        if not found and row.get("why_not"):
            cells = [_why_not(row), *["–"] * (len(names) - 1)]
        body.append([_name(row), size(row["n_patients"]), size(row["n_events"]), *cells])
    return [what, "Patients", "Events", *(map(measures.label, names) if names else ["Performance"])], body


def _forests(rows: Rows, key: str, what: str, summary: Mapping[str, Any] | None = None) -> list[Figure]:
    """Ranking and level of the predictions, a line for each of ``rows``."""
    held = dict.fromkeys(name for row in rows for name in row.get("metrics") or {})
    ranks = next((name for name in measures.RANKING if name in held), None)
    drawings = []
    if ranks:
        drawings.append(_forest(rows, key, what, ranks, (summary or {}).get(ranks)))
    if "observed_expected" in held:
        drawings.append(_forest(rows, key, what, "observed_expected", (summary or {}).get("observed_expected")))
    return drawings


def _forest(rows: Rows, key: str, what: str, name: str, pooled: Mapping[str, Any] | None) -> Figure:
    label, ratio = measures.label(name), name == "observed_expected"
    lines = [_line(row, name) for row in rows]
    known = [line for line in lines if line[1] is not None]
    crowded = len(lines) - len(known) > _MOST_WITHOUT
    low, high = ((pooled or {}).get(end) for end in ("prediction_low", "prediction_high"))
    svg = figures.forest(
        f"{key}-{name}".replace("_", "-"),
        known if crowded else lines,
        summary=("on average", *(pooled[k] for k in ("value", "low", "high")), "") if pooled else None,
        prediction=None if low is None or high is None else (low, high),
        reference=1.0 if ratio else 0.5,
        title=f"{label} in each {what}",
        measure=label,
        scale="log" if ratio else "linear",
    )
    caption = f"{label} in each {what} with 95 % intervals; "
    caption += "1 (dashed) is ideal, above it the risks were too low. " if ratio else "0.5 (dashed) is chance. "
    caption += "An arrow: the interval goes on beyond the axis."
    if crowded:
        caption += " Those that could not be estimated are in the table only."
    if pooled:
        caption += " Diamond: their average."
    if low is not None and high is not None:
        caption += f" Dashed bar: where a new {what} is expected."
    return svg, caption


def _line(row: Mapping[str, Any], name: str) -> tuple[str, float | None, float | None, float | None, str]:
    metric = (row.get("metrics") or {}).get(name) or {}
    note = _why_not(row) if metric.get("value") is None else ""
    note = note if len(note) <= _LONGEST_REASON else f"{words.NOT_ESTIMABLE}, see the table"
    return _name(row), metric.get("value"), metric.get("low"), metric.get("high"), note
