"""A bundle: the portable model and what travels with it, opened only after every check.

Format, digests, shapes and golden predictions have to agree.

Nothing here can run code from a bundle: files are JSON or text, checked before any of them is believed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence

from riskml.errors import BundleError, RiskmlError, UsageError
from riskml.record import Record
from riskml.resources import folder
from riskml.runtime.dictionary import Dictionary, Variable
from riskml.runtime.model import FORMAT, PortableModel, level_inputs, model_from_dict
from riskml.runtime.predict import Prediction, checked_times, known_values, predict, read_inputs
from riskml.runtime.score import interval, score_table, value

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Protocol

    class Table(Protocol):
        """What scoring needs of a cohort: its typed frame and the row numbers of its file."""

        @property
        def frame(self) -> Any:
            """One row a course, columns named as in the dictionary."""

        @property
        def row_numbers(self) -> Any:
            """Row of each course in its file."""


MANIFEST = "manifest.json"
FILES = ("model.json", "golden.json", "CARD.md")
# What a bundle's folder may hold; saving replaces the folder, so nothing else may stand in it.
_OWN_FILES = {MANIFEST, *FILES, "estimator.joblib"}
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
    "versions": dict,
    "dictionary": dict,
}
MAX_BYTES = 64_000_000
# Golden predictions must come back to this; the last digits of exp() may differ between machines.
TOLERANCE = 1e-9
_NO_DIGEST = "0" * 64


class Bundle(Record):
    """A trained model ready to predict.

    Attributes
    ----------
    manifest : mapping
        Name, outcome, landmark, intended use, training fingerprint, evaluation, versions, file digests.
    model : PortableModel
    golden : tuple of mappings
        Invented patients with the predictions this bundle must give.
    card : str
        The model card (Markdown).
    """

    manifest: Mapping[str, Any]
    model: PortableModel
    golden: tuple[Mapping[str, Any], ...]
    card: str
    dictionary: Dictionary

    @property
    def digest(self) -> str:
        """``sha256:...`` over the manifest, which holds the digests of the other files."""
        return str(self.manifest["digest"])

    def predict(
        self, patient: Mapping[str, Any], *, at: Sequence[float] | None = None, explain: bool = True
    ) -> Prediction:
        """One patient's estimate; see :func:`riskml.runtime.predict.predict`."""
        return predict(self, patient, at=at, explain=explain)

    def score(self, cohort: Table, *, at: Sequence[float] | None = None) -> Any:
        """Estimates for every course of a cohort.

        Returns
        -------
        DataFrame
            One row a course: spreadsheet row, then ``risk`` (probability), or ``survival_<months>`` columns.
        """
        times = checked_times(self, at)
        columns = {name: cohort.frame[name].to_numpy() for name in self.model.inputs if name in cohort.frame}
        scores = score_table(self.model, columns, len(cohort.frame), times)
        names = [f"survival_{t:g}_months" for t in times] or ["risk"]
        table = cohort.frame[[]].assign(row=cohort.row_numbers)
        return table.assign(**{name: scores[:, k] for k, name in enumerate(names)})

    def save(self, path: str | Path) -> Path:
        """Write the bundle; an interrupted write leaves an older bundle whole.

        Raises
        ------
        UsageError
            If ``path`` exists and is something other than a bundle or an empty folder, or cannot be written.
        BundleError
            If something was changed after the bundle was sealed: it would not open again.
        """
        from pathlib import Path  # opening and predicting do without it

        check_place(path)
        target = Path(path).resolve()
        files = {name: _text(content) for name, content in self._contents().items()}
        _check_digests(self.manifest, files)
        new = target.with_name(f".{target.name}.new-{os.getpid()}")
        old = target.with_name(f".{target.name}.old-{os.getpid()}")
        try:
            new.mkdir(parents=True)
            for name, text in files.items():
                (new / name).write_bytes(text)
            if target.exists():
                target.rename(old)
            new.rename(target)
        except OSError as error:
            raise UsageError(f"cannot write the bundle {str(path)!r}: {error.strerror}") from None
        finally:
            if old.exists() and not target.exists():
                old.rename(target)
            _remove(new)
            _remove(old)
        return Path(path)

    def _contents(self) -> dict[str, Any]:
        return {
            MANIFEST: self.manifest,
            "model.json": self.model.to_dict(),
            "golden.json": list(self.golden),
            "CARD.md": self.card,
        }


def check_place(path: str | Path) -> None:
    """Refuse to write a bundle over anything but a bundle or an empty folder, with ``UsageError``."""
    from pathlib import Path

    if Path(path).exists() and not _replaceable(Path(path)):
        raise UsageError(f"{path} exists and is not a bundle: choose another place")


def _replaceable(folder: Path) -> bool:
    """Whether a folder is empty or a bundle and nothing but a bundle: a web page has a ``manifest.json``, too."""
    held = {entry.name for entry in folder.iterdir()} if folder.is_dir() else {""}
    return not held or (MANIFEST in held and held <= _OWN_FILES)


