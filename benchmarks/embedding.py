"""What a shipped bundle costs a service that embeds it: ``python -m benchmarks.embedding``.

Each bundle in a process of its own: from nothing imported to an open bundle, the memory of that process, and the median
and 99th percentile of one prediction: explained and not (the first golden patient, who is complete), and with nothing
known. Times are of the processor, so that other work on the machine does not count.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.row import Row
from riskml.resources import folder

ROOT = Path(__file__).resolve().parents[1]
_MEASURED = """
import sys, time, resource
start = time.process_time()
import riskml
bundle = riskml.open_bundle(sys.argv[1])
opened = time.process_time() - start
kept = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
def timed(patient, explain):
    seconds = []
    for _ in range(int(sys.argv[2])):
        start = time.process_time()
        bundle.predict(patient, explain=explain)
        seconds.append(1e3 * (time.process_time() - start))
    seconds.sort()
    return f"{seconds[len(seconds) // 2]:6.1f} {seconds[int(0.99 * len(seconds))]:6.1f}"
known = bundle.golden[0]["patient"]
parts = (timed(known, True), timed(known, False), timed({}, False))
print(f"{1e3 * opened:8.0f} {kept:8.0f}   " + "   ".join(parts))
"""


def rows(*, quick: bool = False) -> list[Row]:
    """What each bundle takes, with what is printed."""
    return measure("30" if quick else "300")


def measure(runs: str) -> list[Row]:
    """Print one line a bundle."""
    found = []
    print("                          to open  process   explained       estimate        nothing known")
    print("                               ms      MiB   p50 ms  p99      p50 ms  p99     p50 ms  p99")
    for path in sorted(folder("models").glob("*/bundle")):
        command = [sys.executable, "-c", _MEASURED, str(path), runs]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        print(f"{path.parent.name:<24}", done.stdout.rstrip())
        opened, kept, median, *_ = map(float, done.stdout.split())
        kinds = (
            ("opened", opened, "ms"),
            ("open, its process", kept, "MiB"),
            ("one explained prediction", median, "ms"),
        )
        found += [Row("embedding", f"{path.parent.name}, {what}", value, None, unit) for what, value, unit in kinds]
    return found


def main() -> None:
    """Measure and print."""
    measure(sys.argv[1] if len(sys.argv) > 1 else "300")


if __name__ == "__main__":
    main()
