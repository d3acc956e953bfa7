"""What a bundle must pass before it is believed: format, digests, manifest, agreement of its parts, golden patients.

Every refusal is a ``BundleError`` that says what is wrong. What is of the wrong shape inside may also raise
``TypeError`` and its like; ``open_bundle`` turns these into one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from riskml.errors import BundleError, DataError, RiskmlError
from riskml.runtime.digest import digest_of
from riskml.runtime.inputs import derived_names, known_values, patient_readings
from riskml.runtime.model import FORMAT, level_inputs
from riskml.runtime.questions import ask, at_months, interval
from riskml.runtime.review import is_day

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from riskml.runtime.bundle import Bundle
    from riskml.runtime.dictionary import Variable

MANIFEST = "manifest.json"
# Each is computed when a bundle is opened: more would let a bundle keep a machine busy.
MAX_GOLDEN = 50
FILES = ("model.json", "golden.json", "CARD.md")
# What the model does over its cohort, in aggregates; bundles made before there was one have none.
EXPLANATION = "explanation.json"
# Who vouches for the manifest's bytes, where somebody does (docs/signing.md): of no use to anyone who has not the key.
SIGNATURE = "manifest.sig"

# What every door reads from a manifest, so that a bundle which lacks it is refused when opened and not when used.
_KEYS: Mapping[str, type | tuple[type, ...]] = {
    "name": str,
    "version": str,
    "label": str,
    "kind": str,
    "outcome": dict,
    "landmark": str,
    "horizons_months": list,
    "synthetic": bool,
    "intended_use": str,
    "not_for": list,
    "applies_to": dict,
    "usable_signal": bool,
    "verdict": str,
    "predictors": list,
    "training": dict,
    "background": dict,
    "importance": list,
    "evaluation": (dict, type(None)),
    "planning": dict,
    "stability": (dict, type(None)),
    "horizon_months": (int, float, type(None)),
    "thresholds": list,
    "versions": dict,
    "dictionary": dict,
}
# What bundles made before there was this do not have.
_OPTIONAL: Mapping[str, type] = {"date": str, "review_by": str, "owner": str, "contact": str, "tripod_ai": dict}

# Golden predictions must come back to this; the last digits of exp() may differ between machines.
TOLERANCE = 1e-9
# Stands where the manifest's own digest will: a digest cannot be part of what it is taken of.
NO_DIGEST = "0" * 64


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def json_content(raw: bytes, name: str) -> Any:
    """The content of a JSON file called ``name``; NaN and its like, which Python would read, are no JSON."""
    try:
        return json.loads(raw, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BundleError(f"{name} is not JSON: fetch the bundle again") from None


def json_object(raw: bytes, name: str) -> dict[str, Any]:
    """The content of a JSON file that must hold an object."""
    content = json_content(raw, name)
    if not isinstance(content, dict):
        raise BundleError(f"{name} is not a JSON object: fetch the bundle again")
    return content


def check_format(manifest: Mapping[str, Any]) -> None:
    """Refuse what is no bundle, and a bundle of a newer format than this riskml reads."""
    number = manifest.get("format")
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise BundleError("the manifest gives no format number: this is not a riskml bundle")
    if number > FORMAT:
        raise BundleError(f"bundle format is {number}, this riskml reads up to {FORMAT}: upgrade riskml")


def check_digests(manifest: Mapping[str, Any], raw: Mapping[str, bytes]) -> None:
    """Refuse any changed byte: of the manifest by its own digest, of the other files by those it holds."""
    digest = str(manifest.get("digest", "")).removeprefix("sha256:")
    blank = raw[MANIFEST].replace(digest.encode(errors="replace"), NO_DIGEST.encode(), 1)
    if len(digest) != len(NO_DIGEST) or digest_of(blank) != digest:
        raise BundleError("manifest.json does not match its own digest: fetch the bundle again")
    listed = manifest.get("files")
    files = listed if isinstance(listed, dict) else {}
    for name in (*FILES, *({EXPLANATION} & {*raw, *files})):
        if name not in raw or digest_of(raw[name]) != files.get(name):
            raise BundleError(f"{name} is not the file its manifest describes: fetch the bundle again")


def check_manifest(manifest: Mapping[str, Any]) -> None:
    """Refuse a manifest without a key that some door reads, or with another type in it."""
    wrong = [name for name, kind in _KEYS.items() if name not in manifest or not isinstance(manifest[name], kind)]
    given = {name: manifest[name] for name in _OPTIONAL if manifest.get(name) is not None}
    wrong += [
        name
        for name, value in given.items()
        if not isinstance(value, _OPTIONAL[name]) or (name in ("date", "review_by") and not is_day(value))
    ]
    if wrong:
        raise BundleError(f"the manifest lacks or misuses {', '.join(wrong)}: fetch the bundle again")


def check_agreement(bundle: Bundle) -> None:
    """Manifest, model and dictionary have to speak of the same outcome and inputs."""
    manifest, model, variables = bundle.manifest, bundle.model, bundle.dictionary.variables
    if manifest["kind"] != model.kind:
        raise BundleError(f"the manifest describes a {manifest['kind']} model, model.json is {model.kind}")
    _check_derived(bundle)
    text = level_inputs(model.features)
    for name in model.inputs:
        allowed = ("category",) if name in text else ("number", "integer", "tristate")
        if name not in variables or variables[name].kind not in allowed:
            raise BundleError(f"the model's input {name!r} is not a {' or '.join(allowed)} of the bundle's dictionary")
    for name, values in manifest["applies_to"].items():
        if name not in variables or not _is_population(variables[name], values):
            raise BundleError(f"applies_to gives {name} neither levels nor a range of numbers")
    horizons = manifest["horizons_months"]
    if model.kind != "binary" and not (horizons and all(0 <= h <= model.horizon for h in horizons)):
        raise BundleError(f"horizons_months must name months from 0 to {model.horizon:g}, which the model supports")
    if manifest["landmark"] not in bundle.dictionary.landmarks:
        raise BundleError(f"{manifest['landmark']!r} is no landmark of the bundle's dictionary")
    if not _is_comparable(manifest["training"], len(model.inputs)):
        raise BundleError("what the manifest would compare a patient with is malformed: fetch the bundle again")
    if not all(isinstance(item, str) for item in manifest["not_for"]):
        raise BundleError("not_for must be a list of texts")


def _is_comparable(training: Mapping[str, Any], inputs: int) -> bool:
    """What a prediction compares a patient with has its shape; bundles made before there was this have none."""
    mix, learned = training.get("case_mix"), training.get("applicability")
    shares = [share for methods in (mix or {}).get("methods", {}).values() for share in methods.values()]
    if not all(isinstance(share, float | int) for share in shares):
        return False
    if learned is None:
        return True
    share, thresholds = learned["distance"]["share"], learned["distance"]["thresholds"]
    lesions, pairs = learned["lesions"], learned["lesion_pairs"]
    return (
        isinstance(share, float)
        and 0 < share < 1
        and len(thresholds) == inputs
        and all(limit is None or (isinstance(limit, float | int) and limit >= 0) for limit in thresholds)
        and all(isinstance(name, str) for name in lesions)
        and all(isinstance(pair, list) and len(pair) == 2 for pair in pairs)
        and all(_is_measure(item) for item in training["case_mix"]["inputs"].values())
    )


def _is_measure(item: Mapping[str, Any]) -> bool:
    """Whether differences of an input can be measured by what the manifest says of its spread."""
    if "levels" in item or "sd" not in item:
        return True
    return bool(item["sd"] >= 0 and (item["scale"] == "value" or (item["scale"] == "log10" and item["floor"] > 0)))


def _check_derived(bundle: Bundle) -> None:
    """Definitions are only looked into where a model needs them; then they must be sound, and of its own landmark."""
    names = derived_names(bundle)
    if not names:
        return
    try:
        definitions = bundle.dictionary.definitions
    except DataError as error:
        raise BundleError(f"a definition in the bundle's dictionary is malformed: {error}") from None
    order, landmark = bundle.dictionary.landmarks, bundle.manifest["landmark"]
    for name in names:
        if order.index(definitions[name].known) > order.index(landmark):
            raise BundleError(f"{name} is known only from {definitions[name].known}, after the landmark {landmark}")


def _is_population(variable: Variable, values: Any) -> bool:
    if not isinstance(values, list) or not values:
        return False
    if variable.kind == "category":
        return all(isinstance(level, str) for level in values)
    return len(values) == 2 and all(isinstance(x, int | float) for x in values) and values[0] <= values[1]


def check_golden(bundle: Bundle) -> None:
    """Recompute the invented patients: catches a riskml that no longer scores as the one that trained."""
    if not bundle.golden:
        raise BundleError("the bundle has no golden predictions to check it by")
    if len(bundle.golden) > MAX_GOLDEN:
        raise BundleError(f"the bundle has {len(bundle.golden):,} golden patients: at most {MAX_GOLDEN} are recomputed")
    for number, entry in enumerate(bundle.golden, start=1):
        try:
            known = known_values(bundle, patient_readings(bundle, entry["patient"]))
            question = at_months(bundle.model, entry["times"])
            got = centre = ask(question, known)
            if "low" in entry:
                low, high = interval(question, known, centre)
                got = [*centre, *low, *high]
        except RiskmlError as error:
            raise BundleError(f"golden patient {number} is refused: {error}") from None
        want = [*entry["value"], *entry.get("low", ()), *entry.get("high", ())]
        if len(got) != len(want) or any(not abs(a - b) <= TOLERANCE for a, b in zip(got, want, strict=True)):
            raise BundleError(f"golden prediction {number} does not come back: this riskml and the bundle disagree")
