"""The command ``riskml``: runs one command and turns every refusal into a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from riskml.cli.options import Parser
from riskml.errors import RiskmlError, UsageError

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import TextIO

# In the order of the walk, with what `riskml --help` says. A command's module is imported only when it is asked for.
COMMANDS = {
    "demo": "the whole main job on the embedded synthetic cohort",
    "check": "read and validate a cohort file; every fault at once",
    "describe": "the tables and figures of a cohort paper",
    "plan": "patients and events a model needs, and what these support",
    "evaluate": "honest performance of recipes; trains nothing that ships",
    "train": "evaluate honestly, train, and write bundles with a report",
    "predict": "one patient's estimate, with interval and explanation",
    "score": "estimates for every course of a cohort",
    "explain": "which inputs move a cohort's estimates, and how",
    "validate": "external validation of a finished model",
    "update": "recalibrate a model to a new cohort; writes a child bundle",
    "federate": "one model of several hospitals that may not share rows",
    "card": "the model card of a bundle",
    "export": "a model in another form, such as an offline calculator",
    "serve": "the models of a folder as an HTTP service",
    "sign": "vouch for a bundle with an Ed25519 key",
    "simulate": "write a synthetic cohort with a known truth",
    "features": "the dictionary: variables, lesions, units, ranges",
}
# Packages that come with an extra only; all others come with riskml itself.
_EXTRAS = {
    **dict.fromkeys(("fastapi", "uvicorn", "starlette", "pydantic", "prometheus_client"), "serve"),
    "cryptography": "sign",
    "mlflow": "mlflow",
    **dict.fromkeys(("dask", "distributed"), "dask"),
    "flwr": "federate",
}
_CLOSED_PIPE = 141  # what a shell reports for a process ended by SIGPIPE
_INTERRUPTED = 130


def build_parser(only: str | None = None) -> Parser:
    """The argument parser; with ``only``, just that command's options are built."""
    parser = Parser(
        prog="riskml",
        description="Honest risk estimates before blinatumomab in B-ALL.\nFor research; not a medical device.",
        epilog="Exit codes: 0 done, 2 usage, 3 data refused, 4 bundle refused, 5 not estimable.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser, prog="riskml")
    for name, summary in COMMANDS.items():
        if only is None or name == only:
            import_module(f"riskml.cli.{name}").add_parser(commands, summary)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    _never_fail_on_output()
    try:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv))
        finally:
            sys.stdout.flush()
    except RiskmlError as error:
        return _end(error.exit_code, str(error))
    except KeyboardInterrupt:
        return _end(
            _INTERRUPTED, "interrupted; results written before are whole, and a training goes on when it is repeated"
        )
    except ModuleNotFoundError as error:  # riskml alone predicts; the rest of it needs its dependencies
        return _end(UsageError.exit_code, _absent(error))
    except BrokenPipeError:  # the reader, such as `| head`, has gone
        _drop(sys.stdout)
        return _CLOSED_PIPE
    except OSError as error:  # a full disk, a folder without permission
        _drop(sys.stdout)
        place = "" if error.filename is None else f" {error.filename}"
        return _end(UsageError.exit_code, f"cannot read or write{place}: {error.strerror or error}")


def _run(arguments: list[str]) -> int:
    parser = build_parser(arguments[0] if arguments and arguments[0] in COMMANDS else None)
    options = parser.parse_args(arguments)
    if options.version:
        from riskml import __version__

        print(f"riskml {__version__}")
        return 0
    if options.command is None:
        parser.print_help(sys.stderr)
        return UsageError.exit_code
    return int(options.run(options))


def _absent(error: ModuleNotFoundError) -> str:
    """Which package is not there and how to get it; one of riskml's own modules would be a defect."""
    package = (error.name or "").partition(".")[0]
    if package in ("", "riskml"):
        raise error
    what = f"'.[{_EXTRAS[package]}]'" if package in _EXTRAS else "."
    return f"this command needs the package {package}, which is not here: in riskml's checkout run pip install {what}"


def _end(code: int, message: str) -> int:
    """Say why on standard error; that nobody may be listening there changes no exit code."""
    try:
        print(f"riskml: {message}", file=sys.stderr, flush=True)
    except OSError:
        _drop(sys.stderr)
    return code


def _drop(stream: TextIO) -> None:
    """Send the rest of a stream nowhere: Python would complain about it once more when it closes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _never_fail_on_output() -> None:
    """Neither a label such as a Greek mu under LANG=C nor a stream closed with ``>&-`` may end a command."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - lives as long as we do
        reconfigure = getattr(getattr(sys, name), "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


if __name__ == "__main__":
    raise SystemExit(main())
