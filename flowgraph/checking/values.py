"""Other values: of the differentiated inputs, with what structures they keep, and of settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.target import Array

Draw = Callable[[Array, np.random.Generator], Array]

MOST_MOVED = 6  # elements of an integer array, of four other values each
MODES = (
    ("constant", "edge", "reflect", "symmetric", "wrap", "nearest", "mirror"),
    ("same", "valid", "full"),
    ("mean", "sum", "none", "max", "min"),
    ("C", "F"),
    ("linear", "lower", "higher", "midpoint", "nearest"),
)


@dataclass(frozen=True)
class Structure:
    """A property of an array. `made` makes an array of any shape have it, `tangent` keeps a direction within it."""

    name: str
    test: Callable[[Array], bool]
    impose: Callable[[Array], Array]
    tangent: Callable[[Array, Array], Array] | None = None

    def holds(self, x: Array) -> bool:
        """Whether the array has the property; a number and an empty array have none."""
        return bool(x.ndim and x.size and self.test(x))

    def made(self, x: Array) -> Array:
        """The array with the property; a number and an empty array as they are."""
        return np.asarray(self.impose(x)) if x.ndim and x.size else x


def _of_sum_one(name: str, axis: int | None) -> Structure:
    def impose(x: Array) -> Array:
        positive = np.abs(x) + 1e-3  # a sum of zeros could not be divided by
        return np.asarray(positive / positive.sum(axis=axis, keepdims=True))

    return Structure(
        name,
        lambda x: bool(x.min() >= 0 and np.allclose(x.sum(axis=axis), 1, atol=1e-6)),  # as float32 gives them
        impose,
        lambda x, d: np.asarray(d - d.mean(axis=axis, keepdims=True)),
    )


def _square(x: Array) -> bool:
    return x.ndim >= 2 and x.shape[-1] == x.shape[-2] >= 2


def _symmetric(x: Array) -> bool:
    return _square(x) and np.allclose(x, x.mT, rtol=1e-9, atol=1e-12)


def _symmetrised(x: Array) -> Array:
    return np.asarray((x + x.mT) / 2) if _square(x) else x


def made_positive_definite(x: Array) -> Array:
    """A symmetric positive definite matrix for each square one; other arrays as they are."""
    if not _square(x):
        return x
    size = x.shape[-1]
    return np.asarray(x @ x.mT / size + np.eye(size) * (0.5 + 0.1 * np.abs(x).mean()))


STRUCTURES = (
    _of_sum_one("sums to 1 along its last axis", -1),
    _of_sum_one("sums to 1", None),
    Structure(
        "is symmetric positive definite",
        lambda x: _symmetric(x) and bool(np.linalg.eigvalsh(x).min() > 0),
        made_positive_definite,
        lambda x, d: _symmetrised(d),
    ),
    Structure("is symmetric", _symmetric, _symmetrised, lambda x, d: _symmetrised(d)),
    Structure(
        "is sorted",  # three numbers are so by accident, four one time in 24
        lambda x: x.shape[-1] >= 4 and bool(np.all(np.diff(x, axis=-1) > 0)),
        lambda x: np.sort(x, axis=-1),
    ),
    Structure(
        "has rows of length 1",
        lambda x: x.size > 1 and np.allclose((x * x).sum(axis=-1), 1, atol=1e-9),
        lambda x: x / np.sqrt((x * x).sum(axis=-1, keepdims=True)),
        lambda x, d: np.asarray(d - x * (x * d).sum(axis=-1, keepdims=True)),
    ),
)


def structure_of(x: object) -> Structure | None:
    """The first structure that an array of at least two elements has."""
    if not isinstance(x, np.ndarray) or x.size < 2 or x.dtype.kind != "f" or not np.all(np.isfinite(x)):
        return None
    return next((structure for structure in STRUCTURES if structure.holds(x)), None)


def _some(x: Array, rng: np.random.Generator, value: float, count: int | None = None) -> Array:
    """So many elements, by default a third, are that number."""
    changed = x.copy()
    flat = changed.reshape(-1)
    if flat.size:
        flat[rng.permutation(flat.size)[: count or max(1, flat.size // 3)]] = value
    return changed


def _equal_along(x: Array, axis: int) -> Array:
    return np.array(np.broadcast_to(np.take(x, [0], axis=axis), x.shape)) if x.ndim and x.size else x


def _row(x: Array, rng: np.random.Generator, factor: float) -> Array:
    """One row made of another: matrices that are just singular, a row without a direction among those that have one."""
    if x.ndim == 0 or len(x) < 2:
        return x
    one, other = rng.permutation(len(x))[:2]
    changed = np.array(x)
    changed[one] = factor * x[other]
    return changed


def _log_uniform(x: Array, rng: np.random.Generator, low: float, high: float) -> Array:
    return 10.0 ** rng.uniform(low, high, x.shape)


def beside(x: Array, rng: np.random.Generator) -> Array:
    """Close enough to be of the same kind, but not symmetric: a transposition shows only there."""
    return np.asarray(x + 0.1 * np.abs(x).max(initial=0.0) * rng.uniform(-1, 1, x.shape))


DRAWS: dict[str, Draw] = {
    "normal": lambda x, rng: rng.normal(size=x.shape),
    "uniform (0, 1)": lambda x, rng: rng.uniform(0.02, 0.98, x.shape),
    "negated": lambda x, rng: -x,
    "absolute": lambda x, rng: np.abs(x) + 0.0,
    "all negative": lambda x, rng: -np.abs(x),
    "all zeros": lambda x, rng: np.zeros(x.shape),
    "some zeros": lambda x, rng: _some(x, rng, 0.0),
    "one zero": lambda x, rng: _some(x, rng, 0.0, 1),
    "two zeros": lambda x, rng: _some(x, rng, 0.0, 2),
    "ones": lambda x, rng: np.ones(x.shape),
    "some ones": lambda x, rng: _some(x, rng, 1.0),
    "constant": lambda x, rng: np.full(x.shape, 0.7),
    "equal rows": lambda x, rng: _equal_along(x, 0),
    "equal columns": lambda x, rng: _equal_along(x, -1),
    "a row of zeros": lambda x, rng: _row(x, rng, 0.0),
    "a row twice": lambda x, rng: _row(x, rng, 1.0),
    "small integers": lambda x, rng: rng.integers(-3, 4, x.shape).astype(float),
    "positive integers": lambda x, rng: rng.integers(1, 5, x.shape).astype(float),
    "two-valued": lambda x, rng: rng.choice([0.4, 1.3], x.shape),
    "two-valued, signed": lambda x, rng: rng.choice([-0.6, 0.9], x.shape),
    "×1e-6": lambda x, rng: x * 1e-6,
    "×1e-3": lambda x, rng: x * 1e-3,
    "×5": lambda x, rng: x * 5.0,
    "×30": lambda x, rng: x * 30.0,
    "×1e3": lambda x, rng: x * 1e3,
    "×3e4": lambda x, rng: x * 3e4,
    "log-uniform": lambda x, rng: _log_uniform(x, rng, -5, 3) * rng.choice([-1.0, 1.0], x.shape),
    "log-uniform, positive": lambda x, rng: _log_uniform(x, rng, -5, 2),
    "large": lambda x, rng: np.abs(x) * 100.0 + 3.0,
    "large negative": lambda x, rng: -np.abs(x) * 100.0 - 3.0,
    "one large": lambda x, rng: _some(x, rng, 800.0, 1),  # whose exponential overflows
    "one large negative": lambda x, rng: _some(x, rng, -800.0, 1),
    "uniform (-1, 1)": lambda x, rng: rng.uniform(-0.98, 0.98, x.shape),
    "above 1": lambda x, rng: 1.0 + np.abs(rng.normal(size=x.shape)),
    "sorted": lambda x, rng: np.sort(x, axis=-1) if x.ndim else x,
    "sorted, descending": lambda x, rng: np.flip(np.sort(x, axis=-1), axis=-1).copy() if x.ndim else x,
    "shifted": lambda x, rng: x + 4.0,
}


def near(c: float) -> dict[str, Draw]:
    """Values on both sides of a number: that is how a branch at 0.37 or a clip at 5 is found."""
    width = abs(c) if c else 0.1
    return {
        f"around {c:g}": lambda x, rng: c + width * rng.uniform(-0.6, 0.6, x.shape),
        f"beside {c:g}": lambda x, rng: (
            c + width * 1e-3 * rng.choice([-1.0, 1.0], x.shape) * rng.uniform(0.2, 1.0, x.shape)
        ),
        f"above {c:g}": lambda x, rng: c + width * _log_uniform(x, rng, -2, -0.1),
        f"on {c:g}": lambda x, rng: _some(x, rng, c),
    }


def resampled(x: object, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """An array of that shape with values in the range of the example's, so that it stays within the same domain."""
    old = np.asarray(x)
    if old.dtype.kind in "iub":
        flat = old.ravel() if old.size else np.zeros(1, old.dtype)
        if len(shape) == 1 and np.array_equal(np.sort(flat), np.arange(flat.size)):
            return rng.permutation(shape[0]).astype(old.dtype)
        return np.asarray(rng.choice(flat, shape)) if shape else flat[0:1].reshape(())
    flat = old.ravel() if old.size else rng.normal(size=5)
    one, other = rng.choice(flat, shape), rng.choice(flat, shape)
    mixed = one + (other - one) * rng.uniform(0.02, 0.98, shape)
    if np.ptp(flat) == 0:
        mixed = mixed * rng.uniform(0.8, 1.2, shape) if flat[0] else rng.normal(size=shape)
    return np.asarray(mixed, dtype=old.dtype)


