"""Hazard ratios of event-free and overall survival: each factor alone and a few together, with what they rest on.

This describes a cohort. Which factors predict, and how well, is another question, and answered elsewhere by models that
are judged on patients they were not made from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import with_inputs
from riskml.cohort.outcomes import Target
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.describe.disclosure import exact, protected
from riskml.training.describe.factors import Factor, factor
from riskml.training.describe.group_tests import p_text
from riskml.training.describe.survival import DECLARED, IMMORTAL, Declared, notes_of, target_of
from riskml.training.describe.table import NOT_SHOWN, Part, Row, Table
from riskml.training.learners.cox_effects import CoxEffects, cox_effects
from riskml.training.metrics.proportional_hazards import ProportionalHazards, ScoreTest, proportional_hazards

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
NAN = float("nan")

NAME, TITLE = "hazards", "Factors of survival"
# Known at the first dose; any cohort lacks some of them.
FACTORS = (
    *("disease_class_initial", "disease_status_at_start", "age", "sex", "bcr_abl1", "kmt2a_r", "any_poor_lesion"),
    *("prior_hsct", "bridging_chemo", "bm_blasts", "mrd", "lymphocytes", "cd3", "cd19"),
    *("wbc", "cns_status", "etv6_runx1", "tcf3_pbx1", "trisomy_4_10", "entry_time"),
)
# Fixed before any data: the published groups of event-free survival, and the lesions every scheme calls poor.
MODEL = ("disease_class_initial", "any_poor_lesion")
# Of a cohort that lacks one of them: what defines the risk groups of the trials at diagnosis, else what any file has.
OTHERWISE = (("age", "wbc"), ("age", "sex"))
# Below it estimates are biased away from 1 and their intervals too narrow (Peduzzi P et al. J Clin Epidemiol
# 1995;48:1503-1510).
ENOUGH_EVENTS = 10
COLUMNS = (
    *("Patients", "Events", "Hazard ratio (95 % CI)", "P", "P, proportional hazards"),
    *("Adjusted hazard ratio (95 % CI)", "P, adjusted", "P, proportional hazards, adjusted"),
)
ALONE = 5  # columns of the univariable models
DESCRIBES = (
    "This describes one cohort and selects no predictor: P values are not adjusted for their number, and a factor that "
    "stands out was not tested on other patients."
)
HOW = (
    "Cox's model, ties by Efron, Wald intervals and tests; P beside the name of a category is of all its levels. "
    "Proportional hazards: Grambsch and Therneau's test; a small P says that the ratio changes with time and the one "
    "printed is an average."
)
FIRTH = "Firth's penalised likelihood, profile likelihood intervals and likelihood ratio tests"
_NO_TESTS = ProportionalHazards({}, ScoreTest(NAN, 0, NAN))
_TITLES = {"efs": "Hazard ratios of event-free survival", "os": "Hazard ratios of overall survival"}


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """One Cox model of some factors among the patients in whom all are known."""

    factors: Mapping[str, Factor]
    event: BoolArray
    effects: CoxEffects
    tests: ProportionalHazards

    def place(self, name: str) -> list[int]:
        """Columns of a factor."""
        sizes = [own.size for own in self.factors.values()]
        start = sum(sizes[: list(self.factors).index(name)])
        return list(range(start, start + self.factors[name].size))

    def hidden(self, name: str) -> bool:
        """Whether the ratio of a factor, with its interval, tells one to four events or patients."""
        own = self.factors[name]
        groups = [own.level(place) for place in range(len(own.levels))] or [own.known]
        return any(
            0 < number < SMALLEST_CELL for rows in groups for number in (int(rows.sum()), int(self.event[rows].sum()))
        )

    def column(self, name: str, level: str) -> int | None:
        """Column of one level of a factor, or of a number; None for the reference and levels nobody has."""
        own = self.factors[name]
        if not own.levels:
            return self.place(name)[0]
        found = own.levels.index(level) if level in own.levels else 0
        return self.place(name)[found - 1] if found else None


def hazards(
    cohort: Cohort,
    *,
    internal: bool = False,
    factors: Sequence[str] = FACTORS,
    model: Sequence[str] | None = None,
    firth: bool = False,
    outcomes: Mapping[str, Declared] | None = None,
) -> Part:
    """Univariable and multivariable Cox models of event-free and of overall survival.

    Where a group has no event, Cox's likelihood has no maximum, and the model is fitted with Firth's penalty.

    Parameters
    ----------
    cohort : Cohort
    internal : bool
        Show what follows from one to four patients or events.
    factors : sequence of str
        Variables of the univariable models, derived ones included, known at the first dose.
    model : sequence of str
        Those of the multivariable model, chosen before the data were seen; by default ``MODEL``, or the first of
        ``OTHERWISE`` of which the cohort has all.
    firth : bool
        Penalise every model.
    outcomes : mapping, optional
        Another outcome for ``efs`` or ``os``, as for :func:`riskml.training.describe.survival.survival`; entry times
        are those of the outcome.

    Returns
    -------
    Part
        A table for each outcome. Its ``values`` hold a dict for each ratio shown: ``variable``, ``level`` (None for a
        number), ``model`` ("univariable", "multivariable"), ``log_hazard_ratio``, ``se``, ``low``, ``high`` (of the
        ratio), ``p_value``, ``proportional_hazards_p``, ``firth``, ``patients`` and ``events`` of the model (None where
        small).

    References
    ----------
    Cox DR. Regression models and life-tables. J R Stat Soc B 1972;34:187-220.
    Grambsch PM, Therneau TM. Proportional hazards tests and diagnostics based on weighted residuals. Biometrika
    1994;81:515-526.
    Heinze G, Schemper M. A solution to the problem of monotone likelihood in Cox regression. Biometrics
    2001;57:114-119.
    """
    if cohort.n_patients < SMALLEST_CELL and not internal:
        return Part(NAME, TITLE, missing=(f"hazard ratios: fewer than {SMALLEST_CELL} patients",))
    asked = model if model is not None else tuple(dict.fromkeys((*MODEL, *chain(*OTHERWISE))))
    missing, names = _after_baseline((*factors, *asked))
    tables = []
    for key, title in _TITLES.items():
        target, why = target_of(cohort, (outcomes[key],) if outcomes and key in outcomes else DECLARED[key])
        if target is None:
            missing.append(f"{title}: {why}")
            continue
        if not internal and 0 < target.n_events < SMALLEST_CELL:
            missing.append(f"{title}: ratios of fewer than {SMALLEST_CELL} events would tell them")
            continue
        judged = with_inputs(cohort.some(target.rows), names)
        found = {name: factor(judged, name, None if internal else target.event) for name in names}
        missing += [f"factor {name}: {why}" for name, why in found.items() if isinstance(why, str)]
        usable = {name: own for name, own in found.items() if isinstance(own, Factor)}
        fixed = (
            model if model is not None else next((one for one in (MODEL, *OTHERWISE) if set(one) <= set(usable)), ())
        )
        table, reasons = _table(key, title, target, usable, fixed, firth=firth, internal=internal)
        tables += [table] if table.rows else []
        missing += reasons
    return Part(NAME, TITLE, tuple(tables), missing=tuple(dict.fromkeys(missing)))


def _after_baseline(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Why some names are refused, and the others: who has a later value lived to have it (immortal time)."""
    dictionary, refused, kept = load_dictionary(), [], []
    for name in dict.fromkeys(names):
        if name in dictionary.variables and not dictionary.usable_at(dictionary[name], "first_dose"):
            refused.append(f"factor {name}: {IMMORTAL}")
        else:
            kept.append(name)
    return refused, kept


