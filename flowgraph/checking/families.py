"""Test cases: other values, settings and shapes than those of the example, by families.

Each family is a function of the example that gives labels and other inputs; `FAMILIES` is the list of them. What fprop
takes of one family is kept for those that come later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.properties import Property, keeping
from flowgraph.checking.target import Array, Inputs, is_float_array, short_text

Draw = Callable[[Array, np.random.Generator], Array]

MOST_MOVED = 6  # elements of an integer array, of four other values each
MODES = (
    ("constant", "edge", "reflect", "symmetric", "wrap", "nearest", "mirror"),
    ("same", "valid", "full"),
    ("mean", "sum", "none", "max", "min"),
    ("C", "F"),
    ("linear", "lower", "higher", "midpoint", "nearest"),
)


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
    row, other = rng.permutation(len(x))[:2]
    changed = np.array(x)
    changed[row] = factor * x[other]
    return changed


def _tie(x: Array, rng: np.random.Generator) -> Array:
    """Two of the largest elements are equal."""
    changed = x.copy()
    flat = changed.reshape(-1)
    if flat.size > 1:
        order = np.argsort(flat)
        flat[order[-2]] = flat[order[-1]]
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
    "a tie": _tie,
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
    "×0.01": lambda x, rng: x * 0.01,  # as small as numbers like the example's are
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


def resample(x: object, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """An array of that shape with values in the range of the example's, so that it stays within the same domain."""
    old = np.asarray(x)
    if old.dtype.kind in "iub":
        flat = old.ravel() if old.size else np.zeros(1, old.dtype)
        if len(shape) == 1 and np.array_equal(np.sort(flat), np.arange(flat.size)):
            return rng.permutation(shape[0]).astype(old.dtype)
        return np.asarray(rng.choice(flat, shape)) if shape else flat[0:1].reshape(())
    flat = old.ravel() if old.size else rng.normal(size=5)
    first, second = rng.choice(flat, shape), rng.choice(flat, shape)
    mixed = first + (second - first) * rng.uniform(0.02, 0.98, shape)
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
        yield from (np.asarray(indices).astype(value.dtype) for indices in _indices(value, whole, rng))


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
        number = numbers[k]
        others = (numbers[(k + 1) % flat.size], numbers[k - 1], min(number + 1, largest), max(number - 1, min(numbers)))
        for other in dict.fromkeys(n for n in others if n != number):
            moved = flat.copy()
            moved[k] = other
            yield moved.reshape(value.shape)


SIZES = (1, 2, 3, 5, 0, 7, 9, 40)  # edges, odd and prime ones, and one beyond the blocks of 8, 16, 32 of kernels
LARGEST = 20_000  # elements of an array: a test case that takes longer costs more than it shows
PAIRS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (((2, 1), (1, 3)), ((4, 1, 3), (2, 1)))  # each broadcasts
SETS = 12  # pairs, and triples, of groups of axes: all of five inputs would be hundreds
JOINT = 12  # draws at each of five shapes where there are no settings, at 40 calls each

Shape = tuple[int, ...]
Axis = tuple[int, int]
Shapes = dict[int, Shape]
Labelled = tuple[str, Inputs]


@dataclass
class Source:
    """What test cases are derived from: the example, what is written in the code, and what earlier ones found legal.

    `properties` and `equal` are what the inputs of the example have in common with others, as `properties_of` gives it;
    where `broken`, they are both kept and broken.
    """

    inputs: Inputs
    active: tuple[int, ...]
    names: tuple[str, ...]
    properties: dict[int, Property]
    equal: dict[int, int]
    broken: bool
    rng: np.random.Generator
    constants: Sequence[float] = ()
    words: Sequence[str | int] = ()
    sizes: Sequence[int] = ()
    legal: dict[Callable[..., Any], list[Inputs]] = field(default_factory=dict)

    def draw_inputs(self, draw: Draw, chosen: Sequence[int]) -> Inputs:
        """The chosen inputs drawn anew."""
        return replace_inputs(
            self.inputs, {i: as_input(self.inputs[i], draw(np.asarray(self.inputs[i]), self.rng)) for i in chosen}
        )

    def keep_properties(self, inputs: Inputs) -> Inputs:
        """Inputs that are given the properties of the example."""
        return keeping(inputs, self.properties, self.equal)

    @property
    def settings(self) -> list[int]:
        """The positions of what is no float and not differentiated."""
        return [i for i, x in enumerate(self.inputs) if i not in self.active and not is_float_array(x)]


def replace_inputs(inputs: Inputs, chosen: dict[int, Any]) -> Inputs:
    """The inputs with others in some places."""
    return tuple(chosen.get(i, x) for i, x in enumerate(inputs))


Family = Callable[[Source], Iterator[Labelled]]
FIRST = ("one zero", "all zeros", "equal rows", "a tie", "one large")
"""What is tried directly after the example: where most mistakes show that it does not show itself."""


