"""``riskml explain``: what moves the estimates of a cohort: aggregates, and each course's effects for its site."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskml.cli.options import (
    add_bundle,
    add_cohort,
    add_command,
    add_pdf,
    add_seed,
    check_pdf,
    check_times,
    named,
    print_page,
)

if TYPE_CHECKING:
    from riskml.training.explanation import CohortExplanation

_EXAMPLES = """writes explanation.html, explanation.json and figures of aggregates, and two
things about single patients, to be kept where the cohort is kept:
explanations.csv (one line a course, by its row in the file) and
figures/patients/ (one point each).

examples:
  riskml explain models/efs/bundle cohort.csv --out explained
  riskml explain out/efs cohort.csv --at 6 12 --out explained"""
# Inputs whose points are drawn.
_DRAWN = 4
# More than so many points are a blot: every second row is drawn, or every third.
_POINTS = 3000


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "explain", summary, _EXAMPLES)
    add_bundle(parser)
    add_cohort(parser, "; needs no outcome")
    parser.add_argument("--at", nargs="+", type=float, metavar="MONTHS", help="months at which to explain survival")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write to")
    add_pdf(parser, "explanation.html")
    add_seed(parser, "the bootstrap of importance")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Explain, write, and print the order of the inputs."""
    from riskml.cli.reading import cohort_for
    from riskml.cohort.safe_csv import disarm
    from riskml.reporting.cohort import CohortSummary
    from riskml.reporting.explanation import render_explanation
    from riskml.runtime.bundle import open_bundle
    from riskml.runtime.files import write_whole
    from riskml.training.aggregates import explain_aggregates
    from riskml.training.explanation import explain

    check_pdf(options)
    bundle = open_bundle(options.bundle)
    check_times(options.at, bundle.model.kind)
    cohort = cohort_for(bundle, options)
    found = explain(bundle, cohort, at=options.at)
    aggregates = explain_aggregates(bundle, cohort, at=options.at, seed=options.seed)
    out = Path(options.out)
    write_whole(out / "explanation.json", json.dumps(aggregates, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    write_whole(out / "explanations.csv", disarm(found.table()).to_csv(index=False, lineterminator="\n"))
    _draw(out / "figures", found, aggregates)
    summary, command = CohortSummary.of(cohort), f"riskml explain {named(options.bundle)} {named(options.cohort)}"
    html = render_explanation(aggregates, manifest=bundle.manifest, cohort=summary, command=_with(options, command))
    page = write_whole(out / "explanation.html", html)
    print_page(options, page)
    _show(aggregates)
    print(page)
    return 0


def _with(options: argparse.Namespace, command: str) -> str:
    at = f" --at {' '.join(f'{t:g}' for t in options.at)}" if options.at else ""
    return f"{command}{at} --seed {options.seed}"


def _draw(home: Path, found: CohortExplanation, aggregates: dict[str, Any]) -> None:
    """Aggregates as drawings, the courses as pictures in a folder of their own."""
    import matplotlib as mpl

    from riskml.reporting import effects
    from riskml.reporting.figures.canvas import standalone
    from riskml.runtime.files import write_whole

    drawings = {
        "importance": effects.importance_figure(aggregates, "importance"),
        "typical": effects.typical_figure(aggregates, "typical"),
        "over_time": effects.over_time_figure(aggregates, "time"),
    }
    for name, drawing in drawings.items():
        if drawing is not None:
            write_whole(home / f"{name}.svg", standalone(drawing[0]))
    mpl.use("agg")  # no window, wherever this runs
    from riskml.reporting.shap_figures import beeswarm, scatter

    step = 1 + len(found.value) // _POINTS
    scale, shown = effects.scale_of(aggregates), found.shap(aggregates["horizon_months"])[::step]
    write_whole(home / "patients" / "beeswarm.png", beeswarm(shown, scale=scale))
    for item in aggregates["inputs"][:_DRAWN]:
        log = bool(item["dependence"] and item["dependence"]["log"])
        picture = scatter(shown, found.inputs.index(item["input"]), scale=scale, log=log)
        write_whole(home / "patients" / f"dependence_{item['input']}.png", picture)


def _show(aggregates: dict[str, Any]) -> None:
    from riskml.reporting import effects

    print(f"{aggregates['n_rows']:,} rows of {aggregates['n_patients']:,} patients")
    caption, _, rows = effects.importance_table(aggregates)
    print(f"{caption}:")
    width = max(len(row[0]) for row in rows)
    for row in rows:
        ranks = f"rank {row[2]}" + (f" ({row[3]})" if row[3] != "–" else "")
        print(f"  {row[0]:<{width}}  {row[1]:<22} {ranks}")
