"""Units: the spellings people type, and the ones that must not be guessed."""

from __future__ import annotations

import pytest

from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.units import Quantity, fold_unit

QUANTITY_OF = {
    "fraction": "mrd",
    "count": "cd19",
    "age": "age",
    "duration": "efs_time",
    "days": "delivered_infusion_days",
}


def quantity(name: str) -> Quantity:
    return load_dictionary()[QUANTITY_OF[name]].quantity


@pytest.mark.parametrize(
    ("name", "spelling", "factor"),
    [
        ("count", "10*9/L", 1.0),
        ("count", "10^9/L", 1.0),
        ("count", "10**9/L", 1.0),
        ("count", "x10^9/L", 1.0),
        ("count", "×10^9/L", 1.0),
        ("count", "10⁹/L", 1.0),
        ("count", "×10⁹/l", 1.0),
        ("count", "x 10 ^ 9 / l", 1.0),
        ("count", "G/L", 1.0),
        ("count", "K/uL", 1.0),
        ("count", "k/µl", 1.0),
        ("count", "K/μL", 1.0),  # Greek mu, not the micro sign
        ("count", "10³/µL", 1.0),
        ("count", "10*3/mm3", 1.0),
        ("count", "/uL", 1e-3),
        ("count", "cells/µL", 1e-3),
        ("count", "Cells / uL", 1e-3),
        ("count", "cells/mm³", 1e-3),
        ("count", "e6/L", 1e-3),
        ("fraction", "%", 0.01),
        ("fraction", "Percent", 0.01),
        ("fraction", "10⁻⁴", 1e-4),
        ("fraction", "x10^-5", 1e-5),
        ("age", "Years", 1.0),
        ("age", "mo", 1 / 12),
        ("age", "days", 1 / 365.25),
        ("age", "weeks", 7 / 365.25),
        ("duration", "d", 1 / 30.4375),
        ("duration", "weeks", 7 / 30.4375),
        ("duration", "years", 12.0),
        ("days", "wk", 7.0),
    ],
)
def test_spellings_mean_their_factor(name, spelling, factor):
    # The superscript three of mm3 is a spelling of the unit itself, not a power of ten.
    assert quantity(name).factor(spelling.replace("mm³", "mm3")) == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("count", ""),
        ("count", "109/L"),  # a lost superscript: a hundred and nine, or 10^9?
        ("count", "10e9/L"),
        ("count", "M/uL"),
        ("count", "%"),
        ("count", "g/L per cell"),
        ("fraction", "/uL"),
        ("fraction", "‰"),
        ("fraction", "10*-7"),
        ("age", "m"),  # months, or minutes?
        ("duration", "h"),
        ("days", "months"),
    ],
)
def test_unknown_spellings_are_refused(name, spelling):
    assert quantity(name).factor(spelling) is None


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("fraction", 0.0052, "0.52 %"),
        ("fraction", 1e-4, "0.01 %"),
        ("fraction", 1e-8, "0.000001 %"),
        ("fraction", 1.0, "100 %"),
        ("count", 0.03, "0.03 10^9/L"),
        ("count", 2000.0, "2000 10^9/L"),
        ("age", 6.4, "6.4 years"),
        ("duration", 12.0, "12 months"),
        ("days", 28.0, "28 days"),
    ],
)
def test_show(name, value, shown):
    assert quantity(name).show(value) == shown


def test_every_spelling_of_the_file_survives_folding_with_its_factor():
    for table, raw in load_dictionary().raw["quantity"].items():
        for spelling, factor in raw["factors"].items():
            assert Quantity.from_dict(table, raw).factor(spelling) == factor
        assert len({fold_unit(spelling) for spelling in raw["factors"]}) == len(raw["factors"])


def test_the_display_unit_is_an_accepted_one():
    for variable in load_dictionary().variables.values():
        assert not variable.quantity.display or variable.quantity.factor(variable.quantity.display) is not None
