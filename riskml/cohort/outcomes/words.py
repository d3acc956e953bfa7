"""An outcome's settings in plain words: what was chosen, and what to beware of."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from riskml.cohort.outcomes.binary import MRD_THRESHOLD
from riskml.cohort.outcomes.settings import Table, from_dates, moved_by_entry, no_response_counts

_PLACES = {
    "first_dose": "the first dose",
    "diagnosis": "diagnosis",
    "end_of_induction": "the end of induction",
    "end_of_cycle_1": "the end of cycle 1",
}
_SCALES = {"astct": "ASTCT 2019", "ctcae_v5": "CTCAE 5"}
_NAMES = {"hsct": "HSCT", "cart": "CAR-T treatment"}
_TREATED = {
    "ignore": "is ignored (treatment-policy estimand)",
    "censor": "ends the follow-up (informative censoring)",
    "competing": "is a competing event",
}


def definition(table: Table, columns: Collection[str] = ()) -> str:
    """Every choice of an outcome as sentences.

    Parameters
    ----------
    table : mapping
        An outcome without contradictions.
    columns : collection of str
        Columns of the cohort: where no column names the scale of a grade, the sentence says that nobody checked it.

    Returns
    -------
    str

    Examples
    --------
    >>> definition({"kind": "binary", "rows": "course", "column": "icans_grade", "min_grade": 2})
    'Every course is a row. The event is icans_grade of 2 or more.'
    """
    return " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in _sentences(table, columns))


def warnings(table: Table) -> Iterator[str]:
    """What the settings themselves should make a reader wary of."""
    least = table.get("min_exposure_days", 0)
    if least:
        yield f"only patients who had {least:g} days of the drug are in: the model applies to those who complete them"
        if str(table.get("column", "")).startswith(("icans", "crs")):
            yield "those who stopped early for toxicity are left out: the risk of toxicity is underestimated"
    censored = [_NAMES[name] for name in ("hsct", "cart") if table.get(name) == "censor"]
    if censored:
        yield f"follow-up ends at {' and '.join(censored)}, which is given because of response or failure"
    if table.get("origin") == "diagnosis":
        yield "nobody was under risk before the first dose: early risk sets are small"


def _sentences(table: Table, columns: Collection[str]) -> Iterator[str]:
    yield _who(table)
    for column, levels in table.get("eligible", {}).items():
        yield f"{column} is {' or '.join(levels)}"
    if table.get("min_exposure_days"):
        yield f"patients had {table['min_exposure_days']:g} days of the drug or more, and are at risk from then on"
    if table["kind"] == "survival":
        yield from _survival(table)
    elif "min_grade" in table:
        yield from _grade(table, columns)
    elif "rule" in table and table["rule"] != "column":
        yield from _response(table)
        yield from _window(table, "the assessment falls within")
    else:
        yield f"the event is {table['column']} = {' or '.join(table['event_levels'])}"
        yield from _window(table, "the assessment falls within")


def _who(table: Table) -> str:
    if table.get("unit") == "patient":
        return "each patient is a row, the first course with the worst of all courses as its outcome"
    if "course" in {table.get("rows"), table.get("unit")}:
        return "every course is a row"
    return "each patient's first course is a row"


def _window(table: Table, what: str) -> Iterator[str]:
    if "window_days" in table:
        first, last = table["window_days"]
        yield f"{what} days {first:g} to {last:g} from the first dose of the course"


def _grade(table: Table, columns: Collection[str]) -> Iterator[str]:
    column = str(table["column"])
    scale = ""
    if "scale" in table:
        checked = column.removesuffix("_grade") + "_scale" in columns
        scale = f" on {_SCALES[table['scale']]}" + ("" if checked else " (no column names the scale)")
    yield f"the event is {column} of {table['min_grade']:g} or more{scale}"
    yield from _window(table, "it begins within")


def _response(table: Table) -> Iterator[str]:
    sign = "above" if table.get("mrd_inclusive", False) else "at or above"
    methods = f" by {' or '.join(table['mrd_methods'])}" if "mrd_methods" in table else " by any method"
    mrd = f"MRD {sign} {100 * table.get('mrd_threshold', MRD_THRESHOLD):g} %{methods}"
    yield {
        "cytological_or_mrd": f"no response is, if R/R at the first dose, marrow blasts of 5 % or more; else {mrd}",
        "mrd_negative": f"no response is {mrd}",
        "cr_composite": "no response is marrow blasts of 5 % or more, whatever the MRD",
        "column": "no response is what the column response says",
    }[table.get("rule", "column")]


def _survival(table: Table) -> Iterator[str]:
    if from_dates(table):
        yield f"the event is the first of {', '.join(table['events'])}, found from their dates"
    elif "min_grade" in table:
        yield f"the event is {table['column']} of {table['min_grade']:g} or more"
    else:
        yield f"the event is {table['column']} = {' or '.join(table['event_levels'])}"
    if "competing" in table:
        yield f"competing with it: {', '.join(table['competing'])}"
    if no_response_counts(table):
        if from_dates(table):
            yield from _response(table)
        yield f"non-response is dated at {_PLACES.get(table.get('no_response_date', ''), 'its assessment')}"
    yield from _clock(table)
    for name in ("hsct", "cart"):
        yield f"{_NAMES[name]} {_TREATED[table.get(name, 'ignore')]}"
    if "horizon_months" in table:
        yield f"follow-up ends at {table['horizon_months']:g} months"


def _clock(table: Table) -> Iterator[str]:
    origin = table.get("origin", "first_dose")
    start = f"the clock starts at {_PLACES[origin]}"
    if "landmark_days" in table:
        since = _PLACES[table.get("clock_starts", "first_dose")]
        kept = "count as half a day" if table.get("events_at_landmark") == "count" else "are left out"
        start = f"the clock starts at day {table['landmark_days']:g} after {since}"
        start += f" ({_PLACES[origin]})" if "origin" in table else ""
        yield f"{start}, among those in follow-up then; events of that very day {kept}"
    elif origin == "diagnosis":
        yield f"{start}, and patients come under risk at the first dose (delayed entry)"
    elif moved_by_entry(table):
        yield f"{start}; the file counts from diagnosis"
    else:
        yield start
