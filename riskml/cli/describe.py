"""``riskml describe``: the tables and figures of a cohort paper."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskml.cli.options import add_cohort, add_command, add_pdf, check_pdf, named, print_page
from riskml.errors import UsageError

if TYPE_CHECKING:
    from riskml.cohort.cohort import Cohort
    from riskml.training.describe.table import Part

_EXAMPLES = """writes describe.html, tables/ (csv, and html that pastes into Word) and
figures/ (svg and png). Counts of one to four patients are not shown; with
--internal they are, every file is called internal, and none of them may
leave the site that holds the cohort.

examples:
  riskml describe cohort.csv --out described
  riskml describe export.xlsx --columns map.toml --by sex --out described
  riskml describe cohort.csv --months 12 36 60 --internal --out ours"""
_WHEN = "months at which curves are read, the most important first (default: 12 24 6)"
_WARNING = "INTERNAL: what is written shows small counts and single patients; it must not leave the site"


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "describe", summary, _EXAMPLES)
    add_cohort(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write to")
    parser.add_argument("--by", metavar="NAME", help="compare the groups of this variable (default: the papers' own)")
    parser.add_argument("--months", nargs="+", type=float, metavar="M", help=_WHEN)
    parser.add_argument("--internal", action="store_true", help="show small counts; the result must not leave the site")
    add_pdf(parser, "the page")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Describe, write, and print a summary in words."""
    from riskml.cli.progress import say
    from riskml.cli.reading import cohort_of
    from riskml.cli.work import make_folders

    check_pdf(options)
    _check_months(options.months or ())
    if options.by is not None:
        from riskml.training.describe.parts import groupable

        groupable(options.by)
    cohort = cohort_of(options)
    if options.internal:
        say(_WARNING)
    out = Path(options.out)
    make_folders(out, ("tables", "figures"))
    page, lines = write_description(
        cohort, out, by=options.by, internal=options.internal, months=options.months, command=_command(options)
    )
    print_page(options, page)
    print("\n".join(lines))
    print(page)
    return 0


def write_description(
    cohort: Cohort, out: Path, *, by: str | None, internal: bool, months: Sequence[float] | None, command: str
) -> tuple[Path, list[str]]:
    """Describe a cohort into a folder; gives the page and what to print of it."""
    from riskml.reporting.cohort import CohortSummary
    from riskml.reporting.describe import in_words, render_description
    from riskml.runtime.files import write_whole
    from riskml.training.describe.parts import describe

    parts = describe(cohort, by=by, internal=internal, months=months)
    summary = CohortSummary.of(cohort)
    stamps = _stamps(internal=internal, synthetic=summary.synthetic)
    # Named apart, so that what may not leave never lies among what may under the same name.
    mark = ".internal" if internal else ""
    for place, content in chain(_tables(parts, stamps), _figures(parts, " ".join(stamps))):
        write_whole(out / place.with_name(f"{place.stem}{mark}{place.suffix}"), content)
    html = render_description(parts, cohort=summary, command=command, internal=internal)
    missing = sum(len(part.missing) for part in parts)
    said = [
        summary.lines[0],
        *in_words(parts),
        *([f"{missing} tables or figures could not be made; describe.html says which and why"] if missing else []),
    ]
    return write_whole(out / f"describe{mark}.html", html), [_plain(line) for line in said]


def _plain(line: str) -> str:
    """For a terminal that may know ASCII alone."""
    return line.translate(str.maketrans("\N{MINUS SIGN}\N{EN DASH}\N{NO-BREAK SPACE}", "-- ")).replace("\xb1", "+/-")


def _check_months(months: Sequence[float]) -> None:
    """Refuse them before the file is read."""
    if not all(math.isfinite(month) and month > 0 for month in months):
        raise UsageError(f"--months must be above 0, got {' '.join(f'{month:g}' for month in months)}")


def _stamps(*, internal: bool, synthetic: bool) -> list[str]:
    """What each file must say of itself, for it is taken out of the folder on its own."""
    from riskml.reporting.page import INTERNAL, SIMULATED

    return [*([INTERNAL] if internal else []), *([SIMULATED] if synthetic else [])]


def _tables(parts: Sequence[Part], stamps: Sequence[str]) -> Iterator[tuple[Path, str | bytes]]:
    """Every table as files of its own."""
    from riskml.reporting.tables import as_csv, as_fragment

    for table in (table for part in parts for table in part.tables):
        place = Path("tables") / table.name
        # Marked as UTF-8: a spreadsheet would otherwise take a dash or a minus for strange letters.
        yield place.with_suffix(".csv"), as_csv(table).encode("utf-8-sig")
        yield place.with_suffix(".html"), as_fragment(table, stamps)


def _figures(parts: Sequence[Part], stamp: str) -> Iterator[tuple[Path, str | bytes]]:
    """Every figure as a drawing and as a picture."""
    from riskml.reporting.describe import drawing, picture, sheets_of
    from riskml.reporting.figures.canvas import standalone

    for shown in (shown for part in parts for shown in sheets_of(part)):
        place = Path("figures") / shown.name
        yield place.with_suffix(".svg"), standalone(drawing(shown, shown.name, stamp))
        yield place.with_suffix(".png"), picture(shown, stamp)


def _command(options: argparse.Namespace) -> str:
    """What was typed, without folders."""
    words = ["riskml", "describe", named(options.cohort)]
    words += ["--columns", named(options.columns)] if options.columns else []
    words += ["--by", options.by] if options.by else []
    words += ["--months", *(f"{month:g}" for month in options.months)] if options.months else []
    return " ".join([*words, *(["--internal"] if options.internal else [])])
