"""``riskml update``: a child of a model, updated to a new cohort as far as its events carry."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskml.cli.options import add_bundle, add_cohort, add_command, add_force_horizon, add_jobs, add_seed, named

if TYPE_CHECKING:
    from riskml.cohort.cohort import Cohort

_EXAMPLES = """examples:
  riskml update out/efs other_hospital.csv --out child
  riskml update out/efs other_hospital.csv --out child --report update.html"""


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "update", summary, _EXAMPLES)
    add_bundle(parser)
    add_cohort(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the child bundle")
    parser.add_argument(
        "--report",
        metavar="FILE",
        help="what was done, why and with what result: a page if it ends in .html, else JSON",
    )
    add_force_horizon(parser)
    add_seed(parser, "folds, bootstraps and draws")
    add_jobs(parser, default=1)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Update, save the child and say what was changed, why, and what came of it."""
    from riskml.cli.reading import cohort_of
    from riskml.runtime.bundle import check_place, open_bundle
    from riskml.runtime.files import write_whole
    from riskml.training.updating import update

    check_place(options.out)  # before the work
    bundle = open_bundle(options.bundle)
    cohort = cohort_of(options)
    child = update(bundle, cohort, seed=options.seed, force_horizon=options.force_horizon, jobs=options.jobs)
    path, step = child.save(options.out), child.manifest["lineage"][-1]
    if options.report:
        write_whole(Path(options.report), _report(options, cohort, child.manifest))
    print(f"{child.manifest['name']} {child.manifest['version']}: {step['rung'].replace('_', ' ')}")
    print("\n".join(_lines(step, child.model.kind)))
    print(f"  verdict: {child.manifest['verdict']}")
    print(path)
    return 0


def _report(options: argparse.Namespace, cohort: Cohort, manifest: Mapping[str, Any]) -> str:
    """The step as a page or as JSON, by the name of the file."""
    if Path(options.report).suffix.lower() not in {".html", ".htm"}:
        made = {key: manifest[key] for key in ("version", "digest", "verdict")}
        report = {"schema": "riskml.update/1", "model": manifest["name"], **made, **manifest["lineage"][-1]}
        return json.dumps(report, indent=1, allow_nan=False) + "\n"
    from riskml.reporting.cohort import CohortSummary
    from riskml.reporting.update import render_update

    command = f"riskml update {named(options.bundle)} {named(options.cohort)} --seed {options.seed}"
    command += " --force-horizon" if options.force_horizon else ""
    return render_update(manifest, cohort=CohortSummary.of(cohort), command=command)


def _lines(step: Mapping[str, Any], kind: str) -> Iterator[str]:
    yield f"  {step['n_patients']} patients, {step['n_events']} events"
    yield f"  why: {step['why']}"
    for item in step["estimates"]:
        yield f"  {item['name']:<28} {item['value']:+.3f} (standard error {item['standard_error']:.3f})"
    closed = [gate for gate in step["gates"] if not gate["open"]]
    if closed:
        yield "  not open:"
        yield from (f"    {gate['rung'].replace('_', ' ')}: {gate['reason']}" for gate in closed)
    yield from _table(step)
    yield f"  invented patients, {'risk' if kind != 'survival' else 'survival'} by parent | child:"
    yield from (f"    {line}" for item in step["golden"] for line in _patient(item))
    change = step["change"]
    median, most = (100 * change["quantiles"][q] for q in ("0.5", "0.9"))
    yield (
        f"  risks in the cohort moved by {median:.1f} points (median; 9 of 10 by {most:.1f} or less), "
        f"{change['rows_moved']} of them by more than {100 * change['threshold']:.0f}"
    )


def _table(step: Mapping[str, Any]) -> Iterator[str]:
    """Before, after and their difference; a parent that stays as it is has one column."""
    from riskml.runtime.card_words import interval_text

    before, after = step["before"]["metrics"], step["after"]
    if not after["differences"]:
        yield "  parent, which the child is:"
        yield from (f"    {name:<22} {interval_text(metric)}" for name, metric in before.items())
        return
    yield f"    {'':<22} {'before':<26} {'after (cross-validated)':<26} difference"
    for name, metric in before.items():
        difference = after["differences"].get(name)
        last = "" if difference is None else interval_text(difference)
        yield f"    {name:<22} {interval_text(metric):<26} {interval_text(after['metrics'][name]):<26} {last}".rstrip()


def _patient(item: Mapping[str, Any]) -> Iterator[str]:
    known = ", ".join(f"{name} {value}" for name, value in item["patient"].items()) or "nothing known"
    yield known
    for place in range(len(item["parent"]["value"])):
        when = f"{item['times'][place]:g} months: " if item["times"] else ""
        both = " | ".join(_percent(item[who], place) for who in ("parent", "child"))
        yield f"  {when}{both}"


def _percent(shown: Mapping[str, Any], place: int) -> str:
    text = f"{100 * shown['value'][place]:.1f} %"
    if "low" not in shown:
        return text
    return f"{text} ({100 * shown['low'][place]:.1f} to {100 * shown['high'][place]:.1f})"