def as_input(example: object, drawn: Array) -> object:
    """The drawn array as the kind of thing the example is."""
    if type(example) is float:
        return float(drawn)
    return np.ascontiguousarray(drawn, dtype=np.asarray(example).dtype).reshape(np.shape(drawn))


def alternatives(value: Value, words: Sequence[str | int], rng: np.random.Generator) -> Iterator[Any]:
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
        drawn = (rng.uniform(size=value.shape) < share for share in (0.5, 0.9))
        yield from (np.ones(value.shape, bool), np.zeros(value.shape, bool), ~value, *drawn)
    elif isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.size:
        yield from (np.asarray(one).astype(value.dtype) for one in _indices(value, whole, rng))


def _tuples(value: Value, rng: np.random.Generator) -> Iterator[Any]:
    make, count = type(value), len(value)
    yield from (make(order) for order in list(permutations(value))[1:8])
    if value and all(type(v) is int for v in value):
        yield make(-v for v in value)
        yield make(v - count for v in value)
        yield make(v - count if k % 2 else v for k, v in enumerate(value))
        yield make(~v for v in value)
        for k in range(count):
            yield from (make([*value[:k], other, *value[k + 1 :]]) for other in (-2, -1, 0, 1, 2, 3))
        yield from (make(value[:-1]), make(value[1:]), make([*value, max(value) + 1]))
        yield from (make(v + 1 for v in value), make(2 * v for v in value), value[0], None)
        return
    for k, member in enumerate(value):
        yield from (make([*value[:k], other, *value[k + 1 :]]) for other in alternatives(member, [], rng))


