"""Bundles -> one offline HTML file: summary first, then the cohort, each model, examples, limitations and methods.

Everything in it comes from the bundles' manifests and from predictions for their invented patients; nothing is
estimated here and no patient of a cohort is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from riskml.reporting import performance
from riskml.reporting.cohort import CohortSummary
from riskml.reporting.methods import methods
from riskml.reporting.page import render
from riskml.reporting.sections import learned_from, model_section, unit_of
from riskml.runtime.bundle import Bundle
from riskml.runtime.files import write_whole


def write_report(
    path: str | Path, *, cohort: CohortSummary, bundles: Sequence[Bundle], command: str | None = None
) -> Path:
    """Write the report; an interrupted run leaves an older report whole.

    Parameters
    ----------
    path : str or Path
        The HTML file. It needs no other file, no script and no network.
    cohort : CohortSummary
    bundles : sequence of Bundle
        One or more, in the order in which they are shown.
    command : str, optional
        What was typed to get here, for the record.

    Returns
    -------
    Path
        Where the report is. The same arguments give the same bytes.

    Raises
    ------
    ValueError
        If there is no bundle.
    UsageError
        If the file cannot be written.
    """
    return write_whole(path, render_report(cohort=cohort, bundles=bundles, command=command))


def render_report(*, cohort: CohortSummary, bundles: Sequence[Bundle], command: str | None = None) -> str:
    """The report as text; arguments as for :func:`write_report`."""
    if not bundles:
        raise ValueError("a report needs at least one bundle, got none")
    written, references = methods(bundles)
    return render(
        "report.html.j2",
        synthetic=cohort.synthetic or any(b.manifest["synthetic"] for b in bundles),
        cohort=cohort,
        gaps=cohort.gaps,
        complete=cohort.complete,
        summaries=[_summary(bundle) for bundle in bundles],
        models=[model_section(bundle, f"model-{n}") for n, bundle in enumerate(bundles, start=1)],
        records=[_record(bundle) for bundle in bundles],
        methods=written,
        references=references,
        command=command,
    )


def _summary(bundle: Bundle) -> dict[str, Any]:
    """One model in a few sentences, and its row of the table of all models."""
    manifest = bundle.manifest
    evaluation, usable = manifest["evaluation"], manifest["usable_signal"]
    row = [manifest["label"], learned_from(manifest)]
    if evaluation is None:
        row += ["not evaluated"] * 3
        sentences = [f"{manifest['verdict'].capitalize()}."]
    else:
        sentences = performance.in_words(evaluation, unit_of(manifest))
        row += performance.at_a_glance(evaluation)
    status = "not evaluated" if evaluation is None else "signal seen" if usable else "no usable signal"
    return {
        "label": manifest["label"],
        "synthetic": manifest["synthetic"],
        "learned_from": learned_from(manifest),
        "usable": usable,
        "status": status if usable or evaluation is None else f"{status}: {manifest['verdict']}",
        "sentences": sentences,
        "row": [*row, status],
    }


def _record(bundle: Bundle) -> list[str]:
    """What pins a model down: version, seed, digests, libraries."""
    manifest = bundle.manifest
    training, evaluation = manifest["training"], manifest["evaluation"]
    return [
        f"{manifest['name']} {manifest['version']}",
        f"{training['seed']}",
        bundle.digest,
        f"sha256:{training['cohort_sha256']}",
        evaluation["plan"]["digest"] if evaluation else "–",
        ", ".join(f"{name} {version}" for name, version in manifest["versions"].items()),
    ]
