"""Random graphs as people write them: scopes in scopes, shared parameters, loops, several outputs."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

import flowgraph as fg
from flowgraph.rendering.views import VIEWS

WIDTH = 4


class Author:
    """Writes boxes until there are enough, in scopes that it opens and leaves."""

    def __init__(self, seed: int, boxes: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.left = boxes
        self.x = fg.Input("x", shape=("N", WIDTH))
        self.shared = [fg.Parameter(np.eye(WIDTH) / (k + 2), name=f"S{k}") for k in range(2)]
        self.made: list[Any] = [self.x, np.tanh(self.x)]
        self.count = 0

    def graph(self) -> fg.Graph:
        """The graph of some of the last boxes."""
        while self.left > 0:
            self.block(0)
        outputs = self.made[-int(self.rng.integers(1, 4)) :]
        if self.rng.random() < 0.5:
            return fg.Graph(fg.mean(sum(outputs)).named("loss"))
        others = self.x, self.shared[0], fg.L2(self.shared[1]).named("size"), fg.SquaredError(self.one(), self.x)
        return fg.Graph(*dict.fromkeys([*outputs, *(one for one in others if self.rng.random() < 0.2)]))

    def block(self, depth: int) -> None:
        """A scope, or none: some boxes, a loop or a block in it."""
        self.count += 1
        name = f"part{self.count if self.rng.random() < 0.7 else self.rng.integers(1, self.count + 1)}"
        with fg.scope(name) if self.rng.random() < 0.7 else contextlib.nullcontext():
            for _ in range(int(self.rng.integers(1, 5))):
                if depth < 2 and self.rng.random() < 0.35:
                    self.block(depth + 1)
                elif self.rng.random() < 0.1:
                    self.loop()
                else:
                    self.made.append(self.box(self.one(), self.one()))

    def loop(self) -> None:
        """Some steps with two carried values, in scopes or without."""
        h, c, W = self.one(), self.one(), self.shared[0]
        own = self.rng.random() < 0.5
        for t in range(int(self.rng.integers(2, 7))):
            with fg.scope(f"step{t}") if own else contextlib.nullcontext():
                c = fg.sigmoid(h @ W) * c + np.tanh(self.x @ self.shared[1])
                h = np.tanh(c) * fg.sigmoid(h)
            self.left -= 9
        self.made += [h, c]

    def one(self) -> Any:
        """A box to read: most often a new one, at times an old one."""
        far = len(self.made) if self.rng.random() < 0.25 else min(4, len(self.made))
        return self.made[-int(self.rng.integers(1, far + 1))]

    def box(self, one: Any, other: Any) -> Any:
        """One box, or a product and a sum."""
        self.left -= 1
        kind = int(self.rng.integers(9))
        if kind == 0:
            with fg.scope("weights") if self.rng.random() < 0.3 else contextlib.nullcontext():
                W = fg.Parameter(np.eye(WIDTH), name=f"W{self.left}")
            self.shared += [W] if self.rng.random() < 0.2 else []
            return one @ W
        if kind == 1:
            return fg.Affine(one, self.shared[0], fg.Parameter(np.zeros(WIDTH), name=f"b{self.left}"))
        if kind == 2:
            return (one @ self.shared[1]).named(f"a long name of box {self.left}")
        if kind == 3:
            return np.maximum(one, other)
        W = self.shared[int(self.rng.integers(len(self.shared)))]
        made = np.tanh(one), one + other, one * other, np.where(self.x > 0, other, 0.5), one @ (W * W)
        return made[kind - 4]


def random_graph(seed: int, boxes: int) -> fg.Graph:
    """A graph of about so many boxes."""
    return Author(seed, boxes).graph()


def batch() -> dict[str, Any]:
    """An example for any of them."""
    return {"x": np.linspace(-1.0, 1.0, 3 * WIDTH).reshape(3, WIDTH)}


def settings_by_seed(graph: fg.Graph, seed: int) -> dict[str, Any]:
    """How such a graph is drawn: each number another direction, view, closing and way to break lines."""
    how: dict[str, Any] = {
        "direction": ("right", "down")[seed % 2],
        "collapse": (False, False, True, "auto")[seed // 2 % 4],
        "wrap": (None, None, 0, 4)[seed // 8 % 4],
        "detail": ("auto", "boxes", "rows")[seed % 3],
        "stubs": seed % 5 > 0 or len(graph) > 150,
    }
    view = [*VIEWS][seed % len(VIEWS)] if len(graph.outputs) == 1 and graph.parameters else "forward"
    if view != "forward":
        run = graph.fprop(batch())
        how |= {"view": view, "run": run, "grads": run.bprop(grad=np.ones_like(run.outputs[0]), keep="all")}
    return how
