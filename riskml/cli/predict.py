"""``riskml predict``: one patient. Loads the runtime wing alone, so that it starts in milliseconds."""

from __future__ import annotations

import argparse
import gc
import json
import sys

from riskml.cli.options import add_bundle, add_command, add_signature, check_picture, check_times, opener
from riskml.cli.present import present
from riskml.errors import UsageError
from riskml.runtime.patient import read_patient, with_settings

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    from riskml.runtime.bundle import Bundle

_EXAMPLES = """examples:
  riskml predict models/non_response/bundle patient.json
  echo '{"mrd": "0.52 %", "bcr_abl1": "absent"}' | riskml predict models/non_response/bundle - --json
  riskml predict models/efs/bundle patient.json --at 6 12 --set mrd='<0.01 %'
  riskml predict models/efs/bundle patient.json --event-free-at 6
  riskml predict models/efs/bundle patient.json --plot patient.svg
  riskml predict models/efs/bundle fhir_bundle.json --first-dose 2026-03-02
"""


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "predict", summary, _EXAMPLES)
    add_bundle(parser)
    what = "a .json file (also a FHIR R4 Bundle), a .csv file with one row, or - for JSON on standard input"
    parser.add_argument("patient", help=what)
    parser.add_argument("--first-dose", metavar="DATE", help="for a FHIR Bundle: day from which its values are dated")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="put a value in (repeatable), and show the answer beside that of the patient as given",
    )
    parser.add_argument("--at", nargs="+", type=float, metavar="MONTHS", help="months at which to give survival")
    parser.add_argument(
        "--event-free-at", type=float, metavar="MONTHS", help="for a patient who is event-free at that month: what now?"
    )
    parser.add_argument(
        "--expected-months", type=float, metavar="MONTHS", help="expected event-free months up to that one, too"
    )
    parser.add_argument("--plot", metavar="FILE", help="also draw the answer, as .svg or .png")
    parser.add_argument("--json", action="store_true", help="print the riskml.prediction/1 object")
    parser.add_argument("--words", action="store_true", help="leave drawings out of the text (for a screen reader)")
    parser.add_argument("--no-explain", action="store_true", help="leave the explanation out")
    add_signature(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Predict and print."""
    gc.disable()  # what one prediction makes is gone with the process; looking for cycles in it takes a tenth of that
    try:
        return _predict(options)
    finally:
        gc.enable()


def _given(options: argparse.Namespace, bundle: Bundle) -> dict[str, Any]:
    """The patient; out of a FHIR Bundle with what was left out and why on standard error."""
    given = read_patient(options.patient, getattr(sys.stdin, "buffer", None))
    if "resourceType" not in given:
        if options.first_dose is not None:
            raise UsageError("--first-dose is for a FHIR Bundle, whose values have dates; this patient has none")
        return given
    from riskml.serving.fhir_in import read_fhir  # a plain patient pays nothing for it

    found = read_fhir(given, bundle.dictionary, first_dose=options.first_dose)
    for line in found.lines():
        print(f"riskml: {line}", file=sys.stderr)
    return dict(found.patient)


def _predict(options: argparse.Namespace) -> int:
    if options.plot:
        check_picture(options.plot)
    bundle = opener(options)(options.bundle)
    check_times(options.at, bundle.model.kind)
    given = _given(options, bundle)
    patient = with_settings(given, options.settings, bundle.dictionary)
    prediction = bundle.predict(
        patient,
        at=options.at,
        explain=not options.no_explain,
        event_free_at=options.event_free_at,
        expected_months=options.expected_months,
        as_given=given if options.settings else None,
    )
    if options.plot:
        from riskml.reporting.patient import save_picture  # matplotlib takes longer than all else

        save_picture(bundle, patient, prediction, options.plot)
    if options.json:
        print(json.dumps(prediction.as_dict(), indent=2, allow_nan=False))
    else:
        print(present(prediction, drawn=not options.words))
    return 0
