"""``riskml sign``: its help; what it does is in tests/serving/test_signature.py."""

from __future__ import annotations

from tests.cli.processes import BUNDLES, refused


def test_a_key_is_asked_for(riskml):
    done = riskml("sign", BUNDLES["efs"])
    assert done.returncode == 2
    assert "--key" in done.stderr


def test_a_key_that_is_not_there_signs_nothing(riskml):
    refused(riskml("sign", BUNDLES["efs"], "--key", "nothing.pem"), 2, "cannot read the key 'nothing.pem'")
    assert not (BUNDLES["efs"] / "manifest.sig").exists()
