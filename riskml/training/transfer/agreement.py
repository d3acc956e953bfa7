"""Does a new cohort speak of what the bundle speaks of: the same outcome, in the same units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from riskml.cohort.checks.units import column_factor, has_scale, measured_values
from riskml.cohort.cohort import Cohort
from riskml.cohort.outcomes.settings import (
    CHOICES,
    LISTS,
    NUMBERS,
    find_outcome,
    no_response_counts,
    response_columns,
)
from riskml.errors import DataError, Fault
from riskml.runtime.bundle import Bundle
from riskml.runtime.dictionary import load_dictionary
from riskml.training.recipe import load_recipe

# Settings that change who has the event, or when; names and words about them do not.
_DECIDE = (*CHOICES, *LISTS, *NUMBERS, "column", "time", "mrd_inclusive")
# What is meant where a setting is not written.
_MEANT: Mapping[str, Any] = {
    "rule": "column",
    "origin": "first_dose",
    "clock_starts": "first_dose",
    "events_at_landmark": "exclude",
    "hsct": "ignore",
    "cart": "ignore",
    "mrd_inclusive": False,
    "min_exposure_days": 0,
    "no_response_date": "assessment",
}
# Half a decade beyond the range of training, which is that of means of five patients: what biology moves groups by.
_MARGIN = 10**0.5
_UNORDERED = frozenset({"event_levels", "excluded_levels", "events", "competing", "mrd_methods"})


def outcome_of(given: str) -> Mapping[str, Any]:
    """The settings of an outcome by its name in the dictionary, or of the outcome of a recipe.

    Raises
    ------
    UsageError
        If there is neither.
    DataError
        If the recipe breaks rules.
    """
    dictionary = load_dictionary()
    if given not in dictionary.outcomes and given.endswith(".toml"):
        recipe = load_recipe(given)
        return {"name": recipe.outcome, **recipe.outcome_table}
    name, table = find_outcome(given, dictionary)
    return {"name": name, **table}


def check_outcome(bundle: Bundle, outcome: Mapping[str, Any]) -> None:
    """Refuse an outcome that is not the one the bundle predicts.

    Parameters
    ----------
    bundle : Bundle
    outcome : mapping
        Settings as in ``features/outcomes.toml``: how the new cohort recorded it.

    Raises
    ------
    DataError
        With one fault for each setting that changes who has the event, or when.
    """
    own, name = bundle.manifest["outcome"], bundle.manifest["name"]
    faults = [
        Fault(None, None, f"{setting} must be {_written(mine)}, as {name} was trained", _written(theirs), "")
        for setting, mine, theirs in differing(own, outcome)
    ]
    if faults:
        remedy = "record it as the bundle defines it and leave out --outcome, or train a model of it (riskml train)"
        raise DataError(f"another outcome than that of {name} was refused: {remedy}", faults)


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Settings of two outcomes that are not the same, with both values (None where one does not set it)."""
    for setting in dict.fromkeys(_DECIDE):
        if setting == "no_response_date" and not (no_response_counts(first) and no_response_counts(second)):
            continue  # that non-response counts in one alone is another setting's difference
        mine, theirs = _meaning(first, setting), _meaning(second, setting)
        if mine != theirs:
            yield setting, first.get(setting, _MEANT.get(setting)), second.get(setting, _MEANT.get(setting))


def check_content(bundle: Bundle, cohort: Cohort) -> None:
    """Refuse a file that contradicts the bundle's outcome or units.

    Parameters
    ----------
    bundle : Bundle
    cohort : Cohort
        With the bundle's derived inputs.

    Raises
    ------
    DataError
        If no MRD method of the file is one the outcome accepts, no grade is on its scale, a level of its column is
        unknown to the bundle's dictionary, or an input lies a factor of 100 or 1000 off the range of training.
    """
    faults = [*_methods(bundle, cohort), *_scale(bundle, cohort), *_levels(bundle, cohort), *_units(bundle, cohort)]
    if faults:
        raise DataError(f"{cohort.name} does not fit {bundle.manifest['name']}", faults)


