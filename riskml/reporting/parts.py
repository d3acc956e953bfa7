"""A part of the report below a heading of its own: sentences, figures and tables, with no small count in its words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from riskml.reporting.examples import drawn
from riskml.runtime.small_cells import SMALLEST_CELL, count

Part = dict[str, Any]
Figure = tuple[str, str]
Table = tuple[str, list[str], list[list[str]]]
Finding = tuple[str, str, str]
_SMALL_NUMBER = re.compile(r"(?<![\d.,])[1-4](?= (?:events?|patients?|courses?|rows?)\b)")


def part(
    heading: str,
    block: Mapping[str, Any] | None = None,
    *,
    sentences: Sequence[str] = (),
    figures: Sequence[Figure] = (),
    tables: Sequence[Table] = (),
    bullets: Sequence[str] = (),
    findings: Sequence[Finding] = (),
    notes: Sequence[str] = (),
) -> Part:
    """What the template prints below one heading.

    Parameters
    ----------
    heading : str
        Empty where the section's own will do.
    block : mapping, optional
        A block of the manifest; what the training says of it, its ``words``, comes first.
    sentences : sequence of str
    figures : sequence of (svg, caption)
    tables : sequence of (caption, columns, rows)
    bullets : sequence of str
    findings : sequence of (finding, topic, words)
        The first is "good", "bad", "unclear" or "note"; the page says it by a shape and by a word.
    notes : sequence of str
        In small print below the tables.
    """
    said = [sentence(text) for text in [(block or {}).get("words")] if text]
    shown = [(drawn(svg), caption) for svg, caption in figures]
    text = {"heading": heading, "sentences": [*said, *sentences], "bullets": list(bullets), "findings": list(findings)}
    text["notes"] = list(notes)
    return {**text, "figures": shown, "tables": list(tables)}


def safe(text: str) -> str:
    """A phrase of the training without small counts of patients or events.

    Examples
    --------
    >>> safe("3 events; 10 are needed")
    '<5 events; 10 are needed'
    """
    return _SMALL_NUMBER.sub(f"<{SMALLEST_CELL}", text)


def sentence(text: str) -> str:
    """A phrase of the training as a sentence, without small counts."""
    text = safe(text)
    return f"{text[0].upper()}{text[1:].rstrip('.')}."


def size(number: int | str | None) -> str:
    """A count that may be text already; None where nobody could be counted."""
    if number is None:
        return "–"
    return count(number) if isinstance(number, int) else number
