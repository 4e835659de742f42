"""A flow graph as a pure function of JAX: f(parameters, inputs), with dicts of arrays by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from flowgraph.box import Box, Built
from flowgraph.box.leaves import Input
from flowgraph.box.vocabulary import Foreign, Value
from flowgraph.derivatives.backward_graph import gradients
from flowgraph.errors import DtypeError, FeedError, ShapeError, UnsupportedError, UsageError
from flowgraph.graph import Graph, feeding
from flowgraph.graph.feeding import refuse_overflow
from flowgraph.loops import in_jax  # noqa: F401  (it registers rules)
from flowgraph.plan.jax.array import struct_of
from flowgraph.plan.jax.draws import draw_leaf
from flowgraph.plan.jax.evaluation import evaluate, refuse_unfit
from flowgraph.plan.passes.inlining import concrete_leaves, specialise
from flowgraph.shapes import size as sizing
from flowgraph.shapes.size import Size
from flowgraph.shapes.spec import shape_text


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
        results = compute(*_varying(values))
        return results[0] if alone else results

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
    shapes = [tuple([int(sizing.evaluate(size, names)) for size in box.shape]) for box in of.inputs]
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
    shapes = [tuple([int(sizing.evaluate(size, sizes)) for size in leaf.shape]) for leaf in leaves]
    return [
        draw_leaf(leaf, jax.random.fold_in(key, number), shape)
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
    axes: frozenset[str] = getattr(kind, "vma", frozenset()) if manual is None else manual.varying
    return axes


def read_arrays(graph: Graph, leaves: Sequence[Box], given: Value, what: str, *, exact: bool) -> list[Any]:
    """The arrays of the leaves in their order; with `exact` of its dtype, else of one that is cast to it."""
    names = [graph.names[leaf] for leaf in leaves]
    if not isinstance(given, Mapping):
        raise FeedError(
            f"jax: found a {type(given).__name__} as {what}, needs a dict of arrays by name: {_list(names)}"
        )
    by_name = {key if isinstance(key, str) else graph.names[graph.box(key)]: value for key, value in given.items()}
    for name in by_name:
        if name not in names:
            raise FeedError(f"jax: found {name!r} among {what}, needs {_list(names)}")
    for name in names:
        if name not in by_name:
            raise FeedError(f"jax: found no {name!r} among {what}, needs {_list(names)}")
    return [_read_array(name, leaf, by_name[name], exact) for name, leaf in zip(names, leaves, strict=True)]


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing, {}"


def _read_array(name: str, leaf: Box, value: Value, exact: bool) -> Any:
    array = value if isinstance(value, jax.Array) else np.asarray(value)
    wanted = jax.dtypes.canonicalize_dtype(leaf.dtype)
    if wanted != leaf.dtype and leaf.dtype.kind in "fc":
        raise DtypeError(
            f"{name}: the graph computes in {leaf.dtype}, and JAX would narrow it to {wanted}; call "
            f'jax.config.update("jax_enable_x64", True) first, or build the graph of {wanted}\n'
            f"  built at {leaf.built_at}"
        )
    dtype = np.dtype(array.dtype)
    fits = dtype in (wanted, leaf.dtype) or (not exact and np.can_cast(dtype, leaf.dtype, "same_kind"))
    if dtype.kind not in "biufc" or not fits:
        raise DtypeError(
            f"{name}: found dtype {dtype}, needs {leaf.dtype}; convert it with .astype({str(leaf.dtype)!r})\n"
            f"  built at {leaf.built_at}"
        )
    if array.ndim != leaf.ndim or any(
        isinstance(n, int) and n != m for n, m in zip(leaf.shape, array.shape, strict=True)
    ):
        raise ShapeError(
            f"{name}: found the shape {shape_text(array.shape)}, needs {shape_text(leaf.shape)}\n"
            f"  built at {leaf.built_at}"
        )
    if isinstance(array, np.ndarray) and dtype.kind in "iu" and array.size and not np.can_cast(dtype, wanted):
        refuse_overflow(name, array, wanted, leaf)
    return jnp.asarray(array, wanted)


def differentiable(graph: Graph, leaves: Sequence[Box]) -> Callable[..., tuple[Any, ...]]:
    """The values of the outputs as a function of those of the leaves, whose gradients the bprops of the boxes give."""

    @jax.custom_vjp
    def compute(*values: Value) -> tuple[Any, ...]:
        return _evaluate_graph(graph, leaves, values)[3]

    def forward(*primals: Foreign) -> tuple[tuple[Any, ...], Any]:
        of, own, known, results = _evaluate_graph(graph, leaves, [primal.value for primal in primals])
        moved = [leaf for leaf, primal in zip(own, primals, strict=True) if primal.perturbed]
        backward = _Backward(of, own, [leaf for leaf in moved if leaf.dtype.kind in "fc"], known)
        kept: Any = jax.tree_util.Partial
        return results, kept(backward, backward.read_values(known))

    def backward(gradient: Foreign, arriving: Value) -> tuple[Any, ...]:
        sent: tuple[Any, ...] = gradient(arriving)
        return sent

    compute.defvjp(forward, backward, symbolic_zeros=True)
    return compute


def _evaluate_graph(
    graph: Graph, leaves: Sequence[Box], values: Sequence[Any]
) -> tuple[Graph, list[Box], dict[Box, Any], tuple[Any, ...]]:
    """The graph for the shapes of these values, its leaves, the values of its boxes, those of the outputs."""
    given = {leaf: tuple(value.shape) for leaf, value in zip(leaves, values, strict=True)}
    sizes = feeding.bind_sizes(graph, {box: given[box] for box in graph.inputs})
    concrete = concrete_leaves(graph, given, sizes)
    of, own = specialise(graph, concrete), [concrete.get(leaf, leaf) for leaf in leaves]
    known = dict(zip(own, values, strict=True))
    evaluate(of.boxes, known)
    return of, own, known, tuple([known[box] for box in of.outputs])


class _Backward:
    """What arrives at the outputs as gradients by the leaves that are `moved`, None for the others.

    Values of boxes that are arrays of JAX are what JAX keeps from the forward to the backward pass (`kept`); those of
    constants are here.
    """

    def __init__(self, graph: Graph, leaves: Sequence[Box], moved: Sequence[Box], known: dict[Box, Any]) -> None:
        self.leaves, self.moved = leaves, moved
        self.places = [place for place, box in enumerate(graph.outputs) if box.dtype.kind in "fc"]
        outputs = [graph.outputs[place] for place in self.places]
        self.arriving = [Input(f"arriving{i}", shape=out.shape, dtype=out.dtype) for i, out in enumerate(outputs)]
        self.grads = gradients(outputs, moved, self.arriving, unused="zeros") if moved and outputs else []
        self.boxes = Graph(*self.grads).boxes if self.grads else ()
        refuse_unfit(self.boxes)
        read = [box for box in self.boxes if box in known]
        self.constants = {box: known[box] for box in read if not isinstance(known[box], jax.Array | tuple)}
        self.read = [box for box in read if box not in self.constants]

    def read_values(self, known: dict[Box, Any]) -> list[Any]:
        """The values that the gradients read."""
        return [known[box] for box in self.read]

    def __call__(self, kept: Sequence[Any], arriving: Sequence[Any]) -> tuple[Any, ...]:
        values = {**self.constants, **dict(zip(self.read, kept, strict=True))}
        values |= {
            box: _conjugate_complex(_instantiate_zeros(arriving[place]))
            for box, place in zip(self.arriving, self.places, strict=True)
        }
        evaluate(self.boxes, values)
        grads = {
            leaf: _conjugate_complex(_fit_gradient(values[grad], leaf))
            for leaf, grad in zip(self.moved, self.grads, strict=False)
        }
        return tuple([grads.get(leaf) for leaf in self.leaves])


def _instantiate_zeros(grad: Value) -> Any:
    """The array of zeros for a symbolic zero."""
    return jnp.zeros(grad.shape, grad.dtype) if isinstance(grad, jax.custom_derivatives.SymbolicZero) else grad


def _fit_gradient(grad: Value, leaf: Box) -> Any:
    return jnp.broadcast_to(grad, leaf.shape).astype(jax.dtypes.canonicalize_dtype(leaf.dtype))


def _conjugate_complex(grad: Value) -> Any:
    """The gradient of a complex value as JAX has it: the conjugate of that of flowgraph."""
    return jnp.conj(grad) if grad.dtype.kind == "c" else grad
