"""Every side-by-side measurement behind README and docs, in one table: ``python -m benchmarks [--quick] [--only ...]``.

Each benchmark runs in a process of its own with a time limit; one that fails is named, the others go on, and the exit
code is 1 at the end. A full run writes ``benchmarks/RESULTS.md`` and the figures beside it; ``--quick`` (small sizes, a
few minutes) and ``--only`` print the table, and write it where ``--out FILE`` says. ``--list`` says what there is:
studies (coverage, choices of methods, load of hostile input) take hours and are commands of their own.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.row import Row

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
# What each sets side by side; each has a function rows(quick=...).
SIDE_BY_SIDE: Mapping[str, str] = {
    "predict_startup": "one prediction as a fresh process; an empty Python and a script with joblib, xgboost and shap",
    "embedding": "one prediction in a running process",
    "serve_load": "the HTTP service under open load",
    "read_speed": "reading and checking a large cohort; pandas merely reading it",
    "score_throughput": "scoring long tables; a fitted scikit-learn pipeline",
    "simulate_memory": "simulating a large cohort",
    "linear_learners": "linear learners; scikit-learn and scikit-survival under GridSearchCV",
    "survival_forest": "survival forests; scikit-survival's",
    "tree_explanations": "Shapley values of a forest; shap's explainers",
    "many_inputs": "Shapley values of linear members; the enumeration of all coalitions",
    "metrics_growth": "metrics; scikit-learn's and scikit-survival's",
    "growth": "fits of 1,000 to 1,000,000 rows",
    "bootstrap_refits": "200 refits of whole pipelines",
    "evaluation_time": "a whole evaluation; cross-validation and bootstrap by hand in scikit-learn",
    "cluster": "a training on a Dask cluster of this machine; on processes of joblib",
    "naive_gbsg2": "evaluation, training and explanation on GBSG2; a plain script (only in a full run)",
}
STUDIES: Mapping[str, str] = {
    "applicability": "whom the applicability checks call unlike the training patients",
    "background_fidelity": "how well few prototypes stand in for many patients",
    "bootstrap_optimism": "which estimate of performance is right",
    "bundle_mutants": "damaged and hostile bundles",
    "decision_band_coverage": "how often the band of net benefit holds the truth",
    "evaluation_coverage": "how often the intervals of an evaluation hold the true performance",
    "events_per_parameter": "how many events a coefficient needs",
    "fhir_mutants": "broken charts",
    "find_embedded_seed": "the search for the embedded cohort's seed",
    "group_scales": "whether lesions deserve a prior scale of their own",
    "induction_landmark": "counting induction failures at the landmark (needs the real cohort)",
    "interval_coverage": "how often a patient's interval holds the true probability",
    "learning_curve": "which power of n carries a learning curve on best",
    "literature_prior": "what a literature prior gains and costs",
    "missing_inputs": "which way to predict with unknown inputs predicts best",
    "monitoring": "how often monitoring cries wolf",
    "public_cohorts": "our learners beside the libraries' on public cohorts, by what they predict",
    "random_cohorts": "1,000 random small cohorts through an evaluation",
    "serve_fuzz": "the HTTP service against its own OpenAPI",
    "small_cohorts": "every model on small cohorts, against saying the same of everybody",
    "smooth_baseline": "survival from the smoothed baseline, where the truth is known",
    "tree_gate": "from how many events on trees pay",
    "unknown_inputs": "what becomes of trees when unknown inputs count as their mean",
    "updating_ladder": "whether the updating ladder chooses sensibly",
}
# Used by the others.
PARTS = frozenset(
    {"missing_cohorts", "missing_methods", "missing_ranges", "naive_predict", "public_models", "row", "usage"}
)
FIGURES = ("growth", "metrics_growth")
_LIMIT_SECONDS = {True: 120, False: 1500}
_MARK = "ROWS "
_VERSIONS = ("riskml", "numpy", "scipy", "pandas", "scikit-learn", "scikit-survival", "xgboost-cpu", "xgboost", "shap")


def run(name: str, *, quick: bool) -> list[Row]:
    """One benchmark in a process of its own; what it says goes to standard error.

    Raises
    ------
    RuntimeError
        If it fails or does not end in time; the message is one line.
    """
    command = [sys.executable, "-m", "benchmarks", "--one", name, *(["--quick"] if quick else [])]
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    try:
        limit = _LIMIT_SECONDS[quick]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=limit, check=False, env=environment)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"not finished after {limit} s") from None
    said, found, content = done.stdout.rpartition(_MARK)
    print(said if found else done.stdout, file=sys.stderr, end="", flush=True)
    if done.returncode or not found:
        raise RuntimeError(f"ended with exit code {done.returncode}")
    return [Row(*values) for values in json.loads(content)]


def one(name: str, *, quick: bool) -> None:
    """Run a benchmark here and print its rows where :func:`run` finds them."""
    found = importlib.import_module(f"benchmarks.{name}").rows(quick=quick)
    print(_MARK + json.dumps(found))


def machine() -> str:
    """Processor, cores and memory, without a name of this machine."""
    model = platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    memory = ""
    with suppress(OSError, ValueError):
        memory = f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"
    return f"{model}, {os.cpu_count()} cores{memory}, {platform.system()}"


def versions() -> str:
    """Python and the packages that count."""
    found = [f"Python {platform.python_version()}"]
    for name in _VERSIONS:
        with suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{name} {importlib.metadata.version(name)}")
    return ", ".join(found)


def number(value: float | None) -> str:
    """Three digits, as many as a measurement of time is good for."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")


