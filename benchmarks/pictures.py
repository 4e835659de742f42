"""What is untrue in pictures, and how much there is to follow in them: the layout of flowgraph beside that of dot.

Nets as they are written by hand, their gradients, and random graphs with scopes three deep; each is drawn by both, and
measured in headless Chromium by the judge of the tests, tools/picture_claims.py. An untrue picture has an edge behind a
tile that it does not join, one outside of the picture, tiles over each other, a text outside of its tile, or two edges
of different sources that look like one for longer than a tile is high. Crossings are counted for edges of different
sources, once a place; lengths are pixels of all edges; seconds are those of the processor, for the SVG text.

    python -m benchmarks pictures [--random 40] [--seed 0] [--wrap 0]

With `--wrap 0` no picture is folded into lines, in which edges that go on in the next line lead back.

Without the program dot (or FLOWGRAPH_DOT) only flowgraph's pictures are measured.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import flowgraph as fg
from flowgraph.rendering import engines
from flowgraph.rendering.files import picture_of, svg_of
from tests.rendering.random_graphs import random_graph
from tools.chromium import AVAILABLE, MISSING, Page, chromium
from tools.picture_claims import KINDS, figures, of_svg, untrue

SIZES = (5, 12, 25, 40, 80, 150)
"""Boxes of the random graphs, in turn."""


def weights(name: str, *shape: int) -> fg.Parameter:
    """A parameter of that shape."""
    return fg.Parameter(np.full(shape, 0.1), name=name)


def perceptron(layers: int) -> fg.Graph:
    """A network of that many layers with a regularizer."""
    x, y = fg.Input("x", shape=("N", 16)), fg.Input("y", shape=("N",), dtype=int)
    h: Any = x
    for k in range(1, layers + 1):
        h = np.tanh(fg.Affine(h, weights(f"W{k}", 16, 16), weights(f"b{k}", 16))).named(f"h{k}")
    loss = fg.mean(fg.SoftmaxCrossEntropy(h, y))
    return fg.Graph((loss + 0.001 * fg.L2(*[p for p in fg.Graph(loss).parameters if p.ndim == 2])).named("objective"))


def recurrent(steps: int, scoped: bool = False) -> fg.Graph:
    """An LSTM of that many steps, written by hand."""
    x, y = fg.Input("x", shape=("N", steps, 8)), fg.Input("y", shape=("N",), dtype=int)
    W, U, h, c = (
        weights("W", 8, 64),
        weights("U", 16, 64),
        fg.Input("h0", shape=("N", 16)),
        fg.Input("c0", shape=("N", 16)),
    )
    for t in range(steps):
        with fg.scope(f"step{t + 1}") if scoped else contextlib.nullcontext():
            z = x[:, t] @ W + h @ U
            i, f, o = (fg.sigmoid(z[:, 16 * k : 16 * k + 16]) for k in range(3))
            c = f * c + i * np.tanh(z[:, 48:])
            h = o * np.tanh(c)
    return fg.Graph(fg.mean(fg.SoftmaxCrossEntropy(h @ weights("V", 16, 3), y)).named("loss"))


def attention() -> fg.Graph:
    """A layer of a transformer with two heads, its parts in scopes."""
    x, y = fg.Input("x", shape=("N", 6, 16)), fg.Input("y", shape=("N", 6, 16))

    def norm(value: Any, name: str) -> Any:
        with fg.scope(name):
            mean = fg.mean(value, axis=-1, keepdims=True)
            variance = fg.mean((value - mean) ** 2, axis=-1, keepdims=True)
            return (value - mean) / np.sqrt(variance + 1e-5) * weights("g", 16) + weights("b", 16)

    def heads(value: Any) -> Any:
        return value.reshape((-1, 6, 2, 8)).transpose((0, 2, 1, 3))

    with fg.scope("attention"):
        q, k, v = (heads(x @ weights(f"W{name}", 16, 16)).named(name) for name in "qkv")
        shares = fg.softmax((q @ k.transpose((0, 1, 3, 2))) / np.sqrt(8.0)).named("shares")
        read = (shares @ v).transpose((0, 2, 1, 3)).reshape((-1, 6, 16)) @ weights("Wo", 16, 16)
    h = norm(x + read, "norm1")
    with fg.scope("mlp"):
        m = fg.relu(h @ weights("W1", 16, 64) + weights("b1", 64)) @ weights("W2", 64, 16) + weights("b2", 16)
    return fg.Graph(fg.mean((norm(h + m, "norm2") - y) ** 2).named("loss"))


def autoencoder() -> fg.Graph:
    """A variational autoencoder: two scopes, two losses."""
    x, e = fg.Input("x", shape=("N", 12)), fg.Input("eps", shape=("N", 3))
    with fg.scope("encoder"):
        h = np.tanh(x @ weights("W", 12, 8) + weights("b", 8)).named("h")
        mu, v = (h @ weights("Wm", 8, 3)).named("mu"), (h @ weights("Ws", 8, 3)).named("logvar")
    z = (mu + np.exp(v / 2) * e).named("z")
    with fg.scope("decoder"):
        back = np.tanh(z @ weights("W", 3, 8)) @ weights("Wo", 8, 12)
    kl = fg.mean(-0.5 * fg.sum(1 + v - mu**2 - np.exp(v), axis=1)).named("KL")
    return fg.Graph((fg.mean(fg.sum((back - x) ** 2, axis=1)) + kl).named("loss"))


def residual(blocks: int) -> fg.Graph:
    """Residual blocks without scopes."""
    x, y = fg.Input("x", shape=("N", 16)), fg.Input("y", shape=("N",), dtype=int)
    h: Any = x
    for k in range(blocks):
        inner = fg.relu(h @ weights(f"A{k}", 16, 16) + weights(f"a{k}", 16))
        h = fg.relu(h + inner @ weights(f"B{k}", 16, 16))
    return fg.Graph(fg.mean(fg.SoftmaxCrossEntropy(h, y)).named("loss"))


def gradient_of(graph: fg.Graph) -> fg.Graph:
    """The backward graph of its first parameters."""
    return fg.Graph(*fg.gradient(graph.outputs[0], list(graph.parameters)[:4]))


def curvature_of(graph: fg.Graph) -> fg.Graph:
    """The gradient of a gradient."""
    first, *_ = graph.parameters
    (slope,) = fg.gradient(graph.outputs[0], [first])
    return fg.Graph(*fg.gradient(fg.sum(slope), [first]))


NETS: dict[str, Callable[[], fg.Graph]] = {
    "MLP of 2 layers": lambda: perceptron(2),
    "MLP of 8 layers": lambda: perceptron(8),
    "attention in scopes": attention,
    "autoencoder in scopes": autoencoder,
    "LSTM of 3 steps": lambda: recurrent(3),
    "LSTM of 5 steps, scopes": lambda: recurrent(5, scoped=True),
    "LSTM of 20 steps": lambda: recurrent(20),
    "LSTM of 20 steps, scopes": lambda: recurrent(20, scoped=True),
    "25 residual blocks": lambda: residual(25),
    "gradient of the MLP": lambda: gradient_of(perceptron(2)),
    "curvature of the MLP": lambda: curvature_of(perceptron(2)),
    "gradient of the autoencoder": lambda: gradient_of(autoencoder()),
    "gradient of attention": lambda: gradient_of(attention()),
}


def drawings(count: int, seed: int) -> Iterator[tuple[str, str, fg.Graph, str]]:
    """Group, name, graph and direction of every picture."""
    yield from (("nets", name, make(), "right") for name, make in NETS.items())
    for k in range(count):
        yield "random", f"random {seed + k}", random_graph(seed + k, SIZES[k % len(SIZES)]), ("right", "down")[k % 2]


def measured(page: Page, graph: fg.Graph, engine: str, direction: str, wrap: int | None) -> Counter[str] | None:
    """The figures of one picture; None where the engine gave none."""
    before = _cpu()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        svg = svg_of(picture_of(graph, collapse=False, direction=direction, wrap=wrap), "light", engine, timeout=60)
    if said:
        return None
    seconds, drawing = _cpu() - before, of_svg(page, svg)
    found: Counter[str] = Counter(kind for kind, _ in untrue(drawing))
    return found + Counter({**figures(drawing), "seconds": seconds, "untrue": bool(found), "pictures": 1})  # type: ignore[arg-type]


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def row(name: str, found: Counter[str] | None) -> str:
    """A line of the table."""
    if found is None:
        return f"  {name:<12}no picture in 60 s"
    lies = " ".join(f"{found[kind]:>8}" for kind in KINDS)
    return (
        f"  {name:<12}{found['pictures']:>4} {found['untrue']:>6} {lies} {found['edges']:>7} {found['crossings']:>9} "
        f"{found['length']:>9,.0f} {found['area']:>7.2f} {found['seconds']:>8.2f}"
    )


def main() -> None:
    """Print what was found, picture by picture, and the sums of nets and of random graphs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks pictures")
    parser.add_argument("--random", type=int, default=40, help="random graphs")
    parser.add_argument("--seed", type=int, default=0, help="of the first of them")
    parser.add_argument("--wrap", type=int, help="columns of a line, 0 for one line; by default as pictures are drawn")
    arguments = parser.parse_args([one for one in sys.argv[1:] if one != "pictures"])
    if not AVAILABLE:
        raise SystemExit(MISSING)
    tools = ["builtin", *(["dot"] if engines.find() else [])]
    head = " ".join(f"{kind:>8}" for kind in KINDS)
    print(f"  {'':<16} untrue {head}   edges crossings    length    Mpx2  seconds")
    sums: dict[tuple[str, str], Counter[str]] = {}
    with chromium() as page:
        for group, name, graph, direction in drawings(arguments.random, arguments.seed):
            print(name, flush=True)
            found = {tool: measured(page, graph, tool, direction, arguments.wrap) for tool in tools}
            for tool, one in found.items():
                print(row(tool, one), flush=True)
                if one is not None and None not in found.values():  # sums are of the same pictures
                    sums.setdefault((group, tool), Counter()).update(one)
    for (group, tool), total in sums.items():
        print(f"all {group}\n{row(tool, total)}")


if __name__ == "__main__":
    main()
