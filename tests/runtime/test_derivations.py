"""Definitions of derived variables: the shipped ones are sound, unsound ones are refused with a reason."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.errors import DataError
from riskml.runtime.derivations import derived_from_dict
from riskml.runtime.dictionary import load_dictionary

DICTIONARY = load_dictionary()
ORDER = ["diagnosis", "end_of_induction", "first_dose", "day_15", "end_of_cycle_1", "follow_up"]


def table(**changes):
    made = {"label": "x", "why": "y", "op": "ratio", "inputs": ["cd4", "cd8"], **changes}
    return {"made": {key: value for key, value in made.items() if value is not ...}}


def refused(raw):
    with pytest.raises(DataError) as error:
        derived_from_dict(raw, DICTIONARY)
    return str(error.value)


@pytest.mark.parametrize("made", [pytest.param(made, id=made.name) for made in load_dictionary().definitions.values()])
def test_what_is_shipped_is_known_from_the_latest_of_its_inputs(made):
    assert made.label
    assert made.why
    assert made.known == ORDER[max(ORDER.index(DICTIONARY[name].known) for name in made.inputs)]
    if made.name in DICTIONARY.variables:
        assert DICTIONARY[made.name].kind == made.kind


def test_changes_are_variables_of_day_15_and_ratios_of_the_first_dose():
    known = {name: made.known for name, made in load_dictionary().definitions.items()}
    assert {known[name] for name in known if name.endswith("_d15")} == {"day_15"}
    assert known["mrd_alc_ratio"] == known["cd4_cd8_ratio"] == "first_dose"
    assert known["any_poor_lesion"] == "diagnosis"


def test_a_derived_variable_may_build_on_one_above_it_and_inherits_its_landmark():
    raw = table(inputs=["cd8_d15", "cd8"]) | {"twice": table(op="log10", inputs=["made"], floor=0.01)["made"]}
    made = derived_from_dict(raw, DICTIONARY)
    assert (made["twice"].known, made["twice"].kind, made["twice"].floor) == ("day_15", "number", 0.01)
    backwards = {name: raw[name] for name in ("twice", "made")}
    assert "derived above" in refused(backwards)


@pytest.mark.parametrize("typed", ["diagnosis", "first_dose", "someday"])
def test_a_typed_landmark_earlier_than_the_inputs_is_refused(typed):
    assert "known from day_15, the latest" in refused(table(inputs=["cd8_d15", "cd8"], known=typed))


def test_a_typed_landmark_may_repeat_what_is_computed_or_be_later():
    for typed in ("day_15", "follow_up"):
        assert derived_from_dict(table(inputs=["cd8_d15", "cd8"], known=typed), DICTIONARY)["made"].known == "day_15"


def test_a_stored_name_cannot_smuggle_a_later_value_in():
    late = {"cd4_cd8_ratio": table(inputs=["cd8_d15", "cd8"])["made"]}
    assert "as the variable of that name" in refused(late)
    other = {"sex": table()["made"]}
    assert "must be a category" in refused(other)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"made": 7}, "must be a table"),
        (table(label=" "), "label must be text"),
        (table(op=["ratio"]), "op must be one of"),
        (table(why=...), "must be a table with"),
        (table(op="eval"), "op must be one of log10, ratio, difference, any_of, group"),
        (table(op="cd4 / cd8"), "op must be one of"),
        (table(expression="cd4 / cd8"), "expression is not a key of ratio"),
        (table(floor=1.0), "floor is not a key of ratio"),
        (table(inputs="cd4"), "inputs must be a list"),
        (table(inputs=["cd4"]), "takes 2 different inputs"),
        (table(inputs=["cd4", "cd4"]), "takes 2 different inputs"),
        (table(inputs=["cd4", "cd88"]), "nearest name is 'cd8'"),
        (table(inputs=["cd4", "sex"]), "sex, a category"),
        (table(op="difference", inputs=["mrd", "cd4"]), "fraction and count"),
        (table(op="any_of", inputs=["bcr_abl1"]), "two or more"),
        (table(op="any_of", inputs=["bcr_abl1", "mrd"]), "mrd, a number"),
        (table(op="log10", inputs=["mrd"]), "positive floor"),
        (table(op="log10", inputs=["mrd"], floor=0), "positive floor"),
        (table(op="log10", inputs=["mrd"], floor=True), "positive floor"),
        (table(op="group", inputs=["age"]), "rising cuts"),
        (table(op="group", inputs=["age"], cuts=[2, 1], levels=["a", "b", "c"]), "rising cuts"),
        (table(op="group", inputs=["age"], cuts=[1], levels=["a"]), "one level more"),
        (table(op="group", inputs=["age"], cuts=[1], levels=["a", "a"]), "all different"),
        (table(op="group", inputs=["sex"], cuts=[1], levels=["a", "b"]), "table of lists"),
        (table(op="group", inputs=["sex"], groups={"a": ["female"]}), "must stand in one group"),
        (table(op="group", inputs=["sex"], groups={"a": ["female", "male"], "b": ["male"]}), "in one group"),
    ],
)
def test_what_is_refused(raw, said):
    assert said in refused(raw)


def test_every_fault_in_one_answer():
    raw = {"one": table(op="x")["made"], "two": table(inputs=["cd4", "no"])["made"], "three": table()["made"]}
    text = refused(raw)
    assert "derived.one" in text
    assert "derived.two" in text
    assert "derived.three" not in text


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5) | st.sampled_from(["cd4", "sex", "group"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


@given(
    st.sampled_from(["log10", "ratio", "difference", "any_of", "group"]),
    st.sampled_from(["label", "why", "op", "inputs", "known", "floor", "cuts", "levels", "groups"]),
    anything,
)
def test_no_value_of_any_key_ends_in_a_traceback(op, key, value):
    inputs = {"log10": ["mrd"], "group": ["sex"], "any_of": ["bcr_abl1", "tki"]}.get(op, ["cd4", "cd8"])
    with contextlib.suppress(DataError):
        derived_from_dict(table(**({"op": op, "inputs": inputs} | {key: value})), DICTIONARY)


def test_two_variables_cannot_be_made_of_each_other_even_where_files_store_them():
    """The CD4/CD8 ratio is stored by laboratories, too; as an input of what stands above, it could lead to itself."""
    raw = {
        "made": table(inputs=["cd4_cd8_ratio", "cd4"])["made"],
        "cd4_cd8_ratio": table(inputs=["made", "cd8"])["made"],
    }
    assert "derived above" in refused(raw)
    assert "derived above" in refused({"cd4_cd8_ratio": table(inputs=["cd4_cd8_ratio", "cd8"])["made"]})


@pytest.mark.parametrize(
    ("op", "extra"),
    [("ratio", {}), ("log10", {"floor": 1.0}), ("group", {"cuts": [1], "levels": ["a", "b"]})],
)
def test_a_logarithm_comes_last(op, extra):
    inputs = ["logarithm", "cd4"] if op == "ratio" else ["logarithm"]
    raw = {"logarithm": table(op="log10", inputs=["mrd"], floor=1e-6)["made"]}
    assert "take the logarithm last" in refused(raw | table(op=op, inputs=inputs, **extra))
    fold = {"other": table(op="log10", inputs=["cd8"], floor=1e-3)["made"]}
    gap = table(op="difference", inputs=["logarithm", "other"])
    assert derived_from_dict(raw | fold | gap, DICTIONARY)["made"].kind == "number"


def test_percentages_are_subtracted_only_within_one_whole():
    assert "out of one whole" in refused(table(op="difference", inputs=["cd8_effector_pct", "cd8_pct"]))
    made = derived_from_dict(table(op="difference", inputs=["cd8_effector_pct_d15", "cd8_effector_pct"]), DICTIONARY)
    assert made["made"].denominator == DICTIONARY["cd8_effector_pct"].denominator


def test_a_chain_of_definitions_has_at_most_eight_steps():
    links = {"link_1": table()["made"]}
    links |= {f"link_{n}": table(inputs=[f"link_{n - 1}", "cd8"])["made"] for n in range(2, 10)}
    eight = {name: links[name] for name in list(links)[:8]}
    assert list(derived_from_dict(eight, DICTIONARY)) == list(eight)
    assert "derived.link_9: must be at most 8 steps" in refused(links)
