"""What one prediction costs as a fresh process, in starts of Python: ``python -m benchmarks.predict_startup``.

Runs ``python -c pass`` and ``riskml predict`` on each shipped bundle in turn, so that whatever else the machine does
falls on all of them alike, and prints medians, quartiles and the ratio to an empty Python. Both go through the same
interpreter in the same environment; explanation included, output to a pipe. Byte code is compiled first, as ``make``
does.
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

RUNS = 15
ROOT = Path(__file__).resolve().parents[1]
BUNDLES = sorted((ROOT / "models").glob("*/bundle"))


def commands(folder: Path) -> dict[str, list[str]]:
    """What is run, by the name it is printed under; patients are written into ``folder``."""
    script = Path(sys.executable).with_name("riskml")
    riskml_command = [str(script)] if script.is_file() else [sys.executable, "-m", "riskml"]
    found = {"python -c pass": [sys.executable, "-c", "pass"]}
    for bundle in BUNDLES:
        golden = json.loads((bundle / "golden.json").read_text(encoding="utf-8"))
        complete = max(golden, key=lambda entry: len(entry["patient"]))["patient"]
        # Half of what is known, so that the missing inputs are averaged over and searched for what could change most.
        incomplete = dict(list(complete.items())[: len(complete) // 2])
        for what, patient in (("complete", complete), ("incomplete", incomplete)):
            path = folder / f"{bundle.parent.name}-{what}.json"
            path.write_text(json.dumps(patient), encoding="utf-8")
            name = f"predict {bundle.parent.name}, {what} ({len(patient)} inputs)"
            found[name] = [*riskml_command, "predict", str(bundle), str(path)]
    return found


def seconds(command: Sequence[str]) -> float:
    """Wall time of one process; a failure ends the benchmark."""
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    compileall.compile_dir(str(Path(riskml.__file__).parent), quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        todo = commands(Path(folder))
        for command in todo.values():  # once to warm the file cache
            seconds(command)
        times: dict[str, list[float]] = {name: [] for name in todo}
        for _ in range(RUNS):
            for name, command in todo.items():
                times[name].append(1000 * seconds(command))
    empty = statistics.median(times["python -c pass"])
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"Python {version}, {os.cpu_count()} processors, {RUNS} alternating runs; milliseconds")
    print(f"{'':<48} {'median':>7} {'quartiles':>15} {'ratio':>6}")
    for name, sample in times.items():
        low, middle, high = statistics.quantiles(sample, n=4)
        print(f"{name:<48} {middle:>7.1f} {f'{low:.1f} to {high:.1f}':>15} {middle / empty:>6.2f}")


if __name__ == "__main__":
    main()
