"""``riskml score``: estimates for every course of a cohort."""

from __future__ import annotations

import argparse
from typing import Any

from riskml.cli.options import add_bundle, add_cohort, add_command, check_times

_EXAMPLES = "example:\n  riskml score models/efs/bundle cohort.csv --out scores.csv"


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "score", summary, _EXAMPLES)
    add_bundle(parser)
    add_cohort(parser)
    parser.add_argument("--at", nargs="+", type=float, metavar="MONTHS", help="months at which to give survival")
    parser.add_argument("--out", required=True, metavar="FILE", help="CSV file to write")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Score and write."""
    from riskml.cli.reading import cohort_for
    from riskml.cohort.safe_csv import disarm
    from riskml.runtime.bundle import open_bundle
    from riskml.runtime.files import write_whole

    bundle = open_bundle(options.bundle)
    check_times(options.at, bundle.model.kind)
    cohort = cohort_for(bundle, options)
    scores = bundle.score(cohort, at=options.at)
    print(write_whole(options.out, disarm(scores).to_csv(index=False, lineterminator="\n")))
    return 0
