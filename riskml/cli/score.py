"""``riskml score``: estimates for every course of a cohort, of any length."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskml.cli.options import (
    add_bundle,
    add_cohort,
    add_command,
    add_jobs,
    add_scheduler,
    add_signature,
    check_times,
    opener,
)
from riskml.errors import UsageError

if TYPE_CHECKING:
    from riskml.cohort.cohort import Cohort
    from riskml.runtime.bundle import Bundle

_EXAMPLES = """examples:
  riskml score models/efs/bundle cohort.csv --out scores.csv
  riskml score models/efs/bundle cohort.parquet --out scores.parquet
  riskml score models/efs/bundle registry/ --out scores/ --jobs 4
"""


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "score", summary, _EXAMPLES)
    add_bundle(parser)
    add_cohort(parser, "; or a folder of parquet parts")
    parser.add_argument("--at", nargs="+", type=float, metavar="MONTHS", help="months at which to give survival")
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="CSV file to write, Parquet if it ends so; or a new folder"
    )
    add_jobs(parser, default=1)
    add_scheduler(parser, "scores the parts of a folder there")
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
    if Path(options.cohort).is_dir():
        return _score_folder(options, bundle)
    if options.scheduler is not None:
        raise UsageError("--scheduler spreads the parts of a folder (of Parquet files); a single file is scored here")
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


def _score_folder(options: argparse.Namespace, bundle: Bundle) -> int:
    """Each part into a part of the same name, by as many processes as there are; the folder is there when all are."""
    from riskml.cli.progress import progress_on, say
    from riskml.cli.reading import map_for
    from riskml.cohort.score_parts import check_parts, find_parts, header_of, new_folder, score_part
    from riskml.training.tasks import run_tasks, steps
    from riskml.training.workers import workers

    parts = find_parts(options.cohort)
    columns, remark = map_for(options.columns, header_of(next(iter(parts.values()))))
    with new_folder(options.out) as place:
        tasks = {name: (bundle, columns, options.at, part.resolve(), place / name) for name, part in parts.items()}
        with workers(options.scheduler), progress_on(sys.stderr, say) as progress:
            counted = steps(progress, "parts")
            scored = run_tasks(score_part, tasks, jobs=options.jobs, progress=counted)
        check_parts(options.cohort, dict(zip(parts, scored, strict=True)))
    present = frozenset[str]().union(*(part.columns for part in scored))
    absent = [name for name in bundle.model.inputs if name not in present]
    notes = dict.fromkeys(note for part in scored for note in part.notes)
    averaged = [f"not columns of the cohort, so averaged over: {', '.join(absent)}"] if absent else []
    for words in ([remark] if remark else []) + [*notes, *averaged]:
        say(words)
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
