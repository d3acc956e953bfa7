"""The one parser of cells: what people write, what it means, and what is refused rather than guessed."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.parsing import MAX_CELL, MISSING, CellError, Reading

DICTIONARY = load_dictionary()
VARIABLES = sorted(DICTIONARY.variables)
NUMBERS = [name for name in VARIABLES if DICTIONARY[name].kind in {"number", "integer"}]


def read(name: str, raw: object, unit: str | None = None) -> Reading:
    return DICTIONARY.read(DICTIONARY[name], raw, unit)


def codes(reading: Reading) -> list[str]:
    return [note.code for note in reading.notes]


VALUES = [
    # fractions: the three unit systems of the literature
    ("mrd", "0.52 %", 0.0052),
    ("mrd", "0.52%", 0.0052),
    ("mrd", "  0.52   % ", 0.0052),
    ("mrd", "0.52 percent", 0.0052),
    ("mrd", "0.52 pct", 0.0052),
    ("mrd", "52e-2 %", 0.0052),
    ("mrd", "5.2E-3", 0.0052),
    ("mrd", ".0052", 0.0052),
    ("mrd", "0.0052", 0.0052),
    ("mrd", "+0.0052 fraction", 0.0052),
    ("mrd", "52 x10^-4", 0.0052),
    ("mrd", "52 × 10⁻⁴", 0.0052),
    ("mrd", "520 x 10^-5", 0.0052),
    ("mrd", "5200 10*-6", 0.0052),
    ("mrd", "0.01 %", 1e-4),
    ("mrd", "0.01%", 1e-4),
    ("mrd", "1e-4", 1e-4),
    ("mrd", "1 x10^-4", 1e-4),
    ("mrd", 0.0052, 0.0052),
    ("mrd", {"value": 0.52, "unit": "%"}, 0.0052),
    ("mrd", {"value": "0.52 %"}, 0.0052),
    ("mrd", {"value": "0.52 %", "unit": "%"}, 0.0052),
    ("mrd_end_of_induction", "17.98857868 %", 0.1798857868),
    ("bm_blasts", "80 %", 0.8),
    ("bm_blasts", "0.8", 0.8),
    ("bm_blasts", 0, 0.0),
    # counts: 10^9/L and cells/uL differ a thousandfold
    ("cd19", "30/uL", 0.03),
    ("cd19", "30 /µL", 0.03),
    ("cd19", "30 cells/uL", 0.03),
    ("cd19", "30 cells / mm3", 0.03),
    ("cd19", "30 e6/L", 0.03),
    ("cd19", "0.03", 0.03),
    ("cd19", "0.03 10^9/L", 0.03),
    ("cd19", "0.03 x10^9/L", 0.03),
    ("cd19", "0.03×10⁹/L", 0.03),
    ("cd19", "0.03 G/L", 0.03),
    ("cd19", "0.03 K/uL", 0.03),
    ("cd19", "0.03 10*3/ul", 0.03),
    ("cd19", {"value": 30, "unit": "/uL"}, 0.03),
    ("wbc", "82.4", 82.4),
    ("wbc", "1306", 1306.0),
    ("lymphocytes", "1200 /uL", 1.2),
    ("cd4", "1.", 1.0),
    # ages and durations
    ("age", "6.4", 6.4),
    ("age", "6.4 a", 6.4),
    ("age", "6.4 y", 6.4),
    ("age", "6.4y", 6.4),
    ("age", "6.4 yrs", 6.4),
    ("age", "6.4 Years", 6.4),
    ("age", "78 months", 6.5),
    ("age", "78 mo", 6.5),
    ("age", "2337.6 d", 6.4),
    ("age", "52.17857142857143 weeks", 1.0),
    ("age", 17, 17.0),
    ("efs_time", "365.25 d", 12.0),
    ("efs_time", "12 months", 12.0),
    ("efs_time", "1 y", 12.0),
    ("efs_time", "0", 0.0),
    ("delivered_infusion_days", "28", 28.0),
    ("delivered_infusion_days", "4 weeks", 28.0),
    ("delivered_infusion_days", "14 days", 14.0),
    ("cycle_index", "1.0", 1.0),
    ("cycle_index", 2, 2.0),
    ("icans_grade", "3", 3.0),
    # nothing known
    ("mrd", "", None),
    ("mrd", "NA", None),
    ("mrd", "n/a", None),
    ("mrd", "not done", None),
    ("mrd", None, None),
    ("cd19", "ND", None),
    ("age", "Unknown", None),
    ("wbc", "?", None),
]


@pytest.mark.parametrize(("name", "raw", "value"), VALUES)
def test_values(name, raw, value):
    reading = read(name, raw)
    assert reading.value == (None if value is None else pytest.approx(value, rel=1e-12))
    assert reading.below is None


def test_percent_is_divided_so_that_it_keeps_its_digits():
    assert read("mrd", "0.52 %").value == 0.0052  # 0.52 * 0.01 is 0.005200000000000001
    assert read("mrd", "0.01 %").below is None  # exactly at the limit is not below it


BELOW = [
    ("mrd", "<0.01 %", 1e-4),
    ("mrd", "< 0.01%", 1e-4),
    ("mrd", "<=0.01 %", 1e-4),
    ("mrd", "≤ 0.01 %", 1e-4),
    ("mrd", "<1e-4 fraction", 1e-4),
    ("mrd", "<1 x10^-4", 1e-4),
    ("mrd", "<0.1 %", 1e-3),
    ("mrd", "neg", 1e-4),
    ("mrd", "Negative", 1e-4),
    ("mrd", "ND", 1e-4),
    ("mrd", "undetectable", 1e-4),
    ("mrd", "<LOD", 1e-4),
    ("mrd", "0", 1e-4),
    ("mrd", "0 %", 1e-4),
    ("mrd", 0, 1e-4),
    ("mrd", 0.0, 1e-4),
    ("cd19", "<5 /uL", 0.005),
    ("cd19", "<0.005", 0.005),
    ("cd19", "0.00", 0.005),  # two decimals: less than half of 0.01
    ("cd19", "0.000", 0.0005),
    ("cd19", "0 /uL", 0.0005),
    # A spreadsheet turns 0.00 into 0: never read it as "less than half a billion per litre".
    ("cd19", "0", 0.005),
    ("cd19", "0.0", 0.005),
    ("cd19", "0 10^9/L", 0.005),
    ("cd19", 0, 0.005),
    ("cd19", 0.0, 0.005),
    ("cd19", {"value": 0, "unit": "10^9/L"}, 0.005),
]


@pytest.mark.parametrize(("name", "raw", "limit"), BELOW)
def test_values_below_a_limit(name, raw, limit):
    reading = read(name, raw)
    assert reading.below == pytest.approx(limit)
    assert reading.value == pytest.approx(limit / math.sqrt(2))  # Hornung & Reed 1990
    assert "below_detection" in codes(reading)


def test_a_number_under_the_detection_limit_is_kept_and_marked():
    reading = read("mrd", "0.005 %")
    assert (reading.value, reading.below, codes(reading)) == (5e-5, 1e-4, ["below_detection"])


def test_a_zero_count_in_a_declared_column_is_not_a_high_count():
    assert read("cd19", "0", "10*9/L").value < 0.005


@pytest.mark.parametrize("raw", [0.52, "0.52", "<0.52", "0.00002"])
def test_a_bare_fraction_is_read_as_one_and_said_so(raw):
    reading = read("mrd", raw)
    assert "unit_assumed" in codes(reading)
    message = next(note.message for note in reading.notes if note.code == "unit_assumed")
    assert "without a unit was read as a fraction" in message


@pytest.mark.parametrize("raw", ["0.52 %", "0", "neg", "<0.01 %"])
def test_nothing_is_assumed_where_the_unit_is_given_or_does_not_matter(raw):
    assert "unit_assumed" not in codes(read("mrd", raw))


@pytest.mark.parametrize(
    ("name", "raw"), [("age", "45"), ("cd19", "30"), ("cd19", "<5"), ("wbc", "0.1"), ("mrd", "87.8 %")]
)
def test_unusual_values_are_accepted_with_a_note(name, raw):
    assert "unusual_value" in codes(read(name, raw))


def test_a_low_limit_is_a_good_assay_not_an_unusual_value():
    assert codes(read("lymphocytes", "<0.001")) == ["below_detection"]


LESIONS = [
    ("bcr_abl1", "present", 1.0),
    ("bcr_abl1", "Positive", 1.0),
    ("bcr_abl1", "pos", 1.0),
    ("bcr_abl1", "+", 1.0),
    ("bcr_abl1", "YES", 1.0),
    ("bcr_abl1", "y", 1.0),
    ("bcr_abl1", "true", 1.0),
    ("bcr_abl1", "1", 1.0),
    ("bcr_abl1", "1.0", 1.0),
    ("bcr_abl1", 1, 1.0),
    ("bcr_abl1", True, 1.0),
    ("bcr_abl1", "detected", 1.0),
    ("bcr_abl1", "BCR-ABL1", 1.0),
    ("bcr_abl1", "BCR::ABL1 positive", 1.0),
    ("bcr_abl1", "BCR/ABL: found", 1.0),
    ("bcr_abl1", "Ph+", 1.0),
    ("bcr_abl1", "Philadelphia", 1.0),
    ("bcr_abl1", "p190", 1.0),
    ("bcr_abl1", "t(9;22)", 1.0),
    ("bcr_abl1", "t(9;22)(q34;q11.2)", 1.0),
    ("bcr_abl1", "t(9;22)(q34;q11)", 1.0),
    ("kmt2a_r", "MLL-r", 1.0),
    ("kmt2a_r", "KMT2A-AFF1", 1.0),
    ("kmt2a_r", "t(4;11)(q21;q23)", 1.0),
    ("kmt2a_r", "t(v;11q23.3)", 1.0),
    ("etv6_runx1", "TEL-AML1 pos", 1.0),
    ("tcf3_pbx1", "E2A/PBX1", 1.0),
    ("trisomy_4_10", "+4,+10", 1.0),
    ("znf384_r", "EP300-ZNF384 (present)", 1.0),
    ("bcr_abl1", "absent", 0.0),
    ("bcr_abl1", "NEG", 0.0),
    ("bcr_abl1", "negative", 0.0),
    ("bcr_abl1", "no", 0.0),
    ("bcr_abl1", "0", 0.0),
    ("bcr_abl1", "0.0", 0.0),
    ("bcr_abl1", 0.0, 0.0),
    ("bcr_abl1", False, 0.0),
    ("bcr_abl1", "not detected", 0.0),
    ("bcr_abl1", "Ph-", 0.0),
    ("bcr_abl1", "Ph -", 0.0),
    ("bcr_abl1", "BCR-ABL1 -", 0.0),
    ("bcr_abl1", "BCR-ABL1 \N{MINUS SIGN}", 0.0),
    ("bcr_abl1", "no BCR-ABL1", 0.0),
    ("kmt2a_r", "KMT2A: not found", 0.0),
    ("kmt2a_r", "MLL negative", 0.0),
    ("bcr_abl1", "", None),
    ("bcr_abl1", "ND", None),
    ("bcr_abl1", "not tested", None),
    ("bcr_abl1", "unknown", None),
    ("bcr_abl1", "Ph unknown", None),
    ("bcr_abl1", "?", None),
    ("bcr_abl1", None, None),
]


@pytest.mark.parametrize(("name", "raw", "value"), LESIONS)
def test_lesions(name, raw, value):
    assert read(name, raw) == Reading(value)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("bcr_abl1", "Ph-like"),
        ("bcr_abl1", "BCR-ABL1-like"),
        ("bcr_abl1", "ABL-class fusion"),
        ("kmt2a_r", "KMT2A-PTD"),
        ("tcf3_hlf", "TCF3-PBX1"),
        ("tcf3_pbx1", "TCF3::HLF"),
    ],
)
def test_look_alikes_are_refused_with_an_explanation(name, raw):
    with pytest.raises(CellError, match=r"this is not .*: give it its own column"):
        read(name, raw)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("kmt2a_r", "MLL-AF4 negative"),
        ("kmt2a_r", "t(4;11) absent"),
        ("bcr_abl1", "p190 -"),
        ("znf384_r", "no TCF3-ZNF384"),
    ],
)
def test_one_absent_partner_does_not_exclude_a_lesion(name, raw):
    with pytest.raises(CellError, match="one absent partner does not exclude"):
        read(name, raw)


@pytest.mark.parametrize("raw", ["maybe", "2", "-", "46,XX", "Ph+ Ph-", "not Ph+ at all", 2, 0.5, math.nan])
def test_a_lesion_is_never_guessed(raw):
    with pytest.raises(CellError, match="must be present, absent or unknown"):
        read("bcr_abl1", raw)


@pytest.mark.parametrize(
    ("name", "raw", "level"),
    [
        ("sex", "F", "female"),
        ("sex", "Male", "male"),
        ("disease_status_at_start", "MRD+", "CR-MRDpos"),
        ("disease_status_at_start", "r/r", "R/R"),
        ("response", "NR", "no_response"),
        ("efs_event", "None", "none"),  # a level here, although the word means "missing" elsewhere
        ("efs_event", "1.0", "any"),
        ("efs_event", 0, "none"),
        ("efs_event", "", None),
        ("mrd_method", "ND", None),
        ("data_origin", "simulated", "synthetic"),
    ],
)
def test_categories(name, raw, level):
    assert read(name, raw) == Reading(level)


def test_two_rows_without_an_identifier_are_not_one_patient():
    assert read("patient_id", "NA") is MISSING
    assert read("patient_id", "  ") is MISSING
    assert read("patient_id", " A  7 ").value == "A 7"
    assert read("patient_id", 17).value == "17"


@pytest.mark.parametrize(
    ("name", "raw", "unit", "rule", "remedy"),
    [
        ("mrd", "0,52 %", None, "must be written with a decimal point", "replace the comma"),
        ("mrd", "-0,52 %", None, "must be written with a decimal point", "replace the comma"),
        ("mrd", "52", None, "must lie in 0 % to 100 %", "is it in %?"),
        ("mrd", "152 %", None, "must lie in 0 % to 100 %", "check the value"),
        ("mrd", "-1 %", None, "must lie in", "check the value"),
        ("mrd", ">50 %", None, "must be a measured value", "write the value itself"),
        ("mrd", "~1 %", None, "must be a measured value", "write the value itself"),
        ("mrd", "<0 %", None, "needs the limit", "write for example"),
        ("mrd", "about one", None, "must be a number", "write for example"),
        ("mrd", "1e999", None, "must be a finite number", "check the exponent"),
        ("mrd", "0.5 /uL", None, "unit of mrd must be one of", "write for example"),
        ("mrd", "0.5 %", "1", "is declared in 1", "use the declared unit in every row"),
        ("mrd", {"value": 1, "unit": "ng"}, None, "unit of mrd must be one of", "write for example"),
        ("mrd", {"value": 1, "unit": 3}, None, "must be text", "quote the unit"),
        ("mrd", {"amount": 1}, None, "has the keys value and unit", "write {'value'"),
        ("mrd", {"value": [1]}, None, "must be a number or a text", "give one value"),
        ("mrd", [1], None, "must be a number or a text", "give one value"),
        ("mrd", True, None, "must be a number", "write the measured value"),
        ("mrd", math.nan, None, "must be a finite number", "use null"),
        ("mrd", 10**400, None, "must be a finite number", "check the value"),
        ("age", "<5", None, "cannot be 'below a limit'", "write the value"),
        ("age", "6 y 3 m", None, "unit of age must be one of", "write for example"),
        ("age", "150", None, "must lie in", "check the value"),
        ("cd19", "1,234", None, "must be written with a decimal point", "replace the comma"),
        ("cd19", "30 /uL", "10*9/L", "is declared in 10*9/L", "use the declared unit"),
        ("cycle_index", "1.5", None, "must be a whole number", "check the value"),
        ("delivered_infusion_days", "2.5 wk", None, "must be a whole number", "check the value"),
        ("sex", "unisex", None, "must be one of female, male", "use a listed level"),
        ("sex", "F" * (MAX_CELL + 1), None, "must be a short value", "put free text elsewhere"),
    ],
)
def test_refusals_say_rule_and_remedy(name, raw, unit, rule, remedy):
    with pytest.raises(CellError) as refused:
        read(name, raw, unit)
    assert rule in refused.value.rule
    assert remedy in refused.value.remedy
    assert name in refused.value.rule
    assert str(refused.value)


def test_a_unit_in_the_cell_may_repeat_the_declared_one_in_other_words():
    assert read("cd19", "0.03 K/uL", "10*9/L").value == 0.03


TOKENS = st.sampled_from(
    [
        *(
            "<",
            ">",
            "≤",
            "~",
            "-",
            "+",
            ".",
            ",",
            "e",
            "%",
            "0",
            "00",
            "1",
            "9e99",
            "e-400",
            " ",
            "/uL",
            "x10^-4",
            "⁹",
            "µ",
        ),
        *("neg", "nd", "Ph", "Ph+", "-like", "t(9;22)", "(q34)", "MLL", "no", "yes", "(", ")", ";", "\0", "٣"),
    ]
)
CELLS = st.text(max_size=60) | st.lists(TOKENS, max_size=8).map("".join)


def attempt(name: str, raw: object) -> Reading | CellError:
    """A reading or a refusal; anything else is a crash."""
    try:
        return read(name, raw)
    except CellError as refused:
        return refused


@given(st.sampled_from(VARIABLES), CELLS)
@settings(deadline=None, max_examples=1500)
def test_any_text_is_read_or_refused(name, raw):
    answer, variable = attempt(name, raw), DICTIONARY[name]
    if isinstance(answer, CellError):
        assert answer.rule
        assert answer.remedy
        return
    if isinstance(answer.value, float):
        low, high = (0, 1) if variable.kind == "tristate" else variable.hard
        assert low <= answer.value <= high
    if answer.below is not None:
        assert variable.left_censored
        assert 0 < answer.value <= answer.below


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.just(-(10**309)) | st.text(max_size=9)
KEYS = st.sampled_from(["value", "unit", "x"])
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=4
)


@given(st.sampled_from(VARIABLES), JSON)
@settings(deadline=None, max_examples=800)
def test_any_json_is_read_or_refused(name, raw):
    answer = attempt(name, raw)
    if isinstance(answer, CellError):
        assert json.dumps([answer.rule, answer.value, answer.remedy])
    else:
        assert answer.value is None or isinstance(answer.value, (float, str))


def test_a_number_too_long_to_print_is_refused():  # Python refuses to turn more than 4300 digits into text
    for name in VARIABLES:
        assert "must be a finite number" in str(attempt(name, 10**5000))


@given(st.sampled_from(NUMBERS), st.floats(1e-5, 1e4), st.integers(1, 3))
@settings(deadline=None, max_examples=1500)
def test_what_is_shown_reads_back_as_what_is_shown(name, value, digits):
    variable = DICTIONARY[name]
    value = float(f"{value:.{digits}g}")
    if variable.kind == "integer":
        value = float(round(value))
    if not variable.hard[0] <= value <= variable.hard[1]:
        return
    reading = read(name, value)
    shown = variable.show(reading.value, reading.below)
    again = read(name, shown)
    assert variable.show(again.value, again.below) == shown
    if reading.below is None:
        assert again.value == pytest.approx(reading.value, rel=0.006, abs=1e-6)  # three digits, at most six decimals
    else:
        assert again.below == pytest.approx(reading.below, rel=0.006)


@given(
    st.sampled_from([name for name in VARIABLES if DICTIONARY[name].kind == "tristate"]),
    st.sampled_from([0.0, 1.0, None]),
)
def test_shown_lesions_read_back(name, value):
    assert read(name, DICTIONARY[name].show(value)).value == value


@given(st.floats(1e-4, 1.0))
def test_units_agree_with_each_other(fraction):
    percent = read("mrd", f"{fraction * 100!r} %").value if fraction * 100 <= 100 else fraction
    assert percent == pytest.approx(read("mrd", repr(fraction)).value, rel=1e-12)
    assert read("cd19", f"{fraction * 1000!r} /uL").value == pytest.approx(
        read("cd19", repr(fraction)).value, rel=1e-12
    )
