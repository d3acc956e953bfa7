"""Derived columns: solved by hand, and properties that hold for any values."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import choose, compute, derive, with_inputs
from riskml.errors import DataError, UsageError
from riskml.runtime.derivations import derived_from_dict
from riskml.runtime.dictionary import Dictionary, load_dictionary

NAN = math.nan


def cohort(below=None, **columns):
    frame = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    flags = pd.DataFrame({name: pd.Series(values, dtype=bool) for name, values in (below or {}).items()})
    flags = flags if below else pd.DataFrame(index=frame.index)
    return Cohort(frame, flags, np.arange(len(frame)) + 2, synthetic=False, name="x.csv", sha256="0" * 64)


def column(name, below=None, **columns):
    return derive(cohort(below, **columns), [name]).frame[name].tolist()


def same(found, expected):
    """Whether the numbers agree, unknown (NaN) with unknown."""
    return np.allclose(np.asarray(found, dtype=float), expected, rtol=1e-12, atol=0, equal_nan=True)


def test_ratio_by_hand():
    assert same(column("cd4_cd8_ratio", cd4=[0.6, NAN, 0.6, 0.0], cd8=[0.4, 0.4, 0.0, 0.4]), [1.5, NAN, NAN, 0.0])


def test_a_denominator_below_its_limit_leaves_the_ratio_unknown_and_says_so():
    made = derive(
        cohort({"mrd": [False, True], "lymphocytes": [True, False]}, mrd=[0.01, 7e-5], lymphocytes=[0.0035, 0.5]),
        ["mrd_alc_ratio"],
    )
    assert same(made.frame["mrd_alc_ratio"], [NAN, 1.4e-4])
    assert made.below["mrd_alc_ratio"].tolist() == [False, True], "with the MRD below its limit the ratio is too"
    (note,) = made.notes
    assert note.code == "ratio_unknown"
    assert "in 1 rows where lymphocytes is zero or below" in note.message


def test_difference_is_later_minus_earlier():
    made = derive(cohort({"cd3": [False, True, False]}, cd3_d15=[1.0, 0.2, NAN], cd3=[0.4, 0.0035, 1.0]))
    assert same(made.frame["cd3_change_d15"], [0.6, 0.1965, NAN])
    assert [note.code for note in made.notes] == ["change_below_limit"]


def test_log10_stops_at_the_floor():
    made = derive(cohort({"mrd": [False, False, True, False]}, mrd=[0.01, 1e-9, 7e-5, NAN]), ["log10_mrd"])
    assert same(made.frame["log10_mrd"], [-2.0, -6.0, math.log10(7e-5), NAN])
    assert made.below["log10_mrd"].tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([1, 0, 0], 1.0),
        ([1, NAN, NAN], 1.0),
        ([0, 0, 0], 0.0),
        ([0, 0, NAN], NAN),
        ([NAN, NAN, NAN], NAN),
    ],
)
def test_any_of_by_hand(parts, expected):
    lesions = dict(zip(("bcr_abl1", "kmt2a_r", "tcf3_hlf"), ([float(part)] for part in parts), strict=True))
    assert same(column("any_poor_lesion", **lesions), [expected])


def test_a_lesion_without_a_column_was_not_tested():
    assert same(column("any_poor_lesion", bcr_abl1=[1.0, 0.0, NAN]), [1.0, NAN, NAN])


def test_groups_by_hand():
    assert column("age_group", age=[0.99, 1.0, 9.99, 10.0, NAN]) == [
        "infant",
        "1 to 9 years",
        "1 to 9 years",
        "10 years or older",
        None,
    ]
    levels = pd.Series(["R/R", "CR-MRDneg", None], dtype=object)
    made = derive(cohort(disease_status_at_start=levels), ["status_group"]).frame["status_group"]
    assert made.tolist() == ["measurable", "none", None]
    assert made.dtype == object


def test_a_value_below_its_limit_is_grouped_only_where_the_limit_is_under_every_cut():
    table = {
        "label": "x",
        "why": "y",
        "op": "group",
        "inputs": ["mrd"],
        "cuts": [1e-4, 1e-2],
        "levels": ["a", "b", "c"],
    }
    made = derived_from_dict({"mrd_group": table}, load_dictionary())
    carried = np.array([1e-4, 1e-3, 1e-5]) / math.sqrt(2)  # limits on the first cut, above it, under it
    whole = cohort({"mrd": [True, True, True]}, mrd=carried)
    result = derive(whole, ["mrd_group"], definitions=made)
    assert result.frame["mrd_group"].tolist() == ["a", None, "a"]
    assert [note.code for note in result.notes] == ["group_unknown"]


def test_a_stored_value_is_kept_compared_and_its_gaps_are_filled():
    source = cohort(cd4=[0.6, 0.6, 0.6], cd8=[0.4, 0.4, 0.4], cd4_cd8_ratio=[1.52, 15.0, NAN])
    made = derive(source, ["cd4_cd8_ratio"])
    assert same(made.frame["cd4_cd8_ratio"], [1.52, 15.0, 1.5])
    assert [note.code for note in made.notes] == ["stored_differs"]
    assert "in 1 rows of 2" in made.notes[0].message
    assert same(source.frame["cd4_cd8_ratio"], [1.52, 15.0, NAN]), "the cohort that came in is unchanged"


def test_all_that_the_columns_allow_and_nothing_after_the_landmark():
    source = cohort(age=[3.0], cd3=[0.4], cd3_d15=[1.0], cd8=[0.2])
    assert list(derive(source).frame.columns[4:]) == ["cd3_change_d15", "age_group"]
    assert list(derive(source, landmark="first_dose").frame.columns[4:]) == ["age_group"]


def test_every_refusal_in_one_answer():
    with pytest.raises(DataError) as error:
        derive(cohort(cd3=[0.4]), ["cd3_change_d15", "mrd_alc_ratio"], landmark="first_dose")
    text = str(error.value)
    assert "known only from day_15, after the landmark first_dose" in text
    assert "needs the columns cd3_d15" in text
    assert "needs the columns lymphocytes, mrd" in text
    with pytest.raises(UsageError, match="the nearest is mrd_alc_ratio"):
        derive(cohort(cd3=[0.4]), ["mrd_alc_ration"])
    with pytest.raises(UsageError, match="no landmark"):
        derive(cohort(cd3=[0.4]), [], landmark="someday")


def test_one_that_builds_on_another_makes_it_on_the_way():
    steps = {
        "fold": {"label": "x", "why": "y", "op": "ratio", "inputs": ["cd8_d15", "cd8"]},
        "log_fold": {"label": "x", "why": "y", "op": "log10", "inputs": ["fold"], "floor": 0.01},
    }
    made = derive(
        cohort(cd8=[0.1], cd8_d15=[1.0]), ["log_fold"], definitions=derived_from_dict(steps, load_dictionary())
    )
    assert list(made.frame.columns) == ["cd8", "cd8_d15", "log_fold"]
    assert same(made.frame["log_fold"], [1.0])


counts = st.floats(0, 50) | st.just(NAN)
tristates = st.sampled_from([0.0, 1.0, NAN])


@given(st.lists(st.tuples(counts, counts), min_size=1, max_size=8))
def test_a_ratio_times_its_denominator_is_its_numerator_and_never_infinite(pairs):
    over, under = map(np.array, zip(*pairs, strict=True))
    with np.errstate(over="ignore"):
        ratio = compute(
            pd.DataFrame({"cd4": over, "cd8": under}), pd.DataFrame(), ["cd4_cd8_ratio"], load_dictionary().definitions
        )["cd4_cd8_ratio"].data
        known = ~np.isnan(over) & ~np.isnan(under) & (under > 1e-3)
        assert np.allclose(ratio[known] * under[known], over[known])
    assert np.isnan(ratio[np.isnan(over) | np.isnan(under) | (under == 0)]).all()


@given(st.lists(st.tuples(tristates, tristates, tristates), min_size=1, max_size=8), st.permutations([0, 1, 2]))
def test_any_of_is_the_same_in_any_order_and_what_every_completion_agrees_on(rows, order):
    """Kleene's logic by its meaning: known exactly where every way to fill the gaps gives the same answer."""
    names = [("bcr_abl1", "kmt2a_r", "tcf3_hlf")[place] for place in order]
    frame = pd.DataFrame(np.array(rows), columns=names)
    made = compute(frame, pd.DataFrame(), ["any_poor_lesion"], load_dictionary().definitions)["any_poor_lesion"].data
    for row, value in zip(rows, made, strict=True):
        low, high = (float(any(v == 1 or (math.isnan(v) and fill) for v in row)) for fill in (False, True))
        assert same([value], [low if low == high else NAN])


