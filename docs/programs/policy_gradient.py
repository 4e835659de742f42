"""A policy learns to keep a pole upright on a cart, by the gradient of what its actions earned.

Source: Williams, Simple statistical gradient-following algorithms for connectionist reinforcement learning (1992); the
cart is that of Barto, Sutton and Anderson (1983).
"""

import numpy as np

import flowgraph as fg

FIGURE = "mean steps upright in the last episodes"
RATE, CARTS = 0.02, 16


def moved(states, pushes):
    """The states of many carts after 0.02 s; a push is -1 or 1."""
    _, v, angle, turn = states.T
    force = (10 * pushes + 0.05 * turn**2 * np.sin(angle)) / 1.1
    turning = (9.8 * np.sin(angle) - np.cos(angle) * force) / (0.5 * (4 / 3 - 0.1 * np.cos(angle) ** 2 / 1.1))
    pull = force - 0.05 * turning * np.cos(angle) / 1.1
    return states + 0.02 * np.stack([v, pull, turn, turning], axis=1)


def played(chances, rng, steps):
    """States, actions and what each earned, nothing after a cart fell; and how long the carts stood."""
    states, seen, alive = rng.uniform(-0.05, 0.05, (CARTS, 4)), [], np.ones(CARTS, bool)
    for _ in range(steps):
        actions = (rng.random(CARTS) < chances(states)).astype(int)
        seen.append((states, actions, alive))
        states = moved(states, 2.0 * actions - 1)
        alive = alive & (np.abs(states[:, 0]) < 2.4) & (np.abs(states[:, 2]) < 0.2095)
    every, actions, living = (np.array(one) for one in zip(*seen, strict=True))
    returns = np.zeros(living.shape)
    for t in range(steps - 1, -1, -1):
        returns[t] = living[t] + 0.99 * (returns[t + 1] if t + 1 < steps else 0)
    earned = np.where(living, (returns - returns[living].mean()) / (returns[living].std() + 1e-9), 0)
    return every.reshape(-1, 4), actions.ravel(), earned.ravel(), living.sum() / CARTS


def start():
    rng = np.random.default_rng(0)
    return {"W": rng.normal(size=(4, 16)) / 2, "b": np.zeros(16), "w": rng.normal(size=16) / 4}


def network():
    states, actions = fg.Input("states", shape=("N", 4)), fg.Input("actions", shape=("N",), dtype=int)
    earned = fg.Input("earned", shape=("N",))
    p = {name: fg.Parameter(value, name=name) for name, value in start().items()}
    score = np.tanh(states @ p["W"] + p["b"]) @ p["w"]
    return fg.mean(earned * fg.BinaryCrossEntropy(score, actions)), fg.sigmoid(score), list(p.values())


def main(small=False):
    loss, chance, parameters = network()
    grads = dict(zip(parameters, fg.gradient(loss, parameters), strict=True))
    step = fg.compile(loss, updates=fg.Adam().updates(grads, RATE))
    chances, rng, lengths = fg.compile(chance), np.random.default_rng(1), []
    for _ in range(3 if small else 40):
        states, actions, earned, length = played(lambda s: chances(states=s), rng, steps=20 if small else 200)
        step(states=states, actions=actions, earned=earned)
        lengths.append(length)
    return parameters[-1].value, lengths[0], np.mean(lengths[-5:])


def picture():
    return fg.Graph(network()[0])


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
