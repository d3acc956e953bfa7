"""Numbers in words: never a false 0 or 100, never more digits than a reader can use."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cli.present import WIDTH, _range, frequency, percent, present
from riskml.runtime.bundle import open_bundle
from tests.cli.processes import BUNDLES, golden


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0.0, "less than 0.1 %"),
        (0.0004, "less than 0.1 %"),
        (0.0006, "0.1 %"),
        (0.0042, "0.4 %"),
        (0.0096, "1.0 %"),
        (0.01, "1 %"),
        (0.18, "18 %"),
        (0.99, "99 %"),
        (0.996, "99.6 %"),
        (0.9994, "99.9 %"),
        (0.9996, "more than 99.9 %"),
        (1.0, "more than 99.9 %"),
    ],
)
def test_percent(share, shown):
    assert percent(share) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0.0, "fewer than 1 in 1000"),
        (0.0004, "fewer than 1 in 1000"),
        (0.0006, "about 1 in 1000"),
        (0.0042, "about 4 in 1000"),
        (0.01, "about 1 in 100"),
        (0.18, "about 18 in 100"),
        (0.99, "about 99 in 100"),
        (0.996, "about 996 in 1000"),
        (0.9994, "about 999 in 1000"),
        (0.9996, "more than 999 in 1000"),
        (1.0, "more than 999 in 1000"),
    ],
)
def test_natural_frequency(share, shown):
    assert frequency(share) == shown


@given(st.floats(0, 1))
def test_percent_and_frequency_agree_and_never_claim_certainty(share):
    said, of = percent(share), frequency(share)
    number = float(re.search(r"[\d.]+", said)[0])
    assert abs(number - 100 * share) <= 0.5 + 1e-9
    assert 0 < number < 100
    count, total = (int(x) for x in re.search(r"(\d+) in (\d+)", of).groups())
    assert abs(count / total - share) <= 0.005 + 1e-9
    assert 0 < count < total


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("digits", [1e-12, 1 - 1e-12])
def test_extreme_estimates_keep_to_the_width_and_to_the_truth(name, digits):
    prediction = open_bundle(BUNDLES[name]).predict(golden(name)[1]["patient"])
    shares = tuple(digits for _ in prediction.value)
    text = present(prediction.with_(value=shares, low=shares, high=shares))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "interval: 100 to 100" not in text
    assert "interval: 0 to 0" not in text
    assert " 100 %" not in text.split("What moved")[0]


def test_an_endless_label_is_wrapped():
    prediction = open_bundle(BUNDLES["efs"]).predict(golden("efs")[2]["patient"])
    long = {name: f"{label} {'and so on ' * 20}".strip() for name, label in prediction.labels.items()}
    text = present(prediction.with_(labels=long, model={**prediction.model, "outcome": "Very long " * 20}))
    assert max(map(len, text.splitlines())) <= WIDTH


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [(0.061, 0.064, "6 % either way"), (0.03, 0.24, "3 % and 24 %"), ([0.9, 0.501], [0.95, 0.7], "50 % and 70 %")],
)
def test_what_measuring_could_do(low, high, shown):
    assert _range({"low": low, "high": high}) == shown


@pytest.mark.parametrize("share", [1e-9, 0.9972, 1 - 1e-9])
def test_odd_months_and_extreme_averages_keep_to_the_width(share):
    bundle = open_bundle(BUNDLES["efs"])
    prediction = bundle.predict({"mrd": "5 %"}, at=[11.7436], event_free_at=11.6024, expected_months=12.8317)
    base = prediction.on_value.with_(base=(share,))
    lines = present(prediction.with_(on_value=base, value=(share,), low=(share,), high=(share,))).splitlines()
    assert max(map(len, lines)) <= WIDTH
    single = open_bundle(BUNDLES["non_response"]).predict({"mrd": "5 %"})
    lines = present(single.with_(on_value=single.on_value.with_(base=(share,)), value=(share,))).splitlines()
    assert max(map(len, lines)) <= WIDTH


def test_no_change_is_not_minus_zero():
    bundle = open_bundle(BUNDLES["non_response"])
    text = present(bundle.predict({"mrd": "5.0001 %"}, as_given={"mrd": "5 %"}))
    assert "-0 " not in text
    assert "(-0" not in text