@given(st.lists(st.floats(0, 110) | st.just(NAN), min_size=1, max_size=20))
def test_age_groups_rise_with_age(ages):
    made = compute(pd.DataFrame({"age": ages}), pd.DataFrame(), ["age_group"], load_dictionary().definitions)[
        "age_group"
    ].data
    levels = load_dictionary().definitions["age_group"].levels
    ranks = [(age, levels.index(group)) for age, group in zip(ages, made, strict=True) if group is not None]
    assert len(ranks) == sum(not math.isnan(age) for age in ages)
    assert [rank for _, rank in sorted(ranks)] == sorted(rank for _, rank in ranks)


def test_choose_takes_each_name_once():
    assert choose(["age"], ["age_group", "age_group"], None, load_dictionary().definitions) == ("age_group",)


# ---------------------------------------------------------------------------------------------------- inputs of a model


def test_inputs_that_follow_from_the_columns_are_added_and_the_others_left():
    source = cohort(cd4=[0.6], cd8=[0.4], age=[3.0])
    made = with_inputs(source, ["cd4_cd8_ratio", "mrd_alc_ratio", "age_group", "age", "wbc"])
    assert list(made.frame.columns) == ["cd4", "cd8", "age", "cd4_cd8_ratio", "age_group"]
    assert with_inputs(source, ["age", "mrd_alc_ratio"]) is source