def _remove(folder: Path) -> None:
    if folder.exists():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def _text(content: Any) -> bytes:
    return (
        content
        if isinstance(content, str)
        else json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    ).encode()


def seal(manifest: Mapping[str, Any], model: PortableModel, golden: Sequence[Mapping[str, Any]], card: str) -> Bundle:
    """Close a bundle: file digests into the manifest, then the manifest's own digest over all of it."""
    contents = {"model.json": model.to_dict(), "golden.json": list(golden), "CARD.md": card}
    files = {name: hashlib.sha256(_text(content)).hexdigest() for name, content in contents.items()}
    body = {"format": FORMAT, "digest": f"sha256:{_NO_DIGEST}", **manifest, "files": files}
    digest = hashlib.sha256(_text(body)).hexdigest()
    # What is sealed is what will be read: going through JSON once makes tuples lists and keys text.
    sealed = json.loads(_text({**body, "digest": f"sha256:{digest}"}))
    return Bundle(sealed, model, tuple(golden), card, Dictionary.from_dict(sealed["dictionary"]))


def golden_entry(
    manifest: Mapping[str, Any], model: PortableModel, dictionary: Dictionary, patient: Mapping[str, Any]
) -> dict[str, Any]:
    """An invented patient with the predictions that this bundle must give for ever."""
    draft = Bundle(manifest, model, (), "", dictionary)
    known = known_values(draft, read_inputs(dictionary, patient))
    times = checked_times(draft, None)
    centre = value(model, known, times)
    entry: dict[str, Any] = {"patient": dict(patient), "times": list(times), "value": centre}
    if len(known) == len(model.inputs):  # the interval of an incomplete patient would slow every start
        entry["low"], entry["high"] = interval(model, known, times, centre)
    return entry


def open_bundle(path: str | Path) -> Bundle:
    """Open a bundle folder (or a .zip of one, or a folder that holds it as ``bundle/``) after checking all of it.

    Raises
    ------
    UsageError
        If there is nothing at ``path``.
    BundleError
        If the format is newer than this riskml, a file is missing or changed, the model is malformed, or a golden
        prediction does not come back.
    """
    raw = _read_files(os.fspath(path))
    manifest = _json_object(raw[MANIFEST], MANIFEST)
    _check_format(manifest)
    _check_digests(manifest, raw)
    try:
        _check_manifest(manifest)
        model = model_from_dict(_json_object(raw["model.json"], "model.json"))
        dictionary = Dictionary.from_dict(manifest["dictionary"])
        golden = _json(raw["golden.json"], "golden.json")
        bundle = Bundle(manifest, model, tuple(golden), raw["CARD.md"].decode(), dictionary)
        _check_agreement(bundle)
        _check_golden(bundle)
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, AssertionError) as error:
        raise BundleError(f"the bundle is malformed ({type(error).__name__}: {error})") from None
    return bundle


