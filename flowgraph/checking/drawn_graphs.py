"""Whole graphs that Hypothesis draws from the registry: shared boxes, broadcasts, reductions, products, two dtypes.

Structure and values are drawn by Hypothesis, step by step and each step by itself, so a failure shrinks to the one
or two boxes that show it.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Elementwise, registry
from flowgraph.box.leaves import Parameter
from flowgraph.boxes import sum as sum_of
from flowgraph.checking.cases import examples_of
from flowgraph.errors import FlowgraphError, install_hint
from flowgraph.graph import Graph

SHAPES = [(3,), (), (1,), (2, 3), (2, 1), (3, 2), (4, 2, 3)]
LARGEST = 30.0  # exp(30) is 1e13: what comes of another exp is no float64
STRUCTURAL = ("Sum", "Mean", "MatMul", "Transpose", "LogSumExp", "Var", "Softmax", "LogSoftmax", "CumSum", "Flip")
MEET = ("FloorDivide", "Fmod", "Remainder", "Maximum", "Minimum", "Fmax", "Fmin", "AbsoluteError", "Huber")
"""Boxes with a jump or a kink where their children meet, which no declared number says."""


def hypothesis() -> Any:
    """The package."""
    return _imported("hypothesis")


def st() -> Any:
    """Its strategies."""
    return _imported("hypothesis.strategies")


def hypothesis_numpy() -> Any:
    """Its strategies for NumPy."""
    return _imported("hypothesis.extra.numpy")


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"flowgraph.checking.strategies: needs hypothesis, which is not installed; {install_hint('hypothesis')}"
        ) from error


class _Step(NamedTuple):
    """One box to add: its class, its children counted from the latest box, an axis, which example's settings."""

    cls: type[Box]
    children: tuple[int, ...]
    axis: int | None
    flag: bool
    example: int


def smooth_boxes() -> list[type[Box]]:
    """The registered elementwise boxes that have a derivative wherever they have a value, simple ones first."""
    found = [
        cls
        for cls in registry.values()
        if issubclass(cls, Elementwise)
        and cls.__module__.startswith("flowgraph.")
        and cls.has_bprop
        and cls.__name__ not in MEET
        and not (cls.kinks or cls.constant_children or cls.variadic)
        and all(field.default is not None for field in cls.settings.values())
    ]
    structural = [registry[name] for name in STRUCTURAL if name in registry]
    return [*sorted(found, key=lambda cls: (len(cls.child_names), cls.__name__)), *structural]


def graphs(
    boxes: Sequence[type[Box]] = (), *, dtypes: Sequence[Any] = (np.float64,), longest: int = 12, only: bool = False
) -> Any:
    """Graphs with one scalar output and one to three parameters; every value and slope is finite and moderate.

    Made of the registered boxes that are smooth, and of `boxes`, at least one of which is in every graph if any is
    given; `only=True` takes no others.
    """
    own = list(boxes)
    classes = own if only else [*own, *smooth_boxes()]
    if not classes:
        raise ValueError("strategies.graphs: found only=True and no boxes, needs one box class or more")
    return st().composite(_graph)(classes, own, tuple(dtypes), longest)


def _graph(draw: Any, classes: list[type[Box]], own: list[type[Box]], dtypes: tuple[Any, ...], longest: int) -> Graph:
    pool: list[Box] = [Parameter(draw(_values(dtypes)), name=n) for n in "pqr"[: draw(st().integers(1, 3))]]
    for step in draw(st().lists(_steps(classes), min_size=1, max_size=longest)):
        box = _built(step, pool)
        if box is not None and _moderate(box):
            pool.append(box)
    made = [box for box in pool if box.children]
    if not made or (own and not any(isinstance(box, tuple(own)) for box in made)):
        hypothesis().reject()
    read = {child for box in made for child in box.children}
    ends = [box for box in made if box not in read]
    parts = [box if box.shape == () else sum_of(np.tanh(box)) for box in ends]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return Graph(total)


def _values(dtypes: tuple[Any, ...]) -> Any:
    elements = st().floats(0.25, 0.875, width=16)
    form = st().tuples(st().sampled_from(dtypes), st().sampled_from(SHAPES))
    return form.flatmap(lambda drawn: hypothesis_numpy().arrays(*drawn, elements=elements))


def _steps(classes: list[type[Box]]) -> Any:
    places = st().integers(0, 5)
    return st().builds(
        _Step,
        st().sampled_from(classes),
        st().tuples(places, places, places),
        st().sampled_from([None, 0, -1, 1]),
        st().booleans(),
        st().integers(0, 3),
    )


def _built(step: _Step, pool: list[Box]) -> Box | None:
    """The box on boxes of the pool, None where they do not fit."""
    cls = step.cls
    count = len(cls.child_names) + cls.variadic
    children = [pool[-1 - place % len(pool)] for place in (*step.children, *step.children)[:count]]
    found = examples_of(cls)
    settings = dict(found[step.example % len(found)].settings)
    if "axis" in cls.settings:
        settings["axis"] = step.axis if cls.settings["axis"].default is None else step.axis or 0
    if "keepdims" in cls.settings:
        settings["keepdims"] = step.flag
    if cls.__name__ == "MatMul" and step.flag and children[1].ndim == 2:
        children[1] = children[1].T
    try:
        return cls(*children, **settings)
    except (FlowgraphError, ValueError, IndexError, TypeError):
        return None


def _moderate(box: Box) -> bool:
    """Whether the value, and the slope that its own bprop gives, is finite and not large."""
    if any(spec.dtype.kind != "f" for spec in box.outputs) or len(box.outputs) > 1:
        return False
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = Graph(box).fprop()
        value = run[box]
        if not (value.size and np.all(np.isfinite(value)) and np.all(np.abs(value) < LARGEST)):
            return False
        grads = run.bprop(grad=np.ones_like(value), wrt=list(dict.fromkeys(box.children)), unused="zeros")
    return all(np.all(np.isfinite(g)) and np.all(np.abs(g) < LARGEST) for g in grads.values())
