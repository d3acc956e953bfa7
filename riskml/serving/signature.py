"""Signed bundles: a detached Ed25519 signature of the manifest's bytes, whose SHA-256 entries cover the other files.

The arithmetic is that of the package ``cryptography`` (extra ``sign``); Ed25519 is RFC 8032 (Josefsson and Liusvaara
2017). Key files are PEM as OpenSSL writes them (docs/signing.md).
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from riskml.errors import BundleError, UsageError
from riskml.runtime.bundle import open_bundle
from riskml.runtime.bundle_checks import MANIFEST, SIGNATURE
from riskml.runtime.files import whole_file, write_whole

LENGTH = 64
_REFUSED = (ValueError, TypeError, UnsupportedAlgorithm)


def signed_by(public_key: str | Path) -> Callable[[bytes, bytes | None], None]:
    """What ``open_bundle(..., verify=...)`` asks: whether the owner of a key vouches for a manifest.

    Parameters
    ----------
    public_key : str or Path
        PEM file with an Ed25519 public key; read once, now.

    Returns
    -------
    callable
        Takes the manifest's bytes and the signature's, or None for an unsigned bundle; raises ``BundleError``.

    Raises
    ------
    UsageError
        If there is no such key in the file.
    """
    content, what = _key_file(public_key)
    if b"PRIVATE KEY" in content:
        raise UsageError(
            f"{what} is a private key: give the public one (openssl pkey -pubout), and keep this one secret"
        )
    try:
        key = load_pem_public_key(content)
    except _REFUSED:
        raise UsageError(f"{what} is no public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{what} is {_algorithm(key)}: bundles are signed with Ed25519")

    def verify(manifest: bytes, signature: bytes | None) -> None:
        if signature is None:
            raise BundleError(f"the bundle is not signed ({SIGNATURE} is missing), and a signature is required")
        if len(signature) != LENGTH:
            raise BundleError(
                f"{SIGNATURE} is {len(signature):,} bytes, an Ed25519 signature is {LENGTH}: get it again"
            )
        try:
            key.verify(signature, manifest)
        except InvalidSignature:
            raise BundleError(
                f"{SIGNATURE} is not of this manifest by the owner of {what}: it was changed since, or somebody else "
                "signed it"
            ) from None

    return verify


def sign_bundle(bundle: str | Path, private_key: str | Path) -> Path:
    """Verify a bundle and put the signature into its folder or .zip, in the place of an earlier one.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    UsageError
        If the key cannot be used, or the bundle cannot be written.
    BundleError
        If the bundle would not open: nobody should vouch for it.
    """
    key = _private(private_key)
    manifests: list[bytes] = []
    open_bundle(bundle, verify=lambda manifest, _signature: manifests.append(manifest))
    signature = key.sign(manifests[0])
    place = Path(bundle)
    if place.is_file():
        return _into_zip(place, signature)
    home = place if (place / MANIFEST).is_file() else place / "bundle"
    return write_whole(home / SIGNATURE, signature)


def _private(path: str | Path) -> Ed25519PrivateKey:
    content, what = _key_file(path)
    if b"ENCRYPTED" in content:
        raise UsageError(f"{what} is encrypted: decrypt it for the time of signing (openssl pkey -in {what} -out ...)")
    try:
        key = load_pem_private_key(content, password=None)
    except _REFUSED:
        raise UsageError(f"{what} is no private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{what} is {_algorithm(key)}: bundles are signed with Ed25519")
    return key


def _key_file(path: str | Path) -> tuple[bytes, str]:
    try:
        with Path(path).open("rb") as file:
            return file.read(100_000), Path(path).name
    except OSError as error:
        raise UsageError(f"cannot read the key {str(path)!r}: {error.strerror}") from None


def _algorithm(key: Any) -> str:
    return (
        "a key of another algorithm (" + type(key).__name__.removesuffix("PublicKey").removesuffix("PrivateKey") + ")"
    )


def _into_zip(path: Path, signature: bytes) -> Path:
    """Write the archive anew, since an entry cannot be replaced in place."""
    with (
        whole_file(path) as partial,
        zipfile.ZipFile(path) as old,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        names = old.namelist()
        at = MANIFEST if MANIFEST in names else next(name for name in names if name.endswith(f"/{MANIFEST}"))
        inner = at.removesuffix(MANIFEST) + SIGNATURE
        for entry in old.infolist():
            if entry.filename != inner:
                with old.open(entry) as source, new.open(entry, "w") as target:
                    shutil.copyfileobj(source, target)
        new.writestr(inner, signature)
    return path
