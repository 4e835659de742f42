"""Primitives of JAX without boxes, as opaque boxes that call JAX."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from flowgraph.box import Box, Value
from flowgraph.box.vocabulary import Foreign
from flowgraph.shapes.spec import Spec


class JaxOperation(Box):
    """A primitive of JAX, or a loop or a function with a derivative of its own, that JAX computes and differentiates.

    h = operation(arrays)        the vector-Jacobian product of JAX

    `jaxpr` is of one equation, `specs` are the shapes and dtypes of its results.
    """

    jaxpr: Any
    specs: Any

    public = False
    symbol = "jax"
    examples = None  # it is tested with functions of JAX that have no boxes

    def fprop(self, *arrays: Value) -> Value:
        """What JAX computes."""
        found = tuple(np.array(one)[()] for one in self._function(*arrays))
        return found if len(self.outputs) > 1 else found[0]

    def bprop(self, grad: Value, h: Value, *arrays: Value) -> tuple[Value, ...]:
        """What JAX sends back to each array of floats."""
        wanted = [place for place, one in enumerate(arrays) if one.dtype.kind in "fc"]

        def of_floats(*floats: Foreign) -> Any:
            given = dict(zip(wanted, floats, strict=True))
            found = self._function(*(given.get(place, one) for place, one in enumerate(arrays)))
            return [one for one in found if np.dtype(one.dtype).kind in "fc"]

        values, send = jax.vjp(of_floats, *(jax.numpy.asarray(arrays[place]) for place in wanted))
        arriving = [one for one in self._arriving(grad) if one is not False]
        sent = send(
            [
                jax.numpy.zeros_like(v) if g is None else jax.numpy.asarray(g)
                for v, g in zip(values, arriving, strict=True)
            ]
        )
        parts: list[Any] = [None] * len(arrays)
        for place, one in zip(wanted, sent, strict=True):
            parts[place] = np.array(one)[()]
        return tuple(parts)

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """What JAX says of the results."""
        return list(self.specs) if len(self.specs) > 1 else self.specs[0]

    def _arriving(self, grad: Value) -> list[Any]:
        """What arrives at each result, False at one that has no gradient."""
        grads = grad if isinstance(grad, tuple) else (grad,)
        return [one if spec.dtype.kind in "fc" else False for one, spec in zip(grads, self.specs, strict=True)]

    @cached_property
    def _function(self) -> Any:
        """The equation as a function of arrays."""
        return jaxpr_as_fun(ClosedJaxpr(self.jaxpr, ()))
