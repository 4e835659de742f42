"""Another shape, other settings and other values at once: in order for what goes wrong together most often, then at
random."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.regimes_settings import alternatives
from flowgraph.checking.regimes_values import DRAWS, as_input
from flowgraph.checking.structure import Structure
from flowgraph.checking.target import Inputs


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
                inputs = list(base)
                inputs[i] = other
                yield f"{shapes}, {names[i]} = {other!r}", tuple(inputs)


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
