"""``riskml score``: estimates for every course of a cohort."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from riskml.cli.options import add_columns, add_command, check_times, reading

_EXAMPLES = "example:\n  riskml score models/efs/bundle cohort.csv --out scores.csv"


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "score", summary, _EXAMPLES)
    parser.add_argument("bundle", help="a bundle folder, or a .zip of one")
    parser.add_argument("cohort", help="csv, tsv, xlsx or parquet, one row a course")
    add_columns(parser)
    parser.add_argument("--at", nargs="+", type=float, metavar="MONTHS", help="months at which to give survival")
    parser.add_argument("--out", required=True, metavar="FILE", help="CSV file to write")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Score and write."""
    from riskml.cohort.cohort import read_cohort
    from riskml.cohort.derive import with_inputs
    from riskml.cohort.safe_csv import disarm
    from riskml.runtime.bundle import open_bundle
    from riskml.runtime.files import write_whole

    bundle = open_bundle(options.bundle)
    check_times(options.at, bundle.model.kind)
    read = read_cohort(options.cohort, options.columns, **reading(options))
    cohort = with_inputs(read, bundle.model.inputs, bundle.dictionary)
    for note in cohort.notes[len(read.notes) :]:
        print(note.message, file=sys.stderr)
    absent = [name for name in bundle.model.inputs if name not in cohort.frame]
    if absent:
        print(f"not columns of the cohort, so averaged over: {', '.join(absent)}", file=sys.stderr)
    scores = bundle.score(cohort, at=options.at)
    print(write_whole(options.out, disarm(scores).to_csv(index=False, lineterminator="\n")))
    return 0
