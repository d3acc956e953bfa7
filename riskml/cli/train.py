"""``riskml train``: honest evaluation, trained bundles and a report."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from riskml.cli.options import (
    add_command,
    add_force_horizon,
    add_jobs,
    add_models,
    add_pdf,
    add_scheduler,
    add_seed,
    check_pdf,
    print_page,
    reading,
)

_EXAMPLES = """examples:
  riskml train cohort.csv --model non_response efs --out out
  riskml train export.csv --columns map.toml --model my/recipe.toml --out out --jobs 2
"""


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "train", summary, _EXAMPLES)
    add_models(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for bundles, evaluations and report.html")
    add_pdf(parser, "report.html")
    add_jobs(parser, default=1)
    add_scheduler(parser, "runs there, with the same result")
    add_seed(parser, "folds and bootstraps")
    add_force_horizon(parser)
    parser.add_argument("--no-evaluate", action="store_true", help="skip cross-validation; the bundle then says so")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train and print the summary."""
    from riskml.cli.findings import warn
    from riskml.cli.work import plan_jobs, run_jobs, summary_lines

    check_pdf(options)
    how = {"evaluate": not options.no_evaluate, "force_horizon": options.force_horizon}
    jobs = plan_jobs(options.cohort, options.model, options.columns, **reading(options), **how)
    warn((job.cohort, job.recipe.landmark, job.recipe.outcome) for job in jobs)
    names = " ".join(job.recipe.name for job in jobs)
    command = f"riskml train {Path(options.cohort).name} --model {names} --seed {options.seed}"
    bundles = run_jobs(
        jobs,
        Path(options.out),
        workers=options.jobs,
        seed=options.seed,
        evaluate=not options.no_evaluate,
        command=command,
        scheduler=options.scheduler,
    )
    print_page(options, Path(options.out) / "report.html")
    print("\n".join(summary_lines(bundles)))
    return 0
