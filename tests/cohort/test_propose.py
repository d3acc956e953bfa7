"""A proposed map: what is sure is filled in, what is not is asked, and what is answered works."""

from __future__ import annotations

import io
import re
import tomllib

import pandas as pd
import pytest

from riskml.cohort.cohort import cohort_from_table, read_cohort
from riskml.cohort.column_map import ColumnMap
from riskml.cohort.proposal_file import as_toml
from riskml.cohort.propose import propose
from riskml.cohort.raw_table import Source
from riskml.cohort.read import read_text
from riskml.cohort.read_table import read_table
from riskml.cohort.redcap import Field
from tests.repository import ROOT

EMBEDDED = ROOT / "features" / "synthetic" / "cohort.csv"
FOREIGN = {
    "patient_id": "Study number of patient",
    "sex": "Gender",
    "age": "Age at treatment",
    "mrd": "MFC MRD",
    "cd19": "B cells",
    "lymphocytes": "Lymph abs",
    "bcr_abl1": "BCR::ABL1 fusion",
    "kmt2a_r": "KMT2A_MLL",
    "efs_time": "Time to event",
    "efs_event": "event type",
    "response": "Best response",
    "tki": "Dasatinib",
    "centre": "Hospital",
}


def table(text):
    return read_text(Source(text.encode(), "export.csv", ".csv"))


def by_column(text, **settings):
    return {found.column: found for found in propose(table(text), **settings)}


def answered(toml):
    """The map after a person took the first line under every question."""
    return re.sub(r"^(# ASK .*\n)# ", r"\1", toml, flags=re.MULTILINE)


def test_a_foreign_header_works_after_the_questions_are_answered():
    raw = pd.read_csv(EMBEDDED, dtype=str, keep_default_na=False)
    stream = io.StringIO()
    raw.rename(columns=FOREIGN).to_csv(stream, index=False)
    foreign = table(stream.getvalue())
    toml = as_toml(propose(foreign), "export.csv")
    columns = ColumnMap.from_dict(tomllib.loads(answered(toml)))
    read = cohort_from_table(foreign, columns)
    pd.testing.assert_frame_equal(read.frame, read_cohort(EMBEDDED).frame)


@pytest.mark.data
def test_the_published_cohort(data_file):
    found = propose(read_table(data_file("target_aall0232/aall0232.csv")))
    filled = {p.options[0].variable for p in found if p.options and not p.question}
    assert filled >= {
        *("patient_id", "age", "sex", "wbc", "bcr_abl1", "etv6_runx1", "kmt2a_r", "tcf3_pbx1", "trisomy_4_10"),
        *("efs_time", "efs_event"),
    }


def test_ambiguous_units_are_asked_never_guessed():
    found = by_column("mrd,age\n0.5,7\n0.9,12\n")["mrd"]
    assert "ambiguous: fraction or %? max is 0.9" in found.question
    assert [option.unit for option in found.options] == ["1", "%"]


def test_one_variable_is_filled_in_once():
    found = by_column("age_years,age_days,x\n6,2200,1\n7,2600,2\n")
    assert found["age_years"].question == ""
    assert found["age_days"].question == "'age_years' means age, too: keep one, ignore the other"


def test_identifiers_dates_and_strangers():
    found = by_column("MRN,case no,start,protocol,g\na1,b1,2020-01-02,P,m\na2,b2,2020-01-03,P,f\n")
    assert found["MRN"].options[0].variable == "patient_id"
    assert not found["MRN"].question
    assert found["case no"].question == "does it identify the patient?"
    assert found["start"].evidence.startswith("dates")
    assert (found["protocol"].options, found["protocol"].evidence) == ((), "nothing in the dictionary is like it")
    assert (found["g"].options[0].variable, found["g"].question) == ("sex", "is it?")
    assert "a1" not in str(found["MRN"])


def test_values_that_cannot_be_read_are_asked():
    found = by_column("gender\nm\nw\n")["gender"]
    assert found.question == "50% of the values cannot be read: add codes, or ignore the column"


def test_redcap_codes_labels_and_checkboxes():
    fields = {
        "rid": Field("Record", {}, record=True),
        "geschl": Field("Sex of the patient", {"1": "Male", "2": "Female", "9": "Klingon"}),
        "fus___1": Field("BCR::ABL1", {}, checkbox=True),
    }
    text = "rid,geschl,fus___1,redcap_event_name,redcap_repeat_instance\n1,1,1,c1_arm_1,1\n2,2,0,c2_arm_1,2\n"
    found = by_column(text, redcap=fields)
    assert (found["rid"].options[0].variable, found["rid"].question) == ("patient_id", "")
    assert found["geschl"].options[0].codes == {"1": "Male", "2": "Female"}
    assert found["geschl"].question == ""
    assert [option.codes["0"] for option in found["fus___1"].options] == ["unknown", "absent"]
    assert "does 'not ticked' mean absent, or not known?" in found["fus___1"].question
    assert found["redcap_event_name"].options[0].codes == {"c1_arm_1": "", "c2_arm_1": ""}
    assert found["redcap_repeat_instance"].options[0].variable == "cycle_index"
    assert found["redcap_repeat_instance"].question


DATES = """
dob,diagnosis_date,hsct_date,visit,death_date
2012-05-01,25/12/2019,03/04/2021,2021-01-01,2021-13-01
2013-05-01,03/04/2019,05/06/2021,2021-02-01,never
""".lstrip()


def test_the_order_of_dates_is_found_or_asked():
    found = by_column(DATES)
    assert [(o.variable, o.date_order) for o in found["dob"].options] == [("birth_date", None)]
    assert [(o.variable, o.date_order) for o in found["diagnosis_date"].options] == [("diagnosis_date", "dmy")]
    assert found["diagnosis_date"].question == ""
    assert [o.date_order for o in found["hsct_date"].options] == ["dmy", "mdy"]
    assert "day first, or the month" in found["hsct_date"].question
    assert "no dates that can be read" in found["death_date"].question
    assert found["visit"].options == ()


def test_a_proposed_order_is_a_map_that_works():
    toml = as_toml(propose(table(DATES)), "export.csv")
    assert '"diagnosis_date" = { name = "diagnosis_date", date_order = "dmy" }' in toml
    assert '# "hsct_date" = { name = "hsct_date", date_order = "mdy" }' in toml
    assert "2012" not in toml
    assert ColumnMap.from_dict(tomllib.loads(toml)).columns["diagnosis_date"].date_order == "dmy"
