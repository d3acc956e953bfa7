"""A text column beside lesion columns: gaps of the file are filled by new columns only, differences are told."""

from __future__ import annotations

import numpy as np
import pandas as pd

from riskml.cohort.cohort import read_cohort
from riskml.cohort.genetics import lesions_from_text
from riskml.runtime.dictionary import load_dictionary

CSV = """patient_id,Karyotype,bcr_abl1
SECRET-A,"46,XY,t(9;22)(q34;q11.2),+5[13]",absent
SECRET-B,Ph neg; ETV6::RUNX1+,
SECRET-C,zebra; KMT2A negative; zebra,absent
SECRET-D,not tested,absent
SECRET-E,KMT2A positive; KMT2A negative,
SECRET-F,zebra,present
"""


def cohort(tmp_path, text=CSV):
    path = tmp_path / "cohort.csv"
    path.write_text(text, encoding="utf-8")
    return read_cohort(path)


def test_new_columns_are_filled_and_the_file_s_own_is_kept(tmp_path):
    frame = cohort(tmp_path).frame
    assert list(frame)[:2] == ["patient_id", "bcr_abl1"]
    assert "genetics" not in frame, "the text is not kept"
    np.testing.assert_array_equal(frame["bcr_abl1"], [0, np.nan, 0, 0, np.nan, 1])
    np.testing.assert_array_equal(frame["etv6_runx1"], [np.nan, 1, *[np.nan] * 4])
    np.testing.assert_array_equal(frame["kmt2a_r"], [np.nan, np.nan, 0, *[np.nan] * 3])
    assert "dux4_r" not in frame, "a lesion of which no text speaks gets no column"


def test_notes_give_rows_and_pieces_but_no_patient(tmp_path):
    notes = {note.code: note.message for note in cohort(tmp_path).notes}
    assert notes["text_disagrees"] == "bcr_abl1 and the text of genetics disagree in 1 row (2): the column was kept"
    assert "bcr_abl1 is unknown in 1 row (3)" in notes["text_knows_more"]
    assert notes["text_contradicts"].startswith("genetics says present and absent of kmt2a_r in 1 row (6)")
    assert notes["text_not_understood"].endswith("1 different pieces (with their counts): 'zebra' 2")
    assert notes["lesions_from_text"].startswith("genetics: 5 texts were read")
    assert "SECRET" not in " ".join(notes.values())


def test_a_cohort_and_a_patient_are_read_alike(tmp_path):
    from riskml.runtime.inputs import read_inputs

    dictionary, frame = (
        load_dictionary(),
        cohort(tmp_path, CSV.replace("bcr_abl1", "sex").replace("absent", "F").replace("present", "M")).frame,
    )
    texts = ["46,XY,t(9;22)(q34;q11.2),+5[13]", "Ph neg; ETV6::RUNX1+", "zebra; KMT2A negative; zebra", "not tested"]
    for row, text in enumerate(texts):
        readings = read_inputs(dictionary, {"karyotype": text})
        for lesion in (name for name in frame if name in dictionary.variables and dictionary[name].lesion):
            value = readings[lesion].value if lesion in readings else None
            stored = frame[lesion][row]
            assert (None if np.isnan(stored) else stored) == value


def test_a_column_without_any_text():
    frame = pd.DataFrame({"genetics": [None, None], "age": [1.0, 2.0]})
    read, notes = lesions_from_text(frame, "genetics", np.array([2, 3]), load_dictionary())
    assert list(read) == ["age"]
    assert [note.code for note in notes] == ["lesions_from_text"]


def test_a_text_too_long_is_refused_without_quoting_it(tmp_path):
    import pytest

    from riskml.errors import DataError

    with pytest.raises(DataError, match="at most 4,000 characters; got '5,000 characters'"):
        cohort(tmp_path, f"patient_id,karyotype\nA,{'x' * 5000}\n")
