"""``riskml plan``: how many patients and events a model needs, and what those at hand support."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from riskml.cli.options import WIDTH, add_columns, add_command, reading
from riskml.errors import DataError, NotEstimableError, UsageError

if TYPE_CHECKING:
    from riskml.training.planning import Study
    from riskml.training.recipe import Recipe

SCHEMA = "riskml.plan/1"
MOST = 10**9
_EXAMPLES = """examples:
  riskml plan cohort.csv --model non_response
  riskml plan --model efs --patients 300 --events 40 --c-statistic 0.75
"""
_CRITERIA = {
    "shrinkage": "expected shrinkage at least 0.9",
    "optimism": "optimism in R2 at most 0.05",
    "overall_risk": "overall risk known to 5 points",
}
_MEASURES = {
    "observed_expected": "observed / expected, 0.82 to 1.22",
    "calibration_slope": "calibration slope, 0.8 to 1.2",
    "c_statistic": "{c}, interval 0.1 wide",
    "net_benefit": "net benefit at {threshold:.2g}, 0.2 wide",
}


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "plan", summary, _EXAMPLES)
    parser.add_argument("cohort", nargs="?", help="csv, tsv, xlsx or parquet; without it, give the numbers you expect")
    parser.add_argument("--model", required=True, metavar="NAME|FILE", help="recipe, by name or file")
    parser.add_argument("--patients", type=int, metavar="N", help="patients with a known outcome, without a cohort")
    parser.add_argument("--events", type=int, metavar="E", help="patients with the event among them")
    parser.add_argument("--parameters", type=int, metavar="P", help="coefficients (default: those of the recipe)")
    parser.add_argument(
        "--c-statistic",
        type=float,
        metavar="C",
        help="AUC or C to assume (default: 15 %% of what could be explained, 0.8 at most)",
    )
    parser.add_argument(
        "--follow-up", type=float, metavar="MONTHS", help="mean follow-up, without a cohort (default: to the horizon)"
    )
    parser.add_argument("--threshold", type=float, metavar="T", help="risk to judge net benefit at (default: overall)")
    add_columns(parser)
    parser.add_argument("--json", action="store_true", help="the same as one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compute the plan and print it."""
    from riskml.training.fit import LEAST_EVENTS
    from riskml.training.planning import carried_by, external_validation, plan, shrinks

    recipe, study, refusal = _from_options(options) if options.cohort is None else _from_cohort(options)
    try:
        development = plan(study, options.c_statistic)
        validation = external_validation(study, options.c_statistic, options.threshold)
    except ValueError as error:
        raise UsageError(str(error)) from None
    verdict = carried_by(study, shrunk=shrinks(recipe) is not False, least_events=LEAST_EVENTS)
    why = verdict.why or refusal
    if options.json:
        model = {"name": recipe.name, "label": recipe.label, "kind": recipe.kind}
        training = {"possible": not why, "why": why}
        whole = {"schema": SCHEMA, "model": model, "development": development, "validation": validation}
        print(json.dumps({**whole, "training": training}, indent=2, allow_nan=False))
    else:
        print("\n".join(_lines(recipe, development, validation, why)))
    return 0


def _from_cohort(options: argparse.Namespace) -> tuple[Recipe, Study, str]:
    """What the data say, also where they are too few to train on; and why that is refused, or ""."""
    from dataclasses import replace

    from riskml.cli.reading import read_jobs
    from riskml.cohort.outcomes import build_target
    from riskml.training.fit import training_set
    from riskml.training.planning import study_of

    for name in ("patients", "events", "follow_up"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name.replace('_', '-')} comes from the cohort: leave it out, or leave the cohort out")
    (job,) = read_jobs(options.cohort, [options.model], options.columns, **reading(options))
    target = build_target(job.cohort, {"name": job.recipe.outcome, **job.recipe.outcome_table})
    study = study_of(job.recipe, target)
    refusal = ""
    try:
        training_set(job.recipe, job.cohort)
    except (DataError, NotEstimableError) as error:
        refusal = str(error)
    return job.recipe, replace(study, parameters=_parameters(options, job.recipe)), refusal


def _from_options(options: argparse.Namespace) -> tuple[Recipe, Study, str]:
    """What somebody expects."""
    from riskml.training.planning import Study
    from riskml.training.recipe import load_recipe

    given = {"--columns": options.columns, "--sheet": options.sheet, "--encoding": options.encoding}
    if without := [name for name, value in given.items() if value is not None]:
        raise UsageError(f"{' and '.join(without)} says how to read a cohort: give the cohort, too")
    for name in ("patients", "events"):
        if getattr(options, name) is None:
            raise UsageError(f"without a cohort, --{name} is needed: say how many you have or expect")
        _check_count(name, getattr(options, name))
    if options.events > options.patients:
        raise UsageError(f"--events {options.events} of --patients {options.patients}: there cannot be more of them")
    recipe = load_recipe(options.model)
    counts = (options.patients, options.events, _parameters(options, recipe))
    if recipe.kind == "binary":
        if options.follow_up is not None:
            raise UsageError(f"--follow-up is for survival models; {recipe.name} gives a single probability")
        return recipe, Study("binary", *counts), ""
    months = recipe.horizon_months if options.follow_up is None else options.follow_up
    if not 0 < months < float("inf"):
        raise UsageError(f"--follow-up must be a positive number of months, got {months:g}")
    return recipe, Study("survival", *counts, months, recipe.horizon_months), ""


