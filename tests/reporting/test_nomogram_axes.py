"""Lines of a nomogram: lesions and levels share marks and lines where the model does; every value can be read off."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.reporting.nomogram_axes import axes_of
from riskml.runtime.model import Feature
from tests.reporting.lines import axes, span_of, variables_for, worth_of, written
from tests.runtime.models import LEVELS, known_inputs, portable_models


def test_a_lesion_is_absent_or_present():
    (line,) = axes(Feature("ph", "value", ("bcr_abl1",)))
    assert (line.label, line.reach, line.inputs) == ("BCR::ABL1 (Ph+)", "", ("bcr_abl1",))
    assert written(line) == [[("absent", 0), ("present", 1)]]


def test_lesions_of_which_only_the_number_counts_share_a_line():
    two, other = axes(
        Feature("poor", "value", ("kmt2a_r", "tcf3_hlf")),
        Feature("ph", "value", ("bcr_abl1",)),
        coefficients=(0.5, 1.0),
    )
    assert two.label == "KMT2A rearrangement or TCF3::HLF"
    assert written(two) == [[("none", 0), ("one", 0.5), ("both", 1)]]
    assert other.inputs == ("bcr_abl1",)
    (three,) = axes(Feature("any", "value", ("bcr_abl1", "kmt2a_r", "tcf3_hlf")))
    assert written(three) == [[("none", 0), ("1", 1), ("2", 2), ("3", 3)]]


def test_a_lesion_that_also_counts_by_itself_has_its_own_line():
    lines = axes(Feature("poor", "value", ("kmt2a_r", "tcf3_hlf")), Feature("kmt2a", "value", ("kmt2a_r",)))
    assert [line.inputs for line in lines] == [("kmt2a_r",), ("tcf3_hlf",)]
    assert written(lines[0]) == [[("absent", 0), ("present", 3)]]


def test_levels_of_one_worth_share_a_tick():
    levels = {"disease_class_initial": ["CR-MRDneg", "CR-MRDpos", "R/R"]}
    (line,) = axes(Feature("rr", "level", ("disease_class_initial",), ("R/R",)), levels=levels)
    assert written(line) == [[("CR-MRDneg or CR-MRDpos", 0), ("R/R", 1)]]
    assert line.runs[0].ticks[0].values == ("CR-MRDneg", "CR-MRDpos")
    many = {"disease_class_initial": [*levels["disease_class_initial"], "newly_diagnosed"]}
    (line,) = axes(Feature("rr", "level", ("disease_class_initial",), ("R/R",)), levels=many)
    assert written(line) == [[("any other", 0), ("R/R", 1)]]


@given(st.data())
@settings(max_examples=80)
def test_every_value_can_be_read_off_its_line(data):
    """Between two marks its worth lies between theirs; on a mark it is that mark's."""
    model = data.draw(portable_models(linear=True, max_inputs=4))
    model = model.with_(members=(model.members[0].with_(weight=1.0),))
    variables = variables_for(model, data.draw(st.booleans()))
    patient = data.draw(known_inputs(model, complete=True))
    patient |= {name: float(patient[name] > 0) for name in variables if variables[name].kind == "tristate"}
    levels = {name: (*LEVELS, "other") for name in model.inputs if name.startswith("level")}
    for axis in axes_of(model, variables, levels):
        low, high = span_of(axis, patient)
        assert low - 1e-9 <= sum(worth_of(model, name, patient[name]) for name in axis.inputs) <= high + 1e-9
        for run in axis.runs:
            worths = [tick.worth for tick in run.ticks]
            assert worths in (sorted(worths), sorted(worths, reverse=True))
            for tick in run.ticks:
                if isinstance(tick.values[0], float) and len(tick.values) == 2:
                    for x in tick.values:
                        assert worth_of(model, axis.inputs[0], x) == pytest.approx(tick.worth, abs=1e-9)
                        assert -10 <= x <= 10
