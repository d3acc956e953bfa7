"""``riskml card``: the model card of a bundle, for people at 80 columns and as JSON."""

from __future__ import annotations

import argparse
import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from riskml.cli.options import WIDTH, add_bundle, add_command
from riskml.errors import UsageError
from riskml.runtime.bundle import Bundle, open_bundle
from riskml.runtime.review import is_overdue

_EXAMPLES = (
    "examples:\n  riskml card models/efs/bundle\n  riskml card models/efs/bundle --json\n"
    "  riskml card models/efs/bundle --nomogram efs.svg"
)
# What stays on one line: a number and its percent sign, and what would begin a list or a heading on a line of its own.
_GLUED = re.compile(r" (?=%|(?:\d+[.)]|[-+*#>|])(?: |$))")
_GLUE = "\N{NO-BREAK SPACE}"


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "card", summary, _EXAMPLES)
    add_bundle(parser)
    parser.add_argument("--json", action="store_true", help="print the facts of the card and the JSON Schemas as JSON")
    what = "write the model's nomogram there as SVG, if it has one, and print no card"
    parser.add_argument("--nomogram", metavar="FILE", help=what)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the card, and first of all that the day of its review has passed; or write what was asked for instead."""
    bundle = open_bundle(options.bundle)
    if options.nomogram:
        return _write_nomogram(bundle, options.nomogram)
    if options.json:
        from riskml.runtime.model_facts import model_facts
        from riskml.runtime.schema import patient_schema, prediction_schema

        schemas = {"patient": patient_schema(bundle), "prediction": prediction_schema()}
        facts = {**model_facts(bundle.manifest), "json_schema": schemas}
        print(json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False))
        return 0
    if is_overdue(bundle.manifest):
        print(f"**This model was due for review on {bundle.manifest['review_by']}.**\n")
    print("\n".join(wrapped(bundle.card)))
    return 0


def _write_nomogram(bundle: Bundle, path: str) -> int:
    from riskml.reporting.nomogram import nomogram_of
    from riskml.reporting.presentation import nomogram_file
    from riskml.runtime.files import write_whole

    drawing = nomogram_file(bundle)
    if drawing is None:
        raise UsageError(str(nomogram_of(bundle)))
    print(write_whole(path, drawing))
    return 0


def wrapped(card: str) -> Iterator[str]:
    r"""The lines of a card at 80 columns, still the same Markdown; headings and tables stay as they are.

    Examples
    --------
    >>> list(wrapped("- as many words as fill a line of eighty columns, of which there are some 15 %\n"))
    ['- as many words as fill a line of eighty columns, of which there are some 15 %']
    """
    for line in card.splitlines():
        if not line or line.startswith(("#", "|")):
            yield line
            continue
        text = line.lstrip(" ")
        indent = line[: len(line) - len(text)] + ("  " if text.startswith("- ") else "")
        parts = textwrap.wrap(
            text[:2] + _GLUED.sub(_GLUE, text[2:]),
            WIDTH,
            initial_indent=line[: len(line) - len(text)],
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from (part.replace(_GLUE, " ") for part in parts)
