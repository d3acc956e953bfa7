"""Asks and answers: what travels between the coordinator and the hospitals, and what makes either of them refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from riskml.errors import DataError, Fault
from riskml.training.federated.group import is_group, kept_features
from riskml.training.federated.masks import LARGEST, is_word
from riskml.training.federated.plan import Study, is_finite, sealed, study_of
from riskml.training.federated.statistics import COUNTS, FINISH, NEWTON, layout

ASK, ANSWER = "riskml.federated-ask/1", "riskml.federated-answer/1"
# What an answer holds, no more and no less: nothing of a row can hide in another place.
ANSWER_KEYS = frozenset(
    {"schema", "plan", "ask", "round", "step", "centre", "data", "secret", "synthetic", "withheld", "blanked", "sums"}
    | {"group", "digest"}
)
_STEP_KEYS = {
    COUNTS: frozenset[str](),
    NEWTON: frozenset({"features", "fill", "points", "spread", "months"}),
    FINISH: frozenset({"features", "fill", "points", "months"}),
}
_SAME = 1e-9
# A second study with the same plan and secret would have the same masks.
ANEW = "start a new study, with a new secret where sums are masked"
_ASK_KEYS = frozenset({"schema", "plan", "round", "step", "numbers_before", "digest"})


def ask_of(study: Study, number: int, step: str, numbers_before: int, **content: Any) -> dict[str, Any]:
    """The ask of a round, which carries the whole plan: a hospital needs one file."""
    body = {"schema": ASK, "plan": dict(study.plan), "round": number, "step": step, "numbers_before": numbers_before}
    return with_digest({**body, **content})


def first_ask(study: Study) -> dict[str, Any]:
    """The ask with which a study begins."""
    return ask_of(study, 0, COUNTS, 0)


def with_digest(content: Mapping[str, Any]) -> dict[str, Any]:
    """The object with the digest of all the rest of it."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    return {**rest, "digest": sealed(rest)}


def intact(content: Mapping[str, Any]) -> bool:
    """Whether an object is as it was when its digest was taken."""
    try:
        return bool(content.get("digest") == with_digest(content)["digest"])
    except ValueError:  # not a finite number
        return False


