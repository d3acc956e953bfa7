"""``riskml demo``: the whole main job on the embedded synthetic cohort."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from riskml.cli.options import add_command, add_jobs

MODELS = ("non_response", "icans", "efs")
# An invented child, with the subset panel still out: a prediction has to say what that leaves open.
PATIENT = {
    "age": "6.4 a",
    "disease_class_initial": "R/R",
    "disease_status_at_start": "CR-MRDpos",
    "cycle_index": 1,
    "mrd": "0.52 %",
    "bcr_abl1": "absent",
    "kmt2a_r": "absent",
    "tcf3_hlf": "unknown",
    "cd3": "0.7 10*9/L",
    "cd19": {"value": 30, "unit": "/uL"},
}


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "demo", summary, "example:\n  riskml demo --out demo --jobs 2")
    parser.add_argument("--out", default="riskml-demo", metavar="DIR", help="where to write (default: riskml-demo)")
    add_jobs(parser, default=2)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check, describe, evaluate, train, report, predict."""
    from riskml.cli.describe import write_description
    from riskml.cli.present import present
    from riskml.cli.progress import say
    from riskml.cli.work import plan_jobs, run_jobs, summary_lines
    from riskml.resources import folder
    from riskml.runtime.bundle import open_bundle
    from riskml.runtime.files import write_whole

    out = Path(options.out)
    say("checking the embedded cohort (synthetic)")
    jobs = plan_jobs(str(folder("features") / "synthetic" / "cohort.csv"), MODELS, None)
    cohort = jobs[0].cohort
    print("\n".join(cohort.describe()))
    print()
    say("describing it")
    command = f"riskml describe {cohort.name}"
    _, said = write_description(cohort, out / "describe", by=None, internal=False, months=None, command=command)
    print("\n".join(said))
    print()
    bundles = run_jobs(jobs, out, workers=options.jobs, seed=0, command="riskml demo")
    print("\n".join(summary_lines(bundles)))
    print()
    patient = write_whole(out / "patient.json", json.dumps(PATIENT, indent=1) + "\n")
    # Opened from disk, as a user would: what was written is what predicts.
    prediction = open_bundle(out / "non_response").predict(PATIENT)
    write_whole(out / "prediction.json", json.dumps(prediction.as_dict(), indent=2) + "\n")
    print(f"$ riskml predict {out / 'non_response'} {patient}")
    print(present(prediction))
    print()
    print(f"Written to {out}: report.html, describe, {', '.join(MODELS)} (bundles), patient.json, prediction.json")
    print(f"Open {out / 'report.html'} in a browser. In every new shell '. .venv/bin/activate' makes riskml a command.")
    return 0
