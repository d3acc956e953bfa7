"""``riskml update``: recalibrate a model to a new cohort, as far as its events carry."""

from __future__ import annotations

import argparse
from typing import Any

from riskml.cli.options import add_columns, add_command, reading

_EXAMPLES = "example:\n  riskml update out/efs other_hospital.csv --out child"


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "update", summary, _EXAMPLES)
    parser.add_argument("bundle", help="a bundle folder, or a .zip of one")
    parser.add_argument("cohort", help="csv, tsv, xlsx or parquet, one row a course")
    add_columns(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the child bundle")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Update, save the child and say what was changed."""
    from riskml.cohort.cohort import read_cohort
    from riskml.runtime.bundle import open_bundle
    from riskml.training.updating import update

    child = update(open_bundle(options.bundle), read_cohort(options.cohort, options.columns, **reading(options)))
    path = child.save(options.out)
    step = child.manifest["lineage"][-1]
    print(f"{child.manifest['name']} {child.manifest['version']}: {step['rung'].replace('_', ' ')}")
    print(f"  linear predictor: {step['intercept']:+.3f} + {step['slope']:.3f} x the parent's")
    print(f"  {child.manifest['verdict']}")
    print(path)
    return 0
