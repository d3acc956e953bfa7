"""How a model is handed to a reader: its nomogram with the words that go with it, and its formula."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from riskml.reporting import figures
from riskml.reporting.examples import drawn
from riskml.reporting.figures.canvas import standalone
from riskml.reporting.formula import formula, no_formula
from riskml.reporting.nomogram import Nomogram, nomogram_of, points_of
from riskml.reporting.nomogram_axes import Axis, spoken_level
from riskml.reporting.words import printed
from riskml.runtime.bundle import Bundle
from riskml.runtime.card_words import RESEARCH, SYNTHETIC
from riskml.runtime.inputs import known_values, patient_readings
from riskml.runtime.parsing import Reading
from riskml.runtime.shares import percent

HOW_TO_READ = (
    "For each line find the patient's value and read its points straight above, on the scale at the top. Add up the "
    "points of all lines, find the sum on the line of total points, and read the estimate straight below."
)
COMPLETE = (
    "Only for patients of whom every line is known: over what is missing the software averages, which paper cannot. It "
    "gives no interval; riskml predict does."
)
# Rows of the table of totals, at most about so many, and how far apart they may be.
_ROWS, _STEPS = 15, (5, 10, 20, 25, 50, 100, 200)
_ENDS = "Lines of numbers end where the training data end: nobody beyond them can be read off."


def presentation(bundle: Bundle, key: str) -> dict[str, Any]:
    """What the report shows; ``key`` prefixes the id of the figure.

    Returns
    -------
    dict
        ``why_not``, a sentence where there is no nomogram, else ``svg``, ``notes`` (sentences), and the same in numbers
        as ``points`` (rows of line and points) and ``totals`` (columns, rows); ``formula`` or why there is none.
    """
    shown = nomogram_of(bundle)
    printed = {"formula": formula(bundle), "no_formula": no_formula(bundle.model)}
    if isinstance(shown, str):
        return {"why_not": shown, **printed}
    return {
        "why_not": "",
        "title": _title(bundle),
        "svg": drawn(figures.nomogram(f"{key}-nomogram", shown, title=_title(bundle))),
        "notes": list(_notes(bundle, shown)),
        "points": [[_line(axis), ", ".join(_worths(axis))] for axis in shown.axes],
        "totals": _totals(shown),
        **printed,
    }


def nomogram_file(bundle: Bundle) -> str | None:
    """The nomogram as an SVG file that says all of what the report says around it; None where there is none."""
    shown = nomogram_of(bundle)
    if isinstance(shown, str):
        return None
    title, synthetic = _title(bundle), [SYNTHETIC] if bundle.manifest["synthetic"] else []
    heading, notes = [title, *synthetic, RESEARCH], list(_notes(bundle, shown))
    return standalone(figures.nomogram("nomogram", shown, title=title, heading=heading, notes=notes))


def _title(bundle: Bundle) -> str:
    return f"Nomogram: {bundle.manifest['label']}"


def _notes(bundle: Bundle, shown: Nomogram) -> Iterator[str]:
    yield HOW_TO_READ
    yield from _example(bundle, shown)
    yield COMPLETE
    if any(axis.reach for axis in shown.axes):
        yield _ENDS
    limits = [tick.label for axis in shown.axes for run in axis.runs for tick in run.ticks[:1] if tick.label[0] == "<"]
    if limits:
        yield f"“{limits[0]}” stands for every value below the detection limit."
    if shown.without_points:
        yield f"Without a line, for no two of their values differ by half a point: {', '.join(shown.without_points)}."
    yield (
        f"If each line is read to the nearest point, the estimate is at most {_points_of(shown.error)} from the "
        "software's."
    )
    if "published" in bundle.manifest:
        yield f"Published counts: {bundle.manifest['published']}."


def _points_of(share: float) -> str:
    return f"{math.ceil(1000 * share) / 10:.1f} percentage points"


def _line(axis: Axis) -> str:
    return f"{axis.label} ({axis.reach})" if axis.reach else axis.label


def _worths(axis: Axis) -> list[str]:
    """Each value that has words, with its points; the two stay on one line."""
    ticks = [tick for run in axis.runs for tick in run.ticks if tick.label]
    return [f"{tick.label} → {tick.worth:.0f}".replace(" ", "\N{NO-BREAK SPACE}") for tick in ticks]


def _totals(shown: Nomogram) -> tuple[list[str], list[list[str]]]:
    """The estimate for round totals."""
    columns = ["Total points", *(answer.label.removesuffix(", %") for answer in shown.answers)]
    step = next((size for size in _STEPS if shown.most / size <= _ROWS), _STEPS[-1])
    totals = range(0, math.floor(shown.most) + 1, step)
    return columns, [[f"{total}", *(percent(answer.table[total]) for answer in shown.answers)] for total in totals]


def _example(bundle: Bundle, shown: Nomogram) -> Iterator[str]:
    """The first golden patient, who is invented, that can be read off."""
    for entry in bundle.golden:
        readings = patient_readings(bundle, entry["patient"])
        points = points_of(shown, bundle.model, known_values(bundle, readings))
        if points is None:
            continue
        given = [
            ", ".join(
                dict.fromkeys(bundle.dictionary[n].show(readings[n].value, readings[n].below) for n in axis.inputs)
            )
            for axis in shown.axes
        ]
        parts = [f"{a.label} ({printed(g)}) {p}" for a, g, p in zip(shown.axes, given, points, strict=True)]
        total = sum(points)
        read = [
            f"{_said(answer.label)} {percent(answer.table[min(total, len(answer.table) - 1)])}"
            for answer in shown.answers
        ]
        yield f"Example, an invented patient: {', '.join(parts)}; together {total} points: {', '.join(read)}."
        return


def _given(bundle: Bundle, readings: Mapping[str, Reading], name: str) -> str:
    reading = readings[name]
    shown = bundle.dictionary[name].show(reading.value, reading.below)
    return spoken_level(shown) if isinstance(reading.value, str) else printed(shown)


def _said(label: str) -> str:
    return f"{label[0].lower()}{label[1:]}".removesuffix(", %")
