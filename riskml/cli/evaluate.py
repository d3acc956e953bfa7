"""``riskml evaluate``: how well would a recipe do, by every resampling a reviewer asks for."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
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
    named,
    print_page,
    reading,
)

_EXAMPLES = """examples:
  riskml evaluate cohort.csv --model non_response --out evaluation
  riskml evaluate cohort.csv --model efs my/recipe.toml --by centre --out out
"""


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "evaluate", summary, _EXAMPLES)
    add_models(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for evaluation.json and evaluation.html")
    parser.add_argument("--by", metavar="NAME", help="leave out each value of this variable in turn (default: centre)")
    parser.add_argument("--quick", action="store_true", help="no bootstrap validation, learning curve or split by date")
    add_force_horizon(parser)
    add_pdf(parser, "evaluation.html")
    add_jobs(parser, default=1)
    add_scheduler(parser, "runs there, with the same result")
    add_seed(parser, "folds and bootstraps")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Evaluate, write what was found and print the figures."""
    from riskml.cli.findings import warn
    from riskml.cli.progress import progress_on, say
    from riskml.cli.work import evaluation_lines, grow_in_parts, make_folders, plan_jobs
    from riskml.reporting.cohort import CohortSummary
    from riskml.reporting.evaluation import render_evaluation
    from riskml.runtime.files import write_whole
    from riskml.training.compare import compare
    from riskml.training.fit import training_set
    from riskml.training.workers import workers

    check_pdf(options)
    jobs = plan_jobs(
        options.cohort, options.model, options.columns, **reading(options), force_horizon=options.force_horizon
    )
    out = Path(options.out)
    warn((job.cohort, job.recipe.landmark, job.recipe.outcome) for job in jobs)
    settings = {"seed": options.seed, "jobs": options.jobs, "by": options.by, "thorough": not options.quick}
    partitioned = grow_in_parts(training_set(job.recipe, job.cohort) for job in jobs)
    with workers(options.scheduler, partitioned=partitioned), progress_on(sys.stderr, say) as progress:
        make_folders(out, [job.recipe.name for job in jobs])
        found = compare([(job.recipe, job.cohort) for job in jobs], **settings, progress=progress)
    for evaluation in found.evaluations:
        text = json.dumps(evaluation.as_dict(), indent=1, allow_nan=False)
        write_whole(out / evaluation.model / "evaluation.json", text + "\n")
        print("\n".join(evaluation_lines(evaluation.as_dict())))
    if found.comparison:
        write_whole(out / "comparison.json", json.dumps(found.comparison, indent=1, allow_nan=False) + "\n")
        print(found.comparison["words"])
    models = [
        {"label": job.recipe.label, "definition": job.recipe.outcome_table["definition"], "evaluation": one.as_dict()}
        for job, one in zip(jobs, found.evaluations, strict=True)
    ]
    cohort, command = CohortSummary.of(jobs[0].cohort), _command(options, [job.recipe.name for job in jobs])
    page = render_evaluation(models, cohort=cohort, comparison=found.comparison, command=command)
    written = write_whole(out / "evaluation.html", page)
    print_page(options, written)
    print(written)
    return 0


def _command(options: argparse.Namespace, names: Sequence[str]) -> str:
    """What was typed, without folders."""
    words = ["riskml", "evaluate", named(options.cohort), "--model", *names, "--seed", str(options.seed)]
    words += ["--by", options.by] if options.by else []
    words += ["--quick"] if options.quick else []
    return " ".join([*words, *(["--force-horizon"] if options.force_horizon else [])])
