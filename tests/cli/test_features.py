"""``riskml features``: the dictionary, for people and as JSON."""

from __future__ import annotations

import json
import tomllib

import pytest

from riskml.cli.features import as_dict
from riskml.runtime.dictionary import load_dictionary
from tests.cli.processes import refused
from tests.repository import ROOT

DECLARED = list(
    dict.fromkeys(  # the CD4/CD8 ratio is a variable and a derived one
        name
        for file, table in (("variables", "variable"), ("lesions", "lesion"), ("derived", "derived"))
        for name in tomllib.loads((ROOT / f"features/{file}.toml").read_text(encoding="utf-8"))[table]
    )
)


def test_every_declared_name_has_its_line(riskml):
    done = riskml("features")
    assert (done.returncode, done.stderr) == (0, "")
    header, *lines = done.stdout.splitlines()
    assert header.split() == ["name", "kind", "unit", "known", "from", "label"]
    assert [line.split()[0] for line in lines] == DECLARED


def test_mrd_in_words(riskml):
    text = riskml("features", "mrd").stdout
    assert text.startswith("mrd: Marrow MRD before first dose (number, known from first dose)\n")
    assert "  unit: 1; accepted: " in text
    assert "%" in text
    assert "  refused outside 0 % to 100 %\n" in text
    assert "a bare 0 means below 0.01 %" in text
    assert "  why: " in text
    assert "  also called: " in text


def test_mrd_as_json(riskml):
    (entry,) = json.loads(riskml("features", "mrd", "--json").stdout)
    assert entry["name"] == "mrd"
    assert (entry["kind"], entry["lesion"], entry["unit"], entry["known"]) == ("number", False, "1", "first_dose")
    assert entry["hard"] == [0.0, 1.0]
    assert entry["limit_of_detection"] == 1e-4
    assert "%" in entry["accepted_units"]
    assert entry["why"]


def test_a_form_can_be_built_from_the_json(riskml):
    entries = {entry["name"]: entry for entry in json.loads(riskml("features", "--json").stdout)}
    mrd, cycle = entries["mrd"], entries["cycle_index"]
    assert (mrd["display_unit"], mrd["left_censored"], "nd" in mrd["below_words"]) == ("%", True, True)
    assert (cycle["unit"], cycle["display_unit"], cycle["hard"]) == ("1", "", [1, 20])
    for entry in entries.values():
        measured = entry["kind"] in ("number", "integer")
        assert measured == bool(entry["accepted_units"]) == (entry["unit"] is not None)
        assert bool(entry["levels"]) == (entry["kind"] == "category")
        assert entry["label"]


def test_codes_families_and_denominators_are_shown(riskml):
    text = riskml("features", "cd19_pct").stdout
    assert "  LOINC 8117-4: CD19 cells/100 cells in Blood (verified 2+)\n" in text
    assert "  out of: lymphocytes\n" in text
    assert "  says the same as: cd19 (a recipe takes one)\n" in text
    assert "  a bare 0 means" not in text
    assert "a bare 0 means below half the last digit given, at most 0.5 %" in text
    mrd = riskml("features", "mrd").stdout
    assert "  one of the family mrd: never pooled" in mrd
    assert "  read together with: mrd_method, mrd_lod, mrd_below_lod\n" in mrd
    (entry,) = json.loads(riskml("features", "cd3", "--json").stdout)
    assert entry["codes"][0] == {
        "system": "loinc",
        "code": "8122-4",
        "name": "CD3 cells [#/volume] in Blood",
        "verified": "2+",
    }
    assert (entry["family"], entry["denominator"], entry["exclusive_with"]) == (None, None, ["cd3_pct"])


def test_all_of_it_as_json_is_what_python_has(riskml):
    shown = json.loads(riskml("features", "--json").stdout)
    assert [entry["name"] for entry in shown] == DECLARED
    dictionary = load_dictionary()
    assert shown == json.loads(json.dumps([as_dict(v, dictionary) for v in dictionary.variables.values()]))


def test_a_derived_variable_says_what_it_is_made_of_and_no_range_it_does_not_have(riskml):
    text = riskml("features", "cd8_fold_d15").stdout
    assert text.startswith("cd8_fold_d15: CD3+CD8+ T cells on day 14 or 15 as a multiple of those before (number, ")
    assert "  made where it is not given: ratio of cd8_d15, cd8\n" in text
    assert "outside" not in text
    assert "inf" not in text
    (entry,) = json.loads(riskml("features", "any_poor_lesion", "--json").stdout)
    assert entry["made_of"] == {"op": "any_of", "inputs": ["bcr_abl1", "kmt2a_r", "tcf3_hlf"]}
    (entry,) = json.loads(riskml("features", "mrd", "--json").stdout)
    assert entry["made_of"] is None


@pytest.mark.parametrize("name", DECLARED)
def test_each_entry_can_be_asked_for(name, capsys):
    from riskml.cli.main import main

    assert main(["features", name]) == 0
    assert capsys.readouterr().out.startswith(f"{name}: ")


def test_an_alias_finds_its_variable_and_a_slip_its_neighbour(riskml):
    assert riskml("features", "BCR::ABL1").stdout.startswith("bcr_abl1: ")
    refused(riskml("features", "mdr"), 2, "'mdr' is not in the dictionary", "nearest name is 'mrd'")
