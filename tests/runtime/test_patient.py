"""A patient at the door: strict JSON, one row of CSV, NAME=VALUE; rubbish is refused fast and in one way."""

from __future__ import annotations

import io
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.errors import DataError, UsageError
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.patient import (
    MAX_BYTES,
    MAX_DEPTH,
    patient_from_csv,
    patient_from_json,
    read_patient,
    strict_json,
    with_settings,
)

PATIENT = {"age": "6.4 a", "mrd": "<0.01 %", "bcr_abl1": "absent", "cd19": {"value": 30, "unit": "/uL"}, "cd3": None}


def refusal(call, *arguments):
    start = time.perf_counter()
    with pytest.raises(DataError) as caught:
        call(*arguments)
    assert time.perf_counter() - start < 1, "rubbish must cost no time"
    text = str(caught.value)
    assert text.startswith("the patient was refused\n  - ")
    assert len(text) < 5000
    return text


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_json_comes_back_as_written_from_text_and_bytes(mark):
    text = mark + json.dumps(PATIENT)
    assert patient_from_json(text) == patient_from_json(text.encode()) == PATIENT
    assert patient_from_json(mark + "{}") == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must be JSON; it is empty"),
        ("   ", "must be JSON; it is empty"),
        ("\x00", "must be JSON"),
        ("{", "line 1, column"),
        ('{"age": 6,}', "must be JSON"),
        ("{'age': 6}", "must be JSON"),
        ('{"age": 6} {"age": 7}', "must be JSON"),
        ('{"age": 06}', "must be JSON"),
        ('{"age": +6}', "must be JSON"),
        ('{"age": .5}', "must be JSON"),
        ('{"age": "6\n"}', "must be JSON"),
        ("[]", "one JSON object"),
        ('[{"age": 6}]', "one JSON object"),
        ('"age"', "one JSON object"),
        ("6", "one JSON object"),
        ("null", "one JSON object"),
        ("true", "one JSON object"),
        ('{"age": NaN}', "must hold finite numbers"),
        ('{"age": Infinity}', "must hold finite numbers"),
        ('{"age": -Infinity}', "must hold finite numbers"),
        ('{"age": 1e999}', "must hold finite numbers"),
        ('{"cd19": {"value": -1e400, "unit": "/uL"}}', "must hold finite numbers"),
        ('{"age": 6, "age": 7}', "column age: must be given once"),
        ('{"a": 1, "b": 2, "a": 3, "b": 4}', "must be given once"),
        ('{"cd19": {"value": 1, "value": 2}}', "must be given once"),
        ('{"age": ' + "9" * 5000 + "}", "sensible length"),
        ('{"age": ' + "[" * 100_000, "nested"),
        ('{"age": ' * 100_000, "nested"),
        ("[" * 100_000 + "]" * 100_000, "nested"),
        (b'{"age": "\xff"}', "UTF-8"),
        (json.dumps(PATIENT).encode("utf-16"), "UTF-8"),
        ("{" + " " * MAX_BYTES + "}", "at most 1 MB"),
        (b"\x00" * 10_000_000, "at most 1 MB"),
        ("x" * 10_000_000, "at most 1 MB"),
        ('{"a":' * 2_000_000, "at most 1 MB"),
    ],
)
def test_what_is_no_patient_is_refused_with_its_reason(text, says):
    assert says in refusal(patient_from_json, text)


def test_very_many_keys_given_twice_are_counted_in_one_go():
    # A quadratic search for the repeated key would hold a server for a quarter of an hour.
    pairs = ",".join(f'"{k:x}":0' for k in range(90_000))
    assert "must be given once" in refusal(patient_from_json, "{" + pairs + ',"0":1}')
    many = ",".join(f'"{k:x}":0,"{k:x}":1' for k in range(50_000))
    assert "must be given once" in refusal(patient_from_json, "{" + many + "}")


def test_lone_surrogates_neither_crash_nor_reach_the_terminal_raw():
    patient = patient_from_json('{"\\ud800": "\\udfff"}')
    assert patient == {"\ud800": "\udfff"}
    refusal(patient_from_json, '{"\\ud800": 1, "\\ud800": 2}').encode()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_rubbish_is_a_patient_or_a_data_error(text):
    try:
        assert isinstance(patient_from_json(text), dict)
    except DataError as error:
        str(error).encode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_any_json_object_comes_back_equal(patient):
    assert patient_from_json(json.dumps(patient)) == patient
    assert patient_from_json(json.dumps(patient, ensure_ascii=False)) == patient


