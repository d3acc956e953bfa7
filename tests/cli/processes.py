"""What the tests of the command line share: the shipped bundles, a small recipe, broken files, and a clean refusal."""

from __future__ import annotations

import csv
import io
import json
import re

from tests.repository import ROOT

BUNDLES = {name: ROOT / "models" / name / "bundle" for name in ("non_response", "icans", "efs", "induction_efs")}
COHORT = ROOT / "features" / "synthetic" / "cohort.csv"
PATIENT_ID = "JANE-DOE-77"  # stands in every broken row; no message may hold it


def golden(name):
    """The bundle's invented patients with the predictions it must give; the first knows every input."""
    return json.loads((BUNDLES[name] / "golden.json").read_text(encoding="utf-8"))


def rows():
    """The embedded cohort, one dict of texts a course."""
    return list(csv.DictReader(io.StringIO(COHORT.read_text(encoding="utf-8"))))


def write_rows(path, table):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return path


def broken_cohort(path, **cells):
    """The embedded cohort with other values in its fourth row of data (row 5 of a spreadsheet)."""
    table = rows()
    table[3] |= {"patient_id": PATIENT_ID, **cells}
    return write_rows(path, table)


def small_recipe(folder, name="non_response", *, repeats=1, bootstrap=5):
    """A shipped recipe that trains in a second."""
    text = (ROOT / "models" / name / "recipe.toml").read_text(encoding="utf-8")
    text = re.sub(r"^repeats = .*", f"repeats = {repeats}", text, flags=re.MULTILINE)
    text = re.sub(r"^bootstrap = .*", f"bootstrap = {bootstrap}", text, flags=re.MULTILINE)
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(done, code, *parts):
    """The process ended with ``code`` and a message that holds every part; it printed nothing else and named nobody."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("riskml: ")
    assert "Traceback" not in done.stderr
    assert PATIENT_ID not in done.stderr
    missing = [part for part in parts if part not in done.stderr]
    assert not missing, f"{missing} not in: {done.stderr}"


def contents(folder):
    """Every file under a folder by its relative path, hidden ones included."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
