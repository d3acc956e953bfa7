"""A table of kinds by groups: counts by hand, totals of kinds, and no small count by subtraction."""

from __future__ import annotations

import numpy as np

from riskml.training.describe.cross_table import cross


def masks(codes, *names):
    return {name: np.array(codes) == code for code, name in enumerate(names)}


def test_counts_shares_and_totals_by_hand():
    kinds = masks([0] * 10 + [1] * 10 + [2] * 20, "deep", "found", "high", "never")
    groups = masks([0] * 5 + [1] * 5 + [0] * 5 + [1] * 5 + [0] * 10 + [1] * 10, "flow", "ngs")
    rows, values = cross("MRD", kinds, groups, {"negative": ("deep", "found")}, internal=False)
    assert [(row.label, row.cells) for row in rows] == [
        ("MRD", ("20", "20", "40")),
        ("deep", ("5 (25 %)", "5 (25 %)", "10 (25 %)")),
        ("found", ("5 (25 %)", "5 (25 %)", "10 (25 %)")),
        ("high", ("10 (50 %)", "10 (50 %)", "20 (50 %)")),
        ("negative", ("10 (50 %)", "10 (50 %)", "20 (50 %)")),
    ]
    assert values[-1] == {"of": "MRD", "kind": "negative", "counts": {"flow": 10, "ngs": 10, "All": 20}}


def test_a_small_count_takes_its_row_and_column_with_it():
    kinds = masks([0] * 30 + [1] * 30, "yes", "no")
    groups = masks([0] * 28 + [1] * 2 + [0] * 10 + [1] * 20, "a", "b")
    rows, values = cross("all", kinds, groups, internal=False)
    assert rows[1].cells == ("5 or more", "<5", "30 (50 %)")
    assert rows[2].cells == ("5 or more", "5 or more", "30 (50 %)")
    assert values == []
    inside, numbers = cross("all", kinds, groups, internal=True)
    assert inside[1].cells == ("28 (74 %)", "2 (9 %)", "30 (50 %)")
    assert numbers[0]["counts"] == {"a": 28, "b": 2, "All": 30}


def test_a_small_total_of_all_is_not_told_by_its_complement():
    rows, _ = cross("all", masks([0] * 3 + [1] * 60, "yes", "no"), masks([0] * 63, "a"), internal=False)
    assert [row.cells[-1] for row in rows] == ["63", "<5", "5 or more"]


def test_a_total_of_kinds_that_do_not_occur_is_none():
    rows, _ = cross("all", masks([0] * 9, "yes", "no"), masks([0] * 9, "a"), {"never": ("no",)}, internal=False)
    assert rows[-1].cells == ("0 (0 %)", "0 (0 %)")


def test_without_kinds_the_sizes_of_the_groups_remain():
    rows, values = cross("Courses", {}, masks([0] * 7 + [1] * 8, "a", "b"), internal=False)
    assert [(row.label, row.cells) for row in rows] == [("Courses", ("7", "8", "15"))]
    assert values == []
