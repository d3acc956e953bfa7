"""What a model does over a cohort, in aggregates: the content of ``explanation.json`` and of ``riskml explain``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from riskml.cohort.cohort import Cohort
from riskml.errors import NotEstimableError
from riskml.runtime.bundle import Bundle
from riskml.runtime.dictionary import Dictionary, Variable
from riskml.runtime.explain import TooManyInputsError
from riskml.runtime.explain_table import explain_table
from riskml.runtime.members import Trees
from riskml.runtime.model import PortableModel
from riskml.runtime.predict import checked_times
from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.dependence import dependence, short
from riskml.training.explanation import unit_of
from riskml.training.importance import Importance, Rows, importance, standing_for_all
from riskml.training.interactions import MAX_INPUTS, mean_interactions

FloatArray = npt.NDArray[np.float64]

SCHEMA = "riskml.explanation/1"
MONTHS = 13
# Rows for the course over time: its curves are means, to be seen and not to be calculated with.
_ROWS_OVER_TIME = 100
_PAIRS = 5


def explanation_of(
    model: PortableModel,
    rows: Rows,
    dictionary: Dictionary,
    *,
    horizon: float | None = None,
    horizons: Sequence[float] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """Aggregates of the exact effects of every input on the answer for every row.

    Parameters
    ----------
    model : PortableModel
    rows : Rows
    dictionary : Dictionary
        Of the bundle.
    horizon : float or None
        Month at which importance and interactions are given; None for a binary outcome.
    horizons : sequence of float
        Months of the dependence curves; ``horizon`` is added.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        As docs/explanations.md lists it. No patient's value or effect is in it: curves are means of five patients or
        more, counts of 1 to 4 are blurred.

    Raises
    ------
    NotEstimableError
        If there are fewer than five patients.
    """
    if rows.n_patients < SMALLEST_CELL:
        raise NotEstimableError(
            f"a cohort's explanation is about {SMALLEST_CELL} patients or more, this one has {rows.n_patients}; "
            "riskml predict explains single patients"
        )
    times = () if horizon is None else tuple(sorted({*map(float, horizons), float(horizon)}))
    at = 0 if horizon is None else times.index(float(horizon))
    found = explain_table(model, rows.columns, rows.n_rows, times)
    ranked = importance(model, rows, found.effects[:, :, at], month=horizon, seed=seed)
    order = [int(i) for i in np.argsort(-ranked.mean, kind="stable")]
    shares, inputs = ranked.rank_shares, []
    for i in order:
        name = model.inputs[i]
        variable, column = dictionary[name], rows.columns.get(name)
        curve = None
        if column is not None:
            curve = dependence(variable, model.features, column, found.effects[:, i], rows.patient)
        inputs.append(
            {
                "input": name,
                "label": variable.label,
                "unit": unit_of(variable),
                "share_known": _share_known(column),
                **_measures(ranked, i),
                "rank_shares": [round(float(share), 3) for share in shares[i]] if len(shares) else [],
                "dependence": curve,
            }
        )
    return {
        "schema": SCHEMA,
        "scale": found.scale,
        "times": list(times),
        "horizon_months": horizon,
        "n_rows": rows.n_rows,
        "n_patients": rows.n_patients,
        "level": model.level,
        "draws": len(ranked.draws),
        "base": [short(float(b), 4) for b in found.base],
        "mean": [short(float(m), 4) for m in found.value.mean(axis=0)],
        "inputs": inputs,
        "over_time": None
        if horizon is None
        else _over_time(model, rows, order, horizon=horizon, importances=ranked.mean),
        "interactions": _interactions(model, () if horizon is None else (horizon,)),
        "typical": _typical(model, dictionary, () if horizon is None else (horizon,)),
    }


def explain_aggregates(
    bundle: Bundle, cohort: Cohort, *, at: Sequence[float] | None = None, seed: int = 0
) -> dict[str, Any]:
    """:func:`explanation_of` a finished model over the rows of any cohort, which needs no outcome.

    Parameters
    ----------
    bundle : Bundle
    cohort : Cohort
        An input that it lacks has no effect.
    at : sequence of float, optional
        Months for a survival model, by default those it reports. Importance is given at the month the bundle was
        judged at, if it is one of them, else at the last.
    seed : int

    Raises
    ------
    NotEstimableError
        If there are fewer than five patients, or a month lies beyond what the model supports.
    """
    times, judged = checked_times(bundle, at), bundle.manifest["horizon_months"]
    horizon = None if not times else judged if judged in times else times[-1]
    rows = Rows(bundle.input_columns(cohort), cohort.patient, np.zeros(cohort.n_courses, dtype=bool))
    return explanation_of(bundle.model, rows, bundle.dictionary, horizon=horizon, horizons=times, seed=seed)


def training_explanation(
    manifest: Mapping[str, Any], model: PortableModel, rows: Rows, dictionary: Dictionary, *, seed: int
) -> dict[str, Any] | None:
    """What goes into a bundle: :func:`explanation_of` at its months; None where effects cannot be computed exactly."""
    months = {"horizon": manifest["horizon_months"], "horizons": manifest["horizons_months"]}
    try:
        return explanation_of(model, rows, dictionary, **months, seed=seed)
    except TooManyInputsError:
        return None


def importance_of(explanation: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The few numbers of each input that the manifest repeats for the card."""
    kept = ("input", "mean_absolute_effect", "low", "high", "rank_low", "rank_high")
    return [{key: item[key] for key in kept} for item in explanation["inputs"]] if explanation else []