def first_values(source: Source) -> Iterator[Labelled]:
    """A single zero, all zeros, a tie, one large value."""
    return _of_all_inputs(source, FIRST)


def values(source: Source) -> Iterator[Labelled]:
    """All differentiated inputs drawn alike, then one at a time, then equal to one another."""
    if source.properties and source.broken:
        yield "a neighbour without structure", source.draw_inputs(beside, source.active)
    yield from _of_all_inputs(source, [label for label in DRAWS if label not in FIRST])
    if len(source.active) > 1:
        for label, draw in DRAWS.items():
            for i in source.active:
                yield f"{source.names[i]} {label}", source.keep_properties(source.draw_inputs(draw, (i,)))
        yield from _equal_inputs(source)


def _of_all_inputs(source: Source, labels: Iterable[str]) -> Iterator[Labelled]:
    for label in labels:
        drawn = source.draw_inputs(DRAWS[label], source.active)
        if source.broken or not source.properties:
            yield label, drawn
        if source.properties:
            yield (f"{label}, keeping what the example has" if source.broken else label), source.keep_properties(drawn)


def _equal_inputs(source: Source) -> Iterator[Labelled]:
    for i, j in permutations(source.active, 2):
        other = np.asarray(source.inputs[j])
        try:
            same = np.broadcast_to(np.asarray(source.inputs[i]), other.shape)
        except ValueError:
            continue
        for label, share in (("equal to", 0.0), ("partly equal to", 0.5)):
            mixed = np.where(source.rng.uniform(size=other.shape) < share, other, same)
            names = f"{source.names[j]} {label} {source.names[i]}"
            yield names, source.keep_properties(replace_inputs(source.inputs, {j: as_input(source.inputs[j], mixed)}))


def near_numbers(source: Source) -> Iterator[Labelled]:
    """Values around every number in the code, then beside each, above each, and on it."""
    for alike in zip(*(near(c).items() for c in source.constants), strict=True):
        for label, draw in alike:
            drawn = source.draw_inputs(draw, source.active)
            yield label, drawn if source.broken else source.keep_properties(drawn)


def settings(source: Source) -> Iterator[Labelled]:
    """One setting at a time, then two at a time drawn at random."""
    rng, others = source.rng, {}
    for i in source.settings:
        others[i] = list(alternatives(source.inputs[i], source.words, rng))
        seen = {short_text(source.inputs[i])}
        for other in others[i]:
            changed = replace_inputs(source.inputs, {i: other})
            changed = changed if source.broken or i not in source.properties else source.keep_properties(changed)
            words = short_text(changed[i])
            if words not in seen:
                seen.add(words)
                yield f"{source.names[i]} = {words}", changed
    several = [i for i in source.settings if others[i]]
    for _ in range(10 * len(source.settings) if len(several) > 1 else 0):
        i, j = (int(k) for k in rng.permutation(several)[:2])
        chosen = {k: others[k][int(rng.integers(len(others[k])))] for k in (i, j)}
        yield (
            ", ".join(f"{source.names[k]} = {short_text(v)}" for k, v in chosen.items()),
            replace_inputs(source.inputs, chosen),
        )


def shapes(source: Source) -> Iterator[Labelled]:
    """Each group of axes at size 1 and two larger, then ranks, other sizes, and two and three groups at once."""
    inputs, seen = source.inputs, set()
    for table in _tables(inputs, source.sizes, source.rng):
        changed = {i: shape for i, shape in table.items() if shape != inputs[i].shape}
        key = tuple(sorted(changed.items()))
        if not changed or key in seen or any(np.prod(shape, dtype=float) > LARGEST for shape in changed.values()):
            continue
        seen.add(key)
        built = {i: resample(inputs[i], shape, source.rng) for i, shape in changed.items()}
        label = ", ".join(str(shape).replace(" ", "") for shape in table.values())
        yield f"shape {label}", source.keep_properties(replace_inputs(inputs, built))


def _tables(inputs: Inputs, sizes: Sequence[int], rng: np.random.Generator) -> Iterator[Shapes]:
    groups = axis_groups(inputs)
    for size, more in ((1, 0), (0, 2)):  # below and above the example's
        for group in groups:
            yield _shapes_of_sizes(inputs, {(i, axis): size or inputs[i].shape[axis] + more for i, axis in group})
    yield from _ranks(inputs)
    rest = dict.fromkeys([*SIZES, *sizes])
    yield from (_shapes_of_sizes(inputs, dict.fromkeys(group, size)) for group in groups for size in rest)
    for count in (2, 3):
        sets = list(combinations(groups, count))
        for k in rng.permutation(len(sets))[:SETS]:
            for _ in range(2):
                drawn = [(group, int(rng.choice([1, 1, 2, 3, 4, 5, 6]))) for group in sets[k]]
                yield _shapes_of_sizes(inputs, {axis: size for group, size in drawn for axis in group})


