"""The 105 published patients as a cohort file: every count, rate and Kaplan-Meier value of the paper fits these rows.

Zhang N et al. Front Immunol 2025;16, doi 10.3389/fimmu.2025.1607138. Which patients there are follows from the printed
tables (the reconstruction is closed: strata, responses and events add up). Chosen here, because nothing printed depends
on it: assessment on day 28, last contact at 20 months, death in remission at 6 months, deaths of non-responders at 4
and 8 months.
"""

from __future__ import annotations

import csv
from pathlib import Path

ASSESSED_DAY = 28
LAST_CONTACT = 20.0
# (class at entry, status at first dose, marrow blasts % after, MRD % after, patients). Of the refractory eleven two
# keep blasts and one is in cytological remission with MRD of 0.03 %: no failure in print, a failure where MRD decides.
STRATA = (
    ("R/R", "R/R", "40", "35", 2),
    ("R/R", "R/R", "1", "0.03", 1),
    ("R/R", "R/R", "1", "<0.01", 8),
    ("R/R", "CR-MRDpos", "1", "0.2", 3),
    ("R/R", "CR-MRDpos", "1", "<0.01", 7),
    ("R/R", "CR-MRDneg", "1", "<0.01", 9),
    ("CR-MRDpos", "CR-MRDpos", "2", "0.5", 4),
    ("CR-MRDpos", "CR-MRDpos", "1", "<0.01", 26),
    ("CR-MRDneg", "CR-MRDneg", "1", "<0.01", 45),
)
COLUMNS = (
    *("patient_id", "cycle_index", "disease_class_initial", "disease_status_at_start"),
    *("bm_blasts_after_pct", "mrd_after_pct", "mrd_after_method", "response_day"),
    *("relapse_months", "second_cancer_months", "os_months", "os_event"),
)


def skeleton_rows() -> list[dict[str, str]]:
    """One row a patient, in the order of ``STRATA``."""
    rows = []
    for entry, status, blasts, mrd, patients in STRATA:
        for _ in range(patients):
            cells = (f"P{len(rows):03d}", "1", entry, status, blasts, mrd, "flow", str(ASSESSED_DAY))
            rows.append(dict(zip(COLUMNS, (*cells, "", "", str(LAST_CONTACT), "no"), strict=True)))
    # Relapses, printed "within one month" (twice), at nine and at 14 months: three R/R cleared of MRD, one CR-MRDpos.
    # The two early ones come a day after the assessment of day 28 (0.9199 months).
    for row, months in ((3, "0.95"), (4, "0.95"), (14, "9"), (40, "14")):
        rows[row]["relapse_months"] = months
    # Three deaths: two refractory children who did not respond, one child MRD-negative from the start, in remission.
    for row, months in ((0, "4"), (1, "8"), (60, "6")):
        rows[row] |= {"os_months": months, "os_event": "yes"}
    # S = 9/10 x 7/8: one of the ten with persisting MRD left between the two deaths.
    rows[30]["os_months"] = "5"
    return rows


def write_skeleton(path: Path) -> Path:
    """Write the cohort as a csv."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(skeleton_rows())
    return path
