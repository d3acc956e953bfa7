"""``riskml check`` on foreign files: every format, encodings, and a proposed column map."""

from __future__ import annotations

import tomllib

import pytest

from tests.cli.processes import COHORT, PATIENT_ID, refused
from tests.cohort.workbooks import Error, of_rows, sheet_xml, workbook


@pytest.fixture
def foreign(tmp_path):
    path = tmp_path / "export.csv"
    path.write_text("Patient code,Gender,MFC MRD,protocol\na1,m,0.5,P\na2,f,0.9,Q\n", encoding="utf-8")
    return path


def test_a_proposal_is_written_reviewed_and_used(riskml, tmp_path, foreign):
    done = riskml("check", foreign, "--propose", "map.toml")
    assert (done.returncode, done.stdout) == (0, "map.toml\n")
    assert done.stderr == "4 columns: 2 filled in, 1 to answer, 1 unlike any variable\n"
    path = tmp_path / "map.toml"
    text = path.read_text(encoding="utf-8")
    assert "# ASK ambiguous: fraction or %? max is 0.9" in text
    assert set(tomllib.loads(text)["columns"]) == {"Patient code", "Gender"}
    assert "a1" not in text
    refused(riskml("check", foreign, "--columns", "map.toml"), 3, "column protocol")
    text = text.replace('# "MFC MRD" = { name = "mrd", unit = "%" }', '"MFC MRD" = { name = "mrd", unit = "%" }')
    path.write_text(text.replace('# "protocol"', '"protocol"'), encoding="utf-8")
    done = riskml("check", foreign, "--columns", "map.toml")
    assert done.returncode == 0, done.stderr


def test_a_map_is_not_replaced_without_force(riskml, tmp_path, foreign):
    (tmp_path / "map.toml").write_text("mine", encoding="utf-8")
    refused(riskml("check", foreign, "--propose", "map.toml"), 2, "map.toml exists", "--force")
    assert (tmp_path / "map.toml").read_text(encoding="utf-8") == "mine"
    assert riskml("check", foreign, "--propose", "map.toml", "--force").returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (["--propose", "m.toml", "--columns", "n.toml"], 2, ["give one of the two"]),
        (["--redcap-dictionary", "d.csv"], 2, ["--redcap-dictionary is read by --propose"]),
        (["--propose", "m.toml", "--redcap-dictionary", "none.csv"], 2, ["there is no file none.csv"]),
        (["--propose", "m.toml", "--redcap-dictionary", "export.csv"], 3, ["not a REDCap data dictionary"]),
        (["--sheet", "A"], 2, ["has no sheets"]),
        (["--encoding", "rot13"], 2, ["the encoding must be one of"]),
    ],
)
def test_options_that_do_not_fit(riskml, tmp_path, foreign, words, code, parts):
    refused(riskml("check", foreign, *words), code, *parts)
    assert not (tmp_path / "m.toml").exists()


def test_redcap_codes_are_proposed(riskml, tmp_path):
    (tmp_path / "export.csv").write_text("record_id,geschl\n7,1\n8,2\n", encoding="utf-8")
    columns = 'Variable / Field Name,Field Type,Field Label,"Choices, Calculations, OR Slider Labels"\n'
    fields = 'record_id,text,Record,\ngeschl,radio,Sex,"1, Male | 2, Female"\n'
    (tmp_path / "d.csv").write_text(columns + fields, encoding="utf-8")
    done = riskml("check", "export.csv", "--propose", "m.toml", "--redcap-dictionary", "d.csv")
    assert done.returncode == 0, done.stderr
    assert riskml("check", "export.csv", "--columns", "m.toml").returncode == 0


def test_a_workbook_and_its_sheets(riskml, tmp_path):
    book = workbook(
        {
            "Notes": sheet_xml([["read me"], ["x"]]),
            "Data": sheet_xml([["patient_id", "age"], ["00123", 6.4], ["2", Error("#N/A")]]),
            "Good": sheet_xml([["patient_id", "age"], ["00123", 6.4]]),
        }
    )
    (tmp_path / "c.xlsx").write_bytes(book)
    refused(riskml("check", "c.xlsx"), 3, "a cohort needs a column of the dictionary")
    refused(riskml("check", "c.xlsx", "--sheet", "None"), 2, "it has Notes, Data, Good")
    refused(riskml("check", "c.xlsx", "--sheet", "Data"), 3, "row 3, column age", "'#N/A'")
    done = riskml("check", "c.xlsx", "--sheet", "Good")
    assert "1 courses, 1 patients" in done.stdout


def test_a_bomb_is_refused(riskml, tmp_path):
    book = workbook({"S": sheet_xml([["age"], ["1"]])}, [("xl/zeros.xml", b"\0" * (60 << 20))])
    (tmp_path / "c.xlsx").write_bytes(book)
    refused(riskml("check", "c.xlsx"), 3, "it unpacks to far more than a table holds")


def test_utf_16_is_read_and_gb18030_is_asked(riskml, tmp_path):
    text = COHORT.read_text(encoding="utf-8").replace("West", "北京")
    (tmp_path / "u.csv").write_text(text, encoding="utf-16")
    (tmp_path / "g.csv").write_text(text, encoding="gb18030")
    assert riskml("check", "u.csv").returncode == 0
    refused(riskml("check", "g.csv"), 3, "it is not UTF-8 text", "--encoding: gb18030")
    assert riskml("check", "g.csv", "--encoding", "gb18030").returncode == 0


def test_commas_in_numbers(riskml, tmp_path):
    (tmp_path / "c.csv").write_text(f'patient_id,age\n{PATIENT_ID},"6,4"\nB,"7,25"\n', encoding="utf-8")
    assert "'6,4' was read as 6.4" in riskml("check", "c.csv").stdout
    (tmp_path / "c.csv").write_text(f'patient_id,wbc\n{PATIENT_ID},"1,234"\nB,"7,25"\n', encoding="utf-8")
    refused(riskml("check", "c.csv"), 3, "column wbc", "(rows 2, 3)", "'1,234' may mean 1.234 or 1234")


def test_the_header_row_of_a_merged_table(riskml, tmp_path):
    (tmp_path / "c.xlsx").write_bytes(of_rows(["Blood", None], ["age", "sex"], [6, "f"], merged=["A1:B1"]))
    refused(riskml("check", "c.xlsx"), 3, "row 1, column Blood: the header must not be merged cells", "unmerge")
