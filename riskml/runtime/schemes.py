"""Named cytogenetic schemes (``features/schemes.toml``): states of lesions -> risk level, or unknown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from riskml.errors import UsageError
from riskml.record import Record
from riskml.resources import folder

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any


class Level(Record):
    """One level of a scheme; see the head of ``features/schemes.toml`` for the three lists."""

    name: str
    any: tuple[str, ...]
    perhaps: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()


class Scheme(Record):
    """A scheme as published: ``levels`` in order, then ``otherwise``; ``unknown_is`` is never one of them."""

    name: str
    label: str
    verified: str
    source: str
    note: str
    unknown_is: str
    otherwise: str
    levels: tuple[Level, ...]

    @classmethod
    def from_dict(cls, name: str, raw: Mapping[str, Any]) -> Scheme:
        """Build from one table of ``schemes.toml``.

        Raises
        ------
        UsageError
            If unknown lesions would be given a level of the scheme.
        """
        levels = tuple(
            Level(level, tuple(lists["any"]), tuple(lists.get("perhaps", ())), tuple(lists.get("uncovered", ())))
            for level, lists in raw["level"].items()
        )
        words = {key: raw[key] for key in ("label", "verified", "source", "note", "unknown_is", "otherwise")}
        scheme = cls(name=name, levels=levels, **words)
        if scheme.unknown_is in scheme.all_levels:
            raise UsageError(f"scheme {name}: unknown_is must not be a level: an untested lesion says nothing")
        return scheme

    @property
    def all_levels(self) -> tuple[str, ...]:
        """Every level a patient with known lesions can have, in order."""
        return (*(level.name for level in self.levels), self.otherwise)


class Group(Record):
    """A patient's level.

    Attributes
    ----------
    level : str
        A level of the scheme, or its ``unknown_is``.
    because : tuple of str
        The lesions whose presence put the patient here; empty for ``otherwise``.
    unknown : tuple of str
        What would have to be known to decide; empty where the level is known.
    possible : tuple of str
        The levels that remain possible.
    """

    level: str
    because: tuple[str, ...]
    unknown: tuple[str, ...]
    possible: tuple[str, ...]


def group(scheme: Scheme | str, states: Mapping[str, float | None]) -> Group:
    """The level of one patient.

    Parameters
    ----------
    scheme : Scheme or str
        A scheme, or the name of one of ``features/schemes.toml``.
    states : mapping of lesion to 1.0, 0.0 or None
        Lesions that are not in the mapping are unknown.

    Raises
    ------
    UsageError
        For the name of a scheme that is not there.

    Examples
    --------
    >>> group("three_level", {"bcr_abl1": 0.0, "kmt2a_r": 1.0}).level
    'other_poor'
    >>> found = group("three_level", {"bcr_abl1": 0.0, "kmt2a_r": 0.0})
    >>> found.level, found.unknown, found.possible
    ('unknown', ('tcf3_hlf',), ('other_poor', 'good'))
    """
    if isinstance(scheme, str):
        scheme = find_scheme(scheme)
    open_questions: list[str] = []
    possible: list[str] = []
    for level in scheme.levels:
        shown = tuple(name for name in level.any if states.get(name) == 1.0)
        if shown:
            return _decided(scheme, level.name, shown, open_questions, possible)
        doubts = [name for name in level.any if states.get(name) is None]
        doubts += [name for name in level.perhaps if states.get(name) != 0.0]
        doubts += level.uncovered
        if doubts:
            open_questions += doubts
            possible.append(level.name)
    return _decided(scheme, scheme.otherwise, (), open_questions, possible)


def find_scheme(name: str) -> Scheme:
    """One scheme by name.

    Raises
    ------
    UsageError
        If there is none of that name; the message lists those there are.
    """
    schemes = load_schemes()
    if name not in schemes:
        raise UsageError(f"there is no cytogenetic scheme {name!r}: take one of {', '.join(schemes)}")
    return schemes[name]


@lru_cache(maxsize=1)
def load_schemes() -> Mapping[str, Scheme]:
    """The schemes of this riskml, by name."""
    import tomllib  # predicting from a bundle never gets here

    raw = tomllib.loads((folder("features") / "schemes.toml").read_text(encoding="utf-8"))
    return {name: Scheme.from_dict(name, table) for name, table in raw["scheme"].items()}


def _decided(scheme: Scheme, level: str, because: tuple[str, ...], unknown: list[str], possible: list[str]) -> Group:
    """The level, unless a level before it is still possible."""
    if possible:
        return Group(scheme.unknown_is, because, tuple(dict.fromkeys(unknown)), (*possible, level))
    return Group(level, because, (), (level,))
