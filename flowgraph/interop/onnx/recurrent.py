"""Recurrent layers, unrolled: as many boxes as the sequence has steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Constant
from flowgraph.box.vocabulary import Foreign
from flowgraph.interop.onnx.node import Node
from flowgraph.interop.onnx.table import reader_for

MOST_STEPS = 2048

_DEFAULTS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": boxes.Sigmoid.apply, "tanh": np.tanh, "relu": boxes.ReLU.apply
}  # fmt: skip


@reader_for("LSTM", "GRU", "RNN", light=False)
def read_recurrent(node: Node, x: Foreign, w: Foreign, r: Foreign, *rest: Foreign) -> Any:
    """The states after each step, the last one, and of an LSTM its last cell; for each direction."""
    given: list[Any] = [*rest, *[None] * (5 - len(rest))]
    bias, lengths, h0, c0, peepholes = given
    batch_first = bool(node.get("layout", 0))
    x = np.swapaxes(x, 0, 1) if batch_first else x
    steps = x.shape[0]
    if not isinstance(steps, int) or not 0 < steps <= MOST_STEPS:
        raise node.refuse(f"found {steps} steps, which are unrolled; needs a number of 1 to {MOST_STEPS}")
    _check(node, lengths, steps)
    directions = []
    for d in range(node.at_most(w.shape[0], 2, "directions")):
        starts = [None if s is None else (s[:, d] if batch_first else s[d]) for s in (h0, c0)]
        backwards = node.get("direction", "forward") == "reverse" or d == 1
        functions = _functions(node, d)
        bias_d = None if bias is None else bias[d]
        cell = _cell(node, w[d], r[d], bias_d, None if peepholes is None else peepholes[d], functions)
        directions.append(_run(cell, x, starts, backwards, node.get("hidden_size", r.shape[-1])))
    states = np.stack([np.stack(ran[0]) for ran in directions], axis=1)
    last, cells = np.stack([ran[1][0] for ran in directions]), np.stack([ran[1][1] for ran in directions])
    if batch_first:
        states, last, cells = np.transpose(states, (2, 0, 1, 3)), np.swapaxes(last, 0, 1), np.swapaxes(cells, 0, 1)
    return (states, last, cells) if node.kind == "LSTM" else (states, last)


def _check(node: Node, lengths: Foreign, steps: int) -> None:
    """Refuse options that no test covers."""
    if lengths is not None and np.any(np.asarray(node.known(4)) != steps):
        raise node.refuse("found sequence_lens with different lengths")
    if "clip" in node.attributes or node.get("input_forget", 0):
        raise node.refuse("found the attribute clip or input_forget, which no box has")


def _functions(node: Node, direction: int) -> list[Callable[[Any], Any]]:
    count = len(_DEFAULTS[node.kind])
    given = node.get("activations", ())[direction * count : (direction + 1) * count]
    names = [word.decode(errors="backslashreplace") if isinstance(word, bytes) else str(word) for word in given]
    names = names or _DEFAULTS[node.kind]
    if any(name.lower() not in _FUNCTIONS for name in names):
        raise node.refuse(f"found the activations {names}, needs some of Sigmoid, Tanh, Relu")
    return [_FUNCTIONS[name.lower()] for name in names]


def _run(cell: Foreign, x: Foreign, starts: Foreign, backwards: bool, hidden: int) -> Any:
    """The states in the order of the sequence, and the last one with its cell."""
    zero = x[0][:, :1] * x.dtype.type(0) + Constant(np.zeros((1, hidden), x.dtype))
    h, c = (zero if start is None else start for start in starts)
    steps = range(x.shape[0])
    states: list[Any] = [None] * len(steps)
    for t in reversed(steps) if backwards else steps:
        h, c = cell(x[t], h, c)
        states[t] = h
    return states, (h, c)


def _cell(
    node: Node, w: Foreign, r: Foreign, bias: Foreign, peepholes: Foreign, functions: list[Callable[[Any], Any]]
) -> Any:
    """The function of one step: (x, h, c) to the next h and c."""
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[node.kind]
    hidden = node.get("hidden_size", r.shape[-1])
    if any(size != gates * hidden for size in (w.shape[0], r.shape[0])):
        raise node.refuse(f"found weights of shape {tuple(w.shape)} for hidden_size={hidden}")
    to, back = np.transpose(w), np.transpose(r)
    of_x, of_h = (None, None) if bias is None else (bias[: gates * hidden], bias[gates * hidden :])

    def plus(a: Foreign, b: Foreign) -> Any:
        return a if b is None else a + b

    def cut(a: Foreign) -> list[Any]:
        return [a[:, i * hidden : (i + 1) * hidden] for i in range(gates)]

    def rnn(x: Foreign, h: Foreign, c: Foreign) -> Any:
        return functions[0](plus(x @ to, of_x) + plus(h @ back, of_h)), c

    def lstm(x: Foreign, h: Foreign, c: Foreign) -> Any:
        p = [None] * 3 if peepholes is None else [peepholes[i * hidden : (i + 1) * hidden] for i in range(3)]
        i, o, f, g = cut(plus(x @ to, of_x) + plus(h @ back, of_h))
        i, f = (functions[0](a if q is None else a + q * c) for a, q in ((i, p[0]), (f, p[2])))
        c = f * c + i * functions[1](g)
        return functions[0](o if p[1] is None else o + p[1] * c) * functions[2](c), c

    def gru(x: Foreign, h: Foreign, c: Foreign) -> Any:
        z, reset, n = cut(plus(x @ to, of_x))
        if node.get("linear_before_reset", 0):
            kept, again, read = cut(plus(h @ back, of_h))
            z, reset = functions[0](z + kept), functions[0](reset + again)
            n = functions[1](n + reset * read)
        else:
            kept, again, _ = cut(plus(h @ back, of_h))
            z, reset = functions[0](z + kept), functions[0](reset + again)
            n = functions[1](
                n + plus((reset * h) @ back[:, 2 * hidden :], None if of_h is None else of_h[2 * hidden :])
            )
        return (1 - z) * n + z * h, c

    return {"LSTM": lstm, "GRU": gru, "RNN": rnn}[node.kind]
