"""The background of several hospitals: means of five or more patients of one hospital, joined by their rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.background import microaggregate
from riskml.training.federated.group import group_of, is_group, joined, kept_features
from riskml.training.federated.rows import rows_of
from tests.training.federated.hospitals import embedded, study

ASK = {"features": ["mrd_log10", "age_years", "cd3_log10"], "points": [[0.4, -0.01, -0.7]]}
INPUTS = ("mrd", "age", "cd3")


def groups():
    planned = study()
    return {name: group_of(planned, ASK, rows_of(planned, part)) for name, part in embedded()[1].items()}


def test_a_group_is_the_mean_of_five_patients_of_the_hospital():
    planned = study()
    rows = rows_of(planned, embedded()[1]["North"])
    found = group_of(planned, ASK, rows)
    assert found["rows"] == len(rows.event)
    assert sum(found["weights"]) == pytest.approx(1)
    assert min(found["weights"]) * found["rows"] >= SMALLEST_CELL - 1e-9
    ages = rows.frame["age"].to_numpy()
    means = np.array([row[1] for row in found["prototypes"]])
    assert means @ np.array(found["weights"]) == pytest.approx(ages.mean(), rel=1e-3)
    assert not set(np.round(means, 6)) & set(np.round(ages, 6)), "no prototype is a patient's own age"
    assert len(microaggregate(ages[:, None], SMALLEST_CELL)) >= len(means) - 1


def test_what_few_have_is_left_to_other_hospitals():
    planned = study()
    rows = rows_of(planned, embedded()[1]["East"])
    frame = rows.frame.assign(cd3=np.where(np.arange(len(rows.frame)) < 4, 0.5, np.nan))
    found = group_of(planned, ASK, replace(rows, frame=frame))
    assert {row[2] for row in found["prototypes"]} == {None}
    assert "cd3" not in found["limits"]
    background, limits, _ = joined([found, groups()["North"]], INPUTS)
    assert all(row[2] is not None for row in background.rows)
    assert "cd3" in limits


def test_a_hospital_of_four_patients_has_no_group():
    planned = study()
    rows = rows_of(planned, embedded()[1]["East"])
    nothing = {"rows": 0, "prototypes": [], "weights": [], "limits": {}, "usual": {}}
    assert group_of(planned, ASK, rows.take(np.arange(4))) == nothing
    alone = joined([nothing, groups()["North"]], INPUTS)[0]
    assert alone.weights == pytest.approx(groups()["North"]["weights"])


def test_hospitals_count_by_their_rows():
    own = groups()
    background, limits, usual = joined(list(own.values()), INPUTS)
    assert sum(background.weights) == pytest.approx(1, abs=1e-12)
    assert background.smallest_group >= SMALLEST_CELL
    north = len(own["East"]["weights"])
    share = sum(background.weights[north : north + len(own["North"]["weights"])])
    assert share == pytest.approx(own["North"]["rows"] / 105)
    lows = [group["limits"]["age"][0] for group in own.values() if "age" in group["limits"]]
    assert limits["age"][0] == min(lows)
    inner = [group["usual"]["age"][0] for group in own.values() if "age" in group["usual"]]
    assert min(inner) <= usual["age"][0] <= max(inner)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 3},
        {"rows": "29"},
        {"weights": [1.0]},
        {"weights": None},
        {"prototypes": [[1.0, 2.0]] * 5},
        {"prototypes": [[True, 2.0, 1.0]] * 5},
        {"prototypes": [[float("inf"), 2.0, 1.0]] * 5},
        {"prototypes": [["a", 2.0, 1.0], *[[1.0, 2.0, 1.0]] * 4]},
        {"limits": {"age": [5.0, 1.0]}},
        {"limits": {"patient_id": [1.0, 5.0]}},
        {"usual": [1]},
        {"patients": ["JANE DOE"]},
    ],
)
def test_other_shapes_are_no_group(change):
    own = groups()["East"]
    assert len(own["weights"]) == 5
    assert is_group(own, INPUTS)
    assert not is_group({**own, **change}, INPUTS)
    assert not is_group(None, INPUTS)


def test_levels_are_those_most_have():
    planned = study()
    ask = {"features": ["relapsed_refractory_at_entry"], "points": [[0.5]]}
    features, inputs = kept_features(planned, ask["features"])
    assert [feature.name for feature in features] == ask["features"]
    found = [group_of(planned, ask, rows_of(planned, part)) for part in embedded()[1].values()]
    found[0]["prototypes"] = [[None] for _ in found[0]["prototypes"]]
    background, limits, usual = joined(found, inputs)
    levels = {row[0] for row in background.rows}
    assert levels <= {"R/R", "CR-MRDpos", "CR-MRDneg"}
    assert (limits, usual) == ({}, {})