def _parameters(options: argparse.Namespace, recipe: Recipe) -> int:
    number: int = len(recipe.features) if options.parameters is None else options.parameters
    _check_count("parameters", number)
    return number


def _check_count(name: str, number: int) -> None:
    if not 1 <= number <= MOST:
        raise UsageError(f"--{name} must be between 1 and {MOST:,}, got {number}")


def _lines(
    recipe: Recipe, development: Mapping[str, Any], validation: Mapping[str, Any], refusal: str
) -> Iterator[str]:
    c = "AUC" if development["kind"] == "binary" else "C"
    yield from _wrap(f"{recipe.label} ({recipe.name})")
    yield from _assumed(development, c)
    yield ""
    yield from _wrap("To develop it without overfitting (Riley et al., Stat Med 2019;38:1276):")
    yield from _table([(_CRITERIA[item["name"]], item) for item in development["criteria"]], development)
    yield ""
    yield from _supports(development, c)
    yield ""
    yield from _wrap("To validate it elsewhere (Riley et al., Stat Med 2021;40:4230):")
    shown = {"c": c, "threshold": validation["threshold"]}
    yield from _table([(_MEASURES[item["name"]].format(**shown), item) for item in validation["measures"]], validation)
    if development["horizon_months"]:
        yield from _wrap(
            f"counted in patients followed to {development['horizon_months']:g} months or the event; those censored "
            "before come on top",
            "  ",
        )
    yield ""
    if refusal:
        first, *more = refusal.splitlines()
        yield from _wrap(f"Training would be refused: {first}")
        yield from (line for fault in more for line in _wrap(fault, "  "))
    elif development["met"]:
        yield "Training is possible, and the criteria are met."
    else:
        yield from _wrap("Training is possible; manifest, card and report then say that the criteria are not met.")


def _assumed(plan: Mapping[str, Any], c: str) -> Iterator[str]:
    from riskml.runtime.shares import percent

    when = f" by {plan['horizon_months']:g} months" if plan["horizon_months"] else ""
    yield from _wrap(
        f"{plan['patients']:,} patients, {plan['events']:,} with the event; {plan['parameters']} parameters, "
        f"{plan['events_per_parameter']:.1f} events each; overall risk{when} {percent(plan['overall_risk'])}"
    )
    assumed = plan["assumed"]
    why = "as given" if assumed["given"] else "15 % of what could be explained, at most 0.8; --c-statistic sets it"
    yield from _wrap(f"assumed: {c} {assumed['c_statistic']:.2f}, Cox-Snell R2 {assumed['r2']:.3f} ({why})")
    if assumed["given"] and assumed["c_statistic"] > 0.8:
        yield from _wrap(
            f"Above {c} 0.8 the first number below is too low, by half at 0.85 and twofold at 0.9 (BMC Med Res "
            "Methodol 2024;24:146)."
        )


def _table(rows: list[tuple[str, Mapping[str, Any]]], whole: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {'':<40}{'patients':>10}{'events':>10}"
    for label, item in rows:
        met = "" if "met" not in item else "   met" if item["met"] else "   not met"
        yield f"  {label:<40}{item['patients']:>10,}{item['events']:>10,}{met}"
    yield f"  {'all of them':<40}{whole['patients_needed']:>10,}{whole['events_needed']:>10,}"


def _supports(plan: Mapping[str, Any], c: str) -> Iterator[str]:
    """What to expect of these numbers, in words."""
    low, high = plan["expected_c_interval"]
    slope, carried = plan["expected_shrinkage"], plan["parameters_carried"]
    yield from _wrap(f"What {plan['patients']:,} patients with {plan['events']:,} events support:")
    pull = f"effects should be pulled {100 * (1 - slope):.0f} % towards none"
    points = [f"without shrinkage, a calibration slope of about {slope:.2f} in new patients: {pull}"]
    if plan["expected_error"] is not None:
        points.append(
            f"without shrinkage, predicted risks off by about {100 * plan['expected_error']:.0f} points on average"
        )
    points += [
        f"an interval of about {low:.2f} to {high:.2f} around {c} {plan['assumed']['c_statistic']:.2f}",
        f"the overall risk to within {100 * plan['risk_margin']:.0f} points",
        f"{carried or 'no'} parameter{'' if carried == 1 else 's'} within the first two criteria",
    ]
    for point in points:
        yield from _wrap(f"- {point}", "  ")


def _wrap(text: str, indent: str = "") -> list[str]:
    kept = text.replace(" %", "\N{NO-BREAK SPACE}%")  # a number stays with its sign
    lines = textwrap.wrap(kept, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ", break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]
