"""A variational autoencoder of handwritten digits, with two numbers to a digit.

Source: Kingma and Welling, Auto-encoding variational Bayes (2014), the bound in its appendix B.
"""

import numpy as np

import flowgraph as fg
from flowgraph.data import digits

FIGURE = "bound on the nats of a digit"


def batches(small):
    """Grey levels of 64 pixels, as chances that they are black, and normal draws."""
    rng = np.random.default_rng(0)
    images = digits().x / 16
    for _ in range(10 if small else 1500):
        yield images[rng.integers(0, len(images), 64)], rng.normal(size=(64, 2))


def start(small):
    rng = np.random.default_rng(1)
    units = 8 if small else 100
    sizes = {
        "encode": (64, units),
        "means": (units, 2),
        "logs": (units, 2),
        "decode": (2, units),
        "pixels": (units, 64),
    }
    weights = {name: rng.normal(size=size) / size[0] ** 0.5 for name, size in sizes.items()}
    return weights | {f"b_{name}": np.zeros(size[1]) for name, size in sizes.items()}


def network(small):
    x, noise = fg.Input("x", shape=("N", 64)), fg.Input("noise", shape=("N", 2))
    p = {name: fg.Parameter(value, name=name) for name, value in start(small).items()}

    def linear(name, h):
        return h @ p[name] + p[f"b_{name}"]

    with fg.scope("encoder"):
        h = np.tanh(linear("encode", x))
        mean, log_variance = linear("means", h), linear("logs", h)
    code = mean + np.exp(log_variance / 2) * noise
    with fg.scope("decoder"):
        logits = linear("pixels", np.tanh(linear("decode", code)))
    divergence = np.sum(mean**2 + np.exp(log_variance) - log_variance - 1, axis=1) / 2
    return fg.mean(np.sum(fg.BinaryCrossEntropy(logits, x), axis=1) + divergence), list(p.values())


def main(small=False):
    loss, parameters = network(small)
    grads = dict(zip(parameters, fg.gradient(loss, parameters), strict=True))
    step = fg.compile(loss, updates=fg.Adam().updates(grads, 1e-3))
    bounds = [step(x=x, noise=noise) for x, noise in batches(small)]
    return bounds[0], bounds[5], np.mean(bounds[-100:])


def picture():
    return fg.Graph(network(small=False)[0])


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
