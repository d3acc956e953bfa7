"""What ``features/evidence.toml`` must obey, as faults: names, sizes that follow from what is printed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from riskml.errors import Fault
from riskml.runtime.dictionary import Dictionary
from riskml.training.effect_sizes import (
    NORMAL_95,
    Estimate,
    from_counts,
    from_interval,
    from_p,
    from_survival,
)

POPULATIONS = ("paediatric", "adult", "mixed")
DIRECTIONS = ("raises", "lowers", "unknown")
# What each kind of contrast must say beside its kind, and what it may.
CONTRASTS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "present": (frozenset(), frozenset()),
    "levels": (frozenset({"levels"}), frozenset({"against"})),
    "per_unit": (frozenset({"amount"}), frozenset()),
    "at_least": (frozenset({"cut"}), frozenset()),
    "range": (frozenset({"high", "low"}), frozenset()),
    "higher": (frozenset(), frozenset()),
}
DERIVATIONS: Mapping[str, Callable[..., Estimate]] = {
    "counts": from_counts,
    "interval": from_interval,
    "p": from_p,
    "survival": from_survival,
}
# Numbers are written with four decimals.
ROUNDING = 6e-5
_STUDY: Mapping[str, type] = dict.fromkeys(("citation", "doi", "population", "treatment"), str)
_EFFECT: Mapping[str, type] = {
    **dict.fromkeys(("id", "study", "outcome", "source"), str),
    **dict.fromkeys(("contrast", "derivation"), dict),
    "variables": list,
}
_DIRECTION: Mapping[str, type] = {
    **dict.fromkeys(("outcome", "variable", "direction", "why"), str),
    "studies": list,
}
_MAY = {
    "study": {"n", "note"},
    "effect": {"n", "log_effect", "standard_error", "printed"},
    "direction": {"level"},
}


def evidence_faults(raw: Mapping[str, Any], dictionary: Dictionary) -> Iterator[Fault]:
    """Everything wrong with the content of an evidence file; an entry with a wrong key is not looked into further."""
    top = ("schema", "same_question", "study", "effect", "direction")
    yield from (_fault(key, "is not a part of the file", None) for key in raw if key not in top)
    studies = raw.get("study", {})
    for outcome in {**raw.get("same_question", {}), **dict.fromkeys(raw.get("same_question", {}).values())}:
        yield from _named("same_question", "outcome", outcome, dictionary.outcomes)
    for name, table in studies.items():
        wrong = list(_key_faults(f"study {name}", "study", table, _STUDY))
        yield from wrong or _named(f"study {name}", "population", table["population"], POPULATIONS)
    sound = []
    for number, table in enumerate(raw.get("effect", ()), start=1):
        place = f"effect {table.get('id', number)}"
        wrong = list(_key_faults(place, "effect", table, _EFFECT))
        wrong = wrong or list(_effect_faults(place, table, studies, dictionary))
        yield from wrong
        sound += [] if wrong else [table]
    yield from _repeated(sound)
    for number, table in enumerate(raw.get("direction", ()), start=1):
        place = f"direction {table.get('variable', number)} of {table.get('outcome', '?')}"
        wrong = list(_key_faults(place, "direction", table, _DIRECTION))
        yield from wrong or _direction_faults(place, table, studies, sound, dictionary)
    yield from _repeated_directions(raw.get("direction", ()))


def _fault(place: str, rule: str, value: object, remedy: str = "correct it") -> Fault:
    return Fault(None, place, rule, None if value is None else str(value), remedy)


def _key_faults(place: str, part: str, table: Mapping[str, Any], required: Mapping[str, type]) -> Iterator[Fault]:
    for key, kind in required.items():
        if key not in table:
            yield _fault(place, f"{key} must be given", None)
        elif not isinstance(table[key], kind):
            yield _fault(place, f"{key} must be a {kind.__name__}", table[key])
    for key in sorted(table.keys() - required.keys() - _MAY[part]):
        yield _fault(place, f"{key} is not a key of a {part}", None)
    if "n" in table and not (type(table["n"]) is int and table["n"] > 0):
        yield _fault(place, "n must be a whole number of patients", table["n"])


def _named(place: str, what: str, name: object, known: Any) -> Iterator[Fault]:
    if name not in known:
        yield _fault(place, f"{what} must be one of {', '.join(known)}", name)


def _variables(place: str, names: list[Any], dictionary: Dictionary) -> Iterator[Fault]:
    for name in names:
        if name not in dictionary.variables:
            near = dictionary.nearest(str(name))
            yield _fault(place, "variables must be names of the dictionary", name, f"the nearest name is '{near}'")
    if not names:
        yield _fault(place, "variables must name at least one", None)


def _effect_faults(
    place: str, table: Mapping[str, Any], studies: Mapping[str, Any], dictionary: Dictionary
) -> Iterator[Fault]:
    yield from _named(place, "study", table["study"], studies)
    yield from _named(place, "outcome", table["outcome"], dictionary.outcomes)
    unknown = list(_variables(place, table["variables"], dictionary))
    yield from unknown
    if not unknown:
        yield from _contrast_faults(place, table, dictionary)
    yield from _size_faults(place, table)


def _contrast_faults(place: str, table: Mapping[str, Any], dictionary: Dictionary) -> Iterator[Fault]:
    contrast = table["contrast"]
    kind, given = contrast.get("kind"), contrast.keys() - {"kind"}
    if kind not in CONTRASTS:
        yield _fault(place, f"contrast.kind must be one of {', '.join(CONTRASTS)}", kind)
        return
    must, may = CONTRASTS[kind]
    if not must <= given <= must | may:
        yield _fault(
            place, f"a contrast of kind {kind} must say {', '.join(sorted(must)) or 'no more'}", dict(contrast)
        )
        return
    variables = [dictionary[name] for name in table["variables"]]
    if len(variables) > 1 and kind != "present":
        yield _fault(place, "only carriers of any of several lesions can be one contrast", kind)
    wanted = {"present": ("tristate",), "levels": ("category",)}.get(kind, ("number", "integer"))
    for variable in variables:
        if variable.kind not in wanted:
            yield _fault(place, f"a contrast of kind {kind} cannot be of a {variable.kind}", variable.name)
        for level in (*contrast.get("levels", ()), *contrast.get("against", ())):
            if variable.kind == "category" and level not in variable.levels:
                yield _fault(place, f"the levels of {variable.name} are {', '.join(variable.levels)}", level)


def _size_faults(place: str, table: Mapping[str, Any]) -> Iterator[Fault]:
    """The stored size must be what its derivation gives; a sign must not pretend to a size."""
    given = {key for key in ("log_effect", "standard_error") if key in table}
    derivation = dict(table["derivation"])
    how = derivation.pop("how", None)
    if how == "sign":
        if given:
            yield _fault(place, "a sign has no size", ", ".join(sorted(given)), "leave the numbers out")
        if derivation.pop("sign", None) not in (1, -1) or derivation.keys() - {"p"}:
            yield _fault(
                place, "a derivation by sign must say sign = 1 or -1, and may say p", dict(table["derivation"])
            )
        return
    if how not in DERIVATIONS:
        yield _fault(place, f"derivation.how must be one of {', '.join(DERIVATIONS)}, sign", how)
        return
    if "with" in derivation:
        derivation["with_"] = derivation.pop("with")
    try:
        size, error = DERIVATIONS[how](**derivation)
    except (TypeError, ValueError, ArithmeticError, IndexError) as problem:
        yield _fault(place, f"the derivation by {how} cannot be computed", problem)
        return
    for key, value in (("log_effect", size), ("standard_error", error)):
        if not (math.isfinite(value) and abs(value - table.get(key, math.inf)) <= ROUNDING):
            yield _fault(place, f"{key} must be {value:.4f}, as derived by {how}", table.get(key, "nothing"))


def _repeated(effects: list[Mapping[str, Any]]) -> Iterator[Fault]:
    """Entries of one name, and one study that would be counted twice for one contrast."""
    seen: dict[tuple[str, ...], str] = {}
    for table in effects:
        contrast = repr(sorted(table["contrast"].items()))
        for key in (
            ("id", table["id"]),
            (table["study"], table["outcome"], ",".join(sorted(table["variables"])), contrast),
        ):
            if key in seen:
                yield _fault(f"effect {table['id']}", "a study has each contrast once", seen[key], "keep one of them")
            seen[key] = table["id"]


def _direction_faults(
    place: str,
    table: Mapping[str, Any],
    studies: Mapping[str, Any],
    effects: list[Mapping[str, Any]],
    dictionary: Dictionary,
) -> Iterator[Fault]:
    yield from _named(place, "outcome", table["outcome"], dictionary.outcomes)
    yield from _named(place, "direction", table["direction"], DIRECTIONS)
    for study in table["studies"]:
        yield from _named(place, "study", study, studies)
    if not table["studies"]:
        yield _fault(place, "must name the studies it comes from", None)
    unknown = list(_variables(place, [table["variable"]], dictionary))
    yield from unknown
    if unknown:
        return
    variable, level = dictionary[table["variable"]], table.get("level")
    if (variable.kind == "category") != (level is not None) or (level is not None and level not in variable.levels):
        rule = f"level must be one of {', '.join(variable.levels)}" if variable.levels else "has no level"
        yield _fault(place, rule, level)
    for effect in effects:
        if (
            effect["outcome"] == table["outcome"]
            and effect["study"] in table["studies"]
            and effect["variables"] == [variable.name]
            and (level is None or effect["contrast"].get("levels") == [level])
            and _clear_sign(effect) * {"raises": 1, "lowers": -1}.get(table["direction"], 0) < 0
        ):
            yield _fault(place, f"contradicts the effect {effect['id']}", table["direction"])


def _clear_sign(effect: Mapping[str, Any]) -> int:
    """The sign of an effect whose 95 % interval lies on one side of no effect, or that is all its source gives."""
    if "log_effect" not in effect:
        return int(effect["derivation"]["sign"])
    clear = abs(effect["log_effect"]) > NORMAL_95 * effect["standard_error"]
    return int(math.copysign(1, effect["log_effect"])) if clear else 0


def _repeated_directions(tables: Any) -> Iterator[Fault]:
    names = [(table.get("outcome"), table.get("variable"), table.get("level")) for table in tables]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        place = f"direction {name[1]} of {name[0]}"
        yield _fault(place, "must be declared once", names.count(name), "keep one of them")
