"""What may be asked of a model in time: S(t), S(t) of whoever is event-free by now, expected event-free months.

A question says at which months the model has to answer and what becomes of those answers. Value, interval and
explanation then follow in one way for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, pairwise
from math import sqrt
from operator import mul

from riskml.record import Record
from riskml.runtime.members import Member
from riskml.runtime.model import PortableModel, Value
from riskml.runtime.score import drawn_answers, mean_answers, percentiles, position
from riskml.runtime.time_responses import EventFree, Incidence, IncidenceSince

# Gauss-Legendre with four nodes on [-1, 1] (Abramowitz & Stegun, Handbook of mathematical functions, 25.4.30).
_INNER, _OUTER = sqrt(3 / 7 - 2 / 7 * sqrt(6 / 5)), sqrt(3 / 7 + 2 / 7 * sqrt(6 / 5))
_NODES = (-_OUTER, -_INNER, _INNER, _OUTER)
_WEIGHTS = tuple((18 + sign * sqrt(30)) / 36 for sign in (-1, 1, 1, -1))
# Pieces for models without a grid of months: short where a parametric hazard may be steep.
_KNOTS = (0.01, 0.05, 0.2, 0.5, 1.0, 2.0, 3.0, 6.0, 9.0, 12.0, 18.0, 24.0, 36.0, 48.0, 60.0, 90.0, 120.0)


class Question(Record):
    """What is asked of a model.

    Attributes
    ----------
    parts : tuple of (PortableModel, tuple of float)
        Models and the months at which each has to answer; all have the inputs and the background of the first.
    scale : str
        What an answer is: that of the model, or "months".
    combine : callable
        Turns those answers, one after another, into the answers to the question.
    is_linear : bool
        Whether ``combine`` is a weighted sum, so that effects combine as answers do.
    most : float
        The largest answer there can be.
    """

    parts: tuple[tuple[PortableModel, tuple[float, ...]], ...]
    scale: str
    combine: Callable[[Sequence[float]], list[float]]
    is_linear: bool = True
    most: float = 1.0

    @property
    def model(self) -> PortableModel:
        """The model that is asked."""
        return self.parts[0][0]


def at_months(model: PortableModel, times: Sequence[float] = ()) -> Question:
    """S(t), or the cumulative incidence, at ``times``; the probability of a binary model."""
    return Question(((model, tuple(times)),), model.scale, list)


def given_event_free(model: PortableModel, times: Sequence[float], since: float) -> Question:
    """The same for a patient who is event-free at month ``since``: S(t) / S(since).

    For an incidence it is the share who have the event after ``since``, of those free of every cause by then. Being
    event-free is all that is known in addition: whatever was measured since is not in it.
    """
    return Question(_since(model, times, since), model.scale, _conditional, is_linear=False)


def restricted_mean(model: PortableModel, months: float, since: float = 0.0) -> Question:
    """Expected event-free months from ``since`` to ``months``: the area under S(t), given event-free at ``since``.

    For an incidence it is the months lost to the event (Royston P, Parmar MKB. BMC Med Res Methodol 2013;13:152).
    The area is taken by Gauss-Legendre with four nodes between each two months of the members' grids.
    """
    inner = {t for t in chain(*(m.response.knots for m in model.members)) if since < t < months}
    knots = sorted({since, months, *(inner or [t for t in _KNOTS if since < t < months])})
    times = tuple((a + b) / 2 + node * (b - a) / 2 for a, b in pairwise(knots) for node in _NODES)
    weights = [weight * (b - a) / 2 for a, b in pairwise(knots) for weight in _WEIGHTS]

    def area(answers: Sequence[float]) -> list[float]:
        return [sum(map(mul, weights, answers))]

    if since == 0:
        return Question(((model, times),), "months", area, most=months)
    parts = _since(model, times, since)
    return Question(parts, "months", lambda answers: area(_conditional(answers)), is_linear=False, most=months - since)


def _since(
    model: PortableModel, times: Sequence[float], since: float
) -> tuple[tuple[PortableModel, tuple[float, ...]], ...]:
    """Who is still free, or has the event later, at ``times``; last, who is free of every cause at ``since``."""
    if model.kind != "incidence":
        return ((model, (*times, since)),)
    later = _answering(model, "incidence", lambda response: IncidenceSince(response.baselines, since))
    free = _answering(model, "survival", lambda response: EventFree(response.baselines))
    return (later, tuple(times)), (free, (since,))


def _conditional(answers: Sequence[float]) -> list[float]:
    """Shares of those who are free at the start, which come last; 0 where nobody is."""
    *later, free = answers
    return [answer / free if free > 0 else 0.0 for answer in later]


def _answering(model: PortableModel, kind: str, response: Callable[[Incidence], Incidence]) -> PortableModel:
    """The same hazards, asked for something else."""

    def changed(member: Member) -> Member:
        assert isinstance(member.response, Incidence)
        return member.with_(response=response(member.response))

    draws = tuple(tuple(map(changed, draw)) for draw in model.bootstrap)
    return model.with_(kind=kind, members=tuple(map(changed, model.members)), bootstrap=draws)


def ask(question: Question, known: Mapping[str, Value]) -> list[float]:
    """The model's answers for a patient of whom only ``known`` is known."""
    place = position(question.model, known)
    answers = chain(*(mean_answers(model.members, place, times) for model, times in question.parts))
    return [min(question.most, answer) for answer in question.combine(list(answers))]


def interval(
    question: Question, known: Mapping[str, Value], centre: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Percentile interval over the members of all bootstrap refits; see :func:`riskml.runtime.score.percentiles`.

    Returns
    -------
    low, high : lists of float
        One pair per entry of ``centre``.
    """
    return percentiles(question.model, drawn(question, known), centre, 0.0, question.most)


def drawn(question: Question, known: Mapping[str, Value]) -> list[list[float]]:
    """What the members of all bootstrap refits answer, in one order for every patient."""
    place = position(question.model, known)
    parts = [drawn_answers(model, place, times) for model, times in question.parts]
    return [question.combine(list(chain(*answers))) for answers in zip(*parts, strict=True)]


def difference(
    question: Question, before: Mapping[str, Value], after: Mapping[str, Value]
) -> tuple[list[float], list[float], list[float]]:
    """How much more the model answers of one patient than of another, with its interval.

    Both are asked of the same refits, so that what moves them alike drops out.

    Returns
    -------
    value, low, high : lists of float
        One each per answer.
    """
    centre = [b - a for a, b in zip(ask(question, before), ask(question, after), strict=True)]
    pairs = zip(drawn(question, before), drawn(question, after), strict=True)
    draws = [[y - x for x, y in zip(*pair, strict=True)] for pair in pairs]
    return centre, *percentiles(question.model, draws, centre, -question.most, question.most)
