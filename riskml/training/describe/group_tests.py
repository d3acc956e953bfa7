"""Tests between groups and the effect that belongs beside each P value: pure functions of counts and arrays.

Everything two-sided. scipy computes what it has; our own are the exact test of larger tables and Newcombe's interval,
which it lacks, and Firth's odds ratio and DeLong's interval, which the house has already.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from string import ascii_lowercase

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import gammaln

from riskml.training.learners.firth import firth_coefficients
from riskml.training.metrics.intervals import Interval, auc_interval

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEVEL = 0.95
FISHER = "Fisher's exact test"
FISHER_LARGER = "Fisher-Freeman-Halton exact test"
PEARSON = "Pearson's chi-squared test"
LIKELIHOOD_RATIO = "likelihood-ratio chi-squared test"
MANN_WHITNEY = "Mann-Whitney test"
KRUSKAL_WALLIS = "Kruskal-Wallis test"
# Tables that are enumerated at once: above this the exact test takes seconds and hundreds of megabytes.
MOST_TABLES = 1_000_000
# Ranks of smaller groups have their exact distribution, as in R's wilcox.test.
EXACT_BELOW = 50


@dataclass(frozen=True, slots=True)
class Comparison:
    """A test by its name; ``p_value`` is nan where there is nothing to compare.

    Attributes
    ----------
    test : str
    p_value : float
    statistic : float
        Chi-squared, U of the first group or H; nan for an exact test of counts, which has none.
    """

    test: str
    p_value: float
    statistic: float = math.nan


def fisher(table: ArrayLike) -> Comparison:
    r"""Exact test of independence with both margins fixed: P is the probability of all tables no likelier than this.

    For two by two scipy's; for larger tables every table with these margins is written out, its probability being
    proportional to :math:`1 / \prod_{ij} x_{ij}!`. Where there are more than ``MOST_TABLES`` of them Pearson's test is
    returned instead, under its own name.

    Parameters
    ----------
    table : int array of shape (n_rows, n_columns)
        Counts.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If the table is not one of counts.

    References
    ----------
    Fisher RA. The logic of inductive inference. J R Stat Soc 1935;98:39-82.
    Freeman GH, Halton JH. Note on an exact treatment of contingency, goodness of fit and other problems of
    significance. Biometrika 1951;38:141-149.

    Examples
    --------
    >>> round(fisher([[4, 5], [1, 41]]).p_value, 6)
    0.002306
    """
    counts = _filled(table)
    name = FISHER if np.shape(table) == (2, 2) else FISHER_LARGER
    if counts is None:
        return Comparison(name, math.nan)
    if counts.shape == (2, 2):
        return Comparison(FISHER, float(stats.fisher_exact(counts).pvalue))
    p_value = _enumerated(counts)
    return pearson(counts) if p_value is None else Comparison(FISHER_LARGER, p_value)


def pearson(table: ArrayLike) -> Comparison:
    """Pearson's chi-squared test of independence, without a correction for continuity; arguments as for `fisher`.

    References
    ----------
    Pearson K. On the criterion that a given system of deviations from the probable in the case of a correlated system
    of variables is such that it can be reasonably supposed to have arisen from random sampling. Philos Mag
    1900;50:157-175.
    """
    return _chi_squared(table, PEARSON, "pearson")


def likelihood_ratio(table: ArrayLike) -> Comparison:
    r"""Likelihood-ratio test of independence, :math:`G^2 = 2 \sum O \log(O / E)`; arguments as for `fisher`.

    References
    ----------
    Wilks SS. The likelihood test of independence in contingency tables. Ann Math Stat 1935;6:190-196.
    """
    return _chi_squared(table, LIKELIHOOD_RATIO, "log-likelihood")


def mann_whitney(first: FloatArray, second: FloatArray) -> Comparison:
    """Ranks of two groups: exact without ties and below ``EXACT_BELOW`` each, else normal with ties and continuity.

    Parameters
    ----------
    first, second : float arrays of shape (n,) and (m,)
        Unknown values (nan) are left out.

    Returns
    -------
    Comparison

    References
    ----------
    Mann HB, Whitney DR. On a test of whether one of two random variables is stochastically larger than the other. Ann
    Math Stat 1947;18:50-60.
    """
    x, y = _known(first), _known(second)
    pooled = np.concatenate([x, y])
    if min(len(x), len(y)) == 0 or np.ptp(pooled) == 0:
        return Comparison(MANN_WHITNEY, math.nan)
    exact = max(len(x), len(y)) < EXACT_BELOW and len(np.unique(pooled)) == len(pooled)
    result = stats.mannwhitneyu(x, y, method="exact" if exact else "asymptotic")
    return Comparison(MANN_WHITNEY, float(result.pvalue), float(result.statistic))


def kruskal_wallis(groups: Sequence[FloatArray]) -> Comparison:
    """Ranks of several groups against chi-squared, corrected for ties; groups without a known value are left out.

    References
    ----------
    Kruskal WH, Wallis WA. Use of ranks in one-criterion variance analysis. J Am Stat Assoc 1952;47:583-621.
    """
    known = [values for values in map(_known, groups) if len(values)]
    if len(known) < 2 or np.ptp(np.concatenate(known)) == 0:
        return Comparison(KRUSKAL_WALLIS, math.nan)
    result = stats.kruskal(*known)
    return Comparison(KRUSKAL_WALLIS, float(result.pvalue), float(result.statistic))


def wilson(events: int, n: int, level: float = LEVEL) -> Interval:
    """A share with Wilson's score interval; nan without patients.

    References
    ----------
    Wilson EB. Probable inference, the law of succession, and statistical inference. J Am Stat Assoc 1927;22:209-212.

    Examples
    --------
    >>> share = wilson(9, 51)
    >>> round(share.low, 4), round(share.high, 4)
    (0.0957, 0.3025)
    """
    if n == 0:
        return _none("Wilson", level)
    low, high = stats.binomtest(events, n).proportion_ci(level, method="wilson")
    return Interval(events / n, float(low), float(high), level, "Wilson")


def risk_difference(first: tuple[int, int], second: tuple[int, int], level: float = LEVEL) -> Interval:
    """Share of the first group minus that of the second, with Newcombe's interval from both Wilson intervals.

    Parameters
    ----------
    first, second : (int, int)
        Patients with and without the event.
    level : float

    References
    ----------
    Newcombe RG. Interval estimation for the difference between independent proportions: comparison of eleven methods.
    Stat Med 1998;17:873-890 (method 10).

    Examples
    --------
    >>> found = risk_difference((56, 14), (48, 32))  # the paper's own case: 0.0524 to 0.3339
    >>> round(found.low, 4), round(found.high, 4)
    (0.0524, 0.3339)
    """
    a, b = wilson(first[0], sum(first), level), wilson(second[0], sum(second), level)
    if math.isnan(a.value + b.value):
        return _none("Newcombe", level)
    value = a.value - b.value
    low = value - math.hypot(a.value - a.low, b.high - b.value)
    high = value + math.hypot(a.high - a.value, b.value - b.low)
    return Interval(value, low, high, level, "Newcombe")


def conditional_odds_ratio(table: ArrayLike, level: float = LEVEL) -> Interval:
    """Conditional maximum likelihood odds ratio of a 2x2 table with its exact interval, as R's fisher.test gives.

    References
    ----------
    Cornfield J. A statistical problem arising from retrospective studies. In: Proc 3rd Berkeley Symp Math Stat Probab
    1956;4:135-148.
    """
    counts = _filled(table)
    if np.shape(table) != (2, 2):
        raise ValueError(f"an odds ratio needs a 2x2 table, got shape {np.shape(table)}")
    if counts is None:
        return _none("exact conditional", level)
    result = stats.contingency.odds_ratio(counts, kind="conditional")
    low, high = result.confidence_interval(level)
    return Interval(float(result.statistic), float(low), float(high), level, "exact conditional")


def firth_odds_ratio(table: ArrayLike, level: float = LEVEL) -> Interval:
    """Firth's odds ratio of a 2x2 table ([event, none] with, [event, none] without), finite with empty cells.

    References
    ----------
    Heinze G, Schemper M. A solution to the problem of separation in logistic regression. Stat Med 2002;21:2409-2419.

    Examples
    --------
    >>> round(firth_odds_ratio([[0, 5], [9, 37]]).value, 2)  # maximum likelihood says 0
    0.36
    """
    counts = _filled(table)
    if np.shape(table) != (2, 2):
        raise ValueError(f"an odds ratio needs a 2x2 table, got shape {np.shape(table)}")
    if counts is None:
        return _none("Firth, profile penalised likelihood", level)
    fitted = firth_coefficients([[1], [1], [0], [0]], [1, 0, 1, 0], sample_weight=counts.ravel(), level=level)
    value, low, high = (math.exp(part[1]) for part in (fitted.coef, fitted.low, fitted.high))
    return Interval(value, low, high, level, "Firth, profile penalised likelihood")


def superiority(first: FloatArray, second: FloatArray, level: float = LEVEL) -> Interval:
    r"""Probability of superiority :math:`P(X > Y) + P(X = Y) / 2`, of which Mann-Whitney's U is the count.

    It needs no scale, so it suits values over decades and values below a detection limit, which are ties. The interval
    is DeLong's on the logit scale (see `riskml.training.metrics.intervals.auc_interval`).

    References
    ----------
    Acion L, Peterson JJ, Temple S, Arndt S. Probabilistic index: an intuitive non-parametric approach to measuring the
    size of treatment effects. Stat Med 2006;25:591-602.
    """
    x, y = _known(first), _known(second)
    if min(len(x), len(y)) == 0:
        return _none("logit DeLong", level)
    inside = np.repeat([True, False], [len(x), len(y)])
    return auc_interval(inside, np.concatenate([x, y]), level, inflation=1.0)


def p_text(p_value: float) -> str:
    """A P value as journals print it; a dash where there is none.

    Examples
    --------
    >>> p_text(0.0143), p_text(0.00002), p_text(float("nan"))
    ('0.014', '<0.001', '–')
    """
    if math.isnan(p_value):
        return "–"
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def marked(comparison: Comparison, used: list[str]) -> str:
    """P with the letter of its test in ``used``, to which a new test is added; `explained` says what letters mean.

    Examples
    --------
    >>> used = []
    >>> marked(Comparison("Fisher's exact test", 0.0143), used), used
    ('0.014 a', ["Fisher's exact test"])
    """
    if math.isnan(comparison.p_value):
        return p_text(comparison.p_value)
    if comparison.test not in used:
        used.append(comparison.test)
    return f"{p_text(comparison.p_value)} {ascii_lowercase[used.index(comparison.test)]}"


def explained(used: Sequence[str]) -> tuple[str, ...]:
    """A note for each test that `marked` was given."""
    return tuple(f"{letter} {test}, two-sided" for letter, test in zip(ascii_lowercase, used, strict=False))


def interval_text(interval: Interval, digits: int = 2, factor: float = 1.0) -> str:
    """``value (low to high)``, each times ``factor``; a dash where the interval is not estimable."""
    ends = [factor * end for end in (interval.value, interval.low, interval.high)]
    if not all(map(math.isfinite, ends)):
        return "–"
    value, low, high = (f"{end:z.{digits}f}" if abs(end) < 1e4 else f"{end:.1g}" for end in ends)
    return f"{value} ({low} to {high})"


def _none(method: str, level: float) -> Interval:
    return Interval(math.nan, math.nan, math.nan, level, f"{method}: not estimable, a group or an outcome is empty")


def _known(values: FloatArray) -> FloatArray:
    return values[~np.isnan(values)]


def _filled(table: ArrayLike) -> IntArray | None:
    """The counts without empty rows and columns, or None where fewer than two of either are left."""
    given = np.asarray(table)
    whole = given.ndim == 2 and given.dtype.kind in "iuf" and bool(np.all((given >= 0) & (given == np.floor(given))))
    if not whole:
        raise ValueError(f"a table of counts needs two dimensions and whole numbers from 0, got {given.tolist()!r}")
    counts = given.astype(np.int64)
    counts = counts[counts.any(axis=1)][:, counts.any(axis=0)]
    return counts if min(counts.shape) >= 2 else None


def _chi_squared(table: ArrayLike, name: str, kind: str) -> Comparison:
    counts = _filled(table)
    if counts is None:
        return Comparison(name, math.nan)
    result = stats.chi2_contingency(counts, correction=False, lambda_=kind)
    return Comparison(name, float(result.pvalue), float(result.statistic))


def _enumerated(counts: IntArray) -> float | None:
    """Freeman and Halton's P, or None where there are too many tables; columns are filled one after the other."""
    if counts.shape[0] > counts.shape[1]:
        counts = counts.T
    # The largest column comes last, for it follows from the others.
    columns = sorted(counts.T.tolist(), key=sum)
    left, weight = counts.sum(axis=1)[None, :], np.zeros(1)
    for column in columns[:-1]:
        most = MOST_TABLES // max(1, len(left))
        parts = np.array(list(islice(_parts(sum(column), counts.sum(axis=1).tolist()), most + 1)))
        if len(parts) > most:
            return None
        rest = left[:, None, :] - parts[None, :, :]
        total = weight[:, None] - gammaln(parts + 1.0).sum(axis=1)[None, :]
        possible = (rest >= 0).all(axis=2)
        left, weight = rest[possible], total[possible]
    weight -= gammaln(left + 1.0).sum(axis=1)
    observed = -float(gammaln(counts + 1.0).sum())
    share = np.exp(weight - weight.max())
    # Tables as likely as the observed one count, rounding aside (as in R).
    return float(share[weight <= observed + 1e-7].sum() / share.sum())


def _parts(total: int, most: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every way to put ``total`` into cells of at most ``most`` each."""
    if len(most) == 1:
        if total <= most[0]:
            yield (total,)
        return
    for first in range(max(0, total - sum(most[1:])), min(total, most[0]) + 1):
        for rest in _parts(total - first, most[1:]):
            yield (first, *rest)