def _table(
    key: str,
    title: str,
    target: Target,
    factors: Mapping[str, Factor],
    model: Sequence[str],
    *,
    firth: bool,
    internal: bool,
) -> tuple[Table, list[str]]:
    chosen = {name: factors[name] for name in model if name in factors}
    together, reasons = _model(target, chosen, firth=firth)
    rows: list[Row] = []
    values: list[dict[str, Any]] = []
    fits = [together] if together else []
    hidden: list[str] = []
    silent: list[str] = []
    for name, own in factors.items():
        alone = _fit(target, {name: own}, firth=firth)
        if not internal and alone.hidden(name) and not (name in chosen and together and not together.hidden(name)):
            hidden.append(own.label)
            continue
        if not alone.effects.found and name not in chosen:
            silent.append(own.label)
            continue
        pair = {"univariable": alone, "multivariable": together if name in chosen else None}
        fits.append(alone)
        rows += _rows(own, target, pair, internal=internal)
        values += [
            value for kind, fit in pair.items() if fit for value in _values(own, kind, fit, target, internal=internal)
        ]
    notes = ["One row a patient.", *notes_of(target), HOW if not firth else f"Cox's model by {FIRTH}."]
    if not firth and any(fit.effects.firth and fit.effects.found for fit in fits):
        notes.append(f"† A group without an event, or another way for the likelihood to rise for ever: {FIRTH}.")
    notes += _support(together, target, internal=internal) if together else []
    notes += [f"Not shown, for counts of 1 to 4 would follow: {'; '.join(hidden)}."] if hidden else []
    notes += [f"Not estimable: {'; '.join(silent)}."] if silent else []
    notes += ["–: not estimable, or not given by Firth's penalty.", DESCRIBES]
    # Without a model of several factors its columns would stand empty.
    columns = COLUMNS if together else COLUMNS[:ALONE]
    rows = [Row(row.label, row.cells[: len(columns)], row.indent) for row in rows]
    return Table(f"{key}_hazards", title, columns, tuple(rows), tuple(notes), tuple(values)), [
        f"{title}, multivariable model: {why}" for why in reasons
    ]


