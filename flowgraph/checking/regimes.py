"""The families of derived inputs: each is a function of the example that gives labels and other inputs.

`REGIMES` is the list of them. What fprop takes of one family is kept for those that come later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import Any

import numpy as np

from flowgraph.checking.properties import Property, keeping
from flowgraph.checking.target import Inputs, is_float_array, shown
from flowgraph.checking.values import DRAWS, Draw, alternatives, as_input, beside, near, resampled

SIZES = (1, 2, 3, 5, 0, 7, 9, 40)  # edges, odd and prime ones, and one beyond the blocks of 8, 16, 32 of kernels
LARGEST = 20_000  # elements of an array: a regime that takes longer costs more than it shows
PAIRS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (((2, 1), (1, 3)), ((4, 1, 3), (2, 1)))  # each broadcasts
SETS = 12  # pairs, and triples, of groups of axes: all of five inputs would be hundreds
JOINT = 12  # draws at each of five shapes where there are no settings, at 40 calls each

Shape = tuple[int, ...]
Axis = tuple[int, int]
Shapes = dict[int, Shape]
Regime = tuple[str, Inputs]


@dataclass
class Source:
    """What regimes are derived from: the example, what is written in the code, and what earlier regimes found legal.

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

    def drawn(self, draw: Draw, chosen: Sequence[int]) -> Inputs:
        """The chosen inputs drawn anew."""
        return replaced(
            self.inputs, {i: as_input(self.inputs[i], draw(np.asarray(self.inputs[i]), self.rng)) for i in chosen}
        )

    def kept(self, inputs: Inputs) -> Inputs:
        """Inputs that are given the properties of the example."""
        return keeping(inputs, self.properties, self.equal)

    @property
    def settings(self) -> list[int]:
        """The positions of what is no float and not differentiated."""
        return [i for i, x in enumerate(self.inputs) if i not in self.active and not is_float_array(x)]


def replaced(inputs: Inputs, chosen: dict[int, Any]) -> Inputs:
    """The inputs with others in some places."""
    return tuple(chosen.get(i, x) for i, x in enumerate(inputs))


FIRST = ("one zero", "all zeros", "equal rows", "a tie", "one large")
"""What is tried directly after the example: where most mistakes show that it does not show itself."""


def first_values(source: Source) -> Iterator[Regime]:
    """A single zero, all zeros, a tie, one large value."""
    return _of_all_inputs(source, FIRST)


def values(source: Source) -> Iterator[Regime]:
    """All differentiated inputs drawn alike, then one at a time, then equal to one another."""
    if source.properties and source.broken:
        yield "a neighbour without structure", source.drawn(beside, source.active)
    yield from _of_all_inputs(source, [label for label in DRAWS if label not in FIRST])
    if len(source.active) > 1:
        for label, draw in DRAWS.items():
            for i in source.active:
                yield f"{source.names[i]} {label}", source.kept(source.drawn(draw, (i,)))
        yield from _equal_inputs(source)


def _of_all_inputs(source: Source, labels: Iterable[str]) -> Iterator[Regime]:
    for label in labels:
        drawn = source.drawn(DRAWS[label], source.active)
        if source.broken or not source.properties:
            yield label, drawn
        if source.properties:
            yield f"{label}, keeping what the example has" * source.broken or label, source.kept(drawn)


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
            yield names, source.kept(replaced(source.inputs, {j: as_input(source.inputs[j], mixed)}))


def near_numbers(source: Source) -> Iterator[Regime]:
    """Values near every number in the code."""
    for c in source.constants:
        for label, draw in near(c).items():
            drawn = source.drawn(draw, source.active)
            yield label, drawn if source.broken else source.kept(drawn)


