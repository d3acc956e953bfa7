"""The parts of a cohort paper -> one offline HTML file: tables with their tests beneath, curves, what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from riskml.reporting import figures, tables
from riskml.reporting.cohort import CohortSummary, about_cohort
from riskml.reporting.figures.boxes import boxes, boxes_picture
from riskml.reporting.figures.flow_chart import flow_chart, flow_chart_picture
from riskml.reporting.figures.kaplan_meier import kaplan_meier_picture, sheets
from riskml.reporting.figures.swimmer import lanes_by_sheet, swimmer_picture
from riskml.reporting.page import SIMULATED, Box, Section, record, render_sections
from riskml.reporting.parts import Part as Printed
from riskml.reporting.parts import part
from riskml.runtime.dictionary import load_dictionary
from riskml.training.describe.grouping import ALL
from riskml.training.describe.table import NOT_SHOWN, BoxSet, CurveSet, FlowChart, LaneSet, Part

Shown = CurveSet | LaneSet | BoxSet | FlowChart
_NAME = re.compile(
    r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b|\b(?:mrd|nk|cd3|cd4|cd8|cd19|wbc|response|lymphocytes)\b(?=,|;|$)"
)
_METHODS = (
    (
        "This page describes; it selects nothing and predicts nothing. P values stand beside many comparisons and are "
        "not corrected for their number; where one is below 0.05 by chance alone cannot be seen from it [1]. "
        "Intervals are at 95 % unless said otherwise. Reporting follows STROBE [2], as far as software can fill it in."
    ),
    (
        "Each table says whether it counts patients or courses. The tests are named below the tables. What is known "
        "only after the first dose, such as response or the days that were given, is described and is no group "
        "assigned at the start: comparisons by it start at a landmark or say that they do not [3]."
    ),
)
_SHARED = "Counts of one to four patients are not shown, nor any count from which one could be worked out [4]."
_REFERENCES = (
    "Wasserstein RL, Lazar NA. The ASA statement on p-values: context, process, and purpose. Am Stat 2016;70:129-133.",
    (
        "von Elm E, Altman DG, Egger M, et al. The Strengthening the Reporting of Observational Studies in "
        "Epidemiology (STROBE) statement. Lancet 2007;370:1453-1457."
    ),
    "Anderson JR, Cain KC, Gelber RD. Analysis of survival by tumor response. J Clin Oncol 1983;1:710-719.",
    "Hundepool A, Domingo-Ferrer J, Franconi L, et al. Statistical Disclosure Control. Wiley 2012, chapter 4.",
)


def render_description(parts: Sequence[Part], *, cohort: CohortSummary, command: str, internal: bool = False) -> str:
    """The page as text; the same arguments give the same bytes.

    Parameters
    ----------
    parts : sequence of Part
        In the order of the page, as :func:`riskml.training.describe.parts.describe` gives them.
    cohort : CohortSummary
    command : str
        What was typed to get here.
    internal : bool
        Whether the parts show small counts; the page then says that it must not leave the site.

    Raises
    ------
    ValueError
        If there is no part.
    """
    if not parts:
        raise ValueError("a page needs at least one part, got none")
    told = [line for line in cohort.lines[1:] if line.startswith("Source")]
    box = Box(cohort.name, f"{cohort.lines[0]}.", [f"{line}." for line in told], synthetic=cohort.synthetic)
    described = [one for one in parts if one.tables or sheets_of(one)]
    absent = not_described(parts)
    pinned = [("Cohort", line) for line in cohort.lines if "SHA-256" in line]
    return render_sections(
        title=f"riskml description of {cohort.name}",
        heading=f"Who was treated, and what became of them? {cohort.name}",
        lead=f"{_number(parts)} of a cohort paper.",
        synthetic=cohort.synthetic,
        sections=[
            Section("summary", "Summary", [part("", bullets=in_words(parts)), _contents(described)], [box]),
            *(Section(f"part-{one.name}", one.title, list(_printed(one))) for one in described),
            *([Section("absent", "What could not be described", [absent])] if absent else []),
            Section("cohort", "The file", list(about_cohort(cohort))),
            record(pinned, _METHODS if internal else (*_METHODS, _SHARED)),
        ],
        command=command,
        references=_REFERENCES,
        internal=internal,
        warning=SIMULATED,
    )


def _number(parts: Sequence[Part]) -> str:
    n_tables = sum(len(one.tables) for one in parts)
    n_figures = sum(len(_figures(one)) for one in parts)
    return f"{n_tables} table{'s' * (n_tables != 1)} and {n_figures} figure{'s' * (n_figures != 1)}"


def in_words(parts: Sequence[Part]) -> list[str]:
    """The line for all patients of each table that begins with one, as far as it is shown.

    Examples
    --------
    >>> from riskml.training.describe.table import Row, Table
    >>> table = Table("efs", "Event-free survival", ("Patients", "12 months"), (Row("All", ("105", "88 %")),))
    >>> in_words([Part("survival", "Survival", (table,))])[0].split("; ")[0]
    'Event-free survival: Patients 105'
    """
    said = []
    for table in (table for one in parts for table in one.tables if table.rows and table.rows[0].label == ALL):
        cells = zip(table.columns, table.rows[0].cells, strict=False)
        shown = [f"{column} {cell}" for column, cell in cells if cell not in {"", "–", NOT_SHOWN}]
        said += [tables.typeset(f"{table.title}: {'; '.join(shown)}.")] if shown else []
    return said


def _contents(parts: Sequence[Part]) -> Printed:
    """What is where: the journal's list of tables and figures."""
    rows: list[list[str]] = []
    for one in parts:
        drawn = [shown.title for shown in _figures(one)]
        kinds = (("Figures", drawn), ("Tables", [table.title for table in one.tables]))
        rows.append(
            [one.title, tables.typeset(" ".join(f"{kind}: {'; '.join(all_)}." for kind, all_ in kinds if all_))]
        )
    return part("", tables=[("What is on this page", ["Part", "What"], rows)])


