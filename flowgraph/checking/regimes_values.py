"""Other values of the differentiated inputs: signs, zeros, ties, magnitudes, near numbers in the code, structures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from flowgraph.checking.target import Array, Inputs


@dataclass(frozen=True)
class Structure:
    """A property of an array. `made` makes an array of any shape have it, `tangent` keeps a direction within it."""

    name: str
    holds: Callable[[Array], bool]
    impose: Callable[[Array], Array]
    tangent: Callable[[Array, Array], Array] | None = None

    def made(self, x: Array) -> Array:
        """The array with the property; a number and an empty array have none."""
        return self.impose(x) if x.ndim and x.size else x


def _sums_to_one(x: Array) -> bool:
    return bool(x.ndim >= 1 and x.size and x.min() >= 0 and np.allclose(x.sum(axis=-1), 1, atol=1e-6))


def _normalised(x: Array) -> Array:
    positive = np.abs(x) + 1e-3
    return np.asarray(positive / positive.sum(axis=-1, keepdims=True))


def _sums_to_one_everywhere(x: Array) -> bool:
    return bool(x.ndim >= 2 and x.size and x.min() >= 0 and np.isclose(x.sum(), 1, atol=1e-6))


def _square(x: Array) -> bool:
    return x.ndim >= 2 and x.shape[-1] == x.shape[-2] and x.shape[-1] >= 2


def _symmetric(x: Array) -> bool:
    return _square(x) and np.allclose(x, np.swapaxes(x, -1, -2), rtol=1e-9, atol=1e-12)


def _symmetrised(x: Array) -> Array:
    return np.asarray((x + np.swapaxes(x, -1, -2)) / 2) if _square(x) else x


def _positive_definite(x: Array) -> bool:
    return _symmetric(x) and bool(np.linalg.eigvalsh(x).min() > 0)


def made_positive_definite(x: Array) -> Array:
    """A symmetric positive definite matrix for each square one; other arrays as they are."""
    if not _square(x):
        return x
    size = x.shape[-1]
    return np.asarray(x @ np.swapaxes(x, -1, -2) / size + np.eye(size) * (0.5 + 0.1 * np.abs(x).mean()))


def _sorted(x: Array) -> bool:
    return x.ndim >= 1 and x.shape[-1] >= 4 and bool(np.all(np.diff(x, axis=-1) > 0))


def _unit_rows(x: Array) -> bool:
    return bool(x.ndim >= 1 and x.size > 1 and np.allclose((x * x).sum(axis=-1), 1, atol=1e-9))


STRUCTURES = (
    Structure(
        "sums to 1 along its last axis",
        _sums_to_one,
        _normalised,
        lambda x, d: np.asarray(d - d.mean(axis=-1, keepdims=True)),
    ),
    Structure(
        "sums to 1",
        _sums_to_one_everywhere,
        lambda x: (np.abs(x) + 1e-3) / (np.abs(x) + 1e-3).sum(),
        lambda x, d: np.asarray(d - d.mean()),
    ),
    Structure(
        "is symmetric positive definite", _positive_definite, made_positive_definite, lambda x, d: _symmetrised(d)
    ),
    Structure("is symmetric", _symmetric, _symmetrised, lambda x, d: _symmetrised(d)),
    Structure("is sorted", _sorted, lambda x: np.sort(x, axis=-1)),
    Structure(
        "has rows of length 1",
        _unit_rows,
        lambda x: x / np.sqrt((x * x).sum(axis=-1, keepdims=True)),
        lambda x, d: np.asarray(d - x * (x * d).sum(axis=-1, keepdims=True)),
    ),
)


def structure_of(x: object) -> Structure | None:
    """The first structure that an array of at least two elements has."""
    if not isinstance(x, np.ndarray) or x.size < 2 or x.dtype.kind != "f" or not np.all(np.isfinite(x)):
        return None
    return next((structure for structure in STRUCTURES if structure.holds(x)), None)


Draw = Callable[[Array, np.random.Generator], Array]


def _some(x: Array, rng: np.random.Generator, value: float, count: int | None = None) -> Array:
    changed = x.copy()
    flat = changed.reshape(-1)
    if flat.size:
        chosen = rng.permutation(flat.size)[: count or max(1, flat.size // 3)]
        flat[chosen] = value
    return changed


def _signs(x: Array, rng: np.random.Generator) -> Array:
    return rng.choice([-1.0, 1.0], x.shape)


def _equal_along(x: Array, axis: int) -> Array:
    if x.ndim == 0 or x.size == 0:
        return x
    return np.array(np.broadcast_to(np.take(x, [0], axis=axis), x.shape))


def _row(x: Array, rng: np.random.Generator, made: Callable[[Array], Array]) -> Array:
    """One row made of another: matrices that are just singular, a row without a direction among those that have one."""
    if x.ndim == 0 or len(x) < 2:
        return x
    one, other = rng.permutation(len(x))[:2]
    changed = np.array(x)
    changed[one] = made(x[other])
    return changed


def _log_uniform(x: Array, rng: np.random.Generator, low: float, high: float) -> Array:
    return 10.0 ** rng.uniform(low, high, x.shape)


def _beside(x: Array, rng: np.random.Generator) -> Array:
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
    "a row of zeros": lambda x, rng: _row(x, rng, lambda row: 0.0 * row),
    "a row twice": lambda x, rng: _row(x, rng, lambda row: row),
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
    "log-uniform": lambda x, rng: _log_uniform(x, rng, -5, 3) * _signs(x, rng),
    "log-uniform, positive": lambda x, rng: _log_uniform(x, rng, -5, 2),
    "large": lambda x, rng: np.abs(x) * 100.0 + 3.0,
    "large negative": lambda x, rng: -np.abs(x) * 100.0 - 3.0,
    "one large": lambda x, rng: _some(x, rng, 800.0, 1),
    "one large negative": lambda x, rng: _some(x, rng, -800.0, 1),
    "uniform (-1, 1)": lambda x, rng: rng.uniform(-0.98, 0.98, x.shape),
    "above 1": lambda x, rng: 1.0 + np.abs(rng.normal(size=x.shape)),
    "sorted": lambda x, rng: np.sort(x, axis=-1) if x.ndim else x,
    "sorted, descending": lambda x, rng: np.flip(np.sort(x, axis=-1), axis=-1).copy() if x.ndim else x,
    "shifted": lambda x, rng: x + 4.0,
}


def as_input(example: object, drawn: Array) -> object:
    """The drawn array as the kind of thing the example is."""
    if type(example) is float:
        return float(drawn)
    return np.ascontiguousarray(drawn, dtype=np.asarray(example).dtype).reshape(np.shape(drawn))


def value_regimes(
    inputs: Inputs,
    active: tuple[int, ...],
    names: tuple[str, ...],
    structures: dict[int, Structure],
    rng: np.random.Generator,
) -> Iterator[tuple[str, Inputs]]:
    """All differentiated inputs drawn alike, then one at a time, then equal to one another."""
    if structures:
        yield "a neighbour without structure", _drawn(inputs, active, _beside, rng)
    for label, draw in DRAWS.items():
        yield label, _drawn(inputs, active, draw, rng)
        if structures:
            yield f"{label}, keeping structure", _imposed(_drawn(inputs, active, draw, rng), structures)
    if len(active) > 1:
        for label, draw in DRAWS.items():
            for i in active:
                yield f"{names[i]} {label}", _imposed(_drawn(inputs, (i,), draw, rng), structures)
        yield from _equal_inputs(inputs, active, names, rng)


def _drawn(inputs: Inputs, chosen: tuple[int, ...], draw: Draw, rng: np.random.Generator) -> Inputs:
    changed = list(inputs)
    for i in chosen:
        changed[i] = as_input(inputs[i], draw(np.asarray(inputs[i]), rng))
    return tuple(changed)


def _imposed(inputs: Inputs, structures: dict[int, Structure]) -> Inputs:
    return tuple(structures[i].made(x) if i in structures else x for i, x in enumerate(inputs))


def _equal_inputs(
    inputs: Inputs, active: tuple[int, ...], names: tuple[str, ...], rng: np.random.Generator
) -> Iterator[tuple[str, Inputs]]:
    for i, j in permutations(active, 2):
        other = np.asarray(inputs[j])
        try:
            same = np.broadcast_to(np.asarray(inputs[i]), other.shape)
        except ValueError:
            continue
        for label, keep in (("equal to", 0.0), ("partly equal to", 0.5)):
            mixed = as_input(inputs[j], np.where(rng.uniform(size=other.shape) < keep, other, same))
            yield f"{names[j]} {label} {names[i]}", (*inputs[:j], mixed, *inputs[j + 1 :])


def constant_regimes(
    inputs: Inputs, active: tuple[int, ...], constants: list[float], rng: np.random.Generator
) -> Iterator[tuple[str, Inputs]]:
    """Values on both sides of every number in the code: that is how a branch at 0.37 or a clip at 5 is found."""
    for c in constants:
        for label, draw in _near(c, abs(c) if c else 0.1).items():
            yield f"{label} {c:g}", _drawn(inputs, active, draw, rng)


def _near(c: float, width: float) -> dict[str, Draw]:
    return {
        "around": lambda x, rng: c + width * rng.uniform(-0.6, 0.6, x.shape),
        "beside": lambda x, rng: c + width * 1e-3 * rng.choice([-1.0, 1.0], x.shape) * rng.uniform(0.2, 1.0, x.shape),
        "above": lambda x, rng: c + width * rng.uniform(0.01, 0.8, x.shape),
        "on": lambda x, rng: _some(x, rng, c),
    }
