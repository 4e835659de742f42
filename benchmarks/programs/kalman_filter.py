"""docs/programs/kalman_filter.py in autograd."""

import autograd.numpy as np
from autograd import value_and_grad
from scipy.optimize import minimize


def main(small, given):
    def objective(p, y):
        noise, change = np.exp(p[0]), np.exp(p[1])
        level, variance, likelihood = y[0], noise + change, 0.0
        for flow in y[1:]:
            surprise, total = flow - level, variance + noise
            gain = variance / total
            level, variance = level + gain * surprise, variance * (1 - gain) + change
            likelihood = likelihood - 0.5 * (np.log(2 * np.pi * total) + surprise**2 / total)
        return -likelihood

    flow = given.FLOW[:20] if small else given.FLOW
    start = np.full(2, np.log(np.var(flow)))
    found = minimize(value_and_grad(objective), start, (flow,), jac=True, method="BFGS")
    return np.exp(found.x), -found.fun
