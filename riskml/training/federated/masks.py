r"""Masks that cancel in the total: the coordinator adds up what no hospital's file alone lets it read.

The hospitals share a secret that the coordinator never has. Hospital k of n, in the order of their names, adds to each
number the mask :math:`m_k - m_{k+1}` (and the last :math:`m_n - m_1`), where the m come from the secret, the ask and k
through SHAKE-256. A masked number alone is uniform over the whole range, whatever it hides; in the sum over all
hospitals the masks are gone. Numbers are whole multiples of 2^-80 modulo 2^192, so that the sum is exact.

This hides a hospital from a coordinator who keeps to the protocol; a coordinator who has the secret, from a hospital in
league with it, reads everything (docs/federated.md). Two answers of one hospital to one ask have the same mask: that
they are one and the same answer is the business of `riskml.training.federated.answered`.

References
----------
Bonawitz K et al. Practical secure aggregation for privacy-preserving machine learning. Proc ACM CCS 2017:1175-1191
(masks that cancel in pairs; here in a ring, with one secret for all and without drop-outs).
FIPS 202. SHA-3 standard: permutation-based hash and extendable-output functions. NIST 2015.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from riskml.errors import DataError, Fault, UsageError
from riskml.training.federated.plan import canonical

SCHEMA = "riskml.federated-secret/1"
FRACTION_BITS, WORD_BITS = 80, 192
# Half of the bits above the point: a total over many hospitals stays within the range, too.
LARGEST = 2.0 ** ((WORD_BITS - FRACTION_BITS) // 2)
_WORD_BYTES, _MODULUS = WORD_BITS // 8, 1 << WORD_BITS
_HEX = re.compile(rf"[0-9a-f]{{{WORD_BITS // 4}}}")
_SECRET_BYTES = 32


def new_secret() -> dict[str, str]:
    """A secret for one study, from the operating system's random numbers."""
    return {"schema": SCHEMA, "secret": secrets.token_hex(_SECRET_BYTES)}


def secret_bytes(content: Any) -> bytes:
    """The secret of a file's content; ``UsageError`` where it is none. The message does not hold it."""
    text = content.get("secret") if isinstance(content, dict) and content.get("schema") == SCHEMA else None
    if not isinstance(text, str) or not re.fullmatch(rf"[0-9a-f]{{{2 * _SECRET_BYTES}}}", text):
        raise UsageError("this is no secret of a federated study: make one with riskml federate secret")
    return bytes.fromhex(text)


def check_of(secret: bytes, plan_digest: str) -> str:
    """What tells whether two hospitals have the same secret, and nothing else about it."""
    return hashlib.shake_256(canonical(["check", plan_digest]) + secret).hexdigest(8)


def masked(sums: Mapping[str, Sequence[float]], secret: bytes, ask_digest: str, place: int, n: int) -> dict[str, Any]:
    """The sums of hospital ``place`` of ``n``, each number a word of 48 hexadecimal digits.

    Raises
    ------
    DataError
        If a number is not finite, or too large to be masked.
    """
    total = sum(map(len, sums.values()))
    here, there = (_stream(secret, ask_digest, k % n, total) for k in (place, place + 1))
    words = iter([(a - b) % _MODULUS for a, b in zip(here, there, strict=True)])
    hidden: dict[str, Any] = {}
    for name, values in sums.items():
        hidden[name] = [f"{(_fixed(value) + next(words)) % _MODULUS:0{_WORD_BYTES * 2}x}" for value in values]
    return hidden


def unmasked(parts: Sequence[Mapping[str, Sequence[str]]]) -> dict[str, list[float]]:
    """The totals of the masked sums of all hospitals."""
    totals: dict[str, list[float]] = {}
    for name in parts[0]:
        words = (sum(int(word, 16) for word in column) for column in zip(*(part[name] for part in parts), strict=True))
        totals[name] = [_signed(word % _MODULUS) / (1 << FRACTION_BITS) for word in words]
    return totals


def is_word(value: Any) -> bool:
    """Whether a value of a file is a masked number."""
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _stream(secret: bytes, ask_digest: str, place: int, n: int) -> list[int]:
    raw = hashlib.shake_256(canonical(["mask", ask_digest, place]) + secret).digest(n * _WORD_BYTES)
    return [int.from_bytes(raw[k : k + _WORD_BYTES], "big") for k in range(0, len(raw), _WORD_BYTES)]


def _fixed(value: float) -> int:
    if not math.isfinite(value) or abs(value) >= LARGEST:
        raise DataError(
            "the sums cannot be masked",
            [Fault(None, None, "every sum must be finite and below 2^56", f"{value:g}", "look for a wrong unit")],
        )
    mantissa, exponent = math.frexp(value)
    scaled = int(math.ldexp(mantissa, 53))  # exact: a double has 53 bits
    shift = exponent - 53 + FRACTION_BITS
    return scaled << shift if shift >= 0 else scaled >> -shift


def _signed(word: int) -> int:
    return word - _MODULUS if word >= _MODULUS // 2 else word
