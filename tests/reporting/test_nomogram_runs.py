"""A number on its line: logarithms, limits, thresholds, knots and turns, each drawn as what it is."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.reporting.nomogram_runs import NEVER, round_numbers
from riskml.runtime.model import Feature
from tests.reporting.lines import axes, written

ROOT_2 = math.sqrt(2)


def test_mrd_is_on_its_logarithm_in_percent_and_ends_at_the_detection_limit():
    feature = Feature("mrd", "log10", ("mrd",), 1e-4 / ROOT_2)
    (line,) = axes(feature, limits={"mrd": (6.4e-5, 0.5)})
    (run,) = line.runs
    assert run.scale == "log"
    assert run.ticks[0].label == "<0.01"
    assert run.ticks[0].worth == pytest.approx(math.log10(1e-4 / ROOT_2))
    assert run.ticks[0].values == (6.4e-5, 1e-4 / ROOT_2)
    places = {tick.label: tick.worth for tick in run.ticks}
    assert places["1"] - places["0.1"] == pytest.approx(1)  # ten-fold, whatever the unit
    assert places["10"] == pytest.approx(-1)  # 0.1 of all cells
    assert list(places)[-1] == "50"


def test_a_floor_that_is_no_detection_limit_is_at_most_that():
    (line,) = axes(Feature("cd3", "log10", ("cd3",), 0.005), limits={"cd3": (0.001, 5.0)})
    assert line.runs[0].ticks[0].label == "≤0.005"
    assert line.reach == "0.001 to 5 × 10⁹/L"


def test_a_line_ends_where_training_ended():
    (line,) = axes(Feature("age", "value", ("age",)), limits={"age": (0.76, 17.6)})
    (run,) = line.runs
    assert (run.ticks[0].label, run.ticks[-1].label) == ("0.76", "17.6")
    assert all(0.76 <= value <= 17.6 for tick in run.ticks for value in tick.values)
    assert line.reach == "0.76 to 17.6 years"


def test_a_threshold_alone_is_two_marks():
    (line,) = axes(Feature("old", "at_least", ("age",), 10), limits={"age": (1.0, 18.0)})
    assert written(line) == [[("<10", 0)], [("≥10", 1)]]
    (line,) = axes(Feature("late", "at_least", ("cycle_index",), 2), limits={"cycle_index": (1.0, 3.3)})
    assert written(line) == [[("1", 0), ("≥2", 1)]]
    assert line.reach == "1 to 3"


def test_a_jump_leaves_a_gap():
    features = Feature("age", "value", ("age",)), Feature("old", "at_least", ("age",), 10)
    (line,) = axes(*features, limits={"age": (1.0, 18.0)}, coefficients=(0.1, 0.5))
    first, second = written(line)
    assert (first[0], first[-1]) == (("1", 0.1), ("<10", 1.0))
    assert (second[0], second[-1]) == (("10", 1.5), ("18", 2.3))


def test_a_hinge_is_flat_up_to_its_knot():
    (line,) = axes(Feature("older", "hinge", ("age",), 10), limits={"age": (1.0, 18.0)})
    ((first, *_, last),) = written(line)
    assert (first, last) == (("≤10", 0), ("18", 8))
    features = Feature("age", "value", ("age",)), Feature("stop", "hinge", ("age",), 10)
    (line,) = axes(*features, limits={"age": (1.0, 18.0)}, coefficients=(1.0, -1.0))
    assert written(line)[0][-1] == ("≥10", 10)


def test_a_plateau_in_the_middle_is_one_mark():
    features = (
        Feature("age", "value", ("age",)),
        Feature("stop", "hinge", ("age",), 6),
        Feature("go", "hinge", ("age",), 12),
    )
    (line,) = axes(*features, limits={"age": (1.0, 18.0)}, coefficients=(1.0, -1.0, 1.0))
    assert [words for words, worth in written(line)[0] if worth == 6] == ["6 to 12"]


def test_a_line_that_turns_is_folded_where_it_turns():
    """-0.1 x + log10(x) has slope 0 at x = 10 / ln 10 = 4.343."""
    features = Feature("wbc", "value", ("wbc",)), Feature("log", "log10", ("wbc",), 0.01)
    (line,) = axes(*features, limits={"wbc": (1.0, 20.0)}, coefficients=(-0.1, 1.0))
    up, down = line.runs
    turn = 10 / math.log(10)
    assert up.ticks[-1].values[0] == down.ticks[0].values[0] == pytest.approx(turn)
    assert up.ticks[-1].worth == pytest.approx(math.log10(turn) - 0.1 * turn)
    assert [tick.worth for tick in up.ticks] == sorted(tick.worth for tick in up.ticks)
    assert [tick.worth for tick in down.ticks] == sorted((tick.worth for tick in down.ticks), reverse=True)


def test_whole_numbers_turn_too():
    features = Feature("late", "at_least", ("cycle_index",), 2), Feature("later", "at_least", ("cycle_index",), 4)
    (line,) = axes(*features, limits={"cycle_index": (1.0, 6.0)}, coefficients=(1.0, -2.0))
    assert written(line) == [[("1", 0), ("2 to 3", 1)], [("≥4", -1)]]


@given(st.floats(0.001, 1000), st.floats(1.001, 1e6), st.booleans())
def test_round_numbers_lie_between_and_rise(low, ratio, log):
    numbers = list(round_numbers(low, low * ratio, log=log))
    assert all(low < x < low * ratio for x, _ in numbers)
    assert all(a < b for (a, _), (b, _) in pairwise(numbers))
    assert len([x for x, rank in numbers if rank < NEVER]) <= 40
