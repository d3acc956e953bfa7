"""Percent and natural frequency."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.runtime.shares import frequency, percent


@pytest.mark.parametrize(
    ("share", "shown", "often"),
    [
        (0.0, "less than 0.1 %", "fewer than 1 in 1000"),
        (0.004, "0.4 %", "about 4 in 1000"),
        (0.0099, "1.0 %", "about 10 in 1000"),
        (0.01, "1 %", "about 1 in 100"),
        (0.18, "18 %", "about 18 in 100"),
        (0.993, "99.3 %", "about 993 in 1000"),
        (1.0, "more than 99.9 %", "more than 999 in 1000"),
    ],
)
def test_a_share_as_percent_and_as_natural_frequency(share, shown, often):
    assert percent(share) == shown
    assert frequency(share) == often


@given(st.floats(0, 1))
def test_percent_never_claims_certainty_and_is_near_the_share(share):
    text = percent(share)
    assert text not in {"0 %", "0.0 %", "100 %", "100.0 %"}
    assert abs(float(re.search(r"[\d.]+", text)[0]) / 100 - share) <= 0.00501
