"""A call of NumPy on boxes held against the same call on arrays: value, gradient, gradient graph, every batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import flowgraph as fg


def listed(results: Any) -> list[Any]:
    """The results of a call, one or several."""
    return list(results) if isinstance(results, tuple | list) else [results]


def assert_every_batch(function: Callable[..., Any], *shapes: tuple[Any, ...], batches: Any = (0, 1, 7)) -> list[Any]:
    """Built once at N (and M), the call serves every batch that NumPy takes; its gradient graph too."""
    inputs = [fg.Input(f"x{i}", shape=shape) for i, shape in enumerate(shapes)]
    results = listed(function(*inputs))
    total = sum((np.sum(box * box) for box in results), start=np.zeros(()))
    graph, backwards = fg.Graph(total, *results), fg.Graph(*fg.gradient(total, inputs))
    rng = np.random.default_rng(1)
    for number in batches:
        sizes = {"N": number, "M": 3}
        arrays = {f"x{i}": rng.normal(size=[sizes.get(size, size) for size in shape]) for i, shape in enumerate(shapes)}
        needed = listed(function(*arrays.values()))
        with fg.debug():
            run = graph.fprop(**arrays)
            grads = run.bprop(grad=(1.0, *(np.zeros(np.shape(value)) for value in needed)), wrt=inputs)
            again = backwards.fprop({name: a for name, a in arrays.items() if name in backwards})
        for box, value in zip(results, needed, strict=True):
            np.testing.assert_allclose(run[box], value, rtol=1e-12, atol=1e-12)
        for box, built in zip(inputs, backwards.outputs, strict=True):
            np.testing.assert_allclose(again[built], grads[box], rtol=1e-10, atol=1e-10)
    return [box.shape for box in results]


def assert_as_numpy(function: Callable[..., Any], *arrays: Any, rtol: float = 1e-11) -> None:
    """What `function` gives on boxes is what it gives on arrays: shapes, dtypes, values, and its derivatives."""
    boxes = _leaves(arrays)
    with np.errstate(all="ignore"):
        results, needed = listed(function(*boxes)), listed(function(*arrays))
    assert len(results) == len(needed)
    run = fg.Graph(*results).fprop()
    for box, value in zip(results, map(np.asarray, needed), strict=True):
        assert (box.shape, box.dtype) == (value.shape, value.dtype)
        np.testing.assert_allclose(run[box], value, rtol=rtol, atol=rtol)
    if np.float32 not in [np.asarray(a).dtype for a in (*arrays, *needed)]:
        assert_derivatives(function, *arrays)


def _leaves(arrays: Any) -> list[Any]:
    return [fg.Parameter(a) if np.asarray(a).dtype.kind in "fc" else fg.Constant(a) for a in arrays]


def _normal(rng: np.random.Generator, like: Any) -> np.ndarray:
    """Numbers of the shape of an array, complex ones where it has these."""
    drawn = rng.normal(size=np.shape(like))
    return drawn + 1j * rng.normal(size=np.shape(like)) if np.iscomplexobj(like) else drawn


def assert_derivatives(function: Callable[..., Any], *arrays: Any, anywhere: bool = False) -> None:
    """Gradients for the arrays of floats and of complex numbers are what central differences give.

    The first from `bprop` and from the gradient graph, the second from that graph. With `anywhere`, the arrays may lie
    so near a kink or a jump that central differences say nothing, which is seen where two step sizes disagree.
    """
    rng = np.random.default_rng(0)
    boxes = _leaves(arrays)
    with np.errstate(all="ignore"):
        smooth = [box for box in listed(function(*boxes)) if isinstance(box, fg.Box) and box.dtype.kind in "fc"]
    read = fg.Graph(*smooth) if smooth else ()
    wrt = [box for box in boxes if isinstance(box, fg.Parameter) and box in read]
    if not wrt:
        return
    run = read.fprop()
    parts = []
    for box in smooth:
        w, v = _normal(rng, run[box]), rng.normal(size=np.shape(run[box]))
        add = np.nansum if np.isnan(run[box]).any() else np.sum
        parts.append(add(np.real(np.conj(w) * box) + v * np.real(np.conj(box) * box)))
    total = sum(parts, start=np.zeros(()))
    built = fg.gradient(total, wrt)
    directions = [_normal(rng, box.value) for box in wrt]
    slopes = (np.sum(np.real(np.conj(d) * g)) for g, d in zip(built, directions, strict=True))
    along = sum(slopes, start=np.zeros(()))
    graph, backwards = fg.Graph(total), fg.Graph(along, *built)

    def moved(step: float, graph: fg.Graph) -> dict[Any, Any]:
        return {box: box.value + step * d for box, d in zip(wrt, directions, strict=True) if box in graph}

    run, again = graph.fprop(), backwards.fprop()
    grads = run.bprop(wrt=wrt)
    for box, one in zip(wrt, built, strict=True):
        np.testing.assert_allclose(again[one], grads[box], rtol=1e-9, atol=1e-9)
    _assert_slope(lambda step: run.update(moved(step, graph))[total], float(again[along]), "first", anywhere)
    read = [box for box in wrt if box in backwards]
    grad = (1.0, *(np.zeros(np.shape(again[g]), g.dtype) for g in built))
    second = again.bprop(grad=grad, wrt=read, unused="zeros") if read else {}
    bent = (np.sum(np.real(np.conj(d) * second[box])) for box, d in zip(wrt, directions, strict=True) if box in second)
    curvature = float(sum(bent))
    _assert_slope(lambda step: again.update(moved(step, backwards))[along], curvature, "second", anywhere)


def _assert_slope(function: Callable[[float], Any], analytic: float, what: str, anywhere: bool) -> None:
    """The slope at 0 is what central differences give, extrapolated."""
    rows = [(float(function(h)) - float(function(-h))) / (2 * h) for h in (2e-4, 1e-4)]
    numeric = (4 * rows[1] - rows[0]) / 3
    if anywhere and not abs(rows[1] - rows[0]) <= 1e-4 * (1 + abs(numeric)):
        return
    bound = 1e-6 * (1 + abs(numeric)) + abs(rows[1] - rows[0])
    assert abs(analytic - numeric) <= bound, f"{what} derivative {analytic}, central differences give {numeric}"
