"""Column maps: what a file's columns mean, checked against the dictionary, every fault at once."""

from __future__ import annotations

import pytest

from riskml.cohort.column_map import ColumnMap, MappedColumn
from riskml.errors import DataError, UsageError

GOOD = """
source = "a hospital's export"
[columns]
"MRD d29" = { name = "mrd_end_of_induction", unit = "%" }
kmt2a_mll = "kmt2a_r"
first_event = { name = "efs_event", codes = { "Relapse" = "relapse", "Censored" = "none", "7" = "death" } }
[constants]
data_origin = "real"
[ignore]
columns = ["karyotype"]
"""


@pytest.fixture
def load(tmp_path):
    def from_text(text):
        path = tmp_path / "map.toml"
        path.write_text(text, encoding="utf-8")
        return ColumnMap.load(path)

    return from_text


def lines(load, text) -> list[str]:
    with pytest.raises(DataError, match=r"the column map map\.toml was refused") as refused:
        load(text)
    return str(refused.value).splitlines()[1:]


def test_a_map_as_written(load):
    columns = load(GOOD)
    assert columns.columns["MRD d29"] == MappedColumn("mrd_end_of_induction", "%")
    assert columns.columns["kmt2a_mll"] == MappedColumn("kmt2a_r")
    assert columns.columns["first_event"].codes == {"relapse": "relapse", "censored": "none", "7": "death"}
    assert columns.constants == {"data_origin": "real"}
    assert columns.ignored == {"karyotype"}
    assert (columns.source, columns.name) == ("a hospital's export", "map.toml")


def test_matches_where_every_mapped_column_is_there(load):
    columns = load(GOOD)
    assert columns.matches(["first_event", " MRD d29 ", "kmt2a_mll", "anything"])
    assert not columns.matches(["first_event", "kmt2a_mll"])


def test_absent_columns_are_named(load):
    faults = list(load(GOOD).absent(["kmt2a_mll"]))
    assert [fault.column for fault in faults] == ["MRD d29", "first_event"]
    assert "map.toml maps this column, so the file must have it" in str(faults[0])


def test_all_faults_come_at_once(load):
    text = """
    [columns]
    a = "mdr"
    b = { name = "cd19", unit = "grams" }
    c = { name = "sex", unit = "%" }
    d = { name = "response", codes = { "1" = "cured" } }
    e = "age"
    f = { name = "age", unit = "mo" }
    [constants]
    tki = "perhaps"
    agee = 3
    wbc = 10
    [ignore]
    columns = ["e"]
    """
    assert lines(load, text) == [
        "  - column a: must be mapped to a variable of the dictionary; got 'mdr'; the nearest known name is mrd",
        (
            "  - column b: the unit of cd19 must be known; got 'grams'; write one of 10*9/L, 10*3/uL, G/L, K/uL, e9/L, "
            "10*3/mm3, /uL, {cells}/uL, cells/uL, cell/uL, /mm3, cells/mm3, 10*6/L, e6/L"
        ),
        "  - column c: the unit of sex must be known; got '%'; remove it: this variable has no unit",
        (
            "  - column d: code '1': response must be one of response, no_response, not_evaluable; got 'cured'; "
            "use a listed level"
        ),
        "  - one column or constant may mean age; got 'e, f'; keep one and list the others under [ignore]",
        (
            "  - column [constants] tki: tki must be present, absent or unknown; got 'perhaps'; "
            "write one of the three words"
        ),
        (
            "  - column [constants] agee: must be mapped to a variable of the dictionary; got 'agee'; "
            "the nearest known name is age"
        ),
        "  - column e: must be mapped or ignored, not both; remove it from one of the two",
    ]


def test_a_constant_for_a_mapped_variable_is_a_fault(load):
    (line,) = lines(load, '[columns]\na = "data_origin"\n[constants]\ndata_origin = "real"\n')
    assert "one column or constant may mean data_origin; got 'a, [constants]'" in line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colums = 1", "a map has the keys source, columns, constants, ignore; got 'colums'"),
        ("columns = 1", "columns must be a table"),
        ("source = 1", "source must be a text"),
        ("[columns]\na = 1", "column a: must be a variable's name or a table of name, unit (or date_order) and codes"),
        ("[columns]\na = { unit = '%' }", "column a: must be a variable's name or a table"),
        ("[columns]\na = { name = 'age', unti = 'mo' }", "column a: must be a variable's name or a table"),
        ("[columns]\na = { name = 'age', unit = 1 }", "column a: must be a variable's name or a table"),
        ("[columns]\na = { name = 'sex', codes = { x = [] } }", "column a: must be a variable's name or a table"),
        ("[constants]\na = []", "constants must be texts or numbers"),
        ("[ignore]\ncolumns = 'a'", "ignore holds one list of column names"),
        ("[ignore]\ncolumns = [1]", "ignore holds one list of column names"),
        ("[ignore]\nnames = []", "ignore holds one list of column names"),
    ],
)
def test_what_is_not_a_map_is_named(load, text, says):
    assert any(says in line for line in lines(load, text))


@pytest.mark.parametrize("text", ["[columns", "a = ", "x = '\0'", "a = 1\na = 2"])
def test_what_is_not_toml_is_a_usage_error(load, text):
    with pytest.raises(UsageError, match=r"the column map .*map\.toml cannot be read"):
        load(text)


def test_a_map_that_is_not_there_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        ColumnMap.load(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        ColumnMap.load(tmp_path)


def test_a_map_in_latin_1_is_a_usage_error(tmp_path):
    path = tmp_path / "map.toml"
    path.write_bytes('source = "Köln"'.encode("latin-1"))
    with pytest.raises(UsageError, match="cannot be read"):
        ColumnMap.load(path)


def test_the_order_of_dates():
    columns = ColumnMap.from_dict({"columns": {"born": {"name": "birth_date", "date_order": "dmy"}}}).columns
    assert columns["born"].date_order == "dmy"


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("{ name = 'birth_date', date_order = 'dym' }", "date_order must be one of dmy, mdy, ymd; got 'dym'"),
        ("{ name = 'age', date_order = 'dmy' }", "age is no date"),
        ("{ name = 'birth_date', unit = '1' }", "birth_date has no unit; got '1'; write date_order"),
        ("{ name = 'birth_date', date_order = 1 }", "must be a variable's name or a table"),
        ("{ name = 'birth_date', codes = { a = '03/04/2021' } }", "day/month or month/day; got '99/99/9999'"),
    ],
)
def test_wrong_orders_are_faults(load, entry, says):
    assert says in "".join(lines(load, f"[columns]\na = {entry}"))
