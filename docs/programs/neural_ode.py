"""A network learns a differential equation from points of one path; gradients run back along its solution.

Source: Chen, Rubanova, Bettencourt and Duvenaud, Neural ordinary differential equations (2018), the spiral.
"""

import numpy

import flowgraph as fg
import flowgraph.numpy as np
from flowgraph.functional import grad
from flowgraph.interop.autograd import adam
from flowgraph.scipy.integrate import odeint

FIGURE = "mean absolute error of the path"
FIRST = np.array([2.0, 0.0])
TOLERANCE = {"rtol": 1e-9, "atol": 1e-9}


def path(times):
    """The true path, by a formula: it turns and shrinks."""
    size = 2 * np.exp(-0.1 * times)
    return np.stack([size * np.cos(2 * times), -size * np.sin(2 * times)], axis=1)


def start(small):
    rng = numpy.random.default_rng(0)
    units = 4 if small else 20
    weights = [0.3 * rng.normal(size=(2, units)), np.zeros(units), 0.3 * rng.normal(size=(units, 2)), np.zeros(2)]
    return weights, np.linspace(0, 0.5 if small else 1.5, 5 if small else 15)


def slope(y, t, W, b, V, c):
    return np.dot(np.tanh(np.dot(y, W) + b), V) + c


def error(weights, times, points):
    return np.mean(np.abs(odeint(slope, FIRST, times, tuple(weights), **TOLERANCE) - points))


def main(small=False):
    weights, times = start(small)
    points = path(times)
    slopes = grad(error)
    found = adam(lambda p, i: slopes(p, times, points), weights, num_iters=2 if small else 60, step_size=0.02)
    return error(weights, times, points), error(found, times, points)


def picture():
    return fg.trace(slope, y=np.ones(2), t=0.0, W=np.ones((2, 3)), b=np.ones(3), V=np.ones((3, 2)), c=np.ones(2))


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
