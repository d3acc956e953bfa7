"""``riskml validate``: a finished model on a cohort it has never seen."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from riskml.cli.options import (
    add_bundle,
    add_cohort,
    add_command,
    add_force_horizon,
    add_pdf,
    add_seed,
    check_pdf,
    named,
    print_page,
)

_EXAMPLES = """examples:
  riskml validate out/efs other_hospital.csv --out validation
  riskml validate out/efs registry.xlsx --batches year --out monitoring
  riskml validate out/non_response other.csv --outcome mrd_persists --out v"""


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "validate", summary, _EXAMPLES)
    add_bundle(parser)
    add_cohort(parser)
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="folder for validation.json, its page, a TRIPOD+AI sheet"
    )
    parser.add_argument(
        "--outcome",
        metavar="NAME|RECIPE.toml",
        help="how the cohort recorded its outcome; another definition than the model's is refused",
    )
    parser.add_argument(
        "--batches",
        metavar="BY",
        help="watch the model over time: year or quarter of first_dose_date, a column, or so many patients at a time",
    )
    parser.add_argument(
        "--development", metavar="FILE", help="the cohort the model was trained on, for a membership model of its rows"
    )
    add_force_horizon(parser)
    add_pdf(parser, "validation.html")
    add_seed(parser, "the bootstrap intervals")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Validate, write what was found and print the figures."""
    from riskml.cli.reading import cohort_of, read_known
    from riskml.cli.work import write_sheet
    from riskml.reporting.cohort import CohortSummary
    from riskml.reporting.tripod import tripod_ai_validation
    from riskml.reporting.validation import render_validation
    from riskml.runtime.bundle import open_bundle
    from riskml.runtime.files import write_whole
    from riskml.training.external import validate
    from riskml.training.transfer.monitor import monitor

    check_pdf(options)
    bundle = open_bundle(options.bundle)
    cohort = cohort_of(options)
    settings = {"outcome": options.outcome, "force_horizon": options.force_horizon, "seed": options.seed}
    development = read_known(options.development, None) if options.development else None
    watched = monitor(bundle, cohort, options.batches, **settings) if options.batches else None
    result = validate(bundle, cohort, development=development, **settings).as_dict() | {"monitoring": watched}
    out = Path(options.out)
    write_whole(out / "validation.json", json.dumps(result, indent=1, allow_nan=False) + "\n")
    html = render_validation(
        result, manifest=bundle.manifest, cohort=CohortSummary.of(cohort), command=_command(options)
    )
    page = write_whole(out / "validation.html", html)
    write_sheet(tripod_ai_validation(result, bundle), out)
    print_page(options, page)
    _show(result)
    print(page)
    return 0


def _command(options: argparse.Namespace) -> str:
    """What was typed, without folders."""
    words = ["riskml", "validate", named(options.bundle), named(options.cohort)]
    words += ["--batches", options.batches] if options.batches else []
    words += ["--development", named(options.development)] if options.development else []
    return " ".join([*words, "--seed", str(options.seed), *(["--force-horizon"] if options.force_horizon else [])])


def _show(result: dict[str, Any]) -> None:
    from riskml.runtime.card_words import interval_text

    print(f"{result['model']} on {result['n_patients']} new patients, {result['n_events']} events")
    for name, metric in result["metrics"].items():
        print(f"  {name:<21} {interval_text(metric)}")
    for row in result["differences"]:
        print(f"  {row['measure']:<21} {interval_text(row)} less than {row['against']}")
    _show_mix(result["case_mix"], result["membership"])
    print("  reasons:")
    for reason in result["transport"]["reasons"]:
        print(f"    {_MARKS[reason['finding']]} {reason['words']}")
    for note in result["notes"]:
        print(f"  note: {note}")
    if result["monitoring"] is not None:
        _show_batches(result["monitoring"])
    print(f"  verdict: {result['verdict']}")


_MARKS = {"good": "+", "bad": "-", "unclear": "?", "note": " "}


def _show_mix(mix: dict[str, Any], membership: dict[str, Any]) -> None:
    print(f"  case mix ({mix['n_here']} here, {mix['n_there']} at development, from {mix['source']}):")
    print(f"    {'input':<24} {'missing':>15}   standardised difference")
    for item in mix["inputs"]:
        gaps = f"{100 * item['missing_here']:.0f} % v {100 * item['missing_there']:.0f} %"
        moved, limit = item["standardised_difference"], item["chance_limit"]
        shown = "not estimable" if moved is None else f"{moved:+.2f}"
        if moved is not None and limit is not None and abs(moved) > limit:
            shown += f" (beyond chance, {limit:.2f})"
        print(f"    {item['input']:<24} {gaps:>15}   {shown}")
    print(f"  membership: {membership['words']}")


def _show_batches(monitoring: dict[str, Any]) -> None:
    print(f"  batches by {monitoring['by']} ({monitoring['without_batch']} rows in none):")
    for batch in monitoring["batches"]:
        sizes = f"{batch['patients']} patients, {batch['events']} events, {batch['expected']:.1f} expected"
        print(f"    {batch['label']}: {sizes}; {batch['verdict']}")
    print(f"  over time: {monitoring['words']}")