def content_warnings(bundle: Bundle, cohort: Cohort) -> Iterator[str]:
    """What a reader should know of a file that was not refused: inputs it lacks, and grades by other scales."""
    outcome, model = bundle.manifest["outcome"], bundle.model
    absent = [name for name in model.inputs if name not in cohort.frame or not cohort.frame[name].notna().any()]
    if absent:
        effects = {item["input"]: item["mean_absolute_effect"] for item in bundle.manifest.get("importance", ())}
        whole = sum(effects.values())
        share = sum(effects.get(name, 0.0) for name in absent) / whole if whole else 0.0
        yield (
            f"not recorded here: {', '.join(absent)} ({100 * share:.0f} % of the model's effects); each counts as "
            "unknown in every patient, so that the model ranks less well than it could"
        )
    column = _scale_column(outcome)
    if column in cohort.frame and "scale" not in outcome:
        used = sorted(cohort.frame[column].dropna().unique())
        if len(used) > 1 or used not in ([], ["astct"]):
            yield f"{column} says {', '.join(used)}; the outcome names no scale, and scales do not agree"


def _meaning(table: Mapping[str, Any], setting: str) -> Any:
    value = table.get(setting, _MEANT.get(setting))
    if setting in _UNORDERED and value is not None:
        return frozenset(value)
    if setting == "eligible" and value is not None:
        return {column: frozenset(levels) for column, levels in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _written(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, Mapping):
        return "; ".join(f"{key} = {_written(part)}" for key, part in value.items())
    if isinstance(value, (list, tuple)):
        numbers = all(isinstance(part, (int, float)) for part in value)
        return (" to " if numbers else " or ").join(map(str, value))
    return str(value)


def _methods(bundle: Bundle, cohort: Cohort) -> Iterator[Fault]:
    outcome, column = bundle.manifest["outcome"], "mrd_after_method"
    accepted = outcome.get("mrd_methods")
    if accepted is None or column not in response_columns(outcome) or column not in cohort.frame:
        return
    used = sorted(cohort.frame[column].dropna().unique())
    if used and not set(used) & set(accepted):
        rule = f"the outcome of {bundle.manifest['name']} accepts MRD by {' or '.join(accepted)}"
        yield Fault(None, column, rule, ", ".join(used), "validate on patients measured by that method")


def _scale(bundle: Bundle, cohort: Cohort) -> Iterator[Fault]:
    outcome = bundle.manifest["outcome"]
    column, wanted = _scale_column(outcome), outcome.get("scale")
    if wanted is None or column not in cohort.frame:
        return
    used = sorted(cohort.frame[column].dropna().unique())
    if used and wanted not in used:
        rule = f"grades of {bundle.manifest['name']} are on the scale {wanted}"
        yield Fault(None, column, rule, ", ".join(used), f"grade the courses on {wanted}; scales cannot be converted")


def _levels(bundle: Bundle, cohort: Cohort) -> Iterator[Fault]:
    """Levels that this riskml reads and the bundle's own dictionary does not have."""
    column = bundle.manifest["outcome"].get("column")
    if column is None or column not in cohort.frame or bundle.dictionary[column].kind != "category":
        return
    unknown = sorted(set(cohort.frame[column].dropna()) - set(bundle.dictionary[column].levels))
    if unknown:
        rule = f"{bundle.manifest['name']} knows the levels {', '.join(bundle.dictionary[column].levels)}"
        yield Fault(None, column, rule, ", ".join(unknown), "map these onto the levels it knows with --columns")


def _units(bundle: Bundle, cohort: Cohort) -> Iterator[Fault]:
    for name, limits in bundle.model.limits.items():
        variable = bundle.dictionary[name]
        if name not in cohort.frame or not has_scale(variable):
            continue
        plausible = (limits[0] / _MARGIN, limits[1] * _MARGIN)
        factor = column_factor(variable, measured_values(cohort, name), plausible)
        if factor is not None:
            low, high = map(variable.quantity.show, limits)
            rule = (
                f"nearly all values lie outside the range of training, {low} to {high}, and inside if times {factor:g}"
            )
            yield Fault(None, name, rule, None, "state the column's unit in its header or in a --columns file")


def _scale_column(outcome: Mapping[str, Any]) -> str:
    return f"{str(outcome.get('column', '')).removesuffix('_grade')}_scale" if "min_grade" in outcome else ""
