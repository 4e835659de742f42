"""Likelihoods, links, covariances, costs and distributions, with the derivatives that their authors wrote."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, spd, uniform
from benchmarks.outside.fresh import sources
from benchmarks.outside.fresh.adapters import found_wrong, gradient, slope

GPY = Package("GPy", "numpy")
PARAMZ = Package("paramz", "numpy")
GPYREG = Package("gpyreg", "numpy")
PYTTB = Package("pyttb", "numpy")
OPENTURNS = Package("openturns", "numpy")
MORD = Package("mord", "numpy")
IMINUIT = Package("iminuit", "numpy")
BOOSTED = Package("xgboost-distribution", "numpy")
PYSOT = Package("pySOT", "numpy")
PACKAGES = [GPY, PARAMZ, GPYREG, PYTTB, OPENTURNS, MORD, IMINUIT, BOOSTED, PYSOT]

X = normal(4, 2)
F, COUNTS, SIGNS = (
    normal(5, 1),
    np.array([[0.0], [2.0], [1.0], [3.0], [1.0]]),
    np.array([[0.0], [1.0], [1.0], [0.0], [1.0]]),
)
POSITIVE = uniform(5, 1, low=0.3, high=2.0)


def _likelihood(name: str, link: Any, y: Any, **options: Any) -> Case:
    """The log-likelihood by the value of the link."""

    def one() -> Any:
        return getattr(importlib.import_module("GPy.likelihoods"), name)(**options)

    return slope(lambda f: one().logpdf_link(f, y), lambda f: one().dlogpdf_dlink(f, y), link)


def _likelihood_second(name: str, link: Any, y: Any, **options: Any) -> Case:
    def one() -> Any:
        return getattr(importlib.import_module("GPy.likelihoods"), name)(**options)

    return slope(lambda f: one().dlogpdf_dlink(f, y), lambda f: one().d2logpdf_dlink2(f, y), link)


for _name, _at, _y, _options in (
    ("Bernoulli", uniform(5, 1), SIGNS, {}),
    ("Exponential", POSITIVE, uniform(5, 1, seed=1), {}),
    ("Gamma", POSITIVE, uniform(5, 1, seed=1), {}),
    ("Gaussian", F, normal(5, 1, seed=1), {"variance": 0.7}),
    ("Poisson", POSITIVE, COUNTS, {}),
    ("StudentT", F, normal(5, 1, seed=1), {"deg_free": 4.0, "sigma2": 0.5}),
):
    GPY.add(f"{_name}, log-likelihood", partial(_likelihood, _name, _at, _y, **_options))
    GPY.add(f"{_name}, its derivative", partial(_likelihood_second, _name, _at, _y, **_options))


def _link(name: str) -> Case:
    def one() -> Any:
        return getattr(importlib.import_module("GPy.likelihoods.link_functions"), name)()

    return slope(lambda f: one().transf(f), lambda f: one().dtransf_df(f), F)


for _name in ("Probit", "Cloglog", "Log", "Log_ex_1"):
    GPY.add(f"{_name} link", partial(_link, _name))


def _kernel(name: str, *settings: Any, **options: Any) -> Case:
    def one() -> Any:
        return getattr(importlib.import_module("GPy").kern, name)(*settings, **options)

    def backward(grad: Any, value: Any, x: Any, z: Any) -> Any:
        return one().gradients_X(grad, x, z), one().gradients_X(np.array(grad.T), z, x)

    return Case(lambda x, z: one().K(x, z), (X, normal(3, 2, seed=1)), backward)


def _kernel_parameters(name: str) -> Case:
    def one(theta: Any) -> Any:
        found = getattr(importlib.import_module("GPy").kern, name)(2)
        found.variance, found.lengthscale = theta[0], theta[1]
        return found

    def backward(grad: Any, value: Any, theta: Any) -> Any:
        kernel = one(theta)
        kernel.update_gradients_full(np.array(grad), X, X)
        return (np.array([kernel.variance.gradient[0], kernel.lengthscale.gradient[0]]),)

    return Case(lambda theta: one(theta).K(X), (np.array([0.8, 1.3]),), backward)


for _name in ("RBF", "Matern32", "Matern52", "RatQuad", "Linear", "MLP"):
    GPY.add(f"{_name} kernel", partial(_kernel, _name, 2))
for _name in ("RBF", "Matern32", "Exponential", "Cosine"):
    GPY.add(f"{_name} kernel, parameters", partial(_kernel_parameters, _name))


def _transformation(name: str, x: Any, *settings: Any) -> Case:
    """gradfactor is given the value, as in a fit."""

    def one() -> Any:
        return getattr(importlib.import_module("paramz.transformations"), name)(*settings)

    return Case(lambda x: one().f(x), (x,), lambda grad, value, x: (one().gradfactor(value, grad),))


PARAMZ.add("Logexp", lambda: _transformation("Logexp", normal(5)))
PARAMZ.add("Exponent", lambda: _transformation("Exponent", normal(5)))
PARAMZ.add("NegativeLogexp", lambda: _transformation("NegativeLogexp", normal(5)))
PARAMZ.add(
    "NegativeExponent",
    lambda: _transformation("NegativeExponent", normal(5)),
    "wrong",
    "the value is -exp(x), and so is its derivative; gradfactor gives -df times the value, which is +exp(x)",
)
PARAMZ.add("Square", lambda: _transformation("Square", uniform(5)))
PARAMZ.add("Logistic", lambda: _transformation("Logistic", normal(5), 0.0, 2.0))


def _hyper(module: str, name: str, count: int, *settings: Any, extra: tuple[Any, ...] = ()) -> Case:
    def one() -> Any:
        return getattr(importlib.import_module(f"gpyreg.{module}"), name)(*settings)

    def backward(grad: Any, value: Any, hyp: Any) -> Any:
        _, slopes = one().compute(hyp, X, *extra, compute_grad=True)
        return (np.tensordot(grad, slopes, np.ndim(grad)),)

    return Case(lambda hyp: one().compute(hyp, X, *extra), (0.4 * normal(count),), backward)


GPYREG.add("SquaredExponential", lambda: _hyper("covariance_functions", "SquaredExponential", 3))
for _degree in (1, 3, 5):
    GPYREG.add(f"Matern {_degree}", partial(_hyper, "covariance_functions", "Matern", 3, _degree))
GPYREG.add("RationalQuadraticARD", lambda: _hyper("covariance_functions", "RationalQuadraticARD", 4))
GPYREG.add("ConstantMean", lambda: _hyper("mean_functions", "ConstantMean", 1))
GPYREG.add("NegativeQuadratic", lambda: _hyper("mean_functions", "NegativeQuadratic", 5))

RATES, DATA = uniform(3, 4, low=0.3, high=2.0), np.array([[0.0, 1, 0, 1], [1, 1, 0, 0], [0, 1, 1, 0]])


def _generalized(name: str, data: Any, model: Any, *settings: float) -> Case:
    def part(suffix: str) -> Any:
        return getattr(importlib.import_module("pyttb.gcp.handles"), name + suffix)

    return slope(lambda m: part("")(data, m, *settings), lambda m: part("_grad")(data, m, *settings), model)


PYTTB.add("gaussian", lambda: _generalized("gaussian", normal(3, 4, seed=1), normal(3, 4)))
PYTTB.add("bernoulli_odds", lambda: _generalized("bernoulli_odds", DATA, RATES))
PYTTB.add("bernoulli_logit", lambda: _generalized("bernoulli_logit", DATA, normal(3, 4)))
PYTTB.add("poisson", lambda: _generalized("poisson", 2 * DATA, RATES))
PYTTB.add("poisson_log", lambda: _generalized("poisson_log", 2 * DATA, normal(3, 4)))
PYTTB.add("rayleigh", lambda: _generalized("rayleigh", RATES, uniform(3, 4, low=0.3, high=2.0, seed=1)))
PYTTB.add("gamma", lambda: _generalized("gamma", RATES, uniform(3, 4, low=0.3, high=2.0, seed=1)))
PYTTB.add("beta", lambda: _generalized("beta", RATES, uniform(3, 4, low=0.3, high=2.0, seed=1), 0.5))
PYTTB.add(
    "negative_binomial",
    lambda: _generalized("negative_binomial", 2 * DATA, RATES, 3),
    "wrong",
    "d/dm of (r + d) log(1 + m) - d log m is (r + d) / (1 + m) - d / m, written is (r + 1) / (1 + m) - d / m",
)


def _density(name: str, at: Any, *parameters: float) -> Case:
    """The density of a distribution by its argument."""

    def one() -> Any:
        return getattr(importlib.import_module("openturns"), name)(*parameters)

    return slope(
        lambda x: np.array([one().computePDF([float(v)]) for v in x]),
        lambda x: np.array([one().computeDDF([float(v)])[0] for v in x]),
        at,
    )


def _of_parameters(name: str, function: str, *parameters: float) -> Case:
    """The density or the distribution function at four points by the parameters."""
    at = uniform(4, low=0.3, high=0.8)

    def one(theta: Any) -> Any:
        return getattr(importlib.import_module("openturns"), name)(*[float(v) for v in theta])

    def backward(grad: Any, value: Any, theta: Any) -> Any:
        rows = [getattr(one(theta), f"compute{function}Gradient")([float(v)]) for v in at]
        return (grad @ np.array([list(row)[: len(theta)] for row in rows]),)

    return Case(
        lambda theta: np.array([getattr(one(theta), f"compute{function}")([float(v)]) for v in at]),
        (np.array(parameters),),
        backward,
    )


for _name, _at, _parameters in (
    ("Normal", normal(4), (0.3, 1.2)),
    ("Logistic", normal(4), (0.3, 1.2)),
    ("Gumbel", normal(4), (0.8, 0.2)),
    ("Laplace", normal(4), (0.2, 1.3)),
    ("Student", normal(4), (4.0, 0.1, 1.2)),
    ("Gamma", uniform(4), (2.5, 1.3, 0.0)),
    ("Beta", uniform(4), (2.0, 3.5, 0.0, 1.0)),
    ("WeibullMin", uniform(4), (1.2, 2.3, 0.0)),
):
    OPENTURNS.add(f"{_name}, density", partial(_density, _name, _at, *_parameters))
for _name, _parameters in (
    ("Normal", (0.3, 1.2)),
    ("Exponential", (1.4, 0.1)),
    ("Logistic", (0.3, 1.2)),
    ("LogNormal", (0.2, 0.7, 0.0)),
    ("WeibullMin", (1.2, 2.3, 0.0)),
    ("Rayleigh", (0.8, 0.0)),
):
    OPENTURNS.add(f"{_name}, PDF by parameters", partial(_of_parameters, _name, "PDF", *_parameters))
    OPENTURNS.add(f"{_name}, CDF by parameters", partial(_of_parameters, _name, "CDF", *_parameters))


@MORD.right("threshold_based.obj_margin")
def _margin() -> Case:
    x, y, lower = normal(5, 2), np.array([0, 2, 1, 3, 2]), np.tril(np.ones((3, 3)))
    settings = (x, y, 0.3, 4, np.ones((4, 3)), lower, None)

    def part(name: str) -> Any:
        return getattr(importlib.import_module("mord.threshold_based"), name)

    return gradient(
        lambda theta: part("obj_margin")(theta, *settings),
        lambda theta: part("grad_margin")(theta, *settings),
        normal(5),
    )


def _cost(make: Any, *start: float) -> Case:
    return gradient(
        lambda theta: make(importlib.import_module("iminuit.cost"))(*theta),
        lambda theta: make(importlib.import_module("iminuit.cost")).grad(*theta),
        np.array(start),
    )


AT, SEEN = np.linspace(0.1, 1.9, 6), np.array([1.2, 2.0, 2.4, 3.1, 3.9, 4.2])


def _line(x: Any, a: Any, b: Any) -> Any:
    return a + b * x


def _line_grad(x: Any, a: Any, b: Any) -> Any:
    return np.array([np.ones_like(x), x])


def _bell(x: Any, mean: Any, size: Any) -> Any:
    return np.exp(-0.5 * ((x - mean) / size) ** 2) / (size * np.sqrt(2 * np.pi))


def _bell_grad(x: Any, mean: Any, size: Any) -> Any:
    z = (x - mean) / size
    return np.array([_bell(x, mean, size) * z / size, _bell(x, mean, size) * (z**2 - 1) / size])


IMINUIT.add(
    "LeastSquares", lambda: _cost(lambda cost: cost.LeastSquares(AT, SEEN, 0.3, _line, grad=_line_grad), 1.0, 1.5)
)
IMINUIT.add(
    "LeastSquares, soft_l1",
    lambda: _cost(lambda cost: cost.LeastSquares(AT, SEEN, 0.3, _line, grad=_line_grad, loss="soft_l1"), 1.0, 1.5),
)
IMINUIT.add("UnbinnedNLL", lambda: _cost(lambda cost: cost.UnbinnedNLL(SEEN, _bell, grad=_bell_grad), 2.3, 1.4))
IMINUIT.add(
    "NormalConstraint",
    lambda: _cost(lambda cost: cost.NormalConstraint(["a", "b"], [0.5, 1.0], spd(2)), 0.7, 0.4),
)


def _boosted(module: str, name: str, y: Any, parameters: int) -> Case:
    """The negative log-likelihood of each observation by its own parameters; the gradient is in float32."""
    sources.bare("xgboost_distribution")

    def one() -> Any:
        return getattr(importlib.import_module(f"xgboost_distribution.distributions.{module}"), name)()

    def backward(grad: Any, value: Any, theta: Any) -> Any:
        found, _ = one().gradient_and_hessian(y, theta, natural_gradient=False)
        return (grad[:, None] * found if parameters > 1 else grad * np.ravel(found),)

    theta = 0.5 * normal(5, parameters)
    return Case(lambda theta: one().loss(y, theta)[1], (theta[:, 0] if parameters == 1 else theta,), backward)


FLOAT32 = "the gradient is rounded to float32 and right to that, the value is not: see proof.py"
BOOSTED.add("Normal", lambda: _boosted("normal", "Normal", normal(5, seed=1), 2), proof=FLOAT32)
BOOSTED.add("Laplace", lambda: _boosted("laplace", "Laplace", normal(5, seed=1), 2), proof=FLOAT32)
BOOSTED.add("LogNormal", lambda: _boosted("log_normal", "LogNormal", uniform(5), 2), proof=FLOAT32)
BOOSTED.add("Exponential", lambda: _boosted("exponential", "Exponential", uniform(5), 1), proof=FLOAT32)


def _radial(name: str, distances: Any) -> Case:
    sources.stub("pyDOE2", "poap", "poap.strategy", "poap.controller")

    def one() -> Any:
        return getattr(importlib.import_module("pySOT.surrogate"), name)()

    return slope(lambda d: one().eval(d), lambda d: one().deriv(d), distances)


PYSOT.add("CubicKernel", lambda: _radial("CubicKernel", uniform(3, 3)))
PYSOT.add("TPSKernel", lambda: _radial("TPSKernel", uniform(3, 3)))
PYSOT.add("LinearKernel", lambda: _radial("LinearKernel", uniform(3, 3)))


@PYSOT.right("RBFInterpolant")
def _interpolant() -> Case:
    sources.stub("pyDOE2", "poap", "poap.strategy", "poap.controller")

    def fitted() -> Any:
        surrogate = importlib.import_module("pySOT.surrogate")
        one = surrogate.RBFInterpolant(
            dim=2, lb=np.zeros(2), ub=np.ones(2), kernel=surrogate.CubicKernel(), tail=surrogate.LinearTail(2)
        )
        one.add_points(uniform(8, 2), normal(8, 1))
        return one

    return gradient(
        lambda x: float(np.ravel(fitted().predict(x[None, :]))[0]),
        lambda x: np.ravel(fitted().predict_deriv(x[None, :])),
        np.array([0.4, 0.6]),
    )


found_wrong(
    OPENTURNS,
    "found after the first run of fg.check: where |x - mu| is 700 times beta and more, exp overflows and the gradient "
    "is NaN, beside a density of 3e-290",
    "Logistic, density",
    "Logistic, PDF by parameters",
    "Logistic, CDF by parameters",
)
found_wrong(
    IMINUIT,
    "found after the first run of fg.check: where the density underflows the value is finite and the gradient 0 / 0",
    "UnbinnedNLL",
)
