"""A container of arrays as one vector, for optimisers that take vectors, and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.errors import ShapeError, UsageError
from flowgraph.shapes.spec import shape_text


def flatten(value: Any) -> tuple[Any, Callable[[Any], Any]]:
    """A container of arrays, numbers and boxes as one vector, and the function that makes the container of a vector.

    Parameters
    ----------
    value : array, number, box, or dict, list, tuple of such
        The entries of a dict follow each other by their keys, in sorted order.

    Returns
    -------
    vector : array or Box of shape (n,)
    unflatten : function
        `unflatten(vector)` is a container like `value`, with the numbers of the vector.

    >>> import numpy as np
    >>> from flowgraph.functional import flatten
    >>> vector, unflatten = flatten({"W": np.ones((2, 2)), "b": 0.0})
    >>> vector
    array([1., 1., 1., 1., 0.])
    >>> unflatten(np.arange(5.0))["W"]
    array([[0., 1.],
           [2., 3.]])

    Raises
    ------
    ShapeError
        By `unflatten`, if the vector has another number of elements.
    """
    leaves: list[Any] = []
    build = _taken_apart(value, leaves)
    shapes = [leaf.shape for leaf in leaves]
    sizes = [math.prod(shape) for shape in shapes]
    total = sum(sizes)

    def unflatten(vector: Any) -> Any:
        if np.shape(vector) != (total,):
            raise ShapeError(f"unflatten: found the shape {shape_text(np.shape(vector))}, needs ({total},)")
        parts, start = [], 0
        for shape, size in zip(shapes, sizes, strict=True):
            parts.append(np.reshape(vector[start : start + size], shape) if shape else vector[start])
            start += size
        return build(iter(parts))

    return (np.concatenate([np.ravel(leaf) for leaf in leaves]) if leaves else np.zeros(0)), unflatten


def flatten_func(f: Callable[..., Any], example: Any) -> tuple[Callable[..., Any], Callable[[Any], Any], Any]:
    """A function of a container as one of a vector: that function, `unflatten`, and the example as a vector.

    What `f` returns becomes a vector too, of one entry where it is a number.

    Parameters
    ----------
    f : function
        A function of a container.
    example : array, number, or container of such
        What it is called with.

    Returns
    -------
    function : function
        `f` as a function of a vector.
    unflatten : function
        It makes the container of a vector.
    start : ndarray, shape (n,)
        The example as a vector.

    Raises
    ------
    UsageError
        If `f` is no function.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph.functional import flatten_func, grad
    >>> f, unflatten, start = flatten_func(lambda p: p["a"] * p["b"], {"a": 2.0, "b": 3.0})
    >>> grad(f)(start)
    array([3., 2.])
    """
    if not callable(f):
        raise UsageError(f"flatten_func: found a {type(f).__name__}, needs a function")
    vector, unflatten = flatten(example)

    def of_vector(x: Any, *args: Any) -> Any:
        return flatten(f(unflatten(x), *args))[0]

    return of_vector, unflatten, vector


def _taken_apart(value: Any, leaves: list[Any]) -> Callable[[Any], Any]:
    """Append the leaves of a container to a list; return what builds it anew of as many others."""
    if isinstance(value, dict):
        keys = list(value)
        order = sorted(keys) if all(isinstance(key, type(keys[0])) for key in keys) else keys
        builders = {key: _taken_apart(value[key], leaves) for key in order}

        def of_dict(parts: Any) -> Any:
            made = {key: builder(parts) for key, builder in builders.items()}
            return {key: made[key] for key in keys}

        return of_dict
    if isinstance(value, list | tuple):
        built = [_taken_apart(part, leaves) for part in value]
        kind = type(value)
        named = hasattr(kind, "_fields")
        return lambda parts: kind(*[b(parts) for b in built]) if named else kind([b(parts) for b in built])
    if not isinstance(value, Box):
        array = np.asarray(value)
        if array.dtype.kind not in "biufc":
            raise UsageError(f"flatten: found a {type(value).__name__}, needs arrays, numbers, and containers of them")
        value = array
    leaves.append(value)
    return next
