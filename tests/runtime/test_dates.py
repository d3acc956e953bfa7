"""Dates: one reading or none, whatever is written, and never quoted."""

from __future__ import annotations

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.runtime.dates import ORDERS, is_serial, read_date
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.parsing import MISSING, CellError

DICTIONARY = load_dictionary()
DATES = [name for name in DICTIONARY.variables if DICTIONARY[name].kind == "date"]
DAYS = st.dates(dt.date(1928, 1, 1), dt.date(2099, 12, 31))


@pytest.mark.parametrize(
    "written",
    [
        "2021-04-03",
        " 2021-04-03 ",
        "20210403",
        20210403,
        "2021/4/3",
        "2021.04.03",
        "2021-04-03T00:00:00",
        "2021-04-03 10:15:30.5",
        "2021-04-03T10:15:30Z",
        "2021-04-03T10:15+08:00",
        "3 Apr 2021",
        "03-APR-2021",
        "3.April 2021",
        "3rd of April 2021".replace("of ", ""),
        "Apr 3, 2021",
        "April 3rd, 2021",
        "2021年4月3日",
        "44289",  # LibreOffice Calc and Excel both show DATE(2021;4;3) as this number
        44289,
        44289.75,
    ],
)
def test_one_day_in_many_forms(written):
    assert read_date("x", written) == "2021-04-03"


@pytest.mark.parametrize(
    ("written", "order", "day"),
    [
        ("03/04/2021", "dmy", "2021-04-03"),
        ("03/04/2021", "mdy", "2021-03-04"),
        ("3.4.2021", "dmy", "2021-04-03"),
        ("03/04/2021 2:30 PM", "mdy", "2021-03-04"),
        ("25/12/2021", None, "2021-12-25"),
        ("12-25-2021", None, "2021-12-25"),
        ("05/05/2021", None, "2021-05-05"),
        ("2021-04-03", "dmy", "2021-04-03"),
        ("3 Apr 2021", "mdy", "2021-04-03"),
        ("29/02/2020", "dmy", "2020-02-29"),
        ("sept 3 2021", None, "2021-09-03"),
    ],
)
def test_the_order_is_declared_or_the_only_one_possible(written, order, day):
    assert read_date("x", written, order) == day


@pytest.mark.parametrize(
    ("written", "order", "said"),
    [
        ("03/04/2021", None, "day/month or month/day"),
        ("3.4.2021", None, 'date_order = "dmy"'),
        ("25/12/2021", "mdy", "declared order mdy"),
        ("03/04/2021", "ymd", "declared order ymd"),
        ("03/04/21", "dmy", "year of four figures"),
        ("03-Apr-21", None, "year of four figures"),
        ("31/02/2021", None, "must be a date"),
        ("2021-13-01", None, "must be a date"),
        ("2021-02-29", None, "must be a date"),
        ("2021", None, "must be a date"),
        ("2021-04", None, "must be a date"),
        ("UN-Apr-2021", None, "must be a date"),
        ("ju 3 2021", None, "must be a date"),
        ("1821-04-03", None, "from 1900 to 2099"),
        ("9999", None, "must be a date"),  # a day number of 1927, or a code for "unknown"
        ("99999", None, "must be a date"),
        ("Smith, John", None, "must be a date"),
        (True, None, "must be a date"),
        (math.nan, None, "must be a date"),
        (1e300, None, "must be a date"),
        (-44289, None, "must be a date"),
        ("2021-04-03", "ydm", "order of x"),
    ],
)
def test_doubtful_dates_are_refused_unread(written, order, said):
    with pytest.raises(CellError, match=said) as refused:
        read_date("x", written, order)
    assert not any(part in str(refused.value) for part in ("Smith", "03/04", "1821", "44289", "25/12"))


def test_excel_counts_a_day_that_never_was():
    # Microsoft's own example: 39448 is 1 January 2008; the last serial read here is that of 2078.
    assert read_date("x", "39448") == "2008-01-01"
    assert is_serial("39448")
    assert is_serial(39448.5)
    assert not is_serial("2008-01-01")


@given(DAYS, st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%d %b %Y", "%B %d, %Y", "%Y/%m/%d"]))
def test_every_day_comes_back(day, form):
    assert read_date("x", day.strftime(form)) == day.isoformat()
    assert read_date("x", read_date("x", day.strftime(form))) == day.isoformat()


@given(DAYS, st.sampled_from(["dmy", "mdy"]), st.sampled_from("/.-"))
def test_a_declared_order_reads_what_was_written_in_it(day, order, mark):
    form = mark.join({"d": "%d", "m": "%m", "y": "%Y"}[part] for part in order)
    assert read_date("x", day.strftime(form), order) == day.isoformat()


@given(DAYS)
def test_without_an_order_never_another_day(day):
    try:
        assert read_date("x", day.strftime("%d/%m/%Y")) == day.isoformat()
    except CellError:
        assert day.day <= 12
        assert day.day != day.month


def day_or_refusal(raw, order):
    try:
        return dt.date.fromisoformat(read_date("x", raw, order))
    except CellError as refused:
        return refused


@given(st.one_of(st.text(max_size=30), st.floats(), st.integers(-(10**6), 10**10)), st.sampled_from([None, *ORDERS]))
def test_any_cell_is_a_date_or_refused(raw, order):
    said = day_or_refusal(raw, order)
    if isinstance(said, CellError):
        assert not any(char.isdigit() and char != "9" for char in said.value)
        assert not any(char.isalpha() and char not in "another" for char in said.value)


@pytest.mark.parametrize("name", DATES)
def test_dates_go_through_the_one_parser(name):
    variable = DICTIONARY[name]
    assert DICTIONARY.read(variable, variable.example()).value == variable.example()
    assert DICTIONARY.read(variable, "NA") == MISSING
    assert DICTIONARY.read(variable, {"value": "03/04/2021", "unit": "dmy"}).value == "2021-04-03"
    (note,) = DICTIONARY.read(variable, "44289").notes
    assert note.code == "date_serial"
    assert "44289" not in note.message
    with pytest.raises(CellError) as refused:
        DICTIONARY.read(variable, "John Smith " * 60)
    assert "Smith" not in str(refused.value)


def test_the_dates_of_a_data_manager_are_there():
    assert set(DATES) == {
        *("birth_date", "diagnosis_date", "first_dose_date", "response_date", "relapse_date", "second_cancer_date"),
        *("hsct_date", "cart_date", "death_date", "last_contact_date"),
    }
    assert DICTIONARY.find("DOB")[0].name == "birth_date"
