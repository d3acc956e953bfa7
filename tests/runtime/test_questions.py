"""Questions in time, by hand and by the definition: conditional survival, restricted means, what a change would do."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from riskml.runtime.members import Causes, Linear, Member
from riskml.runtime.model import Feature, PortableModel
from riskml.runtime.questions import ask, at_months, difference, drawn, given_event_free, interval, restricted_mean
from riskml.runtime.responses import LOGISTIC
from riskml.runtime.score import value
from riskml.runtime.time_responses import Baseline, Incidence
from tests.runtime.models import known_inputs, portable_models, times_for


def cox(hazard=0.1, slope=1.0, reach=24.0, **changes):
    """S(t) = exp(-hazard t exp(slope x)) of one input, against a background of x = 0 and x = 1."""
    model = PortableModel(
        kind="survival",
        inputs=("x",),
        features=(Feature("x", "value", ("x",)),),
        members=(Member(1.0, Linear(0.0, (slope,)), Baseline((0.0, reach), (0.0, hazard * reach))),),
        weights=(0.5, 0.5),
        background=((0.0,), (1.0,)),
        bootstrap=(),
        level=0.9,
        limits={},
    )
    return model.with_(**changes)


def relapse_or_death(*rates):
    """Constant hazards of two causes; the input moves the first."""
    baselines = tuple(Baseline((0.0, 24.0), (0.0, 24.0 * rate)) for rate in rates)
    causes = Causes((Linear(0.0, (0.5,)), Linear(0.0, (0.0,))))
    return cox().with_(kind="incidence", members=(Member(1.0, causes, Incidence(baselines)),))


def test_constant_hazards_forget_how_long_one_has_been_event_free():
    model = cox()
    later = ask(given_event_free(model, (12.0, 18.0), 6.0), {"x": 1.0})
    assert later == pytest.approx(ask(at_months(model, (6.0, 12.0)), {"x": 1.0}), abs=1e-12)


def test_of_those_still_event_free_fewer_were_at_high_risk():
    """An unknown input is averaged over survivors, who are no longer half and half."""
    free = [0.5 * (math.exp(-0.1 * t) + math.exp(-0.1 * t * math.e)) for t in (6.0, 12.0)]
    assert ask(given_event_free(cox(), (12.0,), 6.0), {}) == pytest.approx([free[1] / free[0]], abs=1e-12)


def test_conditional_incidence_by_hand():
    """Rates a e^.5x and b: of those free at s the share a'/(a'+b) (1 - exp(-(a'+b)(t-s))) has the event by t."""
    a, b = 0.05 * math.exp(0.5), 0.02
    expected = a / (a + b) * (1 - math.exp(-(a + b) * 6.0))
    found = ask(given_event_free(relapse_or_death(0.05, b), (12.0,), 6.0), {"x": 1.0})
    assert found == pytest.approx([expected], abs=1e-12)


@pytest.mark.parametrize("rate", [1.0, 5.0, 20.0])
def test_conditional_incidence_where_hardly_anybody_is_free(rate):
    """The difference of two incidences that are nearly 1 would have no correct digit left."""
    a, b, since, months = rate * math.exp(0.5), rate / 2, 12.0, 12.0 + 1 / rate
    expected = a / (a + b) * -math.expm1(-(a + b) * (months - since))
    (found,) = ask(given_event_free(relapse_or_death(rate, rate / 2), (months,), since), {"x": 1.0})
    assert found == pytest.approx(expected, rel=1e-9)


def test_restricted_mean_of_a_constant_hazard():
    rate = 0.1 * math.e
    found = ask(restricted_mean(cox(), 24.0), {"x": 1.0})
    assert found == pytest.approx([(1 - math.exp(-24 * rate)) / rate], rel=2e-4)


def test_months_lost_to_one_cause_by_hand():
    a, b, tau = 0.05 * math.exp(0.5), 0.02, 24.0
    lost = a / (a + b) * (tau - (1 - math.exp(-(a + b) * tau)) / (a + b))
    assert ask(restricted_mean(relapse_or_death(0.05, b), tau), {"x": 1.0}) == pytest.approx([lost], rel=1e-4)


@given(portable_models(kind="survival"), st.data())
@settings(max_examples=40)
def test_restricted_mean_is_the_area_under_the_curve(model, data):
    known, end = data.draw(known_inputs(model)), model.horizon
    grid = sorted({0.0, end, *(t for m in model.members for t in m.response.knots if t < end)})
    area = sum(quad(lambda t: value(model, known, (t,))[0], a, b, limit=200)[0] for a, b in pairwise(grid))
    assert ask(restricted_mean(model, end), known)[0] == pytest.approx(area, abs=0.02 * end)


@given(portable_models(kind="survival"), st.data())
@settings(max_examples=40)
def test_whoever_is_event_free_has_the_better_part_ahead(model, data):
    known, end = data.draw(known_inputs(model)), model.horizon
    since = data.draw(st.sampled_from([0.1, 0.5, 0.9])) * end
    (start,), (plain,) = value(model, known, (since,)), value(model, known, (end,))
    (later,) = ask(given_event_free(model, (end,), since), known)
    if start > 0:
        assert later * start == pytest.approx(plain, abs=1e-12)
        assert 0 <= plain <= later + 1e-12 <= 1 + 2e-12
    (ahead,) = ask(restricted_mean(model, end, since), known)
    assert 0 <= ahead <= end - since


@given(portable_models(kind="incidence"), st.data())
@settings(max_examples=25)
def test_conditional_incidence_stays_a_share(model, data):
    known, end = data.draw(known_inputs(model)), model.horizon
    (later,) = ask(given_event_free(model, (end,), end / 3), known)
    assert -1e-12 <= later <= 1.0


@given(portable_models(), st.data())
@settings(max_examples=40)
def test_intervals_hold_the_estimate_and_what_drops_out_of_a_difference(model, data):
    one, other = data.draw(known_inputs(model)), data.draw(known_inputs(model))
    question = at_months(model) if model.kind == "binary" else restricted_mean(model, model.horizon)
    centre = ask(question, one)
    low, high = interval(question, one, centre)
    assert low[0] <= centre[0] <= high[0] <= question.most
    assert len(drawn(question, one)) == sum(len(draw) for draw in model.bootstrap)
    change, least, most = difference(question, one, other)
    assert change[0] == pytest.approx(ask(question, other)[0] - centre[0], abs=1e-12)
    assert least[0] <= change[0] <= most[0]
    nothing = difference(question, one, one)
    assert nothing[0] == [0.0]
    if model.bootstrap:
        assert nothing[1:] == ([0.0], [0.0])


def test_a_difference_is_surer_than_its_ends():
    """Refits that disagree about the level and not about the input: nothing of that is left in the difference."""
    draws = tuple(
        (Member(1.0, Linear(level, (1.0,)), Baseline((0.0, 24.0), (0.0, 2.4))),) for level in np.linspace(-1, 1, 21)
    )
    model = cox(bootstrap=draws)
    question = at_months(model, (6.0,))
    centre = ask(question, {"x": 0.0})
    low, high = interval(question, {"x": 0.0}, centre)
    _, least, most = difference(question, {"x": 0.0}, {"x": 0.2})
    assert most[0] - least[0] < 0.3 * (high[0] - low[0])


def test_without_refits_everything_is_possible():
    question = restricted_mean(cox(), 12.0)
    assert interval(question, {"x": 0.0}, [5.0]) == ([0.0], [12.0])


@settings(max_examples=60, deadline=None)
@given(portable_models().flatmap(lambda model: st.tuples(st.just(model), known_inputs(model))))
def test_the_interval_holds_the_estimate_and_is_that_of_all_members_of_the_refits(case):
    model, known = case
    times = times_for(model)
    centre = value(model, known, times)
    low, high = interval(at_months(model, times), known, centre)
    assert all(lo <= middle <= hi for lo, middle, hi in zip(low, centre, high, strict=True))
    members = [member for refit in model.bootstrap for member in refit if member.weight > 0]
    answers = [value(model.with_(members=(member.with_(weight=1.0),)), known, times) for member in members]
    for k, middle in enumerate(centre):
        tail = (1 - model.level) / 2
        ends = _quantiles([answer[k] for answer in answers], [m.weight for m in members], [tail, 1 - tail])
        assert low[k] == pytest.approx(min(ends[0], middle), abs=1e-9)
        assert high[k] == pytest.approx(max(ends[1], middle), abs=1e-9)


def _quantiles(values, weights, probabilities):
    """Linear between values that lie apart by the mean of their weights: numpy's where the weights are equal."""
    if not values:
        return 0.0, 1.0
    order = np.lexsort((weights, values))
    values, weights = np.array(values)[order], np.array(weights)[order]
    if len(set(weights.tolist())) == 1:
        return np.quantile(values, probabilities)
    places = np.concatenate([[0], np.cumsum((weights[1:] + weights[:-1]) / 2)])
    return np.interp(np.array(probabilities) * places[-1], places, values)


def test_members_that_disagree_make_the_interval_wide():
    """Each refit's mean is near 0.5; its members say 0.1 and 0.9, and which of them is right nobody knows."""
    model = tiny_average((0.1, 0.9), level=0.9)
    low, high = interval(at_months(model), {}, value(model, {}))
    assert value(model, {}) == pytest.approx([0.5])
    assert (low[0], high[0]) == pytest.approx((0.1, 0.9))


def tiny_average(answers, level):
    members = tuple(Member(0.5, Linear(math.log(p / (1 - p)), (0.0,)), LOGISTIC) for p in answers)
    return PortableModel(
        kind="binary", inputs=("mrd",), features=(Feature("mrd", "log10", ("mrd",), 1e-4),), members=members,
        weights=(1.0,), background=((0.01,),), bootstrap=(members,) * 20, level=level, limits={},
    )  # fmt: skip
