"""docs/programs/neural_ode.py in autograd, whose odeint asks for a tuple of its own."""

import autograd.numpy as np
from autograd import grad
from autograd.builtins import tuple
from autograd.misc.optimizers import adam
from autograd.scipy.integrate import odeint


def main(small, given):
    def slope(y, t, W, b, V, c):
        return np.dot(np.tanh(np.dot(y, W) + b), V) + c

    def error(weights, times, points):
        return np.mean(np.abs(odeint(slope, given.FIRST, times, tuple(weights), **given.TOLERANCE) - points))

    weights, times = given.start(small)
    points = given.path(times)
    slopes = grad(error)
    found = adam(lambda p, i: slopes(p, times, points), weights, num_iters=2 if small else 60, step_size=0.02)
    return error(weights, times, points), error(found, times, points)
