"""The measures of a model in some patients, cross-validated or new: sentences, tables and drawings without a bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from riskml.reporting import figures, measures, words
from riskml.reporting.parts import Figure, Table
from riskml.runtime.shares import percent
from riskml.runtime.small_cells import SMALLEST_CELL, count, counts_of_a_whole

Judged = Mapping[str, Any]
_COMPARATORS = {
    "prevalence": "giving everybody the cohort's average",
    "Kaplan-Meier": "giving everybody the Kaplan-Meier estimate",
    "Aalen-Johansen": "giving everybody the Aalen-Johansen estimate",
}
_CURVE = " The curve is the same without groups; where its band is wide, there is little to go by."


def unit_of_rows(judged: Judged) -> str:
    """What one row is, by the number of rows and of patients."""
    return "course" if judged["n_rows"] > judged["n_patients"] else "patient"


def size_in_words(numbers: Judged, unit: str) -> str:
    """``"125 courses of 105 patients, 6 with the event (5 %)"`` from ``n_rows``, ``n_patients`` and ``n_events``."""
    patients = f"{count(numbers['n_patients'])} patients"
    rows = f"{count(numbers['n_rows'])} courses of {patients}" if unit == "course" else patients
    share = numbers["n_events"] / max(1, numbers["n_rows"])
    shown = "" if numbers["n_events"] < SMALLEST_CELL else f" ({percent(share)})"
    return f"{rows}, {count(numbers['n_events'])} with the event{shown}"


def in_words(judged: Judged, unit: str) -> list[str]:
    """Ranking, gain over the comparator and calibration, a sentence or two each."""
    metrics, rank, saved = judged["metrics"], *headline(judged)
    comparator = judged["comparator"]["name"]
    return [
        words.ranking(metrics[rank], survival=judged["kind"] != "binary", unit=unit),
        words.gain(metrics[saved], _COMPARATORS.get(comparator, comparator)),
        words.calibration(metrics),
    ]


def at_a_glance(judged: Judged) -> list[str]:
    """Ranking, squared error saved and observed / expected: three cells of a table of models."""
    metrics, rank, saved = judged["metrics"], *headline(judged)
    return [
        f"{'AUC' if rank == 'auc' else 'C'} {words.with_interval(metrics[rank])}",
        words.with_interval(metrics[saved], 0, scale=100, unit=" %"),
        words.with_interval(metrics["observed_expected"]),
    ]


def headline(judged: Judged) -> tuple[str, str]:
    """Names of the measure of ranking and of that of squared error saved."""
    return ("auc", "scaled_brier") if judged["kind"] == "binary" else ("c_index", "ipa")


def beside_comparator(judged: Judged) -> list[list[str]]:
    """Measure, the model with its interval, the comparator, the ideal."""
    return [
        [measures.label(name), measures.shown(name, metric), of_comparator(judged, name), measures.ideal(name)]
        for name, metric in judged["metrics"].items()
    ]


def of_comparator(judged: Judged, name: str) -> str:
    """A measure of the comparator; what it saves against itself is 0."""
    comparator = judged["comparator"]
    if name in measures.GAINS:
        return measures.shown(name, 0.0)
    return measures.shown(name, comparator[name]) if name in comparator else "–"


def resampling(evaluation: Judged) -> str:
    """How performance was estimated, and which test folds could not be ranked."""
    plan, at = evaluation["plan"], evaluation["horizon_months"]
    when = f", judged at {at:g} months" if at else ""
    skipped = evaluation["folds_not_estimable"]
    note = f" {skipped} of {plan['repeats'] * plan['folds']} test folds could not be ranked and are outside the mean."
    method = plan["method"].removeprefix("repeated ")
    return f"{plan['folds']}-fold {method}, repeated {plan['repeats']} times{when}.{note if skipped else ''}"


def calibration_groups(judged: Judged) -> list[list[str]]:
    """Group, patients, mean predicted risk, what happened; a group with 1 to 4 events gives no number of them."""
    curve, rows = judged["calibration"], []
    events = [round(share * size) for share, size in zip(curve["observed"], curve["patients"], strict=True)]
    points = zip(*(curve[k] for k in ("patients", "predicted", "observed", "low", "high")), strict=True)
    shown = zip(points, counts_of_a_whole(events), strict=True)
    for number, ((size, predicted, observed, low, high), cell) in enumerate(shown, start=1):
        happened = f"none (up to {percent(high)})"
        if observed > 0:
            happened = f"{percent(observed)} ({words.span(low, high)})" if cell.isdigit() else f"{cell} events"
        place = {1: ", lowest risk", len(events): ", highest risk"}.get(number, "")
        rows.append([f"{number}{place}", count(size), percent(predicted), happened])
    return rows


def groups_table(judged: Judged) -> Table:
    """The calibration groups as a table."""
    columns = ["Group", "Size", "Mean predicted risk", "What happened (95 % interval)"]
    return "Calibration in groups", columns, calibration_groups(judged)


def drawings(judged: Judged, key: str, label: str, unit: str, *, how: str = "cross-validated") -> Iterator[Figure]:
    """Calibration and the distribution of risks, each with its caption.

    Parameters
    ----------
    judged : mapping
        An evaluation or an external validation: ``calibration``, ``distribution``, ``horizon_months`` and, where there
        is one, ``smooth_calibration``.
    key : str
        Prefixes the ids of the figures.
    label : str
        Of the model.
    unit : {"patient", "course"}
    how : str
        Where the predictions come from.
    """
    curve, spread = judged["calibration"], judged["distribution"]
    smooth = judged.get("smooth_calibration")  # quicker runs and older bundles have none
    smooth = smooth if smooth and "withheld" not in smooth else None
    by = f" by {judged['horizon_months']:g} months" if judged["horizon_months"] else ""
    title = f"Calibration of “{label}”: predicted against observed risk{by} in {len(curve['patients'])} groups"
    yield (
        figures.calibration(f"{key}-calibration", **curve, title=title, smooth=smooth),
        (
            f"Calibration{by}. Each point is a group of {unit}s of similar predicted risk ({how}); "
            "above it, its size. Points on the dashed line agree with what happened."
            f"{_CURVE if smooth else ''}"
        ),
    )
    # With censoring, these two counts and that of all events would tell how few are in between.
    sizes = ["", ""] if by else [f" ({_counted(spread[k])})" for k in ("n_with", "n_without")]
    groups = [
        (f"with the event{by}{sizes[0]}", spread["with_event"]),
        (f"without it{sizes[1]}", spread["without_event"]),
    ]
    yield (
        figures.distribution(
            f"{key}-distribution", groups, title=f"Predicted risk of {unit}s with and without the event"
        ),
        (
            "Predicted risk by what happened. Box: the middle half; thick line: median; whiskers: 10th to 90th "
            "percentile. The further apart the boxes, the better the model tells the groups apart."
            + (f" {unit.capitalize()}s last seen event-free before then are in neither." if by else "")
        ),
    )


def _counted(number: int | None) -> str:
    """A count; None is one of 1 to 4 that was taken out before."""
    return f"<{SMALLEST_CELL}" if number is None else count(number)
