"""``riskml score``: estimates for every course of a cohort, of any length."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskml.cli.options import add_bundle, add_cohort, add_command, add_signature, check_times, opener

if TYPE_CHECKING:
    from riskml.cohort.cohort import Cohort
    from riskml.runtime.bundle import Bundle

_EXAMPLES = """examples:
  riskml score models/efs/bundle cohort.csv --out scores.csv
  riskml score models/efs/bundle cohort.parquet --out scores.parquet
"""


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "score", summary, _EXAMPLES)
    add_bundle(parser)
    add_cohort(parser)
    parser.add_argument("--at", nargs="+", type=float, metavar="MONTHS", help="months at which to give survival")
    parser.add_argument("--out", required=True, metavar="FILE", help="CSV file to write, or Parquet if it ends so")
    add_signature(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Score and write, a block of rows at a time where the file allows it."""
    from riskml.cli.progress import say
    from riskml.cli.reading import cohort_for
    from riskml.cohort.stream import NeedsWholeFileError
    from riskml.runtime.review import is_overdue

    bundle = opener(options)(options.bundle)
    check_times(options.at, bundle.model.kind)
    if is_overdue(bundle.manifest):
        say(f"this model was due for review on {bundle.manifest['review_by']}")
    remarks: list[str] = []
    try:
        _write(options, bundle, _blocks(options, bundle, remarks))
    except NeedsWholeFileError:
        _write(options, bundle, iter([cohort_for(bundle, options)]))
    else:
        for remark in remarks:
            say(remark)
    print(Path(options.out))
    return 0


def _write(options: argparse.Namespace, bundle: Bundle, cohorts: Iterator[Cohort]) -> None:
    from riskml.cohort.score_file import score_writer

    with score_writer(options.out) as write:
        for cohort in cohorts:
            write(bundle.score(cohort, at=options.at))


def _blocks(options: argparse.Namespace, bundle: Bundle, remarks: list[str]) -> Iterator[Cohort]:
    """The cohort in blocks; as :func:`riskml.cli.reading.cohort_for`, with what is to be said put into ``remarks``."""
    from riskml.cli.reading import map_for
    from riskml.cohort.derive import with_inputs
    from riskml.cohort.stream import NeedsWholeFileError, stream_cohort, table_blocks
    from riskml.runtime.dictionary import load_dictionary

    if options.sheet is not None or options.encoding is not None:
        raise NeedsWholeFileError
    tables = table_blocks(options.cohort)
    first = next(tables)
    columns, remark = map_for(options.columns, first.columns)
    derived: dict[str, tuple[str, int]] = {}
    absent = set(bundle.model.inputs)
    for read in stream_cohort(chain([first], tables), columns, load_dictionary()):
        cohort = with_inputs(read, bundle.model.inputs, bundle.dictionary)
        absent -= {*cohort.frame.columns}
        for note in cohort.notes[len(read.notes) :]:
            message, blocks = derived.get(note.code, (f"{note.message} (rows {_span(read)})", 0))
            derived[note.code] = (message, blocks + 1)
        yield cohort
    remarks += [remark] if remark else []
    remarks += [message + (f", and alike in {n - 1:,} blocks more" if n > 1 else "") for message, n in derived.values()]
    if absent:
        names = ", ".join(name for name in bundle.model.inputs if name in absent)
        remarks.append(f"not columns of the cohort, so averaged over: {names}")


def _span(cohort: Cohort) -> str:
    return f"{cohort.row_numbers[0]:,} to {cohort.row_numbers[-1]:,}"
