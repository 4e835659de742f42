"""A flow graph as a pure function of JAX: f(parameters, inputs), with dicts of arrays by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax

from flowgraph.box import Box, Built
from flowgraph.box.vocabulary import Foreign, Value
from flowgraph.errors import DtypeError, UnsupportedError, UsageError
from flowgraph.graph import Graph, feeding
from flowgraph.interop.jax.arguments import read_arrays
from flowgraph.interop.jax.derivative import differentiable
from flowgraph.loops import in_jax  # noqa: F401  (it registers rules)
from flowgraph.plan.jax.array import struct_of
from flowgraph.plan.jax.draws import drawn
from flowgraph.plan.jax.evaluation import refuse_unfit
from flowgraph.shapes.size import Size, evaluate


def parameters(graph: Graph | Built) -> dict[str, Any]:
    """The values of the parameters of a graph by name, as arrays of JAX: the first argument of its function.

    Parameters
    ----------
    graph : Graph or Box
        The graph.

    Returns
    -------
    dict of str to jax.Array
        One array per parameter.

    Examples
    --------
    >>> import flowgraph as fg
    >>> from flowgraph.interop.jax import parameters
    >>> x, w = fg.Input("x"), fg.Parameter([1.0, 2.0], name="w", dtype="float32")
    >>> parameters(fg.Graph(w * 2))
    {'w': Array([1., 2.], dtype=float32)}
    """
    of = _graph(graph)
    return {of.names[box]: jax.numpy.asarray(box.value) for box in of.parameters}


def function(graph: Graph | Built) -> Callable[..., Any]:
    """A graph as a pure function f(parameters, inputs, key) of JAX.

    `parameters` and `inputs` are dicts of arrays by name; `parameters(graph)` gives the first. A graph with random
    leaves needs a `key` of `jax.random`, from which they draw. The function returns an array, or a tuple of arrays for
    a graph of several outputs. `jax.jit`, `grad`, `jvp`, `vmap` and `shard_map` take it.

    Derivatives come from the bprop of the boxes, so that they are those of the graph, kinks and branches that are not
    taken included; JAX differentiates these once more for second derivatives. A label that is no class makes the result
    NaN, since nothing can be raised in a compiled function.

    Raises an UnsupportedError for a box that JAX cannot compute: it names the box and its line, before anything runs.

    Parameters
    ----------
    graph : Graph or Box
        The graph.

    Returns
    -------
    function
        `f(parameters, inputs, key=None)`, pure, as JAX needs it.

    Raises
    ------
    UnsupportedError
        If JAX cannot compute a box; it is named with its line.

    Examples
    --------
    >>> import jax, numpy as np, flowgraph as fg
    >>> from flowgraph.interop.jax import function, parameters
    >>> x = fg.Input("x", shape=("N", 2), dtype=np.float32)
    >>> w = fg.Parameter([1.0, -1.0], name="w", dtype="float32")
    >>> graph = fg.Graph(fg.mean(np.tanh(x @ w)))
    >>> f = function(graph)
    >>> grads = jax.jit(jax.grad(f))(parameters(graph), {"x": np.array([[1, 1], [2, 0]], np.float32)})
    >>> [round(float(grad), 3) for grad in grads["w"]]
    [0.571, 0.5]
    """
    of = _graph(graph)
    refuse_unfit(of.boxes)
    leaves: tuple[Box, ...] = (*of.parameters, *of.inputs, *of.randoms)
    compute = jax.jit(differentiable(of, leaves))
    alone = len(of.outputs) == 1

    def f(parameters: Mapping[str, Any], inputs: Mapping[str, Any] | None = None, key: Value = None) -> Any:
        values = read_arrays(of, of.parameters, parameters, "parameters", exact=True)
        values += read_arrays(of, of.inputs, inputs or {}, "inputs", exact=False)
        sizes = feeding.bind_sizes(
            of, dict(zip(of.inputs, [v.shape for v in values[len(of.parameters) :]], strict=True))
        )
        values += _draws(of.randoms, key, sizes)
        found = compute(*_varying(values))
        return found[0] if alone else found

    f.__name__ = "_".join(of.names[box].replace("/", "_") for box in of.outputs)
    return f


def has_twin(graph: Graph | Built) -> bool:
    """Whether JAX can trace every box of a graph, with 4 for each symbolic size.

    Parameters
    ----------
    graph : Graph or Box
        The graph.

    Returns
    -------
    bool
        Whether `function` takes it.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.interop.jax import has_twin
    >>> a = fg.Input("a", shape=("N",))
    >>> has_twin(np.tanh(a)), has_twin(a[a > 0])
    (True, False)
    """
    of = _graph(graph)
    names = {name: 4 for box in of.inputs for size in box.shape if isinstance(size, Size) for name in size.names}
    shapes = [tuple([int(evaluate(size, names)) for size in box.shape]) for box in of.inputs]
    try:
        with jax.enable_x64(True):
            inputs = {of.names[box]: struct_of(s, box.dtype) for box, s in zip(of.inputs, shapes, strict=True)}
            jax.eval_shape(function(of), parameters(of), inputs, jax.random.key(0))
    except (UnsupportedError, DtypeError):
        return False
    return True


def _graph(graph: Foreign) -> Graph:
    if isinstance(graph, Box):
        return Graph(graph)
    if not isinstance(graph, Graph):
        raise UsageError(f"jax: found a {type(graph).__name__}, needs a Graph or a box; fg.trace(f, x=...) makes one")
    return graph


def _draws(leaves: Sequence[Any], key: Value, sizes: Mapping[str, int]) -> list[Any]:
    """The draws of the random leaves, each from a key of its own."""
    if not leaves:
        return []
    if key is None:
        raise UsageError(
            f"jax: {leaves[0].title} draws, and found no key; needs f(parameters, inputs, jax.random.key(0))\n"
            f"  built at {leaves[0].built_at}"
        )
    shapes = [tuple([int(evaluate(size, sizes)) for size in leaf.shape]) for leaf in leaves]
    return [
        drawn(leaf, jax.random.fold_in(key, number), shape)
        for number, (leaf, shape) in enumerate(zip(leaves, shapes, strict=True))
    ]


def _varying(values: Sequence[Any]) -> list[Any]:
    """Inside `shard_map` all values as ones that differ between the devices, if any does.

    JAX adds up the gradients of those that do not differ; what a gradient of ours is given and returns then agrees.
    """
    axes = [_axes_of(jax.typeof(value)) for value in values]
    every = frozenset().union(*axes)
    return [
        jax.lax.pcast(value, tuple(sorted(every - own)), to="varying") if every - own else value
        for value, own in zip(values, axes, strict=True)
    ]


def _axes_of(kind: Foreign) -> frozenset[str]:
    """The axes of a mesh along which a value differs, by the name that they have in this JAX."""
    manual = getattr(kind, "manual_axis_type", None)
    found: frozenset[str] = getattr(kind, "vma", frozenset()) if manual is None else manual.varying
    return found