def not_described(parts: Sequence[Part]) -> Printed | None:
    """What is missing of all parts in one list: what has the same reason stands in one line; None if nothing is."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in parts:
        for reason in one.missing:
            what, _, why = reason.partition(": ")
            found.setdefault((one.title, why), []).append(what)
    rows = [
        [part_, tables.typeset(_labelled(_enumerated(whats))), tables.typeset(_labelled(why))]
        for (part_, why), whats in found.items()
    ]
    return part("", tables=[("What is not on this page, and why", ["Part", "What", "Why"], rows)]) if rows else None


def _enumerated(whats: Sequence[str]) -> str:
    """``["factor a", "factor b"]`` as ``"factor a, b"``: a word that all begin with is said once."""
    words = [what.split(" ", 1) for what in dict.fromkeys(whats)]
    if len(words) > 1 and all(len(own) == 2 for own in words) and len({own[0] for own in words}) == 1:
        return f"{words[0][0]} {', '.join(own[1] for own in words)}"
    return "; ".join(" ".join(own) for own in words)


def _labelled(text: str) -> str:
    """Columns by the names a person reads."""
    variables = load_dictionary().variables
    return _NAME.sub(lambda found: variables[found[0]].label if found[0] in variables else found[0], text)


def sheets_of(one: Part) -> list[Shown]:
    """The figures of a part as they are drawn, none with more curves or lanes than can be told apart."""
    curves = chain.from_iterable(sheets(curves) for curves in one.curve_sets)
    lanes = chain.from_iterable(lanes_by_sheet(lanes) for lanes in one.lane_sets)
    return [*one.charts, *curves, *lanes, *one.box_sets]


def _figures(one: Part) -> tuple[Shown, ...]:
    """The figures of a part as a journal counts them."""
    return (*one.charts, *one.curve_sets, *one.lane_sets, *one.box_sets)


def drawing(shown: Shown, name: str, stamp: str = "") -> str:
    """One of them as SVG; ``name`` is its id, ``stamp`` what it must say of itself."""
    if isinstance(shown, FlowChart):
        return flow_chart(name, shown, stamp)
    if isinstance(shown, CurveSet):
        return figures.kaplan_meier(name, shown, stamp)
    return boxes(name, shown, stamp) if isinstance(shown, BoxSet) else figures.swimmer(name, shown, stamp)


def picture(shown: Shown, stamp: str = "") -> bytes:
    """One of them as PNG."""
    if isinstance(shown, FlowChart):
        return flow_chart_picture(shown, stamp)
    if isinstance(shown, CurveSet):
        return kaplan_meier_picture(shown, stamp)
    return boxes_picture(shown, stamp) if isinstance(shown, BoxSet) else swimmer_picture(shown, stamp)


def _printed(one: Part) -> Iterator[Printed]:
    """Figures first, then each table with its notes beneath."""
    drawings = [(drawing(shown, f"{one.name}-{shown.name}"), _caption(shown)) for shown in sheets_of(one)]
    if drawings:
        yield part("", figures=drawings)
    for table in one.tables:
        grid = (tables.typeset(table.title), tables.heads(table), tables.lines(table))
        yield part("", tables=[grid], notes=[tables.typeset(note) for note in table.notes])


def _caption(shown: Shown) -> str:
    return tables.typeset(" ".join(f"{text.rstrip('.')}." for text in (shown.title, *shown.notes)))
