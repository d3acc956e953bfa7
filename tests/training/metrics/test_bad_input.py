"""Every public metric on input of every bad kind: a ValueError with words or nan, never a crash and never a warning."""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil

import numpy as np
import pytest

from riskml.training import metrics
from riskml.training.metrics import binary, competing, intervals, net_benefit, survival, time_dependent
from riskml.training.metrics.d_calibration import d_calibration
from riskml.training.metrics.gray import gray_test
from riskml.training.metrics.log_rank import log_rank
from riskml.training.metrics.proportional_hazards import proportional_hazards
from riskml.training.metrics.smooth_calibration import smooth_calibration, smooth_calibration_at
from riskml.training.metrics.subdistribution import fine_gray

HORIZON, TIMES, THRESHOLDS = 4.0, np.array([2.0, 4.0]), [0.1, 0.5]
# What each takes, so that one array at a time can be spoilt. A score may be any finite number, a risk lies in [0, 1].
KNOWN = {
    "auc": ("event score", binary.auc),
    "delong_variance": ("event score", binary.delong_variance),
    "delong_difference_variance": ("event score", lambda e, x: binary.delong_difference_variance(e, x, x[::-1])),
    "average_precision": ("event score", binary.average_precision),
    "brier": ("event risk", binary.brier),
    "scaled_brier": ("event risk", lambda e, r: binary.scaled_brier(e, r, 0.3)),
    "log_loss": ("event risk", binary.log_loss),
    "calibration_line": ("event risk", binary.calibration_line),
    "calibration_in_the_large": ("event risk", binary.calibration_in_the_large),
    "observed_expected": ("event risk", binary.observed_expected),
    "auc_interval": ("event score", intervals.auc_interval),
    "auc_difference_interval": ("event score", lambda e, x: intervals.auc_difference_interval(e, x, x[::-1])),
    "smooth_calibration": ("event risk", smooth_calibration),
    "decision_curve": ("event risk", lambda e, r: net_benefit.decision_curve(e, r, THRESHOLDS)),
    "d_calibration": ("event risk", d_calibration),
}
SURVIVAL = {
    "kaplan_meier": ("time event entry", survival.kaplan_meier),
    "harrell_c": ("time event score entry", survival.harrell_c),
    "ipcw_brier": ("time event risk entry", lambda t, e, r, at: survival.ipcw_brier(t, e, r, HORIZON, at)),
    "ipa": ("time event risk entry", lambda t, e, r, at: survival.ipa(t, e, r, HORIZON, None, at)),
    "survival.calibration_slope": ("time event score entry", survival.calibration_slope),
    "observed_expected_at": (
        "time event risk entry",
        lambda t, e, r, at: survival.observed_expected_at(t, e, r, HORIZON, at),
    ),
    "uno_c": ("time event score entry", lambda t, e, x, at: time_dependent.uno_c(t, e, x, HORIZON, at)),
    "auc_at": ("time event score entry", lambda t, e, x, at: time_dependent.auc_at(t, e, x, HORIZON, at)),
    "integrated_brier": (
        "time event risk entry",
        lambda t, e, r, at: time_dependent.integrated_brier(t, e, np.column_stack([r, r]), TIMES, at),
    ),
    "log_rank": ("time event entry", lambda t, e, at: log_rank(t, e, np.arange(len(t)) % 2, at)),
    "proportional_hazards": (
        "time event score entry",
        lambda t, e, x, at: proportional_hazards(np.asarray(x)[..., None], t, e, at),
    ),
}
CAUSES = {
    "aalen_johansen": ("time cause entry", lambda t, k, at: competing.aalen_johansen(t, k, HORIZON, at)),
    "pseudo_values": ("time cause entry", lambda t, k, at: competing.pseudo_values(t, k, HORIZON, at)),
    "incidence_interval": ("time cause entry", lambda t, k, at: competing.incidence_interval(t, k, HORIZON, entry=at)),
    "competing.ipcw_brier": ("time cause risk entry", lambda t, k, r, at: competing.ipcw_brier(t, k, r, HORIZON, at)),
    "competing.ipa": ("time cause risk entry", lambda t, k, r, at: competing.ipa(t, k, r, HORIZON, 0.3, at)),
    "competing.integrated_brier": (
        "time cause risk entry",
        lambda t, k, r, at: competing.integrated_brier(t, k, np.column_stack([r, r]), TIMES, at),
    ),
    "competing.auc_at": ("time cause score entry", lambda t, k, x, at: competing.auc_at(t, k, x, HORIZON, at)),
    "competing.uno_c": ("time cause score entry", lambda t, k, x, at: competing.uno_c(t, k, x, HORIZON, at)),
    "c_index": ("time cause score entry", competing.c_index),
    "competing.calibration_slope": ("time cause score entry", competing.calibration_slope),
    "competing.observed_expected_at": (
        "time cause risk entry",
        lambda t, k, r, at: competing.observed_expected_at(t, k, r, HORIZON, at),
    ),
    "fine_gray": ("time cause score entry", lambda t, k, x, at: fine_gray(np.asarray(x)[..., None], t, k, at)),
    "gray_test": ("time cause", lambda t, k: gray_test(t, k, np.arange(len(t)) % 2)),
    "smooth_calibration_at": ("time cause risk entry", lambda t, k, r, at: smooth_calibration_at(t, k, r, HORIZON, at)),
    "decision_curve_at": (
        "time cause risk entry",
        lambda t, k, r, at: net_benefit.decision_curve_at(t, k, r, HORIZON, THRESHOLDS, at),
    ),
}
METRICS = KNOWN | SURVIVAL | CAUSES
# Parts of the above that see only what those have checked, and what takes a function instead of predictions.
PARTS = {
    "widened",
    "widening",
    "maximise",
    "logistic",
    "flags",
    "resamples",
    "percentile_interval",
    "logit_auc",
    "bootstrap_interval",
    "paired_difference",
    "weigh",
    "censoring_weights",
    "weighted_brier",
    "has_slope",
    "risk_set_pairs",
    "checked",
    "column",
    "shares",
    "risk_column",
    "causes",
    "weighted_pairs",
    "weighted_auc",
    "integrated_error",
    "without_competing",
    "lowess",
    "dominance",
    "watched",
    "cox_design",
    "subdistribution_design",
}
OTHERS = {"pooling"}  # modules whose arguments are not predictions of patients


