"""``riskml check``: read and validate a cohort file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from riskml.cli.findings import add_findings, exit_code, finding_lines, foreign_findings
from riskml.cli.options import add_cohort, add_command, reading
from riskml.errors import DataError, UsageError, group_faults

if TYPE_CHECKING:
    from riskml.cohort.checks.finding import Finding

_EXAMPLES = """examples:
  riskml check cohort.csv --landmark first_dose --outcome efs
  riskml check export.csv --propose map.toml
  riskml check export.csv --columns map.toml --json
  riskml check foreign.csv --foreign --outcome-column died
"""


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "check", summary, _EXAMPLES)
    add_cohort(parser)
    add_findings(parser)
    parser.add_argument("--json", action="store_true", help="print the result, or the faults, as JSON")
    parser.add_argument("--propose", metavar="MAP.toml", help="write a column map to review, and check nothing else")
    parser.add_argument("--redcap-dictionary", metavar="FILE", help="REDCap's data dictionary, for --propose")
    parser.add_argument("--force", action="store_true", help="let --propose replace an existing file")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check and print a description of the cohort with its findings, or every fault."""
    if options.redcap_dictionary is not None and options.propose is None:
        raise UsageError("--redcap-dictionary is read by --propose: propose a map, review it, give it as --columns")
    try:
        if options.propose is not None:
            return _propose(options)
        if options.foreign:
            return _end(options, {}, ("",), foreign_findings(options))
        return _check(options)
    except DataError as error:
        if options.json:
            faults = [fault.to_fields() for fault in group_faults(error.faults)]
            print(json.dumps({"ok": False, "message": error.message, "faults": faults}, indent=2))
            return error.exit_code
        raise


def _check(options: argparse.Namespace) -> int:
    from riskml.cli.reading import cohort_of
    from riskml.cohort.checks.run import run_checks

    if options.outcome_column or options.event:
        raise UsageError("--outcome-column and --event go with --foreign")
    cohort = cohort_of(options)
    findings = run_checks(cohort, landmark=options.landmark, outcome=options.outcome)
    facts = {
        "courses": cohort.n_courses,
        "patients": cohort.n_patients,
        "synthetic": cohort.synthetic,
        "sha256": cohort.sha256,
        "missing": {name: round(float(share), 4) for name, share in cohort.frame.isna().mean().items()},
        "notes": [note.to_fields() for note in cohort.notes],
    }
    return _end(options, facts, cohort.describe(), findings)


def _end(
    options: argparse.Namespace, facts: dict[str, Any], description: Sequence[str], findings: Sequence[Finding]
) -> int:
    """Print facts, description and findings in the form that was asked for."""
    code = exit_code(findings, strict=options.strict)
    if options.json:
        print(json.dumps({"ok": code == 0, **facts, "findings": [f.to_fields() for f in findings]}, indent=2))
    else:
        print("\n".join(filter(None, [*description, *finding_lines(findings)])))
        print("no faults" if code == 0 else "refused: correct what is named above")
    return code


def _propose(options: argparse.Namespace) -> int:
    """Write a column map for a person to review."""
    from pathlib import Path

    from riskml.cohort.proposal_file import as_toml
    from riskml.cohort.propose import propose
    from riskml.cohort.read_table import read_table
    from riskml.cohort.redcap import read_redcap
    from riskml.runtime.files import write_whole

    if options.columns is not None:
        raise UsageError("--propose writes a column map, --columns reads one: give one of the two")
    if Path(options.propose).exists() and not options.force:
        raise UsageError(f"{options.propose} exists: choose another name, or replace it with --force")
    table = read_table(options.cohort, **reading(options))
    redcap = read_redcap(options.redcap_dictionary) if options.redcap_dictionary else None
    proposals = propose(table, redcap=redcap)
    print(write_whole(options.propose, as_toml(proposals, table.name)))
    asked = sum(bool(found.question) for found in proposals)
    sure = sum(bool(found.options) for found in proposals) - asked
    counts = f"{sure} filled in, {asked} to answer, {len(proposals) - asked - sure} unlike any variable"
    print(f"{len(proposals)} columns: {counts}", file=sys.stderr)
    return 0
