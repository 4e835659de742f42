"""The families of derived inputs: each is a function of the example that gives labels and other inputs.

`REGIMES` is the list of them. What fprop takes of one family is kept for those that come later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.target import Array, Inputs, is_float_array, shown
from flowgraph.checking.values import DRAWS, Draw, Structure, as_input, beside, near, resampled

SIZES = (1, 2, 3, 5, 0, 7, 9, 40)  # edges, odd and prime ones, and one beyond the blocks of 8, 16, 32 of kernels
LARGEST = 20_000  # elements of an array: a regime that takes longer costs more than it shows
PAIRS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (((2, 3), (3,)), ((2, 1), (1, 3)), ((4, 1, 3), (2, 1)))
SETS = 12  # pairs, and triples, of groups of axes: all of five inputs would be hundreds
JOINT = 60  # draws of everything at once, at 40 calls each
MOST_MOVED = 6  # elements of an integer array, of four other values each
MODES = (
    ("constant", "edge", "reflect", "symmetric", "wrap", "nearest", "mirror"),
    ("same", "valid", "full"),
    ("mean", "sum", "none", "max", "min"),
    ("C", "F"),
    ("linear", "lower", "higher", "midpoint", "nearest"),
)

Shape = tuple[int, ...]
Axis = tuple[int, int]
Shapes = dict[int, Shape]
Regime = tuple[str, Inputs]


@dataclass
class Source:
    """What regimes are derived from: the example, what is written in the code, and what earlier regimes found legal."""

    inputs: Inputs
    active: tuple[int, ...]
    names: tuple[str, ...]
    structures: dict[int, Structure]
    rng: np.random.Generator
    constants: Sequence[float] = ()
    words: Sequence[str | int] = ()
    sizes: Sequence[int] = ()
    legal: dict[Callable[..., Any], list[Inputs]] = field(default_factory=dict)

    def drawn(self, draw: Draw, chosen: Sequence[int], keeping: bool = False) -> Inputs:
        """The chosen inputs drawn anew; `keeping` gives the inputs their structure."""
        made = {i: as_input(self.inputs[i], draw(np.asarray(self.inputs[i]), self.rng)) for i in chosen}
        inputs = replaced(self.inputs, made)
        return replaced(inputs, {i: s.made(inputs[i]) for i, s in self.structures.items()}) if keeping else inputs

    @property
    def settings(self) -> list[int]:
        """The positions of what is no float and not differentiated."""
        return [i for i, x in enumerate(self.inputs) if i not in self.active and not is_float_array(x)]


def replaced(inputs: Inputs, chosen: dict[int, Any]) -> Inputs:
    """The inputs with others in some places."""
    return tuple(chosen.get(i, x) for i, x in enumerate(inputs))


def values(source: Source) -> Iterator[Regime]:
    """All differentiated inputs drawn alike, then one at a time, then equal to one another."""
    active = source.active
    if source.structures:
        yield "a neighbour without structure", source.drawn(beside, active)
    for label, draw in DRAWS.items():
        yield label, source.drawn(draw, active)
        if source.structures:
            yield f"{label}, keeping structure", source.drawn(draw, active, keeping=True)
    if len(active) > 1:
        for label, draw in DRAWS.items():
            for i in active:
                yield f"{source.names[i]} {label}", source.drawn(draw, (i,), keeping=True)
        yield from _equal_inputs(source)


def _equal_inputs(source: Source) -> Iterator[Regime]:
    for i, j in permutations(source.active, 2):
        other = np.asarray(source.inputs[j])
        try:
            same = np.broadcast_to(np.asarray(source.inputs[i]), other.shape)
        except ValueError:
            continue
        for label, share in (("equal to", 0.0), ("partly equal to", 0.5)):
            mixed = np.where(source.rng.uniform(size=other.shape) < share, other, same)
            names = f"{source.names[j]} {label} {source.names[i]}"
            yield names, replaced(source.inputs, {j: as_input(source.inputs[j], mixed)})


def near_numbers(source: Source) -> Iterator[Regime]:
    """Values near every number in the code."""
    for c in source.constants:
        for label, draw in near(c).items():
            yield label, source.drawn(draw, source.active)


def settings(source: Source) -> Iterator[Regime]:
    """One setting at a time, then two at a time drawn at random."""
    rng, found = source.rng, {}
    for i in source.settings:
        found[i] = list(alternatives(source.inputs[i], source.words, rng))
        for other in found[i]:
            yield f"{source.names[i]} = {shown(other)}", replaced(source.inputs, {i: other})
    several = [i for i in source.settings if found[i]]
    for _ in range(10 * len(source.settings) if len(several) > 1 else 0):
        i, j = (int(k) for k in rng.permutation(several)[:2])
        chosen = {k: found[k][int(rng.integers(len(found[k])))] for k in (i, j)}
        yield ", ".join(f"{source.names[k]} = {shown(v)}" for k, v in chosen.items()), replaced(source.inputs, chosen)


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


def shapes(source: Source) -> Iterator[Regime]:
    """The simplest first: one group of axes at a time, then ranks and broadcasts, then two and three groups."""
    inputs, seen = source.inputs, set()
    for table in _tables(inputs, source.sizes, source.rng):
        changed = {i: shape for i, shape in table.items() if shape != inputs[i].shape}
        key = tuple(sorted(changed.items()))
        if not changed or key in seen or any(np.prod(shape, dtype=float) > LARGEST for shape in changed.values()):
            continue
        seen.add(key)
        built = {i: resampled(inputs[i], shape, source.rng) for i, shape in changed.items()}
        built |= {i: source.structures[i].made(x) for i, x in built.items() if i in source.structures}
        label = ", ".join(str(shape).replace(" ", "") for shape in table.values())
        yield f"shape {label}", replaced(inputs, built)


def _tables(inputs: Inputs, sizes: Sequence[int], rng: np.random.Generator) -> Iterator[Shapes]:
    groups = axis_groups(inputs)
    yield from (_resized(inputs, dict.fromkeys(group, size)) for group in groups for size in SIZES[:5])
    yield from _ranks(inputs)
    yield from _broadcasts(inputs)
    rest = dict.fromkeys([*SIZES[5:], *sizes])
    yield from (_resized(inputs, dict.fromkeys(group, size)) for group in groups for size in rest)
    for count in (2, 3):
        sets = list(combinations(groups, count))
        for k in rng.permutation(len(sets))[:SETS]:
            for _ in range(2):
                drawn = [(group, int(rng.choice([1, 1, 2, 3, 4, 5, 6]))) for group in sets[k]]
                yield _resized(inputs, {axis: size for group, size in drawn for axis in group})


def _resized(inputs: Inputs, sizes: dict[Axis, int]) -> Shapes:
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
"""Axes added and dropped at either end, 0-d, one element, reversed and rotated."""


def _ranks(inputs: Inputs) -> Iterator[Shapes]:
    """Of all inputs and of each."""
    arrays = [i for i, x in enumerate(inputs) if isinstance(x, np.ndarray)]
    for chosen in dict.fromkeys([tuple(arrays), tuple(_floats(inputs)), *((i,) for i in arrays)]):
        yield from ({i: other(inputs[i].shape) for i in chosen} for other in RANKS)


def _floats(inputs: Inputs) -> list[int]:
    return [i for i, x in enumerate(inputs) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]


def _broadcasts(inputs: Inputs) -> Iterator[Shapes]:
    """Each input against the others: size 1 in every subset of axes, fewer axes, a new leading axis."""
    arrays = _floats(inputs)
    for i in arrays if len(arrays) > 1 else ():
        shape = inputs[i].shape
        for count in (1, 2, 3):
            for axes in combinations(range(len(shape)), count):
                yield {i: tuple(1 if a in axes else s for a, s in enumerate(shape))}
        yield from ({i: shape[cut:]} for cut in range(1, len(shape) + 1))
        for j in arrays:
            if j != i:
                other = inputs[j].shape
                yield from ({i: new} for new in (other, (2, *other), other[1:], (1,) * len(other)))
                yield from ({i: one, j: two} for one, two in PAIRS)


def crossed(source: Source) -> Iterator[Regime]:
    """Every setting at a square, where axes are easily taken for one another, and with one axis more and one fewer.

    Of more axes there are two: the first has a size twice, which keeps what inputs of several shapes have in common.
    """
    others = source.legal.get(shapes, [])
    square = [other for other in others if _is_square(other)]
    more, fewer = ([other for other in others if _axes(other) == _axes(source.inputs) + d] for d in (1, -1))
    for base in [*square[:1], *more[:2], *fewer[:1]]:
        sizes = " ".join(str(np.shape(base[i])).replace(" ", "") for i in source.active)
        for i, value in enumerate(base):
            if i not in source.active and not isinstance(value, np.ndarray):
                for other in alternatives(value, source.words, source.rng):
                    yield f"{sizes}, {source.names[i]} = {other!r}", replaced(base, {i: other})


def _is_square(inputs: Inputs) -> bool:
    found = [x.shape for x in inputs if isinstance(x, np.ndarray) and x.ndim > 1]
    return bool(found) and all(n == shape[0] > 1 for shape in found for n in shape)


def _axes(inputs: Inputs) -> int:
    return max((x.ndim for x in inputs if isinstance(x, np.ndarray)), default=0)


def joint(source: Source) -> Iterator[Regime]:
    """Shapes, settings and values at once: legal inputs of other shapes, with the settings of others, drawn anew."""
    rng, example = source.rng, source.inputs
    bases, others = (source.legal.get(family, []) for family in (shapes, settings))
    for _ in range(JOINT):
        base = bases[int(rng.integers(len(bases)))] if bases else example
        changed: dict[int, Any] = {}
        if others and rng.uniform() < 0.6:
            other = others[int(rng.integers(len(others)))]
            changed = {i: other[i] for i in source.settings if not isinstance(example[i], np.ndarray)}
        words = [repr(x) for i, x in changed.items() if type(x) is not type(example[i]) or x != example[i]]
        for i in source.active:
            if rng.uniform() < 0.7:
                label = list(DRAWS)[int(rng.integers(len(DRAWS)))]
                drawn = DRAWS[label](np.asarray(base[i]), rng)
                structure = source.structures.get(i)
                changed[i] = as_input(example[i], drawn if structure is None else structure.made(drawn))
                words.append(label)
        inputs = replaced(base, changed)
        sizes = " ".join(str(np.shape(inputs[i])).replace(" ", "") for i in source.active)
        yield f"joint: {sizes} {', '.join(words)}", inputs


REGIMES: dict[Callable[[Source], Iterator[Regime]], float] = {
    values: 0.4, near_numbers: 0.52, settings: 0.65, shapes: 0.78, crossed: 0.88, joint: 0.95
}  # fmt: skip
"""Each with the share of the budget after which it ends; the rest is left for what looks wrong at the end."""
