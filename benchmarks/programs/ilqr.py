"""docs/programs/ilqr.py with its derivatives from autograd."""

import autograd.numpy as np
from autograd import grad, hessian, jacobian


def main(small, given):
    step = given.STEP

    def dynamics(z):
        velocity = z[1] + step * (z[2] - 9.81 * np.sin(z[0]) - 0.1 * z[1])
        return np.stack([z[0] + step * velocity, velocity])

    def cost(z):
        return step * (0.5 * (z[0] - np.pi) ** 2 + 0.05 * z[1] ** 2 + 0.02 * z[2] ** 2)

    def expanded(zs):
        return [np.array([derivative(z) for z in zs]) for derivative in (jacobian(dynamics), grad(cost), hessian(cost))]

    return given.swing(small, expanded)
