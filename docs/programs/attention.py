"""A transformer of one layer learns to write a sequence of digits backwards.

Source: Vaswani and others, Attention is all you need (2017).
"""

import numpy as np

import flowgraph as fg

FIGURE = "share of right digits in new sequences"
LENGTH, DIGITS, RATE = 6, 10, 0.005


def batches(small):
    rng = np.random.default_rng(0)
    for _ in range(10 if small else 400):
        yield rng.integers(0, DIGITS, (32, LENGTH))


def start(small):
    """The layers with their first weights, by name."""
    rng, size = np.random.default_rng(1), 8 if small else 32
    made = {
        "digits": lambda: fg.Embedding(DIGITS, size, rng=rng), "places": lambda: fg.Embedding(LENGTH, size, rng=rng),
        "attention": lambda: fg.MultiHeadAttention(size, heads=2, rng=rng), "norm1": lambda: fg.LayerNorm(size),
        "hidden": lambda: fg.Linear(size, 2 * size, rng=rng), "out": lambda: fg.Linear(2 * size, size, rng=rng),
        "norm2": lambda: fg.LayerNorm(size), "scores": lambda: fg.Linear(size, DIGITS, rng=rng),
    }  # fmt: skip
    layers = {}
    for name, make in made.items():
        with fg.scope(name):
            layers[name] = make()
    return layers


def network(layers):
    numbers = fg.Input("numbers", shape=("N", LENGTH), dtype=int)
    h = layers["digits"](numbers) + layers["places"](fg.Constant(np.arange(LENGTH)))
    h = layers["norm1"](h + layers["attention"](h))
    h = layers["norm2"](h + layers["out"](np.maximum(layers["hidden"](h), 0)))
    scores = layers["scores"](h)
    return fg.mean(fg.SoftmaxCrossEntropy(scores, numbers[:, ::-1])), scores


def main(small=False):
    layers = start(small)
    loss, scores = network(layers)
    parameters = [parameter for layer in layers.values() for parameter in layer.parameters]
    grads = dict(zip(parameters, fg.gradient(loss, parameters), strict=True))
    step = fg.compile(loss, updates=fg.Adam().updates(grads, RATE))
    losses = [step(numbers=numbers) for numbers in batches(small)]
    new = np.random.default_rng(2).integers(0, DIGITS, (200, LENGTH))
    found = fg.compile(scores)(numbers=new)
    return losses[0], losses[-1], np.mean(np.argmax(found, axis=2) == new[:, ::-1])


def picture():
    return fg.Graph(network(start(small=False))[0])


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
