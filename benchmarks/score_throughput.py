"""``riskml score`` on long tables, beside a fitted scikit-learn pipeline: ``python -m benchmarks.score_throughput``.

Writes tables of the inputs of ``models/non_response`` (a linear model): invented patients, every number different, one
CD19 in ten unknown. Each way is a process of its own from the file to the file, with the highest memory it held:
``riskml score``, which checks every cell, against ``pandas.read_csv``, ``predict_proba`` of a fitted pipeline with
imputation and ``to_csv``, which believes what it reads. ``--quick`` takes a tenth of the rows.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from benchmarks.row import Row
from riskml.resources import folder

ROOT = Path(__file__).resolve().parents[1]
_PEAK = "print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10)"
_RISKML = f"""
import resource, sys, time
start = time.perf_counter()
from riskml.cli.main import main
sys.stdout, shown = open("/dev/null", "w"), sys.stdout
assert main(["score", {str(folder("models") / "non_response" / "bundle")!r}, sys.argv[1], "--out", sys.argv[2]]) == 0
sys.stdout = shown
{_PEAK}
"""
_PIPELINE = f"""
import resource, sys, time, pickle
start = time.perf_counter()
import pandas
with open(sys.argv[3], "rb") as file:
    model = pickle.load(file)
table = pandas.read_csv(sys.argv[1])
pandas.DataFrame({{"risk": model.predict_proba(table)[:, 1]}}).to_csv(sys.argv[2], index=False)
{_PEAK}
"""
_FIT = """
import pickle, sys
import numpy, pandas
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
table = pandas.read_csv(sys.argv[1], nrows=2000)
numbers = make_pipeline(SimpleImputer(strategy="median"), FunctionTransformer(numpy.log10), StandardScaler())
columns = make_column_transformer(
    (OneHotEncoder(drop="if_binary"), ["bcr_abl1", "kmt2a_r", "tcf3_hlf"]), (numbers, ["mrd (%)", "cd19", "cd3"]))
y = (table["mrd (%)"] + 20 * (table["bcr_abl1"] == "present")) > 15
with open(sys.argv[2], "wb") as file:
    pickle.dump(make_pipeline(columns, LogisticRegression()).fit(table, y), file)
"""


def write_patients(path: Path, rows: int) -> None:
    """Invented patients, as csv or Parquet by the ending; a block at a time."""
    rng, writer = np.random.default_rng(1), None
    for first in range(0, rows, 250_000):
        n = min(250_000, rows - first)
        number = {name: 10 ** rng.uniform(low, high, n) for name, low, high in _RANGES}
        number["cd19"][rng.random(n) < 0.1] = np.nan
        lesions = {name: rng.choice(["absent", "present"], n, p=[0.9, 0.1]) for name in _LESIONS}
        people = [f"P{k:09d}" for k in range(first, first + n)]
        table = pd.DataFrame({"patient_id": people, **lesions, **{name: x.round(4) for name, x in number.items()}})
        if path.suffix == ".csv":
            table.to_csv(path, mode="a", header=first == 0, index=False, lineterminator="\n")
        else:
            arrow = pa.Table.from_pandas(table, preserve_index=False)
            writer = writer or pyarrow.parquet.ParquetWriter(path, arrow.schema)
            writer.write_table(arrow)
    if writer is not None:
        writer.close()


_RANGES = (("mrd (%)", -1.9, 1.9), ("cd19", -2, 0.5), ("cd3", -1, 0.5))
_LESIONS = ("bcr_abl1", "kmt2a_r", "tcf3_hlf")


def measure(code: str, *words: Path) -> tuple[float, float]:
    """Seconds and highest MiB of one process."""
    command = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    seconds, mib = map(float, done.stdout.split())
    return seconds, mib


def rows(*, quick: bool = False) -> list[Row]:
    """Every size and both forms of files, with what is printed."""
    few, found = 100_000 if quick else 1_000_000, []
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for suffix, n in ((".csv", few), (".parquet", few), (".csv", 4 * few)):
            path = home / f"patients{n}{suffix}"
            write_patients(path, n)
            out = home / f"scores{suffix}"
            ours, theirs = measure(_RISKML, path, out), None
            if suffix == ".csv":
                subprocess.run([sys.executable, "-c", _FIT, path, home / "fitted"], check=True)
                theirs = measure(_PIPELINE, path, out, home / "fitted")
            for who, used in (("riskml score", ours), ("pipeline", theirs)):
                if used is not None:
                    print(f"{who:<12} {n:>9,} rows of {suffix[1:]:<8}{used[0]:8.1f} s {used[1]:8.0f} MiB", flush=True)
            what = f"{n:,} rows of {suffix[1:]}, file to file" + ("; scikit-learn pipeline" if theirs else "")
            for place, unit in enumerate(("s", "MiB")):
                found.append(Row("score_throughput", what, ours[place], theirs and theirs[place], unit))
            path.unlink()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Scoring long tables.")
    parser.add_argument("--quick", action="store_true")
    rows(quick=parser.parse_args().quick)


if __name__ == "__main__":
    main()
