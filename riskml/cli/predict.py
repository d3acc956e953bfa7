"""``riskml predict``: one patient. Loads the runtime wing alone, so that it starts in milliseconds."""

from __future__ import annotations

import argparse
import json
import sys

from riskml.cli.options import add_command, check_times
from riskml.cli.present import present
from riskml.runtime.bundle import open_bundle
from riskml.runtime.patient import read_patient, with_settings

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

_EXAMPLES = """examples:
  riskml predict models/non_response/bundle patient.json
  echo '{"mrd": "0.52 %", "bcr_abl1": "absent"}' | riskml predict models/non_response/bundle - --json
  riskml predict models/efs/bundle patient.json --at 6 12 --set mrd='<0.01 %'
"""


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "predict", summary, _EXAMPLES)
    parser.add_argument("bundle", help="a bundle folder, or a .zip of one")
    parser.add_argument("patient", help="a .json file, a .csv file with one row, or - for JSON on standard input")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings", help="put a value in (repeatable)"
    )
    parser.add_argument("--at", nargs="+", type=float, metavar="MONTHS", help="months at which to give survival")
    parser.add_argument("--json", action="store_true", help="print the riskml.prediction/1 object")
    parser.add_argument("--no-explain", action="store_true", help="leave the explanation out")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Predict and print."""
    bundle = open_bundle(options.bundle)
    check_times(options.at, bundle.model.kind)
    patient = with_settings(read_patient(options.patient, getattr(sys.stdin, "buffer", None)), options.settings)
    prediction = bundle.predict(patient, at=options.at, explain=not options.no_explain)
    if options.json:
        print(json.dumps(prediction.as_dict(), indent=2, allow_nan=False))
    else:
        print(present(prediction))
    return 0
