"""Softmax regression on handwritten digits by Newton's method, with the exact Hessian of all weights.

Source: Hastie, Tibshirani and Friedman, The elements of statistical learning (2009), section 4.4.1.
"""

import numpy as np

import flowgraph as fg
from flowgraph.data import digits

FIGURE = "share of right test digits"
DECAY = 1e-4


def data(small):
    """Images of 8 × 8 pixels, as the 4 × 4 means of their neighbours, and their classes: training, then test."""
    found = digits()
    classes = 3 if small else 10
    chosen = found.y < classes
    means = found.x[chosen].reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16) / 16
    half = 60 if small else 1000
    return (means[:half], found.y[chosen][:half]), (means[half:], found.y[chosen][half:]), classes


def network(classes):
    x, y = fg.Input("x", shape=("N", 16)), fg.Input("y", shape=("N",), dtype=int)
    W, b = fg.Parameter(np.zeros((16, classes)), name="W"), fg.Parameter(np.zeros(classes), name="b")
    losses = fg.SoftmaxCrossEntropy(x @ W + b, y)
    return fg.mean(losses) + DECAY / 2 * (fg.sum(W * W) + fg.sum(b * b)), W, b


def main(small=False):
    (X, Y), (test, classes_of_test), classes = data(small)
    objective, W, b = network(classes)
    found = fg.newton(objective, {"x": X, "y": Y})
    right = np.mean(np.argmax(test @ W.value + b.value, axis=1) == classes_of_test)
    return W.value[0], b.value, found.objective, right


def picture():
    return fg.Graph(network(10)[0])


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