def test_the_dictionary_of_a_bundle_brings_its_own_definitions():
    raw = load_dictionary().raw
    table = {"label": "x", "why": "y", "op": "group", "inputs": ["age"], "cuts": [2], "levels": ["a", "b"]}
    own = Dictionary.from_dict({**raw, "derived": {"age_group": table}})
    assert with_inputs(cohort(age=[3.0]), ["age_group"], own).frame["age_group"].tolist() == ["b"]


def test_values_outside_the_range_of_a_stored_variable_are_counted_and_kept():
    made = derive(cohort(cd4=[2.0, 0.6], cd8=[0.02, 0.4]), ["cd4_cd8_ratio"])
    assert same(made.frame["cd4_cd8_ratio"], [100.0, 1.5])
    assert [note.code for note in made.notes] == ["derived_unusual"]
    assert "0.1 to 6 in 1 rows" in made.notes[0].message


def test_what_is_below_a_limit_cannot_disagree():
    source = cohort({"cd4": [True]}, cd4=[0.007], cd8=[0.4], cd4_cd8_ratio=[0.5])
    assert derive(source, ["cd4_cd8_ratio"]).notes == ()


def test_gaps_of_one_on_the_way_are_filled_too():
    steps = {
        "fold": {"label": "x", "why": "y", "op": "ratio", "inputs": ["cd8_d15", "cd8"]},
        "log_fold": {"label": "x", "why": "y", "op": "log10", "inputs": ["fold"], "floor": 0.01},
    }
    source = cohort(cd8=[0.1, 0.1], cd8_d15=[1.0, 1.0], fold=[NAN, 100.0])
    made = derive(source, ["log_fold"], definitions=derived_from_dict(steps, load_dictionary()))
    assert same(made.frame["log_fold"], [1.0, 2.0])
