"""Other shapes: each axis and each group of axes of one size, more and fewer axes, broadcasts between the inputs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.regimes_values import Structure
from flowgraph.checking.target import Inputs

SIZES = (1, 2, 3, 5, 0, 7, 9, 40)  # edges, odd and prime ones, and one beyond the blocks of 8, 16, 32 of kernels
LARGEST = 20_000  # elements of an array
Shape = tuple[int, ...]
Axis = tuple[int, int]


def resampled(x: Value, shape: Shape, rng: np.random.Generator, structure: Structure | None = None) -> Any:
    """An array of that shape with values in the range of the example's, so that it stays within the same domain."""
    old = np.asarray(x)
    if old.dtype.kind in "iub":
        flat = old.ravel() if old.size else np.zeros(1, old.dtype)
        if len(shape) == 1 and np.array_equal(np.sort(flat), np.arange(flat.size)):
            return rng.permutation(shape[0]).astype(old.dtype)
        return rng.choice(flat, shape) if shape else flat[0:1].reshape(())
    flat = old.ravel() if old.size else rng.normal(size=5)
    one, other = rng.choice(flat, shape), rng.choice(flat, shape)
    mixed = one + (other - one) * rng.uniform(0.02, 0.98, shape)
    if flat.size == 1 or np.ptp(flat) == 0:
        mixed = mixed * rng.uniform(0.8, 1.2, shape) if flat[0] else rng.normal(size=shape)
    mixed = np.asarray(mixed, dtype=old.dtype)
    return structure.made(mixed) if structure is not None else mixed


def _arrays(inputs: Inputs) -> list[int]:
    return [i for i, x in enumerate(inputs) if isinstance(x, np.ndarray)]


def _resized(inputs: Inputs, axes: tuple[Axis, ...], sizes: tuple[int, ...]) -> dict[int, Shape]:
    shapes = {i: list(inputs[i].shape) for i, _ in axes}
    for (i, axis), size in zip(axes, sizes, strict=True):
        shapes[i][axis] = size
    return {i: tuple(s) for i, s in shapes.items()}


def axis_groups(inputs: Inputs) -> list[tuple[Axis, ...]]:
    """Axes of one size across all inputs belong together; so do, within that, those of one input or one position."""
    by_size: dict[int, list[Axis]] = {}
    for i in _arrays(inputs):
        for axis, size in enumerate(inputs[i].shape):
            by_size.setdefault(size, []).append((i, axis))
    groups = [tuple(axes) for axes in by_size.values()]
    singles = [(axis,) for axes in by_size.values() for axis in axes]
    pairs = [pair for axes in by_size.values() if len(axes) > 2 for pair in combinations(axes, 2)]
    return list(dict.fromkeys([*groups, *singles, *pairs]))


def shape_regimes(
    inputs: Inputs, structures: dict[int, Structure], sizes: list[int], rng: np.random.Generator
) -> Iterator[tuple[str, Inputs]]:
    """The simplest first: one group of axes at a time, then ranks and broadcasts, then two and three groups."""
    seen: set[tuple[tuple[int, Shape], ...]] = set()
    for table in _tables(inputs, sizes, rng):
        shapes = {i: shape for i, shape in table.items() if shape != inputs[i].shape}
        key = tuple(sorted(shapes.items()))
        if not shapes or key in seen or any(np.prod(shape, dtype=float) > LARGEST for shape in shapes.values()):
            continue
        seen.add(key)
        built = {i: resampled(inputs[i], shape, rng, structures.get(i)) for i, shape in shapes.items()}
        label = ", ".join(str(shape).replace(" ", "") for shape in table.values())
        yield f"shape {label}", tuple(built.get(i, x) for i, x in enumerate(inputs))


def _tables(inputs: Inputs, sizes: list[int], rng: np.random.Generator) -> Iterator[dict[int, Shape]]:
    groups = axis_groups(inputs)
    for group in groups:
        for size in SIZES[:5]:
            yield _resized(inputs, group, (size,) * len(group))
    yield from _ranks(inputs)
    yield from _broadcasts(inputs)
    for group in groups:
        for size in dict.fromkeys([*SIZES[5:], *sizes]):
            yield _resized(inputs, group, (size,) * len(group))
    for count in (2, 3):
        sets = list(combinations(groups, count))
        for k in rng.permutation(len(sets))[:12]:
            axes = tuple(dict.fromkeys(axis for group in sets[k] for axis in group))
            for _ in range(2):
                chosen = {group: int(rng.choice([1, 1, 2, 3, 4, 5, 6])) for group in sets[k]}
                per_axis = {axis: chosen[group] for group in sets[k] for axis in group}
                yield _resized(inputs, axes, tuple(per_axis[axis] for axis in axes))


def _ranks(inputs: Inputs) -> Iterator[dict[int, Shape]]:
    """Axes added and dropped at either end, 0-d, one element, reversed and rotated; of all inputs and of each."""
    arrays = _arrays(inputs)
    floats = [i for i in arrays if inputs[i].dtype.kind == "f"]
    for chosen in dict.fromkeys([tuple(arrays), tuple(floats), *((i,) for i in arrays)]):
        old = {i: inputs[i].shape for i in chosen}
        yield {i: (*s[-1:], *s) if s else (2,) for i, s in old.items()}
        yield {i: (2, *s) for i, s in old.items()}
        yield {i: (1, *s) for i, s in old.items()}
        yield {i: s[1:] for i, s in old.items()}
        yield {i: (*s, 3) for i, s in old.items()}
        yield {i: (*s, 1) for i, s in old.items()}
        yield {i: s[:-1] for i, s in old.items()}
        yield dict.fromkeys(chosen, ())
        yield dict.fromkeys(chosen, (1,))
        yield dict.fromkeys(chosen, (4,))
        yield dict.fromkeys(chosen, (3, 4))
        yield dict.fromkeys(chosen, (2, 3, 4))
        yield dict.fromkeys(chosen, (2, 3, 2, 3))
        yield {i: s[::-1] for i, s in old.items()}
        yield {i: (*s[1:], *s[:1]) for i, s in old.items()}
        yield {i: (2, 3, *s) for i, s in old.items()}


def _broadcasts(inputs: Inputs) -> Iterator[dict[int, Shape]]:
    """Each input against the others: size 1 in every subset of axes, fewer axes, a new leading axis."""
    arrays = [i for i in _arrays(inputs) if inputs[i].dtype.kind == "f"]
    if len(arrays) < 2:
        return
    for i in arrays:
        shape = inputs[i].shape
        for count in (1, 2, 3):
            for axes in combinations(range(len(shape)), count):
                yield {i: tuple(1 if a in axes else s for a, s in enumerate(shape))}
        for cut in range(1, len(shape) + 1):
            yield {i: shape[cut:]}
        for j in arrays:
            if j != i:
                other = inputs[j].shape
                yield {i: other}
                yield {i: (2, *other)}
                yield {i: other[1:]}
                yield {i: tuple(1 for _ in other)}
                yield {i: (2, 3), j: (3,)}
                yield {i: (2, 1), j: (1, 3)}
                yield {i: (4, 1, 3), j: (2, 1)}
