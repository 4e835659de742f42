"""The derivative of a graph on arrays of JAX: the graph of its bprops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from flowgraph.box import Box
from flowgraph.box.leaves import Input
from flowgraph.box.vocabulary import Foreign, Value
from flowgraph.derivatives.backward_graph import gradients
from flowgraph.graph import Graph, feeding
from flowgraph.plan.jax.evaluation import evaluate, refuse_unfit
from flowgraph.plan.passes.inlining import concrete_leaves, specialise


def differentiable(graph: Graph, leaves: Sequence[Box]) -> Callable[..., tuple[Any, ...]]:
    """The values of the outputs as a function of those of the leaves, whose gradients the bprops of the boxes give."""

    @jax.custom_vjp
    def compute(*values: Value) -> tuple[Any, ...]:
        return _evaluated(graph, leaves, values)[3]

    def forward(*primals: Foreign) -> tuple[tuple[Any, ...], Any]:
        of, own, known, found = _evaluated(graph, leaves, [primal.value for primal in primals])
        moved = [leaf for leaf, primal in zip(own, primals, strict=True) if primal.perturbed]
        backward = _Backward(of, own, [leaf for leaf in moved if leaf.dtype.kind in "fc"], known)
        kept: Any = jax.tree_util.Partial
        return found, kept(backward, backward.kept(known))

    def backward(gradient: Foreign, arriving: Value) -> tuple[Any, ...]:
        found: tuple[Any, ...] = gradient(arriving)
        return found

    compute.defvjp(forward, backward, symbolic_zeros=True)
    return compute


def _evaluated(
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
        self.arriving = [Input(f"arriving{i}", shape=one.shape, dtype=one.dtype) for i, one in enumerate(outputs)]
        self.grads = gradients(outputs, moved, self.arriving, unused="zeros") if moved and outputs else []
        self.boxes = Graph(*self.grads).boxes if self.grads else ()
        refuse_unfit(self.boxes)
        read = [box for box in self.boxes if box in known]
        self.constants = {box: known[box] for box in read if not _is_kept(known[box])}
        self.read = [box for box in read if box not in self.constants]

    def kept(self, known: dict[Box, Any]) -> list[Any]:
        """The values that the gradients read."""
        return [known[box] for box in self.read]

    def __call__(self, kept: Sequence[Any], arriving: Sequence[Any]) -> tuple[Any, ...]:
        values = {**self.constants, **dict(zip(self.read, kept, strict=True))}
        values |= {
            box: _turned(_instantiated(arriving[place])) for box, place in zip(self.arriving, self.places, strict=True)
        }
        evaluate(self.boxes, values)
        grads = {
            leaf: _turned(_settled(values[grad], leaf)) for leaf, grad in zip(self.moved, self.grads, strict=False)
        }
        return tuple([grads.get(leaf) for leaf in self.leaves])


def _is_kept(value: Value) -> bool:
    return isinstance(value, jax.Array | tuple)


def _instantiated(grad: Value) -> Any:
    """The array of zeros for a symbolic zero."""
    return jnp.zeros(grad.shape, grad.dtype) if isinstance(grad, jax.custom_derivatives.SymbolicZero) else grad


def _settled(grad: Value, leaf: Box) -> Any:
    return jnp.broadcast_to(grad, leaf.shape).astype(jax.dtypes.canonicalize_dtype(leaf.dtype))


def _turned(grad: Value) -> Any:
    """The gradient of a complex value as JAX has it: the conjugate of that of flowgraph."""
    return jnp.conj(grad) if grad.dtype.kind == "c" else grad
