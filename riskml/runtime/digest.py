"""SHA-256 as the interpreter itself brings it: ``hashlib`` loads OpenSSL first, a fifth of Python's own start."""

from __future__ import annotations

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _sha256 import sha256  # Python 3.11
    except ImportError:
        try:
            from _sha2 import sha256  # from 3.12 on
        except ImportError:  # an interpreter that was built without it
            from hashlib import sha256


def digest_of(content: bytes) -> str:
    """The digest as 64 hexadecimal digits (FIPS 180-4)."""
    return sha256(content).hexdigest()
