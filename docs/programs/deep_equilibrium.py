"""A layer whose value is a fixed point, z = tanh(z W + x U + b), with gradients by the implicit function theorem.

Source: Bai, Kolter and Koltun, Deep equilibrium models (2019).
"""

import numpy as np

import flowgraph as fg
from flowgraph.functional import value_and_grad
from flowgraph.scipy.optimize import fixed_point

FIGURE = "share of right points"


def data(count):
    """Two spirals of points in the plane."""
    rng = np.random.default_rng(0)
    labels, turns = np.arange(count) % 2, np.linspace(0.5, 3.5, count)
    angles = turns + np.pi * labels
    points = turns[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1) / 2
    return points + 0.05 * rng.normal(size=points.shape), labels


def start(units):
    rng = np.random.default_rng(1)
    return {
        "W": 0.3 * rng.normal(size=(units, units)) / units**0.5, "U": rng.normal(size=(2, units)),
        "b": np.zeros(units), "V": rng.normal(size=(units, 2)) / units**0.5,
    }  # fmt: skip


def layer(z, W, drive):
    return np.reshape(np.tanh(np.reshape(z, drive.shape) @ W + drive), -1)


def scores(p, x):
    contracting = 0.9 * p["W"] / np.linalg.norm(p["W"])  # so that there is one fixed point, and iteration finds it
    drive = x @ p["U"] + p["b"]
    z = fixed_point(layer, np.zeros(drive.size), (contracting, drive), xtol=1e-13, method="iteration")
    return np.reshape(z, drive.shape) @ p["V"]


def objective(p, x, y):
    return fg.mean(fg.SoftmaxCrossEntropy(scores(p, x), y))


def main(small=False):
    x, y = data(10 if small else 30)
    p, seen = start(3 if small else 6), []
    for _ in range(3 if small else 150):
        value, slopes = value_and_grad(objective)(p, x, y)
        p = {name: p[name] - 0.5 * slopes[name] for name in p}
        seen.append(value)
    return seen, np.mean(np.argmax(scores(p, x), axis=1) == y)


def picture():
    return fg.trace(objective, p=start(3), x=data(4)[0], y=data(4)[1])


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
