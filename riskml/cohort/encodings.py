"""Bytes -> text: decoded where the encoding is certain, otherwise refused with the candidates named."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from riskml.cohort.raw_table import Source
from riskml.errors import Fault, UsageError

ENCODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "windows-1252", "latin-1")
SAVE_AS = "save the table as 'CSV UTF-8 (comma delimited)' and give that file"
# Longest first: the mark of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: None,
    codecs.BOM_UTF32_BE: None,
    codecs.BOM_UTF8: "utf-8-sig",
    b"\x84\x31\x95\x33": "gb18030",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CJK = (("\u2e80", "\u9fff"), ("\uf900", "\ufaff"), ("\uff00", "\uffef"))
_PLAUSIBLE = 0.9  # share of Chinese characters and signs among what is not ASCII


def decode(source: Source, encoding: str | None = None) -> str:
    """The text of a file.

    A byte order mark decides; without one, valid UTF-8 is UTF-8. Anything else could be several things (every byte is a
    letter in Latin-1), so it is read only in the encoding that was asked for.

    Parameters
    ----------
    source : Source
        The file.
    encoding : str, optional
        One of ``ENCODINGS``.

    Raises
    ------
    UsageError
        If ``encoding`` is none of those.
    DataError
        If the bytes are not text in the encoding, or not certainly in any.
    """
    if encoding is not None and encoding not in ENCODINGS:
        raise UsageError(f"the encoding must be one of {', '.join(ENCODINGS)}, got {encoding!r}")
    marked, known = next(
        ((True, codec) for mark, codec in _MARKS.items() if source.content.startswith(mark)), (False, None)
    )
    if marked and known is None:
        fault = Fault(None, None, "the file must be text", "text in UTF-32", SAVE_AS)
        raise source.refuse("it is text in UTF-32, not a CSV file", fault)
    codec = known or encoding or "utf-8"
    if b"\0" in source.content and not codec.startswith("utf-16"):
        remedy = f"{SAVE_AS}; if it is UTF-16 without a mark, say --encoding utf-16-le"
        fault = Fault(None, None, "the file must be text", "a binary file", remedy)
        raise source.refuse("it is a binary file, not a CSV file", fault)
    try:
        text = source.content.decode(codec)
    except UnicodeDecodeError as error:
        raise _undecodable(source, codec, encoding, error) from None
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        fault = Fault(None, None, "the file must hold no NUL characters", None, SAVE_AS)
        raise source.refuse("it is a binary file, not a CSV file", fault)
    return text


def _undecodable(source: Source, codec: str, asked: str | None, error: UnicodeDecodeError) -> Exception:
    row = source.content.count(b"\n", 0, error.start) + 1
    byte = f"byte 0x{source.content[error.start]:02x}"
    if asked or codec != "utf-8":
        fault = Fault(row, None, f"the file must be {codec} text", byte, "give another --encoding")
        return source.refuse(f"it is not text in {codec}", fault)
    candidates = " or ".join(_candidates(source.content))
    remedy = f"{SAVE_AS}, or say which it is with --encoding: {candidates}"
    return source.refuse("it is not UTF-8 text", Fault(row, None, "the file must be UTF-8 text", byte, remedy))


def _candidates(content: bytes) -> Iterator[str]:
    """Encodings in which the file makes sense, the likeliest first; Latin-1 reads anything and so comes last."""
    try:
        foreign = [char for char in content.decode("gb18030") if not char.isascii()]
        chinese = sum(any(low <= char <= high for low, high in _CJK) for char in foreign)
        if chinese >= _PLAUSIBLE * len(foreign):
            yield "gb18030"
    except UnicodeDecodeError:
        pass
    try:
        content.decode("windows-1252")
    except UnicodeDecodeError:
        yield "latin-1"
    else:
        yield "windows-1252"
