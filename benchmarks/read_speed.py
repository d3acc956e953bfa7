"""Reading, parsing and checking a large cohort beside pandas merely reading it: ``python -m benchmarks.read_speed``.

Writes 1,000,000 courses x 40 columns (the simulator's rows, repeated under new patient numbers, with measurements of
many different values added), then reads the file in turn with ``pandas.read_csv(dtype=str)``, with
``riskml.read_cohort``, and with it and every check of ``riskml check``, each in its own process, and prints wall time
and the highest memory of each. The targets, for reading, parsing and checking: at most 3 times pandas, under 4 GiB.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Collection
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.row import Row
from riskml.cohort.simulate import simulate
from riskml.runtime.dictionary import load_dictionary

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = 40
RUNS = 3
_TIMED = "import resource, sys, time; start = time.perf_counter(); {work}; print(time.perf_counter() - start, {peak})"
_PEAK = "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20"
WORK = {
    "pandas.read_csv(dtype=str)": "import pandas; pandas.read_csv(sys.argv[1], dtype=str, keep_default_na=False)",
    "riskml.read_cohort": "import riskml; riskml.read_cohort(sys.argv[1])",
    "riskml.read_cohort + run_checks": "import riskml; from riskml.cohort.checks.run import run_checks; "
    "run_checks(riskml.read_cohort(sys.argv[1]), landmark='first_dose', outcome=None)",
}
MOST_TIMES, MOST_GIB = 3.0, 4.0


def write_cohort(path: Path, courses: int) -> tuple[int, int]:
    """Write ``courses`` rows; returns the shape."""
    base = simulate(min(courses, 20_000), 1).table
    repeats = -(-courses // len(base))
    rng = np.random.default_rng(1)
    fine = _fine_columns(base.columns, COLUMNS - base.shape[1])
    for block in range(repeats):
        part = base.copy()
        part["patient_id"] = part["patient_id"] + f"-{block}"
        if block == repeats - 1:
            part = part.iloc[: courses - block * len(base)]
        for name, (low, high) in fine.items():
            part[name] = [f"{value:.6f}" for value in rng.uniform(low, high, len(part))]
        part.to_csv(path, mode="a", header=block == 0, index=False, lineterminator="\n", encoding="utf-8")
    return courses, part.shape[1]


def _fine_columns(present: Collection[str], wanted: int) -> dict[str, tuple[float, float]]:
    """Measurements the simulator does not write, with their ranges: distinct in every row."""
    free = (v for v in load_dictionary().variables.values() if v.kind == "number" and v.name not in present)
    ranges = ((v.name, (max(v.soft[0], 1e-6), min(v.soft[1], 1e6))) for v in free if v.hard[1] > 1)
    return dict(islice(ranges, wanted))


def measure(work: str, path: Path) -> tuple[float, float]:
    """Seconds and GiB of one process."""
    command = [sys.executable, "-c", _TIMED.format(work=work, peak=_PEAK), str(path)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak)


def rows(*, quick: bool = False) -> list[Row]:
    """Reading and checking beside pandas, with what is printed."""
    courses = 50_000 if quick else 1_000_000
    times, peaks = compare(courses)
    plain, *others = WORK
    shape = f"{courses:,} courses x {COLUMNS} columns"
    return [
        Row("read_speed", f"{name}, {shape}; {plain}", found[name], found[plain], unit)
        for found, unit in ((times, "s"), (peaks, "GiB"))
        for name in others
    ]


def compare(courses: int) -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds and highest GiB of each way; prints them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        shape = write_cohort(path, courses)
        size = path.stat().st_size / 2**20
        print(f"{shape[0]:,} courses x {shape[1]} columns, {size:.0f} MiB; {os.cpu_count()} processors")
        results: dict[str, list[tuple[float, float]]] = {name: [] for name in WORK}
        for _ in range(RUNS):
            for name, work in WORK.items():
                results[name].append(measure(work, path))
    times = {name: statistics.median(seconds for seconds, _ in found) for name, found in results.items()}
    reference = times["pandas.read_csv(dtype=str)"]
    peaks = {name: max(gib for _, gib in found) for name, found in results.items()}
    for name, peak in peaks.items():
        print(f"{name:<31} {times[name]:6.1f} s  {peak:5.2f} GiB  {times[name] / reference:4.2f} x pandas")
    kept = times[name] <= MOST_TIMES * reference and peak <= MOST_GIB
    print(f"target ({MOST_TIMES:g} x pandas, {MOST_GIB:g} GiB): {'kept' if kept else 'MISSED'}")
    return times, peaks


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Reading speed beside pandas.")
    parser.add_argument("--courses", type=int, default=1_000_000)
    compare(parser.parse_args().courses)


if __name__ == "__main__":
    main()
