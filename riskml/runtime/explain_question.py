"""Exact Shapley values of the answer to a question: S(t), S(t) of whoever is event-free by now, event-free months."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from operator import add

from riskml.runtime.explain import Effects, differing, explain_value, worths_of
from riskml.runtime.model import PortableModel, Value
from riskml.runtime.questions import Question, ask
from riskml.runtime.subsets import shapley_of_table


def explain_question(question: Question, known: Mapping[str, Value]) -> Effects:
    """Exact Shapley values of :func:`riskml.runtime.questions.ask`, on the scale of the answer.

    Where the answer is a weighted sum of S(t), so are its effects. Otherwise (a ratio) the whole average of members is
    one game, and its coalitions are enumerated.

    Raises
    ------
    TooManyInputsError
        If more than ``MAX_INPUTS`` inputs matter for this patient and there is no shorter way.
    """
    base, effects = _summed(question, known) if question.is_linear else _enumerated(question, known)
    return Effects(question.scale, tuple(base), tuple(effects), tuple(ask(question, known)))


def _summed(question: Question, known: Mapping[str, Value]) -> tuple[list[float], list[dict[str, float]]]:
    parts = [explain_value(model, known, times) for model, times in question.parts]
    base = question.combine(list(chain(*(part.base for part in parts))))
    by_time = list(chain(*(part.effects for part in parts)))
    names = [name for name in question.model.inputs if name in known]
    answers = {name: question.combine([effects[name] for effects in by_time]) for name in names}
    return base, [{name: answers[name][k] for name in names} for k in range(len(base))]


def _enumerated(question: Question, known: Mapping[str, Value]) -> tuple[list[float], list[dict[str, float]]]:
    found = {name for model, _ in question.parts for m in model.members for name in differing(model, m, known)}
    names = [name for name in question.model.inputs if name in found]
    parts = [_worths(model, known, names, times) for model, times in question.parts]
    worths = [question.combine(list(chain(*answers))) for answers in zip(*parts, strict=True)]
    effects = [dict.fromkeys((name for name in question.model.inputs if name in known), 0.0) for _ in worths[0]]
    for k, column in enumerate(zip(*worths, strict=True)):
        effects[k] |= zip(names, shapley_of_table(column, len(names)), strict=True)
    return worths[0], effects


def _worths(
    model: PortableModel, known: Mapping[str, Value], names: list[str], times: tuple[float, ...]
) -> list[list[float]]:
    """v(S) of the average of the members, for every subset S of ``names``."""
    total: list[list[float]] = []
    for member in model.members:
        worths = [[member.weight * x for x in row] for row in worths_of(model, member, known, names, times)]
        total = [list(map(add, *rows)) for rows in zip(total, worths, strict=True)] if total else worths
    return total
