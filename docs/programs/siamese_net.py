"""Two copies of one network bring images of one digit together and others apart; new digits are named by the nearest.

Source: Hadsell, Chopra and LeCun, Dimensionality reduction by learning an invariant mapping (2006).
"""

import numpy as np

import flowgraph as fg
from flowgraph.data import digits

FIGURE = "share of test digits whose nearest neighbour is of their class"
MARGIN, RATE = 1.0, 0.005


def data(small):
    """Pairs of images and whether they show one digit; then all images and their classes."""
    found, rng = digits(), np.random.default_rng(0)
    images = found.x / 16
    count = 40 if small else 600
    left = rng.integers(0, 1000, count)
    of_class = [np.flatnonzero(found.y[:1000] == digit) for digit in range(10)]
    right = np.where(
        np.arange(count) % 2, rng.integers(0, 1000, count), [rng.choice(of_class[found.y[i]]) for i in left]
    )
    return images[left], images[right], (found.y[left] == found.y[right]).astype(float), images, found.y


def start(small):
    return fg.MLP([64, 12 if small else 64, 6], output="linear", rng=1)


def network(small):
    left, right, same = (
        fg.Input(name, shape=shape) for name, shape in (("left", ("N", 64)), ("right", ("N", 64)), ("same", ("N",)))
    )
    mlp = start(small)
    gaps = np.sqrt(np.sum((mlp(left) - mlp(right)) ** 2, axis=1) + 1e-6)
    losses = same * gaps**2 + (1 - same) * np.maximum(MARGIN - gaps, 0) ** 2
    return fg.mean(losses), mlp


def nearest_of_class(codes, classes):
    gaps = np.sum((codes[1000:, None] - codes[:1000]) ** 2, axis=2)
    return np.mean(classes[:1000][np.argmin(gaps, axis=1)] == classes[1000:])


def main(small=False):
    left, right, same, images, classes = data(small)
    loss, mlp = network(small)
    feed, epochs = {"left": left, "right": right, "same": same}, 3 if small else 200
    history = fg.fit(loss, feed, epochs=epochs, batch_size=None, learning_rate=RATE, progress=False)
    codes = fg.compile(mlp(x := fg.Input("x", shape=("N", 64))))({x: images})
    return [epoch.train_objective for epoch in history.epochs][:2], nearest_of_class(codes, classes)


def picture():
    return fg.Graph(network(small=False)[0])


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
