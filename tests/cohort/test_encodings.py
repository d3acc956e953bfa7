"""Encodings: certain ones are read, uncertain ones are asked about, never guessed."""

from __future__ import annotations

import codecs
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.encodings import ENCODINGS, decode
from riskml.cohort.raw_table import Source
from riskml.errors import DataError, UsageError

TEXT = "编号,年龄\nä1,6\n"


def of(content, encoding=None):
    return decode(Source(content, "cohort.csv", ".csv"), encoding)


def refusal(content, encoding=None) -> str:
    with pytest.raises(DataError) as refused:
        of(content, encoding)
    return str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        ("\ufeff" + TEXT).encode("gb18030"),
    ],
    ids=["utf-8", "utf-8 with mark", "utf-16 le", "utf-16 be", "gb18030 with mark"],
)
def test_what_is_certain_is_read(content):
    assert of(content) == TEXT


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "gb18030"])
def test_what_was_asked_for_is_read(encoding):
    assert of(TEXT.encode(encoding), encoding) == TEXT


def test_latin_1_only_if_asked_for():
    content = "größe,µl\n1,2\n".encode("latin-1")
    message = refusal(content)
    assert "row 1: the file must be UTF-8 text; got 'byte 0xf6'" in message
    assert "say which it is with --encoding: " in message
    assert "windows-1252" in message
    assert of(content, "latin-1") == of(content, "windows-1252") == "größe,µl\n1,2\n"


def test_chinese_names_gb18030_first():
    content = "编号,年龄\n一,6\n".encode("gb18030")
    assert "--encoding: gb18030 or windows-1252" in refusal(content)
    assert of(content, "gb18030") == "编号,年龄\n一,6\n"


@pytest.mark.parametrize(
    ("content", "encoding", "says"),
    [
        (TEXT.encode("utf-32"), None, "text in UTF-32"),
        (TEXT.encode("utf-16-le"), None, "say --encoding utf-16-le"),
        (b"a,\0b", None, "a binary file"),
        ("a\0".encode("utf-16"), None, "NUL"),
        (b"\xff\xfea", None, "not text in utf-16"),
        ("ä".encode("latin-1"), "utf-8", "it is not text in utf-8"),
        (b"\x81\x20", "gb18030", "row 1: the file must be gb18030 text"),
    ],
)
def test_refusals(content, encoding, says):
    assert says in refusal(content, encoding)


def test_unknown_encodings_are_a_usage_error():
    with pytest.raises(UsageError, match="the encoding must be one of utf-8, utf-16"):
        of(b"a", "rot13")


@given(st.binary(max_size=60), st.sampled_from([None, *ENCODINGS]))
def test_any_bytes_are_text_or_refused(content, encoding):
    with contextlib.suppress(DataError):
        assert "\0" not in of(content, encoding)
