"""``riskml simulate``: write a synthetic cohort of any size."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from riskml.cli.options import add_command, add_seed
from riskml.errors import UsageError

EXAMPLES = """\
examples:
  riskml simulate --patients 105 --out cohort.csv
  riskml simulate --patients 20000 --seed 7 --out large.csv
  riskml simulate --patients 500 --truth my_truth.toml --out what_if.csv
  riskml simulate --patients 1000000 --out million.parquet

A path that ends in .parquet becomes a parquet file of texts, any other a csv. Large cohorts are written a part at a
time; a million patients take about 1.4 GiB of memory.

Every row says data_origin = synthetic. The numbers behind the rows, each with its source, are in
features/synthetic/truth.toml; copy it, change it and give it as --truth.
"""


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "simulate", summary, EXAMPLES)
    parser.add_argument("--patients", type=int, required=True, metavar="N", help="number of patients, 1 or more")
    add_seed(parser, "what is drawn, 0 or more (default: 0)")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="generating truth (default: the embedded one)")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="csv or .parquet to write; replaced if it exists"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Simulate and write; the path goes to standard output, remarks to standard error.

    Raises
    ------
    UsageError
        If a number is out of range, the truth cannot be read, or ``--out`` cannot be written.
    """
    if args.patients < 1:
        raise UsageError(f"--patients must be 1 or more, got {args.patients}")
    if args.out.is_dir():
        raise UsageError(
            f"--out must be a file, but {args.out} is a folder: write for example {args.out / 'cohort.csv'}"
        )
    if not args.out.parent.is_dir():
        raise UsageError(f"--out {args.out}: there is no folder {args.out.parent}; make it first")

    from riskml.cohort.simulate import write_simulated
    from riskml.cohort.truth import load_truth

    truth = load_truth(args.truth)
    try:
        path = write_simulated(args.out, args.patients, args.seed, truth)
    except OSError as error:
        raise UsageError(f"--out {args.out} cannot be written: {error.strerror}") from error
    print(path)
    print(f"{args.patients:,} synthetic patients: no row was ever a person, every row says so.", file=sys.stderr)
    return 0
