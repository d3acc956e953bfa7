"""``riskml validate``: a finished model on a cohort it has never seen."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from riskml.cli.options import add_columns, add_command, reading

_EXAMPLES = "example:\n  riskml validate out/efs other_hospital.csv --out validation"


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "validate", summary, _EXAMPLES)
    parser.add_argument("bundle", help="a bundle folder, or a .zip of one")
    parser.add_argument("cohort", help="csv, tsv, xlsx or parquet, one row a course")
    add_columns(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for validation.json")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the bootstrap intervals")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Validate, write validation.json and print the figures."""
    from riskml.cohort.cohort import read_cohort
    from riskml.runtime.bundle import open_bundle
    from riskml.runtime.card import interval_text
    from riskml.runtime.files import write_whole
    from riskml.training.external import validate

    bundle = open_bundle(options.bundle)
    cohort = read_cohort(options.cohort, options.columns, **reading(options))
    result = validate(bundle, cohort, seed=options.seed).as_dict()
    path = write_whole(Path(options.out) / "validation.json", json.dumps(result, indent=1, allow_nan=False) + "\n")
    print(f"{result['model']} on {result['n_patients']} new patients, {result['n_events']} events")
    for name, metric in result["metrics"].items():
        print(f"  {name:<18} {interval_text(metric)}")
    print(f"  verdict: {result['verdict']}")
    print(path)
    return 0