def _model(target: Target, chosen: Mapping[str, Factor], *, firth: bool) -> tuple[_Fit | None, list[str]]:
    if len(chosen) < 2:
        return None, ["fewer than two of its factors can be used"]
    known = np.all([own.known for own in chosen.values()], axis=0)
    parameters = sum(own.size for own in chosen.values())
    if int(target.event[known].sum()) <= parameters:
        return None, [f"too few events for its {parameters} parameters among patients with every factor known"]
    fit = _fit(target, chosen, firth=firth)
    if not fit.effects.found:
        return None, ["its factors determine one another, or no event had different patients at risk"]
    return fit, []


def _fit(target: Target, factors: Mapping[str, Factor], *, firth: bool) -> _Fit:
    """The model of patients in whom all factors are known; with Firth's penalty where there is no maximum without."""
    assert target.time is not None
    rows = np.all([own.known for own in factors.values()], axis=0)
    within = {name: own.within(rows) for name, own in factors.items()}
    own = {name: part for name, part in within.items() if len(part.levels) != 1}
    everybody = np.ones(int(rows.sum()), dtype=bool)
    X = np.hstack([np.empty((everybody.size, 0)), *(part.columns(everybody) for part in own.values())])
    time, event = target.time[rows], target.event[rows]
    entry = None if target.entry is None else target.entry[rows]
    effects = cox_effects(X, time, event, entry, firth=firth)
    if not effects.found and not firth:
        effects = cox_effects(X, time, event, entry, firth=True)
    fit = _Fit(own, event, effects, _NO_TESTS)
    terms = {name: fit.place(name) for name in own}
    if not effects.found or effects.firth:
        return fit
    return _Fit(own, event, effects, proportional_hazards(X, time, event, entry, terms=terms))


def _rows(own: Factor, target: Target, pair: Mapping[str, _Fit | None], *, internal: bool) -> list[Row]:
    """The lines of a factor: one of a number; a heading, the reference and the others of a category."""
    levels = own.levels or ("",)
    masks = [own.level(place) for place in range(len(own.levels))] or [own.known]
    rest = ~own.known
    numbers = [[int(mask.sum()), int(target.event[mask].sum())] for mask in (*masks, rest)]
    whole = [[len(target.event), target.n_events]]
    texts = []
    for kind in (0, 1):
        counts = [row[kind] for row in (*whole, *numbers)]
        texts.append(protected(counts, [(tuple(range(1, len(counts))), 0)], {0} if not kind else (), internal=internal))
    rows = []
    if own.levels:
        rows.append(Row(own.label, ("", "", *(cell for fit in pair.values() for cell in _heading(own, fit, internal)))))
    for place, level in enumerate(levels):
        cells = [cell for fit in pair.values() for cell in _cells(own, level, place, fit, internal)]
        label, indent = (level, 1) if own.levels else (own.label, 0)
        rows.append(Row(label, (texts[0][place + 1], texts[1][place + 1], *cells), indent))
    return rows


