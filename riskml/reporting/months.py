"""Whether a survival model is right at each month it reports, and over the whole length of its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from riskml.reporting import figures, measures, words
from riskml.reporting.parts import Part, Table, part, safe, sentence

_RATIO = "observed_expected"


def over_time(judged: Mapping[str, Any], key: str) -> Part | None:
    """Observed / expected by month with D-calibration; None where there is neither.

    Parameters
    ----------
    judged : mapping
        With ``calibration_at`` (each ``month``, and ``observed_expected`` or ``withheld``) and ``d_calibration``
        (``statistic``, ``p_value``, ``bins``, ``words``; or ``withheld``), or without.
    key : str
        Prefixes the id of the figure.
    """
    months, test = judged.get("calibration_at") or [], judged.get("d_calibration") or {}
    if not months and not test:
        return None
    drawings, tables, said = [], [], []
    if months:
        said.append("Risks can be right at one month and wrong at another; above 1 they were too low.")
        columns = ["By month", "Observed / expected (95 % interval)"]
        tables.append(("Level of the risks at each month", columns, [_row(item) for item in months]))
    if any(_RATIO in item for item in months):
        drawings.append(_forest(months, f"{key}-months"))
    if test:
        said.append(
            sentence(test["words"] if "words" in test else f"over the length of the curves: {test['withheld']}")
        )
        tables += _bins(test.get("bins"))
    return part("Is it right at every month?", sentences=said, figures=drawings, tables=tables)


def _row(item: Mapping[str, Any]) -> list[str]:
    shown = (
        measures.shown(_RATIO, item[_RATIO]) if _RATIO in item else f"{words.NOT_ESTIMABLE}: {safe(item['withheld'])}"
    )
    return [f"{item['month']:g}", shown]


def _forest(months: Sequence[Mapping[str, Any]], name: str) -> tuple[str, str]:
    rows = [
        (
            f"by {item['month']:g} months",
            *(item.get(_RATIO, {}).get(end) for end in ("value", "low", "high")),
            "" if _RATIO in item else f"{words.NOT_ESTIMABLE}, see the table",
        )
        for item in months
    ]
    label = measures.label(_RATIO)
    title = f"{label} at each month"
    drawing = figures.forest(name, rows, reference=1.0, title=title, measure=label, scale="log")
    return drawing, f"{title} with 95 % intervals; 1 (dashed) is ideal, above it the risks were too low."


def _bins(shares: Sequence[float] | None) -> list[Table]:
    """Shares of patients by the survival that was predicted for the time of their event, or of their last visit."""
    if not shares:
        return []
    n = len(shares)
    rows = [
        [f"{100 * k / n:.0f} to {100 * (k + 1) / n:.0f} %", f"{100 * share:.0f} %"] for k, share in enumerate(shares)
    ]
    caption = f"D-calibration (ideal: {100 / n:.0f} % of patients in each line)"
    return [(caption, ["Survival predicted for the moment of the event", "Share of patients"], rows)]
