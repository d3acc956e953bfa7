"""Worked examples: the numbers by hand are the numbers of the model."""

from __future__ import annotations

import math

import pytest

from riskml.reporting.examples import _months, by_hand, examples
from riskml.runtime.members import Linear, Member
from riskml.runtime.responses import Calibrated
from riskml.runtime.time_responses import Accelerated, Curve


def number(text):
    return float(text.replace("\N{MINUS SIGN}", "-"))


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_a_reader_with_a_calculator_gets_the_models_answer(bundle_of, kind):
    bundle = bundle_of(kind)
    shown = by_hand(bundle)
    total = number(shown["intercept"]) + sum(number(row[2]) * number(row[3]) for row in shown["rows"])
    assert total == pytest.approx(number(shown["sum"]), abs=1e-3)
    prediction = bundle.predict(bundle.golden[0]["patient"])
    if kind == "binary":
        answer = 1 / (1 + math.exp(-total))
        assert answer == pytest.approx(prediction.value[0], abs=1e-3)
    else:
        hazard = bundle.model.members[0].baseline.at(float(shown["horizon"]))
        answer = math.exp(-hazard * math.exp(total))
        assert answer == pytest.approx(prediction.value[prediction.times.index(12.0)], abs=1e-3)
    assert float(shown["formula"].rpartition(" = ")[2]) == pytest.approx(answer, abs=1e-3)


def test_two_patients_are_shown_one_of_them_incomplete(bundle_of):
    whole, partial = examples(bundle_of("binary"), "m1")
    assert whole["could_change"] == []
    assert dict(partial["inputs"])["BCR::ABL1 (Ph+)"] == "not known"
    assert len(partial["could_change"]) == 3
    assert [item["key"] for item in (whole, partial)] == ["m1-patient-1", "m1-patient-2"]


def test_estimates_come_as_percent_interval_and_frequency(bundle_of):
    bundle = bundle_of("binary")
    p = bundle.predict(bundle.golden[0]["patient"])
    ((estimate, interval, often),) = examples(bundle, "m1")[0]["estimates"]
    assert estimate == f"{100 * p.value[0]:.0f} %"
    assert interval == f"{100 * p.low[0]:.0f} to {100 * p.high[0]:.0f} %"
    assert often == f"about {100 * p.value[0]:.0f} in 100"


def test_survival_has_a_row_a_time_and_a_curve(bundle_of):
    whole, _ = examples(bundle_of("survival"), "m1")
    assert [row[0] for row in whole["estimates"]] == ["6 months", "12 months"]
    assert [f'id="m1-patient-1-{part}"' in figure for (figure, _), part in
            zip(whole["figures"], ("effects", "curve"), strict=True)] == [True, True]  # fmt: skip


def test_warnings_name_inputs_by_label_and_leave_the_banner_its_own(bundle_of):
    _, partial = examples(bundle_of("binary", usable_signal=False), "m1")
    assert any(text.startswith("Marrow MRD before first dose is below 0.01 %") for text in partial["remarks"])
    assert any("not shown to beat the comparator" in text for text in partial["remarks"])
    assert not any("SYNTHETIC" in text for text in partial["remarks"])


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_nobody_is_asked_to_walk_trees_by_hand(average_of, kind):
    assert by_hand(average_of(kind)) is None
    whole, partial = examples(average_of(kind), "m1")
    assert whole["estimates"]
    assert partial["could_change"]


def test_a_curve_is_drawn_at_the_months_that_are_kept(average_of, bundle_of):
    smooth = Member(1.0, Linear(3.0, (0.1, 0.1, 0.1, 0.1)), Accelerated("weibull", 0.7, 24.0))
    mended = smooth.with_(response=Calibrated(Curve((6.0, 18.0)), 0.0, 1.0))
    assert _months(average_of("survival").model) == [0.0, 6.0, 12.0, 24.0]
    assert _months(average_of("survival").model.with_(members=(mended,))) == [6.0, 18.0]
    even = _months(bundle_of("survival").model.with_(members=(smooth,)))
    assert (even[0], even[-1], len(even)) == (0.0, 24.0, 31)
    whole, _ = examples(bundle_of("survival", change=lambda m: m.with_(members=(smooth,), bootstrap=())), "m1")
    assert len(whole["figures"]) == 2
