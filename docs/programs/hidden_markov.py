"""A hidden Markov model of two states finds the vowels of a text; its expected counts are a gradient.

Source: Cave and Neuwirth, Hidden Markov models for English (1980); Eisner, Inside-outside and forward-backward
algorithms are just backprop (2016). The text is the Zen of Python.
"""

import codecs
import contextlib
import io

import numpy as np

import flowgraph as fg

with contextlib.redirect_stdout(io.StringIO()):
    import this

FIGURE = "nats a letter"
LETTERS = "abcdefghijklmnopqrstuvwxyz "


def data(small):
    text = "".join(letter if letter.isalpha() else " " for letter in codecs.decode(this.s, "rot13").lower())
    return np.array([LETTERS.index(letter) for letter in " ".join(text.split())][: 60 if small else None])


def start():
    """Logarithms of the chances of first states, of states after states, and of letters in states."""
    rng = np.random.default_rng(4)
    chances = np.ones(2), rng.uniform(1, 2, (2, 2)), rng.uniform(1, 2, (2, len(LETTERS)))
    return [np.log(one / one.sum(axis=-1, keepdims=True)) for one in chances]


def network():
    letters = fg.Input("letters", shape=("T",), dtype=int)
    first, moves, emissions = (fg.Parameter(p, name=n) for n, p in zip("FME", start(), strict=True))
    rows = emissions.T[letters]

    def step(forward, row):
        return fg.logsumexp(forward[:, None] + moves, axis=0) + row, None

    forward, _ = fg.scan(step, first + rows[0], rows[1:])
    return fg.logsumexp(forward), [first, moves, emissions]


def main(small=False):
    likelihood, logs = network()
    counts = fg.gradient(likelihood, logs)
    shares = [np.log((one + 1e-10) / np.sum(one + 1e-10, axis=-1, keepdims=True)) for one in counts]
    step = fg.compile(likelihood, updates=dict(zip(logs, shares, strict=True)))
    letters = data(small)
    seen = [step(letters=letters) for _ in range(5 if small else 40)]
    return np.exp(logs[1].value), logs[2].value[0] - logs[2].value[1] > 0, -np.array(seen) / len(letters)


def picture():
    return fg.Graph(network()[0])


if __name__ == "__main__":
    moves, vowels, nats = main()
    print("letters of one state:", *(letter for letter, one in zip(LETTERS, vowels, strict=True) if not one))
    print(f"{FIGURE}: {nats[-1]:.4f}")
