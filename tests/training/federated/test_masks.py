"""Masks cancel in the total and hide everything else; a wrong secret, or an infinite number, is found."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.errors import DataError, UsageError
from riskml.training.federated.masks import check_of, is_word, masked, new_secret, secret_bytes, unmasked

SECRET, OTHER = (bytes([fill]) * 32 for fill in (1, 2))
sums = st.lists(st.floats(-1e12, 1e12), min_size=3, max_size=3)


@given(st.lists(sums, min_size=3, max_size=6))
def test_totals_are_the_exact_sums(parts):
    hidden = [masked({"x": part}, SECRET, "ask", place, len(parts)) for place, part in enumerate(parts)]
    exact = [math.fsum(column) for column in zip(*parts, strict=True)]
    assert unmasked(hidden)["x"] == pytest.approx(exact, rel=1e-15, abs=1e-20)


def test_one_hospital_alone_tells_nothing_and_the_same_ask_the_same_mask():
    zero, one = (masked({"x": [value] * 40}, SECRET, "ask", 0, 3)["x"] for value in (0.0, 1.0))
    assert len(set(zero)) == 40, "every number has a mask of its own"
    assert all(map(is_word, zero))
    bits = "".join(f"{int(word, 16):0192b}" for word in zero)
    assert abs(bits.count("1") / len(bits) - 0.5) < 0.03  # 7,680 bits: 5 standard errors
    assert masked({"x": [0.0] * 40}, SECRET, "ask", 0, 3)["x"] == zero, "an answer can be repeated to the byte"
    assert not set(zero) & set(one)
    for secret, ask, place in ((OTHER, "ask", 0), (SECRET, "next", 0), (SECRET, "ask", 1)):
        assert not set(zero) & set(masked({"x": [0.0] * 40}, secret, ask, place, 3)["x"])


def test_a_hospital_with_another_secret_spoils_the_total_and_is_found():
    parts = [masked({"x": [1.0]}, secret, "ask", k, 3) for k, secret in enumerate((SECRET, SECRET, OTHER))]
    assert abs(unmasked(parts)["x"][0]) > 1e6
    assert check_of(SECRET, "plan") != check_of(OTHER, "plan")
    assert check_of(SECRET, "plan") != check_of(SECRET, "another")


def test_leaving_one_hospital_out_leaves_a_mask():
    parts = [masked({"x": [1.0]}, SECRET, "ask", k, 4) for k in range(3)]
    assert abs(unmasked(parts)["x"][0] - 3) > 1e6


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2.0**56, -1e300])
def test_what_cannot_be_masked_is_refused(value):
    with pytest.raises(DataError, match="finite and below"):
        masked({"x": [value]}, SECRET, "ask", 0, 3)


def test_secrets_are_random_and_strict():
    first, second = new_secret(), new_secret()
    assert first != second
    assert len(secret_bytes(first)) == 32
    for wrong in (None, {}, "secret", {**first, "secret": "abc"}, {**first, "secret": 5}, {**first, "schema": "x"}):
        with pytest.raises(UsageError, match="no secret") as caught:
            secret_bytes(wrong)
        assert not re.search(r"[0-9a-f]{16}", str(caught.value))


@pytest.mark.parametrize("value", ["", "0" * 47, "0" * 49, "G" * 48, "A" * 48, 5, None, 1.5, ["0" * 48]])
def test_other_texts_are_no_masked_numbers(value):
    assert not is_word(value)
