"""All parts of a cohort paper together: their order, their names, what they are asked, and without columns."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from riskml.cohort.cohort import Cohort, read_cohort
from riskml.errors import UsageError
from riskml.resources import folder
from riskml.training.describe.parts import describe, groupable
from riskml.training.describe.table import NOT_SHOWN
from tests.repository import ROOT

ORDER = ["flow", "characteristics", "response", "survival", "hazards", "toxicity", "immune", "regimen"]


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


@pytest.fixture(scope="module")
def shared(cohort):
    return describe(cohort)


@pytest.fixture(scope="module")
def internal(cohort):
    return describe(cohort, internal=True)


def drawn_in(part):
    return (*part.charts, *part.curve_sets, *part.lane_sets, *part.box_sets)


def names_of(parts):
    # a table and its figure may share a name: they are files of other kinds
    return [shown.name for part in parts for shown in (*part.tables, *drawn_in(part))]


def bare(**columns):
    """A cohort with these columns alone."""
    frame = pd.DataFrame(columns)
    rows = np.arange(2, 2 + len(frame))
    return Cohort(frame, pd.DataFrame(index=frame.index), rows, synthetic=True, name="c.csv", sha256="0" * 64)


def test_the_parts_come_in_the_order_of_a_paper(shared):
    assert [part.name for part in shared] == ORDER
    assert all(part.title for part in shared)


@pytest.mark.parametrize("which", ["shared", "internal"])
def test_every_table_and_every_figure_has_a_file_of_its_own(which, request):
    parts = request.getfixturevalue(which)
    for kind in ("tables", "curve_sets", "lane_sets", "box_sets", "charts"):
        counted = Counter(shown.name for part in parts for shown in getattr(part, kind))
        assert [name for name, number in counted.items() if number > 1] == []
    drawn = [shown.name for part in parts for shown in drawn_in(part)]
    assert len(drawn) == len(set(drawn)), "lanes and curves stand in one folder"
    assert all(name.replace("_", "").isalnum() for name in names_of(parts)), "safe as a file's name"


@pytest.mark.parametrize("which", ["shared", "internal"])
def test_every_row_fills_its_table_or_heads_others(which, request):
    for table in (table for part in request.getfixturevalue(which) for table in part.tables):
        assert table.title
        assert table.notes, f"{table.name} says neither what it counts nor how"
        assert {len(row.cells) for row in table.rows} <= {0, len(table.columns)}, table.name
        assert table.rows[0].indent == 0
        for above, row in zip(table.rows, table.rows[1:], strict=False):
            assert row.indent <= above.indent + 1, f"{table.name}: {row.label} stands under nothing"


def test_curves_keep_to_their_ticks(internal):
    for curves in (curves for part in internal for curves in part.curve_sets):
        for curve in curves.curves:
            assert len(curve.at_risk) == len(curves.ticks)
            assert len(curve.months) == len(curve.value) == len(curve.low) == len(curve.high)
            assert (np.diff(curve.months) >= 0).all()


def test_single_patients_are_drawn_for_their_site_alone(shared, internal, cohort):
    assert not any(part.lane_sets for part in shared)
    lanes = [lane for part in internal for shown in part.lane_sets for lane in shown.lanes]
    assert len(lanes) == cohort.n_patients


def test_groups_and_months_reach_every_part_that_asks_for_them(cohort):
    parts = {part.name: part for part in describe(cohort, by="sex", months=(9.0, 15.0))}
    for name in ("characteristics", "response", "survival", "toxicity"):
        tables = parts[name].tables
        words = [text for table in tables for text in (*table.columns, *(row.label for row in table.rows))]
        assert any("female" in text for text in words), name
    assert {"9 months", "15 months"} <= set(parts["survival"].tables[0].columns)
    assert "24 months" not in parts["survival"].tables[0].columns


@pytest.mark.parametrize(
    ("by", "says"),
    [("sexe", "nearest known name is 'sex'"), ("age", "make no groups"), ("patient_id", "make no groups")],
)
def test_what_makes_no_groups_is_refused(cohort, by, says):
    with pytest.raises(UsageError, match=says):
        describe(cohort, by=by)


def test_a_lesion_and_a_derived_group_may_be_compared_by():
    assert groupable("kmt2a_r") == "kmt2a_r"
    assert groupable("age_group") == "age_group"


@pytest.mark.parametrize(
    "columns",
    [
        {"age": [4.0] * 8},
        {"sex": [None] * 8, "age": [np.nan] * 8},
        {"patient_id": list("abcdefgh"), "efs_time": np.arange(8.0)},
        {"patient_id": ["a"], "age": [3.0], "response": ["CR"]},
    ],
    ids=["one column", "nothing known", "times without events", "one patient"],
)
@pytest.mark.parametrize("internal", [False, True])
def test_a_cohort_without_its_columns_is_described_as_far_as_it_goes(columns, internal):
    parts = describe(bare(**columns), internal=internal)
    assert [part.name for part in parts] == ORDER
    assert all(part.tables or part.missing for part in parts), "nothing is left out without a word"


OTHERS = {"aall0232": "target_aall0232/aall0232.csv", "kmsurv_bmt": "leukaemia_hsct/kmsurv_bmt.csv"}


@pytest.mark.data
@pytest.mark.parametrize("name", OTHERS)
def test_a_cohort_of_another_treatment_is_described_by_what_it_has(data_file, name):
    cohort = read_cohort(data_file(OTHERS[name]), ROOT / "tests" / "data" / f"{name}.toml")
    parts = {part.name: part for part in describe(cohort)}
    described = {name for name, part in parts.items() if part.tables}
    assert described == {"flow", "characteristics", "survival", "hazards"}
    assert len(parts["characteristics"].tables[0].columns) == 5, "two groups, all, effect, P"
    assert [one for one in parts["survival"].curve_sets if len(one.curves) > 1], "groups are drawn"
    assert "No column tells of a course of blinatumomab" in " ".join(parts["flow"].tables[0].notes)
    for table in (table for part in parts.values() for table in part.tables):
        cells = [cell for row in table.rows for cell in row.cells if cell]
        assert sum(NOT_SHOWN in cell or cell == "–" for cell in cells) < len(cells) / 5, table.name
        for place, column in enumerate(table.columns):
            assert any(row.cells[place] for row in table.rows if row.cells), f"{table.name}: {column} is empty"


def test_of_the_embedded_cohort_little_is_hidden(shared):
    # 173 of 943 cells before levels were joined and ranges were given.
    cells = [cell for part in shared for table in part.tables for row in table.rows for cell in row.cells if cell]
    assert sum(NOT_SHOWN in cell for cell in cells) / len(cells) < 0.07
