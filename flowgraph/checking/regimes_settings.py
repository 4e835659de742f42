"""Other settings: flags, axes, tuples, modes, integer and boolean arrays; alone, and with other shapes and values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.regimes_values import DRAWS, Structure, as_input
from flowgraph.checking.target import Array, Inputs, is_float_array, shown

MOST_MOVED = 6  # elements of an integer array, of four other values each
MODES = (
    ("constant", "edge", "reflect", "symmetric", "wrap", "nearest", "mirror"),
    ("same", "valid", "full"),
    ("mean", "sum", "none", "max", "min"),
    ("C", "F"),
    ("linear", "lower", "higher", "midpoint", "nearest"),
)


def alternatives(value: Value, words: list[str | int], rng: np.random.Generator) -> Iterator[Any]:
    """Other values for a setting; `words` are those that the code may compare with."""
    whole = [w for w in words if isinstance(w, int)]
    if isinstance(value, bool | np.bool_):
        yield not value
    elif isinstance(value, int | np.integer):
        yield from (n for n in dict.fromkeys([*range(-4, 6), *whole]) if n != value)
        yield None
        yield (int(value),)
    elif isinstance(value, float):
        yield from (v for v in (0.0, 1.0, -1.0, 2 * value, 0.5 * value, -value, 2.0, 3.0, 0.3) if v != value)
    elif isinstance(value, str):
        modes = next((modes for modes in MODES if value in modes), ())
        yield from (s for s in dict.fromkeys([*words, *modes]) if isinstance(s, str) and s != value)
    elif value is None:
        yield from (0, -1, 1, -2, (0,), (0, 1), (-1,), (-2, -1), True)
    elif isinstance(value, tuple | list):
        yield from _tuples(value, rng)
    elif isinstance(value, np.ndarray) and value.dtype.kind == "b":
        yield from _masks(value, rng)
    elif isinstance(value, np.ndarray) and value.dtype.kind in "iu":
        yield from _indices(value, rng)
        yield from _small_moves(value, rng)
        yield from _marked(value, whole, rng)


def _tuples(value: Value, rng: np.random.Generator) -> Iterator[Any]:
    make = type(value)
    for order in list(permutations(value))[1:8]:
        yield make(order)
    if all(isinstance(v, int) and not isinstance(v, bool) for v in value) and value:
        yield make(-v for v in value)
        yield make(v - len(value) for v in value)
        yield make(v - len(value) if k % 2 else v for k, v in enumerate(value))
        yield make(~v for v in value)
        for k in range(len(value)):
            for other in (-2, -1, 0, 1, 2, 3):
                yield make([*value[:k], other, *value[k + 1 :]])
        yield make(value[:-1])
        yield make(value[1:])
        yield make([*value, max(value) + 1])
        yield make(v + 1 for v in value)
        yield make(2 * v for v in value)
        yield value[0]
        yield None
    elif value:
        for k, member in enumerate(value):
            for other in alternatives(member, [], rng):
                yield make([*value[:k], other, *value[k + 1 :]])


def _masks(value: Array, rng: np.random.Generator) -> Iterator[Array]:
    yield np.ones(value.shape, bool)
    yield np.zeros(value.shape, bool)
    yield ~value
    yield rng.uniform(size=value.shape) < 0.5
    yield rng.uniform(size=value.shape) < 0.9


def _indices(value: Array, rng: np.random.Generator) -> Iterator[Array]:
    if value.size == 0:
        return
    low, high = int(value.min()), int(value.max())
    yield rng.integers(low, high + 1, value.shape).astype(value.dtype)
    yield np.full(value.shape, value.flat[0], value.dtype)
    yield np.full(value.shape, high, value.dtype)
    yield np.zeros(value.shape, value.dtype)
    yield np.flip(value).copy()
    yield rng.permutation(value.ravel()).reshape(value.shape)
    if value.dtype.kind == "i":
        yield (-1 - value).astype(value.dtype)
        yield -np.ones(value.shape, value.dtype)
        yield np.where(rng.uniform(size=value.shape) < 0.5, value, -1).astype(value.dtype)
        yield np.where(rng.uniform(size=value.shape) < 0.5, value - high - 1, value).astype(value.dtype)
    yield (value + 1).astype(value.dtype)
    yield np.arange(value.size).reshape(value.shape).astype(value.dtype)


def _small_moves(value: Array, rng: np.random.Generator) -> Iterator[Array]:
    """Changes that keep permutations, sorted offsets and valid indices, which new random values rarely are."""
    flat = value.ravel()
    if flat.size < 2:
        return
    yield np.roll(flat, 1).reshape(value.shape)
    numbers, largest = flat.tolist(), int(np.iinfo(flat.dtype).max)  # a NumPy integer of 0 less 1 may be a large one
    for k in rng.permutation(flat.size)[:MOST_MOVED]:
        one = numbers[k]
        others = (numbers[(k + 1) % flat.size], numbers[k - 1], min(one + 1, largest), max(one - 1, min(numbers)))
        for other in dict.fromkeys(n for n in others if n != one):
            moved = flat.copy()
            moved[k] = other
            yield moved.reshape(value.shape)


def _marked(value: Array, marks: list[int], rng: np.random.Generator) -> Iterator[Array]:
    """A number that the code may look for in one element, and in all but one."""
    low = 0 if value.dtype.kind == "u" else -2000
    for mark in [m for m in dict.fromkeys([*marks, 0, -1]) if m >= low and value.size > 1]:
        chosen = np.arange(value.size).reshape(value.shape) == rng.integers(value.size)
        yield np.where(chosen, mark, value).astype(value.dtype)
        yield np.where(chosen, value, mark).astype(value.dtype)


def setting_regimes(
    inputs: Inputs, active: tuple[int, ...], names: tuple[str, ...], words: list[str | int], rng: np.random.Generator
) -> Iterator[tuple[str, Inputs]]:
    """One setting at a time, then two at a time drawn at random."""
    settings = [i for i, x in enumerate(inputs) if i not in active and not is_float_array(x)]
    found: dict[int, list[Any]] = {}
    for i in settings:
        found[i] = list(alternatives(inputs[i], words, rng))
        for other in found[i]:
            yield f"{names[i]} = {shown(other)}", _replaced(inputs, {i: other})
    if len([i for i in settings if found[i]]) > 1:
        for _ in range(10 * len(settings)):
            i, j = (int(k) for k in rng.permutation([i for i in settings if found[i]])[:2])
            chosen = {k: found[k][int(rng.integers(len(found[k])))] for k in (i, j)}
            label = ", ".join(f"{names[k]} = {shown(v)}" for k, v in chosen.items())
            yield label, _replaced(inputs, chosen)


def _replaced(inputs: Inputs, chosen: dict[int, Any]) -> Inputs:
    return tuple(chosen.get(i, x) for i, x in enumerate(inputs))


def crossed_regimes(
    bases: list[Inputs],
    active: tuple[int, ...],
    names: tuple[str, ...],
    words: list[str | int],
    rng: np.random.Generator,
) -> Iterator[tuple[str, Inputs]]:
    """Every setting at a square, where axes are easily taken for one another, and with one axis more and one fewer.

    Of more axes there are two: the first has a size twice, which keeps what inputs of several shapes have in common.
    """
    if not bases:
        return
    example, *others = bases
    square = [other for other in others if _is_square(other)]
    more, fewer = ([other for other in others if _axes(other) == _axes(example) + d] for d in (1, -1))
    for base in [*square[:1], *more[:2], *fewer[:1]]:
        shapes = " ".join(str(np.shape(base[i])).replace(" ", "") for i in active)
        for i, value in enumerate(base):
            if i in active or isinstance(value, np.ndarray):
                continue
            for other in alternatives(value, words, rng):
                yield f"{shapes}, {names[i]} = {other!r}", _replaced(base, {i: other})


def _is_square(inputs: Inputs) -> bool:
    shapes = [x.shape for x in inputs if isinstance(x, np.ndarray) and x.ndim > 1]
    return bool(shapes) and all(n == shape[0] > 1 for shape in shapes for n in shape)


def _axes(inputs: Inputs) -> int:
    return max((x.ndim for x in inputs if isinstance(x, np.ndarray)), default=0)


def joint_regimes(
    bases: list[Inputs],
    changed_settings: list[Inputs],
    active: tuple[int, ...],
    structures: dict[int, Structure],
    example: Inputs,
    rng: np.random.Generator,
    count: int,
) -> Iterator[tuple[str, Inputs]]:
    """`bases` are legal inputs of other shapes, `changed_settings` legal inputs with other settings."""
    labels = list(DRAWS)
    for _ in range(count):
        inputs = list(bases[int(rng.integers(len(bases)))] if bases else example)
        words: list[str] = []
        if changed_settings and rng.uniform() < 0.6:
            other = changed_settings[int(rng.integers(len(changed_settings)))]
            for i, x in enumerate(example):
                if i not in active and _differs(other[i], x) and not isinstance(x, np.ndarray):
                    inputs[i] = other[i]
                    words.append(repr(other[i]))
        for i in active:
            if rng.uniform() < 0.7:
                label = labels[int(rng.integers(len(labels)))]
                drawn = DRAWS[label](np.asarray(inputs[i]), rng)
                inputs[i] = as_input(example[i], structures[i].made(drawn) if i in structures else drawn)
                words.append(label)
        shapes = " ".join(str(np.shape(inputs[i])).replace(" ", "") for i in active)
        yield f"joint: {shapes} {', '.join(words)}", tuple(inputs)


def _differs(one: Value, other: Value) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return one is not other
    return type(one) is not type(other) or bool(one != other)
