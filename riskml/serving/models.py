"""The models that are served: found, verified, and replaced as one set while requests go on."""

from __future__ import annotations

import difflib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from riskml.errors import BundleError, RiskmlError, UsageError
from riskml.record import Record
from riskml.runtime.bundle import Bundle, open_bundle
from riskml.runtime.bundle_checks import FILES, MANIFEST
from riskml.serving.problems import Problem

# out/<name>/bundle and models/<name>/bundle; deeper folders are somebody's archive.
DEPTH = 2
# A model's name is a part of its address.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
# A folder with any of these was meant to be a bundle, and is refused with a reason where it is none.
_SIGNS = (MANIFEST, *FILES[:2])


class Served(Record):
    """A verified bundle and where it came from.

    Attributes
    ----------
    place : str
        Below the folder that is served; no other part of the machine's paths is shown.
    bundle : Bundle
    stale : str
        Why what now stands at ``place`` was refused, so that the bundle of before is still served; usually empty.
    """

    place: str
    bundle: Bundle
    stale: str = ""


class ModelSet(Record):
    """All models of one moment.

    Attributes
    ----------
    served : mapping of model name to Served
    refused : mapping of place to reason
    number : int
        Counts the sets of this process from 1, so that what is derived from one can be kept until the next.
    """

    served: Mapping[str, Served]
    refused: Mapping[str, str]
    number: int


class Models:
    """The holder that all requests share.

    A request takes a bundle once and keeps it: what is exchanged meanwhile does not touch it.

    Parameters
    ----------
    home : str or Path
        A bundle, or a folder with bundles (folders or .zip files) one or two levels down.
    opener : callable, default ``open_bundle``
        Opens and verifies the bundle at a path or raises ``RiskmlError``; the place for further demands, such as a
        signature.

    Raises
    ------
    UsageError
        If ``home`` cannot be read or holds no bundle, or two bundles have the same name.
    BundleError
        If every bundle was refused.
    """

    def __init__(self, home: str | Path, opener: Callable[[Path], Bundle] = open_bundle) -> None:
        self._home = Path(home)
        self._opener = opener
        self._lock = threading.Lock()
        self._current = ModelSet({}, {}, 0)
        self.reload()

    @property
    def current(self) -> ModelSet:
        """The set of this moment; take it once where several questions must agree."""
        return self._current

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models that are served, in order."""
        return tuple(self._current.served)

    def get(self, name: str) -> Bundle:
        """The bundle of a model.

        Raises
        ------
        Problem
            ``model-unknown``, with the nearest name.
        """
        served = self._current.served
        if name in served:  # a name is only ever looked up, never made a path
            return served[name].bundle
        near = difflib.get_close_matches(name[:100], served, n=1, cutoff=0.0)
        raise Problem("model-unknown", f"no model of that name is served; the nearest is '{near[0]}'")

    def statuses(self) -> dict[str, Any]:
        """What is served and what was refused, as plain data."""
        now = self._current
        return {
            "models": [
                {
                    "name": name,
                    "version": one.bundle.manifest["version"],
                    "digest": one.bundle.digest,
                    "place": one.place,
                    **({"stale": one.stale} if one.stale else {}),
                }
                for name, one in now.served.items()
            ],
            "refused": [{"place": place, "reason": reason} for place, reason in now.refused.items()],
        }

    def reload(self) -> ModelSet:
        """Read everything anew, beside what is served, and exchange it in one step.

        A bundle that is refused leaves the one that was served from its place; any other error leaves the whole set.
        Nothing is written, so that a process that dies here leaves nothing behind.

        Returns
        -------
        ModelSet
            The new set.

        Raises
        ------
        UsageError, BundleError
            As on construction; what was served before is still served.
        """
        with self._lock:
            before = self._current
            earlier = {one.place: one for one in before.served.values()}
            found: list[Served] = []
            refused: dict[str, str] = {}
            for path in _candidates(self._home):
                place = _place(path, self._home)
                try:
                    found.append(Served(place, _named(self._opener(path))))
                except RiskmlError as error:
                    refused[place] = str(error).replace(str(path), place)
                    if place in earlier:
                        found.append(earlier[place].with_(stale=refused[place]))
            self._current = ModelSet(_by_name(found, refused, self._home), refused, before.number + 1)
            return self._current


def _named(bundle: Bundle) -> Bundle:
    name = bundle.manifest["name"]
    if not _NAME.fullmatch(name):
        raise BundleError(f"the model's name {name[:100]!r} cannot be part of an address: letters, digits, '_.-' can")
    return bundle


def _by_name(found: list[Served], refused: Mapping[str, str], home: Path) -> dict[str, Served]:
    if not found and refused:
        reasons = "".join(f"\n  - {place}: {reason}" for place, reason in refused.items())
        raise BundleError(f"every bundle in {home} was refused:{reasons}")
    if not found:
        raise UsageError(f"there is no bundle in {home}, nor in folders up to {DEPTH} levels down")
    named: dict[str, Served] = {}
    for one in sorted(found, key=lambda one: str(one.bundle.manifest["name"])):
        other = named.setdefault(str(one.bundle.manifest["name"]), one)
        if other is not one:
            name = one.bundle.manifest["name"]
            raise UsageError(f"{other.place} and {one.place} are both called {name!r}: serve one of them")
    return named


def _place(path: Path, home: Path) -> str:
    return path.name if path == home else path.relative_to(home).as_posix()


def _candidates(home: Path) -> list[Path]:
    """What looks like a bundle at ``home`` or below it, in order."""
    try:
        return [home] if _is_candidate(home) else sorted(_below(home, DEPTH))
    except OSError as error:
        raise UsageError(f"cannot read {home}: {error.strerror}") from None


def _below(folder: Path, depth: int) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith("."):  # what a writer has not finished
            continue
        if _is_candidate(entry):
            yield entry
        elif depth > 1 and entry.is_dir():
            yield from _below(entry, depth - 1)


def _is_candidate(path: Path) -> bool:
    if path.is_file():
        return path.suffix.casefold() == ".zip"
    return any((path / part / sign).is_file() for part in ("", "bundle") for sign in _SIGNS)
