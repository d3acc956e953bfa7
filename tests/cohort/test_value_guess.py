"""What cells say of a column: units are settled by plausibility alone, or asked."""

from __future__ import annotations

import pytest

from riskml.cohort.value_guess import are_dates, are_identifiers, guess_unit, readable
from riskml.runtime.dictionary import load_dictionary

DICTIONARY = load_dictionary()


@pytest.mark.parametrize(
    ("variable", "texts", "choices"),
    [
        ("mrd", ["84", "12,5", "0"], "%"),
        ("wbc", ["2.3", "91.6", "250"], "10*9/L"),
        ("wbc", ["23000", "91600"], "/uL"),
    ],
)
def test_one_plausible_unit_is_taken(variable, texts, choices):
    guess = guess_unit(texts, DICTIONARY[variable])
    factor = DICTIONARY[variable].quantity.factor
    assert [factor(unit) for unit in guess.choices] == [factor(choices)]


def test_several_plausible_units_are_asked():
    guess = guess_unit(["0.5", "0.9"], DICTIONARY["mrd"])
    assert guess.question == "ambiguous: fraction or %? max is 0.9"
    assert guess.choices == ("1", "%")


def test_units_in_the_cells_leave_nothing_to_ask():
    assert guess_unit(["0.5 %", "neg"], DICTIONARY["mrd"]).question == ""
    assert "beside numbers with one" in guess_unit(["0.5 %", "0.4"], DICTIONARY["mrd"]).question


def test_readable_share():
    assert readable(["m", "f", "w", "x"], DICTIONARY["sex"], DICTIONARY, None) == 0.5
    assert readable(["6,4", "7,25"], DICTIONARY["age"], DICTIONARY, None) == 1


def test_dates_and_identifiers():
    assert are_dates(["2020-02-29", "1/2/2020", "29.2.20 10:30"])
    assert not are_dates(["6.4", "2020"])
    assert not are_dates([])
    assert are_identifiers(["A1", "A2", "A3"], 3)
    assert not are_identifiers(["A1", "A2"], 10)
    assert not are_identifiers(["6.4", "7.1", "8.2"], 3)
