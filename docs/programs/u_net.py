"""A U-Net finds the discs in noisy images: convolutions on two scales, and what is fine passes around the coarse.

Source: Ronneberger, Fischer and Brox, U-Net: convolutional networks for biomedical image segmentation (2015).
"""

import numpy as np

import flowgraph as fg

FIGURE = "share of right pixels in new images"
RATE = 0.01


def images(count, size, seed):
    """Discs of one brightness on a background of random stripes; and where they are."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    middle, radius = rng.uniform(2, size - 2, (2, count, 1, 1)), rng.uniform(2, size / 3, (count, 1, 1))
    discs = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 < radius**2
    stripes = np.sin(rng.uniform(0.5, 2, (count, 1, 1)) * columns + rng.uniform(0, 6, (count, 1, 1)))
    return (discs + 0.5 * stripes + 0.5 * rng.normal(size=discs.shape))[:, None], discs[:, None].astype(float)


def start(channels):
    rng = np.random.default_rng(0)
    shapes = {
        "first": (channels, 1, 3, 3), "second": (2 * channels, channels, 3, 3),
        "third": (4 * channels, 2 * channels, 3, 3), "fourth": (2 * channels, 6 * channels, 3, 3),
        "fifth": (channels, 3 * channels, 3, 3), "last": (1, channels, 1, 1),
    }  # fmt: skip
    weights = {name: rng.normal(size=s) * (2 / np.prod(s[1:])) ** 0.5 for name, s in shapes.items()}
    return weights | {f"b_{name}": np.zeros(s[0]) for name, s in shapes.items()}


def network(small):
    x, y = (fg.Input(name, shape=("N", 1, 8 if small else 16, 8 if small else 16)) for name in "xy")
    p = {name: fg.Parameter(value, name=name) for name, value in start(2 if small else 4).items()}

    def conv(name, a):
        with fg.scope(name):
            return fg.Conv2d(a, p[name], padding="same") + p[f"b_{name}"].reshape(-1, 1, 1)

    def up(coarse, fine):
        return np.concatenate([fg.Resize(coarse, scale=(2.0, 2.0)), fine], axis=1)

    one = fg.relu(conv("first", x))
    two = fg.relu(conv("second", fg.MaxPool(one)))
    bottom = fg.relu(conv("third", fg.MaxPool(two)))
    two = fg.relu(conv("fourth", up(bottom, two)))
    logits = conv("last", fg.relu(conv("fifth", up(two, one))))
    return fg.mean(fg.BinaryCrossEntropy(logits, y)), logits, list(p.values())


def main(small=False):
    loss, logits, parameters = network(small)
    grads = dict(zip(parameters, fg.gradient(loss, parameters), strict=True))
    step = fg.compile(loss, updates=fg.Adam().updates(grads, RATE))
    size, count, steps = (8, 4, 5) if small else (16, 16, 120)
    losses = [step(x=x, y=y) for x, y in (images(count, size, 1 + seed) for seed in range(steps))]
    x, y = images(50, size, seed=0)
    found = fg.compile(logits)(x=x)
    return losses[0], losses[-1], np.mean((found > 0) == y)


def picture():
    return fg.Graph(network(small=False)[0])


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
