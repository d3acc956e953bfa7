"""The learners of a run, as sentences of a methods section with their sources: only those that took part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from riskml.reporting.methods_judged import listed
from riskml.runtime.shares import percent

Settings = Mapping[str, Any]
# What a recipe that is silent gets; a test holds each to the estimator's own default.
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "ridge_logistic": {"prior_scale": 0.5},
    "literature_logistic": {"prior_scale": 0.5, "prior_weight": 0.5},
    "ridge_cox": {"prior_scale": 0.5},
    "literature_cox": {"prior_scale": 0.5, "prior_weight": 0.5},
    "cause_specific_cox": {"prior_scale": 0.5},
    "parametric": {"prior_scale": 0.5, "distribution": "weibull"},
    "forest": {"trees": 100, "leaf": 5},
    "survival_forest": {"trees": 100, "leaf": 15},
    "boosting": {"rounds": 100, "depth": 2, "learning_rate": 0.05, "partition_rows": None},
    "boosting_cox": {"rounds": 100, "depth": 2, "learning_rate": 0.05},
    "boosting_aft": {
        "rounds": 100,
        "depth": 2,
        "learning_rate": 0.05,
        "distribution": "lognormal",
        "partition_rows": None,
    },
    "survival_boosting": {"rounds": 100, "depth": 2, "learning_rate": 0.05},
}
_PRIOR = (
    "coefficients of standardised predictors have a Gaussian prior around zero [@mackay1992], whose width has a "
    "half-normal prior of scale {prior_scale:g} [@gelman2006] and is not tuned but integrated out by Laplace's "
    "approximation [@tierney1986]"
)
_BORROWED = (
    "coefficients of which studies speak have a mixture of two priors, what the studies found and the ridge's own "
    "(a Gaussian around zero [@mackay1992] whose width, with a half-normal prior of scale {prior_scale:g} "
    "[@gelman2006], is integrated out by Laplace's approximation [@tierney1986]); the studies have a prior weight of "
    "{prior_weight:g} and were widened for what differs between studies [@schmidli2014; @higgins2009]"
)
_BASELINE = (
    "the baseline hazard is constant between the months of a grid and smoothed by a random walk on its logarithm "
    "[@gamerman1991] in a Poisson likelihood [@holford1980]"
)
_STEPS = "the baseline hazard is kept at the months of a grid"
_FOREST = "{trees} trees with at least {leaf} patients a leaf"
_TREES = "{rounds} rounds of trees of depth {depth}, each adding {learning_rate:g} of its step"
_SIGNED = "effects whose direction the evidence declares may go no other way"
# Kind -> what it is, and what else there is to say of it.
_LEARNERS: Mapping[str, tuple[str, ...]] = {
    "ridge_logistic": ("ridge logistic regression", _PRIOR),
    "literature_logistic": ("logistic regression with priors from the literature", _BORROWED),
    "ridge_cox": ("ridge Cox regression [@cox1972] with Efron's ties [@efron1977]", _PRIOR, _BASELINE),
    "literature_cox": (
        "Cox regression [@cox1972] with Efron's ties [@efron1977] and priors from the literature",
        _BORROWED,
        _BASELINE,
    ),
    "cause_specific_cox": (
        "one ridge Cox regression [@cox1972] a cause, which together give the cumulative incidence [@prentice1978]",
        _PRIOR,
        _BASELINE,
    ),
    "parametric": ("a {distribution} model of the time to the event [@kalbfleisch2002]", _PRIOR),
    "firth_logistic": (
        "logistic regression penalised by Jeffreys' prior [@firth1993]",
        "the intercept is corrected so that the mean prediction is the share of events [@puhr2017]",
    ),
    "elastic_net_logistic": (
        "elastic-net logistic regression [@zou2005; @friedman2010]",
        "its penalty is the one of least log-loss in an inner cross-validation",
    ),
    "elastic_net_cox": (
        "elastic-net Cox regression [@cox1972; @zou2005; @simon2011]",
        "its penalty is the one of least deviance in an inner cross-validation [@verweij1993]",
        _BASELINE,
    ),
    "forest": ("a random forest [@breiman2001]", _FOREST),
    "survival_forest": ("a random survival forest [@ishwaran2008; @poelsterl2020]", _FOREST),
    "boosting": ("gradient boosting of the logistic loss by XGBoost [@chen2016]", _TREES, _SIGNED),
    "boosting_cox": (
        "gradient boosting of Cox's partial likelihood [@cox1972] by XGBoost [@chen2016]",
        _TREES,
        _SIGNED,
        _STEPS,
    ),
    "boosting_aft": (
        "gradient boosting of a {distribution} accelerated failure time model by XGBoost [@chen2016; @barnwal2022]",
        _TREES,
        _SIGNED,
    ),
    "survival_boosting": (
        "gradient boosting [@friedman2001] of Cox's partial likelihood [@cox1972; @ridgeway1999; @poelsterl2020]",
        _TREES,
        _STEPS,
    ),
}
_SPELT = {"weibull": "Weibull", "loglogistic": "log-logistic", "lognormal": "log-normal"}
_TREE_KINDS = ("forest", "boosting", "survival")


def learned_by(training: Settings) -> Iterator[str]:
    """What was fitted: each learner with its prior or its tuning, how several are averaged, and who was left out.

    Parameters
    ----------
    training : mapping
        ``manifest["training"]``: ``learner``, the recipe's table, and ``members``, those that took part.
    """
    table, members = training["learner"], training.get("members", ())
    if "estimator" in table:
        yield (
            f"The estimator is {table['estimator']}, of another package and with the settings of the recipe "
            "[@pedregosa2011]."
        )
        return
    tables = {item["kind"]: item for item in table.get("member", [table]) if "kind" in item}
    for item in members:
        kind = item["kind"]
        yield _learner(kind, {**DEFAULTS.get(kind, {}), **tables.get(kind, {})}, one_of=len(members) > 1)
        if "literature_weight" in item:
            yield f"Given the data the studies kept a weight of {item['literature_weight']:.2f}."
        if item["line"]:
            yield (
                f"The {_plain(kind)} was recalibrated by an intercept and a slope, fitted to predictions for patients "
                "it had not seen [@cox1958]."
            )
    if len(members) > 1:
        shares = listed([f"{_plain(item['kind'])} {percent(item['weight'])}" for item in members])
        found = (
            "weights that maximise the likelihood of predictions for patients unseen in an inner cross-validation "
            "[@yao2018]"
            if table["kind"] == "stack"
            else "the weights of the recipe, equal where it names none"
        )
        yield f"Their predictions are averaged on the scale of the answer, with {found}: {shares}."
    yield from (f"{text[0].upper()}{text[1:]}." for text in training.get("members_left_out", ()))
    if studies := training.get("without_studies"):
        yield f"Left out of what the literature says: {listed(list(studies))}."


def _plain(kind: str) -> str:
    return kind.replace("_", " ")


def _learner(kind: str, settings: Settings, *, one_of: bool = False) -> str:
    """One learner as a sentence; one of an installed package is named only."""
    start = "One learner" if one_of else "The learner"
    if kind not in _LEARNERS:
        return f"{start} is {_plain(kind)}, which an installed package offers."
    said = {**settings, "distribution": _SPELT.get(settings.get("distribution", ""), "")}
    what, *more = (text.format_map(said) for text in _LEARNERS[kind])
    return f"{start} is {what}{': ' if more else ''}{'; '.join(more)}."


def refitted(training: Settings, level: float) -> Iterator[str]:
    """How the interval of a single estimate is made.

    Parameters
    ----------
    training : mapping
        ``manifest["training"]``
    level : float
        Of the interval, in (0, 1).
    """
    if not training["bootstrap"]:
        return
    kinds = [item["kind"] for item in training.get("members", ())]
    trees = [kind for kind in kinds if kind.startswith(_TREE_KINDS)]
    posterior = ", each with one draw from its posterior" if len(trees) < len(kinds) else ""
    posterior += " where the learner has one" if posterior and trees else ""
    yield (
        f"The interval of a single estimate holds the middle {100 * level:.0f} % of the estimates by "
        f"{training['bootstrap']} refits of the whole procedure to resampled patients [@efron1993]{posterior}."
    )