def settings(source: Source) -> Iterator[Regime]:
    """One setting at a time, then two at a time drawn at random."""
    rng, found = source.rng, {}
    for i in source.settings:
        found[i] = list(alternatives(source.inputs[i], source.words, rng))
        seen = {shown(source.inputs[i])}
        for other in found[i]:
            changed = replaced(source.inputs, {i: other})
            changed = changed if source.broken or i not in source.properties else source.kept(changed)
            words = shown(changed[i])
            if words not in seen:
                seen.add(words)
                yield f"{source.names[i]} = {words}", changed
    several = [i for i in source.settings if found[i]]
    for _ in range(10 * len(source.settings) if len(several) > 1 else 0):
        i, j = (int(k) for k in rng.permutation(several)[:2])
        chosen = {k: found[k][int(rng.integers(len(found[k])))] for k in (i, j)}
        yield ", ".join(f"{source.names[k]} = {shown(v)}" for k, v in chosen.items()), replaced(source.inputs, chosen)


def shapes(source: Source) -> Iterator[Regime]:
    """The simplest first: one group of axes at a time, then ranks, then two and three groups."""
    inputs, seen = source.inputs, set()
    for table in _tables(inputs, source.sizes, source.rng):
        changed = {i: shape for i, shape in table.items() if shape != inputs[i].shape}
        key = tuple(sorted(changed.items()))
        if not changed or key in seen or any(np.prod(shape, dtype=float) > LARGEST for shape in changed.values()):
            continue
        seen.add(key)
        built = {i: resampled(inputs[i], shape, source.rng) for i, shape in changed.items()}
        label = ", ".join(str(shape).replace(" ", "") for shape in table.values())
        yield f"shape {label}", source.kept(replaced(inputs, built))


def _tables(inputs: Inputs, sizes: Sequence[int], rng: np.random.Generator) -> Iterator[Shapes]:
    groups = axis_groups(inputs)
    yield from (_resized(inputs, dict.fromkeys(group, size)) for group in groups for size in SIZES[:5])
    yield from _ranks(inputs)
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
"""Axes added and dropped at either end, which broadcasts one input against the others; reversed and rotated ones."""


def _ranks(inputs: Inputs) -> Iterator[Shapes]:
    """Of all inputs and of each; then one input against another."""
    arrays = [i for i, x in enumerate(inputs) if isinstance(x, np.ndarray)]
    for chosen in dict.fromkeys([tuple(arrays), tuple(_floats(inputs)), *((i,) for i in arrays)]):
        yield from ({i: other(inputs[i].shape) for i in chosen} for other in RANKS)
    for i, j in permutations(_floats(inputs), 2):
        other = inputs[j].shape
        yield from ({i: shape} for shape in (other, (2, *other), (1,) * len(other)))
        yield from ({i: one, j: two} for one, two in PAIRS)


def _floats(inputs: Inputs) -> list[int]:
    return [i for i, x in enumerate(inputs) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]


def joint(source: Source) -> Iterator[Regime]:
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
            yield f"{sizes}, {', '.join(words)}", source.kept(replaced(base, changed))


def _spread(source: Source) -> list[Inputs]:
    """The example, a square, where axes are easily taken for one another, and inputs of one axis more and one fewer.

    Of more axes there are two: the first has a size twice, which keeps what inputs of several shapes have in common.
    """
    others = source.legal.get(shapes, [])
    square = [other for other in others if _is_square(other)]
    more, fewer = ([other for other in others if _axes(other) == _axes(source.inputs) + d] for d in (1, -1))
    return [source.inputs, *square[:1], *more[:2], *fewer[:1]]


def _is_square(inputs: Inputs) -> bool:
    found = [x.shape for x in inputs if isinstance(x, np.ndarray) and x.ndim > 1]
    return bool(found) and all(n == shape[0] > 1 for shape in found for n in shape)


def _axes(inputs: Inputs) -> int:
    return max((x.ndim for x in inputs if isinstance(x, np.ndarray)), default=0)


REGIMES: dict[Callable[[Source], Iterator[Regime]], float] = {
    first_values: 0.4, values: 0.4, near_numbers: 0.52, settings: 0.65, shapes: 0.78, joint: 0.95
}  # fmt: skip
"""Each with the share of the budget after which it ends; the rest is left for what looks wrong at the end."""
