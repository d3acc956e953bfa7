"""One patient as a door hands it over: strict JSON, one row of CSV, or NAME=VALUE pairs -> raw values by name."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable

from riskml.errors import DataError, Fault, UsageError

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from riskml.runtime.dictionary import Dictionary

# A patient is a few dozen numbers; anything larger is a mistake and is refused before it is parsed.
MAX_BYTES = 1_000_000
MAX_DEPTH = 100
_FLAT = "give one flat JSON object"
_MANY = "give one patient as one JSON object; for a table there is riskml score"


def patient_from_json(text: str | bytes) -> dict[str, Any]:
    """Parse a patient's JSON object without the leniency of ``json.loads``.

    Raises
    ------
    DataError
        As :func:`strict_json`, and for anything but an object.
    """
    patient = strict_json(text, MAX_BYTES)
    if not isinstance(patient, dict):
        remedy = _MANY if isinstance(patient, list) else "write {'age': '6 a', ...}"
        raise _refused(None, "must be one JSON object of names and values", _start(patient), remedy)
    return patient


def _start(value: Any) -> str:
    """How a value begins; a deep one can be read and yet be too deep to be written."""
    try:
        return json.dumps(value)[:40]
    except RecursionError:
        return "[" * 40


def strict_json(text: str | bytes, max_bytes: int) -> Any:
    """Any JSON value, read without the leniency of ``json.loads``.

    Raises
    ------
    DataError
        For text that is too long, not UTF-8 or not JSON; for NaN and infinities, numbers beyond a double, and a key
        that stands twice.
    """
    if len(text) > max_bytes:
        raise _refused(None, f"must be at most {max_bytes / 1e6:g} MB", f"{len(text):,} bytes", _MANY)
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
        if _is_deep(decoded):  # Python's own limit differs from version to version
            raise _refused(None, "must not be nested so deeply", None, _FLAT)
        return json.loads(decoded, object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_finite)
    except UnicodeDecodeError:
        raise _refused(None, "must be UTF-8 text", None, "save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            raise _refused(None, "must be JSON with one object", "more behind it", _MANY) from None
        place = f"line {error.lineno}, column {error.colno}: {error.msg}"
        remedy = f"mend {place}" if decoded.strip() else "it is empty: write {'age': '6 a', ...}"
        raise _refused(None, "must be JSON", None, remedy) from None
    except RecursionError:
        raise _refused(None, "must not be nested so deeply", None, _FLAT) from None
    except ValueError:  # int() refuses numbers of thousands of digits
        raise _refused(None, "must hold numbers of a sensible length", None, "shorten the number") from None


def _is_deep(text: str) -> bool:
    """Whether brackets outside strings are nested deeper than ``MAX_DEPTH``."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    import re  # few patients need it

    depth = 0
    for found in re.finditer(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', text):
        mark = found[0]
        depth += (mark in "[{") - (mark in "]}")
        if depth > MAX_DEPTH:
            return True
    return False


def patient_from_csv(text: str) -> dict[str, Any]:
    """The single data row of a CSV text, by its header.

    Raises
    ------
    DataError
        If there is not exactly one data row, or the row and the header differ in length.
    """
    import csv  # only this door needs it

    if len(text) > MAX_BYTES:
        raise _refused(None, "must be at most 1 MB", f"{len(text):,} characters", "give one header and one row")
    try:
        rows = [row for row in csv.reader(text.removeprefix("\ufeff").splitlines(), strict=True) if row]
    except csv.Error as error:
        raise _refused(None, "must be CSV", None, f"mend it: {error}") from None
    if len(rows) != 2 or len(rows[0]) != len(rows[1]):
        found = f"{max(len(rows) - 1, 0)} rows below the header" if len(rows) != 2 else "rows of different length"
        raise _refused(None, "must be one header and one row of equal length", found, "use riskml score for a table")
    if len(set(rows[0])) != len(rows[0]):
        raise _refused(None, "must name each column once", None, "rename the repeated column")
    return dict(zip(rows[0], rows[1], strict=True))


def read_patient(source: str, standard_input: Any = None) -> dict[str, Any]:
    """A patient from a file (``.json``, or ``.csv`` with one row) or, for ``-``, from standard input (JSON).

    Raises
    ------
    UsageError
        If the file cannot be opened.
    DataError
        If its content is refused.
    """
    if source == "-":
        if standard_input is None:
            raise UsageError("standard input is closed: pipe the patient's JSON into riskml, or name a file")
        return patient_from_json(standard_input.read(MAX_BYTES + 1))
    try:
        with open(source, "rb") as file:  # noqa: PTH123 - pathlib costs more than reading the file
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        folder = ": give the .json or .csv file inside it" if isinstance(error, IsADirectoryError) else ""
        raise UsageError(f"cannot read the patient file {source!r}: {error.strerror}{folder}") from None
    if not source.casefold().endswith(".csv"):
        return patient_from_json(content)
    try:
        return patient_from_csv(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _refused(None, "must be UTF-8 text", None, "save the file as UTF-8") from None


def with_settings(patient: dict[str, Any], settings: Iterable[str], dictionary: Dictionary) -> dict[str, Any]:
    """The patient with ``NAME=VALUE`` pairs put in, later ones winning, whatever a variable is called in either.

    Raises
    ------
    UsageError
        If a pair has no ``=`` or no name.
    """
    changed = patient
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--set takes NAME=VALUE, got {setting!r}")
        changed = with_value(changed, name.strip(), text.strip(), dictionary)
    return changed


def with_value(patient: dict[str, Any], name: str, value: Any, dictionary: Dictionary) -> dict[str, Any]:
    """A copy of the patient with one value put in, in place of whatever has the same name or another name for it."""
    found = dictionary.find(name)
    others = [key for key in patient if found and (same := dictionary.find(key)) and same[0] == found[0]]
    return {key: old for key, old in patient.items() if key not in others and key != name} | {name: value}


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    twice: dict[str, None] = {}
    for key, value in pairs:
        if key in found:
            twice[key] = None
        found[key] = value
    if twice:
        raise DataError(
            "the patient was refused",
            [Fault(None, key[:200], "must be given once", None, "keep one of them") for key in list(twice)[:20]],
        )
    return found


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _constant(text)


def _constant(name: str) -> NoReturn:
    raise _refused(None, "must hold finite numbers", name, "use null where a value is not known")


def _refused(column: str | None, rule: str, value: str | None, remedy: str) -> DataError:
    return DataError("the patient was refused", [Fault(None, column, rule, value, remedy)])
