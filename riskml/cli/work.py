"""What ``train`` and ``demo`` share: evaluate, train, save and report a list of recipes."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskml.cli.progress import progress_on, say
from riskml.cli.reading import Job, read_jobs

if TYPE_CHECKING:
    from riskml.runtime.bundle import Bundle
    from riskml.training.describe.table import Table
    from riskml.training.fit import TrainingSet


UNFINISHED = ".unfinished"
# Parts of an evaluation that say in words what they found.
_SAID = ("decision_curve", "d_calibration", "centres", "temporal", "bootstrap", "stability", "learning_curve")


def plan_jobs(
    path: str,
    models: Sequence[str],
    columns: str | None,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    evaluate: bool = True,
    force_horizon: bool = False,
) -> list[Job]:
    """`read_jobs`, and see that each can be trained and judged before any is, so that a mistake costs seconds."""
    from riskml.training.evaluate import check_can_be_judged
    from riskml.training.fit import training_set

    jobs = read_jobs(path, models, columns, sheet=sheet, encoding=encoding)
    if force_horizon:
        jobs = [replace(job, recipe=replace(job.recipe, force_horizon=True)) for job in jobs]
    for job in jobs:
        rows = training_set(job.recipe, job.cohort)
        if evaluate:
            check_can_be_judged(job.recipe, rows)
    return jobs


def run_jobs(
    jobs: Sequence[Job],
    out: Path,
    *,
    workers: int,
    seed: int,
    evaluate: bool = True,
    command: str = "",
    scheduler: str | None = None,
) -> list[Bundle]:
    """Train each job into ``out/<name>/`` and write ``out/report.html``; prints one line a model.

    What is finished is kept in ``out/.unfinished/`` until all is, so that an interrupted run goes on where it was.
    """
    from riskml.reporting.cohort import CohortSummary
    from riskml.reporting.report import write_report
    from riskml.reporting.tripod import tripod_ai
    from riskml.runtime.files import write_whole
    from riskml.training.fit import training_set
    from riskml.training.foreign import Foreign, train_foreign
    from riskml.training.learners.outside import is_outside
    from riskml.training.tasks import store_for
    from riskml.training.train import train
    from riskml.training.workers import workers as on_workers

    with on_workers(scheduler):  # a cluster that cannot be used leaves no empty folders
        _prepare(out, jobs)
    # They stay until all models are whole: a run that is repeated then goes through the first ones in no time.
    rows = [training_set(job.recipe, job.cohort) for job in jobs]
    stores = [store_for(out / UNFINISHED, job.recipe, own, seed) for job, own in zip(jobs, rows, strict=True)]
    bundles = []
    for job, own, store in zip(jobs, rows, stores, strict=True):
        with on_workers(scheduler, partitioned=grow_in_parts([own])), progress_on(sys.stderr, say) as progress:
            outside = is_outside(job.recipe.learner)
            result = (train_foreign if outside else train)(
                job.recipe,
                job.cohort,
                evaluation=None if evaluate else False,
                seed=seed,
                jobs=workers,
                progress=progress,
                store=store,
            )
        home = out / job.recipe.name
        home.mkdir(parents=True, exist_ok=True)
        if isinstance(result, Foreign):
            bundle = result.shown
            for name, content in result.files.items():
                write_whole(home / name, content)
        else:
            bundle = result
            bundle.save(home / "bundle")
        if bundle.manifest["evaluation"] is not None:
            write_whole(home / "evaluation.json", json.dumps(bundle.manifest["evaluation"], indent=1) + "\n")
        if bundle.model.members:  # an estimator that has no portable form is described by its own page
            write_sheet(tripod_ai(bundle), home)
        _write_nomogram(bundle, home)
        bundles.append(bundle)
    report = write_report(
        out / "report.html", cohort=CohortSummary.of(jobs[0].cohort), bundles=bundles, command=command
    )
    say(f"report: {report}")
    for store in stores:
        store.remove()
    return bundles


def grow_in_parts(rows: Iterable[TrainingSet]) -> bool:
    """Whether a learner of these rows asks for them to be spread over a cluster: see ``partition_rows``."""
    return any(
        "partition_rows" in part.settings and len(own.event) > part.settings["partition_rows"]
        for own in rows
        for part in own.parts
    )


def write_sheet(sheet: Table, home: Path) -> None:
    """A TRIPOD+AI sheet, for a spreadsheet and to be pasted into a manuscript."""
    from riskml.reporting.tables import as_csv, as_fragment
    from riskml.runtime.files import write_whole

    write_whole(home / f"{sheet.name}.csv", as_csv(sheet))
    write_whole(home / f"{sheet.name}.html", as_fragment(sheet))


def _write_nomogram(bundle: Bundle, home: Path) -> None:
    """The model on paper, where it has such a form; one of an earlier model must not stay beside this one."""
    from riskml.reporting.presentation import nomogram_file
    from riskml.runtime.files import write_whole

    place, drawing = home / "nomogram.svg", nomogram_file(bundle)
    if drawing is None:
        place.unlink(missing_ok=True)
    else:
        write_whole(place, drawing)


def _prepare(out: Path, jobs: Sequence[Job]) -> None:
    """Make the folders now: that they cannot be written should not come out after minutes of training."""
    from riskml.errors import UsageError
    from riskml.runtime.bundle import ESTIMATOR, check_place
    from riskml.training.learners.outside import is_outside

    make_folders(out, [job.recipe.name for job in jobs])
    for job in jobs:
        home = out / job.recipe.name
        check_place(home / "bundle")
        # Whoever then asks the folder for a prediction must not get it from the model of another day.
        other = home / ("bundle" if is_outside(job.recipe.learner) else ESTIMATOR)
        if other.exists():
            raise UsageError(f"{other} is of an earlier training: take it away, or choose another place")


def make_folders(out: Path, names: Iterable[str] = ()) -> None:
    """Make a folder and those in it before the work: that it cannot be written should not come out after minutes."""
    from riskml.errors import UsageError

    try:
        for home in (out, *(out / name for name in names)):
            home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write into {str(out)!r}: {error.strerror}") from None


def summary_lines(bundles: Sequence[Bundle]) -> list[str]:
    """One line a model: what was learned and how well it did in honest cross-validation."""
    lines = []
    for bundle in bundles:
        m, training = bundle.manifest, bundle.manifest["training"]
        courses = "" if training["n_rows"] == training["n_patients"] else f" ({training['n_rows']} courses)"
        size = f"{training['n_patients']} patients{courses}, {training['n_events']} events"
        lines.append(f"{m['name']}: {m['label']} - {size}")
        if m["evaluation"] is not None:
            lines += measure_lines(m["evaluation"])
        useless = "" if m["usable_signal"] or m["evaluation"] is None else "no usable signal; "
        lines.append(f"  verdict: {useless}{m['verdict']}")
    return lines


def measure_lines(evaluation: Mapping[str, Any]) -> list[str]:
    """One line a measure."""
    from riskml.runtime.card_words import interval_text

    return [f"  {name:<21} {interval_text(metric)}" for name, metric in evaluation["metrics"].items()]


def evaluation_lines(evaluation: Mapping[str, Any]) -> list[str]:
    """One recipe's honest performance, and what else was found, for a terminal."""
    size = f"{evaluation['n_patients']} patients, {evaluation['n_events']} events"
    from riskml.runtime.card_words import interval_text

    lines = [f"{evaluation['model']}: {size}", *measure_lines(evaluation)]
    for against in dict.fromkeys(row["against"] for row in evaluation.get("differences", ())):
        lines.append(f"  less {against}, on the same patients:")
        rows = [row for row in evaluation["differences"] if row["against"] == against]
        lines += [f"    {row['measure']:<19} {interval_text(row)}" for row in rows]
    for name in _SAID:
        words = (evaluation.get(name) or {}).get("words")
        lines += (
            textwrap.wrap(f"{name.replace('_', ' ')}: {words}", 78, initial_indent="  ", subsequent_indent="    ")
            if words
            else []
        )
    lines.append(f"  verdict: {'' if evaluation['usable_signal'] else 'no usable signal; '}{evaluation['verdict']}")
    return lines
