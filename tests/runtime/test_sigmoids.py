"""Sigmoids as sums of exponentials: against the functions themselves, and against what responses answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gamma

from riskml.runtime.responses import LOGISTIC, PROBABILITY, Calibrated
from riskml.runtime.sigmoids import _CHARACTERISTIC, Sigmoid, modes, sigmoid_of
from riskml.runtime.time_responses import DISTRIBUTIONS, MAX_LOG, Accelerated, Baseline, Curve, Incidence

HAZARD = Baseline((0.0, 6.0, 12.0), (0.0, 0.2, 0.7))
TIMES = (0.0, 0.4, 7.5, 12.0)
each_distribution = pytest.mark.parametrize("distribution", DISTRIBUTIONS)


def series(distribution, low, high, us):
    """The sum of exponentials, with its constant from the middle of the range."""
    found = modes(distribution, low, high)
    values = np.array([sum((mode.factor * mode.at(u)).real for mode in found) for u in us])
    return values, len(found)


@each_distribution
@pytest.mark.parametrize(
    ("low", "high"), [(-1, 1), (0, 0.1), (-20, -3), (5, 9), (-40, 2), (-2, 60), (-90, 85), (-700, 650), (-3, -3)]
)
def test_exponentials_add_up_to_the_function(distribution, low, high):
    us = np.linspace(low, high, 101)
    found, _ = series(distribution, low, high, us)
    truth = np.array([DISTRIBUTIONS[distribution](u) for u in us])
    assert np.ptp(found - truth) < 1e-11, "what is left is a constant"
    assert found - truth == pytest.approx(-0.5, abs=1e-11), "and that is 1/2"


@each_distribution
def test_the_number_of_exponentials_grows_with_the_range_only(distribution):
    counts = [len(modes(distribution, -half, half)) for half in (5, 50, 500)]
    assert counts[0] < 60
    assert counts[2] / counts[1] == pytest.approx(10, rel=0.25)


@given(st.floats(0.01, 40))
def test_characteristic_functions(omega):
    # Gamma by scipy; the two others by quadrature of the density, which is even.
    assert _CHARACTERISTIC["weibull"](omega) == pytest.approx(gamma(1 - 1j * omega), rel=1e-12)
    u = np.arange(-15_360, 15_361) / 256
    for distribution, density in (
        ("loglogistic", 0.25 / np.cosh(u / 2) ** 2),
        ("lognormal", np.exp(-u * u / 2) / math.sqrt(2 * math.pi)),
    ):
        by_sum = float(np.sum(density * np.cos(omega * u))) / 256
        assert _CHARACTERISTIC[distribution](omega) == pytest.approx(by_sum, abs=1e-12)


RESPONSES = [
    LOGISTIC,
    Calibrated(LOGISTIC, 0.4, 0.7),
    Calibrated(LOGISTIC, -0.4, 1.6),
    HAZARD,
    Calibrated(HAZARD, 0.4, 0.7),
    Calibrated(HAZARD, 0.4, 0.0),
    *(Accelerated(name, 0.6, 12.0) for name in DISTRIBUTIONS),
    Calibrated(Accelerated("weibull", 0.6, 12.0), -0.3, 1.2),
]


@pytest.mark.parametrize("response", RESPONSES, ids=repr)
@settings(deadline=None)
@given(z=st.floats(-25, 25))
def test_a_sigmoid_answers_as_its_response_does_wherever_it_holds(response, z):
    times = () if response.outcome == "binary" else TIMES
    sigmoid = sigmoid_of(response, times)
    z = min(max(z, sigmoid.low), sigmoid.high)
    mine = [DISTRIBUTIONS[sigmoid.distribution](shift + sigmoid.slope * z) for shift in sigmoid.shifts]
    assert mine == pytest.approx(response.mean([z], [1.0], response.prepare(times)), abs=1e-9)
    assert sigmoid.covers(z, z)


def test_a_calibration_holds_where_it_cuts_nothing_off():
    response = Calibrated(LOGISTIC, 0.0, 0.5)
    sigmoid = sigmoid_of(response, ())
    assert (sigmoid.low, sigmoid.high) == pytest.approx((math.log(1e-9), -math.log(1e-7)))
    assert sigmoid.covers(-20.0, 16.0)
    assert not sigmoid.covers(-21.0, 16.0)
    assert not sigmoid.covers(-20.0, 17.0)
    # To S = 1e-9 at the later of two months, from a cumulative hazard of 1e-7 at the earlier.
    sigmoid = sigmoid_of(Calibrated(HAZARD, 0.0, 0.5), (0.0, 6.0, 12.0))
    assert math.exp(-0.7 * math.exp(sigmoid.high)) == pytest.approx(1e-9)
    assert 0.2 * math.exp(sigmoid.low) == pytest.approx(1e-7)


def test_what_is_no_sigmoid_of_one_linear_predictor():
    for response in (PROBABILITY, Curve((12.0,)), Incidence((HAZARD, HAZARD)), Calibrated(PROBABILITY, 0.0, 1.0)):
        assert sigmoid_of(response, (6.0,)) is None
    for distribution in ("loglogistic", "lognormal"):  # its log cumulative hazard is not linear
        assert sigmoid_of(Calibrated(Accelerated(distribution, 1.0, 12.0), 0.0, 1.0), (6.0,)) is None


def test_an_answer_that_is_certain_throughout_reaches_nowhere():
    sigmoid = Sigmoid("weibull", (-math.inf, -100.0, 0.0, 100.0), 1.0)
    assert sigmoid.reaches(-2.0, 3.0) == {2: (-2.0, 3.0)}
    assert Sigmoid("weibull", (0.0,), -2.0).reaches(-2.0, 3.0) == {0: (-6.0, 4.0)}


def test_how_far_a_sigmoid_goes():
    sigmoid = Sigmoid("loglogistic", (0.0,), -1.0)
    assert sigmoid.covers(-MAX_LOG, MAX_LOG)
    assert not sigmoid.covers(-MAX_LOG, MAX_LOG + 1)
    assert sigmoid.covers(MAX_LOG, 1e300), "certain, however far"
