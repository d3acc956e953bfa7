"""What ``riskml federate`` says in a terminal: what leaves a hospital, and what a study came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from riskml.runtime.card_words import interval_text, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from riskml.cohort.cohort import Cohort


def other_centre(cohort: Cohort, centre: str) -> Iterator[str]:
    """That every row of the file names one hospital, and not the one that answers."""
    named = set(cohort.frame["centre"].dropna().astype(str)) if "centre" in cohort.frame else set()
    if len(named) == 1 and {name.strip().casefold() for name in named} != {centre.strip().casefold()}:
        yield f"note: the file's centre column says {named.pop()}, and --centre {centre}"


def leaves(answer: Mapping[str, Any]) -> Iterator[str]:
    """What of the hospital is in an answer, for whoever has to let it go."""
    if "table" in answer:
        yield f"leaves the hospital: measures ({len(answer['estimates'])}), groups of risk ({len(answer['table'])})"
        return
    numbers = sum(map(len, answer["sums"].values()))
    how = "masked: only the total of all hospitals can be read" if answer["secret"] else "readable by the coordinator"
    yield f"leaves the hospital in round {answer['round']}: {numbers} sums, {how}"
    if answer["withheld"]:
        yield f"  withheld (one to four patients in a cell): {', '.join(answer['withheld'])}"
    if answer["blanked"]:
        yield f"  counted as unknown here: {', '.join(answer['blanked'])}"
    if answer["group"] is not None:
        yield f"  and the means of {len(answer['group']['prototypes'])} groups of five or more patients"


def trained(result: Mapping[str, Any]) -> Iterator[str]:
    """A finished training, ``riskml.federated-result/1``."""
    size = f"{result['n_patients']} patients with {result['n_events']} events in {len(result['centres'])} hospitals"
    yield f"{_tag(result)}{result['model']}: {size}, {result['rounds']} rounds"
    yield f"  {'feature':<32} {'per unit':>10} {'error':>9}"
    for row in result["coefficients"]:
        yield f"  {row['feature']:<32} {row['value']:>10.4f} {row['error']:>9.4f}"
    for name, why in result["dropped"].items():
        yield f"  left out: {name}: {why}"


def judged(result: Mapping[str, Any]) -> Iterator[str]:
    """A finished validation, ``riskml.federated-validation/1``."""
    months = result["model"]["horizon_months"]
    events = f"{result['n_events']} events{'' if months is None else ' in the whole follow-up'}"
    yield f"{_tag(result)}{result['model']['name']} in {result['n_patients']} patients, {events}"
    for name, pooled in result["summary"].items():
        yield f"  {name}, pooled: {interval_text(pooled)}{_spread(pooled)}"
        for row in result["centres"]:
            if name in row["estimates"]:
                yield f"    {row['centre']:<20} {interval_text(row['estimates'][name])}"
    if any(pooled["k"] == 2 for pooled in result["summary"].values()):
        yield "  pooled over two hospitals: such an interval is nearly without information"
    whole = result["observed_expected"]
    when, how = ("", "") if months is None else (f" by {months:g} months", " (Kaplan-Meier)")
    yield f"  events{when}, all hospitals: {whole['observed']:g} observed{how}, {whole['expected']:g} expected"
    if result["auc_bounds"]:
        low, high = result["auc_bounds"]
        yield f"  AUC of all patients together: between {low:.2f} and {high:.2f}"


def _spread(pooled: Mapping[str, Any]) -> str:
    """How much hospitals differ."""
    if pooled["tau"] is None or pooled["i2"] is None:
        return ""
    return f"; between hospitals tau {number(pooled['tau'], 2)}, I2 {100 * pooled['i2']:.0f} %"


def _tag(result: Mapping[str, Any]) -> str:
    return "SYNTHETIC: " if result["synthetic"] else ""
