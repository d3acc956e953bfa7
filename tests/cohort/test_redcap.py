"""REDCap's data dictionary: labels, codes, checkboxes, the record's own field."""

from __future__ import annotations

import pytest

from riskml.cohort.redcap import Field, read_redcap
from riskml.errors import DataError, UsageError

HEADER = (
    '"Variable / Field Name","Form Name","Section Header","Field Type","Field Label",'
    '"Choices, Calculations, OR Slider Labels","Field Note"\n'
)
DICTIONARY = HEADER + (
    "record_id,base,,text,Record,,\n"
    'geschl,base,,radio,"<b>Sex</b> of the  patient","1, Male | 2, Female",\n'
    'tki,base,,yesno,"TKI given, any",,\n'
    'fusion,base,,checkbox,Fusions,"1, BCR::ABL1 | 2, ETV6::RUNX1 | -9, other",\n'
    "age_calc,base,,calc,Age,round([x] / 12),\n"
)


@pytest.fixture
def dictionary(tmp_path):
    path = tmp_path / "dictionary.csv"
    path.write_text(DICTIONARY, encoding="utf-8-sig")
    return path


def test_fields_are_listed_as_the_export_names_them(dictionary):
    assert read_redcap(dictionary) == {
        "record_id": Field("Record", {}, record=True),
        "geschl": Field("Sex of the patient", {"1": "Male", "2": "Female"}),
        "tki": Field("TKI given, any", {"1": "yes", "0": "no"}),
        "fusion___1": Field("BCR::ABL1", {}, checkbox=True),
        "fusion___2": Field("ETV6::RUNX1", {}, checkbox=True),
        "fusion____9": Field("other", {}, checkbox=True),
        "age_calc": Field("Age", {}),
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [("a,b\n1,2\n", "it is not a REDCap data dictionary"), (HEADER, "there must be rows below the header")],
)
def test_what_is_no_dictionary_is_refused(tmp_path, content, says):
    path = tmp_path / "d.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=says):
        read_redcap(path)


def test_a_missing_dictionary_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="there is no file"):
        read_redcap(tmp_path / "none.csv")