# --- CSV --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "age,mrd,bcr_abl1\n6.4 a,<0.01 %,absent\n",
        "age,mrd,bcr_abl1\r\n6.4 a,<0.01 %,absent",
        "\ufeffage,mrd,bcr_abl1\n\n6.4 a,<0.01 %,absent\n\n",
        'age,mrd,bcr_abl1\n"6.4 a","<0.01 %","absent"\n',
    ],
)
def test_one_row_of_csv(text):
    assert patient_from_csv(text) == {"age": "6.4 a", "mrd": "<0.01 %", "bcr_abl1": "absent"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "one header and one row"),
        ("age,mrd\n", "one header and one row"),
        ("age,mrd\n6\n", "equal length"),
        ("age,mrd\n6,1,2\n", "equal length"),
        ("age\n6\n7\n", "riskml score"),
        ("age,age\n6,7\n", "each column once"),
        ('age,mrd\n"6,7\n', "must be CSV"),
        ("age\n" + "6" * 200_000 + "\n", "must be CSV"),
        ("a" * (MAX_BYTES + 1), "at most 1 MB"),
    ],
)
def test_csv_that_is_not_one_patient_is_refused(text, says):
    assert says in refusal(patient_from_csv, text)


# --- files and standard input -----------------------------------------------------------------------------------------


def test_files_go_by_their_ending_and_a_dash_is_standard_input(tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(PATIENT), encoding="utf-8")
    (tmp_path / "p.CSV").write_text("age,mrd\n6 a,1 %\n", encoding="utf-8-sig")
    assert read_patient(str(tmp_path / "p.json")) == PATIENT
    assert read_patient(str(tmp_path / "p.CSV")) == {"age": "6 a", "mrd": "1 %"}
    for stream in (io.StringIO, lambda text: io.BytesIO(text.encode())):
        assert read_patient("-", stream(json.dumps(PATIENT))) == PATIENT


def test_files_that_cannot_be_a_patient(tmp_path):
    for path in (tmp_path / "nowhere.json", tmp_path):
        with pytest.raises(UsageError, match="cannot read the patient file"):
            read_patient(str(path))
    with pytest.raises(UsageError, match=r"give the \.json or \.csv file inside it"):
        read_patient(str(tmp_path))
    (tmp_path / "p.csv").write_bytes(b"age\n\xff\n")
    assert "UTF-8" in refusal(read_patient, str(tmp_path / "p.csv"))
    for name in ("big.json", "big.csv"):
        (tmp_path / name).write_bytes(b"9" * 10_000_000)
        assert "at most 1 MB" in refusal(read_patient, str(tmp_path / name))
    assert "at most 1 MB" in refusal(read_patient, "-", io.BytesIO(b"9" * 10_000_000))


# --- --set ------------------------------------------------------------------------------------------------------------


def test_settings_are_put_in_and_later_ones_win():
    before = dict(PATIENT)
    changed = with_settings(before, ["mrd=0.5 %", " age = 7 a ", "note=a=b", "mrd=<0.01 %", "cd3="], load_dictionary())
    assert changed == {**PATIENT, "mrd": "<0.01 %", "age": "7 a", "note": "a=b", "cd3": ""}
    assert before == PATIENT
    assert with_settings(before, [], load_dictionary()) == PATIENT


def test_a_setting_takes_the_place_of_the_variable_by_whatever_name():
    patient = {"MRD (%)": 0.5, "age": "7 a"}
    assert with_settings(patient, ["mrd=1 %"], load_dictionary()) == {"age": "7 a", "mrd": "1 %"}
    assert with_settings(patient, ["strange=1"], load_dictionary()) == {**patient, "strange": "1"}


@pytest.mark.parametrize("setting", ["mrd", "", "=5", "  =5"])
def test_settings_without_name_or_value_are_usage_errors(setting):
    with pytest.raises(UsageError, match="--set takes NAME=VALUE"):
        with_settings({}, [setting], load_dictionary())


def test_a_list_of_any_depth_is_refused_whether_it_can_be_shown_or_not():
    for depth in (1, 500, *range(900, 1_010, 5), 100_000):
        assert refusal(patient_from_json, "[" * depth + "]" * depth)


@pytest.mark.parametrize(("open_", "close"), ["[]", ('{"a":', "}")], ids=["lists", "objects"])
def test_nesting_is_limited_in_the_same_way_by_every_version_of_python(open_, close):
    def nested(depth):
        return open_ * depth + "1" + close * depth

    strict_json(nested(MAX_DEPTH), MAX_BYTES)
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(DataError, match="nested so deeply"):
            strict_json(nested(depth), MAX_BYTES)


def test_brackets_in_text_and_side_by_side_are_not_nesting():
    words = {f"x{k}": r"[[{{\"" * 3 for k in range(100)}
    assert strict_json(json.dumps(words), MAX_BYTES) == words
    assert strict_json(json.dumps([[1]] * 1000), MAX_BYTES) == [[1]] * 1000
