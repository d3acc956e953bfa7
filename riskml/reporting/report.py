"""Bundles -> one offline HTML file: summary first, then the cohort, each model, examples, limitations and methods.

Everything in it comes from the bundles' manifests and from predictions for their invented patients; nothing is
estimated here and no patient of a cohort is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from riskml.cohort.cohort import Cohort
from riskml.reporting import words
from riskml.reporting.sections import learned_from, model_section, unit_of
from riskml.runtime.bundle import Bundle
from riskml.runtime.card import RESEARCH, SYNTHETIC
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.files import write_whole
from riskml.runtime.small_cells import count

_TEMPLATES = Path(__file__).with_name("templates")
_COMPARATORS = {
    "prevalence": "giving everybody the cohort's average",
    "Kaplan-Meier": "giving everybody the Kaplan-Meier estimate",
    "Aalen-Johansen": "giving everybody the Aalen-Johansen estimate",
}
_NUMBER_AND_PERCENT = re.compile(r"(?<=\d) %")


@dataclass(frozen=True, slots=True)
class CohortSummary:
    """What the report says about the data; holds no patient.

    Attributes
    ----------
    name : str
        Name of the file.
    synthetic : bool
    lines : tuple of str
        Facts to print as they are.
    missing : mapping of label to share
        Share of courses without a value, in [0, 1].
    notes : tuple of str
        What a reader of results should know about the file.
    n_courses : int or None
        If known, shares that stand for one to four courses are blurred.
    """

    name: str
    synthetic: bool
    lines: tuple[str, ...]
    missing: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    n_courses: int | None = None

    @classmethod
    def of(cls, cohort: Cohort) -> CohortSummary:
        """Summarise a cohort by its size, its origin and its gaps."""
        dictionary = load_dictionary()
        stored = [n for n in cohort.frame.columns if n in dictionary.variables]  # others are derived
        columns = [n for n in stored if dictionary[n].kind != "identifier" and n != "data_origin"]
        n_centres = cohort.frame["centre"].nunique() if "centre" in cohort.frame else 0
        centres = f", {n_centres} centre{'s' if n_centres > 1 else ''}" if n_centres else ""
        lines = [
            f"{count(cohort.n_courses)} courses of {count(cohort.n_patients)} patients{centres}",
            *([f"Source: {cohort.map_source}"] if cohort.map_source else []),
            f"File {cohort.name}, SHA-256 {cohort.sha256}",
        ]
        return cls(
            name=cohort.name,
            synthetic=cohort.synthetic,
            lines=tuple(lines),
            missing={dictionary[n].label: float(cohort.frame[n].isna().mean()) for n in columns},
            notes=tuple(words.cohort_note(note.code, note.message, dictionary) for note in cohort.notes),
            n_courses=cohort.n_courses,
        )


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
    loader = FileSystemLoader(_TEMPLATES)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    html = environment.get_template("report.html.j2").render(
        cohort=cohort,
        gaps=_gaps(cohort),
        complete=[label for label, share in cohort.missing.items() if share == 0],
        synthetic=SYNTHETIC if cohort.synthetic or any(b.manifest["synthetic"] for b in bundles) else "",
        research=RESEARCH,
        summaries=[_summary(bundle) for bundle in bundles],
        models=[model_section(bundle, f"model-{n}") for n, bundle in enumerate(bundles, start=1)],
        records=[_record(bundle) for bundle in bundles],
        folds=_resampling(bundles),
        command=command,
    )
    # A number and its percent sign stay on one line.
    return _NUMBER_AND_PERCENT.sub("\N{NO-BREAK SPACE}%", html)


def _gaps(cohort: CohortSummary) -> list[list[str]]:
    """Variables with missing values, the emptiest first."""
    ordered = sorted(cohort.missing.items(), key=lambda item: -item[1])
    return [[label, words.missing_share(share, cohort.n_courses)] for label, share in ordered if share]


def _summary(bundle: Bundle) -> dict[str, Any]:
    """One model in a few sentences, and its row of the table of all models."""
    manifest = bundle.manifest
    evaluation, usable = manifest["evaluation"], manifest["usable_signal"]
    row = [manifest["label"], learned_from(manifest)]
    if evaluation is None:
        row += ["not evaluated"] * 3
        sentences = [f"{manifest['verdict'].capitalize()}."]
    else:
        metrics, survival = evaluation["metrics"], evaluation["kind"] != "binary"
        rank, saved = ("c_index", "ipa") if survival else ("auc", "scaled_brier")
        comparator = evaluation["comparator"]["name"]
        sentences = [
            words.ranking(metrics[rank], survival=survival, unit=unit_of(manifest)),
            words.gain(metrics[saved], _COMPARATORS.get(comparator, comparator)),
            words.calibration(metrics),
        ]
        row += [
            f"{'C' if survival else 'AUC'} {words.with_interval(metrics[rank])}",
            words.with_interval(metrics[saved], 0, scale=100, unit=" %"),
            words.with_interval(metrics["observed_expected"]),
        ]
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


def _resampling(bundles: Sequence[Bundle]) -> str:
    """How performance was estimated, as the manifests tell it."""
    plans = [bundle.manifest["evaluation"]["plan"] for bundle in bundles if bundle.manifest["evaluation"]]
    kinds = dict.fromkeys(f"{plan['repeats']} repeats of {plan['folds']}-fold" for plan in plans)
    return " or ".join(kinds) or "no"
