"""An image takes its style from the correlations of convolutions of one image, and its content from those of another.

Source: Gatys, Ecker and Bethge, A neural algorithm of artistic style (2015), equations 1 to 7; filters are drawn, as in
Ustyuzhaninov and others, What does it take to generate natural textures? (2017).
"""

import numpy as np
from scipy.optimize import minimize

import flowgraph as fg

FIGURE = "loss after the search"
CONTENT, STYLE = 1.0, 100.0


def images(small):
    """A disc, and waves."""
    size = 8 if small else 96
    rows, columns = np.mgrid[:size, :size] / size
    disc = ((rows - 0.5) ** 2 + (columns - 0.5) ** 2 < 0.1).astype(float)
    return disc[None, None], (0.5 + 0.5 * np.sin(20 * rows + 15 * columns))[None, None]


def filters():
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) / np.sqrt(np.prod(shape[1:])) for shape in ((8, 1, 3, 3), (16, 8, 3, 3))]


def features(image):
    """The activations of two layers."""
    first, second = filters()
    h = fg.softplus(fg.Conv2d(image, first, padding=1))
    return h, fg.softplus(fg.Conv2d(fg.MeanPool(h), second, padding=1))


def gram(h):
    """The mean products of the activations of each two channels."""
    flat = np.reshape(h, (h.shape[1], -1))
    return flat @ flat.T / flat.shape[1]


def network(small):
    content, style = images(small)
    image = fg.Input("image", shape=content.shape)
    found = features(image)
    wanted, styled = (fg.Graph(*features(one)).fprop().outputs for one in (content, style))
    of_content = fg.mean((found[1] - wanted[1]) ** 2)
    of_style = sum(fg.mean((gram(h) - gram(s)) ** 2) for h, s in zip(found, styled, strict=True))
    return CONTENT * of_content + STYLE * of_style, image


def main(small=False):
    loss, image = network(small)
    plan = fg.compile([loss, *fg.gradient(loss, [image])])
    start = images(small)[0]

    def objective(flat):
        value, slope = plan(image=flat.reshape(start.shape))
        return value, slope.ravel()

    found = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 5 if small else 20})
    return objective(start.ravel())[0], found.x[:5], found.fun


def picture():
    return fg.Graph(network(small=False)[0])


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
