"""Axes, slices, joins, and arrays that are made of a shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.vocabulary import Foreign
from flowgraph.interop.jax.rules import primitive_rule
from flowgraph.interop.rule_table import NoBoxesError


@primitive_rule("broadcast_in_dim")
def broadcast(a: Foreign, *dynamic: Foreign, shape: Foreign, broadcast_dimensions: Foreign, **settings: Foreign) -> Any:
    """Axes at these places, repeated to the shape."""
    if dynamic:
        raise NoBoxesError("broadcast_in_dim to a shape that depends on values")
    placed = [1] * len(shape)
    for size, place in zip(a.shape, broadcast_dimensions, strict=True):
        placed[place] = size
    moved = a if list(a.shape) == placed else np.reshape(a, tuple(placed))
    return moved if tuple(placed) == tuple(shape) else np.broadcast_to(moved, tuple(shape))


@primitive_rule("reshape")
def reshaped(a: Foreign, *dynamic: Foreign, new_sizes: Foreign, dimensions: Foreign = None, **settings: Foreign) -> Any:
    """In rows, in another shape."""
    if dynamic:
        raise NoBoxesError("reshape to a shape that depends on values")
    return np.reshape(a if dimensions is None else np.transpose(a, dimensions), tuple(new_sizes))


@primitive_rule("squeeze")
def squeezed(a: Foreign, *, dimensions: Foreign, **settings: Foreign) -> Any:
    """Without some axes of size 1."""
    return np.squeeze(a, axis=tuple(dimensions)) if dimensions else a


@primitive_rule("expand_dims")
def expanded(a: Foreign, *, dimensions: Foreign, **settings: Foreign) -> Any:
    """With new axes of size 1."""
    return np.expand_dims(a, tuple(dimensions))


@primitive_rule("transpose")
def transposed(a: Foreign, *, permutation: Foreign, **settings: Foreign) -> Any:
    """Axes in another order."""
    return np.transpose(a, tuple(permutation))


@primitive_rule("rev")
def reversed_along(a: Foreign, *, dimensions: Foreign, **settings: Foreign) -> Any:
    """Axes reversed."""
    return np.flip(a, tuple(dimensions))


@primitive_rule("slice")
def sliced(
    a: Foreign, *, start_indices: Foreign, limit_indices: Foreign, strides: Foreign = None, **settings: Foreign
) -> Any:
    """From starts to limits, in steps."""
    steps = strides or (1,) * len(start_indices)
    bounds = zip(start_indices, limit_indices, steps, a.shape, strict=True)
    return a[
        tuple(
            slice(None) if (start, limit, step) == (0, size, 1) else slice(start, limit, step)
            for start, limit, step, size in bounds
        )
    ]


@primitive_rule("concatenate")
def joined(*arrays: Foreign, dimension: int, **settings: Foreign) -> Any:
    """One after the other."""
    return np.concatenate(arrays, axis=dimension)


@primitive_rule("split")
def split(a: Foreign, *, sizes: Foreign, axis: int, **settings: Foreign) -> tuple[Any, ...]:
    """Pieces of these sizes."""
    return tuple(np.split(a, np.cumsum(sizes)[:-1].tolist(), axis=axis))


@primitive_rule("pad")
def padded(a: Foreign, value: Foreign, *, padding_config: Foreign, **settings: Foreign) -> Any:
    """A number around, or fewer elements where the padding is below 0."""
    if any(inside for _, _, inside in padding_config):
        raise NoBoxesError("pad between elements")
    pairs = [(before, after) for before, after, _ in padding_config]
    around = [(max(before, 0), max(after, 0)) for before, after in pairs]
    constant: Any = getattr(value, "value", value)
    if isinstance(constant, Box):
        raise NoBoxesError("pad with a number that is computed")
    whole = np.pad(a, around, constant_values=np.asarray(constant)[()]) if any(map(any, around)) else a
    cut = [slice(max(-before, 0), -max(-after, 0) or None) for before, after in pairs]
    return whole[tuple(cut)] if any(number < 0 for pair in pairs for number in pair) else whole


@primitive_rule("iota")
def iota(*, shape: Foreign, dimension: int, **settings: Foreign) -> Any:
    """Numbers from 0 along an axis."""
    along = [1] * len(shape)
    along[dimension] = shape[dimension]
    return np.broadcast_to(np.arange(shape[dimension]).reshape(along), tuple(shape))


@primitive_rule("gather")
def gathered(
    a: Foreign, indices: Foreign, *, dimension_numbers: Foreign, slice_sizes: Foreign, **settings: Foreign
) -> Any:
    """Elements along some adjacent axes, at places that an array gives."""
    axes = tuple(dimension_numbers.start_index_map)
    first, after = axes[0], axes[-1] + 1
    if axes != tuple(range(first, after)) or tuple(dimension_numbers.collapsed_slice_dims) != axes:
        raise NoBoxesError("gather of slices, or along axes that are not adjacent")
    rest = [place for place in range(len(a.shape)) if place not in axes]
    new = len(indices.shape) - 1
    offset = tuple(place if place < first else place - len(axes) + new for place in rest)
    batched = getattr(dimension_numbers, "operand_batching_dims", ())
    if batched or tuple(dimension_numbers.offset_dims) != offset or any(slice_sizes[i] != a.shape[i] for i in rest):
        raise NoBoxesError("gather of parts of the other axes")
    places = [indices[..., number] for number in range(len(axes))]
    return a[(*(slice(None) for _ in range(first)), *places)]
