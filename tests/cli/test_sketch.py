"""Drawings a terminal shows: in the right place, never wider than 80 columns, whatever the numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from riskml.cli.sketch import curve, strip

shares = st.floats(0, 1)


def test_a_strip_by_hand():
    assert strip(0.2, 0.1, 0.4, 0.3) == "0 |.....=====*====A=====..............................| 100"
    assert strip(0.0, 0.0, 0.0, None).startswith("0 |*..")
    assert strip(1.0, 0.0, 1.0, None) == f"0 |{'=' * 50}*| 100"


@given(shares, shares, shares, st.none() | shares)
def test_a_strip_always_shows_the_estimate(value, one, other, average):
    low, high = min(one, other, value), max(one, other, value)
    line = strip(value, low, high, average)
    assert len(line) <= 80
    assert line.index("*") - 3 == round(50 * value)


def test_a_straight_fall_by_hand():
    rows = list(curve([(0.0, 1.0), (10.0, 0.0)], []))
    body = [row[7:] for row in rows[:11]]
    assert [min(k for k in range(11) if body[k][column : column + 1] == "*") for column in (0, 30, 60)] == [0, 5, 10]
    assert rows[0].startswith("  100 |*")
    assert rows[5].startswith("   50 |")
    assert rows[10].startswith("    0 |")
    assert rows[-1].split() == ["0", "2", "4", "6", "8", "10", "months"]


def test_intervals_stand_upright_at_their_month():
    rows = [row[7:] for row in curve([(0.0, 1.0), (10.0, 1.0)], [(5.0, 0.3, 0.8)])]
    assert [k for k in range(11) if rows[k][30:31] == "|"] == [2, 3, 4, 5, 6, 7]


def test_a_curve_that_starts_later_says_so():
    rows = list(curve([(6.0, 1.0), (24.0, 0.5)], []))
    assert rows[-1].split()[:2] == ["6", "9"]


@given(st.lists(shares, min_size=2, max_size=40), st.floats(0, 60), st.floats(0.1, 200), shares, shares)
def test_any_curve_fits_the_page(values, start, span, one, other):
    step = span / (len(values) - 1)
    points = [(start + k * step, value) for k, value in enumerate(values)]
    rows = list(curve(points, [(points[-1][0], min(one, other), max(one, other))]))
    assert len(rows) == 13
    assert max(map(len, rows)) <= 80
    assert all(row.isascii() for row in rows)
    assert all(any(row[7 + column : 8 + column] == "*" for row in rows[:11]) for column in range(61))
