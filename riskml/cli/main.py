"""The command ``riskml``: runs one command and turns every refusal into a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from riskml.cli.options import Parser
from riskml.errors import RiskmlError

# In the order of the walk, with what `riskml --help` says. A command's module is imported only when it is asked for.
COMMANDS = {
    "demo": "the whole main job on the embedded synthetic cohort",
    "check": "read and validate a cohort file; every fault at once",
    "train": "evaluate honestly, train, and write bundles with a report",
    "predict": "one patient's estimate, with interval and explanation",
    "score": "estimates for every course of a cohort",
    "card": "the model card of a bundle",
    "simulate": "write a synthetic cohort with a known truth",
    "features": "the dictionary: variables, lesions, units, ranges",
}
_CLOSED_PIPE = 141  # what a shell reports for a process ended by SIGPIPE
_INTERRUPTED = 130


def build_parser(only: str | None = None) -> Parser:
    """The argument parser; with ``only``, just that command's options are built."""
    parser = Parser(
        prog="riskml",
        description="Honest risk estimates before blinatumomab in B-ALL. For research; not a medical device.",
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
    arguments = list(sys.argv[1:] if argv is None else argv)
    _never_fail_on_output()
    parser = build_parser(arguments[0] if arguments and arguments[0] in COMMANDS else None)
    try:
        options = parser.parse_args(arguments)
        if options.version:
            from riskml import __version__

            print(f"riskml {__version__}")
            return 0
        if options.command is None:
            parser.print_help()
            return 2
        code = int(options.run(options))
        sys.stdout.flush()
    except RiskmlError as error:
        print(f"riskml: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader (such as `| head`) has gone; Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CLOSED_PIPE
    except KeyboardInterrupt:
        print("riskml: interrupted; results written before are whole", file=sys.stderr)
        return _INTERRUPTED
    return code


def _never_fail_on_output() -> None:
    """Under LANG=C a label such as a Greek mu must not end a command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


if __name__ == "__main__":
    raise SystemExit(main())
