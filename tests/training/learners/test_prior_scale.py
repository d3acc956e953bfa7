"""The integral over tau against independent quadrature of the exact integrals, and the grid against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import halfnorm
from sklearn.exceptions import ConvergenceWarning

from riskml.training.learners.prior_scale import integrate, standardise, symmetric_root, tau_grid


def gaussian(estimate, information):
    """Log-likelihood of a normal mean, for which Laplace is exact."""
    precision = np.diag(information)

    def likelihood(theta):
        away = theta - estimate
        return float(-0.5 * away @ precision @ away), -precision @ away, precision.copy()

    return likelihood


def settings(**changed):
    return {"free": 0, "grid": tau_grid(0.5), "max_iter": 100, "tol": 1e-10} | changed


@pytest.mark.parametrize("scale", [0.1, 0.5, 3.0])
def test_grid_integrates_the_half_normal(scale):
    tau, mass = tau_grid(scale)
    prior = halfnorm(scale=scale)
    assert mass.sum() == pytest.approx(1, abs=1e-3)
    assert mass @ tau == pytest.approx(prior.mean(), rel=2e-3)
    assert mass @ tau**2 == pytest.approx(prior.moment(2), rel=1e-3)
    assert mass[0] >= prior.cdf(tau[0])  # nothing below the grid is lost


def test_fixed_tau_is_a_grid_of_one():
    tau, mass = tau_grid(0.5, math.inf)
    assert tau.tolist() == [math.inf]
    assert mass.tolist() == [1.0]


@pytest.mark.parametrize("bad", [{"prior_scale": 0.0}, {"prior_scale": math.inf}, {"prior_scale": 1.0, "tau": 0.0}])
def test_impossible_widths_are_refused(bad):
    with pytest.raises(ValueError, match="must be positive"):
        tau_grid(**bad)
    with pytest.raises(ValueError, match="must be positive"):
        tau_grid(prior_scale=1.0, tau=math.nan)


@pytest.mark.parametrize(("estimate", "information"), [(0.8, 30.0), (0.0, 100.0), (3.0, 5.0), (0.1, 2000.0)])
def test_posterior_of_a_normal_mean(estimate, information):
    # estimate | tau ~ N(0, tau^2 + 1/information) exactly; E[beta] = sum over tau of estimate * tau^2 / (tau^2 + 1/I).
    def joint(tau):
        spread = math.sqrt(tau**2 + 1 / information)
        return halfnorm.pdf(tau, scale=0.5) * math.exp(-0.5 * (estimate / spread) ** 2) / spread

    def integral(f):
        return quad(f, 0, 6, points=[0.02, 0.1, 0.5, 2.0], epsabs=0, epsrel=1e-10, limit=500)[0]

    total = integral(joint)
    mean = integral(lambda tau: joint(tau) * estimate * tau**2 / (tau**2 + 1 / information)) / total
    square = (
        integral(
            lambda tau: (
                joint(tau)
                * ((estimate * tau**2 / (tau**2 + 1 / information)) ** 2 + tau**2 / (tau**2 * information + 1))
            )
        )
        / total
    )
    found = integrate(gaussian(np.array([estimate]), np.array([information])), np.zeros(1), np.ones(1), **settings())
    standard_error = 1 / math.sqrt(information)
    assert found.mean[0] == pytest.approx(mean, abs=5e-3 * standard_error)
    assert found.covariance[0, 0] == pytest.approx(square - mean**2, rel=0.01)
    assert found.weight @ found.tau == pytest.approx(integral(lambda tau: joint(tau) * tau) / total, rel=0.01)
    assert found.weight.sum() == pytest.approx(1)


def test_free_parameters_are_not_shrunk_and_cancel_from_the_weights():
    alone = integrate(gaussian(np.array([1.0]), np.array([9.0])), np.zeros(1), np.ones(1), **settings())
    both = gaussian(np.array([50.0, 1.0]), np.array([4.0, 9.0]))
    found = integrate(both, np.zeros(2), np.ones(2), **settings(free=1))
    assert found.mean == pytest.approx([50.0, alone.mean[0]], rel=1e-10)
    np.testing.assert_allclose(found.weight, alone.weight, rtol=1e-9)


def test_standardised_inputs_by_hand():
    # Column 0: mean 2, variance ((1 + 1 + 0 + 0) / 4) = 1/2. Column 1 is constant but for rounding.
    X = np.array([[1.0, 0.3], [3.0, 0.1 + 0.2], [2.0, 0.3], [2.0, 0.3]])
    inputs = standardise(X, np.ones(4))
    assert inputs.centre[0] == 2
    assert inputs.scale == pytest.approx([math.sqrt(0.5), math.inf])
    assert abs(inputs.loadings[:, 0]) == pytest.approx([math.sqrt(2), 0])
    assert inputs.moment == pytest.approx([4.0])
    assert inputs.full_rank


def test_principal_axes_keep_the_linear_predictor():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(12, 30)), rng.uniform(0.5, 2, 12)
    inputs = standardise(X, weight)
    gamma = rng.normal(size=inputs.moment.size)
    np.testing.assert_allclose((X - inputs.centre) @ (inputs.loadings @ gamma), inputs.scores @ gamma, atol=1e-12)
    np.testing.assert_allclose((weight[:, None] * inputs.scores).T @ inputs.scores, np.diag(inputs.moment), atol=1e-10)
    assert inputs.moment.size == 11  # centring takes one of the twelve dimensions
    assert not inputs.full_rank
    np.testing.assert_allclose((X - inputs.centre) @ inputs.unseen(), 0, atol=1e-10)  # what no row shows, no row uses


def test_too_few_steps_warn():
    def steep(theta):
        e = np.exp(-theta)
        return float(-(theta + e).sum()), e - 1, np.diag(e)

    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        integrate(steep, np.full(1, 3.0), np.ones(1), **settings(max_iter=1))


def test_overshooting_steps_are_halved():
    # log cosh is so flat far out that a plain Newton step from 3 lands at -97 and diverges from there.
    def flat(theta):
        return float(-np.log(np.cosh(theta - 1)).sum()), -np.tanh(theta - 1), np.diag(np.cosh(theta - 1) ** -2.0)

    found = integrate(flat, np.full(1, 4.0), np.ones(1), **settings(grid=tau_grid(0.5, math.inf)))
    assert found.mean[0] == pytest.approx(1.0, abs=1e-9)


def test_flat_likelihood_without_prior_is_refused():
    def nothing(theta):
        return 0.0, np.zeros(1), np.zeros((1, 1))

    with pytest.raises(ValueError, match="no finite estimate"):
        integrate(nothing, np.zeros(1), np.ones(1), **settings(grid=tau_grid(0.5, math.inf)))


def test_a_known_precision_is_kept_and_its_evidence_exact():
    # Two normal means, the second with the known prior N(0, 1/4): its evidence is a normal density, for which Laplace
    # is exact; the first is as if alone.
    estimate, information, known = np.array([0.8, 0.5]), np.array([30.0, 10.0]), np.array([math.nan, 4.0])
    alone = integrate(gaussian(estimate[:1], information[:1]), np.zeros(1), information[:1], **settings())
    both = integrate(gaussian(estimate, information), np.zeros(2), information, **settings(), precision=known)
    assert both.mean == pytest.approx([alone.mean[0], 0.5 * 10 / 14])
    assert both.covariance[1, 1] == pytest.approx(1 / 14)
    spread = math.sqrt(1 / 10 + 1 / 4)
    density = math.exp(-0.5 * (0.5 / spread) ** 2) / spread
    assert both.log_evidence - alone.log_evidence == pytest.approx(math.log(density * math.sqrt(1 / 10)))


def test_symmetric_root_takes_zero_variances():
    covariance = np.array([[4.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 0.0]])  # of rank one, and a constant
    root = symmetric_root(covariance)
    np.testing.assert_allclose(root @ root, covariance, atol=1e-12)
    np.testing.assert_allclose(root, root.T, atol=1e-15)
