"""Responses in time: on paper, by scipy, by integration, and the properties that any S(t) or incidence has."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from riskml.runtime.time_responses import Accelerated, Baseline, Curve, Incidence, IncidenceSince

SCIPY = {
    "weibull": lambda x, scale: stats.weibull_min(1 / scale, scale=math.exp(x)),
    "lognormal": lambda x, scale: stats.lognorm(scale, scale=math.exp(x)),
    # scipy's own log-logistic, fisk, loses its tail to rounding.
    "loglogistic": stats.logistic,
}
EXTREME = [-1e300, -1e9, -800.0, -40.0, 0.0, 5e-324, 40.0, 800.0, 1e9, 1e300]
CAUSES = Incidence((Baseline((0.0, 6.0, 24.0), (0.0, 0.3, 0.5)), Baseline((0.0, 6.0, 24.0), (0.0, 0.1, 0.9))))
ALL = [
    Baseline((0.0, 6.0, 24.0), (0.0, 0.3, 0.9)),
    Accelerated("weibull", 0.7, 24.0),
    Accelerated("loglogistic", 0.7, 24.0),
    Accelerated("lognormal", 0.7, 24.0),
]


def at(response, output, times):
    return response.mean([output], [1.0], response.prepare(times))


@pytest.mark.parametrize("distribution", SCIPY)
@given(st.floats(-3, 3), st.floats(0.1, 3), st.floats(0.01, 60))
def test_accelerated_times_are_scipy_s_distributions(distribution, output, scale, months):
    response = Accelerated(distribution, scale, 60.0)
    where = math.log(months) if distribution == "loglogistic" else months
    expected = SCIPY[distribution](output, scale).sf(where)
    assert at(response, output, [months]) == pytest.approx([expected], abs=1e-12)


def test_by_hand():
    # Hazard ratio e: S = exp(-0.3 e) at 6 months, H = 0.3 + 0.6 * 3/18 = 0.4 at 9.
    assert at(ALL[0], 1.0, [0, 6, 9]) == pytest.approx([1, math.exp(-0.3 * math.e), math.exp(-0.4 * math.e)])
    # S = .9 at 6, .5 at 12; linear: .95 at 3, .7 at 9.
    assert at(Curve((6.0, 12.0)), [0.9, 0.5], [0, 3, 6, 9, 12]) == pytest.approx([1, 0.95, 0.9, 0.7, 0.5])
    assert at(Curve((10.0,)), 0.8, [0, 5, 10]) == pytest.approx([1, 0.9, 0.8])
    # exp(output) is the median of a log-logistic or log-normal time, and the 63.2th percentile of a Weibull time.
    assert at(ALL[2], 2.0, [math.exp(2)]) == at(ALL[3], 2.0, [math.exp(2)]) == pytest.approx([0.5])
    assert at(ALL[1], 2.0, [math.exp(2)]) == pytest.approx([math.exp(-1)])


def test_incidence_of_constant_hazards_by_hand():
    # Hazards 0.05 and 0.0166.. a month to month 6: incidence of the first 3/4 (1 - exp(-0.4)).
    assert at(CAUSES, [0.0, 0.0], [0, 6]) == pytest.approx([0, 0.75 * (1 - math.exp(-0.4))])
    # Twice the first hazard, the other cause gone: 1 - exp(-0.6).
    assert at(CAUSES, [math.log(2), -1e9], [6]) == pytest.approx([1 - math.exp(-0.6)])


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0, 24))
def test_incidence_is_the_integral_of_hazard_times_survival(first, second, months):
    steps = np.linspace(0, months, 2001)
    mine = np.interp(steps, *[CAUSES.baselines[0].times, CAUSES.baselines[0].cumulative_hazard]) * math.exp(first)
    other = np.interp(steps, *[CAUSES.baselines[1].times, CAUSES.baselines[1].cumulative_hazard]) * math.exp(second)
    survival = np.exp(-mine - other)
    integral = np.sum(np.diff(mine) * (survival[1:] + survival[:-1]) / 2)
    assert at(CAUSES, [first, second], [months]) == pytest.approx([integral], abs=1e-4)


@given(st.floats(-300, 300), st.floats(-300, 300), st.lists(st.floats(0, 24), min_size=1, max_size=4))
def test_incidences_and_survival_add_up_to_one(first, second, times):
    swapped = Incidence(CAUSES.baselines[::-1])
    for t, mine, theirs in zip(
        times, at(CAUSES, [first, second], times), at(swapped, [second, first], times), strict=True
    ):
        hazard = sum(b.at(t) * math.exp(x) for b, x in zip(CAUSES.baselines, (first, second), strict=True))
        assert mine + theirs + math.exp(-hazard) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("response", ALL, ids=lambda r: getattr(r, "distribution", "cox"))
@pytest.mark.parametrize("output", EXTREME)
def test_survival_starts_at_one_never_rises_and_numpy_says_the_same(response, output):
    times = [0.0, 1e-9, 1.0, 6.0, 9.0, 24.0]
    survival = at(response, output, times)
    assert survival[0] == 1
    assert all(1 >= a >= b >= 0 for a, b in pairwise(survival))
    table = response.table(np.array([[output]]), response.prepare(times))
    assert table.shape == (1, 6)
    assert survival == pytest.approx(list(table[0]), abs=1e-12)


@pytest.mark.parametrize("scale", [5e-324, 1e-12, 1e300])
@pytest.mark.parametrize("distribution", SCIPY)
def test_scales_at_the_ends_are_steps_or_halves_but_never_errors(distribution, scale):
    response = Accelerated(distribution, scale, 24.0)
    survival = at(response, 1.0, [0.0, 1.0, 24.0])
    assert survival == pytest.approx(list(response.table(np.array([[1.0]]), response.prepare([0.0, 1.0, 24.0]))[0]))
    assert survival[0] == 1
    if scale < 1:  # exp(1) = 2.7 months: surely alive before, surely not after
        assert survival[1:] == pytest.approx([1, 0], abs=1e-300)


@given(st.lists(st.tuples(st.floats(-300, 300), st.floats(-300, 300)), min_size=1, max_size=4))
def test_incidence_in_numpy_is_that_in_plain_python(points):
    times = [0.0, 3.0, 24.0]
    prepared = CAUSES.prepare(times)
    table = CAUSES.table(np.array(points), prepared)
    for point, row in zip(points, table, strict=True):
        assert CAUSES.mean([point], [1.0], prepared) == pytest.approx(list(row), abs=1e-12)


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=1, max_size=4), st.floats(0, 12))
def test_incidence_since_a_month_is_what_it_grows_by_from_there(points, since):
    later, weights, times = IncidenceSince(CAUSES.baselines, since), [1 / len(points)] * len(points), (24.0, 12.0)
    start, *ends = CAUSES.mean(points, weights, CAUSES.prepare((since, *times)))
    found = later.mean(points, weights, later.prepare(times))
    assert found == pytest.approx([end - start for end in ends], abs=1e-12)
    assert later.table(np.array(points), later.prepare(times)).mean(axis=0) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("response", [*ALL, Curve((6.0, 24.0)), CAUSES], ids=repr)
@pytest.mark.parametrize("months", [-1e-9, 24.000001, math.nan, math.inf])
def test_months_beyond_the_reach_are_refused(response, months):
    assert response.reach == 24
    with pytest.raises(ValueError, match="months must lie in"):
        response.prepare([months])


@pytest.mark.parametrize("response", ALL, ids=repr)
@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 9)), min_size=1, max_size=6))
def test_the_mean_is_the_weighted_mean_of_single_answers(response, cases):
    total = sum(n for _, n in cases)
    prepared = response.prepare([1.0, 20.0])
    mean = response.mean([x for x, _ in cases], [n / total for _, n in cases], prepared)
    for k, answer in enumerate(mean):
        expected = sum(n / total * response.mean([x], [1.0], prepared)[k] for x, n in cases)
        assert answer == pytest.approx(expected, abs=1e-12)
