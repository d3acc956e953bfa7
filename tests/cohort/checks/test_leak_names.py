"""What names say: recognised by rules, in many spellings, and silent on baseline names."""

from __future__ import annotations

import pytest

from riskml.cohort.checks.leak_names import fold, name_speaks
from tests.cohort.checks.cohorts import DICTIONARY


def speaks(name, landmark="first_dose"):
    answer = name_speaks(name, landmark, DICTIONARY.landmarks)
    return None if answer is None else answer[1]


@pytest.mark.parametrize(
    "name",
    [
        "Relapse",
        "ANCrecovery",
        "plt_recovery_day",
        "time_to_engraftment",
        "acute GvHD",
        "extcGvHD",
        "IIIV",
        "grade III-IV",
        "toxicity II_IV",
        "survival_status",
        "Died",
        "OS",
        "efs months",
        "post_MRD",
        "CD8 after",
        "MRDday29",
        "blasts_d43_pct",
        "week 6 MRD",
        "mrd_eoc",
        "MRD end of treatment",
        "last_contact",
        "follow-up",
        "bestResponse",
        "first_relapse_date",
    ],
)
def test_names_of_what_comes_later(name):
    assert speaks(name) is True


@pytest.mark.parametrize("name", ["prior_relapse", "Txpostrelapse", "n_relapses", "age_at_relapse", "history of GvHD"])
def test_names_that_may_be_history(name):
    assert speaks(name) is False


@pytest.mark.parametrize(
    "name",
    [
        "age",
        "Donorage35",
        "RecipientRh",
        "Riskgroup",
        "HLAgrI",
        "CD34kgx10d6",
        "CD3dkgx10d8",
        "stage III-IV",
        "wbc_e9_l",
        "cns_status",
        "dose",
        "postcode",
        "karyotype",
        "mrd_eoi",
        "IV_line",
        "prevented",
        "Stemcellsource",
    ],
)
def test_names_of_the_baseline(name):
    assert speaks(name) is None


@pytest.mark.parametrize(
    ("name", "landmark", "late"),
    [
        ("mrd_d29", "diagnosis", True),
        ("mrd_d29", "end_of_induction", False),
        ("mrd_d43", "end_of_induction", True),
        ("cd8_d15", "day_15", False),
        ("mrd_eoi", "diagnosis", True),
        ("mrd_eoc", "end_of_cycle_1", False),
        ("relapse", "follow_up", False),
    ],
)
def test_later_depends_on_the_landmark(name, landmark, late):
    assert (speaks(name, landmark) is not None) is late


def test_folding_keeps_days_apart():
    assert fold("MRD-Day29 (%)") == "mrd_day29"
    assert fold("bestResponse") == "best_response"
