"""Aggregates of a cohort's explanation -> one offline HTML file: which inputs move the estimates, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from riskml.reporting import effects
from riskml.reporting.cohort import CohortSummary, about_cohort
from riskml.reporting.page import Box, Section, record, render_sections
from riskml.reporting.parts import part

_METHODS = (
    (
        "Effects are exact Shapley values [1] of the model's answer on the scale shown, against the bundle's "
        "prototypes (interventional: inputs that are not known are taken from the prototypes whatever the known "
        "ones are). For each row they add up from the estimate with nothing known to its own. An unknown input has "
        "effect zero."
    ),
    (
        "Importance is the mean absolute effect over all rows. Its interval joins a bootstrap of the patients with the "
        "refits of the bundle. An absolute value cannot fall below zero, so an interval that lies above zero does not "
        "show that an input matters; the ranks over the refits are the better guide."
    ),
)
_REFERENCES = (
    "Lundberg SM, Lee SI. A unified approach to interpreting model predictions. NeurIPS 2017;30:4765-4774.",
    (
        "Grabisch M, Roubens M. An axiomatic approach to the concept of interaction among players in cooperative "
        "games. Int J Game Theory 1999;28:547-565."
    ),
)


def render_explanation(
    explanation: Mapping[str, Any], *, manifest: Mapping[str, Any], cohort: CohortSummary, command: str
) -> str:
    """The page as text; the same arguments give the same bytes.

    Parameters
    ----------
    explanation : mapping
        Of :func:`riskml.training.aggregates.explanation_of`: no patient is in it, and none on the page.
    manifest : mapping
        The bundle's.
    cohort : CohortSummary
        Whose rows were explained.
    command : str
        What was typed to get here.
    """
    synthetic = cohort.synthetic or manifest["synthetic"]
    said = effects.in_words(explanation, "course")
    timed = effects.over_time_figure(explanation, "explanation")
    sections = [
        Section("summary", "Summary", [], [Box(manifest["label"], "", said, synthetic=synthetic)]),
        Section("cohort", "The cohort", list(about_cohort(cohort))),
        Section(
            "importance",
            "Importance of the inputs",
            [
                part(
                    "",
                    sentences=[effects.MEANING],
                    figures=[effects.importance_figure(explanation, "explanation")],
                    tables=[effects.importance_table(explanation)],
                )
            ],
        ),
        Section(
            "values",
            "Effect by value",
            [part("", sentences=[_CURVES], figures=list(effects.dependence_figures(explanation, "explanation")))],
        ),
        *([Section("time", "Effect over time", [part("", figures=[timed])])] if timed else []),
        Section(
            "together",
            "Inputs together",
            [
                part(
                    "",
                    sentences=[effects.interactions_words(explanation)],
                    tables=effects.interactions_tables(explanation),
                    figures=[effects.typical_figure(explanation, "explanation")],
                )
            ],
        ),
        record(_record(manifest, cohort), _METHODS),
    ]
    return render_sections(
        title=f"riskml explanation of {manifest['name']} on {cohort.name}",
        heading=f"What moves the estimates? {manifest['label']} on {cohort.name}",
        lead=f"{explanation['n_rows']:,} courses of {explanation['n_patients']:,} patients, explained in aggregates.",
        synthetic=synthetic,
        sections=sections,
        command=command,
        references=_REFERENCES,
    )


_CURVES = (
    "Each point is the mean effect in a group of five patients or more with like values; smaller groups are left out. "
    "Above zero the value raises the estimate over that of a patient in whom the input is not known."
)


def _record(manifest: Mapping[str, Any], cohort: CohortSummary) -> list[tuple[str, str]]:
    pinned = [("Cohort", line) for line in cohort.lines if "SHA-256" in line]
    return [*pinned, ("Model", f"{manifest['name']} {manifest['version']}"), ("Bundle", manifest["digest"])]
