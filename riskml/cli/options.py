"""What every command's options share: one-line errors with exit code 2, and help that fits 80 columns."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Sequence

from riskml.errors import UsageError

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, NoReturn

    from riskml.runtime.bundle import Bundle

WIDTH = 80
# From so much alike on (difflib's ratio) a word was probably meant to be another.
_ALIKE = 0.7


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help of a fixed width: asking the terminal for its own imports ``shutil`` at every start."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=WIDTH - 2)


class Parser(argparse.ArgumentParser):
    """argparse with one-line errors, and no guessing of options from their first letters."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": Formatter, "allow_abbrev": False, **settings})

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how to find out more, and end with exit code 2."""
        self.exit(2, f"riskml: {message}{self._meant(message)}\nTry '{self.prog} --help'.\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse here what is not known: the parser above would name itself in the place of the command."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def _meant(self, message: str) -> str:
        """What a mistyped word was probably meant to be, and how a value with a blank is written."""
        import difflib  # only needed where something is already wrong

        mistyped = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        unknown = message.removeprefix("unrecognized arguments: ").split()[0]
        if mistyped is not None:
            near = difflib.get_close_matches(mistyped[1], re.findall(r"[\w-]+", mistyped[2]), n=1, cutoff=_ALIKE)
        elif unknown.startswith("-"):
            near = difflib.get_close_matches(unknown.partition("=")[0], self._option_string_actions, n=1, cutoff=_ALIKE)
        elif message.startswith("unrecognized arguments"):
            return " (a value with a blank goes into quotes, as in --set mrd='0.01 %')"
        else:
            return ""
        return f" (did you mean {near[0]}?)" if near else ""


def add_command(commands: Any, name: str, summary: str, examples: str) -> Parser:
    """A command's own parser, with its examples under the options."""
    parser = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", epilog=examples)
    assert isinstance(parser, Parser)
    return parser


def add_jobs(parser: Parser, default: int) -> None:
    """The option of every command that can use more than one processor."""
    what = f"worker processes, -1 for one a processor; results do not depend on it (default: {default})"
    parser.add_argument("--jobs", type=_workers, default=default, metavar="N", help=what)


def add_scheduler(parser: Parser, what: str) -> None:
    """The option of every command that can run on a Dask cluster."""
    told = f"address of a Dask scheduler, tcp://HOST:PORT: {what} (extra dask)"
    parser.add_argument("--scheduler", metavar="ADDRESS", help=told)


def _workers(text: str) -> int:
    number = int(text)
    if number == 0:
        raise argparse.ArgumentTypeError("0 workers can do nothing: give 1 or more")
    return number


_workers.__name__ = "number of workers"  # argparse puts it after "invalid"


def check_times(at: Sequence[float] | None, kind: str) -> None:
    """Refuse ``--at`` for a model that has no time."""
    if at and kind == "binary":
        raise UsageError("--at is for survival models; this one gives a single probability")


PICTURES = (".svg", ".png")


def check_picture(path: str) -> None:
    """Refuse to draw into a file of any other kind."""
    if not path.casefold().endswith(PICTURES):
        raise UsageError(f"--plot draws a file that ends in {' or '.join(PICTURES)}, got {path!r}")


def add_bundle(parser: Parser) -> None:
    """The model of every command that asks one."""
    parser.add_argument("bundle", help="a bundle folder, or a .zip of one")


def add_signature(parser: Parser) -> None:
    """Whose word a command takes for its bundles; :func:`opener` heeds it."""
    what = "refuse a bundle that the owner of this Ed25519 key (PEM) has not signed"
    parser.add_argument("--require-signature", metavar="PUBLICKEY", help=what)


def opener(options: argparse.Namespace) -> Callable[[str | Path], Bundle]:
    """How a command opens bundles: with the signature that was asked for, or without."""
    from riskml.runtime.bundle import open_bundle

    if options.require_signature is None:
        return open_bundle
    from functools import partial

    from riskml.serving.signature import signed_by  # loads OpenSSL

    return partial(open_bundle, verify=signed_by(options.require_signature))


def add_models(parser: Parser) -> None:
    """The cohort and the recipes of every command that fits some."""
    add_cohort(parser)
    parser.add_argument(
        "--model", nargs="+", required=True, action="extend", metavar="NAME|FILE", help="recipes, by name or file"
    )


def add_seed(parser: Parser, what: str) -> None:
    """The option of every command that draws anything; a seed below 0 is refused."""
    parser.add_argument("--seed", type=_seed, default=0, metavar="S", help=f"seed of {what}")


def _seed(text: str) -> int:
    number = int(text)
    if number < 0:
        raise UsageError(f"--seed must be 0 or more, got {number}")
    return number


_seed.__name__ = "seed"


def positive(text: str) -> float:
    """Type of an option that takes a finite number above 0; argparse names the option."""
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text}")
    return number


positive.__name__ = "number"  # argparse puts it after "invalid"


def add_force_horizon(parser: Parser) -> None:
    """The option of every command that judges survival at some month."""
    what = "judge survival also where more than a tenth of patients were not followed that long"
    parser.add_argument("--force-horizon", action="store_true", help=what)


def add_cohort(parser: Parser, remark: str = "") -> None:
    """The file of every command that reads a cohort."""
    parser.add_argument("cohort", help=f"csv, tsv, xlsx or parquet, one row a course{remark}")
    add_columns(parser)


def add_columns(parser: Parser) -> None:
    """How a cohort's file is to be read."""
    parser.add_argument(
        "--columns", metavar="MAP.toml", help="maps foreign column names, units and codes onto the dictionary"
    )
    parser.add_argument("--sheet", metavar="NAME", help="sheet of a workbook (default: the first)")
    parser.add_argument("--encoding", metavar="NAME", help="of a text file that is not Unicode, e.g. gb18030")


def reading(options: argparse.Namespace) -> dict[str, Any]:
    """How the file is to be read, as ``read_cohort`` and ``read_table`` take it."""
    return {"sheet": options.sheet, "encoding": options.encoding}


def add_pdf(parser: Parser, page: str) -> None:
    """The option of every command that writes a page."""
    parser.add_argument("--pdf", action="store_true", help=f"also print {page} as a PDF (extra pdf)")


def check_pdf(options: argparse.Namespace) -> None:
    """Refuse ``--pdf`` before the work where nothing here can print."""
    if options.pdf:
        from riskml.reporting.pdf import check_printer

        check_printer()


def print_page(options: argparse.Namespace, page: Path) -> None:
    """Write the PDF beside a page, where it was asked for."""
    if options.pdf:
        from riskml.reporting.pdf import write_pdf

        write_pdf(page, page.with_suffix(".pdf"))


def named(path: str) -> str:
    """A path as a page that leaves the machine may show it: without folders, but for the one that names a bundle."""
    *folders, name = path.replace("\\", "/").rstrip("/").split("/")
    return f"{folders[-1]}/{name}" if name == "bundle" and folders and folders[-1] else name
