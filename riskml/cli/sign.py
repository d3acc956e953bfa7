"""``riskml sign``: vouch for a bundle."""

from __future__ import annotations

import argparse
from typing import Any

from riskml.cli.options import add_bundle, add_command

_EXAMPLES = """example:
  openssl genpkey -algorithm ed25519 -out key.pem
  openssl pkey -in key.pem -pubout -out key.pub.pem
  riskml sign models/efs/bundle --key key.pem
  riskml predict models/efs/bundle patient.json --require-signature key.pub.pem
"""


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "sign", summary, _EXAMPLES)
    add_bundle(parser)
    parser.add_argument("--key", required=True, metavar="FILE", help="your Ed25519 private key (PEM); keep it secret")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Verify the bundle, sign it, and say where the signature is."""
    from riskml.serving.signature import sign_bundle  # loads OpenSSL

    print(sign_bundle(options.bundle, options.key))
    return 0