def page(rows: Sequence[Row], failed: Mapping[str, str], *, quick: bool, load: float, minutes: float) -> str:
    """The table as Markdown; each benchmark's first row carries its name as an anchor."""
    today = dt.datetime.now(tz=dt.UTC).date()
    command = "python -m benchmarks" + (" --quick" if quick else "")
    lines = [
        "# Measured side by side",
        "",
        f"Written by `{command}` on {today.isoformat()} in {minutes:.0f} min; do not edit. Ratio: theirs over ours.",
        "",
        f"- machine: {machine()}; load average when it began {load:.1f}; one thread a process",
        f"- versions: {versions()}",
        "",
        "| benchmark | what, and beside it | ours | theirs | unit | ratio | command |",
        "|---|---|---|---|---|---|---|",
    ]
    seen: set[str] = set()
    for row in rows:
        anchor = "" if row.name in seen else f'<a id="{row.name}"></a>'
        seen.add(row.name)
        cells = (f"{anchor}{row.name}", row.what, number(row.ours), number(row.theirs), row.unit, number(row.ratio))
        lines.append(f"| {' | '.join(cells)} | `{row.command}` |")
    lines += ["", *(f"- **{name} did not finish**: {why}" for name, why in failed.items()), ""] if failed else [""]
    for name in FIGURES:
        if name in seen and not quick:
            lines += [f"![{SIDE_BY_SIDE[name]}, against the number of rows]({name}.svg)", ""]
    return "\n".join(lines)


def listing() -> str:
    """What there is, and by which command."""
    parts = [
        ("Side by side (python -m benchmarks runs them all):", SIDE_BY_SIDE),
        ("Studies, each by itself:", STUDIES),
    ]
    lines = []
    for title, names in parts:
        lines += [title, *(f"  python -m benchmarks.{name:<24} {what}" for name, what in names.items()), ""]
    return "\n".join(lines).rstrip()


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Every side-by-side measurement.")
    parser.add_argument("--quick", action="store_true", help="small sizes; a few minutes")
    parser.add_argument("--only", nargs="+", choices=list(SIDE_BY_SIDE), metavar="NAME", help="only these")
    parser.add_argument("--out", metavar="FILE", help="where the table goes (a full run: benchmarks/RESULTS.md)")
    parser.add_argument("--list", action="store_true", help="what there is, studies included")
    parser.add_argument("--one", choices=list(SIDE_BY_SIDE), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.list:
        print(listing())
        return 0
    if options.one:
        one(options.one, quick=options.quick)
        return 0
    began, load, rows, failed = time.monotonic(), os.getloadavg()[0], list[Row](), dict[str, str]()
    for name in options.only or SIDE_BY_SIDE:
        print(f"== {name}: {SIDE_BY_SIDE[name]}", file=sys.stderr, flush=True)
        try:
            rows += run(name, quick=options.quick)
        except RuntimeError as error:
            failed[name] = str(error)
            print(f"{name} did not finish: {error}", file=sys.stderr, flush=True)
    minutes = (time.monotonic() - began) / 60
    text = page(rows, failed, quick=options.quick, load=load, minutes=minutes)
    place = options.out or (None if options.quick or options.only else RESULTS)
    if place is None:
        print(text)
    else:
        Path(place).write_text(text, encoding="utf-8")
        print(place)
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
