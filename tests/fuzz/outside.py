"""Other people's derivatives of the same programs: autograd and JAX run the text itself, torch the boxes it becomes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import flowgraph as fg
from flowgraph.checking.point import parts
from flowgraph.errors import OpenChoiceError
from tests.fuzz.agreement import Rounding
from tests.fuzz.built import SKIPPED, Built, Path
from tests.fuzz.drawing import FOREIGN

STEPS = (1e-3, 1e-4, 1e-5)
NEAR = 1e-3
"""How far away points near by lie: far enough that what ties comes apart by more than the last of the steps."""


def autograd(built: Built, rng: np.random.Generator) -> Path:
    """The gradients that autograd finds, where it takes the program."""
    import autograd.numpy as anp
    from autograd import grad

    return (yield from _compared(built, anp, lambda loss, place, values: grad(loss, place)(*values), "autograd"))


def jax(built: Built, rng: np.random.Generator) -> Path:
    """The gradients that JAX finds, where it takes the program."""
    import jax as package
    import jax.numpy as jnp

    package.config.update("jax_enable_x64", True)
    return (yield from _compared(built, jnp, lambda loss, place, values: package.grad(loss, place)(*values), "JAX"))


def forget() -> None:
    """Let go of what JAX has compiled for programs that do not come again."""
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


def _compared(built: Built, numpy: Any, gradient: Callable[..., Any], name: str) -> Path:
    """Each gradient of a sum of the outputs, by the other package and by `bprop`."""
    case = built.case
    if (
        any(sign in text for _, text in case.lines for sign in FOREIGN)
        or any(leaf.named for leaf in case.leaves)
        or not _is_plain(built)
    ):
        return SKIPPED
    names = [leaf.name for leaf in case.leaves]
    values = [leaf.fed() for leaf in case.leaves]
    wrt_ids = set(built.wrt)
    places = [place for place, one in enumerate(names) if built.leaves[one] in wrt_ids]
    weights = [weights_of(value.shape) for value in case(case.arrays)]

    def loss(*arrays: Any) -> Any:
        outputs = case(dict(zip(names, arrays, strict=True)), numpy)
        return sum(numpy.sum(weight * one) for weight, one in zip(weights, outputs, strict=True))

    try:
        theirs = [np.asarray(gradient(loss, place, values)) for place in places]
    except Exception:  # whatever the other package refuses
        return SKIPPED
    if any(one.dtype.kind == "O" for one in theirs):  # autograd knows no dstack, which then packs its own objects
        return SKIPPED
    total = sum((np.sum(weight * box) for weight, box in zip(weights, built.outputs, strict=True)), start=np.zeros(()))
    wrt = [built.leaves[names[place]] for place in places]
    graph = fg.Graph(*fg.gradients([total], wrt, [1.0], unused="zeros"), total)
    try:
        rounding = Rounding(graph, graph.fprop(built.feeds(case.arrays, graph)), elsewhere=True)
    except OpenChoiceError:  # which the other package makes without a word
        return SKIPPED
    for place, box, other in zip(places, graph.outputs, theirs, strict=False):
        if np.shape(other) != box.shape:
            continue
        ours = rounding.run[box]
        stopped = np.isnan(ours) & (other == 0)  # at a floor, say, behind which we multiply a slope of NaN by zero
        text = rounding.difference(box, np.where(stopped, ours, other).astype(box.dtype)[()])
        if (
            text
            and not _numeric_agrees(built, total, wrt[places.index(place)], ours, other)
            and not _agree_near(built, graph, box, lambda at, place=place: gradient(loss, place, at))
        ):
            yield f"gradient of {names[place]}: {text} (found: {name})"
    return None


def _agree_near(built: Built, graph: fg.Graph, ours: Any, theirs: Callable[[list[Any]], Any]) -> bool:
    """Whether both packages find the same slopes at points near by: then they only choose differently at this one.

    Where kinks meet, a product of one-sided slopes, as each package takes them, may be no slope on any side.
    """
    rng = np.random.default_rng(0)
    wrt = set(built.wrt)
    for _ in range(8):
        at = {
            name: value + NEAR * rng.normal(size=value.shape) if built.leaves[name] in wrt else value
            for name, value in built.case.arrays.items()
        }
        feeds = {box: at[name] for name, box in built.leaves.items() if box in wrt and box in graph.slots}
        found = np.asarray(theirs([at[leaf.name] for leaf in built.case.leaves]))
        if not np.allclose(found, graph.fprop({**built.feeds(at, graph), **feeds})[ours], 1e-6, 1e-9):
            return False
    return True


def weights_of(shape: tuple[int, ...]) -> Any:
    """Weights of the elements of an output: no two alike, none zero."""
    return np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape)


def _near(theirs: Any, ours: Any) -> bool:
    """Whether two gradients are near, in units of the largest: another formula rounds other numbers."""
    return np.shape(theirs) != np.shape(ours) or bool(
        np.allclose(theirs, ours, 1e-6, 1e-9 * (1 + np.max(np.abs(ours), initial=0)))
    )


def _is_plain(built: Built) -> bool:
    """Whether all is float64, finite and of an ordinary size, with nothing drawn: where two packages mean the same.

    Of a quotient by zero on the way, one package multiplies a slope of zero by an infinity and the other does not.
    """
    arrays = [np.asarray(leaf.array) for leaf in built.case.leaves]
    if any(a.dtype != np.float64 or not _ordinary(a) for a in arrays) or built.forward.randoms or not built.wrt:
        return False
    run = built.forward.fprop(built.feeds(built.case.arrays, built.forward))
    if not all(np.isfinite(part).all() for box in built.forward.boxes for part in parts(run[box])):
        return False
    outputs = built.case(built.case.arrays)
    return all(np.asarray(one).dtype == np.float64 and _ordinary(np.asarray(one)) for one in outputs)


def _ordinary(array: Any) -> bool:
    """Whether the numbers, and powers of them that a formula may hold, stay within the range of float64."""
    sizes = np.abs(array[array != 0])
    return bool(np.all((sizes > 1e-30) & (sizes < 1e30)))


def _numeric_agrees(built: Built, total: Any, box: Any, ours: Any, theirs: Any) -> bool:
    """Whether our slope lies between those on either side, in each element where another one was found.

    Packages choose differently at kinks, and err. Where elements tie, none of them moves the value alone; then the
    slopes are those of points near by.
    """
    graph = fg.Graph(total)
    feeds = built.feeds(built.case.arrays, graph)
    point = np.asarray(feeds.get(box, getattr(box, "value", None)), float)

    def value(at: Any) -> float:
        return float(graph.fprop({**feeds, box: at}))

    rng = np.random.default_rng(0)
    near = [point + NEAR * rng.normal(size=point.shape) for _ in range(16)]
    far = np.argwhere(~np.isclose(ours, theirs, 1e-9, 1e-12, equal_nan=True))
    for place in map(tuple, far[:8]):
        unit = np.zeros(point.shape)
        unit[place] = 1.0
        needed = float(np.asarray(ours)[place])
        slopes = np.array([[(value(point + s * h * unit) - value(point)) / (s * h) for h in STEPS] for s in (1, -1)])
        slack = 1e-3 * (1 + abs(needed)) + np.max(np.abs(np.diff(slopes)))
        if not slopes.min() - slack <= needed <= slopes.max() + slack:
            h = STEPS[-1]
            slopes = np.array([(value(one + h * unit) - value(one - h * unit)) / (2 * h) for one in near])
            if not slopes.min() - slack <= needed <= slopes.max() + slack:
                return False
    return True


def torch(built: Built, rng: np.random.Generator) -> Path:
    """The gradients that torch finds for the boxes that it has too."""
    if built.loss is None or not _is_plain(built):
        return SKIPPED
    import torch as package

    from tests.graph.test_random_graphs import in_torch

    graph = fg.Graph(built.loss)
    wrt = [box for box in built.wrt if box in graph.slots]
    arrays = built.case.arrays
    leaves = {
        box: package.tensor(np.array(arrays[n]), requires_grad=True)
        for n, box in built.leaves.items()
        if box in graph.slots and not isinstance(box, fg.Constant)
    }
    try:
        value = in_torch(package, graph, leaves)
        if value is None:
            return SKIPPED
        value.backward()
    except Exception:  # whatever torch refuses
        return SKIPPED
    backward = fg.Graph(*fg.gradients([built.loss], wrt, [1.0], unused="zeros"), built.loss)
    try:
        rounding = Rounding(backward, backward.fprop(built.feeds(arrays, backward)), elsewhere=True)
    except OpenChoiceError:
        return SKIPPED
    for box, grad in zip(wrt, backward.outputs, strict=False):
        theirs = leaves[box].grad
        if theirs is not None:
            text = rounding.difference(grad, theirs.numpy()[()])
            if text and not _near(theirs.numpy(), rounding.run[grad]):
                yield f"gradient of {box.name}: {text} (found: torch)"
    return None
