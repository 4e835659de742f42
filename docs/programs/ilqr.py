"""Iterative LQR swings a pendulum up: derivatives of dynamics and cost at all times in one compiled call.

Source: Li and Todorov, Iterative linear quadratic regulator design for nonlinear biological movement systems (2004).
"""

import numpy as np

import flowgraph as fg
from flowgraph.functional import grad, hessian, jacobian, jit, vmap

FIGURE = "cost of the swing"
STEP = 0.05


def dynamics(z):
    """The angle from below and the velocity after a step, of angle, velocity and torque."""
    velocity = z[1] + STEP * (z[2] - 9.81 * np.sin(z[0]) - 0.1 * z[1])
    return np.stack([z[0] + STEP * velocity, velocity])


def cost(z):
    return STEP * (0.5 * (z[0] - np.pi) ** 2 + 0.05 * z[1] ** 2 + 0.02 * z[2] ** 2)


@jit
def expanded(zs):
    """The Jacobian of the dynamics, and slope and Hessian of the cost, at each time."""
    return vmap(jacobian(dynamics))(zs), vmap(grad(cost))(zs), vmap(hessian(cost))(zs)


def rolled(us, xs=None, ks=None, Ks=None, size=0.0):
    """States and torques from the start at rest, where torques follow a plan and answer to what differs from it."""
    x, zs = np.zeros(2), []
    for t, u in enumerate(us):
        u = u if xs is None else u + size * ks[t] + Ks[t] @ (x - xs[t])
        zs.append(np.append(x, u))
        x = np.array(dynamics(zs[-1]))
    return np.array(zs), sum(float(cost(z)) for z in zs)


def backwards(jacobians, slopes, hessians, damping):
    """What to add to each torque, and how to answer to each state, from the last time to the first."""
    V, v, ks, Ks = np.zeros((2, 2)), np.zeros(2), [], []
    for J, slope, H in zip(jacobians[::-1], slopes[::-1], hessians[::-1], strict=True):
        Q, q = H + J.T @ V @ J, slope + J.T @ v
        Q[2, 2] += damping
        k, K = -q[2] / Q[2, 2], -Q[2, :2] / Q[2, 2]
        V, v = Q[:2, :2] + np.outer(Q[:2, 2], K), q[:2] + k * Q[:2, 2]
        ks.append(k)
        Ks.append(K)
    return ks[::-1], Ks[::-1]


def swing(small, expanded):
    zs, best = rolled(np.zeros(20 if small else 100))
    seen = [best]
    for _ in range(3 if small else 40):
        ks, Ks = backwards(*expanded(zs), damping=1e-3)
        tried = [rolled(zs[:, 2], zs[:, :2], ks, Ks, size) for size in 0.5 ** np.arange(8)]
        zs, best = min(tried, key=lambda one: one[1])
        seen.append(best)
    return zs[-1], seen


def main(small=False):
    return swing(small, expanded)


def picture():
    return fg.trace(jacobian(dynamics), z=np.zeros(3))


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1][-1]:.4f}")
