"""The proposal as a file: valid TOML whatever the columns are called."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.column_map import ColumnMap
from riskml.cohort.proposal_file import as_toml
from riskml.cohort.propose import Option, Proposal

SURE = Proposal("Alter", (Option("age", "mo"),), "why")
CODED = Proposal("G", (Option("sex", None, {"1": "male"}),), "why")
ASKED = Proposal("x", (Option("mrd", "1"), Option("mrd", "%")), "why", "ambiguous: fraction or %?")
STRANGE = Proposal("protocol", (), "nothing in the dictionary is like it")


def test_what_is_sure_is_filled_in_and_the_rest_is_commented():
    text = as_toml([SURE, CODED, ASKED, STRANGE], "export.csv")
    raw = tomllib.loads(text)
    assert raw == {
        "source": "export.csv: proposed, to be reviewed",
        "columns": {"Alter": {"name": "age", "unit": "mo"}, "G": {"name": "sex", "codes": {"1": "male"}}},
        "constants": {},
        "ignore": {"columns": []},
    }
    assert '# ASK ambiguous: fraction or %?\n# "x" = { name = "mrd", unit = "1" }\n# "x" = ' in text
    assert '    # "protocol",  # nothing in the dictionary is like it' in text
    assert '# data_origin = "real"' in text
    assert ColumnMap.from_dict(raw).columns["Alter"].unit == "mo"


TEXT = st.text(max_size=20)


@given(TEXT, TEXT, TEXT, st.booleans())
def test_any_column_name_gives_valid_toml(column, evidence, question, sure):
    found = Proposal(column, (Option("sex", None, {column: "male"}),), evidence, "" if sure else f"?{question}")
    raw = tomllib.loads(as_toml([found], column))
    assert raw["columns"] == ({column: {"name": "sex", "codes": {column: "male"}}} if sure else {})
    assert raw["source"].startswith(column)
