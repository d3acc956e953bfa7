"""Effects of conditional survival and restricted means against the definition of the Shapley value."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.runtime.explain_question import explain_question
from riskml.runtime.questions import ask, at_months, given_event_free, restricted_mean
from tests.runtime.models import known_inputs, portable_models


def by_definition(question, known):
    """The Shapley value of each input as the mean over orders, coalition by coalition."""
    names = list(known)

    def worth(subset):
        return ask(question, {name: known[name] for name in subset})

    n, found = len(names), {}
    for name in names:
        others = [other for other in names if other != name]
        total = 0.0
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for subset in combinations(others, size):
                total += weight * (worth((*subset, name))[-1] - worth(subset)[-1])
        found[name] = total
    return found


@st.composite
def questions(draw):
    model = draw(portable_models(max_inputs=4).filter(lambda model: model.kind != "binary"))
    end = model.horizon
    since = draw(st.sampled_from([0.25, 0.5])) * end
    return draw(
        st.sampled_from(
            [
                at_months(model, (since, end)),
                given_event_free(model, (0.75 * end, end), since),
                restricted_mean(model, end),
                restricted_mean(model, end, since),
            ]
        )
    ), draw(known_inputs(model))


@given(questions())
@settings(max_examples=60, deadline=None)
def test_effects_are_shapley_values_of_the_question(case):
    question, known = case
    effects = explain_question(question, known)
    assert effects.value == tuple(ask(question, known))
    assert effects.sum_error < 1e-9
    expected = by_definition(question, known)
    assert effects.effects[-1] == pytest.approx(expected, abs=1e-9)
    assert set(effects.effects[0]) == set(known)


@given(questions())
@settings(max_examples=20, deadline=None)
def test_nothing_known_is_the_base(case):
    question, _ = case
    effects = explain_question(question, {})
    assert effects.base == pytest.approx(effects.value, abs=1e-12)
    assert all(not part for part in effects.effects)
