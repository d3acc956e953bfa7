"""Batches: every row once, in order, none with a count that must not be shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.outcomes import build_target
from riskml.cohort.outcomes.target import Target
from riskml.errors import DataError, NotEstimableError, UsageError
from riskml.training.transfer.batches import LEAST_PATIENTS, split
from tests.cohort.checks.cohorts import cohort


def target(n, event=None, patient=None):
    event = np.arange(n) % 2 == 0 if event is None else np.asarray(event)
    patient = np.arange(n) if patient is None else np.asarray(patient)
    cause = event.astype(np.intp)
    return Target("outcome", "binary", np.arange(n), event, None, patient, (), cause)


def years(*counts, first=2018):
    dates = [f"{first + k}-{1 + i % 12:02d}-15" for k, count in enumerate(counts) for i in range(count)]
    return cohort(first_dose_date=pd.to_datetime(dates).to_numpy())


def test_years_stand_in_order_and_sort_within():
    found = split(years(20, 30, 24), target(74), "year")
    assert [batch.label for batch in found.batches] == ["2018", "2019", "2020"]
    assert [len(batch.rows) for batch in found.batches] == [20, 30, 24]
    assert found.ordered
    months = np.arange(20)[found.batches[0].rows] % 12
    assert (np.diff(months) >= 0).all()


def test_quarters():
    labels = [batch.label for batch in split(years(96), target(96), "quarter").batches]
    assert labels == ["2018 Q1", "2018 Q2", "2018 Q3", "2018 Q4"]


def test_small_years_join_the_next_and_the_last_joins_the_one_before():
    found = split(years(4, 12, 30, 3), target(49), "year")
    assert [batch.label for batch in found.batches] == ["2018 to 2019", "2020 to 2021"]
    assert found.merged == ("2018 to 2019", "2020 to 2021")


def test_rows_without_a_date_are_counted():
    table = years(20, 20)
    table.frame.loc[:4, "first_dose_date"] = pd.NaT
    found = split(table, target(40), "year")
    assert found.without == 5
    assert sum(len(batch.rows) for batch in found.batches) == 35


def test_patients_are_counted_in_the_order_of_the_file_and_stay_together():
    patient = np.repeat(np.arange(40), 2)
    found = split(cohort(age=[5.0] * 80), target(80, patient=patient, event=np.tile([True, False], 40)), "20")
    assert [batch.label for batch in found.batches] == ["patients 1 to 20", "patients 21 to 40"]
    assert [set(patient[batch.rows]) for batch in found.batches] == [set(range(20)), set(range(20, 40))]


def test_levels_have_no_order_and_numbers_have():
    centres = split(cohort(centre=["B"] * 20 + ["A"] * 20 + ["C"] * 4), target(44), "centre")
    assert [batch.label for batch in centres.batches] == ["A", "B, C"]
    assert not centres.ordered
    cycles = split(cohort(cycle_index=[2.0] * 20 + [1.0] * 20), target(40), "cycle_index")
    assert [batch.label for batch in cycles.batches] == ["cycle_index 1", "cycle_index 2"]
    assert cycles.ordered


@given(st.lists(st.booleans(), min_size=20, max_size=120), st.integers(10, 40))
def test_every_row_is_in_one_batch_and_no_small_count_is_shown(events, size):
    judged = target(len(events), event=events)
    try:
        found = split(cohort(age=[5.0] * len(events)), judged, str(size))
    except NotEstimableError:
        return
    rows = np.concatenate([batch.rows for batch in found.batches])
    assert sorted(rows) == list(range(len(events)))
    for batch in found.batches[:-1]:
        happened = judged.event[batch.rows].sum()
        assert len(batch.rows) >= LEAST_PATIENTS
        assert happened == 0 or happened >= 5
        assert len(batch.rows) - happened == 0 or len(batch.rows) - happened >= 5
    last = judged.event[found.batches[-1].rows].sum()
    assert last == 0 or last >= 5


@pytest.mark.parametrize(
    ("by", "error", "message"),
    [
        ("yearly", UsageError, "must be year, quarter, a number of patients or a column"),
        ("5", UsageError, "at least 10 patients"),
        ("patient_id", UsageError, "single patients"),
        ("relapse_date", UsageError, "choose year or quarter"),
        ("wbc", UsageError, "80 values"),
        ("centre", DataError, "must be a column of the cohort"),
        ("year", DataError, "first_dose_date"),
        ("75", NotEstimableError, "2 are needed"),
    ],
)
def test_what_makes_no_batches_is_refused(by, error, message):
    table = cohort(
        wbc=np.arange(80.0),
        patient_id=[str(k) for k in range(80)],
        relapse_date=np.full(80, np.datetime64("2020-01-01")),
    )
    judged = target(80, event=np.arange(80) < 8)
    with pytest.raises(error, match=message):
        split(table, judged, by)


def test_dates_that_nobody_has_are_refused():
    table = cohort(first_dose_date=np.full(40, np.datetime64("NaT", "s")))
    with pytest.raises(DataError, match="years need dates"):
        split(table, target(40), "year")


def test_only_the_rows_of_the_target_are_split():
    table = cohort(
        response=["CR", "no_response"] * 30,
        disease_status_at_start=["R/R"] * 40 + ["CR-MRDneg"] * 20,
        centre=["A"] * 20 + ["B"] * 40,
    )
    judged = build_target(table, "non_response")
    found = split(table, judged, "centre")
    assert [len(batch.rows) for batch in found.batches] == [20, 20]
