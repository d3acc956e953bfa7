"""What outputs mean: by hand, by scipy, and every malformed response refused."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from riskml.runtime.model_error import ModelError
from riskml.runtime.responses import LOGISTIC, PROBABILITY, Calibrated, each, inner_of, response_from_dict
from riskml.runtime.time_responses import Accelerated, Baseline, Curve, Incidence

BASELINE = Baseline((0.0, 6.0, 12.0), (0.0, 0.2, 0.7))
RESPONSES = [
    LOGISTIC,
    PROBABILITY,
    BASELINE,
    Curve((6.0, 12.0)),
    Accelerated("lognormal", 0.5, 12.0),
    Incidence((BASELINE, BASELINE)),
    Calibrated(LOGISTIC, 0.1, 0.9),
    Calibrated(Curve((6.0, 12.0)), -0.1, 1.1),
]


@pytest.mark.parametrize("response", RESPONSES, ids=repr)
def test_json_there_and_back_is_the_same_response(response):
    again = response_from_dict(json.loads(json.dumps(response.to_dict(), allow_nan=False)))
    assert again == response
    assert again.to_dict() == response.to_dict()


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(1, 9)), min_size=1, max_size=5))
def test_logistic_is_the_weighted_mean_of_scipy_s(cases):
    total = sum(n for _, n in cases)
    (found,) = LOGISTIC.mean([x for x, _ in cases], [n / total for _, n in cases], None)
    assert found == pytest.approx(sum(n / total * expit(x) for x, n in cases), abs=1e-12)
    table = LOGISTIC.table(np.array([[x] for x, _ in cases]), None)
    assert table[:, 0] == pytest.approx(expit([x for x, _ in cases]), abs=1e-12)


def test_a_probability_is_what_it_is():
    assert PROBABILITY.mean([0.2, 0.6], [0.25, 0.75], None) == pytest.approx([0.5])
    assert PROBABILITY.table(np.array([[0.2]]), None) == np.array([[0.2]])


@given(st.floats(0.001, 0.999), st.floats(-3, 3), st.floats(0, 3))
def test_recalibration_moves_the_logit_and_the_log_of_minus_log_survival_on_a_line(p, intercept, slope):
    binary = Calibrated(PROBABILITY, intercept, slope).mean([p], [1.0], None)
    assert binary == pytest.approx([expit(intercept + slope * logit(p))], abs=1e-12)
    survival = Calibrated(Curve((12.0,)), intercept, slope)
    expected = math.exp(-math.exp(intercept + slope * math.log(-math.log(p))))
    assert survival.mean([p], [1.0], survival.prepare([12.0])) == pytest.approx([expected], abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), st.floats(-3, 3), st.floats(0, 3))
def test_recalibration_in_numpy_of_answers_and_of_outputs_is_one(probabilities, intercept, slope):
    response = Calibrated(PROBABILITY, intercept, slope)
    outputs = np.array(probabilities)[:, None]
    table = response.table(outputs, None)
    assert table.tolist() == response.table_of(outputs).tolist()
    single = [response.mean([p], [1.0], None)[0] for p in probabilities]
    assert single == pytest.approx(table[:, 0].tolist(), abs=1e-12)
    share = 1 / len(probabilities)
    assert response.mean_of([[p] for p in probabilities], [share] * len(probabilities)) == pytest.approx(
        [share * sum(single)], abs=1e-12
    )


@pytest.mark.parametrize("slope", [0.0, 0.1, 0.5, 1.0, 1.5])
def test_recalibration_is_monotone_and_does_not_jump_at_certainty(slope):
    # A forest of pure leaves says 0; the mean of its trees may say 1e-17. Neither may differ by more than rounding.
    edges = [0.0, 1e-17, 1e-12, 1e-9, 1.0000001e-9, 1e-6, 0.5]
    shares = edges + [1 - x for x in reversed(edges)]
    binary = Calibrated(PROBABILITY, -0.4, slope)
    answers = [binary.mean([p], [1.0], None)[0] for p in shares]
    assert all(a <= b for a, b in pairwise(answers))
    assert answers[0] == pytest.approx(answers[1], abs=1e-12)
    assert answers[-1] == pytest.approx(answers[-2], abs=1e-12)
    curve = Calibrated(Curve((12.0,)), -0.4, slope)
    survival = [curve.mean([s], [1.0], curve.prepare([12.0]))[0] for s in shares]
    assert all(a <= b for a, b in pairwise(survival))
    assert survival[-1] == 1.0, "S(0) = 1 stays"
    assert survival[-2] == pytest.approx(1.0, abs=1e-7)
    assert survival[0] == pytest.approx(survival[1], abs=1e-12)
    assert curve.mean([0.3], [1.0], curve.prepare([0.0])) == [1.0]


def test_a_recalibrated_response_speaks_for_the_one_inside():
    response = Calibrated(Curve((6.0, 12.0)), 0.0, 1.0)
    assert (response.outcome, response.outputs, response.reach, response.is_mean) == ("survival", 2, 12.0, False)
    assert inner_of(response) == Curve((6.0, 12.0))
    assert inner_of(LOGISTIC) is LOGISTIC
    assert response.mean([[0.9, 0.4]], [1.0], response.prepare([6.0, 9.0])) == pytest.approx([0.9, 0.65])


COX = {"kind": "cox", "times": [0, 6], "cumulative_hazard": [0, 1]}
AFT = {"kind": "aft", "distribution": "weibull", "scale": 1.0, "last": 12.0}
LINE = {"kind": "calibrated", "response": {"kind": "logistic"}, "intercept": 0.0, "slope": 1.0}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"kind": "probit"}, "unknown response 'probit'"),
        ({**COX, "times": [0, 0]}, "rise from 0"),
        ({**COX, "times": [0]}, "must have 1"),
        ({**COX, "times": [], "cumulative_hazard": []}, "rise from 0"),
        ({**COX, "times": [1, 6]}, "rise from 0"),
        ({**COX, "times": [0, math.nan]}, "finite"),
        ({**COX, "times": [0, True]}, "finite"),
        ({**COX, "cumulative_hazard": [0, -1]}, "must rise"),
        ({**COX, "cumulative_hazard": [0.1, 1]}, "must rise"),
        ({**COX, "cumulative_hazard": [0, 1e309]}, "finite"),
        ({"kind": "curve", "times": []}, "rise from above 0"),
        ({"kind": "curve", "times": [0, 6]}, "rise from above 0"),
        ({"kind": "curve", "times": [6, 6]}, "rise from above 0"),
        ({**AFT, "scale": 0}, "positive"),
        ({**AFT, "scale": -1.0}, "positive"),
        ({**AFT, "scale": math.inf}, "finite"),
        ({**AFT, "last": 0.0}, "positive"),
        ({**AFT, "distribution": "gamma"}, "unknown distribution"),
        ({"kind": "incidence", "baselines": [COX]}, "two causes"),
        ({"kind": "incidence", "baselines": [COX, {**COX, "times": [0, 7]}]}, "one grid"),
        ({**LINE, "slope": -0.1}, "negative"),
        ({**LINE, "slope": math.nan}, "finite"),
        ({**LINE, "intercept": True}, "finite"),
        ({**LINE, "response": LINE}, "cannot be recalibrated"),
        ({**LINE, "response": {"kind": "incidence", "baselines": [COX, COX]}}, "cannot be recalibrated"),
    ],
)
def test_malformed_responses_are_refused_with_their_reason(raw, message):
    with pytest.raises(ModelError, match=message):
        response_from_dict(raw)


@given(
    st.sampled_from([LOGISTIC, BASELINE, Accelerated("lognormal", 0.5, 12.0), Calibrated(LOGISTIC, 0.1, 0.9)]),
    st.lists(st.floats(-800, 800), min_size=1, max_size=5),
)
def test_each_point_has_the_answer_it_would_have_alone(response, points):
    prepared = response.prepare(() if response.outcome == "binary" else (0.0, 3.0, 6.0))
    alone = [response.mean([point], [1.0], prepared) for point in points]
    assert np.allclose(each(response, points, prepared), np.transpose(alone), rtol=1e-15, atol=0)