def same_ask(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two asks are one: the points of another machine may differ in their last digits."""
    numbers = ("points", "fill", "digest")
    rest = [{key: value for key, value in ask.items() if key not in numbers} for ask in (one, other)]
    flat = [
        [*(x for point in ask.get("points", ()) for x in point), *(ask.get("fill") or {}).values()]
        for ask in (one, other)
    ]
    pairs = [(a, b) for a, b in zip(*flat, strict=False) if a is not None and b is not None]
    near = all(math.isclose(a, b, rel_tol=_SAME, abs_tol=_SAME) for a, b in pairs)
    return rest[0] == rest[1] and len(flat[0]) == len(flat[1]) and near


def read_ask(content: Any) -> Study:
    """The study of an ask, once that is sound.

    Raises
    ------
    DataError
        With every fault.
    """
    if not isinstance(content, dict) or content.get("schema") != ASK:
        raise DataError("the ask was refused", [_fault(None, f"must be an ask ({ASK})", "fetch it again")])
    study = study_of(content.get("plan"))
    if not intact(content):
        raise DataError("the ask was refused", [_fault(None, "must match its own digest", "fetch it again")])
    step = str(content.get("step"))
    if step not in _STEP_KEYS or content.keys() != _ASK_KEYS | _STEP_KEYS[step] or not _is_shaped(study, content):
        raise DataError("the ask was refused", [_fault(None, "must be one that this riskml can answer", "plan anew")])
    return study


def _is_shaped(study: Study, ask: Mapping[str, Any]) -> bool:
    counts = (ask["round"], ask["numbers_before"])
    if not all(type(value) is int and value >= 0 for value in counts):
        return False
    if ask["step"] == COUNTS:
        return True
    known, points, fill = {f.name for f in study.recipe.features}, ask["points"], ask["fill"]
    names = ask["features"]
    if (
        not isinstance(names, list)
        or not names
        or not set(map(str, names)) <= known
        or len({*map(str, names)}) < len(names)
    ):
        return False
    width = len(names) + (0 if study.survival else ask["step"] == NEWTON)
    shaped = isinstance(points, list) and points and all(_finite(point) and len(point) == width for point in points)
    filled = isinstance(fill, dict) and all(value is None or _finite([value]) for value in fill.values())
    rising = _finite(ask["months"]) and ask["months"] == sorted(set(ask["months"]))
    return bool(shaped and filled and rising and (bool(ask["months"]) or not study.survival))


def check_answers(
    asks: Sequence[Mapping[str, Any]], answers: Mapping[str, Any]
) -> dict[int, dict[str, dict[str, Any]]]:
    """Answers by round and hospital, once every one of them can be believed to be what it says.

    Parameters
    ----------
    asks : sequence of mappings
        Those of the study so far, by round from 0.
    answers : mapping of str to JSON value
        Answers by the name of their file, in any order; the same one may come twice.

    Returns
    -------
    dict of int to dict of str to answer
        Complete for every round from 0 to the last that anybody answered.

    Raises
    ------
    DataError
        With every fault of every file at once.
    """
    study, found = read_ask(asks[0]), dict[int, dict[str, dict[str, Any]]]()
    faults: list[Fault] = []
    for file, answer in answers.items():
        own = list(_faults_of(file, answer, asks, study))
        faults += own
        if not own:
            of_round = found.setdefault(answer["round"], {})
            if of_round.setdefault(answer["centre"], answer) != answer:
                rule = f"{answer['centre']} must answer round {answer['round']} once"
                faults.append(_fault(file, rule, f"keep the answer that was given first, or {ANEW}"))
    for number in range(max(found, default=0) + 1):
        if missing := sorted(set(study.centres) - set(found.get(number, {}))):
            rule = f"no answer of {', '.join(missing)} to round {number}"
            # Who was asked further has answered this round.
            given = "give it, too: combine needs the answers of every round (answers/*.json)"
            faults.append(_fault(None, rule, given if number + 1 < len(asks) else "wait for it: none is left out"))
    faults += _changes(study, found)
    if faults:
        raise DataError("the answers were refused", faults)
    return found


def _faults_of(file: str, answer: Any, asks: Sequence[Mapping[str, Any]], study: Study) -> Iterator[Fault]:
    """What is wrong with one answer by itself."""
    if not isinstance(answer, dict) or answer.get("schema") != ANSWER:
        yield _fault(file, f"must be an answer ({ANSWER})", "give the files that riskml federate answer wrote")
        return
    if answer.keys() != ANSWER_KEYS:
        yield _fault(file, "must hold the keys of an answer and no others", "ask the hospital for it again")
        return
    if not intact(answer):
        yield _fault(file, "must match its own digest", "it was changed on the way: ask the hospital for it again")
    if answer["plan"] != study.digest:
        yield _fault(file, "must answer this study's plan", "it belongs to another study")
        return
    if answer["centre"] not in study.centres:
        yield _fault(file, f"must come from {', '.join(study.centres)}", "plan anew with all hospitals")
    number = answer["round"]
    if type(number) is not int or not 0 <= number < len(asks) or answer["ask"] != asks[number]["digest"]:
        yield _fault(file, "must answer a round that was asked", "answer the newest ask of this study")
        return
    if answer["step"] != asks[number]["step"]:
        yield _fault(file, f"must answer the step {asks[number]['step']}", "answer the ask again")
        return
    if not all(isinstance(answer[key], str) for key in ("data", "secret")) or type(answer["synthetic"]) is not bool:
        yield _fault(file, "must say of what data it is", "ask the hospital for it again")
    inputs = kept_features(study, asks[number].get("features", ()))[1]
    group = answer["group"]
    if not (is_group(group, inputs) if answer["step"] == FINISH else group is None):
        yield _fault(file, "must hold groups of five or more patients in the last round only", "answer the ask again")
    yield from _sum_faults(file, answer, layout(study, asks[number]), study)


def _sum_faults(file: str, answer: Mapping[str, Any], sizes: Mapping[str, int], study: Study) -> Iterator[Fault]:
    sums, lists = answer["sums"], (answer["withheld"], answer["blanked"])
    features = {feature.name for feature in study.recipe.features} | set(study.recipe.inputs)
    if not all(isinstance(names, list) and set(map(str, names)) <= features for names in lists):
        yield _fault(file, "must name features it withholds and inputs it blanks", "ask the hospital for it again")
    if not isinstance(sums, dict) or {name: _length(values) for name, values in sums.items()} != dict(sizes):
        yield _fault(file, "must hold the sums that were asked for and no others", "answer the ask again")
        return
    numbers = [value for values in sums.values() for value in values]
    if not (
        all(map(is_word, numbers)) if study.masked else _finite(numbers) and all(abs(x) < LARGEST for x in numbers)
    ):
        what = "masked numbers" if study.masked else "finite numbers below 2^56"
        yield _fault(file, f"must hold {what} only", "answer the ask again")
    elif not study.masked and not all(value >= 0 and value == int(value) for value in sums.get("level", ())):
        yield _fault(file, "must name a level of months", "answer the ask again")


def _changes(study: Study, found: Mapping[int, Mapping[str, Mapping[str, Any]]]) -> Iterator[Fault]:
    """Data that changed between rounds or are those of two hospitals, and secrets that are not the same everywhere."""
    data: dict[str, dict[str, None]] = {centre: {} for centre in study.centres}
    secrets: dict[str, list[str]] = {}
    for number, of_round in sorted(found.items()):
        for centre, answer in sorted(of_round.items()):
            data[centre][answer["data"]] = None
            secrets.setdefault(answer["secret"], []).append(f"{centre} in round {number}")
    for centre, files in data.items():
        if len(files) > 1:
            rule = f"the data of {centre} must stay the same in every round"
            yield _fault(None, rule, f"answer from the first file, or {ANEW}")
    yield from from_one_file(data, ANEW)
    if len(secrets) > 1:
        yield _parted(sorted(secrets.values(), key=len))


def from_one_file(data: Mapping[str, Iterable[str]], remedy: str) -> Iterator[Fault]:
    """Hospitals that answered from one and the same file, by the digests of what each answered from."""
    centres: dict[str, list[str]] = {}
    for centre, files in sorted(data.items()):
        for file in files:
            centres.setdefault(file, []).append(centre)
    for same in centres.values():
        if len(same) > 1:
            rule = f"{' and '.join(same)} must not answer from one and the same file"
            yield _fault(None, rule, f"one of them gave another hospital's file or --centre: {remedy}")


def _parted(sides: Sequence[Sequence[str]]) -> Fault:
    """Who has another secret than most, or all sides where none is most; the largest comes last."""
    again = "answer again with the shared secret, from the same file, and give that in place of the old answer"
    if 2 * len(sides[-1]) > sum(map(len, sides)):
        who = ", ".join(sorted(name for side in sides[:-1] for name in side))
        return _fault(None, f"all hospitals must use the same secret: not so {who}", again)
    who = " and ".join(sorted(f"({', '.join(side)})" for side in sides))
    return _fault(None, f"all hospitals must use the same secret: it differs between {who}", f"agree on one; {again}")


def _length(values: Any) -> int:
    return len(values) if isinstance(values, list) else -1


def _finite(values: Any) -> bool:
    return isinstance(values, list) and all(map(is_finite, values))


def _fault(file: str | None, rule: str, remedy: str) -> Fault:
    return Fault(None, None, rule if file is None else f"{file}: {rule}", None, remedy)
