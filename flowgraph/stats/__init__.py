"""Distributions of scipy.stats that take boxes: each has functions of the names and parameters of SciPy.

On arrays the functions give what scipy.stats gives; on boxes they build graphs, which have gradients by the value and
by every parameter that has one. All of them need SciPy.

>>> from flowgraph.functional import grad
>>> from flowgraph.stats import norm
>>> grad(lambda mean: norm.logpdf(3.0, mean, 2.0))(1.0)
np.float64(0.5)
"""

import sys

from flowgraph.stats import dirichlet, multivariate_normal
from flowgraph.stats.univariate import DISTRIBUTIONS

bernoulli, beta, cauchy, chi2, expon, gamma, laplace, logistic, norm, pareto, poisson, t, truncnorm, uniform = (
    DISTRIBUTIONS[name] for name in sorted(DISTRIBUTIONS)
)
sys.modules.update(DISTRIBUTIONS)  # import flowgraph.stats.norm as norm, as code written for autograd has it

__all__ = [
    "bernoulli", "beta", "cauchy", "chi2", "dirichlet", "expon", "gamma", "laplace", "logistic", "multivariate_normal",
    "norm", "pareto", "poisson", "t", "truncnorm", "uniform",
]  # fmt: skip