def _heading(own: Factor, fit: _Fit | None, internal: bool) -> tuple[str, str, str]:
    """Of a category: nothing, the test of all levels, and whether their hazards are proportional."""
    if fit is None or own.name not in fit.factors:
        return "", "", ""
    if fit.hidden(own.name) and not internal:
        return "", NOT_SHOWN, NOT_SHOWN
    return (
        "",
        p_text(fit.effects.wald(fit.place(own.name)) if not fit.effects.firth else NAN),
        p_text(_ph(fit, own.name)),
    )


def _cells(own: Factor, level: str, place: int, fit: _Fit | None, internal: bool) -> tuple[str, str, str]:
    """Ratio, P and the test of proportional hazards (beside the name of a category, not of its levels)."""
    if fit is None:
        return "", "", ""
    if own.levels and place == 0:
        return "1 (reference)", "", ""
    if own.name not in fit.factors or not fit.effects.found:
        return "–", "–", "" if own.levels else "–"
    if fit.hidden(own.name) and not internal:
        return NOT_SHOWN, NOT_SHOWN, "" if own.levels else NOT_SHOWN
    column = fit.column(own.name, level)
    if column is None:
        return "–", "–", ""
    effects = fit.effects
    ratio, low, high = (_ratio(x[column]) for x in (effects.coef, effects.low, effects.high))
    mark = " †" if effects.firth else ""
    return (
        f"{ratio} ({low} to {high}){mark}",
        p_text(effects.p_value[column]),
        "" if own.levels else p_text(_ph(fit, own.name)),
    )


def _ph(fit: _Fit, name: str) -> float:
    return fit.tests.terms[name].p_value if name in fit.tests.terms else NAN


def _ratio(log_ratio: float) -> str:
    if np.isinf(log_ratio):
        return "infinity" if log_ratio > 0 else "0"
    if np.isnan(log_ratio):
        return "–"
    ratio = float(np.exp(log_ratio))
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.2f}" if ratio >= 0.01 else f"{ratio:.1g}"


def _used(fit: _Fit, target: Target, *, internal: bool) -> tuple[str, str]:
    """Patients and events of a model as text, beside those of the whole cohort."""
    pairs = ((len(target.event), fit.event.size), (target.n_events, int(fit.event.sum())))
    texts = [protected([all_, own, all_ - own], [((1, 2), 0)], {0}, internal=internal)[1] for all_, own in pairs]
    return texts[0], texts[1]


def _support(fit: _Fit, target: Target, *, internal: bool) -> list[str]:
    """How many events stand behind each parameter of the multivariable model, and what follows."""
    (patients, events), parameters = _used(fit, target, internal=internal), fit.effects.coef.size
    text = f"Multivariable model: {patients} patients with every factor known, {events} events, {parameters} parameters"
    each = int(fit.event.sum()) / parameters
    if exact(events):
        text += f": {each:.1f} events a parameter"
    if each < ENOUGH_EVENTS:
        text += f"; below {ENOUGH_EVENTS} events a parameter ratios are biased away from 1 and intervals too narrow"
    return [f"{text}."]


def _values(own: Factor, kind: str, fit: _Fit, target: Target, *, internal: bool) -> list[dict[str, Any]]:
    if not fit.effects.found or own.name not in fit.factors or (fit.hidden(own.name) and not internal):
        return []
    found, effects = [], fit.effects
    used = zip(("patients", "events"), _used(fit, target, internal=internal), strict=True)
    counted = {name: int(text.replace(",", "")) if exact(text) else None for name, text in used}
    for level in fit.factors[own.name].levels[1:] or (None,):
        column = fit.column(own.name, level or "")
        assert column is not None
        numbers = {
            "log_hazard_ratio": effects.coef[column],
            "se": effects.standard_error[column],
            "low": np.exp(effects.low[column]),
            "high": np.exp(effects.high[column]),
            "p_value": effects.p_value[column],
            "proportional_hazards_p": _ph(fit, own.name),
        }
        plain = {name: float(x) if np.isfinite(x) else None for name, x in numbers.items()}
        found.append({"variable": own.name, "level": level, "model": kind} | plain | {"firth": effects.firth} | counted)
    return found
