"""The digest is SHA-256, by the standard's own examples and by hashlib."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.runtime.digest import digest_of


@pytest.mark.parametrize(
    ("content", "digest"),
    [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ],
)
def test_the_standard_s_examples(content, digest):
    assert digest_of(content) == digest


@given(st.binary(max_size=500))
def test_it_is_hashlib_s(content):
    assert digest_of(content) == hashlib.sha256(content).hexdigest()


def test_an_interpreter_without_its_own_takes_hashlib_s():
    """Both modules are hidden, as where they were not built."""
    code = (
        "import sys; sys.modules['_sha256'] = sys.modules['_sha2'] = None\n"
        "from riskml.runtime.digest import digest_of\n"
        "assert 'hashlib' in sys.modules; print(digest_of(b'abc')[:8])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "ba7816bf"
