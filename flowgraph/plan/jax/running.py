"""The call of a compiled function: inputs to the devices, parameters where they are, results to NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from flowgraph.box.leaves import Parameter
from flowgraph.box.vocabulary import Value
from flowgraph.errors import LabelError
from flowgraph.graph import Graph
from flowgraph.plan.emitter import Request
from flowgraph.plan.jax.array import flags, struct_of
from flowgraph.plan.jax.placement import Layout, replicated
from flowgraph.plan.jax.store import Held


class Compiled:
    """The function of a source, to be compiled by XLA for the devices of a layout; both sides of a store call it.

    What it is given are the leaves of the request, the old values of parameters, and those of parameters that it reads.
    It returns results, new values, and how much of what it was given a box refuses.
    """

    def __init__(self, function: Callable[..., Any], request: Request, layout: Layout) -> None:
        self.layout, self.graph, self.leaves, self.reads = layout, request.graph, request.leaves, request.reads
        self.parameters = request.store.parameters

        def step(leaves: Sequence[Any], old: Sequence[Any], reads: Sequence[Any]) -> Any:
            with flags() as refused:
                results, new = function(*leaves, *old, *reads)
            return tuple(map(_array, results)), tuple(map(_array, new)), _count(refused, results)

        self.run = jax.jit(step, **layout.shardings)
        with jax.enable_x64(True):
            structs = [
                tuple([struct_of(box.shape, box.dtype) for box in boxes])
                for boxes in (self.leaves, self.parameters, self.reads)
            ]
            jax.eval_shape(step, *structs)  # what has no twin is refused before anything runs

    def refuse(self, leaves: Sequence[Any], old: Sequence[Any], reads: Sequence[Any]) -> None:
        """Raise what the graph raises on the same values, computed by NumPy."""
        arrays = [np.asarray(replicated(one) if isinstance(one, jax.Array) else one) for one in (*leaves, *old, *reads)]
        boxes = (*self.leaves, *self.parameters, *self.reads)
        given = {box: array for box, array in zip(boxes, arrays, strict=True) if box in self.graph}
        with np.errstate(all="ignore"):
            Graph(*self.graph.outputs).fprop(given, keep="outputs")
        raise LabelError("plan: JAX refused labels that NumPy takes; needs the same on both")


def _count(refused: Sequence[Any], results: Sequence[Any]) -> Any:
    """How many numbers are refused, None where none can be.

    It is a sum, of the dtype of a result, as gradients are: then devices exchange it together with these.
    """
    if not refused:
        return None
    floats = [one.dtype for one in results if getattr(one, "dtype", np.dtype(int)).kind == "f"]
    return sum(jnp.sum(flag, dtype=floats[0] if floats else np.float32) for flag in refused)


def _array(value: Value) -> Any:
    """A result as an array of JAX, also where it is a constant."""
    return tuple(map(_array, value)) if isinstance(value, tuple) else jnp.asarray(value)


class Runner:
    """What `step` calls, for one of the two sides of the store."""

    def __init__(self, compiled: Compiled, old: Sequence[Held], new: Sequence[Held]) -> None:
        self.compiled, self.old, self.new = compiled, old, new
        self._seen: dict[Parameter, tuple[Any, Any]] = {}

    def __call__(self, leaves: Sequence[Any], reads: Sequence[Any]) -> tuple[Any, ...]:
        """The results, as NumPy has them; the new values go to the other side once nothing was refused."""
        compiled = self.compiled
        with jax.enable_x64(True):
            given = compiled.layout.put(leaves)
            old = tuple([held.value for held in self.old])
            read = tuple(map(self._read, compiled.reads, reads))
            results, new, wrong = compiled.run(given, old, read)
            if wrong is not None and float(wrong) > 0:  # an array of JAX would compare on the device
                compiled.refuse(leaves, old, read)
            found = tuple([_to_numpy(result) for result in results])
        for held, value in zip(self.new, new, strict=True):
            held.value = value
        return found

    def _read(self, parameter: Parameter, array: Value) -> Any:
        """A parameter that no update changes, put on the devices when it is another array than before."""
        seen = self._seen.get(parameter)
        if seen is None or seen[0] is not array:
            seen = self._seen[parameter] = (array, self.compiled.layout.placed(parameter, array))
        return seen[1]


def _to_numpy(value: Value) -> Any:
    return tuple(map(_to_numpy, value)) if isinstance(value, tuple) else np.asarray(value)[()]
