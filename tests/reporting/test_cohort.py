"""What a page says of the data: no patient, no small count."""

from __future__ import annotations

import pytest

from riskml.cohort.cohort import read_cohort
from riskml.reporting.cohort import CohortSummary, about_cohort, who_was_left_out
from riskml.reporting.report import render_report
from riskml.runtime.dictionary import load_dictionary


def test_a_cohort_is_summarised_without_its_patients(tmp_path, bundle_of):
    rows = [f"Q{n:03d}XYZ,north,{4 + n % 9},{'' if n < 3 else '0.5 %'},950" for n in range(40)]
    path = tmp_path / "cohort.csv"
    path.write_text("\n".join(["patient_id,centre,age,mrd,wbc", *rows]), encoding="utf-8")
    summary = CohortSummary.of(read_cohort(path))
    assert summary.lines[0] == "40 courses of 40 patients, 1 centre"
    assert summary.missing["Marrow MRD before first dose"] == pytest.approx(3 / 40)
    html = render_report(cohort=summary, bundles=[bundle_of("binary")])
    assert "XYZ" not in html
    assert "950" not in "".join(summary.notes)
    assert "below 12\N{NO-BREAK SPACE}%" in html  # three patients are not told apart from four


def test_gaps_are_the_emptiest_first_and_the_rest_is_complete():
    summary = CohortSummary("c.csv", False, ("10 courses",), {"Age": 0.0, "CD3": 0.25, "MRD": 0.5}, ("a note",), 100)
    assert summary.gaps == [["MRD", "50 %"], ["CD3", "25 %"]]
    lines, gaps, whole, notes = about_cohort(summary)
    assert lines["bullets"] == ["10 courses"]
    assert gaps["tables"][0][2] == summary.gaps
    assert whole["sentences"] == ["Complete: Age."]
    assert notes["bullets"] == ["a note"]


def test_a_cohort_without_gaps_has_no_table_of_them():
    parts = list(about_cohort(CohortSummary("c.csv", False, ("10 courses",), {"Age": 0.0})))
    assert not any(part["tables"] for part in parts)
    assert parts[-1]["sentences"] == ["No value is missing: Age."]
    assert len(list(about_cohort(CohortSummary("c.csv", False, ("10 courses",))))) == 1


def test_who_was_left_out_keeps_the_counts_as_they_come():
    left = [{"reason": "mrd not known", "count": "<5"}, {"reason": "outcome not known", "count": "0"}]
    part = who_was_left_out(left, [("Patients judged", "60")], load_dictionary())
    assert part["sentences"] == ["Nobody was left out for: outcome not known."]
    assert part["tables"][0][2] == [
        ["left out: Marrow MRD before first dose not known", "<5"],
        ["Patients judged", "60"],
    ]
