"""features/fhir.toml against the dictionary: every unit, code, landmark and name in it means something."""

from __future__ import annotations

import tomllib

import pytest

from riskml.errors import DataError
from riskml.resources import folder
from riskml.runtime.dictionary import load_dictionary
from riskml.serving.fhir_codes import codes_from_dict, load_codes
from riskml.serving.fhir_routes import router
from tests.serving.fhir import LOINC, OWN, SNOMED

DICTIONARY, CODES = load_dictionary(), load_codes()


def luhn_mod_10(code):
    """LOINC's check digit (Regenstrief, LOINC Users' Guide, "check digit"): odd places from the right are doubled."""
    number, check = code.split("-")
    doubled = [int(digit) for digit in str(int(number[::-1][::2][::-1]) * 2)]
    rest = [int(digit) for digit in number[::-1][1::2]]
    return (10 - sum(doubled + rest) % 10) % 10 == int(check)


def test_loinc_codes_have_their_check_digit_and_mean_one_variable():
    found = [code for name in DICTIONARY.variables for code in DICTIONARY[name].codes if code.system == "loinc"]
    assert len(found) >= 20
    assert all(luhn_mod_10(code.code) and code.verified in {"1", "2+"} for code in found)
    assert len({code.code for code in found}) == len(found)


def test_codes_known_to_be_used_wrongly_mean_nothing_or_what_they_say():
    for wrong in ("77147-7", "26464-8", "69380-4"):
        assert CODES.variables(DICTIONARY, [(LOINC, wrong)]) == ()
    assert CODES.variables(DICTIONARY, [(LOINC, "8124-0")]) == ("cd3_pct",)


def test_every_unit_is_one_of_the_dictionary_s_and_every_quantity_has_some():
    variables = [DICTIONARY[name] for name in DICTIONARY.variables]
    for quantity in {v.quantity.name: v.quantity for v in variables if v.kind in {"number", "integer"}}.values():
        table = CODES.units[quantity.name]
        assert quantity.canonical in table
        assert all(spelling in quantity.spellings for spelling in table.values())


@pytest.mark.parametrize(
    ("name", "ucum", "spelling"),
    [
        ("cd19", "{cells}/uL", "/uL"),
        ("cd19", "10*3{cells}/uL", "10*3/uL"),
        ("cd19", "/uL", "/uL"),
        ("cd19", "/UL", None),
        ("cd19", "G/L", None),
        ("cd19", "g/L", None),
        ("cd19", "K/uL", None),
        ("cd19", "%", None),
        ("cd19", "{cells}", None),
        ("cd3_pct", "%{lymphocytes}", "%"),
        ("bcr_abl1_ratio", "{ratio}", "1"),
        ("il6", "pmol/L", None),
        ("igg", "umol/L", None),
    ],
)
def test_ucum_is_read_to_the_letter(name, ucum, spelling):
    assert CODES.spelling(DICTIONARY[name], ucum) == spelling


def test_windows_are_of_landmarks_and_variables_that_exist():
    assert set(CODES.windows) <= set(DICTIONARY.landmarks)
    assert set(CODES.windows_of) <= set(DICTIONARY.variables)
    assert set(CODES.evidence) <= set(DICTIONARY.variables)
    assert CODES.window(DICTIONARY["cd19"]) == (-14, 0)
    assert CODES.window(DICTIONARY["age"]) == (-14, 0)
    assert CODES.window(DICTIONARY["kmt2a_r"])[0] == float("-inf")
    assert CODES.window(DICTIONARY["relapse"]) is None


def test_a_drug_is_known_by_code_and_by_words_only_without_one():
    rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
    assert CODES.is_drug([(rxnorm, "1597258")], "")
    assert not CODES.is_drug([(rxnorm, "1191")], "blinatumomab is not to be given")
    assert CODES.is_drug([], "Blincyto 35 ug")
    assert not CODES.is_drug([], "inotuzumab")


OWN_MRD = {"system": "urn:oid:1.2.3", "code": "MRD-FLOW", "variable": "mrd"}


def with_map(*entries, **more):
    """The file of riskml with a hospital's codes."""
    raw = tomllib.loads((folder("features") / "fhir.toml").read_text(encoding="utf-8"))
    return {**raw, "map": list(entries), **more}


def faults_of(raw):
    with pytest.raises(DataError, match=r"features/fhir\.toml was refused") as refused:
        codes_from_dict(raw)
    assert refused.value.exit_code == 3
    return {(fault.row, fault.column): f"{fault.rule}; {fault.remedy}" for fault in refused.value.faults}


def test_a_hospital_s_own_codes_are_data():
    own = codes_from_dict(with_map(OWN_MRD))
    assert own.variables(DICTIONARY, [("urn:oid:1.2.3", "MRD-FLOW"), (OWN, "mrd"), (SNOMED, "1")]) == ("mrd",)
    assert own.codings_of(DICTIONARY["mrd"]) == [(OWN, "mrd"), ("urn:oid:1.2.3", "MRD-FLOW")]
    assert own.with_(mapped={}) == CODES


def test_all_faults_of_a_hospital_s_codes_at_once_each_with_the_nearest_name():
    found = faults_of(
        with_map(
            OWN_MRD,
            {**OWN_MRD, "code": "2", "variable": "mdr"},
            {"system": "urn:oid:1.2.3", "cod": "3", "variable": "cd19"},
            {**OWN_MRD, "code": 4, "variable": ""},
            {**OWN_MRD, "variable": "cd19"},
            {**OWN_MRD, "code": "6", "variable": "patient_id"},
            windwo={"first_dose": [-7, 0]},
        )
    )
    assert found == {
        (None, "windwo"): "is no table of this file; the nearest is [window]",
        (2, "map.variable"): "is not a name of the dictionary; the nearest known name is 'mrd'",
        (3, "map.cod"): "is no key of [[map]]; the nearest is code",
        (3, "map.code"): 'must be text; write code = "..."',
        (4, "map.code"): 'must be text; write code = "..."',
        (4, "map.variable"): 'must be text; write variable = "..."',
        (5, "map.code"): "must mean one variable; it stands in [[map]] 1 already",
        (6, "map.variable"): "is nothing a result says; name a measured variable or a lesion",
    }


@pytest.mark.parametrize("wrong", [OWN_MRD, "mrd", [["mrd"]], 7])
def test_one_bracket_too_few_is_said(wrong):
    assert "two brackets" in faults_of(with_map() | {"map": wrong})[None, "map"]


def test_a_service_does_not_start_with_codes_that_mean_nothing(monkeypatch):
    raw = with_map({**OWN_MRD, "variable": "mdr"})
    monkeypatch.setattr("riskml.serving.fhir_routes.load_codes", lambda: codes_from_dict(raw))
    with pytest.raises(DataError, match="the nearest known name is 'mrd'"):
        router(None)
