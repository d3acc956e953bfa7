"""Who vouches for a bundle: keys and signatures of OpenSSL's making, and every way in which they can be wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from riskml.errors import BundleError, UsageError
from riskml.runtime.bundle import open_bundle
from riskml.serving.signature import sign_bundle, signed_by
from tests.cli.processes import refused
from tests.runtime.models import shipped_bundle

FILES = ("manifest.json", "model.json", "golden.json", "CARD.md", "explanation.json")


def write_key(folder, name, key, encryption=None):
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.pem").write_bytes(private)
    (folder / f"{name}.pub.pem").write_bytes(public)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    home = tmp_path_factory.mktemp("keys")
    write_key(home, "mine", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    write_key(home, "other", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    write_key(home, "curve", generate_private_key(SECP256R1()))
    write_key(home, "locked", Ed25519PrivateKey.from_private_bytes(bytes(32)), BestAvailableEncryption(b"secret"))
    return home


@pytest.fixture
def signed(keys, tmp_path):
    path = shipped_bundle("non_response").save(tmp_path / "bundle")
    assert sign_bundle(path, keys / "mine.pem") == path / "manifest.sig"
    return path


def zipped(folder, target, prefix=""):
    with zipfile.ZipFile(target, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, prefix + file.name)
    return target


def test_a_signed_bundle_opens_and_says_what_it_says_unsigned(keys, signed):
    opened = open_bundle(signed, verify=signed_by(keys / "mine.pub.pem"))
    assert opened == shipped_bundle("non_response")
    assert open_bundle(signed) == opened, "who asks for no signature needs no key"
    assert len((signed / "manifest.sig").read_bytes()) == 64


@pytest.mark.parametrize("prefix", ["", "bundle/"])
def test_a_zip_is_signed_in_place_and_again(keys, tmp_path, prefix):
    folder = shipped_bundle("icans").save(tmp_path / "bundle")
    archive = zipped(folder, tmp_path / "b.zip", prefix)
    with pytest.raises(BundleError, match="not signed"):
        open_bundle(archive, verify=signed_by(keys / "mine.pub.pem"))
    for name in ("other", "mine"):
        assert sign_bundle(archive, keys / f"{name}.pem") == archive
        assert open_bundle(archive, verify=signed_by(keys / f"{name}.pub.pem")).digest == shipped_bundle("icans").digest
    with zipfile.ZipFile(archive) as held:
        assert sorted(held.namelist()) == sorted(prefix + name for name in (*FILES, "manifest.sig"))
    with pytest.raises(BundleError, match="somebody else signed it"):
        open_bundle(archive, verify=signed_by(keys / "other.pub.pem"))


def test_a_folder_that_holds_the_bundle_is_signed_inside(keys, signed):
    (signed / "manifest.sig").unlink()
    assert sign_bundle(signed.parent, keys / "mine.pem") == signed / "manifest.sig"


@pytest.mark.parametrize("name", FILES)
def test_any_changed_byte_of_any_file_is_refused(keys, signed, name):
    content = bytearray((signed / name).read_bytes())
    content[len(content) // 2] ^= 1
    (signed / name).write_bytes(content)
    with pytest.raises(BundleError):
        open_bundle(signed, verify=signed_by(keys / "mine.pub.pem"))


def test_a_bundle_that_was_changed_and_sealed_anew_is_whole_but_not_signed(keys, signed, tmp_path):
    from tests.runtime.models import read_bundle, reseal

    contents = read_bundle(signed)
    contents["manifest.json"]["intended_use"] = "for every patient"
    (signed / "explanation.json").unlink()
    contents["manifest.json"].pop("files")
    reseal(signed, contents)
    assert open_bundle(signed).manifest["intended_use"] == "for every patient"
    with pytest.raises(BundleError, match="not of this manifest"):
        open_bundle(signed, verify=signed_by(keys / "mine.pub.pem"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda path: path.unlink(), "the bundle is not signed"),
        (lambda path: path.write_bytes(path.read_bytes()[:63]), "is 63 bytes, an Ed25519 signature is 64"),
        (lambda path: path.write_bytes(b""), "is 0 bytes"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\n"), "is 65 bytes"),
        (lambda path: path.write_bytes(bytes(64)), "not of this manifest by the owner of mine.pub.pem"),
    ],
)
def test_a_missing_short_long_or_wrong_signature_is_refused_in_words(keys, signed, change, why):
    change(signed / "manifest.sig")
    with pytest.raises(BundleError, match=why):
        open_bundle(signed, verify=signed_by(keys / "mine.pub.pem"))


def test_a_signature_of_another_bundle_does_not_do(keys, signed, tmp_path):
    other = shipped_bundle("icans").save(tmp_path / "icans")
    sign_bundle(other, keys / "mine.pem")
    shutil.copy(other / "manifest.sig", signed / "manifest.sig")
    with pytest.raises(BundleError, match="not of this manifest"):
        open_bundle(signed, verify=signed_by(keys / "mine.pub.pem"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("curve.pub.pem", "another algorithm"),
        ("mine.pem", "is a private key: give the public one"),
        ("nothing.pem", "cannot read the key"),
        ("text.pem", "is no public key in PEM"),
    ],
)
def test_what_is_no_ed25519_public_key_is_refused(keys, name, why):
    (keys / "text.pem").write_text("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n", encoding="utf-8")
    with pytest.raises(UsageError, match=why):
        signed_by(keys / name)


@pytest.mark.parametrize(
    ("name", "why"),
    [("curve.pem", "another algorithm"), ("locked.pem", "is encrypted"), ("mine.pub.pem", "no private")],
)
def test_what_is_no_ed25519_private_key_signs_nothing(keys, signed, name, why):
    before = (signed / "manifest.sig").read_bytes()
    with pytest.raises(UsageError, match=why):
        sign_bundle(signed, keys / name)
    assert (signed / "manifest.sig").read_bytes() == before


def test_nobody_vouches_for_a_damaged_bundle(keys, signed):
    (signed / "manifest.sig").unlink()
    (signed / "CARD.md").write_text("another card", encoding="utf-8")
    with pytest.raises(BundleError, match="CARD"):
        sign_bundle(signed, keys / "mine.pem")
    assert not (signed / "manifest.sig").exists()


def test_saving_over_a_signed_bundle_leaves_no_old_signature(signed):
    shipped_bundle("icans").save(signed)
    assert not (signed / "manifest.sig").exists()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_makes_the_keys_and_agrees_on_the_signature(tmp_path):
    bundle = shipped_bundle("icans").save(tmp_path / "bundle")

    def openssl(*words):
        done = subprocess.run(["openssl", *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    openssl("genpkey", "-algorithm", "ed25519", "-out", "key.pem")
    openssl("pkey", "-in", "key.pem", "-pubout", "-out", "key.pub.pem")
    sign_bundle(bundle, tmp_path / "key.pem")
    names = ["-rawin", "-in", "bundle/manifest.json"]
    openssl("pkeyutl", "-verify", "-pubin", "-inkey", "key.pub.pem", *names, "-sigfile", "bundle/manifest.sig")
    (bundle / "manifest.sig").unlink()
    openssl("pkeyutl", "-sign", "-inkey", "key.pem", *names, "-out", "bundle/manifest.sig")
    open_bundle(bundle, verify=signed_by(tmp_path / "key.pub.pem"))


def test_the_commands_sign_and_ask_for_a_signature(riskml, keys, signed, tmp_path):
    (tmp_path / "p.json").write_text(json.dumps({"mrd": "1 %"}), encoding="utf-8")
    (tmp_path / "c.csv").write_text("mrd,cd3\n1 %,1\n", encoding="utf-8")
    required = ("--require-signature", keys / "mine.pub.pem")
    (signed / "manifest.sig").unlink()
    for words in (("predict", signed, "p.json"), ("score", signed, "c.csv", "--out", "s.csv")):
        refused(riskml(*words, *required), 4, "the bundle is not signed")
    refused(riskml("serve", tmp_path, *required), 4, "not signed")
    done = riskml("sign", signed, "--key", keys / "mine.pem")
    assert (done.returncode, done.stdout) == (0, f"{signed / 'manifest.sig'}\n")
    for words in (("predict", signed, "p.json"), ("score", signed, "c.csv", "--out", "s.csv")):
        assert riskml(*words, *required).returncode == 0
    refused(
        riskml("predict", signed, "p.json", "--require-signature", keys / "other.pub.pem"), 4, "somebody else signed"
    )
    refused(riskml("sign", signed, "--key", keys / "curve.pem"), 2, "another algorithm")
