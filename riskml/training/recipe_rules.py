"""What a recipe.toml must obey, as faults: types first, then names, then what is known when."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import Any, NamedTuple

from riskml.cohort.outcomes.settings import contradictions
from riskml.errors import DataError, Fault
from riskml.runtime.dictionary import Dictionary, Variable
from riskml.runtime.explain import MAX_INPUTS
from riskml.runtime.inputs import read_inputs
from riskml.runtime.model import OPS
from riskml.runtime.review import is_day
from riskml.runtime.time_responses import DISTRIBUTIONS
from riskml.training.ensemble import COMBINED
from riskml.training.learners.outside import KIND as OUTSIDE
from riskml.training.learners.table import find_learner, known_learners

_EXAMPLE = "see models/non_response/recipe.toml"


class Rule(NamedTuple):
    """A check of one value, and the words for it after "must be"."""

    holds: Callable[[Any], bool]
    words: str


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_list(value: Any, holds: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and bool(value) and all(map(holds, value))


def _rises(value: Any) -> bool:
    return _is_list(value, _is_number) and value[0] > 0 and all(a < b for a, b in pairwise(value))


def _are_thresholds(value: Any) -> bool:
    return _rises(value) and len(value) == 2 and value[1] < 1


def _whole(least: int) -> Rule:
    return Rule(lambda value: type(value) is int and value >= least, f"a whole number, {least} or more")


_TEXT = Rule(_is_text, "text")
_TEXTS = Rule(lambda value: _is_list(value, _is_text), "a list of texts")
_POSITIVE = Rule(lambda value: _is_number(value) and value > 0, "a positive number")
_NUMBER = Rule(_is_number, "a number")
_RISING = Rule(_rises, "a list of positive, rising numbers")
_RANGE = Rule(
    lambda value: _is_list(value, _is_number) and len(value) == 2 and value[0] <= value[1],
    "a list of two numbers, the lowest and the highest",
)
_TABLE = Rule(lambda value: isinstance(value, dict), "a table")
_DAY = Rule(is_day, 'a day in quotes, such as "2028-11-30"')
_TABLES = Rule(lambda value: _is_list(value, _TABLE.holds), "a list of tables, [[...]]")

# The name becomes a folder.
_NAME = Rule(
    lambda value: isinstance(value, str) and bool(re.fullmatch(r"\w[\w-]*", value)), "one word (a-z, 0-9, _, -)"
)
_REQUIRED: Mapping[str, Rule] = {
    "name": _NAME,
    "version": _TEXT,
    "label": _TEXT,
    "outcome": Rule(lambda value: _is_text(value) or isinstance(value, dict), "the name of an outcome, or a table"),
    "landmark": _TEXT,
    "intended_use": _TEXT,
    "not_for": _TEXTS,
    "feature": _TABLES,
    "learner": _TABLE,
}
_KEYS: Mapping[str, Rule] = {
    **_REQUIRED,
    "horizons_months": _RISING,
    "column_maps": _TEXTS,
    "applies_to": _TABLE,
    "evaluation": _TABLE,
    "uncertainty": _TABLE,
    "evidence": _TABLE,
    "golden": _TABLES,
    "date": _DAY,
    "review_by": _DAY,
    "owner": _TEXT,
    "contact": _TEXT,
}
_SETTINGS: Mapping[str, Mapping[str, Rule]] = {
    "evaluation": {
        "folds": _whole(2),
        "repeats": _whole(1),
        "horizon_months": _POSITIVE,
        "force_horizon": Rule(lambda value: isinstance(value, bool), "true or false"),
        "thresholds": Rule(_are_thresholds, "two risks between 0 and 1, rising, such as [0.05, 0.4]"),
    },
    "uncertainty": {
        "bootstrap": _whole(0),
        "level": Rule(lambda value: _is_number(value) and 0 < value < 1, "a number between 0 and 1"),
    },
    "evidence": {"without_studies": _TEXTS},
}
_SHARE = Rule(lambda value: _is_number(value) and 0 <= value <= 1, "a number from 0 to 1")
_CLASS = Rule(
    lambda value: isinstance(value, str) and bool(re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", value)),
    "a class, written 'package.module:Class'",
)
_ANYTHING = Rule(lambda _: True, "")
_TRUTH = Rule(lambda value: isinstance(value, bool), "true or false")
_LEARNER_SETTINGS: Mapping[str, Rule] = {
    "prior_scale": _POSITIVE,
    "prior_weight": _SHARE,
    "grid_months": _RISING,
    "trees": _whole(1),
    "leaf": _whole(1),
    "rounds": _whole(1),
    "partition_rows": _whole(1),
    "depth": _whole(1),
    "learning_rate": Rule(lambda value: _is_number(value) and 0 < value <= 1, "a number above 0, at most 1"),
    "distribution": Rule(lambda value: value in DISTRIBUTIONS, f"one of {', '.join(sorted(DISTRIBUTIONS))}"),
    "weight": _POSITIVE,
    "least_events": _whole(0),
    "calibrate": _TRUTH,
}
# Boosting has all three; see riskml.training.learners.parametric.
_PARAMETRIC = Rule(lambda value: value in ("weibull", "loglogistic"), "one of loglogistic, weibull")
_FEATURE: Mapping[str, Rule] = {"name": _TEXT, "op": _TEXT, "inputs": _TEXTS, "why": _TEXT}
_PARAMETER: Mapping[str, Rule] = {
    "log10": Rule(_POSITIVE.holds, "a positive number, the floor"),
    "hinge": Rule(_is_number, "a number, the knot"),
    "at_least": Rule(_is_number, "a number, the cut"),
    "level": Rule(_TEXTS.holds, "a list of levels"),
}
_FEATURE_EXTRAS: Mapping[str, Rule] = {"parameter": _ANYTHING, "optional": _TRUTH}
_NO_PARAMETER = Rule(lambda value: value is None, "left out")


def faults_of(raw: Mapping[str, Any], dictionary: Dictionary) -> Iterator[Fault]:
    """Everything wrong with the content of a recipe.toml; what is of the wrong type is not looked into further."""
    yield from _unknown(raw, _KEYS, "", "a key of a recipe")
    for key in sorted(_REQUIRED.keys() - raw.keys()):
        yield Fault(None, key, "must be given", None, _EXAMPLE)
    sound = {key: value for key, value in raw.items() if key in _KEYS and _KEYS[key].holds(value)}
    for key in sorted(_KEYS.keys() & (raw.keys() - sound.keys())):
        yield _wrong(key, _KEYS[key], raw[key])
    for section, rules in _SETTINGS.items():
        yield from _setting_faults(sound.get(section, {}), rules, f"{section}.", "a setting")
    outcome, landmark = sound.get("outcome"), sound.get("landmark")
    if isinstance(outcome, Mapping):
        for words in contradictions(outcome, dictionary):
            yield Fault(None, "outcome", words, None, "see docs/outcomes.md")
    else:
        yield from _not_listed("outcome", outcome, dictionary.outcomes)
    yield from _not_listed("landmark", landmark, dictionary.landmarks)
    landmark = landmark if landmark in dictionary.landmarks else None
    kind = (outcome if isinstance(outcome, Mapping) else dictionary.outcomes.get(outcome or "", {})).get("kind")
    if "learner" in sound:
        yield from _learner_faults(sound["learner"], kind)
    yield from _features_faults(sound.get("feature", ()), landmark, dictionary)
    yield from _number_faults(sound.get("feature", ()), sound.get("learner", {}))
    for name, allowed in sound.get("applies_to", {}).items():
        yield from _population_faults(name, allowed, landmark, dictionary)
    for number, patient in enumerate(sound.get("golden", ()), start=1):
        yield from _golden_faults(number, patient, dictionary)
    if kind == "survival":
        yield from _horizon_faults(raw, sound)
    yield from _study_faults(sound.get("evidence", {}).get("without_studies"))
    yield from _review_faults(sound.get("date"), sound.get("review_by"))


def _wrong(place: str, rule: Rule, value: Any) -> Fault:
    return Fault(None, place, f"must be {rule.words}", str(value), "correct it")


def _unknown(table: Mapping[str, Any], known: Mapping[str, Any], prefix: str, what: str) -> Iterator[Fault]:
    for key in sorted(table.keys() - known.keys()):
        yield Fault(None, f"{prefix}{key}", f"is not {what}", None, f"use one of {', '.join(sorted(known))}")


def _setting_faults(table: Mapping[str, Any], rules: Mapping[str, Rule], prefix: str, what: str) -> Iterator[Fault]:
    yield from _unknown(table, rules, prefix, what)
    for key, rule in rules.items():
        if key in table and not rule.holds(table[key]):
            yield _wrong(f"{prefix}{key}", rule, table[key])


def _not_listed(place: str, value: Any, known: Any) -> Iterator[Fault]:
    if value is not None and value not in known:
        yield Fault(None, place, "must be one of " + ", ".join(known), str(value), f"use a listed {place}")


def _learner_faults(learner: Mapping[str, Any], outcome_kind: str | None) -> Iterator[Fault]:
    if learner.get("kind") == OUTSIDE:
        yield from _outside_faults(learner, outcome_kind)
        return
    if learner.get("kind") not in COMBINED:
        yield from _member_faults("learner", learner, outcome_kind, {"calibrate", "grid_months"})
        return
    own = {"kind": _ANYTHING, "member": _ANYTHING, **({} if outcome_kind == "binary" else {"grid_months": _RISING})}
    yield from _setting_faults(learner, own, "learner.", f"a setting of {_an(learner['kind'])}")
    if not _TABLES.holds(learner.get("member")):
        remedy = "write one [[learner.member]] table for each learner"
        yield Fault(None, "learner.member", f"must be {_TABLES.words}", str(learner.get("member")), remedy)
        return
    # A stack finds its weights itself.
    shared = {"calibrate", "least_events", *(("weight",) if learner["kind"] == "average" else ())}
    for number, table in enumerate(learner["member"], start=1):
        yield from _member_faults(f"learner.member {number}", table, outcome_kind, shared)
    specs = [find_learner(table["kind"]) for table in learner["member"] if isinstance(table.get("kind"), str)]
    speak_of = {spec.outcome for spec in specs if spec is not None}
    if "incidence" in speak_of and (len(speak_of) > 1 or learner["kind"] == "stack"):
        rule = "learners of several causes are averaged with each other only, and not stacked"
        yield Fault(None, "learner.member", rule, None, "use one kind of learner, and kind = 'average'")


def _outside_faults(learner: Mapping[str, Any], outcome_kind: str | None) -> Iterator[Fault]:
    """The class is not imported here: reading a recipe runs no code."""
    rules = {"kind": _ANYTHING, "estimator": _CLASS, "settings": _TABLE}
    rules |= {} if outcome_kind == "binary" else {"grid_months": _RISING}
    yield from _setting_faults({"estimator": None, **learner}, rules, "learner.", f"a setting of {OUTSIDE}")


def _an(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _member_faults(
    place: str, table: Mapping[str, Any], outcome_kind: str | None, shared: AbstractSet[str]
) -> Iterator[Fault]:
    """``shared``: settings that any learner may have here, whatever its kind."""
    kind = table.get("kind")
    if kind == OUTSIDE:
        rule = "an estimator of another package has no portable form and cannot be part of an average"
        yield Fault(None, f"{place}.kind", rule, None, "let it stand alone")
        return
    spec = find_learner(kind) if isinstance(kind, str) else None
    if spec is None:
        known = ", ".join([*known_learners(), *((*COMBINED, OUTSIDE) if place == "learner" else ())])
        yield Fault(None, f"{place}.kind", f"must be one of {known}", str(kind), "use a listed learner")
        return
    if outcome_kind and outcome_kind != ("binary" if spec.outcome == "binary" else "survival"):
        rule = f"{kind} is for {spec.outcome} outcomes"
        yield Fault(None, f"{place}.kind", rule, outcome_kind, "choose another learner")
    # Without time there is no grid; and an incidence has no scale on which a line would keep the causes' sum.
    shared = shared - {"binary": {"grid_months"}, "incidence": {"calibrate"}}.get(spec.outcome, set())
    rules = {key: rule for key, rule in _LEARNER_SETTINGS.items() if key in spec.settings or key in shared}
    rules |= {key: _ANYTHING for key in spec.settings if key not in rules}
    if kind == "parametric":
        rules["distribution"] = _PARAMETRIC
    settings = {key: value for key, value in table.items() if key != "kind"}
    yield from _setting_faults(settings, rules, f"{place}.", f"a setting of {kind}")


def _horizon_faults(raw: Mapping[str, Any], sound: Mapping[str, Any]) -> Iterator[Fault]:
    """Survival needs months to report, and a baseline that reaches the last of them."""
    if "horizons_months" not in raw:
        remedy = "write for example [6, 12, 24]"
        yield Fault(None, "horizons_months", "must be given for a survival outcome", None, remedy)
    horizons = sound.get("horizons_months", [])
    grid = sound.get("learner", {}).get("grid_months", horizons)
    judged = sound.get("evaluation", {}).get("horizon_months", 0)
    asked = [*horizons, *([judged] if _POSITIVE.holds(judged) else [])]
    if asked and _rises(grid) and grid[-1] < max(asked):
        rule = f"must reach {max(asked):g} months, the last that is reported or judged"
        yield Fault(None, "learner.grid_months", rule, f"{grid[-1]:g}", "add later months to the grid")


def _review_faults(date: str | None, by: str | None) -> Iterator[Fault]:
    if date is not None and by is not None and by <= date:
        yield Fault(None, "review_by", f"must come after the recipe's date, {date}", by, "set a later day")


def _study_faults(left_out: Any) -> Iterator[Fault]:
    """A misspelt study would be used, and counted twice."""
    if _TEXTS.holds(left_out):
        from riskml.training.evidence import load_evidence  # noqa: PLC0415 - few recipes name studies

        for study in left_out:
            yield from _not_listed("evidence.without_studies", study, load_evidence().studies)


def _features_faults(features: Any, landmark: str | None, dictionary: Dictionary) -> Iterator[Fault]:
    for item in features:
        yield from _feature_faults(item, landmark, dictionary)
    names = [item["name"] for item in features if _is_text(item.get("name"))]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Fault(None, f"feature {name}", "names of features must differ", None, "rename all but one")
    yield from _exclusive_faults(features, dictionary)
    yield from _part_faults(features, dictionary)


def _number_faults(features: Any, learner: Mapping[str, Any]) -> Iterator[Fault]:
    """Every prediction is explained exactly, and some learners can only be explained coalition by coalition."""
    inputs = {name for item in features if _TEXTS.holds(item.get("inputs")) for name in item["inputs"]}
    tables = [table for table in learner.get("member", [learner]) if isinstance(table, Mapping)]
    for table in tables:
        spec = find_learner(table["kind"]) if _is_text(table.get("kind")) else None
        few = spec is not None and (not spec.any_inputs or (spec.splits and table.get("calibrate") is True))
        if few and len(inputs) > MAX_INPUTS:
            rule = f"may use at most {MAX_INPUTS} inputs with {_an(table['kind'])}"
            yield Fault(None, "feature", rule, str(len(inputs)), "leave out the weakest, or take another learner")


def _exclusive_faults(features: Any, dictionary: Dictionary) -> Iterator[Fault]:
    """A count and its percentage share the cells they count: both in one model would tell one thing twice."""
    inputs = {name for item in features if _TEXTS.holds(item.get("inputs")) for name in item["inputs"]}
    for name in sorted(inputs & set(dictionary.variables)):
        for other in dictionary[name].exclusive_with:
            if name < other and other in inputs:
                yield Fault(None, "feature", f"{name} and {other} say the same", None, "use one of the two")


def _part_faults(features: Any, dictionary: Dictionary) -> Iterator[Fault]:
    """What is computed from one input alone, or contains it, says that input again."""
    inputs = {name for item in features if _TEXTS.holds(item.get("inputs")) for name in item["inputs"]}
    for name in dictionary.derivable(sorted(inputs)):
        made = dictionary.definitions[name]
        for part in made.inputs if made.op in ("log10", "group", "any_of") else ():
            if part in inputs:
                yield Fault(None, "feature", f"{name} says {part} again", None, "use one of the two")


def _feature_faults(item: Mapping[str, Any], landmark: str | None, dictionary: Dictionary) -> Iterator[Fault]:
    place = f"feature {item.get('name', '?')}"
    absent = sorted(_FEATURE.keys() - item.keys())
    if absent:
        remedy = "a predictor without a reason is not pre-specified"
        yield Fault(None, place, "must have name, op, inputs and why", f"no {', '.join(absent)}", remedy)
    yield from _setting_faults(item, {**_FEATURE, **_FEATURE_EXTRAS}, f"{place}: ", "a key here")
    op, names = item.get("op"), item.get("inputs", ())
    if _is_text(op) and op not in OPS:
        yield Fault(None, place, "op must be one of " + ", ".join(OPS), str(op), "use a listed transform")
    elif _is_text(op):
        rule = _PARAMETER.get(str(op), _NO_PARAMETER)
        if not rule.holds(item.get("parameter")):
            given = str(item.get("parameter", "nothing"))
            yield Fault(None, place, f"the parameter of {op} must be {rule.words}", given, "correct it")
    if not _TEXTS.holds(names):
        return
    if len(set(names)) < len(names):
        yield Fault(None, place, "inputs must differ", ", ".join(names), "name each input once")
    for name in dict.fromkeys(names):
        variable = dictionary.variables.get(name)
        if variable is None:
            remedy = f"the nearest name is '{dictionary.nearest(name)}'"
            yield Fault(None, place, f"{name} is not in the dictionary", None, remedy)
        else:
            yield from _input_faults(place, item, variable, landmark, dictionary)


def _input_faults(
    place: str, item: Mapping[str, Any], variable: Variable, landmark: str | None, dictionary: Dictionary
) -> Iterator[Fault]:
    name, op, parameter = variable.name, item.get("op"), item.get("parameter", ())
    if landmark and not dictionary.usable_at(variable, landmark):
        rule = f"{name} is known only from {variable.known}, after the landmark {landmark}"
        yield Fault(None, place, rule, None, "leave it out: it would leak the outcome")
    if variable.kind == "identifier":
        yield Fault(None, place, f"{name} identifies rows and cannot be a predictor", None, "leave it out")
    elif variable.kind == "date":
        remedy = "use an interval: age, entry_time or another variable counted from a date"
        yield Fault(None, place, f"{name} is a date: it identifies a patient and cannot be a predictor", None, remedy)
    elif variable.kind == "lesion_text":
        yield Fault(None, place, f"{name} is text and cannot be a predictor", None, "name the lesions read from it")
    elif isinstance(op, str) and op in OPS and (variable.kind == "category") != (op == "level"):
        rule = f"{name} is a {variable.kind} and cannot go through {op}"
        yield Fault(None, place, rule, None, "use 'level' for categories, and for nothing else")
    elif op == "level" and _TEXTS.holds(parameter):
        for level in sorted(set(parameter) - set(variable.levels)):
            rule = f"the levels of {name} are {', '.join(variable.levels)}"
            yield Fault(None, place, rule, level, "use those: another level would never be met")


def _population_faults(name: str, allowed: Any, landmark: str | None, dictionary: Dictionary) -> Iterator[Fault]:
    place, variable = f"applies_to.{name}", dictionary.variables.get(name)
    if variable is None:
        yield Fault(None, place, "is not in the dictionary", None, f"the nearest name is '{dictionary.nearest(name)}'")
        return
    if variable.kind == "date":
        yield Fault(None, place, "is a date: it identifies a patient", None, "describe patients by an interval, as age")
        return
    if landmark and not dictionary.usable_at(variable, landmark):
        rule = f"is known only from {variable.known}, after the landmark {landmark}"
        yield Fault(None, place, rule, None, "describe patients by what is known before")
    if variable.kind == "category":
        wanted = Rule(
            lambda value: _TEXTS.holds(value) and set(value) <= set(variable.levels),
            f"a list of levels out of {', '.join(variable.levels)}",
        )
    else:
        wanted = _RANGE
    if not wanted.holds(allowed):
        yield _wrong(place, wanted, allowed)


def _golden_faults(number: int, patient: Mapping[str, Any], dictionary: Dictionary) -> Iterator[Fault]:
    """An invented patient that cannot be read would otherwise stop the training at its very end."""
    for name in patient:
        hit = dictionary.find(name)
        if hit is not None and hit[0].kind == "date":
            yield Fault(None, f"golden patient {number}: {name}", "a bundle holds no dates", None, "leave it out")
    try:
        read_inputs(dictionary, patient)
    except DataError as error:
        for fault in error.faults:
            yield fault.with_(column=f"golden patient {number}: {fault.column}")