def _indices(value: Array, marks: Sequence[int], rng: np.random.Generator) -> Iterator[Array]:
    """Repeats, negatives, reversed; small changes that keep permutations and offsets; a number that may be a mark."""
    shape, low, high = value.shape, int(value.min()), int(value.max())
    yield rng.integers(low, high + 1, shape)
    yield from (np.full(shape, number) for number in (value.flat[0], high, 0))
    yield np.flip(value).copy()
    yield rng.permutation(value.ravel()).reshape(shape)
    if value.dtype.kind == "i":
        yield -1 - value
        yield -np.ones(shape)
        yield np.where(rng.uniform(size=shape) < 0.5, value, -1)
        yield np.where(rng.uniform(size=shape) < 0.5, value - high - 1, value)
    yield value + 1
    yield np.arange(value.size).reshape(shape)
    if value.size > 1:
        yield from _small_moves(value, rng)
        for mark in (m for m in dict.fromkeys([*marks, 0, -1]) if m >= 0 or value.dtype.kind == "i"):
            chosen = np.arange(value.size).reshape(shape) == rng.integers(value.size)
            yield np.where(chosen, mark, value)
            yield np.where(chosen, value, mark)


def _small_moves(value: Array, rng: np.random.Generator) -> Iterator[Array]:
    """Changes that keep permutations, sorted offsets and valid indices, which new random values rarely are."""
    flat = value.ravel()
    yield np.roll(flat, 1).reshape(value.shape)
    numbers, largest = flat.tolist(), int(np.iinfo(flat.dtype).max)  # a NumPy integer of 0 less 1 may be a large one
    for k in rng.permutation(flat.size)[:MOST_MOVED]:
        one = numbers[k]
        others = (numbers[(k + 1) % flat.size], numbers[k - 1], min(one + 1, largest), max(one - 1, min(numbers)))
        for other in dict.fromkeys(n for n in others if n != one):
            moved = flat.copy()
            moved[k] = other
            yield moved.reshape(value.shape)