def good(n=40):
    rng = np.random.default_rng(n)
    time = np.round(rng.uniform(0.5, 8, n), 1)
    risk = rng.uniform(0.02, 0.98, n)
    cause = rng.integers(0, 3, n)
    entry = np.where(rng.random(n) < 0.5, 0.0, time / 2)
    return {"time": time, "cause": cause, "event": cause == 1, "risk": risk, "score": 3 * risk - 1, "entry": entry}


def called(name, data):
    arguments, metric = METRICS[name]
    return metric(*(data[argument] for argument in arguments.split()))


def spoilt(array, value):
    array = np.asarray(array, dtype=float).copy()
    array[3] = value
    return array


def takes(*arguments):
    """The metrics with one of these arguments, with it."""
    return [
        (name, argument) for name, (taken, _) in METRICS.items() for argument in taken.split() if argument in arguments
    ]


def numbers(answer):
    """All numbers in an answer, whatever holds them."""
    if isinstance(answer, (float, int, np.ndarray)):
        return np.ravel(np.asarray(answer, dtype=float))
    if isinstance(answer, (tuple, list)):
        return np.concatenate([numbers(part) for part in answer]) if answer else np.empty(0)
    if isinstance(answer, dict):
        return numbers(list(answer.values()))
    fields = getattr(answer, "__dataclass_fields__", {})
    return numbers([getattr(answer, field) for field in fields if not isinstance(getattr(answer, field), str)])


def test_every_public_function_is_judged_here():
    named = {name.rpartition(".")[2] for name in METRICS}
    for module in pkgutil.iter_modules(metrics.__path__):
        if module.name in OTHERS:
            continue
        found = importlib.import_module(f"riskml.training.metrics.{module.name}")
        for name, item in inspect.getmembers(found, inspect.isfunction):
            if item.__module__ == found.__name__ and not name.startswith("_"):
                assert (name in named) != (name in PARTS), f"{module.name}.{name} is in neither list, or in both"


@pytest.mark.parametrize("name", METRICS)
def test_good_input_gives_numbers(name):
    assert np.isfinite(numbers(called(name, good()))).any()
    without = good()
    without["entry"] = None
    assert np.isfinite(numbers(called(name, without))).any()


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(("name", "argument"), takes("time", "cause", "event", "risk", "score", "entry"))
def test_what_is_not_a_number_is_refused(name, argument, value):
    data = good()
    data[argument] = spoilt(data[argument], value)
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        called(name, data)