def _measures(ranked: Importance, i: int) -> dict[str, Any]:
    ends, (low, high) = ranked.ends, (None, None)
    places: tuple[int | None, int | None] = (None, None)
    if ends is not None:
        low, high = (short(float(end[i])) for end in ends)
        tail = (1 - ranked.level) / 2
        first, last = np.quantile(ranked.ranks[:, i], [tail, 1 - tail], method="inverted_cdf")
        # As the interval holds the mean, the ranks hold the input's own.
        own = 1 + int((ranked.mean > ranked.mean[i]).sum())
        places = (min(int(first), own), max(int(last), own))
    mean = short(float(ranked.mean[i]))
    return {"mean_absolute_effect": mean, "low": low, "high": high, "rank_low": places[0], "rank_high": places[1]}


def _share_known(column: Any) -> float:
    """Share of rows that have a value, rounded; one that would tell of one to four rows is blurred."""
    if column is None:
        return 0.0
    values = np.asarray(column, dtype=object)
    known = sum(value is not None and value == value for value in values)  # noqa: PLR0124 - nan is not itself
    gone = len(values) - known
    if 0 < gone < SMALLEST_CELL:
        return round(1 - SMALLEST_CELL / 2 / len(values), 3)
    return round((SMALLEST_CELL / 2 if 0 < known < SMALLEST_CELL else known) / len(values), 3)


def _over_time(
    model: PortableModel, rows: Rows, order: Sequence[int], *, horizon: float, importances: FloatArray
) -> dict[str, Any]:
    """Mean absolute effect of each input from month 0 to the last the model supports: SHAP(t) of the cohort.

    Rows that stand for all give the shape of each curve, the importance its height.
    """
    months = [round(float(month), 2) for month in np.linspace(0, model.horizon, MONTHS)]
    months[-1] = min(months[-1], model.horizon)
    some = rows.take(standing_for_all(model, rows, (horizon,), _ROWS_OVER_TIME))
    means = np.abs(explain_table(model, some.columns, some.n_rows, [*months, horizon]).effects).mean(axis=0)
    means *= np.divide(importances, means[:, -1], out=np.ones_like(importances), where=means[:, -1] > 0)[:, None]
    effects = {model.inputs[i]: [short(float(x)) for x in means[i, :-1]] for i in order}
    return {"months": months, "mean_absolute_effects": effects}


def _interactions(model: PortableModel, times: Sequence[float]) -> dict[str, Any]:
    """The strongest pairs of a model with trees; a linear one has none on its own scale."""
    if not any(isinstance(member.predictor, Trees) for member in model.members):
        scale = "log-odds" if model.kind == "binary" else "log-hazard"
        why = f"every member is additive on its linear scale ({scale}), where no input's effect depends on another"
        return {"pairs": [], "why": why}
    n_inputs = len(model.inputs)
    if n_inputs > MAX_INPUTS:
        return {"pairs": [], "why": f"not computed: {n_inputs} inputs, {MAX_INPUTS} at most"}
    found = mean_interactions(model, times)
    pairs = sorted(combinations(range(n_inputs), 2), key=lambda pair: -found[pair])[:_PAIRS]
    shown = [
        {"inputs": [model.inputs[i], model.inputs[j]], "mean_absolute_interaction": short(float(found[i, j]))}
        for i, j in pairs
    ]
    return {"pairs": shown, "why": ""}


def _typical(model: PortableModel, dictionary: Dictionary, times: Sequence[float]) -> dict[str, Any]:
    """The prototype whose prediction is nearest the mean of them: a mean of five patients or more."""
    columns = dict(zip(model.inputs, map(list, zip(*model.background, strict=True)), strict=True))
    found = explain_table(model, columns, len(model.background), times)
    place = int(np.argmin(np.abs(found.value[:, 0] - found.base[0])))
    effects = [
        {
            "input": name,
            "value": _as_read(dictionary[name], model.background[place][i]),
            "effect": short(float(found.effects[place, i, 0])),
        }
        for i, name in enumerate(model.inputs)
    ]
    return {"value": short(float(found.value[place, 0]), 4), "effects": effects}


def _as_read(variable: Variable, value: float | str) -> str:
    """A value of a prototype; a share of patients with a lesion is said as one."""
    if variable.kind == "tristate" and value not in (0.0, 1.0):
        return f"present in {100 * float(value):.0f} %"
    return variable.show(value)
