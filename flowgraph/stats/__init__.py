"""Distributions of scipy.stats that take boxes: each a module with functions of the names and parameters of SciPy.

On arrays the functions give what scipy.stats gives; on boxes they build graphs, which have gradients by the value and
by every parameter that has one. All of them need SciPy.

>>> from flowgraph.functional import grad
>>> from flowgraph.stats import norm
>>> grad(lambda mean: norm.logpdf(3.0, mean, 2.0))(1.0)
np.float64(0.5)
"""

from flowgraph.stats import beta, chi2, dirichlet, gamma, multivariate_normal, norm, poisson, t

__all__ = ["beta", "chi2", "dirichlet", "gamma", "multivariate_normal", "norm", "poisson", "t"]
