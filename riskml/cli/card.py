"""``riskml card``: the model card of a bundle."""

from __future__ import annotations

import argparse
from typing import Any

from riskml.cli.options import add_bundle, add_command
from riskml.runtime.bundle import open_bundle


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "card", summary, "example:\n  riskml card models/efs/bundle")
    add_bundle(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the card."""
    print(open_bundle(options.bundle).card, end="")
    return 0
