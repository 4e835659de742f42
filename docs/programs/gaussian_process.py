"""A Gaussian process fits its scales to noisy points, by the marginal likelihood, and predicts between them.

Source: Rasmussen and Williams, Gaussian processes for machine learning (2006), algorithm 2.1 and section 5.4.
"""

import numpy
from scipy.optimize import minimize

import flowgraph as fg
import flowgraph.numpy as np
from flowgraph.functional import value_and_grad
from flowgraph.scipy.linalg import solve_triangular

FIGURE = "log marginal likelihood"


def data(small):
    rng = numpy.random.default_rng(0)
    x = np.sort(rng.uniform(-4, 4, 15 if small else 400))
    return x, np.sin(2 * x) + 0.3 * x + 0.2 * rng.normal(size=x.size)


def kernel(p, a, b):
    return np.exp(2 * p[0]) * np.exp(-((a[:, None] - b[None, :]) ** 2) / (2 * np.exp(2 * p[1])))


def root(p, x):
    return np.linalg.cholesky(kernel(p, x, x) + np.exp(2 * p[2]) * np.eye(len(x)))


def objective(p, x, y):
    """Minus the log marginal likelihood of the logarithms of height, length and noise."""
    L = root(p, x)
    z = solve_triangular(L, y, lower=True)
    return np.sum(z**2) / 2 + np.sum(np.log(np.diag(L))) + len(y) / 2 * np.log(2 * np.pi)


def predicted(p, x, y, new):
    L, across = root(p, x), kernel(p, x, new)
    v = solve_triangular(L, across, lower=True)
    mean = np.dot(v.T, solve_triangular(L, y, lower=True))
    return mean, np.sqrt(np.exp(2 * p[0]) - np.sum(v**2, axis=0))


def main(small=False):
    x, y = data(small)
    found = minimize(value_and_grad(objective), np.zeros(3), (x, y), jac=True, method="L-BFGS-B")
    return found.x, *predicted(found.x, x, y, np.linspace(-5, 5, 7)), -found.fun


def picture():
    return fg.trace(objective, p=np.zeros(3), x=np.zeros(5), y=np.zeros(5))


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
