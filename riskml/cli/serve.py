"""``riskml serve``: the models of a folder over HTTP. Loads the serving wing only when it is run."""

from __future__ import annotations

import argparse
import hashlib
import logging
import math
from pathlib import Path
from typing import Any

from riskml.cli.options import add_command, add_signature, opener
from riskml.errors import UsageError

_EXAMPLES = """examples:
  riskml serve models
  riskml serve models/efs/bundle --port 8080
  riskml serve out --api-key-file keys.txt --allow-host risk.example.org

then, elsewhere:
  curl -s http://127.0.0.1:8000/v1/models
  curl -s http://127.0.0.1:8000/v1/models/efs/predict \\
    -H 'Content-Type: application/json' -d '{"patient": {"mrd": "0.52 %"}}'

SIGHUP reads the bundles anew; SIGTERM finishes what is in work and ends.
"""
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_SHORTEST_KEY = 16


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "serve", summary, _EXAMPLES)
    parser.add_argument("folder", metavar="DIR", help="a bundle, or a folder with bundles one or two levels down")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0 picks one (default: 8000)")
    parser.add_argument(
        "--api-key-file", metavar="FILE", help="ask every request for one of the keys in this file, one a line"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="answer under this host name, too (repeatable; on this machine only its own names are answered)",
    )
    parser.add_argument(
        "--rate", type=_number, default=100.0, metavar="N", help="requests a second a client; 0: any (default: 100)"
    )
    parser.add_argument(
        "--reload-every", type=_number, default=0.0, metavar="SECONDS", help="read the bundles anew that often"
    )
    add_signature(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Open the models, listen, and serve until told to end."""
    from riskml.serving.app import build_app, log_refused
    from riskml.serving.logs import log, send_logs_to
    from riskml.serving.models import Models
    from riskml.serving.server import is_loopback, listen, serve, url
    from riskml.serving.settings import Settings

    models = Models(options.folder, opener(options))
    settings = Settings(
        rate=options.rate,
        key_digests=read_keys(options.api_key_file) if options.api_key_file else (),
        hosts=_hosts(options, local=is_loopback(options.host)),
    )
    app = build_app(models, settings, reload_every=options.reload_every)
    with listen(options.host, options.port) as listening:
        send_logs_to()
        log("serving", url=url(listening), models=list(models.names), keys=len(settings.key_digests))
        log_refused(models)
        if not is_loopback(options.host) and not settings.key_digests:
            log("open_to_the_network", logging.WARNING, remedy="give --api-key-file, or leave --host out")
        serve(app, listening)
    return 0


def read_keys(path: str) -> tuple[bytes, ...]:
    """SHA-256 of each API key of a file; the keys themselves are not kept.

    Raises
    ------
    UsageError
        If the file cannot be read, or a key is short or not printable ASCII; the message never holds a key.
    """
    try:
        lines = Path(path).read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise UsageError(f"cannot read the API keys {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: API keys must be printable ASCII") from None
    keys = {number: line.strip() for number, line in enumerate(lines, start=1) if line.strip()}
    for number, key in keys.items():
        if len(key) < _SHORTEST_KEY or not key.isprintable() or " " in key:
            raise UsageError(f"{path}, line {number}: an API key has {_SHORTEST_KEY} or more characters and no blanks")
    if not keys:
        raise UsageError(f"{path} holds no API key")
    return tuple(hashlib.sha256(key.encode("ascii")).digest() for key in keys.values())


def _hosts(options: argparse.Namespace, *, local: bool) -> tuple[str, ...]:
    """Names to answer under: on this machine its own, so that no page of the web can ask through a browser here."""
    given = tuple(name.casefold().rstrip(".") for name in options.allow_host)
    own = f"[{options.host}]" if ":" in options.host else options.host.casefold()
    return (*_LOOPBACK, own, *given) if local else given


def _number(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and number >= 0):
        raise argparse.ArgumentTypeError("must be a number, 0 or more")
    return number


_number.__name__ = "number"  # argparse puts it after "invalid"
