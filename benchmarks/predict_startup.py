"""What one prediction costs as a fresh process: ``python -m benchmarks.predict_startup``.

Runs ``python -c pass``, ``import riskml`` and ``riskml predict`` on each shipped bundle in turn, so that whatever else
the machine does falls on all of them alike, and beside them what a user would write: a script that loads a fitted
pipeline (joblib), predicts with XGBoost and gives shap's waterfall values. Prints medians, quartiles, the ratio to an
empty Python and the peak memory. All go through the same interpreter in the same environment; explanation included,
output to a pipe. Byte code is compiled first, as ``make`` does.
"""

from __future__ import annotations

import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import riskml
from benchmarks.row import Row

RUNS = 15
# The naive script takes seconds; as often as the others would be minutes.
NAIVE_RUNS = 3
_EMPTY, _SCRIPT = "python -c pass", "naive script: joblib, xgboost, shap"
ROOT = Path(__file__).resolve().parents[1]
BUNDLES = sorted((ROOT / "models").glob("*/bundle"))


def commands(home: Path) -> dict[str, list[str]]:
    """What is run, by the name it is printed under; patients are written into ``home``."""
    script = Path(sys.executable).with_name("riskml")
    riskml_command = [str(script)] if script.is_file() else [sys.executable, "-m", "riskml"]
    found = {
        _EMPTY: [sys.executable, "-c", "pass"],
        "import riskml": [sys.executable, "-c", "import riskml"],
    }
    for bundle in BUNDLES:
        golden = json.loads((bundle / "golden.json").read_text(encoding="utf-8"))
        complete = max(golden, key=lambda entry: len(entry["patient"]))["patient"]
        # Half of what is known, so that the missing inputs are averaged over and searched for what could change most.
        incomplete = dict(list(complete.items())[: len(complete) // 2])
        for what, patient in (("complete", complete), ("incomplete", incomplete)):
            path = home / f"{bundle.parent.name}-{what}.json"
            path.write_text(json.dumps(patient), encoding="utf-8")
            name = f"predict {bundle.parent.name}, {what} ({len(patient)} inputs)"
            found[name] = [*riskml_command, "predict", str(bundle), str(path)]
    return found


def naive(home: Path) -> list[str]:
    """The script a user would write; fitted in a process of its own, so that its libraries are not in this one."""
    subprocess.run([sys.executable, "-m", "benchmarks.naive_predict", str(home)], cwd=ROOT, check=True)
    return [sys.executable, str(home / "naive.py"), str(home / "pipeline.joblib")]


def cost(command: Sequence[str]) -> tuple[float, float]:
    """Wall milliseconds and peak MiB of one process; a failure ends the benchmark.

    A process starts with the peak of the one that made it, so this one has to stay small.
    """
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    taken = 1000 * (time.perf_counter() - start)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes on macOS, kilobytes on Linux
    return taken, used.ru_maxrss / unit


def measure(runs: int, naive_runs: int) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds and MiB of every run, by what was run."""
    compileall.compile_dir(str(Path(riskml.__file__).parent), quiet=1)
    with tempfile.TemporaryDirectory() as name:
        todo = commands(Path(name))
        slow = naive(Path(name))
        for command in [*todo.values(), slow]:  # once to warm the file cache
            cost(command)
        costs: dict[str, list[tuple[float, float]]] = {name: [] for name in todo}
        for _ in range(runs):
            for what, command in todo.items():
                costs[what].append(cost(command))
        costs[_SCRIPT] = [cost(slow) for _ in range(naive_runs)]
    return costs


def rows(*, quick: bool = False) -> list[Row]:
    """Each complete patient beside an empty Python and beside the script."""
    costs = measure(5, 1) if quick else measure(RUNS, NAIVE_RUNS)
    middle = {what: statistics.median(taken for taken, _ in sample) for what, sample in costs.items()}
    found = [Row("predict_startup", "import riskml; an empty Python", middle["import riskml"], middle[_EMPTY], "ms")]
    for what in (what for what in costs if ", complete" in what):
        found.append(Row("predict_startup", f"riskml {what}; the script", middle[what], middle[_SCRIPT], "ms"))
        found.append(Row("predict_startup", f"riskml {what}; an empty Python", middle[what], middle[_EMPTY], "ms"))
    peaks = {what: max(memory for _, memory in sample) for what, sample in costs.items()}
    largest = max(peak for what, peak in peaks.items() if what.startswith("predict"))
    return [*found, Row("predict_startup", "peak memory of riskml predict; the script", largest, peaks[_SCRIPT], "MiB")]


def main() -> None:
    """Measure and print."""
    costs = measure(RUNS, NAIVE_RUNS)
    empty = statistics.median(taken for taken, _ in costs[_EMPTY])
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"Python {version}, {os.cpu_count()} processors, {RUNS} alternating runs; milliseconds, MiB")
    print(f"{'':<52} {'median':>7} {'quartiles':>17} {'ratio':>7} {'MiB':>6}")
    for what, sample in costs.items():
        low, middle, high = statistics.quantiles([taken for taken, _ in sample], n=4, method="inclusive")
        peak = max(memory for _, memory in sample)
        print(f"{what:<52} {middle:>7.1f} {f'{low:.1f} to {high:.1f}':>17} {middle / empty:>7.2f} {peak:>6.1f}")


if __name__ == "__main__":
    main()
