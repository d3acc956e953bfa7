"""The product form: against enumeration, the axioms, games solved by hand, and random orders of many inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.runtime.additive_games import half_nodes, shapley, shapley_table, span
from riskml.runtime.sigmoids import Sigmoid
from riskml.runtime.subsets import shapley_of_table
from riskml.runtime.time_responses import DISTRIBUTIONS

EXACT = 1e-11
each_distribution = pytest.mark.parametrize("distribution", DISTRIBUTIONS)


def answers(sigmoid, z):
    """F(shift + slope * z) for an array of linear predictors; (..., n_answers)."""
    function = np.vectorize(DISTRIBUTIONS[sigmoid.distribution], otypes=[float])
    return function(np.maximum(sigmoid.shifts, -1e6) + sigmoid.slope * np.asarray(z)[..., None])


def enumerated(starts, moves, weights, sigmoid):
    """v(S) of all coalitions; (2**n, n_answers)."""
    points = np.array([starts])
    for move in moves:
        points = np.concatenate([points, points + move])
    return np.array(weights) @ answers(sigmoid, points)


def random_game(seed, n, n_prototypes, spread):
    """Starts, moves and weights with linear predictors of about +- ``spread``."""
    random = np.random.default_rng(seed)
    moves = random.normal(size=(n, n_prototypes)) * spread / 2 / math.sqrt(n)
    return (
        (random.normal(size=n_prototypes) * spread / 3).tolist(),
        moves.tolist(),
        random.dirichlet(np.ones(n_prototypes)).tolist(),
    )


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(DISTRIBUTIONS)),
    st.integers(1, 8),
    st.integers(1, 5),
    st.floats(0.01, 60),
    st.sampled_from([1.0, -1.0, 0.3, -2.0]),
    st.lists(st.floats(-30, 30), min_size=1, max_size=3),
    st.integers(0, 10**6),
)
def test_product_form_is_the_enumeration(distribution, n, n_prototypes, spread, slope, shifts, seed):
    starts, moves, weights = random_game(seed, n, n_prototypes, spread)
    sigmoid = Sigmoid(distribution, tuple(shifts), slope)
    found = shapley(starts, moves, weights, sigmoid)
    worths = enumerated(starts, moves, weights, sigmoid)
    expected = np.array([shapley_of_table(column.tolist(), n) for column in worths.T]).T
    assert np.array(found) == pytest.approx(expected, abs=EXACT)


@each_distribution
@pytest.mark.parametrize("n", [10, 12])
def test_product_form_is_the_enumeration_of_many_inputs(distribution, n):
    starts, moves, weights = random_game(n, n, 3, 6.0)
    moves[1] = [9.0, -30.0, 0.0]  # one far out, and for one prototype none
    sigmoid = Sigmoid(distribution, (-1.0, 0.5), 1.0)
    worths = enumerated(starts, moves, weights, sigmoid)
    expected = np.array([shapley_of_table(column.tolist(), n) for column in worths.T]).T
    assert np.array(shapley(starts, moves, weights, sigmoid)) == pytest.approx(expected, abs=EXACT)


@each_distribution
@pytest.mark.parametrize(("n", "spread"), [(1, 3.0), (30, 3.0), (30, 40.0), (70, 4.0)])
def test_axioms_with_more_inputs_than_can_be_enumerated(distribution, n, spread):
    starts, moves, weights = random_game(n, n, 4, spread)
    sigmoid = Sigmoid(distribution, (0.0, -2.0), -1.0)
    found = np.array(shapley(starts, moves, weights, sigmoid))
    ends = [np.array(starts), np.array(starts) + np.sum(moves, axis=0)]
    nothing, everything = np.array(weights) @ answers(sigmoid, ends)
    assert found.sum(axis=0) == pytest.approx(everything - nothing, abs=1e-10), "efficiency"
    dummy = shapley(starts, [*moves, [0.0] * 4], weights, sigmoid)
    assert dummy[-1] == [0.0, 0.0], "a dummy gets nothing at all"
    assert np.array(dummy[:-1]) == pytest.approx(found, abs=EXACT), "and changes nothing"
    twins = shapley(starts, [*moves, moves[0]], weights, sigmoid)
    assert twins[0] == pytest.approx(twins[-1], abs=1e-14), "symmetry"
    alone = [shapley([z], [[d] for d in move], [1.0], sigmoid) for z, *move in zip(starts, *moves, strict=True)]
    assert found == pytest.approx(np.tensordot(weights, alone, 1), abs=EXACT), "linearity in the weights"


def test_one_input_by_hand():
    # Odds 1 become 3 from one prototype and stay 3 from the other; survival 1/2 becomes 1/4 with twice the hazard.
    found = shapley([0.0, math.log(3)], [[math.log(3), 0.0]], [0.4, 0.6], Sigmoid("loglogistic", (0.0,), -1.0))
    assert found[0] == pytest.approx([0.4 * 0.25], abs=EXACT)
    found = shapley([0.0], [[math.log(2)]], [1.0], Sigmoid("weibull", (math.log(math.log(2)), -math.inf), 1.0))
    assert found[0] == pytest.approx([-0.25, 0.0], abs=EXACT)
    found = shapley([0.0], [[1.959963984540054]], [1.0], Sigmoid("lognormal", (0.0,), -1.0))
    assert found[0] == pytest.approx([0.475], abs=EXACT)


def test_two_unequal_inputs_by_hand():
    # Odds 1, 3, 9 and 27, as in test_explain.
    found = shapley([0.0], [[math.log(3)], [math.log(9)]], [1.0], Sigmoid("loglogistic", (0.0,), -1.0))
    by_hand = [(1 / 4 + 27 / 28 - 9 / 10) / 2, (4 / 10 + 27 / 28 - 3 / 4) / 2]
    assert [effect for (effect,) in found] == pytest.approx(by_hand, abs=EXACT)


@pytest.mark.parametrize("n", [2, 7, 60])
def test_equal_inputs_share_equally(n):
    found = shapley([-3.0], [[6.0 / n]] * n, [1.0], Sigmoid("loglogistic", (0.0,), -1.0))
    share = (1 / (1 + math.exp(-3)) - 1 / (1 + math.exp(3))) / n
    assert [effect for (effect,) in found] == pytest.approx([share] * n, abs=EXACT)


def test_forty_inputs_against_random_orders_of_joining():
    starts, moves, weights = random_game(5, 40, 3, 8.0)
    sigmoid = Sigmoid("weibull", (-0.5,), 1.0)
    random, n_orders = np.random.default_rng(0), 4_000
    orders = random.permuted(np.tile(np.arange(40), (n_orders, 1)), axis=1)
    joined = np.array(moves)[orders].cumsum(axis=1) + np.array(starts)
    first = np.broadcast_to(np.array(starts), (n_orders, 1, 3))
    worth = (answers(sigmoid, np.concatenate([first, joined], axis=1))[..., 0] * weights).sum(axis=-1)
    added = np.empty((n_orders, 40))
    np.put_along_axis(added, orders, np.diff(worth, axis=1), axis=1)
    error = added.std(axis=0, ddof=1) / math.sqrt(n_orders)
    distance = (np.array(shapley(starts, moves, weights, sigmoid))[:, 0] - added.mean(axis=0)) / error
    assert np.abs(distance).max() < 4.0, "in standard errors, of 40 numbers"
    assert 0.6 < distance.std() < 1.4


@each_distribution
def test_a_range_of_hundreds_costs_more_but_stays_exact(distribution):
    starts, moves = [-400.0], [[230.0], [250.0], [-180.0], [500.0], [0.4]]
    sigmoid = Sigmoid(distribution, (0.0,), 1.0)
    expected = shapley_of_table(enumerated(starts, moves, [1.0], sigmoid)[:, 0].tolist(), 5)
    assert [effect for (effect,) in shapley(starts, moves, [1.0], sigmoid)] == pytest.approx(expected, abs=EXACT)


@each_distribution
def test_large_shifts_that_meet_large_predictors(distribution):
    starts, moves = [390.0], [[15.0], [3.0], [-20.0]]
    sigmoid = Sigmoid(distribution, (-1e308, -395.0, 1e4, -460.0, -330.0), 1.0)
    worths = enumerated(starts, moves, [1.0], sigmoid)
    expected = np.array([shapley_of_table(column.tolist(), 3) for column in worths.T]).T
    assert np.array(shapley(starts, moves, [1.0], sigmoid)) == pytest.approx(expected, abs=EXACT)


def test_more_than_it_can_take_is_refused():
    sigmoid = Sigmoid("loglogistic", (0.0,), 1.0)
    assert shapley([800.0], [[100.0]], [1.0], sigmoid) == [[0.0]], "certain however far"
    for starts, moves in (([0.0], [[701.0]]), ([-701.0], [[701.0]]), ([0.0], [[1e300]])):
        with pytest.raises(ValueError, match="outside what the product form takes"):
            shapley(starts, moves, [1.0], sigmoid)
        with pytest.raises(ValueError, match="outside what the product form takes"):
            shapley_table(np.array(starts), np.array([moves]), np.ones(1), sigmoid)
    with pytest.raises(ValueError, match="from -3 to 2 are outside"):
        shapley([-1.0], [[3.0], [-2.0]], [1.0], sigmoid.with_(low=-2.5))


def test_no_inputs_have_no_effects():
    sigmoid = Sigmoid("weibull", (0.0, 1.0), 1.0)
    assert shapley([0.0, 1.0], [], [0.5, 0.5], sigmoid) == []
    assert shapley_table(np.zeros(2), np.zeros((3, 0, 2)), np.ones(2) / 2, sigmoid).shape == (3, 0, 2)
    assert shapley_table(np.zeros(2), np.zeros((0, 4, 2)), np.ones(2) / 2, sigmoid).shape == (0, 4, 2)


@each_distribution
def test_a_table_is_its_rows(distribution):
    random = np.random.default_rng(3)
    starts, weights = random.normal(size=50), random.dirichlet(np.ones(50))
    moves = random.normal(size=(70, 14, 50)) * 0.4  # two blocks
    moves[1, 3:], moves[2] = 0.0, 0.0  # inputs that are missing
    sigmoid = Sigmoid(distribution, (-1.0, -math.inf, 0.4), -1.3)
    found = shapley_table(starts, moves, weights, sigmoid)
    assert found.shape == (70, 14, 3)
    for row in (0, 1, 2, 69):
        alone = shapley(starts.tolist(), moves[row].tolist(), weights.tolist(), sigmoid)
        assert found[row] == pytest.approx(np.array(alone), abs=EXACT)
    ends = np.stack([np.broadcast_to(starts, (70, 50)), starts + moves.sum(axis=1)])
    nothing, everything = np.moveaxis(answers(sigmoid, ends), 2, -1) @ weights
    assert found.sum(axis=1) == pytest.approx(everything - nothing, abs=1e-10)
    assert not found[2].any()
    assert not found[:, :, 1].any()


def test_span_is_that_of_all_coalitions():
    starts, moves, _ = random_game(1, 6, 3, 5.0)
    points = np.array([starts])
    for move in moves:
        points = np.concatenate([points, points + move])
    assert span(starts, moves) == pytest.approx((points.min(), points.max()))
    assert span([1.0, -2.0], []) == (-2.0, 1.0)


@pytest.mark.parametrize("degree", [0, 1, 2, 4, 5, 11, 12, 13, 50, 100, 201])
def test_nodes_are_those_of_gauss_and_legendre(degree):
    nodes = half_nodes(degree)
    theirs, weights = np.polynomial.legendre.leggauss(2 * len(nodes))
    assert 4 * len(nodes) >= degree
    positive = np.array([theirs, weights]).T[len(nodes) :]
    assert np.array(nodes)[::-1] == pytest.approx(positive, abs=1e-13)
