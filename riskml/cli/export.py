"""``riskml export``: a bundle in another form."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from riskml.cli.options import add_bundle, add_command
from riskml.runtime.bundle import Bundle, open_bundle
from riskml.runtime.files import write_whole

_EXAMPLES = """examples:
  riskml export models/efs/bundle --to html --out efs.html
  riskml export models/efs/bundle --to joblib --out efs.joblib
  riskml export models/efs/bundle --to mlflow --out efs_mlflow
"""


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "export", summary, _EXAMPLES)
    add_bundle(parser)
    forms = "html: a calculator in one file, for any browser; joblib: a fitted scikit-learn estimator; mlflow: a model"
    parser.add_argument("--to", required=True, choices=[*FORMS], help=forms)
    parser.add_argument("--out", required=True, metavar="PATH", help="the file to write (mlflow: the folder)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check the bundle, write it in the form asked for, and say where it is."""
    print(FORMS[options.to](open_bundle(options.bundle), options.out))
    return 0


def _html(bundle: Bundle, out: str) -> Path:
    from riskml.serving.calculator_page import render_calculator  # the other forms need no templates

    return write_whole(out, render_calculator(bundle))


def _joblib(bundle: Bundle, out: str) -> Path:
    from riskml.cli.progress import say
    from riskml.serving.exports import joblib_file

    written = joblib_file(bundle, out)
    say(Path(f"{out}.TRUST.txt").read_text(encoding="utf-8").rstrip())
    return written


def _mlflow(bundle: Bundle, out: str) -> Path:
    from riskml.serving.exports import mlflow_model

    return mlflow_model(bundle, out)


# Each takes a checked bundle and the path to write, and returns the path written.
FORMS: Mapping[str, Callable[[Bundle, str], Path]] = {"html": _html, "joblib": _joblib, "mlflow": _mlflow}
