"""Plain values -> one HTML page: the templates, what stands on every page, and pages made of numbered sections."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from riskml.reporting.parts import Part, part
from riskml.runtime.card_words import RESEARCH, SYNTHETIC

INTERNAL = (
    "INTERNAL: this shows counts of one to four patients and single patients' courses. It must not leave the site that "
    "holds the cohort."
)
SIMULATED = "SYNTHETIC: a simulated cohort. It demonstrates the software and says nothing about any patient."
_TEMPLATES = Path(__file__).with_name("templates")
_TOGETHER = re.compile(r"(?<=\d) (?=%)|(?<=\(n) (?== \d)|(?<=\(n =) (?=\d)|(?<=\d) (?=to [\d−])|(?<=\d to) (?=[\d−])")


@dataclass(frozen=True, slots=True)
class Box:
    """A summary that stands out.

    Attributes
    ----------
    heading, status : str
        What it is about, and the finding in a few words.
    sentences : sequence of str
    good : bool
        Whether the finding is one; if not, the bar beside it is double and the words have to say so, too.
    synthetic : bool
    """

    heading: str
    status: str
    sentences: Sequence[str] = ()
    good: bool = True
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered section; ``key`` is its id in the page, "summary" that of the first and "record" that of the last."""

    key: str
    heading: str
    parts: Sequence[Part] = ()
    boxes: Sequence[Box] = ()
    synthetic: bool = False


def render(template: str, *, synthetic: bool, internal: bool = False, warning: str = SYNTHETIC, **values: Any) -> str:
    """A page of ``template``; what it may not be used for stands on top, and on each printed sheet.

    ``warning`` is what a page of invented data says of them.
    """
    loader = FileSystemLoader(_TEMPLATES)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    said = {"synthetic": warning if synthetic else "", "research": RESEARCH, "internal": INTERNAL if internal else ""}
    html = environment.get_template(template).render(**said, **values)
    return together(html)


def together(text: str) -> str:
    """A number and its percent sign stay on one line, and so do the two ends of an interval."""
    return _TOGETHER.sub("\N{NO-BREAK SPACE}", text)


def render_sections(
    *,
    title: str,
    heading: str,
    lead: str,
    synthetic: bool,
    sections: Sequence[Section],
    command: str,
    references: Sequence[str] = (),
    internal: bool = False,
    warning: str = SYNTHETIC,
) -> str:
    """A page of sections.

    Parameters
    ----------
    title, heading, lead : str
        Of the browser's tab, of the page, and the sentence below it.
    synthetic : bool
        Whether the data or the model are invented.
    sections : sequence of Section
        The last has the key "record": references and command stand at its end.
    command : str
        What was typed to get here.
    references : sequence of str
    internal : bool
        Whether small counts or single patients are on it, which it then says on top and on each printed sheet.
    warning : str
        What it says of invented data: that a model was trained on them, or ``SIMULATED``.
    """
    shown = {"title": title, "heading": heading, "lead": lead, "command": command, "references": references}
    return render(
        "sections.html.j2", synthetic=synthetic, internal=internal, warning=warning, sections=sections, **shown
    )


def record(rows: Sequence[tuple[str, str]], sentences: Sequence[str] = ()) -> Section:
    """The last section: how it was done, and the digests that pin it down."""
    table = ("What pins this page down", ["What", "Which"], [[*row] for row in rows])
    return Section("record", "Methods and record", [part("", sentences=sentences, tables=[table])])
