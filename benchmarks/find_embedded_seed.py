"""Find the seed of the embedded cohort, write it, and print how it compares with the published numbers.

Usage: ``python benchmarks/find_embedded_seed.py [first_seed]``. The quotas meet most published counts with every
seed; the search is for the joint ones (who the nine non-responders were) and for medians near the printed ones. It
takes the first seed that meets ``checks``, so the choice can be repeated and holds no other preference.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import pandas as pd

from riskml.cohort.draws import Streams
from riskml.cohort.people import LESIONS, Columns, draw_patients
from riskml.cohort.simulate import draw_courses, draw_follow_up, draw_response, draw_toxicity, simulate
from riskml.cohort.truth import Truth, load_truth
from riskml.resources import folder
from riskml.runtime.dictionary import load_dictionary

PATIENTS = 105
# zhang2025, tables 1 and 2 and text: median of responders, of non-responders; age in months, MRD in %, cells in 10^9/L.
MEDIANS = {
    "age": (72.5, 64.0),
    "mrd": (0.51, 0.98),
    "lymphocytes": (0.96, 0.19),
    "cd3": (0.71, 0.24),
    "cd4": (0.39, 0.11),
    "cd8": (0.36, 0.09),
    "cd19": (0.03, 0.001),
}
# Factors. The nine are few, and their published cell counts are less likely under the model: less is asked of them.
CLOSE = {"responders": 1.6, "non-responders": 3.0}
# Medians of the nine that are not asked for: 0.19 lymphocytes cannot hold 0.24 CD3+ cells; CD19 has its own rule below.
NOT_ASKED = {"lymphocytes", "cd19"}
CARRIERS = {
    "bcr_abl1": 12,
    "kmt2a_r": 11,
    "tcf3_hlf": 1,
    "etv6_runx1": 21,
    "tcf3_pbx1": 4,
    "znf384_r": 5,
    "pax5_r": 2,
}
IN_PRINT = {"age": 12.0, "mrd": 100.0}


def find_seed(first: int = 0, truth: Truth | None = None) -> int:
    """The first seed from ``first`` on whose 105 patients meet every published count and come close to the medians."""
    truth = truth or load_truth()
    return next(seed for seed in count(first) if all(checks(seed, truth)))


def checks(seed: int, truth: Truth) -> Iterator[bool]:
    """Cheapest first, so that most seeds cost a millisecond."""
    streams = Streams(seed)
    people = draw_patients(PATIENTS, streams, truth)
    people |= draw_response(people, streams, truth)
    yield published_non_responders(people)
    people |= draw_follow_up(people, streams, truth)
    yield published_events(people)
    courses = draw_courses(people, streams, truth)
    courses |= draw_toxicity(courses, streams, truth)
    yield published_icans(courses)
    yield published_as_read(simulate(PATIENTS, seed, truth).table)


def published_non_responders(people: Columns) -> bool:
    """Table 2 of zhang2025 and the skeleton: cytogenetics, class at entry and status of the nine."""
    failed = people["response"] == "no_response"
    entry, status = people["disease_class_initial"], people["disease_status_at_start"]
    lesions = {"bcr_abl1": 4, "kmt2a_r": 2, "tcf3_hlf": 1, "etv6_runx1": 0, "unlisted_poor": 0}
    return bool(
        failed.sum() == 9
        and all(people[name][failed].sum() == number for name, number in lesions.items())
        and (failed & (status == "R/R")).sum() == 2
        and (failed & (entry == "R/R")).sum() == 5
    )


def published_events(people: Columns) -> bool:
    """14 first events of the published kinds; 12-month EFS of 22/30, 26/30 and 44/45; three deaths, two of them R/R."""
    entry, kind = people["disease_class_initial"], people["efs_event"]
    early = (kind != "none") & (people["efs_time"] <= 12)
    by_class = {"R/R": 8, "CR-MRDpos": 4, "CR-MRDneg": 1}
    died = people["os_event"] == 1
    return bool(
        (kind == "relapse").sum() == 4
        and ((kind == "death") & (entry == "CR-MRDneg")).sum() == (kind == "death").sum() == 1
        and all((early & (entry == level)).sum() == number for level, number in by_class.items())
        and died.sum() == 3
        and (died & (entry == "R/R")).sum() == 2
    )


def published_icans(courses: Columns) -> bool:
    """Six courses of six patients: five MRD-negative at the start, four severe, median age near 160 months."""
    rows = courses["icans_grade"] > 0
    negative = courses["disease_status_at_start"] == "CR-MRDneg"
    return bool(
        rows.sum() == len(set(courses["patient_id"][rows])) == 6
        and (rows & negative).sum() == 5
        and (courses["icans_grade"][negative] >= 3).sum() == (courses["icans_grade"] >= 3).sum() == 4
        and 140 <= 12 * np.median(courses["age"][rows]) <= 180
    )


def published_as_read(table: pd.DataFrame) -> bool:
    """What a reader of the csv finds: every published carrier was tested, and the medians are near the printed ones."""
    frame = as_read(table)
    first = frame[frame["cycle_index"] == 1]
    near = [
        abs(np.log(found / printed)) <= np.log(CLOSE[group])
        for name, group, printed, found in median_rows(first)
        if not (name in NOT_ASKED and group == "non-responders")
    ]
    scarce = first.loc[first["response"] == "no_response", "cd19"].median() <= 0.005
    return all(first[name].sum() == number for name, number in CARRIERS.items()) and all(near) and bool(scarce)


def as_read(table: pd.DataFrame) -> pd.DataFrame:
    """The csv as the dictionary reads it: canonical units, values below a limit at the limit / sqrt(2)."""
    dictionary = load_dictionary()
    return pd.DataFrame(
        {name: [dictionary.read(dictionary[name], cell).value for cell in table[name]] for name in table}
    )


def median_rows(first: pd.DataFrame) -> Iterator[tuple[str, str, float, float]]:
    """Variable, group, printed median, median found; in the units of the paper."""
    for name, printed in MEDIANS.items():
        for group, level, value in zip(CLOSE, ("response", "no_response"), printed, strict=True):
            found = first.loc[first["response"] == level, name].astype(float).median()
            yield name, group, value, float(found) * IN_PRINT.get(name, 1.0)


def measured(frame: pd.DataFrame) -> dict[str, Any]:
    """The numbers of docs/synthetic_cohort.md from a frame of canonical values."""
    first = frame[frame["cycle_index"] == 1]
    able = first[first["response"] != "not_evaluable"]
    failed = able["response"] == "no_response"
    other = (able["kmt2a_r"] == 1) | (able["tcf3_hlf"] == 1)
    negative = frame["disease_status_at_start"] == "CR-MRDneg"
    icans = frame["icans_grade"] > 0
    rows: dict[str, Any] = {
        "patients / courses": f"{len(first)} / {len(frame)}",
        "no response / evaluable": f"{failed.sum()} / {len(able)}",
        "... Ph+": f"{(failed & (able['bcr_abl1'] == 1)).sum()} / {(able['bcr_abl1'] == 1).sum()}",
        "... other listed poor lesion": f"{(failed & other).sum()} / {other.sum()}",
        "ICANS / courses, MRD-negative": f"{(icans & negative).sum()} / {negative.sum()}",
        "ICANS / courses, positive": f"{(icans & ~negative).sum()} / {(~negative).sum()}",
        "ICANS grade 3-4": int((frame["icans_grade"] >= 3).sum()),
        "median age at ICANS, months": round(12 * frame.loc[icans, "age"].median(), 1),
        "boys": int((first["sex"] == "male").sum()),
        **{name: int(first[name].sum()) for name in LESIONS},
        **{f"first event: {kind}": int(number) for kind, number in first["efs_event"].value_counts().items()},
        **{
            f"events by 12 months, {level} at entry": _by_12(of) for level, of in first.groupby("disease_class_initial")
        },
        "deaths": int(first["os_event"].sum()),
        "follow-up of the event-free, median months": round(
            first.loc[first["efs_event"] == "none", "efs_time"].median(), 1
        ),
        "subset panel missing": f"{frame['cd3'].isna().mean():.0%}",
    }
    return rows | {f"median {name}, {group}": f"{found:.3g}" for name, group, _, found in median_rows(first)}


def _by_12(patients: pd.DataFrame) -> str:
    early = (patients["efs_event"] != "none") & (patients["efs_time"] <= 12)
    return f"{early.sum()} / {len(patients)}"


if __name__ == "__main__":
    seed = find_seed(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    cohort = simulate(PATIENTS, seed)
    path = folder("features") / "synthetic" / "cohort.csv"
    cohort.table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")
    print(f"seed {seed}")
    large = measured(simulate(100_000, 1).clean)
    for name, value in measured(as_read(cohort.table)).items():
        print(f"| {name} | {value} | {large.get(name, '')} |")
