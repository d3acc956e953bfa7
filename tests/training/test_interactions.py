"""Interactions: by hand, by permutations, by shap, and none where a game is additive."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from riskml.runtime.members import Member, Tree, Trees
from riskml.runtime.responses import PROBABILITY
from riskml.runtime.score import score_table
from riskml.training.interactions import MAX_INPUTS, interactions, mean_interactions, worths_of_prototypes
from tests.runtime.models import logistic, plain_model

games = arrays(float, 16, elements=st.floats(-5, 5))


def forest(inputs=("x", "y", "z")):
    """x and y decide together, z by itself."""
    both = Tree((0, 1), (0.0, 0.0), (1, -1), (-2, -3), (0.1, 0.3, 0.9))
    alone = Tree((2,), (0.0,), (-1,), (-2,), (0.2, 0.4))
    rows = itertools.product([-1.0, 1.0], repeat=len(inputs))
    member = Member(1.0, Trees((0.0,), 0.5, (both, alone)), PROBABILITY)
    return plain_model([member], dict.fromkeys(rows, 0.5 ** len(inputs)), inputs=inputs)


def test_two_players_who_need_each_other():
    assert interactions(np.array([0.0, 0.0, 0.0, 7.0]), 2).tolist() == [[0.0, 7.0], [7.0, 0.0]]
    assert interactions(np.array([0.0, 1.0, 1.0, 1.0]), 2)[0, 1] == -1.0, "either will do: they stand in for each other"


@given(games)
def test_the_mean_over_orders_in_which_the_pair_comes_as_one(worths):
    """With the pair as one player, the second difference at whoever came before, over all orders."""
    found = interactions(worths, 4)
    for i, j in itertools.combinations(range(4), 2):
        others, total = [k for k in range(4) if k not in {i, j}], 0.0
        for order in itertools.permutations([*others, "pair"]):
            before = sum(1 << k for k in order[: order.index("pair")])
            one, other = 1 << i, 1 << j
            total += worths[before | one | other] - worths[before | one] - worths[before | other] + worths[before]
        assert found[i, j] == found[j, i] == pytest.approx(total / math.factorial(3), abs=1e-9)


@given(arrays(float, 4, elements=st.floats(-5, 5)))
def test_an_additive_game_has_none(gains):
    worths = np.array([sum(g for k, g in enumerate(gains) if subset >> k & 1) for subset in range(16)])
    assert np.abs(interactions(worths, 4)).max() < 1e-9


def test_trees_interact_where_they_ask_one_after_the_other():
    found = mean_interactions(forest())
    assert found[0, 1] > 0.01
    assert found[0, 2] == pytest.approx(0, abs=1e-12)
    assert found[1, 2] == pytest.approx(0, abs=1e-12)
    assert (found == found.T).all()


def test_worths_run_from_nothing_known_to_the_prototype_itself():
    model = forest()
    worths = worths_of_prototypes(model)
    columns = dict(zip(model.inputs, zip(*model.background, strict=True), strict=True))
    assert worths[:, 0] == pytest.approx(score_table(model, {}, 1)[0, 0])
    assert worths[:, -1] == pytest.approx(score_table(model, columns, 8)[:, 0])


def test_more_inputs_than_can_be_enumerated_are_refused():
    names = tuple(f"x{k}" for k in range(MAX_INPUTS + 1))
    model = plain_model([logistic(0.0, *[0.1] * len(names))], {(0.0,) * len(names): 1.0}, inputs=names)
    with pytest.raises(ValueError, match=f"at most {MAX_INPUTS} inputs, got {MAX_INPUTS + 1}"):
        mean_interactions(model)


@pytest.mark.slow
def test_shap_s_exact_explainer_halves_the_same_number():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what shap's own imports warn of is not ours to mend
        shap = pytest.importorskip("shap")
    model = forest()
    background = np.array(model.background)

    def answers(table):
        return score_table(model, dict(zip(model.inputs, table.T, strict=True)), len(table))[:, 0]

    masker = shap.maskers.Independent(background, max_samples=len(background))
    theirs = shap.explainers.Exact(answers, masker)(background, interactions=True).values
    ours = interactions(worths_of_prototypes(model), 3)
    for i, j in itertools.combinations(range(3), 2):
        assert 2 * theirs[:, i, j] == pytest.approx(ours[:, i, j], abs=1e-9)
