"""Published counts become the cohort they were counted in: the printed margins come back, and the rebuilt patients."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.cohort.outcomes import build_target
from riskml.cohort.published import read_published
from riskml.errors import DataError, UsageError
from riskml.resources import folder
from tests.cohort.skeleton import write_skeleton

PUBLISHED = folder("features") / "published"


def test_the_table_of_non_response_has_its_printed_margins():
    cohort = read_published(PUBLISHED / "non_response.toml")
    target = build_target(cohort, "non_response_published")
    group = cohort.frame["cytogenetic_group"].to_numpy()[target.rows]
    assert (cohort.n_patients, len(target.rows), target.n_events) == (51, 51, 9)
    # Printed: 7 of 15 with poor cytogenetics, 4 of 5 Ph+, 9 of 51 in all. 3 of 10 and 2 of 36 follow.
    table = {level: (int(target.event[group == level].sum()), int((group == level).sum())) for level in set(group)}
    assert table == {"ph_pos": (4, 5), "other_poor": (3, 10), "good": (2, 36)}
    assert sum(count for count, _ in (table["ph_pos"], table["other_poor"])) == 7


def test_the_counts_of_efs_are_the_rebuilt_patients(tmp_path):
    """The same children, once as counts with finished columns and once as dates and measurements of each child."""
    counts = read_published(PUBLISHED / "efs.toml")
    children = read_cohort(write_skeleton(tmp_path / "children.csv"))
    landmark = {"kind": "survival", "rows": "patient", "origin": "end_of_cycle_1", "landmark_days": 28}
    by_dates = landmark | {
        "rule": "cytological_or_mrd",
        "events": ["relapse", "death", "second_cancer", "no_response"],
        "events_at_landmark": "count",
    }
    found = []
    for cohort, outcome in ((counts, "efs_from_end_of_cycle_1"), (children, by_dates)):
        target = build_target(cohort, outcome)
        klass = cohort.frame["disease_class_initial"].to_numpy()[target.rows]
        event_times = zip(klass[target.event], target.time[target.event].round(6), strict=True)
        found.append((Counter(klass), Counter(event_times)))
    # One non-responder without an event beyond day 28 has another last contact in the one of the two; no event differs.
    assert found[0] == found[1]
    assert sum(found[0][1].values()) == 14


@pytest.mark.parametrize(
    ("klass", "mrd", "printed"),
    [
        ("R/R", None, 22 / 30),
        ("CR-MRDpos", None, 26 / 30),
        ("CR-MRDneg", None, 44 / 45),
        ("R/R", "mrd_negative", 21 / 24),
        ("R/R", "mrd_positive", 1 / 6),
        ("CR-MRDpos", "mrd_negative", 1.0),
        ("CR-MRDpos", "mrd_positive", 0.0),
    ],
)
def test_the_printed_12_month_values_come_back(klass, mrd, printed):
    frame = read_published(PUBLISHED / "efs.toml").frame
    group = (frame["disease_class_initial"] == klass) & ((mrd is None) | (frame["mrd_response"] == mrd))
    events = (frame["efs_event"] != "none") & (frame["efs_time"] <= 12)  # nobody is censored before
    assert 1 - events[group].mean() == pytest.approx(printed)


@pytest.mark.parametrize("name", ["non_response", "efs"])
def test_it_is_real_and_says_what_it_is(name):
    cohort = read_published(PUBLISHED / f"{name}.toml")
    assert not cohort.synthetic
    for words in ("one paper prints", "10.3389/fimmu.2025.1607138", "wide", "not for decisions", "Limits: "):
        assert words in cohort.published
    assert any(line.startswith("PUBLISHED COUNTS") for line in cohort.describe())
    assert len(cohort.sha256) == 64
    assert np.array_equal(np.unique(cohort.row_numbers), np.arange(1, cohort.row_numbers.max() + 1))


GOOD = """
source = "somebody"
derivation = "counted"
limits = "few"
[[cell]]
count = 2
age = "6 a"
response = "response"
"""


def write(tmp_path, text):
    path = tmp_path / "counts.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_cells_may_lack_columns_and_hold_numbers(tmp_path):
    cohort = read_published(write(tmp_path, GOOD + '[[cell]]\ncount = 1\ncycle_index = 1\nresponse = "no_response"\n'))
    assert cohort.frame["age"].tolist()[:2] == [6.0, 6.0]
    assert cohort.frame["cycle_index"].isna().tolist() == [True, True, False]
    assert cohort.row_numbers.tolist() == [1, 1, 2]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("count = 2", "count = 0", "count: must be a whole number of patients"),
        ("count = 2", "count = true", "count: must be a whole number of patients"),
        ("count = 2", "count = 2.0", "count: must be a whole number of patients"),
        ("count = 2", "count = 10_000_000", "may add up to 1,000,000"),
        ("count = 2", "", "count: must be a whole number of patients"),
        ('source = "somebody"', "", "source: must be a text"),
        ('limits = "few"', 'limits = " "', "limits: must be a text"),
        ('limits = "few"', 'limits = "few"\nlimit = 3', "limit: must be one of"),
        ("[[cell]]", "[cell]", r"must be \[\[cell\]\] tables"),
        ('age = "6 a"', "age = [6]", "age: must be a text or a number"),
        ('age = "6 a"\nresponse = "response"', "", "must say what was counted"),
        ('age = "6 a"', 'age = "600 a"', "age must lie in"),
        ('age = "6 a"', 'ages_of_man = "7"', "ages_of_man"),
        ("[[cell]]", "[[cell", "not TOML"),
    ],
)
def test_a_bad_file_is_refused_in_words(tmp_path, old, new, words):
    assert GOOD.count(old) == 1
    with pytest.raises(DataError, match=words):
        read_published(write(tmp_path, GOOD.replace(old, new)))


def test_all_faults_come_at_once_and_a_cells_own_only_once(tmp_path):
    bad = GOOD.replace("6 a", "600 a").replace('"response"', '"perhaps"')
    with pytest.raises(DataError) as caught:
        read_published(write(tmp_path, bad))
    assert sorted(fault.column for fault in caught.value.faults) == ["age", "response"]
    with pytest.raises(UsageError, match="no file"):
        read_published(tmp_path / "nothing.toml")
