"""``riskml check``: read and validate a cohort file."""

from __future__ import annotations

import argparse
import json
from typing import Any

from riskml.cli.options import add_columns, add_command
from riskml.errors import DataError, group_faults

_EXAMPLES = "examples:\n  riskml check cohort.csv\n  riskml check export.csv --columns map.toml --json"


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "check", summary, _EXAMPLES)
    parser.add_argument("cohort", help="a CSV file, one row a course")
    add_columns(parser)
    parser.add_argument("--json", action="store_true", help="print the result, or the faults, as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check and print a description of the cohort, or every fault."""
    from riskml.cohort.cohort import read_cohort

    try:
        cohort = read_cohort(options.cohort, options.columns)
    except DataError as error:
        if options.json:
            faults = [fault.to_fields() for fault in group_faults(error.faults)]
            print(json.dumps({"ok": False, "message": error.message, "faults": faults}, indent=2))
            return error.exit_code
        raise
    if options.json:
        missing = {name: round(float(share), 4) for name, share in cohort.frame.isna().mean().items()}
        facts = {"ok": True, "courses": cohort.n_courses, "patients": cohort.n_patients, "synthetic": cohort.synthetic}
        print(
            json.dumps(
                {**facts, "sha256": cohort.sha256, "missing": missing, "notes": [n.to_fields() for n in cohort.notes]},
                indent=2,
            )
        )
    else:
        print("\n".join(cohort.describe()))
        print("no faults")
    return 0
