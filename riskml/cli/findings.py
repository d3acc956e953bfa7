"""What ``check`` and ``train`` say about findings, and the check of a file nobody has mapped."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from riskml.cli.options import WIDTH, Parser, reading
from riskml.errors import DataError, UsageError, printable

if TYPE_CHECKING:
    from riskml.cohort.checks.finding import Finding
    from riskml.cohort.cohort import Cohort

_TITLES = {"error": "Cannot be true", "warning": "Probably a mistake", "note": "Worth knowing"}
# Words for "the event came" that are no tri-state of the dictionary.
_EVENT_WORDS = frozenset({"dead", "died", "deceased", "event", "relapse", "1.0"})
_MOST_NAMED = 8


def add_findings(parser: Parser) -> None:
    """The options of ``check`` that say what is looked for and how grave it must be."""
    parser.add_argument("--landmark", metavar="NAME", help="name columns learned after it, e.g. first_dose")
    parser.add_argument("--outcome", metavar="NAME", help="name predictors that give this outcome away")
    parser.add_argument("--strict", action="store_true", help="warnings, too, end with exit code 3")
    parser.add_argument(
        "--foreign", action="store_true", help="a file without a column map: look for leaks and copies only"
    )
    parser.add_argument("--outcome-column", metavar="NAME", help="with --foreign: the column that holds the event")
    parser.add_argument("--event", metavar="TEXT", help="with --foreign: what that column says where it came")


def finding_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Findings for a person, grouped by level, the gravest first."""
    for level, title in _TITLES.items():
        chosen = [finding for finding in findings if finding.level == level]
        if chosen:
            yield f"{title} ({len(chosen)} {level}{'s' if len(chosen) > 1 else ''}):"
        for finding in chosen:
            columns = [printable(name, 40) for name in finding.columns]
            more = f" and {len(columns) - _MOST_NAMED} more" if len(columns) > _MOST_NAMED else ""
            where = ", ".join(columns[:_MOST_NAMED]) + more
            text = f"{where} [{finding.code}]: {str(finding).removeprefix(', '.join(finding.columns) + ': ')}"
            yield from textwrap.wrap(text, WIDTH, initial_indent="  - ", subsequent_indent="    ")


def exit_code(findings: Sequence[Finding], *, strict: bool) -> int:
    """0 where nothing is wrong enough; errors, and warnings under ``--strict``, refuse the data."""
    from riskml.cohort.checks.finding import worst

    return DataError.exit_code if worst(findings) in (("warning", "error") if strict else ("error",)) else 0


def warn(asked: Iterable[tuple[Cohort, str, str | Mapping[str, Any]]]) -> None:
    """Print what is graver than a note, once, to standard error before anything learns from it.

    ``asked`` holds a cohort, landmark and outcome for each model.
    """
    from riskml.cohort.checks.run import by_level, run_checks

    # Models of one cohort share most findings; a dict keeps each once and in order.
    found = {
        f: None for cohort, landmark, outcome in asked for f in run_checks(cohort, landmark=landmark, outcome=outcome)
    }
    for line in finding_lines(by_level(finding for finding in found if finding.level != "note")):
        print(line, file=sys.stderr, flush=True)


def foreign_findings(options: argparse.Namespace) -> tuple[Finding, ...]:
    """Leaks and copies in a file whose columns are not the dictionary's."""
    from riskml.cohort.checks.duplicates import duplicate_rows
    from riskml.cohort.checks.leaks import leak_findings
    from riskml.cohort.checks.run import by_level
    from riskml.cohort.read_table import read_table

    if options.columns or options.outcome:
        raise UsageError("--foreign goes without --columns and --outcome: give --outcome-column")
    if options.outcome_column is None:
        raise UsageError("--foreign needs --outcome-column: the column that says whether the event came")
    table = read_table(options.cohort, **reading(options))
    if options.outcome_column not in table.columns:
        shown = ", ".join(printable(name, 40) for name in table.columns[:20])
        raise UsageError(f"there is no column '{printable(options.outcome_column, 40)}': the first are {shown}")
    event = _event(table.cells[options.outcome_column], options.event)
    others = table.cells.drop(columns=options.outcome_column)
    return by_level([*leak_findings(others, event, options.landmark or "first_dose"), *duplicate_rows(table)])


def _event(column: Any, wanted: str | None) -> Any:
    """1 where the event came, 0 where not, NaN where the cell is blank or says unknown."""
    from riskml.runtime.dictionary import load_dictionary

    words = load_dictionary().words
    text = column.astype(object).map(lambda cell: cell.strip().casefold())
    known = ~text.isin(words.missing)
    levels = sorted(set(text[known]))
    if wanted is not None:
        chosen = {wanted.strip().casefold()} & set(levels)
    else:
        chosen = {level for level in levels if level in words.present or level in _EVENT_WORDS}
    if not chosen or (wanted is None and len(levels) != 2):
        seen = ", ".join(printable(level, 20) for level in levels[:10])
        raise UsageError(f"--event must say which of the outcome's values is the event: {seen}")
    return text.isin(chosen).astype(float).where(known)
