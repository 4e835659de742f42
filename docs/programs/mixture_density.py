"""A network whose outputs are a mixture of normal densities learns a relation with several answers.

Source: Bishop, Mixture density networks (1994), the inverse of x = t + 0.3 sin 2πt.
"""

import numpy

import flowgraph as fg
import flowgraph.numpy as np
from flowgraph.functional import value_and_grad
from flowgraph.interop.autograd import adam
from flowgraph.scipy.special import logsumexp
from flowgraph.stats import norm

FIGURE = "negative log likelihood of an example"
PARTS = 3


def data(count):
    rng = numpy.random.default_rng(0)
    t = rng.uniform(0, 1, count)
    return t + 0.3 * np.sin(2 * np.pi * t) + rng.uniform(-0.1, 0.1, count), t


def start(units):
    rng = numpy.random.default_rng(1)
    return {
        "W": 3 * rng.normal(size=(1, units)), "b": rng.normal(size=units),
        "V": rng.normal(size=(units, 3 * PARTS)) / units**0.5, "c": 0.1 * rng.normal(size=3 * PARTS),
    }  # fmt: skip


def objective(p, x, t):
    out = np.dot(np.tanh(np.dot(x[:, None], p["W"]) + p["b"]), p["V"]) + p["c"]
    logits, means, spreads = out[:, :PARTS], out[:, PARTS : 2 * PARTS], np.exp(out[:, 2 * PARTS :])
    shares = logits - logsumexp(logits, axis=1, keepdims=True)
    return -np.mean(logsumexp(shares + norm.logpdf(t[:, None], means, spreads), axis=1))


def main(small=False):
    x, t = data(50 if small else 500)
    both, seen = value_and_grad(objective), []

    def slopes(p, i):
        value, slope = both(p, x, t)
        seen.append(value)
        return slope

    p = adam(slopes, start(5 if small else 20), num_iters=20 if small else 400, step_size=0.005)
    return seen[0], seen[10], objective(p, x, t)


def picture():
    return fg.trace(objective, p=start(4), x=np.zeros(5), t=np.zeros(5))


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
