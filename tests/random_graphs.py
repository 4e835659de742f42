"""Hypothesis draws whole graphs from the registry: shared boxes, broadcasts, reductions, products, two dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import flowgraph as fg

SHAPES = [(), (3,), (1,), (2, 3), (2, 1), (4, 2, 3)]
LARGEST = 30.0

SMOOTH = sorted(
    name
    for name, cls in fg.registry.items()
    if issubclass(cls, fg.Elementwise) and cls.has_bprop and not cls.kinks and not cls.constant_children
    and not cls.variadic and all(field.default is not None for field in cls.settings.values())
)  # fmt: skip
"""The elementwise boxes that have a derivative wherever they have a value."""

REDUCTIONS = ("Sum", "Mean", "LogSumExp")


@st.composite
def graphs(draw: Any, dtypes: tuple[Any, ...] = (np.float64,), longest: int = 12) -> fg.Graph:
    """A graph with one scalar output and one to three parameters; every value is finite and moderate."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    pool: list[fg.Box] = [
        fg.Parameter(rng.uniform(0.2, 0.9, draw(st.sampled_from(SHAPES))).astype(draw(st.sampled_from(dtypes))), name=n)
        for n in ("p", "q", "r")[: draw(st.integers(1, 3))]
    ]
    for _ in range(draw(st.integers(1, longest))):
        box = draw(st.one_of(elementwise(pool), reductions(pool), products(pool)))
        if box is not None and _moderate(box):
            pool.append(box)
    parts = [box if box.shape == () else fg.sum(np.tanh(box)) for box in pool]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return fg.Graph(total)


@st.composite
def elementwise(draw: Any, pool: list[fg.Box]) -> fg.Box | None:
    """A registered elementwise box on boxes of the pool."""
    cls = fg.registry[draw(st.sampled_from(SMOOTH))]
    children = [draw(st.sampled_from(pool)) for _ in cls.child_names]
    try:
        return cls(*children)
    except (fg.ShapeError, fg.FlowgraphError):
        return None


@st.composite
def reductions(draw: Any, pool: list[fg.Box]) -> fg.Box:
    """A reduction over some axes of a box of the pool."""
    child = draw(st.sampled_from(pool))
    axis = draw(st.one_of(st.none(), st.integers(-child.ndim, child.ndim - 1) if child.ndim else st.none()))
    return fg.registry[draw(st.sampled_from(REDUCTIONS))](child, axis=axis, keepdims=draw(st.booleans()))


@st.composite
def products(draw: Any, pool: list[fg.Box]) -> fg.Box | None:
    """A matrix product of two boxes of the pool, the second transposed where that makes it fit."""
    left, right = draw(st.sampled_from(pool)), draw(st.sampled_from(pool))
    try:
        return left @ (right.T if right.ndim == 2 and draw(st.booleans()) else right)
    except fg.FlowgraphError:
        return None


def _moderate(box: fg.Box) -> bool:
    """Whether the value, and the slope that its own bprop gives, is finite and not large."""
    if box.dtype.kind != "f":
        return False
    graph = fg.Graph(box)
    with np.errstate(all="ignore"):
        run = graph.fprop()
        value = run[box]
        if not (np.all(np.isfinite(value)) and np.all(np.abs(value) < LARGEST)):
            return False
        grads = run.bprop(grad=np.ones_like(value), wrt=list(box.children), unused="zeros")
    return all(np.all(np.isfinite(g)) and np.all(np.abs(g) < LARGEST) for g in grads.values())