def _shapes_of_sizes(inputs: Inputs, sizes: dict[Axis, int]) -> Shapes:
    moved = dict.fromkeys(i for i, _ in sizes)
    return {i: tuple(sizes.get((i, axis), size) for axis, size in enumerate(inputs[i].shape)) for i in moved}


def axis_groups(inputs: Inputs) -> list[tuple[Axis, ...]]:
    """Axes of one size across all inputs belong together; so do, within that, those of one input or one position."""
    by_size: dict[int, list[Axis]] = {}
    for i, x in enumerate(inputs):
        for axis, size in enumerate(x.shape if isinstance(x, np.ndarray) else ()):
            by_size.setdefault(size, []).append((i, axis))
    groups = [tuple(axes) for axes in by_size.values()]
    singles = [(axis,) for axes in by_size.values() for axis in axes]
    pairs = [pair for axes in by_size.values() if len(axes) > 2 for pair in combinations(axes, 2)]
    return list(dict.fromkeys([*groups, *singles, *pairs]))


RANKS: tuple[Callable[[Shape], Shape], ...] = (
    lambda s: (*s[-1:], *s) if s else (2,),
    lambda s: (2, *s),
    lambda s: (1, *s),
    lambda s: s[1:],
    lambda s: (*s, 3),
    lambda s: (*s, 1),
    lambda s: s[:-1],
    *(lambda s, other=other: other for other in ((), (1,), (4,), (3, 4), (2, 3, 4), (2, 3, 2, 3))),
    lambda s: s[::-1],
    lambda s: (*s[1:], *s[:1]),
    lambda s: (2, 3, *s),
)
"""Axes added and dropped at either end, which broadcasts one input against the others; reversed and rotated ones."""


def _ranks(inputs: Inputs) -> Iterator[Shapes]:
    """Of all inputs and of each; then one input against another."""
    arrays = [i for i, x in enumerate(inputs) if isinstance(x, np.ndarray)]
    for chosen in dict.fromkeys([tuple(arrays), tuple(_floats(inputs)), *((i,) for i in arrays)]):
        yield from ({i: other(inputs[i].shape) for i in chosen} for other in RANKS)
    for i, j in permutations(_floats(inputs), 2):
        other = inputs[j].shape
        yield from ({i: shape} for shape in (other, (2, *other), (1,) * len(other)))
        yield from ({i: first, j: second} for first, second in PAIRS)


def _floats(inputs: Inputs) -> list[int]:
    return [i for i, x in enumerate(inputs) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]


def joint(source: Source) -> Iterator[Labelled]:
    """Shapes, settings and values at once: every setting at a few shapes, half of the inputs drawn anew."""
    rng, labels = source.rng, list(DRAWS)
    for base in _spread(source):
        free = [i for i in source.settings if not isinstance(base[i], np.ndarray)]
        others = [(i, other) for i in free for other in alternatives(base[i], source.words, rng)]
        for i, other in others or [(-1, None)] * JOINT:
            changed, words = ({i: other}, [f"{source.names[i]} = {other!r}"]) if others else ({}, [])
            for k in (k for k in source.active if rng.uniform() < 0.5):
                words.append(labels[int(rng.integers(len(labels)))])
                changed[k] = as_input(source.inputs[k], DRAWS[words[-1]](np.asarray(base[k]), rng))
            sizes = " ".join(str(np.shape(base[k])).replace(" ", "") for k in source.active)
            yield f"{sizes}, {', '.join(words)}", source.keep_properties(replace_inputs(base, changed))


def _spread(source: Source) -> list[Inputs]:
    """The example, a square, where axes are easily taken for one another, and inputs of one axis more and one fewer.

    Of more axes there are two: the first has a size twice, which keeps what inputs of several shapes have in common.
    """
    others = source.legal.get(shapes, [])
    square = [other for other in others if _is_square(other)]
    more, fewer = ([other for other in others if _axes(other) == _axes(source.inputs) + d] for d in (1, -1))
    return [source.inputs, *square[:1], *more[:2], *fewer[:1]]


def _is_square(inputs: Inputs) -> bool:
    shapes = [x.shape for x in inputs if isinstance(x, np.ndarray) and x.ndim > 1]
    return bool(shapes) and all(n == shape[0] > 1 for shape in shapes for n in shape)


def _axes(inputs: Inputs) -> int:
    return max((x.ndim for x in inputs if isinstance(x, np.ndarray)), default=0)


class Extent(NamedTuple):
    """How far a family goes: test cases that fprop takes, and the share of the budget after which it ends.

    Of boxes and graphs, and with strict=True, there are as many as can be made.
    """

    most: int
    share: float


FAMILIES: dict[Family, Extent] = {
    values: Extent(36, 0.4),
    near_numbers: Extent(24, 0.52),
    settings: Extent(16, 0.65),
    shapes: Extent(12, 0.78),
    joint: Extent(6, 0.95),
}
"""In the order in which they are tried; what is left of the budget is for what looks wrong at the end."""
