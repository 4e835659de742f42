"""Functions of scipy.special: by JAX where it has them, on the host by SciPy where it has not."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np

from flowgraph.box import Box, Elementwise
from flowgraph.box.vocabulary import Value
from flowgraph.boxes.neural.activation import NormalCdf
from flowgraph.boxes.numpy_api.polynomial import PolyVal
from flowgraph.boxes.special.bessel import (
    BesselI,
    BesselIe,
    BesselJ,
    BesselJ0,
    BesselJ1,
    BesselY,
    BesselY0,
    BesselY1,
)
from flowgraph.boxes.special.entropy import LogExpit
from flowgraph.boxes.special.error_function import Erfcinv
from flowgraph.boxes.special.exponential_integral import Exprel, InverseBoxCox, LogRatio
from flowgraph.boxes.special.gamma_function import Digamma, Polygamma, ReciprocalGamma, StudentCdf
from flowgraph.plan.jax.array import struct_of
from flowgraph.plan.jax.twins import rule_for
from flowgraph.shapes.spec import Spec


@rule_for(
    BesselI,
    BesselIe,
    BesselJ,
    BesselJ0,
    BesselJ1,
    BesselY,
    BesselY0,
    BesselY1,
    Exprel,
    InverseBoxCox,
    LogRatio,
    StudentCdf,
)
def on_host(box: Box, *values: Value) -> Any:
    """The value of a box by its own fprop, which NumPy runs on the host while the compiled program waits for it.

    It serves boxes that JAX cannot compute, at the price of a copy to the host and back in each call:
    `rule_for(MyBox)(on_host)`.

    Parameters
    ----------
    box : Box
        The box.
    *values : jax.Array
        Values of its children.

    Returns
    -------
    jax.Array
        The value, or a tuple for a box of several outputs.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.interop.jax import function, on_host, rule_for
    >>> class Slow(fg.Elementwise):
    ...     def fprop(self, a):
    ...         return np.array([float(one) for one in a.ravel()], a.dtype).reshape(a.shape)
    ...     def bprop(self, grad, h, a):
    ...         return (grad,)
    >>> _ = rule_for(Slow)(on_host)
    >>> f = function(fg.Graph(Slow(fg.Input("a", shape=(2,), dtype=np.float32))))
    >>> f({}, {"a": np.array([3.0, 1.0], np.float32)}).tolist()
    [3.0, 1.0]
    >>> del fg.registry[next(name for name, cls in fg.registry.items() if cls is Slow)]
    """
    specs = box.infer(*[Spec(tuple(value.shape), np.dtype(value.dtype)) for value in values])
    listed = [specs] if isinstance(specs, Spec) else list(specs)
    structs = [struct_of(spec.shape, spec.dtype) for spec in listed]

    def call(*arrays: Value) -> Any:
        found = box.fprop(*[np.asarray(array)[()] for array in arrays])
        parts = found if isinstance(found, tuple) else (found,)
        return [np.asarray(part, struct.dtype) for part, struct in zip(parts, structs, strict=True)]

    method = "broadcast_all" if isinstance(box, Elementwise) else "sequential"
    found = jax.pure_callback(call, structs, *values, vmap_method=method)
    return found[0] if isinstance(specs, Spec) else tuple(found)


@rule_for(Digamma)
def _digamma(box: Digamma, a: Value) -> Any:
    return jsp.digamma(_floats(a))


@rule_for(Polygamma)
def _polygamma(box: Polygamma, a: Value) -> Any:
    return jsp.polygamma(box.n, _floats(a))


@rule_for(ReciprocalGamma)
def _reciprocal_gamma(box: ReciprocalGamma, a: Value) -> Any:
    a = _floats(a)
    pole = (a <= 0) & (a == jnp.floor(a))
    return jnp.where(pole, 0, 1 / jsp.gamma(jnp.where(pole, 1, a)))


@rule_for(LogExpit)
def _log_expit(box: LogExpit, a: Value) -> Any:
    return jax.nn.log_sigmoid(_floats(a))


@rule_for(Erfcinv)
def _erfcinv(box: Erfcinv, a: Value) -> Any:
    return -jsp.ndtri(_floats(a) / 2) / np.sqrt(2).astype(a.dtype)


@rule_for(NormalCdf)
def _normal_cdf(box: NormalCdf, a: Value) -> Any:
    return jsp.ndtr(_floats(a))


@rule_for(PolyVal)
def _polyval(box: PolyVal, p: Value, x: Value) -> Any:
    dtype = np.result_type(p.dtype, x.dtype)
    total = jnp.zeros(x.shape, dtype)
    for coefficient in jnp.asarray(p, dtype):
        total = total * x + coefficient
    return total


def _floats(a: Value) -> Any:
    """The array in the dtype in which NumPy computes functions of its numbers."""
    return jnp.asarray(a, jax.dtypes.canonicalize_dtype(np.result_type(a.dtype, np.float16(1)) if a.dtype.kind in "fc"
                                                        else np.float64))  # fmt: skip
