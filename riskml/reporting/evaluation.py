"""Evaluations of recipes -> one offline HTML file: how well each would do, and which of them does better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from riskml.reporting import measures, performance, words
from riskml.reporting.cohort import CohortSummary, about_cohort
from riskml.reporting.judgement import judgement
from riskml.reporting.methods_judged import cross_validated, looked_at, measured, merged
from riskml.reporting.page import Box, Section, record, render_sections
from riskml.reporting.parts import Part, Table, part, safe
from riskml.reporting.references import numbered
from riskml.runtime.shares import percent

Model = Mapping[str, Any]
_CLOSING = (
    "No model comes with this page: riskml train makes one of a recipe. Cross-validation is not external validation; "
    "other hospitals, years and assays are untested. Reporting follows TRIPOD+AI [@collins2024tripod], as far as "
    "software can fill it in."
)


def render_evaluation(
    models: Sequence[Model], *, cohort: CohortSummary, comparison: Mapping[str, Any] | None = None, command: str
) -> str:
    """The page as text; the same arguments give the same bytes.

    Parameters
    ----------
    models : sequence of mapping
        In the order of the page: ``label``, ``definition`` of the outcome and ``evaluation``, which is
        :meth:`riskml.training.evaluate.Evaluation.as_dict`.
    cohort : CohortSummary
    comparison : mapping, optional
        Of :func:`riskml.training.compare.compare`: ``pairs``, ``chosen``, ``words``.
    command : str
        What was typed to get here.

    Raises
    ------
    ValueError
        If there is no model.
    """
    if not models:
        raise ValueError("a page needs at least one evaluation, got none")
    sections = [
        Section("summary", "Summary", [_glance(models)], [_box(model, synthetic=cohort.synthetic) for model in models]),
        Section("cohort", "The cohort", list(about_cohort(cohort))),
        *(_section(model, f"model-{n}", synthetic=cohort.synthetic) for n, model in enumerate(models, start=1)),
    ]
    if comparison:
        names = {model["evaluation"]["model"]: model["label"] for model in models}
        sections.append(Section("comparison", "The models beside each other", list(_compared(comparison, names))))
    pinned = [("Cohort", line) for line in cohort.lines if "SHA-256" in line]
    pinned += [(f"Folds of {_name(model)}", model["evaluation"]["plan"]["digest"]) for model in models]
    methods, references = numbered([*_methods(models, comparison), _CLOSING])
    return render_sections(
        title=f"riskml evaluation on {cohort.name}",
        heading=f"How well would these models do? Evaluation on {cohort.name}",
        lead=f"{len(models)} recipe{'s' if len(models) > 1 else ''}, judged by resampling.",
        synthetic=cohort.synthetic,
        sections=[*sections, record(pinned, methods)],
        command=command,
        references=references,
    )


def _methods(models: Sequence[Model], comparison: Mapping[str, Any] | None) -> list[str]:
    """What was done, with marks for its sources."""
    judged = [model["evaluation"] for model in models]
    said = [[*cross_validated(one), *measured(one), *looked_at(one)] for one in judged]
    texts = merged([_name(model) for model in models], said)
    if comparison and comparison["chosen"]:
        texts.append(
            "What the best of several can be expected to do was corrected for the choice by resampling its out-of-fold "
            "predictions [@tsamardinos2018]."
        )
    return texts


def _name(model: Model) -> str:
    return f"{model['label']} ({model['evaluation']['model']})"


def _status(evaluation: Mapping[str, Any]) -> str:
    return "Signal seen." if evaluation["usable_signal"] else f"No usable signal: {safe(evaluation['verdict'])}."


def _box(model: Model, *, synthetic: bool) -> Box:
    judged = model["evaluation"]
    unit = performance.unit_of_rows(judged)
    said = [f"Judged on {performance.size_in_words(judged, unit)}.", *performance.in_words(judged, unit)]
    return Box(_name(model), _status(judged), said, good=judged["usable_signal"], synthetic=synthetic)


def _glance(models: Sequence[Model]) -> Part:
    columns = [
        "Model",
        "Judged on",
        "Ranking (0.5 is chance)",
        "Squared error saved against the comparator",
        "Observed / expected (1 is ideal)",
        "Verdict",
    ]
    rows = []
    for model in models:
        judged = model["evaluation"]
        size = performance.size_in_words(judged, performance.unit_of_rows(judged))
        rows.append([_name(model), size, *performance.at_a_glance(judged), _status(judged).rstrip(".")])
    text = (
        "The comparator gives every patient the same answer: the cohort's share of events, its Kaplan-Meier estimate, "
        "or its Aalen-Johansen estimate where events compete. “Signal seen” means that the interval of the ranking "
        "lies above 0.5 and that predictions came closer to what happened than the comparator's; it does not mean "
        "that the model is good enough for use."
    )
    return part("", sentences=[text], tables=[("All models at a glance (95 % intervals)", columns, rows)])


def _section(model: Model, key: str, *, synthetic: bool) -> Section:
    judged = model["evaluation"]
    unit = performance.unit_of_rows(judged)
    table: Table = (
        "Performance beside the comparator (95 % intervals)",
        ["Measure", "Model", "Comparator", "Ideal"],
        performance.beside_comparator(judged),
    )
    drawings = list(performance.drawings(judged, key, model["label"], unit))
    parts = [
        part("", sentences=[model["definition"], f"Judged on {performance.size_in_words(judged, unit)}."]),
        part("Performance in cross-validation", sentences=[performance.resampling(judged)], tables=[table]),
        part("Predicted and observed", figures=drawings, tables=[performance.groups_table(judged)]),
        *judgement(judged, key),
    ]
    return Section(key, _name(model), parts, synthetic=synthetic)


def _compared(comparison: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Part]:
    """Pairs on the same folds, what the best of them is worth, and what could not be compared."""
    pairs = comparison["pairs"]
    heads = tuple(f"{pair['models'][0]} less {pair['models'][1]}, " for pair in pairs)  # what the tables say
    rest = [safe(line) for line in comparison["words"].splitlines() if not (heads and line.startswith(heads))]
    tables: list[Table] = [_pair(pair, names) for pair in pairs]
    tables += [_chosen(one) for one in comparison["chosen"]]
    said = [
        f"{line[0].upper() if line.split(' ')[0] not in names else line[0]}{line[1:].rstrip('.')}." for line in rest
    ]
    text = (
        "Both models of a pair predicted the same patients on the same folds, so what they share cancels in the "
        "difference. “No difference shown” means that the interval holds zero; it does not mean that both are as good."
    )
    yield part("", sentences=[*([text] if pairs else []), *said], tables=tables)


def _pair(pair: Mapping[str, Any], names: Mapping[str, str]) -> Table:
    first, second = pair["models"]
    rows = [
        [measures.label(row["measure"]), measures.shown(row["measure"], row), measures.comparison(row["measure"], row)]
        for row in pair["differences"]
    ]
    caption = f"{names[first]} ({first}) less {names[second]} ({second})"
    return caption, ["Measure", "Difference (95 % interval)", f"{first} is"], rows


def _chosen(one: Mapping[str, Any]) -> Table:
    """What whoever takes the best of several can expect."""
    rows = [
        ["The best of them", one["best"] or words.NOT_ESTIMABLE],
        ["Its own estimate", measures.shown(one["measure"], one["naive"])],
        ["What the choice is worth (95 % interval)", measures.shown(one["measure"], one["honest"])],
        *(
            [f"{name} would have been chosen in", f"{percent(share)} of samples"]
            for name, share in one["picked"].items()
        ),
    ]
    return f"Choosing the best by {measures.label(one['measure'])}", ["What", "Value"], rows
