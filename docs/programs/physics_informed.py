"""A network solves Burgers' equation, u_t + u u_x = ν u_xx, from nothing but the equation and what holds at its edges.

Source: Raissi, Perdikaris and Karniadakis, Physics-informed neural networks (2019); the wave that keeps its form is the
solution that it is measured by.
"""

import numpy as np

import flowgraph as fg

FIGURE = "largest error of the wave"
VISCOSITY, RATE = 0.1, 0.005


def wave(x, t):
    return 0.5 - 0.5 * np.tanh((x - 0.5 * t) / (4 * VISCOSITY))


def points(small):
    """Places inside, where the equation holds, and at the start and both ends, where the wave is given."""
    rng = np.random.default_rng(0)
    inside, edge = (20, 10) if small else (300, 60)
    x, t = rng.uniform(-1, 1, 3 * edge), rng.uniform(0, 1, 3 * edge)
    x[edge : 2 * edge], x[2 * edge :], t[:edge] = -1, 1, 0
    return {"x": rng.uniform(-1, 1, inside), "t": rng.uniform(0, 1, inside), "ex": x, "et": t, "eu": wave(x, t)}


def start(small):
    rng = np.random.default_rng(1)
    units = 6 if small else 24
    shapes = {"W": (2, units), "b": (units,), "V": (units, units), "c": (units,), "U": (units, 1)}
    return {name: rng.normal(size=shape) / shape[0] ** 0.5 for name, shape in shapes.items()}


def network(small):
    x, t, ex, et, eu = (fg.Input(name, shape=(size,)) for name, size in zip(points(small), "NNMMM", strict=True))
    p = {name: fg.Parameter(value, name=name) for name, value in start(small).items()}

    def u(x, t):
        h = np.tanh(np.tanh(np.stack([x, t], axis=1) @ p["W"] + p["b"]) @ p["V"] + p["c"])
        return (h @ p["U"])[:, 0]

    inside = u(x, t)
    u_x, u_t = fg.gradient(fg.sum(inside), [x, t])
    u_xx, = fg.gradient(fg.sum(u_x), [x])  # fmt: skip
    residual = u_t + inside * u_x - VISCOSITY * u_xx
    return fg.mean(residual**2) + fg.mean((u(ex, et) - eu) ** 2), inside, list(p.values())


def main(small=False):
    loss, inside, parameters = network(small)
    grads = dict(zip(parameters, fg.gradient(loss, parameters), strict=True))
    step = fg.compile(loss, updates=fg.Adam().updates(grads, RATE))
    feed = points(small)
    losses = [step(**feed) for _ in range(5 if small else 600)]
    found = fg.compile(inside)(x=feed["x"], t=feed["t"])
    return losses[0], losses[-1], np.max(np.abs(found - wave(feed["x"], feed["t"])))


def picture():
    return fg.Graph(network(small=False)[1])


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
