"""The update rules in plain NumPy, one step each: of a parameter, its gradient, what the rule remembers, the step."""

import numpy as np

import flowgraph as fg

RATE = 0.125


def sgd(theta, g, memory, t):
    return theta - RATE * g


def momentum(theta, g, memory, t):
    memory["velocity"] = g + 0.75 * memory["velocity"]
    return theta - RATE * memory["velocity"]


def nesterov(theta, g, memory, t):
    memory["velocity"] = g + 0.75 * memory["velocity"]
    return theta - RATE * (g + 0.75 * memory["velocity"])


def rmsprop(theta, g, memory, t):
    memory["mean_square"] = 0.9 * memory["mean_square"] + 0.1 * g**2
    return theta - RATE * g / (np.sqrt(memory["mean_square"]) + 1e-3)


def adagrad(theta, g, memory, t):
    memory["squares"] = memory["squares"] + g**2
    return theta - RATE * g / (np.sqrt(memory["squares"]) + 1e-3)


def adam(theta, g, memory, t):
    memory["mean"] = 0.8 * memory["mean"] + 0.2 * g
    memory["mean_square"] = 0.9 * memory["mean_square"] + 0.1 * g**2
    mean, square = memory["mean"] / (1 - 0.8**t), memory["mean_square"] / (1 - 0.9**t)
    return theta - RATE * mean / (np.sqrt(square) + 1e-3)


def adamw(theta, g, memory, t):
    return adam(theta, g, memory, t) - RATE * 0.25 * theta


def clipped(theta, g, memory, t):
    return adam(theta, np.clip(g, -0.125, 0.125), memory, t)


def proximal(theta, g, memory, t):
    moved = momentum(theta, g, memory, t)
    return np.sign(moved) * np.maximum(np.abs(moved) - RATE * 0.0625 / (1 - 0.75), 0)


STATES = ("velocity", "mean", "mean_square", "squares")


def cases(**lazy):
    """Each rule with a state, and its step: `lazy=True` moves only the rows that are looked up."""
    of_adam = {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3, **lazy}
    return [
        (fg.Momentum(0.75, **lazy), momentum),
        (fg.Nesterov(0.75, **lazy), nesterov),
        (fg.RMSProp(0.9, 1e-3, **lazy), rmsprop),
        (fg.Adagrad(1e-3), adagrad),
        (fg.Adam(**of_adam), adam),
        (fg.AdamW(**of_adam, decay=0.25), adamw),
        (fg.Clipped(fg.Adam(**of_adam), value=0.125), clipped),
        (fg.Proximal(fg.Momentum(0.75, **lazy), l1=0.0625), proximal),
    ]
