"""A recurrent network learns to write a text, character by character: this file.

Source: Karpathy, Minimal character-level language model with a vanilla recurrent network, min-char-rnn.py (2015).
"""

from pathlib import Path

import numpy as np

import flowgraph as fg

FIGURE = "nats a character over the last pass"
LENGTH, CLIP, RATE = (
    25,
    5.0,
    0.01,
)  # at the rate of the source, 0.1, a difference of one rounding grows to the size of the loss
TEXT = Path(__file__).read_text(encoding="utf-8")
LETTERS = sorted(set(TEXT))


def start(hidden):
    rng = np.random.default_rng(0)
    shapes = {"U": (len(LETTERS), hidden), "W": (hidden, hidden), "V": (hidden, len(LETTERS))}
    weights = {name: 0.01 * rng.normal(size=shape) for name, shape in shapes.items()}
    return weights | {"b": np.zeros(hidden), "c": np.zeros(len(LETTERS))}


def chunks(passes):
    numbers = np.array([LETTERS.index(letter) for letter in TEXT])
    for _ in range(passes):
        for place in range(0, len(numbers) - LENGTH, LENGTH):
            yield numbers[place : place + LENGTH], numbers[place + 1 : place + LENGTH + 1]


def network(hidden):
    x, y = fg.Input("x", shape=(LENGTH,), dtype=int), fg.Input("y", shape=(LENGTH,), dtype=int)
    p = {name: fg.Parameter(value, name=name) for name, value in start(hidden).items()}
    before = fg.Parameter(np.zeros(hidden), name="before")  # the state at the end of the last chunk
    after, states = fg.scan(lambda h, u: (np.tanh(u + h @ p["W"]),) * 2, before, p["U"][x] + p["b"])
    return fg.mean(fg.SoftmaxCrossEntropy(states @ p["V"] + p["c"], y)), list(p.values()), before, after


def main(small=False):
    loss, parameters, before, after = network(hidden=20 if small else 100)
    updates = {before: after}
    for parameter, grad in zip(parameters, fg.gradient(LENGTH * loss, parameters), strict=True):  # Adagrad
        memory = fg.Parameter(np.zeros(parameter.shape), name=f"squares of {parameter.name}")
        grad = np.clip(grad, -CLIP, CLIP)
        updates[memory] = memory + grad**2
        updates[parameter] = parameter - RATE * grad / np.sqrt(updates[memory] + 1e-8)
    step = fg.compile(loss, updates=updates)
    losses = [step(x=x, y=y) for x, y in chunks(passes=1 if small else 20)]
    return [losses[0], np.mean(losses[-(len(TEXT) // LENGTH) :])]


def picture():
    return fg.Graph(network(hidden=100)[0])


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
