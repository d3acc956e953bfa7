"""Time and peak memory of `riskml simulate`, measured from outside: the command runs as a process of its own.

    python -m benchmarks.simulate_memory --patients 1000000

Prints seconds, peak resident memory and the size of the file; ends with 1 above `--most` GiB.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.row import Row


def measure(patients: int, suffix: str = ".csv") -> tuple[float, float, float]:
    """Seconds, peak memory in GiB and size of the file in MB of one run."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / f"cohort{suffix}"
        command = [sys.executable, "-m", "riskml", "simulate", "--patients", str(patients), "--out", str(out)]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        # Kilobytes on Linux, bytes on macOS.
        unit = 2**30 if sys.platform == "darwin" else 2**20
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit
        return seconds, peak, out.stat().st_size / 1e6


def rows(*, quick: bool = False) -> list[Row]:
    """Time and memory of a large cohort."""
    patients = 20_000 if quick else 1_000_000
    seconds, peak, _ = measure(patients)
    kinds = ((seconds, "s"), (peak, "GiB"))
    return [Row("simulate_memory", f"{patients:,} patients as csv", value, None, unit) for value, unit in kinds]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--patients", type=int, default=1_000_000)
    parser.add_argument("--suffix", choices=(".csv", ".parquet"), default=".csv")
    parser.add_argument("--most", type=float, default=2.0, metavar="GIB", help="peak memory allowed (default: 2)")
    args = parser.parse_args()
    seconds, peak, size = measure(args.patients, args.suffix)
    print(f"{args.patients:,} patients as {args.suffix}: {seconds:.0f} s, peak {peak:.2f} GiB, file {size:.0f} MB")
    return int(peak > args.most)


if __name__ == "__main__":
    sys.exit(main())
