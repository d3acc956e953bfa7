"""A bundle as one HTML page that needs no network: the portable model, and our own script that evaluates it."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from riskml.errors import BundleError, NotEstimableError
from riskml.runtime.bundle import Bundle
from riskml.runtime.dictionary import Dictionary, Variable
from riskml.runtime.inputs import derived_names

_HERE = Path(__file__).parent
# What the page computes with, in this order: constants come before what uses them.
ENGINE = (
    *("numbers", "model", "explain", "product_form", "could_change"),
    *("reading", "domain", "contradictions", "predict"),
)
_KINDS = ("number", "integer", "tristate", "category")
# Who is Ph+ is asked for an inhibitor, whether or not the model takes it.
_PH = frozenset({"bcr_abl1", "cytogenetic_group"})


def asked_names(bundle: Bundle) -> tuple[str, ...]:
    """The variables that the page asks for: the model's inputs, then what says whether it applies to a patient.

    Raises
    ------
    NotEstimableError
        If the page has no field for one of them: derived variables, texts and dates.
    """
    dictionary, inputs = bundle.dictionary, bundle.model.inputs
    if derived := derived_names(bundle):
        raise NotEstimableError(
            f"the offline calculator does not make derived variables, and this model takes {', '.join(derived)}: "
            "use riskml predict or riskml serve"
        )
    beside = [*bundle.manifest["applies_to"], *(c for name in inputs for c in dictionary[name].companions), "age"]
    beside += ["tki"] if _PH & {*inputs} else []
    given = [_known_name(dictionary, key) for entry in bundle.golden for key in entry["patient"]]
    names = tuple(dict.fromkeys((*inputs, *(name for name in (*beside, *given) if name in dictionary.variables))))
    wrong = [name for name in names if dictionary[name].kind not in _KINDS]
    if wrong:
        raise NotEstimableError(f"the offline calculator has no field for {', '.join(wrong)}")
    return names


def _known_name(dictionary: Dictionary, key: str) -> str:
    found = dictionary.find(key)
    assert found is not None, "a golden patient was read when the bundle was opened"
    return found[0].name


def page_data(bundle: Bundle, names: Iterable[str] | None = None) -> dict[str, Any]:
    """What the script works on: model, golden patients, manifest without its dictionary, and the variables asked for.

    Parameters
    ----------
    bundle : Bundle
    names : iterable of str, optional
        Variables of the dictionary that a patient may have; those of :func:`asked_names` by default.

    Returns
    -------
    dict
        For JSON; numbers are finite, a range's open end is None.

    Raises
    ------
    NotEstimableError
        As :func:`asked_names`.
    """
    dictionary = bundle.dictionary
    variables = {name: dictionary[name] for name in (asked_names(bundle) if names is None else names)}
    words = {kind: sorted(part) for kind, part in dictionary.words.to_fields().items()}
    return {
        "manifest": {key: value for key, value in bundle.manifest.items() if key != "dictionary"},
        "model": bundle.model.to_dict(),
        "golden": [{**entry, "patient": _plain(dictionary, entry["patient"])} for entry in bundle.golden],
        "words": words,
        "landmarks": list(dictionary.landmarks),
        "quantities": {v.quantity.name: v.quantity.to_fields() for v in variables.values()},
        "variables": {name: _variable(variable) for name, variable in variables.items()},
    }


def _plain(dictionary: Dictionary, patient: Mapping[str, Any]) -> dict[str, Any]:
    """A golden patient under the variables' own names, with the units that other names imply."""
    found = {}
    for key, raw in patient.items():
        hit = dictionary.find(key)
        assert hit is not None, "a golden patient was read when the bundle was opened"
        variable, unit = hit
        found[variable.name] = raw if unit is None or isinstance(raw, Mapping) else {"value": raw, "unit": unit}
    return found


def _variable(variable: Variable) -> dict[str, Any]:
    left_out = {"why", "alias_units", "codes", "denominator", "exclusive_with"}
    fields = {key: value for key, value in variable.to_fields().items() if key not in left_out}
    ranges = {key: [x if math.isfinite(x) else None for x in fields[key]] for key in ("hard", "soft")}
    levels = [list(level) for level in variable.levels.items()]  # JavaScript would put "2" before "R/R" in an object
    return {**fields, **ranges, "levels": levels, "quantity": variable.quantity.name, "example": variable.example()}


def script(*names: str) -> str:
    """Files of our own JavaScript as one script that leaves no name behind in the page."""
    parts = [(_HERE / "calculator" / f"{name}.js").read_text(encoding="utf-8") for name in names]
    return "\n".join(['"use strict";', "(() => {", *parts, "})();", ""])


def embedded(content: Any) -> str:
    """JSON that can stand inside a ``script`` element: nothing in it opens or closes a tag or a comment.

    Raises
    ------
    BundleError
        If a number in it is not finite.
    """
    try:
        text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    except ValueError:
        raise BundleError("the bundle holds a number that is not finite: fetch the bundle again") from None
    return text.translate({ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&"})


def source_hash(text: str) -> str:
    """What a content security policy calls an inline script or style (W3C, Content Security Policy Level 3, 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def style_sheet(statements: Sequence[str], sheets: Sequence[str] = ("page",)) -> str:
    """A page's style, of these sheets; what it may not be used for stands on top of each printed sheet."""
    text = " ".join(statements).replace("\\", "\\\\").replace('"', '\\"')
    on_paper = f'@page {{ @top-left {{ content: "{text}"; font: 700 8pt system-ui, sans-serif; }} }}'
    texts = [(_HERE / "calculator" / f"{sheet}.css").read_text(encoding="utf-8") for sheet in sheets]
    return "".join(texts) + on_paper + "\n"


def policy_of(code: str, style: str) -> str:
    """A policy that allows this script and this style and no request of any kind."""
    allowed = {"default-src": "'none'", "script-src": source_hash(code), "style-src": source_hash(style)}
    allowed |= {"connect-src": "'none'", "img-src": "data:", "base-uri": "'none'", "form-action": "'none'"}
    return "; ".join(f"{what} {source}" for what, source in allowed.items())
