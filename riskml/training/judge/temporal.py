"""A split by date: whether a model of the earlier patients would have served the later ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.training.judge.attempts import attempts
from riskml.training.judge.floor import not_judged, not_learned, shown_counts
from riskml.training.judge.shown import plain_interval
from riskml.training.measures import with_intervals
from riskml.training.metrics.intervals import Interval
from riskml.training.out_of_sample import Bench
from riskml.training.resample import temporal


def later(bench: Bench, when: NDArray[np.float64], *, by: str = "date", share: float = 1 / 3) -> dict[str, Any] | None:
    """Learn from the earlier patients, judge on the later ones.

    The later third was treated as the next patients will be, and it was followed for a shorter time: measures at the
    horizon may not be estimable in it.

    Parameters
    ----------
    bench : Bench
    when : float array of shape (n_rows,)
        Days (see :func:`riskml.training.judge.labels.days`), nan where not known.
    by : str
        Which date it is.
    share : float
        Of the patients with a date, the share that is judged, 0 < share < 1.

    Returns
    -------
    dict or None
        None unless some patients are earlier than others. Else ``by``; ``learned`` and ``judged`` with ``n_patients``
        and ``n_events``; ``unknown``, the patients without a date; ``metrics`` with intervals, empty where ``why_not``
        says why; ``plan``; ``words``.

    Raises
    ------
    ValueError
        If ``share`` is not strictly between 0 and 1.

    References
    ----------
    Altman DG, Vergouwe Y, Royston P, Moons KGM. Prognosis and prognostic research: validating a prognostic model. BMJ
    2009;338:b605 (temporal validation).
    """
    if not 0 < share < 1:
        raise ValueError(f"share must be strictly between 0 and 1, got {share!r}")
    rows, plan = bench.rows, temporal(bench.rows.patient, when, share=share, by=by)
    split = plan.splits["later"]
    if not split.train.size or not split.test.size:
        return None
    unknown = np.setdiff1d(np.arange(len(rows.event)), np.concatenate([split.train, split.test]))
    parts = (split.train, split.test, unknown)
    patients, events = shown_counts(
        [len(np.unique(rows.patient[part])) for part in parts], [int(rows.event[part].sum()) for part in parts]
    )
    metrics: dict[str, Interval] = {}
    why_not = not_learned(rows.take(split.train))
    if why_not is None:
        # The plan's digest: what a store holds of another split by date must not be taken for this one.
        (tried,) = attempts(bench, plan.splits, f"later_{plan.digest[:8]}")
        sample = bench.sample(tried.guess)
        why_not = tried.why_not or not_judged(sample)
        metrics = {} if why_not else with_intervals(sample, seed=bench.seed)
    return {
        "by": by,
        "learned": {"n_patients": patients[0], "n_events": events[0]},
        "judged": {"n_patients": patients[1], "n_events": events[1]},
        "unknown": patients[2],
        "metrics": {name: plain_interval(interval) for name, interval in metrics.items()},
        "why_not": why_not,
        "plan": plan.as_dict(),
        "words": _words(patients, metrics, why_not),
    }


def _words(patients: list[str], metrics: dict[str, Interval], why_not: str | None) -> str:
    start = f"learned from {patients[0]} earlier patients, judged on {patients[1]} later ones"
    if why_not:
        return f"{start}: {why_not}"
    first = "auc" if "auc" in metrics else "c_index"
    shown = ((first, "AUC" if first == "auc" else "C"), ("observed_expected", "observed / expected"))
    return f"{start}: " + ", ".join(f"{word} {_figures(metrics[name])}" for name, word in shown)


def _figures(interval: Interval) -> str:
    if not math.isfinite(interval.low):
        return "not estimable"
    return f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})"