@pytest.mark.parametrize("value", [-0.1, 1.1])
@pytest.mark.parametrize(("name", "argument"), takes("risk"))
def test_what_is_not_a_probability_is_refused(name, argument, value):
    data = good()
    data[argument] = spoilt(data[argument], value)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        called(name, data)


@pytest.mark.parametrize("value", [0.5, -1, 2])
@pytest.mark.parametrize(("name", "argument"), takes("event", "cause"))
def test_what_is_no_outcome_is_refused(name, argument, value):
    if argument == "cause" and value == 2:
        return
    data = good()
    data[argument] = spoilt(data[argument], value)
    with pytest.raises(ValueError, match=f"{argument} must be"):
        called(name, data)


@pytest.mark.parametrize(("name", "argument"), takes("time", "cause", "event", "risk", "score", "entry"))
@pytest.mark.parametrize("shape", ["shorter", "a table"])
def test_shapes_that_differ_are_refused(name, argument, shape):
    data = good()
    data[argument] = data[argument][:-1] if shape == "shorter" else np.column_stack([data[argument]] * 2)
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        called(name, data)


@pytest.mark.parametrize(("name", "argument"), takes("entry"))
def test_an_entry_after_the_exit_is_refused(name, argument):
    data = good()
    data[argument] = spoilt(data[argument], data["time"][3])
    with pytest.raises(ValueError, match="entry must be before"):
        called(name, data)


def odd_cohorts():
    """Input that is possible, and says little or nothing."""
    base = good()
    n = base["time"].size
    same, none = np.full(n, 5.0), np.zeros(n, dtype=int)
    yield "nobody", {name: values[:0] for name, values in base.items()}
    for cause in (0, 1, 2):
        one = {name: values[:1] for name, values in base.items()}
        yield f"one patient of cause {cause}", one | {"cause": np.array([cause]), "event": np.array([cause == 1])}
        yield f"all of cause {cause}", base | {"cause": none + cause, "event": none + cause == 1}
        yield (
            f"all of cause {cause} at one time",
            base | {"time": same, "cause": none + cause, "event": none + cause == 1},
        )
    early = np.minimum(base["time"], 3.0)
    yield "all before the horizon", base | {"time": early, "entry": early / 2}
    yield "all censored before it", base | {"time": early, "cause": none, "event": none == 1, "entry": early / 2}
    yield "one time", base | {"time": same, "entry": np.minimum(base["entry"], 4.5)}
    yield "one risk", base | {"risk": np.full(n, 0.3), "score": np.full(n, 0.3)}
    for value in (0.0, 1.0):
        yield f"all risks {value:g}", base | {"risk": np.full(n, value), "score": np.full(n, value)}
    yield "certain risks", base | {"risk": base["event"].astype(float), "score": base["event"].astype(float)}
    yield "all enter late", base | {"entry": base["time"] * 0.999}
    yield "far apart", base | {"score": np.where(np.arange(n) % 2, 1e6, -1e6), "time": base["time"] * 1e6}


@pytest.mark.parametrize("late", [False, True], ids=["", "late"])
@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(("kind", "data"), [*odd_cohorts()], ids=[kind for kind, _ in odd_cohorts()])
def test_little_data_gives_numbers_or_nan(name, kind, data, late):
    """Without a warning, which would fail, and never an infinite number but the ratios to a risk of about 0."""
    found = numbers(called(name, data if late else data | {"entry": None}))
    assert not np.isinf(found).any(), kind


@pytest.mark.parametrize("name", ["survival", "competing"])
def test_a_horizon_that_is_no_number_is_refused(name):
    data = good()
    args = (data["time"], data["event" if name == "survival" else "cause"])
    module = survival if name == "survival" else competing
    for call in (
        lambda: module.ipcw_brier(*args, data["risk"], math.nan),
        lambda: module.observed_expected_at(*args, data["risk"], math.nan),
        lambda: (time_dependent if name == "survival" else competing).uno_c(*args, data["risk"], math.nan),
        lambda: (time_dependent if name == "survival" else competing).auc_at(*args, data["risk"], math.nan),
    ):
        with pytest.raises(ValueError, match="a horizon must be a number, got nan"):
            call()
