"""How performance was judged, as sentences of a methods section with their sources: only what this evaluation did."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from riskml.reporting import words
from riskml.reporting.parts import safe
from riskml.runtime.shares import percent

Block = Mapping[str, Any]
_GROUPS = ("Discrimination", "Error", "Calibration")
# Measure -> its group, what it is called in a sentence, and its source for binary, survival and competing events.
_MEASURES: Mapping[str, tuple[int, str, tuple[str, str, str]]] = {
    "auc": (0, "the AUC", ("hanley1982", "hanley1982", "hanley1982")),
    "average_precision": (0, "average precision", ("boyd2013", "boyd2013", "boyd2013")),
    "c_index": (0, "Harrell's C", ("harrell1996", "harrell1996", "wolbers2014")),
    "uno_c": (0, "Uno's C", ("uno2011", "uno2011", "wolbers2014")),
    "auc_at": (0, "the AUC at the horizon", ("uno2007", "uno2007", "blanche2013")),
    "brier": (1, "the Brier score", ("brier1950", "graf1999", "schoop2011")),
    "integrated_brier": (1, "the integrated Brier score", ("graf1999", "graf1999", "schoop2011")),
    "scaled_brier": (1, "its scaled form", ("kattan2018", "kattan2018", "kattan2018")),
    "ipa": (1, "the index of prediction accuracy", ("kattan2018", "kattan2018", "kattan2018")),
    "log_loss": (1, "the log-loss", ("good1952", "good1952", "good1952")),
    "calibration_intercept": (2, "the calibration intercept", ("cox1958", "cox1958", "geloven2022")),
    "calibration_slope": (2, "the calibration slope", ("cox1958", "houwelingen2000", "geloven2022")),
    "observed_expected": (2, "observed / expected events", ("steyerberg2019", "mclernon2023", "geloven2022")),
    "ici": (2, "the integrated calibration index (ICI)", ("austin2019", "austin2020", "geloven2022")),
    "e50": (2, "E50", ("austin2019", "austin2020", "geloven2022")),
    "e90": (2, "E90", ("austin2019", "austin2020", "geloven2022")),
}
_WEIGHTED = ("uno_c", "auc_at", "brier", "integrated_brier")
_COMPARATORS = {
    "prevalence": "the share of events in the training folds",
    "Kaplan-Meier": "the Kaplan-Meier estimate of the training folds [@kaplan1958]",
    "Aalen-Johansen": "the Aalen-Johansen estimate of the training folds [@aalen1978]",
}
_GROUPED = (
    "Wilson's intervals [@wilson1927]",
    "Kaplan-Meier estimates and their log-log intervals [@kalbfleisch2002]",
    "Aalen-Johansen estimates [@aalen1978]",
)
_SMOOTHED = ("austin2014", "austin2020", "geloven2022")


def listed(items: Sequence[str], last: str = "and") -> str:
    """``"a, b and c"``."""
    return f" {last} ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def merged(labels: Sequence[str], said: Sequence[Sequence[str]]) -> list[str]:
    """A paragraph of what is said of every model, then one of each group of models of which more is said.

    Parameters
    ----------
    labels : sequence of str
        Of the models.
    said : sequence of sequence of str
        The sentences about each.

    Examples
    --------
    >>> merged(["A", "B"], [["Both.", "One."], ["Both."]])
    ['Both.', 'A: One.']
    """
    about: dict[str, list[int]] = {}
    for number, texts in enumerate(said):
        for text in dict.fromkeys(texts):
            about.setdefault(text, []).append(number)
    groups: dict[tuple[int, ...], list[str]] = {}
    for text, numbers in about.items():
        groups.setdefault(tuple(numbers), []).append(text)
    found = []
    for group in sorted(groups, key=lambda group: (-len(group), group)):
        names = "; ".join(labels[number] for number in group)
        found.append(f"{'' if len(group) == len(labels) else f'{names}: '}{' '.join(groups[group])}")
    return found


def _how(judged: Block) -> int:
    """0 for a binary outcome, 1 for survival, 2 where events compete."""
    if judged["kind"] == "binary":
        return 0
    return 2 if judged["comparator"]["name"] == "Aalen-Johansen" else 1


def cross_validated(evaluation: Block) -> Iterator[str]:
    """The folds, what was done in each, and whom the model had to beat."""
    plan = evaluation["plan"]
    yield (
        f"Performance was estimated by {plan['repeats']} repeats of {plan['folds']}-fold cross-validation of the whole "
        "procedure, stratified by outcome and with all courses of a patient in one fold [@collins2024part1]."
    )
    yield (
        "In every fold it was fitted anew, exported, and predicted the patients left out with whatever of them was "
        "missing; whatever a learner chooses on the data was chosen anew, too. Measures of discrimination are means "
        "over test folds, the others means over repeats."
    )
    if evaluation["folds_not_estimable"]:
        yield (
            f"{evaluation['folds_not_estimable']} test folds held one kind of outcome only and were each pooled with "
            "the next."
        )
    name = evaluation["comparator"]["name"]
    yield f"The comparator gives every patient {_COMPARATORS.get(name, name)}."
    yield (
        "A model is said to show a signal where the interval of the AUC or C lies above 0.5 and its squared error is "
        "below the comparator's."
    )


def measured(judged: Block) -> Iterator[str]:
    """The measures reported, each with its source, and how their intervals were made.

    Parameters
    ----------
    judged : mapping
        An evaluation, or an external validation: ``kind``, ``comparator``, ``horizon_months`` and ``metrics``.
    """
    how, names = _how(judged), list(judged["metrics"])
    for number, group in enumerate(_GROUPS):
        held = [_MEASURES[name] for name in names if name in _MEASURES and _MEASURES[name][0] == number]
        if held:
            shown = [
                f"{phrase} [@{found[how]}]"
                if place + 1 == len(held) or held[place + 1][2][how] != found[how]
                else phrase
                for place, (_, phrase, found) in enumerate(held)
            ]
            yield f"{group} is measured by {listed(shown)}."
    if judged["horizon_months"]:
        weighted = [_MEASURES[name][1] for name in names if name in _WEIGHTED]
        text = f"The horizon is {judged['horizon_months']:g} months"
        if weighted:
            verb = "weighs" if len(weighted) == 1 else "weigh"
            text += f"; {listed(weighted)} {verb} patients by the inverse of their chance of not being censored"
        yield f"{text} [@graf1999]." if weighted else f"{text}."
    yield from _intervals(judged)


def _intervals(judged: Block) -> Iterator[str]:
    """From what the intervals themselves say of their method."""
    methods = [metric["method"] for metric in judged["metrics"].values()]
    delong = next((text for text in methods if text.startswith("logit DeLong")), None)
    resampled = next((text for text in methods if "bootstrap" in text), None)
    if delong:
        inflated = re.search(r"variance x ([\d.]+)", delong)
        more = ""
        if inflated and float(inflated[1]) > 1:
            more = f" and a variance multiplied by {inflated[1]} for the training folds that models share"
        how = "DeLong's [@delong1988] on the logit scale [@qin2008], with a t quantile"
        yield f"The interval of the AUC is {how}{more}."
    if resampled:
        number = re.search(r"of (\d+) resamples", resampled)
        samples = f"{int(number[1]):,} resamples of whole patients" if number else "resamples of whole patients"
        also = ", widened for the number of events and the shared training folds" if "widened" in resampled else ""
        clusters = "; @davison1997" if judged["n_rows"] > judged["n_patients"] else ""
        start = "Other intervals are" if delong else "Intervals are"
        yield f"{start} percentile intervals of {samples} [@efron1993{clusters}]{also}."


def looked_at(judged: Block) -> Iterator[str]:
    """Calibration curves, use, rivals, subgroups, centres, time, optimism, size: those that were looked at."""
    how = _how(judged)
    if judged.get("calibration"):
        yield f"Predicted risks are set against what happened in groups of patients of like risk, with {_GROUPED[how]}."
    smooth = judged.get("smooth_calibration")
    if smooth and "withheld" not in smooth:
        yield f"The smoothed calibration curve and its bootstrap band need no groups [@{_SMOOTHED[how]}]."
    if judged.get("d_calibration"):
        yield "D-calibration asks whether the survival curves fit over their whole length [@haider2020]."
    curve = judged.get("decision_curve")
    if curve and "withheld" not in curve:
        ends = words.span(curve["thresholds"][0], curve["thresholds"][-1])
        yield f"Net benefit is shown for treating from risks of {ends} [@vickers2006]."
    if rows := judged.get("differences"):
        paired = " (DeLong's method for the AUC [@delong1988])" if any(r["measure"] == "auc" for r in rows) else ""
        against = listed([words.spoken(name) for name in dict.fromkeys(row["against"] for row in rows)])
        yield f"Differences from {against} are paired on the same patients{paired}."
    groups = [row["label"] for row in judged.get("subgroups") or () if row["n_patients"] is not None]
    if groups:
        yield (
            f"Subgroups were named before the analysis [@wang2007]: {', '.join(dict.fromkeys(groups))}; where too few "
            "patients are in one, no measure is given."
        )
    yield from _resampled_otherwise(judged)


def _resampled_otherwise(judged: Block) -> Iterator[str]:
    """Centres, dates, the bootstrap and the learning curve."""
    if (centres := judged.get("centres")) and centres.get("rows"):
        by = words.spoken(centres.get("by") or "centre")
        text = f"Each {by} was left out in turn and predicted by a model of the others [@steyerberg2016]"
        if any(item["k"] > 1 for item in centres["summary"].values()):
            text += (
                "; measures were summarised by random effects (REML, Hartung and Knapp's interval [@hartung2001]) on "
                "the logit or log scale [@debray2017], with the interval to expect in a new one [@higgins2009]"
            )
        yield f"{text}."
    if judged.get("temporal"):
        yield "A split by date has later patients predicted by a model of the earlier ones [@altman2009]."
    if (bootstrap := judged.get("bootstrap")) and bootstrap.get("samples"):
        yield (
            f"Optimism was estimated by repeating the whole procedure in {bootstrap['samples']} bootstrap samples "
            "[@harrell1996], with the .632+ estimate beside it [@efron1997]."
        )
    curve = judged.get("learning_curve")
    if curve and curve.get("sizes"):
        sizes = f"{curve['sizes'][0]} to {curve['sizes'][-1]}"
        repeats = (curve.get("plan") or {}).get("repeats", 0)
        once = ", from one repeat of the folds" if repeats == 1 else ""
        yield f"The learning curve judges models learned from {sizes} of the patients{once} [@figueroa2012]."


def steadiness(stability: Block | None) -> Iterator[str]:
    """The prediction instability of a bundle's refits."""
    if stability and stability.get("refits"):
        moved = percent(stability["mean_absolute_difference"])
        yield safe(
            f"How much predictions depend on the sample was read off the {stability['refits']} bootstrap refits; on "
            f"average a prediction moved by {moved.removesuffix(' %')} points of a hundred [@riley2023]."
        )
