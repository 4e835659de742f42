"""Two networks play: one makes points like those on a ring, one tells them apart; stop_gradient gives each its loss.

Source: Goodfellow and others, Generative adversarial nets (2014), with the generator's loss of section 3.
"""

import numpy as np

import flowgraph as fg

FIGURE = "mean distance of made points from the ring"
RATE = 0.002


def batches(small):
    """Points near a circle of radius 1, and noise."""
    rng = np.random.default_rng(0)
    for _ in range(20 if small else 2000):
        angles = rng.uniform(0, 2 * np.pi, 64)
        ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        yield ring + 0.05 * rng.normal(size=ring.shape), rng.normal(size=(64, 2))


def start(small):
    rng = np.random.default_rng(1)
    units = 8 if small else 32
    sizes = [(2, units), (units,), (units, units), (units,)]
    return [
        [0.7 * rng.normal(size=size) / size[0] ** 0.5 for size in [*sizes, (units, outputs), (outputs,)]]
        for outputs in (2, 1)
    ]


def distance(points):
    return np.mean(np.abs(np.sqrt(np.sum(points**2, axis=1)) - 1))


def layers(p, x):
    W, b, V, c, U, d = p
    return np.tanh(np.tanh(x @ W + b) @ V + c) @ U + d


def network(small):
    real, noise = fg.Input("real", shape=("N", 2)), fg.Input("noise", shape=("N", 2))
    maker, critic = (
        [fg.Parameter(value, name=f"{who}/{name}") for name, value in zip("WbVcUd", values, strict=True)]
        for who, values in zip(("maker", "critic"), start(small), strict=True)
    )
    made = layers(maker, noise)
    of_made = fg.softplus(layers(critic, fg.stop_gradient(made)))  # -log(1 - D)
    of_critic = fg.mean(fg.softplus(-layers(critic, real)) + of_made)
    of_maker = fg.mean(fg.softplus(-layers([fg.stop_gradient(p) for p in critic], made)))  # -log D
    return of_critic, of_maker, made, maker + critic


def main(small=False):
    of_critic, of_maker, made, parameters = network(small)
    grads = dict(zip(parameters, fg.gradient(of_critic + of_maker, parameters), strict=True))
    step = fg.compile([of_critic, of_maker, made], updates=fg.Adam(beta1=0.5).updates(grads, RATE))
    seen = []
    for real, noise in batches(small):
        critical, made_up, points = step(real=real, noise=noise)
        seen.append((critical, made_up, distance(points)))
    return np.array(seen)[[0, 10, -1]]


def picture():
    return fg.Graph(*network(small=False)[:2])


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1, -1]:.4f}")
