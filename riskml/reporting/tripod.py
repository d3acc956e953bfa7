"""The TRIPOD+AI sheet of a trained model, or of its validation in other patients, item by item.

Collins GS, Moons KGM, Dhiman P, et al. TRIPOD+AI statement. BMJ 2024;385:e078378. What the run can say is said with its
numbers; what needs a person's judgement is left to the author, who is told what to add.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from riskml.reporting.tripod_facts import facts_of
from riskml.reporting.tripod_validation import facts_of_validation
from riskml.runtime.bundle import Bundle
from riskml.runtime.card_words import RESEARCH, SYNTHETIC
from riskml.training.describe.table import Row, Table
from riskml.training.tripod_items import (
    AUTHOR,
    DEVELOPMENT,
    FILLED,
    NOT_HERE,
    PARTLY,
    VALIDATION,
    facts_in,
    items,
    status_of,
    unknown_facts,
)

COLUMNS = ("Section", "Applies to", "What is asked", "Status", "Text")
_ELSEWHERE = {
    DEVELOPMENT: "Not part of the development.",
    VALIDATION: "Not part of a validation: see the sheet of the model.",
}


def tripod_ai(bundle: Bundle) -> Table:
    """One row per sub-item for a training, with its status (:mod:`riskml.training.tripod_items`) and its text."""
    title = f"TRIPOD+AI: {bundle.manifest['label']}"
    unknown = unknown_facts(bundle.manifest)
    return _sheet(title, facts_of(bundle), unknown, DEVELOPMENT, synthetic=bundle.manifest["synthetic"])


def tripod_ai_validation(result: Mapping[str, Any], bundle: Bundle) -> Table:
    """The same for an external validation.

    Parameters
    ----------
    result : mapping
        ``validation.json``: :meth:`riskml.training.external.ExternalValidation.as_dict`.
    bundle : Bundle
        That was validated.
    """
    known = facts_of_validation(result, bundle)
    unknown = frozenset(name for name, text in known.items() if text is None)
    title = f"TRIPOD+AI, evaluation: {bundle.manifest['label']}"
    return _sheet(title, known, unknown, VALIDATION, synthetic=result["synthetic"])


def _sheet(
    title: str, known: Mapping[str, str | None], unknown: AbstractSet[str], study: str, *, synthetic: bool
) -> Table:
    rows = tuple(Row(item["id"], _cells(item, known, unknown, study)) for item in items())
    counted = [row.cells[3] for row in rows]
    tally = ", ".join(f"{counted.count(status)} {status}" for status in (FILLED, PARTLY, AUTHOR, NOT_HERE))
    return Table(
        name="tripod_ai",
        title=title,
        columns=COLUMNS,
        rows=rows,
        notes=(
            SYNTHETIC if synthetic else RESEARCH,
            "Items are paraphrased; the wording that counts is that of the statement (BMJ 2024;385:e078378).",
            f"{len(rows)} sub-items: {tally}. Software never completes what takes an author's judgement.",
        ),
    )


def _cells(
    item: Mapping[str, str], known: Mapping[str, str | None], unknown: AbstractSet[str], study: str
) -> tuple[str, ...]:
    status, template = status_of(item, unknown, study), item.get(study, "")
    lacking = sorted(facts_in(template) & unknown)
    if status == NOT_HERE:
        text = item.get("absent", _ELSEWHERE[study]) if item["applies"] == "E" else _ELSEWHERE[study]
    elif lacking:
        text = f"The run does not know: {', '.join(name.replace('_', ' ') for name in lacking)}."
    else:
        text = re.sub(r"\s+", " ", template.format_map(known)).strip()
    asked = item.get(f"{study}_ask", item.get("ask"))
    ask = f"To be added: {asked}." if asked and status != NOT_HERE else ""
    shown = " ".join(part for part in (text, ask) if part) or "Nothing of this is in the run."
    return item["section"], item["applies"], item["asks"], status, shown
