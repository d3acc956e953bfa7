"""A bundle: the portable model and what travels with it, opened only after every check of ``bundle_checks``.

Nothing here can run code from a bundle: files are JSON or text, checked before any of them is believed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence

from riskml.errors import BundleError, UsageError
from riskml.record import Record
from riskml.resources import folder
from riskml.runtime.bundle_checks import (
    EXPLANATION,
    FILES,
    MANIFEST,
    NO_DIGEST,
    SIGNATURE,
    check_agreement,
    check_digests,
    check_format,
    check_golden,
    check_manifest,
    json_content,
    json_object,
)
from riskml.runtime.dictionary import Dictionary
from riskml.runtime.digest import digest_of
from riskml.runtime.inputs import known_values, patient_readings
from riskml.runtime.model import FORMAT, PortableModel, model_from_dict
from riskml.runtime.predict import checked_times, predict
from riskml.runtime.prediction import Prediction
from riskml.runtime.questions import ask, at_months, interval
from riskml.runtime.score import score_table

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Protocol

    class Table(Protocol):
        """What scoring needs of a cohort: its typed frame, its flags and the row numbers of its file."""

        @property
        def frame(self) -> Any:
            """One row a course, columns named as in the dictionary."""

        @property
        def below(self) -> Any:
            """Where a value lies under a limit, by row and column."""

        @property
        def row_numbers(self) -> Any:
            """Row of each course in its file."""


# What a bundle's folder may hold; saving replaces the folder, so nothing else may stand in it.
_COLUMN = {"survival": "survival", "incidence": "incidence"}
ESTIMATOR = "estimator.joblib"
_OPTIONAL = (EXPLANATION, SIGNATURE)
_OWN_FILES = {MANIFEST, *FILES, *_OPTIONAL, ESTIMATOR}
MAX_BYTES = 64_000_000


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
    dictionary : Dictionary
    explanation_text : str
        ``explanation.json`` as it stands in the file; empty for a bundle that was made before there was one.
    """

    manifest: Mapping[str, Any]
    model: PortableModel
    golden: tuple[Mapping[str, Any], ...]
    card: str
    dictionary: Dictionary
    explanation_text: str = ""

    @property
    def digest(self) -> str:
        """``sha256:...`` over the manifest, which holds the digests of the other files."""
        return str(self.manifest["digest"])

    @property
    def explanation(self) -> dict[str, Any] | None:
        """What each input does over the cohort of training, in aggregates (docs/explanations.md).

        Parsed when asked for, so that no prediction pays for it.

        Raises
        ------
        BundleError
            If the file, whose digest is right, holds no JSON object.
        """
        return json_object(self.explanation_text.encode(), EXPLANATION) if self.explanation_text else None

    def input_columns(self, cohort: Table) -> dict[str, Any]:
        """The model's inputs as a cohort has them, derived ones where they follow; what it lacks is not there."""
        columns = {name: cohort.frame[name].to_numpy() for name in self.model.inputs if name in cohort.frame}
        if derived := self.dictionary.derivable(self.model.inputs):
            from riskml.runtime.derived_table import filled

            columns |= filled(derived, cohort, self.dictionary)
        return columns

    def predict(
        self,
        patient: Mapping[str, Any],
        *,
        at: Sequence[float] | None = None,
        explain: bool = True,
        event_free_at: float | None = None,
        expected_months: float | None = None,
        as_given: Mapping[str, Any] | None = None,
    ) -> Prediction:
        """One patient's estimate; see :func:`riskml.runtime.predict.predict`."""
        return predict(
            self,
            patient,
            at=at,
            explain=explain,
            event_free_at=event_free_at,
            expected_months=expected_months,
            as_given=as_given,
        )

    def score(self, cohort: Table, *, at: Sequence[float] | None = None) -> Any:
        """Estimates for every course of a cohort; derived inputs follow from its columns where they are not stored.

        Returns
        -------
        DataFrame
            One row a course: spreadsheet row, then ``risk`` (probability), or ``survival_<months>`` columns.
        """
        times = checked_times(self, at)
        scores = score_table(self.model, self.input_columns(cohort), len(cohort.frame), times)
        names = [f"{_COLUMN[self.model.kind]}_{t:g}_months" for t in times] or ["risk"]
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
        from pathlib import Path  # opening and predicting do without these

        from riskml.runtime.files import replace_folder

        check_place(path)
        target = Path(path).resolve()
        files = {name: _text(content) for name, content in self._contents().items()}
        check_digests(self.manifest, files)
        new = target.with_name(f".{target.name}.new-{os.getpid()}")
        try:
            new.mkdir(parents=True)
            for name, text in files.items():
                (new / name).write_bytes(text)
            replace_folder(new, target)
        except OSError as error:
            raise UsageError(f"cannot write the bundle {str(path)!r}: {error.strerror}") from None
        finally:
            _remove(new)
        return Path(path)

    def _contents(self) -> dict[str, Any]:
        return {
            MANIFEST: self.manifest,
            "model.json": _model_text(self.model),
            "golden.json": list(self.golden),
            "CARD.md": self.card,
            **({EXPLANATION: self.explanation_text} if self.explanation_text else {}),
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


def _model_text(model: PortableModel) -> str:
    return _parts_text(model.to_dict())


def _parts_text(content: Mapping[str, Any]) -> str:
    """One line for each part: thousands of coefficients and leaves on lines of their own would triple the file."""
    parts = (
        f'"{name}":{json.dumps(part, separators=(",", ":"), ensure_ascii=False, allow_nan=False)}'
        for name, part in content.items()
    )
    return "{\n" + ",\n".join(parts) + "\n}\n"


def seal(
    manifest: Mapping[str, Any],
    model: PortableModel,
    golden: Sequence[Mapping[str, Any]],
    card: str,
    explanation: Mapping[str, Any] | None = None,
) -> Bundle:
    """Close a bundle: file digests into the manifest, then the manifest's own digest over all of it."""
    contents = {"model.json": _model_text(model), "golden.json": list(golden), "CARD.md": card}
    text = _parts_text(explanation) if explanation else ""
    if text:
        contents[EXPLANATION] = text
    files = {name: digest_of(_text(content)) for name, content in contents.items()}
    body = {"format": FORMAT, "digest": f"sha256:{NO_DIGEST}", **manifest, "files": files}
    digest = digest_of(_text(body))
    # What is sealed is what will be read: going through JSON once makes tuples lists and keys text.
    sealed = json.loads(_text({**body, "digest": f"sha256:{digest}"}))
    return Bundle(sealed, model, tuple(golden), card, Dictionary.from_dict(sealed["dictionary"]), text)


def golden_entry(
    manifest: Mapping[str, Any], model: PortableModel, dictionary: Dictionary, patient: Mapping[str, Any]
) -> dict[str, Any]:
    """An invented patient with the predictions that this bundle must give for ever."""
    draft = Bundle(manifest, model, (), "", dictionary)
    known = known_values(draft, patient_readings(draft, patient))
    times = checked_times(draft, None)
    question = at_months(model, times)
    centre = ask(question, known)
    entry: dict[str, Any] = {"patient": dict(patient), "times": list(times), "value": centre}
    if len(known) == len(model.inputs):  # the interval of an incomplete patient would slow every start
        entry["low"], entry["high"] = interval(question, known, centre)
    return entry


def open_bundle(path: str | Path, *, verify: Callable[[bytes, bytes | None], None] | None = None) -> Bundle:
    """Open a bundle folder (or a .zip of one, or a folder that holds it as ``bundle/``) after checking all of it.

    Parameters
    ----------
    path : str or Path
    verify : callable, optional
        Asked first, with the manifest's bytes and its detached signature if there is one; raises ``BundleError`` where
        nobody vouches for them (``riskml.serving.signature.signed_by``).

    Raises
    ------
    UsageError
        If there is nothing at ``path``.
    BundleError
        If the format is newer than this riskml, a file is missing or changed, the model is malformed, or a golden
        prediction does not come back.
    """
    raw = _read_files(os.fspath(path))
    if verify is not None:
        verify(raw[MANIFEST], raw.get(SIGNATURE))
    manifest = json_object(raw[MANIFEST], MANIFEST)
    check_format(manifest)
    check_digests(manifest, raw)
    try:
        check_manifest(manifest)
        model = model_from_dict(json_object(raw["model.json"], "model.json"))
        dictionary = Dictionary.from_dict(manifest["dictionary"])
        golden = json_content(raw["golden.json"], "golden.json")
        explained = raw.get(EXPLANATION, b"").decode()
        bundle = Bundle(manifest, model, tuple(golden), raw["CARD.md"].decode(), dictionary, explained)
        check_agreement(bundle)
        check_golden(bundle)
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
        raise UsageError(
            f"there is no bundle at {path}: name the folder or .zip that riskml train or update wrote{_instead(path)}"
        )
    if os.path.isfile(path):  # noqa: PTH113
        return _read_zip(path)
    inner = os.path.join(path, "bundle")  # noqa: PTH118
    home = inner if not _has(path, MANIFEST) and _has(inner, MANIFEST) else path
    names = (MANIFEST, *FILES)
    missing = [name for name in names if not _has(home, name)]
    if missing and _has(home, ESTIMATOR):
        raise BundleError(
            f"{path} holds an estimator for research ({ESTIMATOR}) and no portable bundle: it is a pickle, which "
            "riskml never loads; see ESTIMATOR.md there"
        )
    if missing:
        raise BundleError(f"{path} is not a bundle: it lacks {', '.join(missing)}{_below(path)}")
    contents = {}
    for name in (*names, *(name for name in _OPTIONAL if _has(home, name))):
        with open(os.path.join(home, name), "rb") as file:  # noqa: PTH118, PTH123
            contents[name] = file.read(MAX_BYTES + 1)
        if len(contents[name]) > MAX_BYTES:
            raise BundleError(f"{name} is larger than any riskml writes")
    return contents


def _instead(path: str) -> str:
    """The shipped bundle whose name was given in the place of a path, for the message."""
    name = path.removeprefix("models/").removesuffix("/bundle")
    return f"; {shipped(name)} ships with riskml" if _has(str(folder("models") / name / "bundle"), MANIFEST) else ""


def _below(path: str) -> str:
    """The bundles one folder further down, for the message."""
    from pathlib import Path

    found = sorted(file.parent for depth in ("*", "*/bundle") for file in Path(path).glob(f"{depth}/{MANIFEST}"))
    return f"; there are bundles in it: give one, such as {found[0]}" if found else ""


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
            names |= {name: prefix + name for name in _OPTIONAL if prefix + name in sizes}
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
        swapped = "; the bundle comes first, the patient second" if path.endswith((".json", ".csv")) else ""
        raise BundleError(
            f"{path} is neither a bundle folder nor a .zip of one ({type(error).__name__}){swapped}"
        ) from None