def shipped(name: str) -> Path:
    """Folder of a bundle that ships with riskml, for example ``shipped("non_response")``.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    path = folder("models") / name / "bundle"
    if not path.is_dir():
        known = ", ".join(sorted(p.parent.name for p in folder("models").glob("*/bundle")))
        raise UsageError(f"no bundle {name!r} ships with riskml; there are {known}")
    return path


def _read_files(path: str) -> dict[str, bytes]:
    if not os.path.exists(path):  # noqa: PTH110 - pathlib costs more than reading the bundle, here and below
        raise UsageError(f"there is no bundle at {path}")
    if os.path.isfile(path):  # noqa: PTH113
        return _read_zip(path)
    inner = os.path.join(path, "bundle")  # noqa: PTH118
    home = inner if not _has(path, MANIFEST) and _has(inner, MANIFEST) else path
    names = (MANIFEST, *FILES)
    missing = [name for name in names if not _has(home, name)]
    if missing:
        raise BundleError(f"{path} is not a bundle: it lacks {', '.join(missing)}")
    contents = {}
    for name in names:
        with open(os.path.join(home, name), "rb") as file:  # noqa: PTH118, PTH123
            contents[name] = file.read(MAX_BYTES + 1)
        if len(contents[name]) > MAX_BYTES:
            raise BundleError(f"{name} is larger than any riskml writes")
    return contents


def _has(home: str, name: str) -> bool:
    return os.path.isfile(os.path.join(home, name))  # noqa: PTH113, PTH118


def _read_zip(path: str) -> dict[str, bytes]:
    import zipfile  # costs milliseconds that a folder does not need

    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
            prefix = (
                ""
                if MANIFEST in sizes
                else next((n[: -len(MANIFEST)] for n in sizes if n.endswith(f"/{MANIFEST}")), "")
            )
            names = {name: prefix + name for name in (MANIFEST, *FILES)}
            if max(sizes.get(inner, 0) for inner in names.values()) > MAX_BYTES:
                raise BundleError(f"{path} unpacks to more than any bundle riskml writes")
            contents = {}
            for name, inner in names.items():
                with archive.open(inner) as file:
                    # Never read() alone: a size that lies would unpack all there is before anyone counts.
                    contents[name] = file.read(MAX_BYTES)
            return contents
    except BundleError:
        raise
    except Exception as error:  # noqa: BLE001 - a damaged archive sets off whatever its many decoders raise
        raise BundleError(f"{path} is neither a bundle folder nor a .zip of one ({type(error).__name__})") from None


def _json(raw: bytes, name: str) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise BundleError(f"{name} is not JSON: fetch the bundle again") from None


def _json_object(raw: bytes, name: str) -> dict[str, Any]:
    content = _json(raw, name)
    if not isinstance(content, dict):
        raise BundleError(f"{name} is not a JSON object: fetch the bundle again")
    return content


def _check_format(manifest: Mapping[str, Any]) -> None:
    number = manifest.get("format")
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise BundleError("the manifest gives no format number: this is not a riskml bundle")
    if number > FORMAT:
        raise BundleError(f"bundle format is {number}, this riskml reads up to {FORMAT}: upgrade riskml")


def _check_digests(manifest: Mapping[str, Any], raw: Mapping[str, bytes]) -> None:
    digest = str(manifest.get("digest", "")).removeprefix("sha256:")
    blank = raw[MANIFEST].replace(digest.encode(errors="replace"), _NO_DIGEST.encode(), 1)
    if len(digest) != len(_NO_DIGEST) or hashlib.sha256(blank).hexdigest() != digest:
        raise BundleError("manifest.json does not match its own digest: fetch the bundle again")
    files = manifest.get("files")
    for name in FILES:
        if not isinstance(files, dict) or hashlib.sha256(raw[name]).hexdigest() != files.get(name):
            raise BundleError(f"{name} is not the file its manifest describes: fetch the bundle again")


def _check_manifest(manifest: Mapping[str, Any]) -> None:
    wrong = [name for name, kind in _KEYS.items() if name not in manifest or not isinstance(manifest[name], kind)]
    if wrong:
        raise BundleError(f"the manifest lacks or misuses {', '.join(wrong)}: fetch the bundle again")


def _check_agreement(bundle: Bundle) -> None:
    """Manifest, model and dictionary have to speak of the same outcome and inputs."""
    manifest, model, variables = bundle.manifest, bundle.model, bundle.dictionary.variables
    if manifest["kind"] != model.kind:
        raise BundleError(f"the manifest describes a {manifest['kind']} model, model.json is {model.kind}")
    text = level_inputs(model.features)
    for name in model.inputs:
        allowed = ("category",) if name in text else ("number", "integer", "tristate")
        if name not in variables or variables[name].kind not in allowed:
            raise BundleError(f"the model's input {name!r} is not a {' or '.join(allowed)} of the bundle's dictionary")
    for name, values in manifest["applies_to"].items():
        if name not in variables or not _is_population(variables[name], values):
            raise BundleError(f"applies_to gives {name} neither levels nor a range of numbers")
    horizons = manifest["horizons_months"]
    if model.kind == "survival" and not (horizons and all(0 <= h <= model.horizon for h in horizons)):
        raise BundleError(f"horizons_months must name months from 0 to {model.horizon:g}, which the model supports")
    if not all(isinstance(item, str) for item in manifest["not_for"]):
        raise BundleError("not_for must be a list of texts")


def _is_population(variable: Variable, values: Any) -> bool:
    if not isinstance(values, list) or not values:
        return False
    if variable.kind == "category":
        return all(isinstance(level, str) for level in values)
    return len(values) == 2 and all(isinstance(x, int | float) for x in values) and values[0] <= values[1]


def _check_golden(bundle: Bundle) -> None:
    """Recompute the invented patients: catches a riskml that no longer scores as the one that trained."""
    if not bundle.golden:
        raise BundleError("the bundle has no golden predictions to check it by")
    for number, entry in enumerate(bundle.golden, start=1):
        try:
            known = known_values(bundle, read_inputs(bundle.dictionary, entry["patient"]))
            centre = value(bundle.model, known, entry["times"])
            got = (
                [*centre, *(x for part in interval(bundle.model, known, entry["times"], centre) for x in part)]
                if "low" in entry
                else centre
            )
        except RiskmlError as error:
            raise BundleError(f"golden patient {number} is refused: {error}") from None
        want = [*entry["value"], *entry.get("low", ()), *entry.get("high", ())]
        if len(got) != len(want) or any(not abs(a - b) <= TOLERANCE for a, b in zip(got, want, strict=True)):
            raise BundleError(f"golden prediction {number} does not come back: this riskml and the bundle disagree")
